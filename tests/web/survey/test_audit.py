"""What patients do by a button is on record; what a scanner opens or posts empty leaves nothing."""

import json
from typing import Any

from sqlalchemy import select

from prom_service.models import AuditEntry, Episode
from prom_service.runtime import Runtime
from tests.web.survey.visitor import Visitor


def entries(prom: Runtime) -> list[AuditEntry]:
    with prom.reading() as session:
        return list(session.scalars(select(AuditEntry).where(AuditEntry.actor == "patient").order_by(AuditEntry.id)))


def test_looking_and_empty_posts_leave_no_entry(client: Any, visitor: Visitor, runtime: Runtime) -> None:
    for method in ("GET", "HEAD", "POST"):
        for place in ("", "/1", "/review", "/not-me"):
            client.open(f"/s/{visitor.token}{place}", method=method)

    assert entries(runtime) == []


def test_each_step_is_on_record_with_the_patient_and_without_the_link(visitor: Visitor, runtime: Runtime) -> None:
    visitor.start()
    visitor.press("/not-me", "not-me")

    with runtime.reading() as session:
        [patient_id] = session.scalars(select(Episode.patient_id))
    noted = entries(runtime)
    assert [one.act for one in noted] == ["POST /s/<token>", "POST /s/<token>/not-me"]
    assert [json.loads(one.subjects)["patient"] for one in noted] == [[str(patient_id)]] * 2
    assert not any(visitor.token in f"{one.act}{one.subjects}{one.detail}" for one in noted)


def test_a_link_that_leads_nowhere_leaves_no_entry(client: Any, runtime: Runtime) -> None:
    client.post("/s/nowhere", data={"go": "start"})

    assert entries(runtime) == []
