"""Visits by staff: recorded under the clinic's number, corrected and voided with every state kept."""

import re
from typing import Any

import pytest
from sqlalchemy import select

from prom_service.models import Visit
from prom_service.queries.visits import visits_of
from prom_service.services.visits import VisitDetails, record_visit, void_visit
from tests import builders
from tests.web.dashboard.desk import Desk, text_of

FORM: dict[str, Any] = {
    "number__external_id": "V-1",
    "visit__date": "2026-03-02",
    "visit__clinician": "PT 4",
    "visit__status": "attended",
    "visit__format": "individual",
    "visit__documentation.sets": "3",
    "visit__documentation.imaging": "",
}


pages = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""A page is the same on both databases; what it asks of them is tested on both."""


@pytest.fixture
def episode(staffed: Desk) -> Any:
    return staffed.episode(staffed.patient(name="Ada Nightingale"))


def visit_of(desk: Desk) -> Visit:
    with desk.runtime.reading() as session:
        return session.scalars(select(Visit)).one()


@pages
def test_a_visit_is_recorded_once_however_often_the_button_is_pressed(staffed: Desk, episode: Any) -> None:
    answers = [staffed.post(f"/episodes/{episode.id}/visits/add", **FORM, visit__reassessed="true") for _ in range(2)]

    visit = visit_of(staffed)
    assert [answer.status_code for answer in answers] == [303, 303]
    assert (visit.number, visit.reassessed, visit.documentation) == (1, True, {"sets": "3"})
    page = staffed.shown(answers[1].headers["Location"])
    assert "The visit is recorded." in page
    assert "1 counted of 14" in page
    assert "V-1 2 Mar 2026 today 1 Attended, individual, PT 4 Reassessed Sets: 3" in page


@pages
def test_a_number_that_is_taken_is_not_overwritten(staffed: Desk, episode: Any) -> None:
    staffed.post(f"/episodes/{episode.id}/visits/add", **FORM)

    answer = staffed.post(f"/episodes/{episode.id}/visits/add", **{**FORM, "visit__format": "group"})

    assert answer.status_code == 409
    assert "There is a visit under this number already." in answer.text
    assert visit_of(staffed).format == "individual"


@pages
def test_every_fault_of_a_visit_is_named_and_what_was_typed_is_kept(staffed: Desk, episode: Any) -> None:
    blank = staffed.post(f"/episodes/{episode.id}/visits/add", **{**FORM, "number__external_id": "", "visit__date": ""})
    early = staffed.post(f"/episodes/{episode.id}/visits/add", **{**FORM, "visit__date": "2026-02-01"})

    assert [blank.status_code, early.status_code] == [422, 422]
    assert 'href="#number.external_id"' in blank.text
    assert 'href="#visit.date"' in blank.text
    assert 'value="PT 4"' in blank.text
    assert "Before the episode started" in text_of(early)


@pages
def test_a_visit_to_come_is_refused_beside_its_day_when_it_says_attended(staffed: Desk, episode: Any) -> None:
    path, tomorrow = f"/episodes/{episode.id}/visits/add", {**FORM, "visit__date": "2026-03-03"}

    refused = staffed.post(path, **tomorrow)
    called_off = staffed.post(path, **{**tomorrow, "visit__status": "cancelled"})

    assert (refused.status_code, called_off.status_code) == (422, 303)
    assert 'href="#visit.date"' in refused.text
    assert "After today at the clinic (2026-03-02): a visit to come has not been attended." in text_of(refused)


@pages
def test_a_correction_keeps_what_was_said_before_and_needs_the_newest_state(staffed: Desk, episode: Any) -> None:
    staffed.post(f"/episodes/{episode.id}/visits/add", **FORM)
    path = f"/episodes/{episode.id}/visits/{visit_of(staffed).id}"
    version = re.search(r'name="version" value="(\d+)"', staffed.client.get(path).text)
    assert version
    sent = {**FORM, "visit__status": "no_show", "version": version[1]}

    answers = [staffed.post(path, **sent), staffed.post(path, **sent)]
    said = staffed.shown(answers[1].headers["Location"])
    stale = staffed.post(path, **{**sent, "visit__status": "cancelled"})

    assert [answer.status_code for answer in (*answers, stale)] == [303, 303, 409]
    page = staffed.shown(f"/episodes/{episode.id}/visits")
    assert "The visit is corrected." in said
    assert "2 Mar 2026, attended, individual" in page
    assert "2 Mar 2026, did not come, individual" in page
    assert "0 counted of 14" in page


@pages
def test_a_visit_is_voided_after_a_question_and_can_be_brought_back(staffed: Desk, episode: Any) -> None:
    staffed.post(f"/episodes/{episode.id}/visits/add", **FORM)
    path = f"/episodes/{episode.id}/visits/{visit_of(staffed).id}"

    asked = staffed.shown(f"{path}/void")
    answers = [staffed.post(f"{path}/void") for _ in range(2)]
    voided = staffed.shown(f"/episodes/{episode.id}/visits")
    back = staffed.post(path, **FORM, version=str(visit_of(staffed).number))

    assert "no longer counts" in asked
    assert [answer.status_code for answer in (*answers, back)] == [303, 303, 303]
    assert "The visit is void. It stays on record, and does not count." in voided
    assert "0 counted of 14" in voided
    assert "1 counted of 14" in staffed.shown(f"/episodes/{episode.id}/visits")


@pytest.mark.parametrize("path", ["", "/add", "/{visit}", "/{visit}/void"])
@pages
def test_another_clinic_s_visits_are_not_there(staffed: Desk, path: str) -> None:
    now = staffed.clock.now()
    with staffed.runtime.transaction() as session:
        episode = builders.an_episode(session, builders.a_clinic(session, now=now), now=now)
        visit, _ = record_visit(session, episode, "V", VisitDetails(now.date()), actor="command", now=now)
    own = staffed.episode()

    for course in (episode, own):
        address = f"/episodes/{course.id}/visits{path.format(visit=visit.id)}"
        if course is episode or "{visit}" in path:
            assert staffed.client.get(address).status_code == 404
            if path:
                assert staffed.post(address, **FORM).status_code == 404


def test_only_what_counts_has_a_place_and_what_was_taken_back_stays_in_sight(staffed: Desk) -> None:
    episode, now = staffed.episode(), staffed.clock.now()
    with staffed.runtime.transaction() as session:
        for number, said in enumerate(({}, {"format": "group"}, {"status": "cancelled"}, {}, {})):
            record_visit(session, episode, f"V{number}", VisitDetails(now.date(), **said), actor="command", now=now)
        void_visit(session, episode, "V3", actor="command", now=now)

    with staffed.runtime.reading() as session:
        shown = visits_of(session, episode)

    assert [(one.visit.external_id, one.place, one.serving) for one in shown] == [
        ("V0", 1, True),
        ("V1", None, True),
        ("V2", None, True),
        ("V3", None, False),
        ("V4", 2, True),
    ]
    assert [len(one.versions) for one in shown] == [1, 1, 1, 2, 1]
