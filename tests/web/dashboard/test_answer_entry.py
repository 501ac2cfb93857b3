"""Answers on paper or by phone, typed in by staff; and the questionnaire handed over or sent by hand."""

import datetime as dt
import re
from typing import Any

import pytest
from sqlalchemy import select

import instruments
from prom_service.models import AnswerSet, Episode, Flag, Response
from prom_service.services import enrolment, wording_packs
from tests import builders
from tests.builders import complete_answers
from tests.web.dashboard.desk import Desk, text_of


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """The pages are the same on both databases; the services they call are tested on both."""
    return sqlite_url


@pytest.fixture
def episode(staffed: Desk) -> Any:
    return staffed.episode(staffed.patient(name="Ada Nightingale"))


HOW = {"how__answered_on": "2026-03-02", "how__mode": "paper", "how__answered_by": "helped"}


def typed(desk: Desk, episode: Any, timepoint: str = "baseline", **levels: Any) -> dict[str, str]:
    """A form with every answer typed in."""
    answers = complete_answers(desk.administration(episode, timepoint), episode, **levels)
    return {f"answers.{ref}.{item}": str(code) for ref, given in answers.items() for item, code in given.items()}


def entry(desk: Desk, episode: Any, timepoint: str = "baseline") -> str:
    return f"/administrations/{desk.administration(episode, timepoint).id}/entry"


def responses(desk: Desk) -> list[Response]:
    with desk.runtime.reading() as session:
        return list(session.scalars(select(Response).order_by(Response.number)))


def test_answers_are_taken_in_once_with_the_day_and_the_way_they_were_given(staffed: Desk, episode: Any) -> None:
    path = entry(staffed, episode)

    answers = [staffed.post(path, **HOW, **typed(staffed, episode, ihot=40)) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 303]
    [kept] = responses(staffed)
    assert (kept.mode, kept.answered_by, kept.entered_by[:5]) == ("paper", "helped", "user:")
    assert kept.answered_at <= staffed.clock.now()
    page = staffed.shown(answers[0].headers["Location"])
    assert "On paper, answered 2 Mar 2026" in page
    assert "The patient was helped" in page


def test_the_window_is_read_by_the_days_of_a_patient_east_of_the_clinic(staffed: Desk) -> None:
    episode = staffed.episode(staffed.patient(time_zone="Europe/Madrid"))

    asked = staffed.shown(entry(staffed, episode))
    link = text_of(staffed.post(f"/administrations/{staffed.administration(episode, 'baseline').id}/link"))

    assert "taken from 16 Feb 2026, are late from 10 Mar 2026, and closed from 6 Apr 2026." in asked
    assert "It takes answers until 6 Apr 2026, 00:00 CEST." in link


def test_the_questions_are_shown_in_the_words_in_force_on_the_day(staffed: Desk, episode: Any) -> None:
    with staffed.runtime.transaction() as session:
        builders.a_pack(session, staffed.clinic, "ihot-12-1.0", now=staffed.clock.now() - dt.timedelta(days=5))
        builders.a_pack(
            session, staffed.clinic, "ihot-12-1.0", now=staffed.clock.now() - dt.timedelta(days=1), mark="Newer"
        )
    path = entry(staffed, episode)

    older = staffed.shown(f"{path}?how.answered_on=2026-02-26&how.mode=paper")
    newer = staffed.shown(f"{path}?how.answered_on=2026-03-02&how.mode=paper")
    staffed.post(path, **{**HOW, "how__answered_on": "2026-02-26"}, **typed(staffed, episode))

    assert "Q1: Official" in older
    assert "Newer" not in older
    assert "Q1: Newer" in newer
    with staffed.runtime.reading() as session:
        kept = session.scalars(select(AnswerSet).where(AnswerSet.instrument == "ihot-12-1.0")).one()
        first = wording_packs.WordingPack
        packs = session.scalars(select(first).order_by(first.recorded_at)).all()
    assert kept.pack_id == packs[0].id


def test_staff_may_say_that_the_official_words_were_asked(staffed: Desk, episode: Any) -> None:
    sent = {**HOW, **typed(staffed, episode), "wording.ihot-12-1.0": "official"}

    staffed.post(entry(staffed, episode), **sent)

    with staffed.runtime.reading() as session:
        words = dict(session.execute(select(AnswerSet.instrument, AnswerSet.wording)).all())
    assert (words["ihot-12-1.0"], words["nprs-1.0"]) == ("official", "own")


def test_what_is_left_open_is_skipped_and_what_does_not_apply_is_told_apart(staffed: Desk, episode: Any) -> None:
    sent = typed(staffed, episode)
    del sent["answers.ihot-12-1.0.Q1"]
    sent["answers.ihot-12-1.0.Q5"] = ""
    sent["answers.ihot-12-1.0.Q5.na"] = "NA"

    answer = staffed.post(entry(staffed, episode), **HOW, **sent)

    page = staffed.shown(answer.headers["Location"])
    assert re.search(r"Q1 [^|]*? Skipped –", page)
    assert re.search(r"Q5 [^|]*? Does not apply NA", page)


def test_every_bad_answer_is_named_beside_its_field_and_all_typed_is_kept(staffed: Desk, episode: Any) -> None:
    sent = typed(staffed, episode) | {"answers.ihot-12-1.0.Q2": "140", "answers.nprs-1.0.Q1": "ten"}

    answer = staffed.post(entry(staffed, episode), **HOW, **sent)

    assert answer.status_code == 422
    for name in ("answers.ihot-12-1.0.Q2", "answers.nprs-1.0.Q1"):
        assert f'href="#{name}"' in answer.text
        assert f'id="{name}-error"' in answer.text
    page = text_of(answer)
    assert f"{instruments.find('ihot-12-1.0').title}, Q2: Out of range." in page
    assert f"{instruments.find('nprs-1.0').title}, Q1: Must be a number." in page
    assert 'value="140"' in answer.text
    assert 'value="ten"' in answer.text
    assert responses(staffed) == []


def test_nothing_typed_a_day_to_come_and_a_day_before_the_window_are_refused(staffed: Desk, episode: Any) -> None:
    path = entry(staffed, episode)

    empty = staffed.post(path, **HOW)
    future = staffed.client.get(f"{path}?how.answered_on=2026-03-03&how.mode=paper")
    early = staffed.post(path, **{**HOW, "how__answered_on": "2026-01-01"}, **typed(staffed, episode))
    unknown = staffed.client.get(f"{path}?how.answered_on=2026-03-02&how.mode=dream")

    assert [one.status_code for one in (empty, future, early, unknown)] == [422, 422, 409, 422]
    assert "Answer at least one question before sending." in empty.text
    assert "No answers are taken: not open yet." in early.text


def test_a_symptom_is_flagged_at_once_and_stands_on_top_of_the_answers(staffed: Desk, episode: Any) -> None:
    sent = typed(staffed, episode) | {"answers.safety-1.0.R1": "1"}

    answer = staffed.post(entry(staffed, episode), **HOW, **sent)

    with staffed.runtime.reading() as session:
        assert session.scalars(select(Flag.kind)).all() == ["red_flag_symptom"]
    page = staffed.shown(answer.headers["Location"])
    assert re.search(r"Safety answers Emergency Yes: .* Scores", page)


def test_activities_are_named_at_the_start_and_only_rated_later(staffed: Desk) -> None:
    episode = staffed.episode(pathway="buttock-nerve-pain-1")
    sent = typed(staffed, episode)
    staffed.post(entry(staffed, episode), **HOW, **sent)
    staffed.later(days=44)
    path = entry(staffed, episode, "6-weeks")
    rated = {"how__answered_on": "2026-04-14", "how__mode": "phone", **typed(staffed, episode, "6-weeks")}

    page = staffed.shown(f"{path}?how.answered_on=2026-04-14&how.mode=phone")
    answer = staffed.post(path, **rated)

    assert "Climb the stairs" in page
    assert answer.status_code == 303
    assert "Climb the stairs 4" in staffed.shown(answer.headers["Location"])


def test_different_answers_after_a_complete_set_are_kept_beside_it(staffed: Desk, episode: Any) -> None:
    path = entry(staffed, episode)
    staffed.post(path, **HOW, **typed(staffed, episode, ihot=40))

    answer = staffed.post(path, **HOW, **typed(staffed, episode, ihot=41))

    assert [one.amendment for one in responses(staffed)] == [False, True]
    page = staffed.shown(answer.headers["Location"])
    assert "The first answers stand, and scores rest on them" in page
    assert "40 41" in page


def test_both_pages_say_before_anything_is_typed_that_answers_are_in_and_stand(staffed: Desk, episode: Any) -> None:
    path = entry(staffed, episode)
    pages = (path, f"{path}?how.answered_on=2026-03-02&how.mode=paper")
    said = "Answers are already in: answered 2 Mar 2026 . They stand. Other answers entered here are kept beside them"
    before = [said in staffed.shown(page) for page in pages]
    staffed.answer(episode, "baseline", ihot=40)

    after = [staffed.shown(page) for page in pages]

    assert before == [False, False]
    assert [said in page for page in after] == [True, True]
    assert "They are scored, judged and flagged at once" not in after[1]


def test_what_staff_enter_beside_answers_says_who_how_and_when_and_asks_as_at_the_follow_up(
    staffed: Desk, episode: Any
) -> None:
    staffed.answer(episode, "baseline")
    staffed.later(days=42)
    staffed.answer(episode, "6-weeks", ihot=40, nprs=3)
    path = entry(staffed, episode, "6-weeks")
    given = {"answers.nprs-1.0.Q1": "7", "answers.safety-1.0.R1": "1"}
    staffed.post(path, how__answered_on="2026-04-12", how__mode="paper", **given)
    flag = re.search(r'href="(/flags/[^"]+)"', staffed.get("/worklist").text)
    assert flag

    pages = [staffed.shown(one) for one in (path.replace("entry", "answers"), f"/episodes/{episode.id}", flag[1])]

    for page in pages:
        assert "Entered by staff on 13 Apr 2026, 09:00 BST, when answers were already in: on paper, answered" in page
        assert "12 Apr 2026, 12:00 BST. The first answers stand" in page
        assert f"{instruments.find('safety-1.0').item('R1').followup_text} safety-1.0, R1 No Yes" in page
        assert "nprs-1.0, Q1 3 7" in page
        assert "Not given again: ihot-12-1.0, Q1; ihot-12-1.0, Q2;" in page
        assert "40 no answer" not in page
        assert "by the patient after sending" not in page
    assert "on paper, entered by staff · 13 Apr 2026" in staffed.shown("/missing")


def test_a_link_for_the_desk_is_shown_once_and_works(staffed: Desk, episode: Any) -> None:
    path = f"/administrations/{staffed.administration(episode, 'baseline').id}/link"

    answer = staffed.post(path)

    found = re.search(r'href="[^"]*(/s/[\w-]+)"', answer.text)
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    assert found
    assert staffed.client.get(found[1]).status_code == 200
    assert found[1] not in staffed.client.get(f"/episodes/{episode.id}").text


def test_sending_by_hand_makes_an_email_due_and_says_why_when_it_cannot(staffed: Desk, episode: Any) -> None:
    due = staffed.administration(episode, "baseline")
    unreachable = staffed.administration(staffed.episode(staffed.patient(email=None)), "baseline")

    sent = staffed.post(f"/administrations/{due.id}/send")
    refused = staffed.post(f"/administrations/{unreachable.id}/send")

    assert sent.status_code == 303
    assert sent.headers["Location"] == f"/episodes/{episode.id}#baseline"
    assert refused.status_code == 409
    assert "There is no email address that can be used." in refused.text


@pytest.mark.parametrize("path", ["entry", "link", "send", "answers"])
def test_another_clinic_s_questionnaire_is_not_there(staffed: Desk, path: str) -> None:
    now = staffed.clock.now()
    with staffed.runtime.transaction() as session:
        episode = builders.an_episode(session, builders.a_clinic(session, now=now), now=now)
        administration = builders.the_administration(session, episode, "baseline")
    address = f"/administrations/{administration.id}/{path}"

    if path in ("entry", "answers"):
        assert staffed.client.get(address).status_code == 404
    if path != "answers":
        assert staffed.post(address, **HOW).status_code == 404


def test_the_page_of_a_course_offers_only_what_can_be_done_now(staffed: Desk, episode: Any) -> None:
    page = staffed.client.get(f"/episodes/{episode.id}").text
    start, six_weeks = (staffed.administration(episode, key).id for key in ("baseline", "6-weeks"))

    assert f"/administrations/{start}/entry" in page
    assert f"/administrations/{start}/link" in page
    assert f"/administrations/{six_weeks}/link" not in page
    assert f"/administrations/{start}/answers" not in page
    assert text_of(staffed.client.get(f"/administrations/{start}/answers")).count("No answers have come in") == 1


def test_what_takes_no_answers_is_refused_before_anything_is_typed(staffed: Desk, episode: Any) -> None:
    not_yet = staffed.get(entry(staffed, episode, "6-weeks"))
    before = staffed.get(f"{entry(staffed, episode)}?how.answered_on=2026-01-01&how.mode=paper")
    with staffed.runtime.transaction() as session:
        held = session.get_one(Episode, episode.id)
        enrolment.close_episode(
            session, held, closed_on=held.started_on, reason="done", actor="test", now=staffed.clock.now()
        )
    staffed.later(days=1)
    cancelled = staffed.get(entry(staffed, episode, "3-months"))
    given_in_time = staffed.get(entry(staffed, episode))

    assert [one.status_code for one in (not_yet, before, cancelled, given_in_time)] == [409, 409, 409, 200]
    assert "No answers are taken: not open yet." in text_of(not_yet)
    assert "No answers are taken: cancelled." in text_of(cancelled)
