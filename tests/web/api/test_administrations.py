"""Answers entered by staff, links for the desk, and sending now."""

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import select

import instruments
from prom_service.models import IdempotentRequest
from prom_service.runtime import Runtime
from prom_service.services import access
from prom_service.services.contact import EXPLANATIONS
from tests import builders
from tests.fakes import Clock
from tests.support.paper import Sheets
from tests.web.api.caller import Caller, World


def _enter(ours: Caller, world: World, **changes: Any) -> Any:
    body = {"answers": {"nprs-1.0": {"Q1": 3}}, **changes}
    return ours.post(f"/administrations/{world.administration.id}/responses", body)


def test_answers_on_paper_are_stored_and_scored_under_the_day_they_were_given(ours: Caller, world: World) -> None:
    response = _enter(ours, world, answered_on="2026-02-27", mode="paper", answered_by="self")

    shown = response.json
    assert response.status_code == 201
    assert shown["kind"] == "first"
    assert shown["scores"]["nprs-1.0"] == {"total": {"value": 3.0, "answered": 1, "items": 1, "derived": False}}
    assert shown["scores"]["ihot-12-1.0"]["total"]["value"] is None
    assert shown["answered_at"] == "2026-02-27T12:00:00+00:00"
    assert (shown["mode"], shown["answered_by"], shown["late"]) == ("paper", "self", False)


def test_the_same_answers_again_have_no_effect_and_others_are_an_amendment(ours: Caller, world: World) -> None:
    first = _enter(ours, world)
    same = _enter(ours, world)
    other = _enter(ours, world, answers={"nprs-1.0": {"Q1": 4}})

    assert [one.status_code for one in (first, same, other)] == [201, 200, 201]
    assert [one.json["kind"] for one in (first, same, other)] == ["first", "same", "amendment"]
    assert same.json["id"] == first.json["id"]


def test_answers_on_paper_are_in_the_clinic_s_words_unless_said_otherwise(
    ours: Caller, world: World, runtime: Runtime, clock: Clock
) -> None:
    with runtime.transaction() as session:
        builders.a_pack(session, world.clinic, "nprs-1.0", now=clock.now())

    unsaid = _enter(ours, world).json["wording"]
    said = _enter(ours, world, answers={"nprs-1.0": {"Q1": 4}}, wording={"nprs-1.0": "own", "pass-1.0": "official"})

    asked = dict.fromkeys(("ihot-12-1.0", "nprs-1.0", "safety-1.0", "groc-1.0", "pass-1.0"), "own")
    assert unsaid == {**asked, "nprs-1.0": "official"}
    assert said.json["wording"] == {**asked, "pass-1.0": "official"}


@pytest.mark.parametrize(
    ("wording", "field"),
    [
        ({"nprs-1.0": "offical", "pass-1.0": "own"}, "wording.nprs-1.0"),
        ({"nprs-1.0": 1}, "wording.nprs-1.0"),
        ({"hoos-2.0": "own"}, "wording.hoos-2.0"),
        ("own", "wording"),
    ],
)
def test_a_wording_that_is_none_is_named(ours: Caller, world: World, wording: Any, field: str) -> None:
    response = _enter(ours, world, wording=wording)

    assert response.status_code == 422
    assert list(response.json["errors"]) == [field]
    assert all(response.json["errors"][field])


def test_every_bad_answer_is_named(ours: Caller, world: World) -> None:
    answers = {
        "nprs-1.0": {"Q1": 11, "Q2": 1},
        "pass-1.0": {"Q1": True},
        "ihot-12-1.0": {"Q1": "NA", "Q2": 3.0, "Q5": "NA", "Q6": [1]},
        "hoos-2.0": {"P1": 1},
    }

    response = _enter(ours, world, answers=answers)

    assert response.status_code == 422
    assert set(response.json["errors"]) == {
        "answers.nprs-1.0.Q1",
        "answers.nprs-1.0.Q2",
        "answers.pass-1.0.Q1",
        "answers.ihot-12-1.0.Q1",
        "answers.ihot-12-1.0.Q2",
        "answers.ihot-12-1.0.Q6",
        "answers.hoos-2.0",
    }


def test_what_is_wrong_is_named_by_the_field_that_was_sent(ours: Caller, world: World) -> None:
    tomorrow = str(world.today + dt.timedelta(days=1))
    bodies = [{"answered_on": tomorrow}, {"answered_at": f"{tomorrow}T00:00:00Z"}, {"answers": {}}]

    refused = [_enter(ours, world, **body) for body in bodies]

    assert [list(one.json["errors"]) for one in refused] == [["answered_on"], ["answered_at"], ["answers"]]


@pytest.mark.parametrize("answers", [None, [], "x", {"nprs-1.0": 3}, {"nprs-1.0": None}, {"nprs-1.0": []}])
def test_answers_of_another_shape_are_refused(answers: Any, ours: Caller, world: World) -> None:
    assert _enter(ours, world, answers=answers).status_code == 422


def test_answers_have_one_date_and_it_lies_in_the_past_and_in_the_window(ours: Caller, world: World) -> None:
    future = _enter(ours, world, answered_at="2026-03-02T08:00:01+00:00")
    two = _enter(ours, world, answered_on="2026-03-01", answered_at="2026-03-01T08:00:00+00:00")
    naive = _enter(ours, world, answered_at="2026-03-01T08:00:00")
    too_early = _enter(ours, world, answered_on="2026-02-22")
    in_time = _enter(ours, world, answered_on="2026-02-23")

    assert [one.status_code for one in (future, two, naive, too_early, in_time)] == [422, 422, 422, 409, 201]
    assert too_early.json["reason"] == "not_open_yet"


def test_answers_after_the_window_are_late_and_after_the_close_are_none(
    ours: Caller, world: World, clock: Clock
) -> None:
    clock.advance(days=15)
    late = _enter(ours, world)
    clock.advance(days=40)
    closed = _enter(ours, world, answered_on=str(clock.now().date()), answers={"nprs-1.0": {"Q1": 9}})

    assert (late.status_code, late.json["late"]) == (201, True)
    assert closed.json.get("kind", closed.json.get("reason")) in ("amendment", "closed")


def test_answers_of_today_are_answered_now_when_noon_has_not_come(ours: Caller, world: World, clock: Clock) -> None:
    response = _enter(ours, world, answered_on=str(world.today))

    assert dt.datetime.fromisoformat(response.json["answered_at"]) == clock.now()


def test_a_red_flag_symptom_is_in_the_list_when_the_answers_are_acknowledged(ours: Caller, world: World) -> None:
    _enter(ours, world, answers={"safety-1.0": {"R1": 1}})

    raised = {(flag["kind"], flag["checkpoint"]): flag["severity"] for flag in ours.get("/flags").json["items"]}
    assert raised["red_flag_symptom", "6-weeks"] == "urgent"


def test_a_link_for_the_desk_opens_the_questionnaire_and_is_kept_nowhere(
    ours: Caller, world: World, runtime: Runtime
) -> None:
    response = ours.post(f"/administrations/{world.administration.id}/links")

    token = response.json["url"].removeprefix(f"{runtime.settings.base_url}/s/")
    with runtime.reading() as session:
        target = access.find_link(session, token, secret=runtime.settings.secret)
    assert response.status_code == 201
    assert target is not None
    assert target.administration.id == world.administration.id
    assert ours.client.get(f"/s/{token}").status_code == 200


def test_no_link_is_made_to_a_questionnaire_that_takes_no_answers(ours: Caller, world: World) -> None:
    ours.post(f"/patients/{world.patient.id}/withdraw")

    response = ours.post(f"/administrations/{world.administration.id}/links")

    assert (response.status_code, response.json["reason"]) == (409, "withdrawn")


def test_a_questionnaire_on_paper_has_a_link_that_works_and_is_kept_nowhere(
    ours: Caller, world: World, runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")

    response = ours.post(f"/administrations/{world.administration.id}/paper?paper=letter", Idempotency_Key="once")

    sheets = Sheets(response.data)
    token = sheets.code().removeprefix(f"{runtime.settings.base_url}/s/")
    with runtime.reading() as session:
        target = access.find_link(session, token, secret=runtime.settings.secret)
        kept = session.scalars(select(IdempotentRequest)).one()
    assert (response.status_code, response.content_type) == (201, "application/pdf")
    assert sheets.size == (216, 279)
    assert target is not None
    assert target.administration.id == world.administration.id
    assert target.link.issued_by.startswith("key:")
    assert ours.client.get(f"/s/{token}").status_code == 200
    assert kept.body == ""
    assert token not in caplog.text


def test_what_is_printed_is_what_is_entered(ours: Caller, world: World) -> None:
    words = Sheets(ours.post(f"/administrations/{world.administration.id}/paper").data).text.split()

    asked = {ref: instruments.find(ref) for ref in words if ref in {one.ref for one in instruments.all_instruments()}}
    answers = {
        ref: {item.code: item.minimum for item in one.items if not item.baseline_only} for ref, one in asked.items()
    }
    entered = _enter(ours, world, answers=answers, answered_on=str(world.today), answered_by="helped")

    assert (entered.status_code, entered.json["mode"]) == (201, "paper")
    assert {item for given in answers.values() for item in given} <= set(words)
    assert set(answers) == {"ihot-12-1.0", "nprs-1.0", "safety-1.0", "groc-1.0", "pass-1.0"}


def test_a_questionnaire_that_takes_no_answers_is_not_printed(ours: Caller, world: World) -> None:
    ours.post(f"/patients/{world.patient.id}/withdraw")

    response = ours.post(f"/administrations/{world.administration.id}/paper")

    assert (response.status_code, response.json["reason"]) == (409, "withdrawn")


def test_a_paper_that_is_none_is_refused_with_those_there_are(ours: Caller, world: World) -> None:
    response = ours.post(f"/administrations/{world.administration.id}/paper?paper=a3")

    assert response.status_code == 422
    assert "a4, letter" in response.json["errors"]["paper"][0]


def test_a_message_sent_now_is_due_now(ours: Caller, world: World, clock: Clock) -> None:
    clock.advance(hours=2)

    response = ours.post(f"/administrations/{world.administration.id}/send")

    assert response.status_code == 200
    assert dt.datetime.fromisoformat(response.json["due_at"]) <= clock.now()


def test_nothing_is_sent_to_a_patient_who_may_not_be_mailed(ours: Caller, world: World) -> None:
    ours.patch(f"/patients/{world.patient.id}", {"email_allowed": False}, If_Match="*")

    response = ours.post(f"/administrations/{world.administration.id}/send")

    assert response.status_code == 409
    assert response.json["reason"] == "email_not_allowed"
    assert response.json["detail"] == EXPLANATIONS["email_not_allowed"]


def test_the_timeline_tells_who_asked_from_why(ours: Caller, world: World, clock: Clock) -> None:
    clock.advance(hours=2)
    sent = ours.post(f"/administrations/{world.administration.id}/send").json

    timeline = ours.get(f"/episodes/{world.episode.id}/timeline").json
    [events] = [
        message["events"]
        for one in timeline["administrations"]
        for message in one["messages"]
        if message["id"] == sent["id"]
    ]
    assert [(event["kind"], event["actor"].split(":")[0], event["reason"]) for event in events] == [
        ("requested", "key", None)
    ]
