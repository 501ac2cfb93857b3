"""`prom demo` from an empty folder to a served clinic group, in processes of its own."""

import contextlib
import datetime as dt
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.db import downgrade, make_engine, revisions
from prom_service.models import Organisation
from prom_service.simulation import cohort, demo
from prom_service.simulation.group import NAME
from tests.support import database

PROM = (sys.executable, "-c", "from prom_service.cli import main; main(prog_name='prom')")
PATIENCE = 90
KEYS = ("clinic", "other_clinic", "quality")


def prom_demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*PROM, "demo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)


def about(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "demo.json").read_text())
    return loaded


def get(url: str, key: str = "") -> tuple[int, bytes]:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read()


def post(url: str, key: str, body: dict[str, str]) -> int:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        return refusal.code


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def open_port(port: int, process: subprocess.Popen[str]) -> bool:
    """Wait until the port takes a connection; False when the process ended or time ran out."""
    last = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < last:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        time.sleep(0.02)
    return False


@contextlib.contextmanager
def served(folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """Yield a process that serves the demo in ``folder``, its port open; it is gone afterwards."""
    command = [*PROM, "demo", "--data-dir", str(folder), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert open_port(port, process), process.stdout and process.stdout.read()
            yield process
        finally:
            process.kill()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A demo of the fewest patients, made and not served, and what was said meanwhile."""
    folder = tmp_path_factory.mktemp("demo") / "made"
    return folder, prom_demo(
        "--no-serve", "--patients", str(cohort.FEWEST), "--data-dir", str(folder), "--port", "8123"
    )


@pytest.fixture(scope="module")
def running(
    made: tuple[Path, object], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, subprocess.Popen[str], float]]:
    """The demo served from a copy elsewhere, and how many seconds the start took."""
    folder = tmp_path_factory.mktemp("elsewhere") / "copied"
    shutil.copytree(made[0], folder)
    began = time.monotonic()
    with served(folder, free_port()) as process:
        yield folder, process, time.monotonic() - began


def test_the_demo_says_where_to_look_and_how_many_flags_were_raised(
    made: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, told = made
    known = about(folder)

    assert told.returncode == 0, told.stderr
    assert "Every promise held." in told.stderr
    assert "clinical flags per episode" in told.stderr
    for word in (
        known["survey_links"][0],
        "/dev/mailbox",
        "/worklist",
        "/api/docs",
        known["staff"]["email"],
        known["staff"]["password"],
        known["api_keys"]["clinic"],
    ):
        assert word in told.stdout


def test_demo_json_has_its_fixed_shape_and_is_its_owner_s_alone(
    made: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    known = about(made[0])

    assert list(known) == ["base_url", "database_url", "api_keys", "staff", "survey_links", "clinic_ids"]
    assert known["base_url"] == "http://127.0.0.1:8123"
    assert known["database_url"].startswith("sqlite:///")
    assert tuple(known["api_keys"]) == KEYS
    assert set(known["staff"]) == {"email", "password"}
    assert len(set(known["survey_links"])) >= 5
    assert all(link.startswith("http://127.0.0.1:8123/s/") for link in known["survey_links"])
    assert len(known["clinic_ids"]) == 3
    assert (made[0] / "demo.json").stat().st_mode & 0o077 == 0


def test_a_copied_demo_is_served_within_15_seconds_under_its_new_address(
    running: tuple[Path, subprocess.Popen[str], float],
) -> None:
    folder, _, seconds = running
    known = about(folder)

    assert seconds < 15
    assert get(f"{known['base_url']}/readyz")[0] == 200
    assert str(folder) in known["database_url"]


def test_every_survey_link_opens(running: tuple[Path, object, object]) -> None:
    opened = [get(link) for link in about(running[0])["survey_links"]]

    assert {status for status, _ in opened} == {200}
    assert all(b"Northside Clinic" in page and b"Start" in page for _, page in opened)


def test_a_key_sees_its_own_clinic_and_the_quality_key_only_reports(running: tuple[Path, object, object]) -> None:
    known = about(running[0])
    api, keys = f"{known['base_url']}/api/v1", known["api_keys"]
    own = json.loads(get(f"{api}/episodes?limit=1", keys["clinic"])[1])["items"][0]["id"]

    seen = {name: get(f"{api}/episodes/{own}", key)[0] for name, key in keys.items()}
    reported = {name: get(f"{api}/reports/utilization", key) for name, key in keys.items()}

    assert seen == {"clinic": 200, "other_clinic": 404, "quality": 403}
    assert {status for status, _ in reported.values()} == {200}
    assert all(b'"episodes"' in report for _, report in reported.values())


def test_a_receiver_on_the_same_machine_can_be_tried_out(running: tuple[Path, object, object]) -> None:
    known = about(running[0])

    answers = [
        post(f"{known['base_url']}/api/v1/webhooks", known["api_keys"]["other_clinic"], {"url": f"http://{host}:9/"})
        for host in ("127.0.0.1", "localhost", "127.0.0.2")
    ]

    assert answers == [201, 201, 422]


def test_the_mailbox_is_shown_with_links_to_the_running_port(running: tuple[Path, object, object]) -> None:
    status, page = get(f"{about(running[0])['base_url']}/dev/mailbox")

    assert status == 200
    assert b"Northside Clinic" in page


def test_told_to_stop_the_demo_ends_within_10_seconds(made: tuple[Path, object], tmp_path: Path) -> None:
    shutil.copytree(made[0], tmp_path / "copied")

    with served(tmp_path / "copied", free_port()) as process:
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        code = process.wait(PATIENCE)

    assert code == 0
    assert time.monotonic() - began < 10


def test_an_unfinished_demo_is_started_over(
    made: tuple[Path, object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "unfinished"
    shutil.copytree(made[0], folder)
    before = about(folder)
    (folder / "demo.json").unlink()
    letters = {path.name for path in (folder / "mailbox" / "new").iterdir()}

    demo.run(port=8124, patients=cohort.FEWEST, seed=2, data_dir=folder)

    assert about(folder)["clinic_ids"] != before["clinic_ids"]
    assert letters.isdisjoint(path.name for path in (folder / "mailbox" / "new").iterdir())
    assert about(folder)["survey_links"][0] in capsys.readouterr().out


def test_a_demo_of_an_older_version_says_how_it_is_made_anew(made: tuple[Path, object], tmp_path: Path) -> None:
    folder = tmp_path / "older"
    shutil.copytree(made[0], folder)
    downgrade(f"sqlite:///{folder / 'prom.db'}", revisions()[-2])
    before = (folder / "demo.json").read_text()

    told = prom_demo("--data-dir", str(folder), "--port", str(free_port()))

    assert (told.returncode, told.stderr) == (
        1,
        "Error: The tables of this demo are not those of this version of the service. "
        f"Remove {folder / 'demo.json'}, and the demo is made anew.\n",
    )
    assert (folder / "demo.json").read_text() == before


def test_too_few_patients_are_refused_with_the_least_number(tmp_path: Path) -> None:
    told = prom_demo("--no-serve", "--patients", str(cohort.FEWEST - 1), "--data-dir", str(tmp_path / "demo"))

    assert told.returncode in (1, 2)
    assert f"at least {cohort.FEWEST}" in told.stderr
    assert "Traceback" not in told.stderr
    assert not (tmp_path / "demo").exists()


def test_the_demo_lives_on_postgresql_too(postgres_server: str, tmp_path: Path) -> None:
    with database.empty_postgres(postgres_server) as url:
        demo.run(port=8125, patients=cohort.FEWEST, seed=3, data_dir=tmp_path, database_url=url)
        engine = make_engine(url)
        with engine.connect() as connection:
            organisations = connection.scalars(select(Organisation.name)).all()
        engine.dispose()

        known = about(tmp_path)

    assert organisations == [NAME]
    assert known["database_url"] == url
    assert not (tmp_path / "prom.db").exists()


def test_a_database_with_other_organisations_is_left_as_it_is(postgres_url: str, tmp_path: Path) -> None:
    engine = make_engine(postgres_url)
    with Session(engine) as session, session.begin():
        session.add(Organisation(name="A real one", created_at=dt.datetime(2026, 3, 2, tzinfo=dt.UTC)))

    with pytest.raises(demo.DemoError, match="left as it is"):
        demo.run(port=8126, patients=cohort.FEWEST, seed=1, data_dir=tmp_path, database_url=postgres_url)

    with engine.connect() as connection:
        assert connection.scalars(select(Organisation.name)).all() == ["A real one"]
    engine.dispose()
