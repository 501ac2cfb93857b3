"""Symptoms that raise a flag: told as soon as they are saved, kept when taken back, weighed by what else is known."""

import datetime as dt

import pytest
from sqlalchemy import select

from prom_service.models import Flag, Patient
from prom_service.queries.flags import FlagFilter, list_flags
from prom_service.services import flags, submission
from tests import builders
from tests.services.life import Life


def test_an_emergency_symptom_is_flagged_when_its_page_is_saved_and_kept_when_taken_back(life: Life) -> None:
    with life.runtime.transaction() as session:
        baseline = builders.the_administration(session, life.episode, "baseline")
        submission.start(session, baseline, now=life.clock.now())
        submission.save_answers(session, baseline, {"safety-1.0": {"R1": 1}}, now=life.clock.now())
    flagged = life.live()
    with life.runtime.transaction() as session:
        submission.save_answers(session, baseline, {"safety-1.0": {"R1": 0}}, now=life.clock.now())

    assert flagged == {("red_flag_symptom", "baseline"): "urgent"}
    assert life.live() == flagged
    with life.runtime.reading() as session:
        [flag] = list_flags(session, life.clinic.id, FlagFilter())
    assert [symptom["now_yes"] for symptom in flag["evidence"]["symptoms"]] == [False]


def test_an_emergency_symptom_that_is_left_open_again_was_not_answered_no(life: Life) -> None:
    life.save("baseline", {"safety-1.0": {"R1": 1}})
    life.save("baseline", {"safety-1.0": {"R1": None}})

    [flag] = life.flags()
    assert flag["evidence"]["symptoms"][0]["now_yes"] is None
    assert flag["why"].endswith("Later left open: 1.")


def test_the_last_word_about_a_symptom_counts_however_often_it_was_changed_after_sending(life: Life) -> None:
    life.answer_with("baseline", "safety-1.0", {}, R1=1)
    kinds, said = [], []

    for answer in (0, 0, 1, 0, None):
        life.clock.advance(minutes=5)
        kinds.append(life.amend("baseline", {"safety-1.0": {"R1": answer}}).kind)
        [flag] = life.flags()
        said.append(flag["evidence"]["symptoms"][0]["now_yes"])

    assert kinds == ["amendment", "same", "amendment", "amendment", "amendment"]
    assert said == [False, False, True, False, None]


def test_a_set_that_comes_again_later_takes_nothing_back_that_was_changed_since(life: Life) -> None:
    life.answer_with("baseline", "safety-1.0", {}, R1=1)
    life.amend("baseline", {"safety-1.0": {"R1": 0}})
    life.clock.advance(minutes=5)

    again = life.answer_with("baseline", "safety-1.0", {}, R1=1)

    [flag] = life.flags()
    assert (again.kind, flag["evidence"]["symptoms"][0]["now_yes"]) == ("same", False)


def test_a_symptom_on_paper_was_said_on_the_day_of_the_paper(life: Life) -> None:
    answered_at = life.clock.now()
    life.clock.advance(days=5)

    with life.runtime.transaction() as session:
        baseline = builders.the_administration(session, life.episode, "baseline")
        answers = builders.changed(builders.complete_answers(baseline, life.episode), "safety-1.0", R1=1)
        given = {"answers": answers, "answered_at": answered_at, "mode": "paper", "entered_by": "user:staff"}
        submission.submit(session, baseline, now=life.clock.now(), **given)  # type: ignore[arg-type]

    [flag] = life.flags()
    assert flag["evidence"]["symptoms"][0]["answered_yes_at"] == answered_at.isoformat()


@pytest.mark.parametrize("factor_first", [True, False], ids=["before the symptom", "after it"])
def test_a_background_factor_weighs_on_a_symptom_whichever_episode_asked_for_it(life: Life, factor_first: bool) -> None:
    with life.runtime.transaction() as session:
        patient = session.get_one(Patient, life.episode.patient_id)
        other = builders.an_episode(session, life.clinic, patient, now=life.clock.now(), side="right")
    answers = {"factor": (other, {"R11": 1}), "symptom": (life.episode, {"R9": 1})}

    for said in ("factor", "symptom") if factor_first else ("symptom", "factor"):
        life.episode, items = answers[said]
        life.answer_with("baseline", "safety-1.0", {}, **items)

    assert life.live()["red_flag_symptom", "baseline"] == "urgent"


def test_a_flag_that_was_put_aside_is_open_again_as_soon_as_it_is_urgent(life: Life) -> None:
    symptom = life.episode
    with life.runtime.transaction() as session:
        patient = session.get_one(Patient, symptom.patient_id)
        other = builders.an_episode(session, life.clinic, patient, now=life.clock.now(), side="right")
    life.answer_with("baseline", "safety-1.0", {}, R9=1)
    with life.runtime.transaction() as session:
        [flag_id] = session.scalars(select(Flag.id).where(Flag.kind == "red_flag_symptom"))
        flag = flags.find_for_update(session, life.clinic.id, flag_id)
        assert flag is not None
        flags.snooze(session, flag, life.clock.now() + dt.timedelta(days=7), actor="test", now=life.clock.now())

    life.episode = other
    life.answer_with("baseline", "safety-1.0", {}, R11=1)

    with life.runtime.reading() as session:
        woken = session.get_one(Flag, flag_id)
        assert (woken.severity, woken.status, woken.snoozed_until) == ("urgent", "open", None)
