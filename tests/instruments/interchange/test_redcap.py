"""Instruments leave as a data dictionary that a model of REDCap's rules takes, and answers as its cells."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

import instruments
from instruments import wording
from instruments.definition import Instrument
from instruments.errors import InvalidAnswersError
from instruments.interchange import redcap
from prom_service.cli.exporting import as_csv
from tests.support.redcap import read_dictionary

ALL = instruments.all_instruments()


def rows_of(*chosen: Instrument) -> dict[str, dict[str, str]]:
    fields, faults = read_dictionary(as_csv(redcap.dictionary(chosen)))
    assert faults == []
    return {field["variable_field_name"]: field for field in fields}


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_dictionary_of_everything_is_within_redcaps_rules(language: str) -> None:
    fields = rows_of(*(instruments.find_in(language, one.ref) for one in ALL))

    assert list(fields)[:2] == ["record_id", "answered_on"]
    assert set(fields) == {"record_id", "answered_on", *(name for one in ALL for name in redcap.fields(one))}
    assert {field["branching_logic"] for field in fields.values()} == {""}


def test_the_rules_find_what_is_wrong() -> None:
    broken = as_csv(redcap.dictionary([ALL[0]])).replace(b",radio,", b",wheel,").replace(b"groc_q1", b"GROC_Q1")

    assert read_dictionary(broken)[1] == [
        "GROC_Q1.variable_field_name: has the wrong shape",
        "GROC_Q1.field_type: is no FieldType",
    ]


@pytest.mark.parametrize("instrument", ALL, ids=lambda one: one.ref)
def test_choices_and_bounds_are_those_of_the_items(instrument: Instrument) -> None:
    fields = rows_of(instrument)

    for name, key in redcap.fields(instrument).items():
        if key.endswith(".text"):
            continue
        item, field = instrument.item(key), fields[name]
        choices = [tuple(one.split(", ", 1)) for one in field["choices_calculations_slider_labels"].split(" | ")]
        bounds = (field["text_validation_min"], field["text_validation_max"])
        assert field["field_label"] == item.text
        assert not item.options or choices == [(str(code), text) for code, text in item.choices]
        assert item.options or bounds == (str(item.minimum), str(item.maximum))


def test_a_line_is_a_slider_and_a_row_of_numbers_a_whole_number() -> None:
    fields = rows_of(instruments.find("ihot-12-1.0"), instruments.find("nprs-1.0"))

    line, numbers = fields["ihot_12_q5"], fields["nprs_q1"]
    assert (line["field_type"], line["choices_calculations_slider_labels"]) == (
        "slider",
        "Extreme trouble | | No trouble",
    )
    assert line["field_note"] == "NA: This does not apply to me"
    assert (numbers["field_type"], numbers["text_validation_type_or_show_slider_number"]) == ("text", "integer")


def test_a_mark_that_separates_labels_is_no_part_of_one() -> None:
    official = wording.apply(instruments.find("pass-1.0"), _pack())

    assert rows_of(official)["pass_q1"]["choices_calculations_slider_labels"] == "0, No / never | 1, Yes, always"


def _pack() -> Any:
    return wording.parse(
        'instrument = "pass-1.0"\nlanguage = "en"\nwording = "own"\nsource = "x"\n'
        '[options]\nyes_no = ["No | never", "Yes, always"]\n[items]\nQ1 = { text = "All right?", options = "yes_no" }'
    )


@given(some.data())
def test_answers_come_back_as_they_left(data: some.DataObject) -> None:
    instrument = data.draw(some.sampled_from(ALL))
    answers: dict[str, Any] = {}
    for item in instrument.items:
        codes = some.integers(item.minimum, item.maximum) | some.none()
        answers[item.code] = data.draw(codes | some.just("NA") if item.na_allowed else codes)
    given_ = {code: answer for code, answer in answers.items() if answer is not None}

    cells = redcap.cells(instrument, given_)

    keys = redcap.fields(instrument)
    assert {
        keys[name]: redcap.read_cell(instrument, keys[name], cell) for name, cell in cells.items() if cell
    } == given_


@pytest.mark.parametrize("cell", ["-1", "101", "3.5", "x", "NA", "1" * 30])
def test_a_cell_that_is_no_answer_is_refused_and_not_repeated(cell: str) -> None:
    with pytest.raises(InvalidAnswersError) as refused:
        redcap.read_cell(instruments.find("ihot-12-1.0"), "Q1", cell)

    assert "Allowed: a whole number from 0 to 100." in refused.value.errors["Q1"]


def test_a_timepoint_is_an_event() -> None:
    assert redcap.event("6-weeks") == "6_weeks_arm_1"
