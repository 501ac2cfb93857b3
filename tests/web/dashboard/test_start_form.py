"""Changing a course of care as a whole: shown first, confirmed as it was shown, and with one effect."""

import re
from typing import Any

import pytest

from prom_service.models import Episode
from tests import builders
from tests.web.dashboard.desk import Desk, text_of


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """The pages are the same on both databases; the services they call are tested on both."""
    return sqlite_url


@pytest.fixture
def episode(staffed: Desk) -> Any:
    return staffed.episode(staffed.patient(name="Ada Nightingale"))


def now_is(desk: Desk, episode: Any) -> Episode:
    with desk.runtime.reading() as session:
        return session.get_one(Episode, episode.id)


def preview(desk: Desk, episode: Any, started_on: str) -> tuple[str, str]:
    """What the dry run says, and the mark of what it showed."""
    answer = desk.post(f"/episodes/{episode.id}/start", episode__started_on=started_on, go="preview")
    seen = re.search(r'name="seen" value="(\w+)"', answer.text)
    assert seen
    return text_of(answer), seen[1]


def test_the_dry_run_shows_what_moves_what_stays_and_the_email_that_catches_up(staffed: Desk, episode: Any) -> None:
    staffed.answer(episode, "baseline")
    staffed.later(hours=2)

    page, _ = preview(staffed, episode, "2026-01-15")

    for said in (
        "Nothing is changed yet. The start would move from 2 Mar 2026 to 15 Jan 2026.",
        "Start Stays: it is answered 2 Mar 2026",
        "6 weeks Moves 13 Apr 2026 takes answers 6 Apr 2026 to 19 May 2026 26 Feb 2026",
        "One catch-up email is due at once",
    ):
        assert said in page
    assert now_is(staffed, episode).started_on.isoformat() == "2026-03-02"


def test_the_dry_run_counts_by_the_days_of_a_patient_east_of_the_clinic(staffed: Desk) -> None:
    episode = staffed.episode(staffed.patient(time_zone="Europe/Madrid"))

    page, _ = preview(staffed, episode, "2026-02-23")

    assert "6 weeks Moves 13 Apr 2026 takes answers 6 Apr 2026 to 19 May 2026 6 Apr 2026" in page


def test_what_was_shown_is_confirmed_and_a_second_press_changes_nothing_more(staffed: Desk, episode: Any) -> None:
    _, seen = preview(staffed, episode, "2026-02-23")
    sent = {"episode__started_on": "2026-02-23", "seen": seen, "go": "save"}

    answers = [staffed.post(f"/episodes/{episode.id}/start", **sent) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert now_is(staffed, episode).started_on.isoformat() == "2026-02-23"
    assert "The course of care now starts on 23 Feb 2026." in staffed.shown(answers[1].headers["Location"])


def test_what_would_now_do_something_else_is_shown_again(staffed: Desk, episode: Any) -> None:
    _, seen = preview(staffed, episode, "2026-02-23")
    staffed.answer(episode, "baseline")
    sent = {"episode__started_on": "2026-02-23", "go": "save"}

    stale = staffed.post(f"/episodes/{episode.id}/start", **sent, seen=seen)
    shown = re.search(r'name="seen" value="(\w+)"', stale.text)
    assert shown
    confirmed = staffed.post(f"/episodes/{episode.id}/start", **sent, seen=shown[1])

    assert [stale.status_code, confirmed.status_code] == [409, 303]
    assert "Something has changed since the page was shown." in stale.text


def test_a_start_that_cannot_be_is_refused_with_what_was_typed(staffed: Desk, episode: Any) -> None:
    answers = [
        staffed.post(f"/episodes/{episode.id}/start", episode__started_on=day, go="preview")
        for day in ("", "soon", "1990-01-01")
    ]

    assert [answer.status_code for answer in answers] == [422, 422, 422]
    assert 'value="soon"' in answers[1].text
    assert all('href="#episode.started_on"' in answer.text for answer in answers)


def test_closing_names_what_ends_and_happens_once(staffed: Desk, episode: Any) -> None:
    page = staffed.shown(f"/episodes/{episode.id}/close")
    early = staffed.post(f"/episodes/{episode.id}/close", close__closed_on="2026-02-01", close__reason="Done")
    answers = [
        staffed.post(f"/episodes/{episode.id}/close", close__closed_on="2026-03-02", close__reason=reason)
        for reason in ("Done", "Again")
    ]
    said = staffed.shown(answers[1].headers["Location"])
    otherwise = staffed.post(f"/episodes/{episode.id}/close", close__closed_on="2026-03-01", close__reason="Again")

    assert "Cancelled with it, and no longer asked: Start, 6 weeks, 3 months" in page
    assert early.status_code == 422
    assert 'value="Done"' in early.text
    assert [answer.status_code for answer in answers] == [303, 303]
    assert otherwise.status_code == 409
    assert "closed on 2026-03-02 already" in otherwise.text
    assert (str(now_is(staffed, episode).closed_on), now_is(staffed, episode).closed_reason) == ("2026-03-02", "Done")
    assert "The course of care is closed." in said


def test_the_day_of_a_close_is_corrected_with_a_reason(staffed: Desk, episode: Any) -> None:
    path = f"/episodes/{episode.id}/close"
    staffed.post(path, close__closed_on="2026-03-02", close__reason="Done")
    staffed.later(days=3)

    offered = staffed.shown(f"/episodes/{episode.id}")
    page = staffed.shown(path)
    unsaid = staffed.post(path, close__closed_on="2026-03-04", go="correct")
    answer = staffed.post(path, close__closed_on="2026-03-04", close__reason="Mistyped", go="correct")

    assert "Correct the day of the close" in offered
    assert "It was closed on 2 Mar 2026, and stays closed" in page
    assert (unsaid.status_code, answer.status_code) == (422, 303)
    assert 'href="#close.reason"' in unsaid.text
    assert "The course of care was closed on 4 Mar 2026." in staffed.shown(answer.headers["Location"])
    assert (str(now_is(staffed, episode).closed_on), now_is(staffed, episode).closed_reason) == ("2026-03-04", "Done")


def test_details_are_changed_by_those_who_saw_them_as_they_are(staffed: Desk, episode: Any) -> None:
    sent = {
        "episode__side": "right",
        "episode__diagnosis": "acetabular-dysplasia",
        "episode__clinician": "",
        "episode__symptom_onset_on": "",
        "episode__serious_pathology_excluded.by": "Dr Ng",
        "episode__serious_pathology_excluded.on": "2026-03-01",
        "version": str(now_is(staffed, episode).version),
    }

    answers = [staffed.post(f"/episodes/{episode.id}/change", **sent) for _ in range(2)]
    said = staffed.shown(answers[1].headers["Location"])
    stale = staffed.post(f"/episodes/{episode.id}/change", **{**sent, "episode__side": "both"})
    half = staffed.post(f"/episodes/{episode.id}/change", **{**sent, "episode__serious_pathology_excluded.on": ""})

    assert [answer.status_code for answer in (*answers, stale, half)] == [303, 303, 409, 422]
    assert "The details are saved." in said
    changed = now_is(staffed, episode)
    assert (changed.side, changed.diagnosis, changed.pathology_excluded_by) == (
        "right",
        "acetabular-dysplasia",
        "Dr Ng",
    )


@pytest.mark.parametrize("path", ["start", "close", "change"])
def test_another_clinic_s_course_of_care_is_not_there(staffed: Desk, path: str) -> None:
    now = staffed.clock.now()
    with staffed.runtime.transaction() as session:
        episode = builders.an_episode(session, builders.a_clinic(session, now=now), now=now)

    assert staffed.client.get(f"/episodes/{episode.id}/{path}").status_code == 404
    assert staffed.post(f"/episodes/{episode.id}/{path}").status_code == 404
