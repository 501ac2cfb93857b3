"""Instruments over the API, and scores that are those of the scoring core to the last bit."""

import random

import pytest

import instruments
from instruments import Instrument
from prom_service.runtime import Runtime
from prom_service.services import access
from tests import builders
from tests.fakes import Clock
from tests.support.paper import Sheets
from tests.web.api.caller import Caller, World

ALL = instruments.all_instruments()


def _random_answers(instrument: Instrument, dice: random.Random) -> dict[str, int | str]:
    answers: dict[str, int | str] = {}
    for item in instrument.items:
        if dice.random() < 0.8:
            answers[item.code] = dice.randint(item.minimum, item.maximum)
        elif item.na_allowed:
            answers[item.code] = "NA"
    return answers


def test_every_instrument_is_listed_and_shown(ours: Caller) -> None:
    listed = ours.get("/instruments").json

    assert [row["ref"] for row in listed["items"]] == [instrument.ref for instrument in ALL]
    assert listed["next"] is None
    for instrument in ALL:
        shown = ours.get(f"/instruments/{instrument.ref}").json
        assert [item["code"] for item in shown["items"]] == list(instrument.item_codes)
        assert [scale["key"] for scale in shown["scales"]] == [scale.key for scale in instrument.scales]
        assert shown["licence"]
        assert shown["wording"] == "own"


def test_an_instrument_says_how_it_is_scored_and_what_its_scores_are_compared_with(ours: Caller) -> None:
    shown = ours.get("/instruments/ihot-12-1.0").json

    [scale] = shown["scales"]
    assert (scale["best"], scale["worst"]) == (100.0, 0.0)
    assert "at least" in scale["missing_rule"]
    assert {row["kind"] for row in shown["thresholds"]} >= {"MCII", "working"}
    assert [item["code"] for item in shown["items"] if item["na_allowed"]] == ["Q5", "Q6", "Q8", "Q9"]


def test_an_instrument_is_shown_in_the_words_in_force_at_the_clinic_of_the_key(
    ours: Caller, theirs: Caller, world: World, runtime: Runtime, clock: Clock
) -> None:
    with runtime.transaction() as session:
        pack = builders.a_pack(session, world.clinic, "nprs-1.0", now=clock.now())

    mine, other = (caller.get("/instruments/nprs-1.0").json for caller in (ours, theirs))
    listed = {row["ref"]: row["wording"] for row in ours.get("/instruments").json["items"]}

    assert (mine["wording"], mine["items"][0]["text"].split()[0]) == ("official", "Official")
    assert mine["wording_pack"] == {
        "id": str(pack.id),
        "digest": pack.digest,
        "source": "A form",
        "recorded_at": clock.now().isoformat(),
    }
    assert (other["wording"], other["items"][0]["text"].split()[0], other["wording_pack"]) == ("own", "How", None)
    assert {ref for ref, wording in listed.items() if wording == "official"} == {"nprs-1.0"}


def test_an_instrument_is_shown_in_the_language_asked_for(ours: Caller) -> None:
    spanish = ours.get("/instruments/nprs-1.0?language=es").json
    refused = ours.get("/instruments/nprs-1.0?language=tlh")

    assert (spanish["language"], spanish["items"][0]["text"].split()[0]) == ("es", "¿Qué")
    assert (refused.status_code, set(refused.json["errors"])) == (422, {"language"})


def test_a_key_of_no_clinic_is_shown_our_own_words(ours: Caller, world: World, runtime: Runtime, clock: Clock) -> None:
    with runtime.transaction() as session:
        builders.a_pack(session, world.clinic, "nprs-1.0", now=clock.now())
        _key, text = access.create_api_key(
            session,
            organisation_id=world.clinic.organisation_id,
            clinic_id=None,
            name="quality",
            scopes=["reports:read"],
            secret=runtime.settings.secret,
            now=clock.now(),
        )

    shown = Caller(ours.client, text).get("/instruments/nprs-1.0").json

    assert (shown["wording"], shown["language"], shown["wording_pack"]) == ("own", "en", None)


@pytest.mark.parametrize("instrument", ALL, ids=lambda instrument: instrument.ref)
def test_the_scores_are_those_of_the_scoring_core(instrument: Instrument, ours: Caller) -> None:
    dice = random.Random(instrument.ref)

    for _draw in range(5):
        answers = _random_answers(instrument, dice)
        scores = ours.post(f"/instruments/{instrument.ref}/score", {"answers": answers}).json["scores"]

        expected = instruments.score(instrument, answers)
        assert {key: (one["value"], one["answered"], one["best"]) for key, one in scores.items()} == {
            key: (one.value, one.answered, one.best) for key, one in expected.items()
        }


def test_too_few_answers_make_a_score_missing(ours: Caller) -> None:
    answers = {f"P{number}": 1 for number in range(1, 5)}

    four = ours.post("/instruments/hoos-2.0/score", {"answers": answers}).json["scores"]["pain"]
    five = ours.post("/instruments/hoos-2.0/score", {"answers": {**answers, "P5": 1}}).json["scores"]["pain"]

    assert (four["value"], four["answered"], four["items"]) == (None, 4, 10)
    assert (five["value"], five["answered"], five["best"]) == (75.0, 5, 100.0)


def test_every_bad_item_has_its_own_error(ours: Caller) -> None:
    answers = {
        "P1": 5,
        "P2": -1,
        "P3": True,
        "P4": 1.5,
        "P5": "1",
        "P6": [1],
        "P7": "NA",
        "X1": 0,
        "P8": 10**30,
        "P9": 3,
    }

    response = ours.post("/instruments/hoos-2.0/score", {"answers": answers})

    assert response.status_code == 422
    assert set(response.json["errors"]) == {f"answers.{item}" for item in answers if item != "P9"}


@pytest.mark.parametrize("body", [None, {}, {"answers": []}, {"answers": None}, {"answers": {}, "more": 1}])
def test_a_body_of_another_shape_is_refused(body: object, ours: Caller) -> None:
    assert ours.post("/instruments/nprs-1.0/score", body).status_code == 422


def test_nothing_answered_is_no_error(ours: Caller) -> None:
    scores = ours.post("/instruments/nprs-1.0/score", {"answers": {}}).json["scores"]

    assert scores["total"]["value"] is None


def test_an_instrument_without_scores_has_none(ours: Caller) -> None:
    assert ours.post("/instruments/safety-1.0/score", {"answers": {"R1": 1}}).json["scores"] == {}


def test_a_blank_questionnaire_is_a_file_in_the_language_and_on_the_paper_asked_for(ours: Caller) -> None:
    plain = ours.get("/instruments/nprs-1.0/paper")
    spanish = ours.get("/instruments/nprs-1.0/paper?language=es&paper=letter")

    sheets, letter = Sheets(plain.data), Sheets(spanish.data)
    assert plain.content_type == "application/pdf"
    assert plain.headers["Content-Disposition"] == 'attachment; filename="questionnaire.pdf"'
    assert instruments.find("nprs-1.0").items[0].text in sheets.text
    assert instruments.find_in("es", "nprs-1.0").items[0].text in letter.text
    assert (sheets.size, letter.size) == ((210, 297), (216, 279))


def test_a_blank_questionnaire_that_the_caller_has_is_not_sent_again(ours: Caller) -> None:
    tag = ours.get("/instruments/nprs-1.0/paper").headers["ETag"]

    assert ours.get("/instruments/nprs-1.0/paper", If_None_Match=tag).status_code == 304


@pytest.mark.parametrize(
    ("query", "field", "allowed"),
    [("language=xx", "language", "en, es"), ("paper=a3", "paper", "a4, letter"), ("size=a4", "size", "Unknown")],
)
def test_a_language_or_paper_that_is_none_is_refused_with_those_there_are(
    query: str, field: str, allowed: str, ours: Caller
) -> None:
    response = ours.get(f"/instruments/nprs-1.0/paper?{query}")

    assert response.status_code == 422
    assert allowed in response.json["errors"][field][0]


@pytest.mark.parametrize("ref", ["hoos", "hoos-9.9", "a" * 100, "'; --"])
def test_an_unknown_instrument_is_not_found(ref: str, ours: Caller) -> None:
    assert ours.get(f"/instruments/{ref}").status_code == 404
    assert ours.get(f"/instruments/{ref}/paper").status_code == 404
    assert ours.post(f"/instruments/{ref}/score", {"answers": {}}).status_code == 404
