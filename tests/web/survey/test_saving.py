"""Answers saved as they are given, by the script, one at a time."""

from typing import Any

import pytest
from sqlalchemy import select

from prom_service.models import Flag, Response, SavedAnswer
from prom_service.runtime import Runtime
from tests.fakes import Clock
from tests.web.survey.visitor import Visitor, administration_of, ask, count

PAIN = "ihot-12-1.0-Q1"
FIRST, SECOND = "hoos-2.0-P2", "hoos-2.0-P3"
SYMPTOM = "safety-1.0-R1"


def saved(runtime: Runtime) -> list[tuple[str, str | None]]:
    with runtime.reading() as session:
        rows = session.execute(select(SavedAnswer.item, SavedAnswer.value).order_by(SavedAnswer.id))
        return [(row.item, row.value) for row in rows]


def give(visitor: Visitor, page: int, name: str, value: str, *held: str) -> Any:
    """Send one answer as the script does, with the answers its field has held."""
    fields = {"go": "save", name: value, f"{name}.was": list(held) or [""]}
    return visitor.client.post(f"/s/{visitor.token}/{page}/save", data=fields)


def test_an_answer_is_saved_when_it_is_given(visitor: Visitor, runtime: Runtime):
    visitor.start()

    answer = give(visitor, 1, PAIN, "30")

    assert (answer.status_code, answer.json) == (200, {"advice": ""})
    assert saved(runtime) == [("Q1", "30")]


def test_the_other_answers_of_the_page_stay_as_they_are(client: Any, runtime: Runtime):
    visitor = Visitor(client, ask(runtime, pathway="hip-osteoarthritis-1"))
    visitor.start()
    page = next(number for number in range(1, 20) if SECOND in visitor.open(f"/{number}").text)
    give(visitor, page, FIRST, "1")

    give(visitor, page, SECOND, "2")

    assert saved(runtime) == [("P2", "1"), ("P3", "2")]


def test_an_answer_can_be_changed_and_cleared_by_the_page_that_held_it(visitor: Visitor, runtime: Runtime):
    visitor.start()

    for value, held in (("30", [""]), ("40", ["", "30"]), ("", ["", "30", "40"])):
        assert give(visitor, 1, PAIN, value, *held).status_code == 200

    assert saved(runtime) == [("Q1", "30"), ("Q1", "40"), ("Q1", None)]


def test_what_arrives_after_something_newer_is_not_saved(visitor: Visitor, runtime: Runtime):
    visitor.start()
    visitor.press("/1", "next", **{PAIN: "80"})

    answer = give(visitor, 1, PAIN, "30")

    assert answer.status_code == 409
    assert saved(runtime) == [("Q1", "80")]


def test_what_cannot_be_read_is_not_saved(visitor: Visitor, runtime: Runtime):
    visitor.start()

    assert give(visitor, 1, PAIN, "a lot").status_code == 422
    assert saved(runtime) == []


@pytest.mark.parametrize("page", [2, 999])
def test_an_answer_is_taken_on_its_own_page_only(visitor: Visitor, runtime: Runtime, page: int):
    visitor.start()

    assert give(visitor, page, PAIN, "30").status_code in (404, 409)
    assert saved(runtime) == []


def test_nothing_is_saved_before_start_and_after_sending(visitor: Visitor, runtime: Runtime):
    early = give(visitor, 1, PAIN, "30")
    visitor.answer_everything(value=50)
    visitor.send()
    before = count(runtime, SavedAnswer)

    late = give(visitor, 1, PAIN, "30", "50")

    assert (early.status_code, late.is_json) == (409, False)
    assert (count(runtime, SavedAnswer), count(runtime, Response)) == (before, 1)


def test_nothing_is_saved_after_the_window(visitor: Visitor, runtime: Runtime, clock: Clock):
    visitor.start()
    clock.move_to(administration_of(runtime, visitor.token).closes_at)

    assert give(visitor, 1, PAIN, "30").status_code == 410
    assert saved(runtime) == []


def test_a_yes_to_a_symptom_is_flagged_and_answered_at_once(visitor: Visitor, runtime: Runtime):
    visitor.start()

    no = give(visitor, 14, SYMPTOM, "0")
    yes, again = (give(visitor, 14, SYMPTOM, "1", "", "0", "1") for _ in range(2))

    assert no.json == {"advice": ""}
    assert (
        yes.json
        == again.json
        == {"advice": "Please get medical help now. Call 999 now, or go to the nearest emergency department."}
    )
    with runtime.reading() as session:
        assert session.scalars(select(Flag.kind)).all() == ["red_flag_symptom"]


def test_a_same_day_yes_names_the_clinics_hours_and_phone(visitor: Visitor):
    visitor.start()

    advice = give(visitor, 22, "safety-1.0-R9", "1").json["advice"]

    assert advice == (
        "Please speak to someone today. Call Northside Clinic today. "
        "Reply hours: Monday to Friday, 9:00 to 17:00. 020 7946 0000"
    )
