"""Whether the process lives, and whether it can work."""

import datetime as dt
import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from prom_service.app import create_app
from prom_service.models import Heartbeat, JobRun
from prom_service.runtime import Runtime, build
from prom_service.settings import Settings
from tests import builders
from tests.fakes import Clock


def _beat(runtime: Runtime, at: dt.datetime, *, process: int = 1) -> None:
    with runtime.transaction() as session:
        session.add(Heartbeat(process=f"scheduler:host:{process}", kind="scheduler", beat_at=at))


def test_a_process_that_answers_is_alive(client: FlaskClient) -> None:
    assert client.get("/healthz").json["status"] == "ok"


@pytest.mark.parametrize(("seconds", "status"), [(0, 200), (60, 200), (61, 503)])
def test_a_process_is_ready_while_the_scheduler_beats(
    seconds: int, status: int, client: FlaskClient, runtime: Runtime, clock: Clock
) -> None:
    _beat(runtime, clock.now())

    clock.advance(seconds=seconds)

    response = client.get("/readyz")
    assert response.status_code == status
    assert response.json["checks"]["scheduler"] == ("ok" if status == 200 else "failing")


@pytest.mark.parametrize(("ahead", "status"), [(60, 200), (61, 503)])
def test_a_sign_of_life_from_a_clock_that_was_set_back_since_counts_no_more_than_an_old_one(
    ahead: int, status: int, client: FlaskClient, runtime: Runtime, clock: Clock
) -> None:
    _beat(runtime, clock.now() + dt.timedelta(seconds=ahead))

    assert client.get("/readyz").status_code == status
    assert f"prom_scheduler_silence_seconds {ahead}.0" in client.get("/metrics").text


def test_a_process_that_died_under_a_clock_that_was_ahead_hides_no_living_one(
    client: FlaskClient, runtime: Runtime, clock: Clock
) -> None:
    _beat(runtime, clock.now() + dt.timedelta(hours=5))
    _beat(runtime, clock.now(), process=2)

    assert client.get("/readyz").status_code == 200
    assert "prom_scheduler_silence_seconds 0.0" in client.get("/metrics").text


def test_a_job_that_runs_is_measured_by_its_last_run_that_ended(
    client: FlaskClient, runtime: Runtime, clock: Clock
) -> None:
    ended = clock.now()
    clock.advance(seconds=90)
    with runtime.transaction() as session:
        for job, past in (
            ("well", {"finished_at": ended, "succeeded": True}),
            ("broken", {"finished_at": ended, "succeeded": False}),
            ("first", {}),
        ):
            session.add(JobRun(job=job, started_at=clock.now(), **past))

    measured = [line for line in client.get("/metrics").text.splitlines() if line.startswith("prom_job")]

    assert sorted(measured) == [
        'prom_job_ended_seconds{job="broken"} 90.0',
        'prom_job_ended_seconds{job="well"} 90.0',
        'prom_job_succeeded{job="broken"} 0.0',
        'prom_job_succeeded{job="well"} 1.0',
    ]


def test_every_metric_is_in_the_document(client: FlaskClient, runtime: Runtime, clock: Clock) -> None:
    _beat(runtime, clock.now())
    text = (Path(__file__).parents[2] / "docs" / "operation.md").read_text(encoding="utf-8")

    measured = re.findall(r"^# HELP (\w+)", client.get("/metrics").text, re.MULTILINE)

    assert sorted(measured) == sorted(set(re.findall(r"`(prom_\w+)`", text)))


def test_a_process_without_a_scheduler_is_not_ready(client: FlaskClient) -> None:
    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json["checks"] == {"database": "ok", "migrations": "ok", "scheduler": "failing"}


def test_a_process_on_a_database_of_another_release_is_not_ready(
    client: FlaskClient, runtime: Runtime, clock: Clock
) -> None:
    _beat(runtime, clock.now())
    with runtime.transaction() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = 'older'"))

    response = client.get("/readyz")

    assert (response.status_code, response.json["checks"]["migrations"]) == (503, "failing")


def test_a_process_without_its_database_is_alive_and_not_ready(tmp_path: Path, clock: Clock) -> None:
    url = "postgresql+psycopg://nobody@127.0.0.1:1/none"
    away = build(Settings(env="test", database_url=url, mailbox_dir=str(tmp_path)), clock=clock.now)
    client = create_app(away).test_client()

    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503


def test_it_says_whether_the_database_keeps_clinics_apart_by_itself(client: FlaskClient, runtime: Runtime) -> None:
    said = {"sqlite": "none", "postgresql": "in force"}[runtime.engine.dialect.name]

    assert client.get("/readyz").json["row_security"] == said


def test_the_counts_are_of_every_clinic(client: FlaskClient, runtime: Runtime, clock: Clock) -> None:
    with runtime.transaction() as session:
        for _ in range(2):
            builders.an_episode(session, builders.a_clinic(session, now=clock.now()), now=clock.now())

    assert 'prom_administrations{state="planned"} 4.0' in client.get("/metrics").text


def test_the_counts_name_nobody(client: FlaskClient, runtime: Runtime, clock: Clock) -> None:
    _beat(runtime, clock.now())

    response = client.get("/metrics")

    assert response.status_code == 200
    assert "prom_scheduler_silence_seconds 0.0" in response.text
    assert "prom_messages_due 0.0" in response.text
    assert "prom_api_keys_expiring 0.0" in response.text
