"""Whoever reads a clinic's flags has looked: a program over the API, a person at the worklist."""

import re
from typing import Any

import pytest
from sqlalchemy import select

from prom_service.models import ApiKey, LastLook
from prom_service.runtime import Runtime
from prom_service.services import access, alerts
from tests import builders
from tests.fakes import Clock


def log_in(client: Any, email: str) -> None:
    token = re.findall(r'name="csrf_token" value="([^"]+)"', client.get("/login").text)[0]
    client.post("/login", data={"email": email, "password": builders.PASSWORD, "csrf_token": token})


@pytest.mark.parametrize("path", ["/api/v1/flags", "/api/v1/flag-events", "/worklist"])
def test_reading_flags_is_a_look_and_ends_the_alarm(client: Any, runtime: Runtime, clock: Clock, path: str) -> None:
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=clock.now())
        user = builders.a_user(session, clinic, now=clock.now())
        key = builders.an_api_key(session, clinic, ["flags:read"], now=clock.now())
        alerts.note_look(session, clinic.id, actor="nobody", now=clock.now())
        session.scalars(select(LastLook)).one().alarms = 2
    clock.advance(hours=1)
    if path == "/worklist":
        log_in(client, user.email)
    looked = client.get(path, headers={} if path == "/worklist" else {"Authorization": f"Bearer {key}"})

    with runtime.reading() as session:
        look = session.scalars(select(LastLook)).one()
    assert (looked.status_code, look.looked_at, look.alarms) == (200, clock.now(), 0)
    assert look.looked_by.partition(":")[0] == ("user" if path == "/worklist" else "key")


def test_reading_something_else_is_no_look(client: Any, runtime: Runtime, clock: Clock) -> None:
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=clock.now())
        key = builders.an_api_key(session, clinic, ["episodes:read"], now=clock.now())
    answer = client.get("/api/v1/patients", headers={"Authorization": f"Bearer {key}"})

    with runtime.reading() as session:
        assert (answer.status_code, session.scalars(select(LastLook)).all()) == (200, [])


@pytest.mark.parametrize(("service", "noting"), [(alerts, "note_look"), (access, "note_key_use")])
def test_a_note_that_could_not_be_written_is_written_at_the_next_request(
    app: Any, runtime: Runtime, clock: Clock, monkeypatch: pytest.MonkeyPatch, service: Any, noting: str
) -> None:
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=clock.now())
        key = builders.an_api_key(session, clinic, ["flags:read"], now=clock.now())
    client, headers = app.test_client(), {"Authorization": f"Bearer {key}"}
    app.testing, app.config["PROPAGATE_EXCEPTIONS"] = False, False
    with monkeypatch.context() as broken:
        broken.setattr(service, noting, _fail)
        client.get("/api/v1/flags", headers=headers)
    client.get("/api/v1/flags", headers=headers)

    with runtime.reading() as session:
        looked = session.scalars(select(LastLook.looked_at)).all()
        used = session.scalars(select(ApiKey.last_used_at)).all()
    assert (looked, used) == ([clock.now()], [clock.now()])


def _fail(*_: Any, **__: Any) -> None:
    raise RuntimeError
