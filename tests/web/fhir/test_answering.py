"""Answers sent in FHIR go the way of all answers: the same checks, the same scores, the same standing set."""

from typing import Any

import pytest
from sqlalchemy import select

import instruments
from prom_service.models import AnswerSet, Response, Score
from prom_service.runtime import Runtime
from tests import builders
from tests.web.api.caller import Caller, World
from tests.web.fhir.documents import POST, ROOT, a_response, a_transaction, named, places

ITEM = "QuestionnaireResponse.repeat(item).where(linkId='{}')".format


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One kind of database: what is written here is written by the submission, and read by what is tested on both."""
    return sqlite_url


def kept(runtime: Runtime, world: World) -> list[Response]:
    """The responses to the administration that is open."""
    with runtime.reading() as session:
        query = select(Response).where(Response.administration_id == world.administration.id)
        return list(session.scalars(query.order_by(Response.number)))


def answers_kept(runtime: Runtime, response: Response) -> dict[str, Any]:
    with runtime.reading() as session:
        sets = session.scalars(select(AnswerSet).where(AnswerSet.response_id == response.id))
        return {one.instrument: one.answers for one in sets if one.answers}


def scores_kept(runtime: Runtime, response: Response) -> dict[str, float | None]:
    with runtime.reading() as session:
        scores = session.scalars(select(Score).where(Score.response_id == response.id, Score.answered > 0))
        return {f"{one.instrument}.{one.scale}": one.value for one in scores}


def claim(value: float) -> list[dict[str, Any]]:
    return [
        {"linkId": "Q1", "answer": [{"valueInteger": 3}]},
        {"linkId": "score.total", "answer": [{"valueDecimal": value}]},
    ]


def test_answers_are_stored_scored_and_read_again(ours: Caller, world: World, runtime: Runtime, judges: Any) -> None:
    document = a_response(world, "ihot-12-1.0", {"Q1": 40, "Q5": "NA", **{f"Q{n}": 60 for n in (2, 3, 4, 7, 10)}})

    answer = ours.post(POST, document)

    [response] = kept(runtime, world)
    expected = instruments.score(instruments.find("ihot-12-1.0"), answers_kept(runtime, response)["ihot-12-1.0"])
    assert answer.status_code == 201
    assert answer.json["item"] == document["item"]
    assert ours.get(answer.headers["Location"]).json == answer.json
    assert scores_kept(runtime, response) == {"ihot-12-1.0.total": expected["total"].value}
    assert (response.mode, response.answered_by, response.entered_by[:4]) == ("desk", "unknown", "key:")
    assert judges.faults(answer.json) == []


def test_a_symptom_raises_its_flag_at_once(ours: Caller, world: World) -> None:
    ours.post(POST, a_response(world, "safety-1.0", {"R1": 1, "R2": 0}))

    [flag, *_] = ours.get("/flags?kind=red_flag_symptom").json["items"]

    assert (flag["severity"], flag["checkpoint"]) == ("urgent", "6-weeks")


def test_the_same_answers_again_have_no_effect_and_others_are_an_amendment(
    ours: Caller, world: World, runtime: Runtime, judges: Any
) -> None:
    first = ours.post(POST, a_response(world))
    same = ours.post(POST, a_response(world, status="amended"))
    other = ours.post(POST, a_response(world, answers={"Q1": 4}))

    assert [one.status_code for one in (first, same, other)] == [201, 200, 201]
    assert same.json["id"] == first.json["id"]
    assert other.json["status"] == "amended"
    assert [one.amendment for one in kept(runtime, world)] == [False, True]
    assert other.json["contained"][0]["issue"][0]["severity"] == "information"
    assert judges.faults(other.json) == []


def test_a_repeated_request_has_one_effect_and_the_same_answer(ours: Caller, world: World, runtime: Runtime) -> None:
    first = ours.post(POST, a_response(world), Idempotency_Key="k1")
    again = ours.post(POST, a_response(world), Idempotency_Key="k1")
    another = ours.post(POST, a_response(world, answers={"Q1": 9}), Idempotency_Key="k1")

    assert (first.status_code, again.status_code, another.status_code) == (201, 201, 422)
    assert (again.data, again.headers["Location"]) == (first.data, first.headers["Location"])
    assert again.content_type == "application/fhir+json"
    assert len(kept(runtime, world)) == 1


def test_nothing_is_created_where_the_condition_finds_something(ours: Caller, world: World, runtime: Runtime) -> None:
    condition = f"based-on=urn:prom-service:administration|{world.administration.id}"
    first = ours.post(POST, a_response(world), If_None_Exist=condition)
    again = ours.post(POST, a_response(world, answers={"Q1": 9}), If_None_Exist=condition)
    ours.post(POST, a_response(world, answers={"Q1": 9}))
    several = ours.post(POST, a_response(world, answers={"Q1": 7}), If_None_Exist=condition)
    unknown = ours.post(POST, a_response(world), If_None_Exist="colour=red")
    empty = ours.post(POST, a_response(world), If_None_Exist="_count=1")

    assert [one.status_code for one in (first, again, several, unknown, empty)] == [201, 200, 412, 422, 422]
    assert again.headers["Location"] == first.headers["Location"]
    assert again.json["resourceType"] == "OperationOutcome"
    assert len(kept(runtime, world)) == 2


def test_several_questionnaires_are_one_set_in_a_transaction(
    ours: Caller, world: World, runtime: Runtime, judges: Any
) -> None:
    given = builders.complete_answers(world.administration, world.episode, ihot=70, groc=3)

    answer = ours.post(ROOT, a_transaction(*(a_response(world, ref, one) for ref, one in given.items())))

    [response] = kept(runtime, world)
    assert (answer.status_code, answer.json["type"]) == (200, "transaction-response")
    assert [one["response"]["status"] for one in answer.json["entry"]] == ["201"] * len(given)
    assert answers_kept(runtime, response) == given
    assert scores_kept(runtime, response)["groc-1.0.total"] == 3
    assert ours.get(answer.json["entry"][0]["response"]["location"]).json == answer.json["entry"][0]["resource"]
    assert judges.faults(answer.json) == []


def test_a_transaction_is_taken_whole_or_not_at_all(ours: Caller, world: World, runtime: Runtime) -> None:
    good, bad = a_response(world), a_response(world, "groc-1.0", {"Q1": 1}, status="in-progress")
    later = a_response(world, "pass-1.0", {"Q1": 1}, authored="2026-03-01")
    put = {**a_transaction(good), "entry": [{"resource": good, "request": {"method": "PUT", "url": "Patient"}}]}
    refused = {
        "Bundle.entry[1].resource.status": a_transaction(good, bad),
        "Bundle.entry": a_transaction(good, later),
        "Bundle.entry[0].request": put,
        "Bundle.type": {**a_transaction(good), "type": "batch"},
        "Bundle": good,
    }

    answers = {place: ours.post(ROOT, document) for place, document in refused.items()}
    twice = ours.post(ROOT, a_transaction(good, good))
    nothing = ours.post(ROOT, {**a_transaction(), "entry": "x"})

    assert {place: places(answer.json) for place, answer in answers.items()} == {place: [place] for place in refused}
    assert places(twice.json) == places(nothing.json) == ["Bundle.entry"]
    assert kept(runtime, world) == []


def test_a_transaction_under_a_condition_is_refused(ours: Caller, world: World, runtime: Runtime) -> None:
    condition = f"based-on=urn:prom-service:administration|{world.administration.id}"
    conditional = a_transaction(a_response(world))
    conditional["entry"][0]["request"] |= {"ifNoneExist": condition, "ifMatch": 'W/"1"'}

    by_entry = ours.post(ROOT, conditional)
    by_header = ours.post(ROOT, a_transaction(a_response(world)), If_None_Exist=condition)

    assert (by_entry.status_code, by_header.status_code) == (422, 422)
    assert places(by_entry.json) == [f"Bundle.entry[0].request.{name}" for name in ("ifMatch", "ifNoneExist")]
    assert places(by_header.json) == ["If-None-Exist"]
    assert kept(runtime, world) == []


def test_rules_that_would_change_what_is_meant_are_refused(ours: Caller, world: World, runtime: Runtime) -> None:
    rules = {"implicitRules": "urn:rules"}

    response = ours.post(POST, a_response(world, **rules))
    transaction = ours.post(ROOT, {**a_transaction(a_response(world)), **rules})

    assert (places(response.json), places(transaction.json)) == (
        ["QuestionnaireResponse.implicitRules"],
        ["Bundle.implicitRules"],
    )
    assert kept(runtime, world) == []


def test_a_score_that_was_sent_is_compared_and_never_kept(
    ours: Caller, world: World, runtime: Runtime, judges: Any
) -> None:
    claims = [3, 3.04, 3.1, 97]

    answers = [ours.post(POST, a_response(world, item=claim(value))) for value in claims]

    [response] = kept(runtime, world)
    outcomes = [answer.json["contained"][0] for answer in answers if "contained" in answer.json]
    assert [answer.status_code for answer in answers] == [201, 200, 200, 200]
    assert scores_kept(runtime, response) == {"nprs-1.0.total": 3}
    assert ["contained" in answer.json for answer in answers] == [False, False, True, True]
    assert [places(one) for one in outcomes] == [[ITEM("score.total")]] * 2
    assert {one["issue"][0]["severity"] for one in outcomes} == {"warning"}
    assert [fault for answer in answers for fault in judges.faults(answer.json)] == []


def test_a_score_in_a_contained_observation_is_compared_too(ours: Caller, world: World) -> None:
    observation = {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": {"coding": [{"system": "urn:prom-service:scale", "code": "nprs-1.0.total"}]},
        "valueQuantity": {"value": 8},
    }

    answer = ours.post(POST, a_response(world, contained=[observation]))

    assert places(answer.json["contained"][0]) == [ITEM("score.total")]


def test_when_by_whom_and_how_it_was_answered_is_kept(ours: Caller, world: World, runtime: Runtime) -> None:
    mode = {"url": "urn:prom-service:mode", "valueCode": "phone"}
    subject = {"reference": f"Patient/{world.patient.id}"}
    answer = ours.post(
        POST,
        a_response(world, authored="2026-02-27", extension=[mode], subject=subject, source=subject, language="es-MX"),
    )

    [response] = kept(runtime, world)
    assert answer.status_code == 201
    assert (response.mode, response.answered_by, response.language) == ("phone", "self", "es")
    assert answer.json["authored"] == "2026-02-27T12:00:00+00:00"
    assert answer.json["source"] == subject


def test_everything_that_is_wrong_is_named_at_once_by_its_place(ours: Caller, world: World, judges: Any) -> None:
    items = [
        {"linkId": "Q1", "answer": [{"valueInteger": 101}]},
        {"linkId": "Q2", "answer": [{"valueString": "7"}]},
        {"linkId": "Q99", "answer": [{"valueInteger": 1}]},
    ]

    answer = ours.post(POST, a_response(world, "ihot-12-1.0", item=items, status="in-progress", colour="red"))

    assert answer.status_code == 422
    assert sorted(places(answer.json)) == sorted(
        ["QuestionnaireResponse.colour", "QuestionnaireResponse.status", ITEM("Q1"), ITEM("Q2"), ITEM("Q99")]
    )
    assert "101" not in answer.text
    assert judges.faults(answer.json) == []


def test_what_cannot_be_understood_is_refused_at_its_place(ours: Caller, world: World, runtime: Runtime) -> None:
    stranger = {"reference": "Patient/01a2149b-3592-73e1-918b-1fd5ac32d379"}
    refused: dict[str, list[dict[str, Any]]] = {
        "questionnaire": [{"questionnaire": None}, {"questionnaire": "urn:x|1"}, {"questionnaire": 7}],
        "basedOn": [{"basedOn": None}, {"basedOn": [{"reference": "x"}]}, {"basedOn": [named("x")]}, {"basedOn": 7}],
        "subject": [{"subject": stranger}, {"subject": {"reference": "Group/1"}}, {"subject": 7}],
        "authored": [{"authored": one} for one in ("yesterday", "2026-02-27T12:00:00", "2027-01-01", "0001-01-01", 7)],
        "item": [{"item": []}, {"item": None}, {"item": "x"}],
        "language": [{"language": 7}],
        "extension('urn:prom-service:mode')": [{"extension": [{"url": "urn:prom-service:mode", "valueCode": "web"}]}],
    }

    answers = {place: [ours.post(POST, a_response(world, **one)) for one in many] for place, many in refused.items()}

    assert {answer.status_code for many in answers.values() for answer in many} == {422}
    assert {place: {at for answer in many for at in places(answer.json)} for place, many in answers.items()} == {
        place: {f"QuestionnaireResponse.{place}"} for place in refused
    }
    assert kept(runtime, world) == []


def test_a_questionnaire_that_is_not_asked_is_refused(ours: Caller, world: World) -> None:
    answer = ours.post(POST, a_response(world, "hoos-jr-1.0", {"P5": 1}))

    assert answer.status_code == 422
    assert places(answer.json) == ["QuestionnaireResponse.questionnaire"]


def test_a_question_of_the_baseline_is_refused_later_by_its_link_id(ours: Caller, world: World) -> None:
    answer = ours.post(POST, a_response(world, "safety-1.0", {"R11": 1}))

    assert places(answer.json) == [ITEM("R11")]


BODIES: list[tuple[bytes, dict[str, str], int]] = [
    (b"[", {}, 400),
    (b'{"resourceType": "QuestionnaireResponse", "status": NaN}', {}, 400),
    (b'{"status": "a", "status": "b"}', {}, 400),
    (b"[" * 40 + b"]" * 40, {}, 400),
    (b"7", {}, 422),
    (b"", {}, 400),
    (b"<x/>", {"Content_Type": "application/fhir+xml"}, 415),
    (b" " * 300_000, {}, 413),
]


def test_a_body_that_is_no_resource_is_refused(ours: Caller, judges: Any) -> None:
    answers = [(ours.post(at, body, **headers), status) for body, headers, status in BODIES for at in (POST, ROOT)]

    assert [answer.status_code for answer, _ in answers] == [status for _, status in answers]
    assert [fault for answer, _ in answers for fault in judges.faults(answer.json)] == []


def test_answers_outside_the_window_are_a_conflict_that_says_why(ours: Caller, world: World) -> None:
    answer = ours.post(POST, a_response(world, authored="2026-02-01"))

    assert answer.status_code == 409
    assert answer.json["issue"][0]["diagnostics"] == "not_open_yet"
