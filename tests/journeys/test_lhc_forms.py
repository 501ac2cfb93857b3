"""A form renderer that is not ours shows our Questionnaires, and what is filled in there is taken and scored."""

import datetime as dt
import random
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from flask.testing import FlaskClient

import instruments
from instruments.activities import ratings
from instruments.definition import Instrument
from instruments.interchange.fhir_answers import read_items
from instruments.interchange.fhir_questionnaire import questionnaire
from prom_service.runtime import Runtime
from prom_service.services import questions
from tests.fakes import Clock
from tests.support.lforms import Form, forms
from tests.web.api.caller import Caller, World
from tests.web.fhir.documents import ROOT, a_transaction, named

ALL = instruments.all_instruments()


@pytest.fixture(scope="module")
def form(browser: Any) -> Iterator[Form]:
    """A page with LHC-Forms, on the morning at which every test's clock stands."""
    with forms(browser, dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC)) as page:
        yield page


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One kind of database: what differs here is the form."""
    return sqlite_url


def some_answers(instrument: Instrument, *, seed: int = 1, follow_up: bool = False) -> dict[str, Any]:
    """Answers to most items, some of which do not apply."""
    rng = random.Random(f"{instrument.ref} {seed}")
    answers: dict[str, Any] = {}
    for item in questions.items_asked(instrument, follow_up=follow_up):
        if item.activity:
            answers[item.code + ".text"] = f"Activity of {item.code}"
        if item.na_allowed and rng.random() < 0.5:
            answers[item.code] = "NA"
        elif rng.random() < 0.9:
            answers[item.code] = rng.randint(item.minimum, item.maximum)
    return answers


def fill_in(form: Form, instrument: Instrument, answers: Mapping[str, Any]) -> None:
    """Answer the instrument that is shown."""
    for key, answer in answers.items():
        if answer == "NA":
            form.choose(f"{key}.na", 0)
        elif key.endswith(".text"):
            form.enter(key, answer)
        elif instrument.item(key).options:
            form.choose(key, answer - instrument.item(key).minimum)
        else:
            form.enter(key, str(answer))


def shown_of(instrument: Instrument) -> list[str]:
    """The texts of every question, and of every option with the number it is scored by."""
    options = [f"{text} - {code}" for item in instrument.items for code, text in item.choices]
    return [item.text for item in instrument.items] + options


def filled_in(form: Form, instrument: Instrument, answers: Mapping[str, Any]) -> Any:
    """What the form makes of the answers: a QuestionnaireResponse."""
    form.show(questionnaire(instrument))
    fill_in(form, instrument, answers)
    return form.response()


@pytest.mark.parametrize("instrument", ALL, ids=lambda one: one.ref)
def test_every_question_is_to_be_seen_and_what_is_filled_in_is_read_and_scored(
    instrument: Instrument, form: Form
) -> None:
    answers = some_answers(instrument)

    form.show(questionnaire(instrument))
    unseen = form.invisible(shown_of(instrument))
    fill_in(form, instrument, answers)
    read = read_items(instrument, form.response()["item"])

    assert unseen == []
    assert (read.answers, read.errors) == (answers, {})
    assert instruments.score(instrument, ratings(read.answers)) == instruments.score(instrument, ratings(answers))


@pytest.mark.parametrize("ref", ["hoos-jr-1.0", "safety-1.0"])
def test_it_is_to_be_seen_in_spanish_too(ref: str, form: Form) -> None:
    instrument = instruments.find_in("es", ref)

    form.show(questionnaire(instrument, [instruments.find(ref)]))

    assert form.invisible(shown_of(instrument)) == []


def test_a_question_that_does_not_apply_goes_away(form: Form) -> None:
    form.show(questionnaire(instruments.find("ihot-12-1.0")))

    before = form.is_asked("Q5")
    form.choose("Q5.na", 0)
    gone = form.is_asked("Q5")
    form.choose("Q5.na", 1)
    back = form.is_asked("Q5")

    assert (before, gone, back) == (True, False, True)


def test_the_service_takes_what_was_filled_in_and_scores_it(
    form: Form, client: FlaskClient, runtime: Runtime, clock: Clock
) -> None:
    with runtime.transaction() as session:
        world = World.build(session, now=clock.now())
        asked = questions.instruments_asked(session, world.administration, world.episode)
    answers = {one: some_answers(one, follow_up=True) for one in asked}
    based_on = {"basedOn": [named(world.administration.id)]}
    sent = [filled_in(form, instrument, given) | based_on for instrument, given in answers.items()]
    caller = Caller(client, world.key)

    taken = caller.post(ROOT, a_transaction(*sent))

    scores = caller.get(f"{ROOT}/Observation?date=2026-03-02").json["entry"]
    values = {
        one["resource"]["code"]["coding"][-1]["code"]: one["resource"].get("valueQuantity", {}).get("value")
        for one in scores
    }
    assert (taken.status_code, [one["response"]["status"] for one in taken.json["entry"]]) == (
        200,
        ["201"] * len(asked),
    )
    assert values == {
        f"{instrument.ref}.{scale}": score.value
        for instrument, given in answers.items()
        for scale, score in instruments.score(instrument, given).items()
        if score.answered
    }
