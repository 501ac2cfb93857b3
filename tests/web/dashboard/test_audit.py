"""Every page of the staff that shows or changes something of a patient leaves an entry."""

import json
import re
from typing import Any

import pytest
from sqlalchemy import select

from prom_service.models import Administration, AuditEntry, Clinic, Episode, Flag, PathwayPreview
from prom_service.models.audit import SERVICE
from prom_service.runtime import Runtime
from prom_service.services import visits
from prom_service.services.visits import VisitDetails
from tests import builders
from tests.fakes import Clock
from tests.web.dashboard.test_pages import Desk

OF_NOBODY = {
    "dashboard.home",
    "dashboard.show_log_in",
    "dashboard.show_code",
    "dashboard.show_app",
    "dashboard.show_second_factor",
    "dashboard.show_account",
    "dashboard.log_in",
    "dashboard.log_out",
    "dashboard.show_settings",
    "dashboard.show_escalation",
    "dashboard.show_reports",  # Counts; that they were read is on record at each clinic, see test_reports.
    "dashboard.download_report",
    "dashboard.show_report_episodes",  # Only for a number that is asked about; see test_reports.
    "dashboard.show_report_task",
    "dashboard.download_report_task",
    "dashboard.report_style",
}
"""Pages on which nothing of a patient stands."""


@pytest.fixture
def desk(runtime: Runtime, clock: Clock, client: Any) -> Desk:
    desk = Desk(runtime, clock, client)
    desk.log_in()
    return desk


def entries(prom: Runtime) -> list[AuditEntry]:
    """Return what the staff's pages noted of a clinic, oldest first."""
    with prom.reading() as session:
        query = select(AuditEntry).where(AuditEntry.actor.startswith("user:"), AuditEntry.clinic_id != SERVICE)
        return list(session.scalars(query.order_by(AuditEntry.id)))


def places(desk: Desk) -> dict[str, Any]:
    """Return what stands for each part of an address."""
    now = desk.clock.now()
    with desk.runtime.transaction() as session:
        administration = session.scalars(
            select(Administration).where(Administration.timepoint == "3-months", Administration.state == "planned")
        ).one()
        episode = session.get_one(Episode, administration.episode_id)
        details = VisitDetails(visited_on=now.date())
        visit, _is_new = visits.record_visit(session, episode, "V1", details, actor="command", now=now)
        version = builders.a_pathway(session, session.get_one(Clinic, desk.clinic.id), {"limit": "20"}, now=now)
        preview_id = session.scalars(select(PathwayPreview.id)).one()
    return {
        "<uuid:patient_id>": episode.patient_id,
        "<uuid:visit_id>": visit.id,
        "<uuid:version_id>": version.id,
        "<uuid:preview_id>": preview_id,
        "<base>": "hip-related-pain-1",
        "<any(pause, resume, withdraw, deceased):step>": "pause",
        "<uuid:flag_id>": desk.flag_ids["non_responder"],
        "<uuid:episode_id>": administration.episode_id,
        "<uuid:administration_id>": administration.id,
    }


def address(rule: str, known: dict[str, Any]) -> str:
    for part, value in known.items():
        rule = rule.replace(part, str(value))
    return re.sub(r"<.*?>", "1", rule)


def test_every_page_that_shows_something_of_a_patient_leaves_an_entry(desk: Desk) -> None:
    known = places(desk)
    rules = [rule for rule in desk.client.application.url_map.iter_rules() if rule.endpoint.startswith("dashboard.")]
    silent = []
    for rule in rules:
        if "GET" not in (rule.methods or ()) or rule.endpoint in OF_NOBODY:
            continue
        before = len(entries(desk.runtime))
        shown = desk.client.get(address(rule.rule, known)).status_code in (200, 409)  # A refusal shows whose it is too.
        acts = [one.act for one in entries(desk.runtime)[before:]]
        if not shown or acts != [f"GET {rule.rule}"]:
            silent.append(rule.rule)

    assert silent == []


def test_a_list_names_whose_rows_it_shows(desk: Desk) -> None:
    with desk.runtime.reading() as session:
        flags = session.scalars(select(Flag).where(Flag.status == "open")).all()
    desk.client.get("/worklist")

    entry = entries(desk.runtime)[-1]

    said = json.loads(entry.subjects)
    assert said["flag"] == sorted(str(flag.id) for flag in flags)
    assert len(said["patient"]) == 1
    assert (entry.shown, entry.clinic_id) == (len(flags), desk.clinic.id)
    assert entry.actor == f"user:{desk.user.id}"


def test_a_step_leaves_an_entry_and_a_refused_one_that_of_the_page_it_shows(desk: Desk) -> None:
    path = f"/flags/{desk.flag_ids['non_responder']}"
    before = len(entries(desk.runtime))

    for step in ("acknowledge", "resolve"):
        desk.step(path, step)

    by_page = [one for one in entries(desk.runtime)[before:] if one.act.startswith("POST")]
    assert [one.act for one in by_page] == [f"POST /flags/<uuid:flag_id>/{step}" for step in ("acknowledge", "resolve")]
    assert all(len(json.loads(one.subjects)["patient"]) == 1 for one in by_page)


def test_a_log_in_is_on_record_and_a_page_that_is_not_shown_is_not(desk: Desk) -> None:
    before = len(entries(desk.runtime))

    statuses = [desk.client.get(path).status_code for path in ("/flags/00000000-0000-7000-8000-000000000000", "/")]

    with desk.runtime.reading() as session:
        acts = session.execute(select(AuditEntry.act, AuditEntry.actor).where(AuditEntry.clinic_id == SERVICE)).all()
    assert statuses == [404, 303]
    assert len(entries(desk.runtime)) == before
    assert [tuple(one) for one in acts] == [("POST /login", f"user:{desk.user.id}")]


def test_a_log_out_is_on_record(desk: Desk) -> None:
    desk.post("/logout")

    with desk.runtime.reading() as session:
        acts = session.scalars(select(AuditEntry.act).where(AuditEntry.actor == f"user:{desk.user.id}"))
        assert "POST /logout" in set(acts)


def test_what_a_page_shows_beside_a_step_that_is_on_record_is_on_record_too(desk: Desk) -> None:
    desk.log_in()
    left, beside = desk.flag_ids["red_flag_symptom"], desk.flag_ids["non_responder"]
    desk.step(f"/flags/{left}", "acknowledge")

    answer = desk.post("/worklist", flag=f"{left}.0", step="acknowledge")

    step, shown = [entry for entry in entries(desk.runtime) if entry.act == "POST /worklist"]
    assert (answer.status_code, beside in answer.text) == (409, True)
    assert json.loads(step.subjects)["flag"] == [left]
    assert json.loads(shown.subjects)["flag"] == sorted([left, beside])
    assert (step.shown, shown.shown) == (None, 2)
