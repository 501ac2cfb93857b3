"""Every instrument leaves as a Questionnaire that two validators take, and says what its definition says."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

import instruments
from instruments.definition import Instrument, Item
from instruments.interchange import names
from instruments.interchange.fhir_questionnaire import questionnaire

ALL = instruments.all_instruments()


def questions(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every item of a document, whatever it is nested in."""
    for item in document.get("item", []):
        yield item
        yield from questions(item)


def by_link_id(instrument: Instrument) -> dict[str, Any]:
    return {item["linkId"]: item for item in questions(questionnaire(instrument))}


def extension(element: Mapping[str, Any], url: str) -> Any:
    return next(
        (value for one in element["extension"] if one["url"] == url for name, value in one.items() if name != "url"),
        None,
    )


@pytest.mark.parametrize("instrument", ALL, ids=lambda one: one.ref)
@pytest.mark.parametrize("language", ["en", "es"])
def test_two_validators_find_nothing_wrong(instrument: Instrument, language: str, judges: Any) -> None:
    other = {"en": "es", "es": "en"}[language]
    asked = instruments.find_in(language, instrument.ref)

    document = questionnaire(asked, [instruments.find_in(other, instrument.ref)])

    assert judges.faults(document) == []


def test_the_validators_find_what_is_wrong(judges: Any) -> None:
    document = questionnaire(instruments.find("nprs-1.0"))

    no_value_set = judges.faults({**document, "status": "bogus"})
    no_such_element = judges.faults({**document, "colour": "red"})

    assert len(no_value_set) == 1
    assert len(no_such_element) == 2


@pytest.mark.parametrize("instrument", ALL, ids=lambda one: one.ref)
def test_every_item_is_asked_once_under_its_code(instrument: Instrument) -> None:
    link_ids = [item["linkId"] for item in questions(questionnaire(instrument))]

    assert len(link_ids) == len(set(link_ids))
    assert [link_id for link_id in link_ids if link_id in instrument.item_codes] == list(instrument.item_codes)


@pytest.mark.parametrize(
    ("instrument", "item"),
    [pytest.param(one, item, id=f"{one.ref}-{item.code}") for one in ALL for item in one.items if item.options],
)
def test_an_option_has_the_number_that_is_scored_as_code_and_ordinal_value(instrument: Instrument, item: Item) -> None:
    options = by_link_id(instrument)[item.code]["answerOption"]

    said = [
        (option["valueCoding"]["code"], extension(option, names.ORDINAL), option["valueCoding"]["display"])
        for option in options
    ]

    assert said == [(str(code), code, text) for code, text in item.choices]


def test_a_line_is_a_whole_number_between_its_ends() -> None:
    asked = by_link_id(instruments.find("ihot-12-1.0"))

    assert asked["Q1"]["type"] == "integer"
    assert (extension(asked["Q1"], names.LEAST), extension(asked["Q1"], names.MOST)) == (0, 100)
    assert (asked["Q1.low"]["text"], asked["Q1.high"]["text"]) == ("Extreme pain", "No pain")


def test_what_may_not_apply_has_a_question_of_its_own_which_takes_the_other_away() -> None:
    instrument = instruments.find("ihot-12-1.0")

    asked = by_link_id(instrument)

    assert {link_id for link_id in asked if link_id.endswith(".na")} == {"Q5.na", "Q6.na", "Q8.na", "Q9.na"}
    assert (asked["Q5.na"]["type"], asked["Q5.na"]["text"]) == ("boolean", instrument.na_text)
    assert {one["question"] for one in asked["Q5"]["enableWhen"]} == {"Q5.na"}
    assert "enableWhen" not in asked["Q1"]


def test_an_activity_is_named_before_it_is_rated() -> None:
    link_ids = [item["linkId"] for item in questions(questionnaire(instruments.find("psfs-1.0")))]

    assert link_ids.index("Q1.text") < link_ids.index("Q1") < link_ids.index("Q2.text")


def test_a_safety_question_is_coded_and_says_what_is_asked_later() -> None:
    instrument = instruments.find("safety-1.0")

    asked = by_link_id(instrument)

    assert [option["valueCoding"]["code"] for option in asked["R1"]["answerOption"]] == ["0", "1"]
    assert extension(asked["R1"], names.FOLLOWUP_TEXT) == instrument.item("R1").followup_text
    assert extension(asked["R11"], names.BASELINE_ONLY) is True


def test_it_says_whose_words_they_are_and_what_they_are_called() -> None:
    document = questionnaire(instruments.find("hoos-jr-1.0"))

    assert (document["url"], document["version"]) == ("urn:prom-service:questionnaire:hoos-jr", "1.0")
    assert (document["status"], document["id"]) == ("active", "hoos-jr-1.0")
    assert "Hospital for Special Surgery" in document["copyright"]
    assert "own and provisional" in document["copyright"]


def test_other_languages_stand_beside_every_text() -> None:
    instrument = instruments.find("hoos-jr-1.0")
    spanish = instruments.find_in("es", "hoos-jr-1.0")

    document = questionnaire(instrument, [spanish])

    asked = {item["linkId"]: item for item in questions(document)}
    coding = asked["P5"]["answerOption"][1]["valueCoding"]
    assert _translated(asked["P5"]["_text"]) == {"es": spanish.item("P5").text}
    assert _translated(coding["_display"]) == {"es": spanish.item("P5").options[1]}
    assert all("_text" in item for item in asked.values())


def _translated(element: Mapping[str, Any]) -> dict[str, str]:
    said = [{part["url"]: part for part in one["extension"]} for one in element["extension"]]
    return {parts["lang"]["valueCode"]: parts["content"]["valueString"] for parts in said}


def test_only_loinc_codes_that_were_checked_are_passed_on() -> None:
    passed_on = {
        coding["code"]
        for instrument in ALL
        for element in (questionnaire(instrument), *questions(questionnaire(instrument)))
        for coding in element.get("code", [])
        if coding["system"] == "http://loinc.org"
    }

    assert instruments.find("nprs-1.0").item("Q1").loinc == "72514-3"
    assert passed_on == {
        *("72092-0", "98945-9", "82316-1"),
        *("82317-9", "82318-7", "82319-5", "82320-3", "82321-1", "82322-9"),
    }
