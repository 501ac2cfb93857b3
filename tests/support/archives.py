"""Packages that only tests need: fetched once, checked by their hash, and kept unpacked in a cache."""

import contextlib
import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

Fetch = Callable[[str, Path], Path]
"""Puts the archive of a package into a folder and returns it."""
Unpack = Callable[[Path, Path], None]
"""Turns an archive into a folder that is not there yet."""


def unpacked(package: str, sha256: str, unpack: Unpack, *, fetch: Fetch) -> Path:
    """Return the folder of a package that ``fetch`` knows, fetched once for this user.

    It is whole or not there at all.
    """
    cache = _cache_folder()
    home = cache / package.replace("/", "-")
    if not home.exists():
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            made = Path(scratch) / "unpacked"
            archive = fetch(package, Path(scratch))
            if hashlib.sha256(archive.read_bytes()).hexdigest() != sha256:
                raise RuntimeError(f"{package} is not the archive that was pinned")
            unpack(archive, made)
            with contextlib.suppress(OSError):  # Another run was quicker; its copy is as good.
                made.rename(home)
    return home


def whole(archive: Path, home: Path) -> None:
    """Unpack everything that is in an archive."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as package:
            package.extractall(home)
        return
    with tarfile.open(archive) as package:
        # Python 3.11.2 knows no filter, 3.12 warns without one, 3.14 has this one by default.
        package.extraction_filter = getattr(tarfile, "data_filter", None)
        package.extractall(home)


def node() -> Path:
    """Return the node of the wheel."""
    return Path(sys.executable).parent / "node"


def _cache_folder() -> Path:
    """Return the user's cache folder, or one in the checkout for a user without a home."""
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "prom-service"
    checkout = Path(__file__).parents[2] / ".cache"
    for folder in (user, checkout):
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder
    raise RuntimeError(f"neither {user} nor {checkout} can be written")


def npm(package: str, folder: Path) -> Path:
    """Return the archive of ``name@version``, fetched by the npm of the nodejs wheel."""
    programs = Path(sys.executable).parent
    environment = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "npm_config_cache": str(folder / "npm")}
    _run([programs / "npm", "pack", "--silent", package], folder, environment)
    return next(folder.glob("*.tgz"))


def wheel(package: str, folder: Path) -> Path:
    """Return the archive of ``name==version``, fetched by pip without what it depends on."""
    _run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-cache-dir", package], folder, {})
    return next(folder.glob("*.whl"))


def _run(command: list[str | Path], folder: Path, environment: dict[str, str]) -> None:
    subprocess.run(
        command, cwd=folder, env=os.environ | environment, stdout=subprocess.DEVNULL, check=True, timeout=300
    )
