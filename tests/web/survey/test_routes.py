"""The patient's way through one link."""

import logging
import re
from typing import Any

import pytest
from sqlalchemy import select

from prom_service.models import (
    Flag,
    Link,
    PatientChange,
    Response,
    SavedAnswer,
    Score,
)
from prom_service.runtime import Runtime
from tests.builders import a_clinic, a_patient, an_episode, the_administration
from tests.fakes import Clock
from tests.web.survey.visitor import Visitor, administration_of, ask, behind, count, heading, link_to

PAIN = "ihot-12-1.0-Q1"
FIRST_SAFETY = 14
"""Place of the first safety question at the baseline of the default pathway."""


def test_the_landing_page_says_who_asks_how_long_until_when_and_who_reads(visitor: Visitor):
    page = visitor.open()

    assert page.status_code == 200
    text = re.sub(r"<[^>]+>|\s+", " ", page.text)
    for said in ("Northside Clinic", "left", "about 5 minutes", "Monday 9 March 2026", "nobody reads them at once",
                 "Monday to Friday, 9:00 to 17:00", "Call 999 now"):  # fmt: skip
        assert said in text


@pytest.mark.parametrize(
    "place", ["", "/1", "/1/save", "/review", "/not-me", "/not-me/noted", "/thanks", "/14/advice", "/fresh", "/999"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
def test_looking_and_empty_forms_change_nothing(visitor: Visitor, runtime: Runtime, method: str, place: str):
    for _ in range(2):
        visitor.client.open(f"/s/{visitor.token}{place}", method=method)

    administration = administration_of(runtime, visitor.token)
    assert (administration.state, administration.started_at) == ("open", None)
    assert [count(runtime, table) for table in (SavedAnswer, Response, PatientChange)] == [0, 0, 1]


def test_a_started_survey_is_not_changed_by_forms_sent_without_their_button(visitor: Visitor, runtime: Runtime):
    visitor.start()

    pages = [
        visitor.client.post(f"/s/{visitor.token}{place}", data={PAIN: "5"}) for place in ("/1", "/review", "/not-me")
    ]

    assert [page.status_code for page in pages] == [422, 422, 422]
    assert [count(runtime, table) for table in (SavedAnswer, Response)] == [0, 0]


def test_start_is_noted_once_and_leads_to_the_first_question(visitor: Visitor, runtime: Runtime, clock: Clock):
    pressed_at = clock.now()
    first = visitor.start()
    clock.advance(hours=1)
    second = visitor.start()

    assert first.status_code == second.status_code == 303
    assert first.location == f"/s/{visitor.token}/1"
    assert administration_of(runtime, visitor.token).started_at == pressed_at


@pytest.mark.parametrize("place", ["/1", "/review"])
def test_nothing_is_asked_before_start(visitor: Visitor, place: str):
    assert visitor.open(place).location == f"/s/{visitor.token}"
    assert visitor.press(place, "next", **{PAIN: "50"}).location == f"/s/{visitor.token}"


def test_a_page_is_saved_and_leads_on(visitor: Visitor, runtime: Runtime):
    visitor.start()

    response = visitor.press("/1", "next", **{PAIN: "30", f"{PAIN}.with": "line"})

    assert response.status_code == 303
    assert response.location.endswith("/2")
    with runtime.reading() as session:
        [saved] = session.scalars(select(SavedAnswer))
        assert (saved.instrument, saved.item, saved.value, saved.entered_with) == ("ihot-12-1.0", "Q1", "30", "line")


def test_back_saves_too_and_leads_to_the_page_before(visitor: Visitor, runtime: Runtime):
    visitor.start()

    response = visitor.press("/2", "back", **{"ihot-12-1.0-Q2": "30"})

    assert response.location.endswith("/1")
    assert count(runtime, SavedAnswer) == 1


def test_a_wrong_answer_shows_the_page_again_with_what_was_typed_and_saves_nothing(visitor: Visitor, runtime: Runtime):
    visitor.start()

    page = visitor.press("/1", "next", **{PAIN: "<b>101"})

    assert page.status_code == 422
    assert "<title>Error: " in page.text
    assert page.text.index('role="alert"') < page.text.index("<h1>")
    assert f'href="#{PAIN}"' in page.text
    assert "type a whole number from 0 to 100" in page.text
    assert 'value="&lt;b&gt;101"' in page.text
    assert count(runtime, SavedAnswer) == 0


def test_the_same_link_goes_on_at_the_first_open_question(visitor: Visitor):
    visitor.start()
    visitor.press("/1", "next", **{PAIN: "30"})
    visitor.press("/3", "next", **{"ihot-12-1.0-Q3": "30"})

    landing = visitor.open()
    response = visitor.start()

    assert heading(landing) == "Welcome back"
    assert "2 of 26" in landing.text
    assert response.location.endswith("/2")


def test_a_saved_answer_is_shown_again(visitor: Visitor):
    visitor.start()
    visitor.press("/1", "next", **{PAIN: "30"})

    page = visitor.open("/1")

    assert f'name="{PAIN}" inputmode="numeric" maxlength="20" value="30"' in page.text


def test_a_complete_survey_is_scored_when_the_page_says_thanks(visitor: Visitor, runtime: Runtime):
    review = visitor.answer_everything(value=50)
    response = visitor.send(answered_by="helped")
    thanks = visitor.client.get(response.location)

    assert "You have answered every question" in review.text
    assert response.status_code == 303
    assert heading(thanks) == "Thank you. Your answers have arrived."
    assert "Monday 2 March 2026 at 08:00" in thanks.text
    assert "Pain and harm" in thanks.text
    with runtime.reading() as session:
        [given] = session.scalars(select(Response))
        assert (given.answered_by, given.mode, given.amendment) == ("helped", "web", False)
        scores = {score.instrument: score.value for score in session.scalars(select(Score))}
        assert scores == {"ihot-12-1.0": 50.0, "nprs-1.0": 0.0}


def test_who_answered_may_stay_unsaid(visitor: Visitor, runtime: Runtime):
    visitor.answer_everything()
    visitor.send()

    with runtime.reading() as session:
        assert session.scalars(select(Response.answered_by)).one() == "unknown"


def test_an_unknown_answerer_is_refused(visitor: Visitor, runtime: Runtime):
    visitor.answer_everything()

    page = visitor.send(answered_by="the cat")

    assert page.status_code == 422
    assert count(runtime, Response) == 0


def test_sending_twice_has_one_effect(visitor: Visitor, runtime: Runtime):
    visitor.answer_everything()

    pages = [visitor.send(), visitor.send()]

    assert [page.location for page in pages] == [f"/s/{visitor.token}/thanks"] * 2
    assert count(runtime, Response) == 1


def test_answers_are_sent_by_the_button_only(visitor: Visitor, runtime: Runtime):
    visitor.answer_everything()

    page = visitor.client.post(f"/s/{visitor.token}/review", data={"answered_by": "self"})

    assert page.status_code == 422
    assert count(runtime, Response) == 0


def test_nothing_answered_cannot_be_sent(visitor: Visitor, runtime: Runtime):
    visitor.start()

    page = visitor.send()

    assert page.status_code == 422
    assert "answer at least one question" in page.text
    assert count(runtime, Response) == 0


def test_the_review_names_what_is_missing_and_what_follows(visitor: Visitor):
    visitor.start()
    for number in range(1, 6):
        visitor.press(f"/{number}", "next", **{f"ihot-12-1.0-Q{number}": "50"})

    before = visitor.open("/review").text
    visitor.press("/6?to=review", "next", **{"ihot-12-1.0-Q6": "50"})
    after = visitor.open("/review").text

    assert "You left 21 questions open" in before
    assert before.count("your score for this part cannot be calculated") == 2
    assert after.count("your score for this part cannot be calculated") == 1
    assert "can be worked out without them" in after


def test_an_answer_given_from_the_review_leads_back_to_it(visitor: Visitor):
    visitor.start()

    response = visitor.press("/3?to=review", "next", **{"ihot-12-1.0-Q3": "10"})

    assert response.location == f"/s/{visitor.token}/review"


def test_a_query_cannot_send_the_patient_elsewhere(visitor: Visitor):
    visitor.start()

    response = visitor.press("/3?to=//evil.example&_external=1&_scheme=ftp", "next")

    assert response.location == f"/s/{visitor.token}/4"


def test_an_emergency_yes_shows_the_clinics_own_advice_at_once_and_raises_the_flag(visitor: Visitor, runtime: Runtime):
    visitor.start()

    response = visitor.press(f"/{FIRST_SAFETY}", "next", **{"safety-1.0-R1": "1"})
    page = visitor.client.get(response.location)

    assert heading(page) == "Please get medical help now"
    assert "Call 999 now, or go to the nearest emergency department." in page.text
    with runtime.reading() as session:
        flag = session.scalars(select(Flag)).one()
        assert (flag.kind, flag.severity) == ("red_flag_symptom", "urgent")


def test_after_advice_the_survey_goes_on(visitor: Visitor):
    visitor.start()
    visitor.press(f"/{FIRST_SAFETY}", "next", **{"safety-1.0-R1": "1"})

    response = visitor.press(f"/{FIRST_SAFETY}/advice", "next")

    assert response.location == f"/s/{visitor.token}/{FIRST_SAFETY + 1}"


def test_a_same_day_yes_shows_calm_advice(visitor: Visitor):
    visitor.start()

    response = visitor.press("/22", "next", **{"safety-1.0-R9": "1"})
    page = visitor.client.get(response.location)

    assert heading(page) == "Please speak to someone today"
    assert "020 7946 0000" in page.text


def test_background_and_no_show_no_advice(visitor: Visitor):
    visitor.start()

    background = visitor.press("/24", "next", **{"safety-1.0-R11": "1"})
    no = visitor.press(f"/{FIRST_SAFETY}", "next", **{"safety-1.0-R1": "0"})

    assert background.location.endswith("/review")
    assert no.location.endswith(f"/{FIRST_SAFETY + 1}")


def test_a_yes_taken_back_is_kept_beside_the_no(visitor: Visitor, runtime: Runtime):
    visitor.start()
    for answer in ("1", "0"):
        visitor.press(f"/{FIRST_SAFETY}", "next", **{"safety-1.0-R1": answer})

    with runtime.reading() as session:
        assert list(session.scalars(select(SavedAnswer.value).order_by(SavedAnswer.id))) == ["1", "0"]
        assert count(runtime, Flag) == 1


def test_activities_are_named_then_rated_and_only_rated_at_the_follow_up(client: Any, runtime: Runtime, clock: Clock):
    token = ask(runtime, pathway="buttock-nerve-pain-1")
    visitor = Visitor(client, token)
    visitor.answer_everything()
    assert visitor.send().status_code == 303
    clock.advance(days=42)
    with runtime.transaction() as session:
        _, episode, _ = behind(session, runtime, token)
        later = Visitor(client, link_to(runtime, session, the_administration(session, episode, "6-weeks")))
    later.start()

    pages = [later.open(f"/{number}") for number in range(1, 4)]

    assert any("Your activity: Climbing stairs" in page.text for page in pages)
    assert not any(".text" in page.text for page in pages)
    later.answer_everything()
    assert later.send().status_code == 303


def test_the_thanks_page_leads_on_to_the_other_open_questionnaire(client: Any, runtime: Runtime, clock: Clock):
    now = clock.now()
    with runtime.transaction() as session:
        clinic = a_clinic(session, now=now)
        patient = a_patient(session, clinic, now=now)
        left, right = (an_episode(session, clinic, patient, now=now, side=side) for side in ("left", "right"))
        token = link_to(runtime, session, the_administration(session, left, "baseline"))
        other = the_administration(session, right, "baseline").id
    visitor = Visitor(client, token)
    visitor.answer_everything()
    visitor.send()

    thanks = visitor.open("/thanks")
    response = visitor.press("/thanks", "next")

    assert "one more set of questions" in thanks.text
    fresh = response.location.removeprefix("/s/")
    assert administration_of(runtime, fresh).id == other
    assert "right" in client.get(response.location).text
    clock.advance(hours=24, seconds=1)
    assert "one more set of questions" not in visitor.open("/thanks").text
    assert visitor.press("/thanks", "next").location == f"/s/{token}/thanks"


def test_looking_at_the_thanks_page_issues_no_link(visitor: Visitor, runtime: Runtime):
    visitor.answer_everything()
    visitor.send()
    before = count(runtime, Link)

    visitor.open("/thanks")

    assert count(runtime, Link) == before


def test_no_page_sets_a_cookie_or_may_be_kept_or_loads_from_elsewhere(visitor: Visitor):
    pages = [visitor.open(), visitor.start(), visitor.open("/1"), visitor.open("/review"), visitor.client.get("/s/x")]

    for page in pages:
        assert "Set-Cookie" not in page.headers
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert not re.search(r'(src|href|action)="(https?:)?//', page.text)
        assert not re.search(r"<style|<script(?! src)|\son\w+=|\sstyle=", page.text)


def test_no_token_and_no_answer_is_ever_logged(visitor: Visitor, runtime: Runtime, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)

    visitor.answer_everything(value=73)
    visitor.press("/1", "next", **{PAIN: "7373"})
    visitor.open("/999")
    visitor.send()
    with runtime.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE link RENAME TO link_gone")
    visitor.open()

    assert caplog.records
    assert visitor.token not in caplog.text
    assert "73" not in [word for record in caplog.records for word in record.getMessage().split()]
