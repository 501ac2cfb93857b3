"""A wording pack replaces every text of an instrument, or is refused with all that is missing."""

import re
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest

import instruments
from instruments import wording
from instruments.errors import WordingError

PASS = """
instrument = "pass-1.0"
language = "es"
wording = "official"
source = "Form of 2020"
title = "Pregunta"
[sections]
"How you are" = "Cómo está"
[scales]
total = "Estado aceptable"
[options]
yes_no = ["No", "Sí"]
[items]
Q1 = { text = "¿Está bien así?", options = "yes_no" }
"""

SAME_IN_BOTH = {"No", "Total", "HOOS-12", "HOOS, JR."}


def pack_for(instrument: instruments.Instrument) -> wording.WordingPack:
    """A complete pack in which every text says "new"."""
    return wording.WordingPack(
        instrument=instrument.ref,
        language=instrument.language,
        wording="official",
        source="test",
        sections={},
        intro="new",
        na_text="new",
        items={
            item.code: wording.ItemWording(
                text="new",
                options=("new",) * len(item.options),
                low_label=item.low_label and "new",
                high_label=item.high_label and "new",
                followup_text=item.followup_text and "new",
            )
            for item in instrument.items
        },
    )


def test_a_pack_replaces_the_words_and_leaves_the_scoring() -> None:
    question = instruments.find("pass-1.0")

    worded = wording.apply(question, wording.parse(PASS))

    assert (worded.ref, worded.wording, worded.language) == ("pass-1.0", "official", "es")
    assert (worded.title, worded.item("Q1").section) == ("Pregunta", "Cómo está")
    assert worded.scale("total").title == "Estado aceptable"
    assert (worded.item("Q1").text, worded.item("Q1").options) == ("¿Está bien así?", ("No", "Sí"))
    assert instruments.score(worded, {"Q1": 1}) == instruments.score(question, {"Q1": 1})
    assert question.wording == "own"


@pytest.mark.parametrize("instrument", instruments.all_instruments(), ids=lambda instrument: instrument.ref)
def test_every_instrument_can_be_reworded_completely(instrument: instruments.Instrument) -> None:
    worded = wording.apply(instrument, pack_for(instrument))

    texts = {text for item in worded.items for text in (item.text, *item.options, item.low_label, item.followup_text)}
    assert texts <= {"new", ""}
    assert [item.tier for item in worded.items] == [item.tier for item in instrument.items]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"pass-1.0"', '"nprs-1.0"', "the pack is for nprs-1.0, not for pass-1.0"),
        ('text = "¿Está bien así?", ', "", "items.Q1.text is missing"),
        ('text = "¿Está bien así?"', 'text = " "', "items.Q1.text is missing"),
        (', options = "yes_no"', "", "items.Q1.options: 2 texts are needed"),
        ('["No", "Sí"]', '["No"]', "items.Q1.options: 2 texts are needed"),
        ('["No", "Sí"]', '["No", ""]', "items.Q1.options: 2 texts are needed"),
        (
            'options = "yes_no" }',
            'options = "yes_no", low_label = "x" }',
            "items.Q1.low_label is not used by this item",
        ),
        ("Q1 =", "Q2 =", "items.Q2: pass-1.0 has no such item"),
        ("Q1 =", "Q2 =", "items.Q1 is missing"),
        ('"How you are" = "Cómo está"', "", "sections.How you are is missing"),
        ('"Cómo está"', '" "', "sections.How you are is empty"),
        ('"How you are"', '"How are you"', "sections.How are you: pass-1.0 has no such section"),
        ('total = "Estado aceptable"', "", "scales.total is missing"),
        ('total = "Estado', 'sum = "Estado', "scales.sum: pass-1.0 has no such scale"),
    ],
)
def test_an_incomplete_pack_is_refused_with_every_problem(old: str, new: str, problem: str) -> None:
    pack = wording.parse(PASS.replace(old, new, 1))

    with pytest.raises(WordingError) as refused:
        wording.apply(instruments.find("pass-1.0"), pack)

    assert problem in refused.value.problems


def test_the_text_for_what_does_not_apply_is_needed_where_an_item_may_not() -> None:
    instrument = instruments.find("ihot-12-1.0")
    pack = pack_for(instrument)

    emptied = wording.WordingPack(pack.instrument, "en", "own", "test", pack.items, {})

    assert wording.problems(instrument, emptied) == ("intro is missing", "na_text is missing")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('language = "es"', "", "language is missing"),
        ('language = "es"', "language = 3", "language must be a text"),
        ('language = "es"', 'language = "es"\ncolour = 1', "colour is not a key of a wording pack"),
        ('"official"', '"officious"', "wording must be own or official"),
        ("[options]", "[option]", "option is not a key of a wording pack"),
        ('"Cómo está"', "7", "sections.How you are must be a text"),
        ('"Estado aceptable"', "7", "scales.total must be a text"),
        ('["No", "Sí"]', '"No"', "options.yes_no must be a list of texts"),
        ('options = "yes_no"', 'options = "no_yes"', "items.Q1.options names an option set that is not there"),
        ('options = "yes_no"', 'option = "yes_no"', "items.Q1.option is not a key of an item's wording"),
        ('{ text = "¿Está bien así?", options = "yes_no" }', "7", "items.Q1 must be a table"),
        ('text = "¿Está bien así?"', "text = 7", "items.Q1.text must be a text"),
        ('[items]\nQ1 = { text = "¿Está bien así?", options = "yes_no" }', "", "items is missing"),
        ('source = "Form of 2020"', 'source = "Form of 2020"\nitems = 7', "not TOML"),
        ('source = "Form of 2020"', "source = 1" + 5000 * "0", "not TOML"),
        ('source = "Form of 2020"', "source = " + 5000 * "[", "not TOML of a pack: nested too deep"),
        ('"Cómo está"', '"C\\u0000mo"', "sections.How you are holds control characters"),
        ('["No", "Sí"]', '["No", "\\u001b[31m"]', "options.yes_no.2 holds control characters"),
    ],
)
def test_what_is_not_a_pack_is_refused(old: str, new: str, problem: str) -> None:
    with pytest.raises(WordingError) as refused:
        wording.parse(PASS.replace(old, new, 1))

    assert any(found.startswith(problem) for found in refused.value.problems)


def test_a_pack_is_read_from_a_file_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "pack.toml"
    file.write_text(PASS, encoding="utf-8-sig")

    assert wording.read(file) == wording.parse(PASS)


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "pack.toml"
    file.write_text(PASS, encoding="latin-1")

    with pytest.raises(WordingError, match=r"pack\.toml is not UTF-8"):
        wording.read(file)


def test_a_file_larger_than_a_pack_can_be_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "pack.toml"
    file.write_text(PASS + "#" * (wording.LARGEST - len(PASS.encode())), encoding="utf-8")
    largest = wording.read(file)
    file.write_text(file.read_text(encoding="utf-8") + "#", encoding="utf-8")

    with pytest.raises(WordingError, match=r"pack\.toml is larger than 300 kB"):
        wording.read(file)
    assert largest == wording.parse(PASS)


@pytest.mark.parametrize("instrument", instruments.all_instruments(), ids=lambda instrument: instrument.ref)
def test_every_instrument_is_worded_completely_in_spanish(instrument: instruments.Instrument) -> None:
    spanish = instruments.find_in("es", instrument.ref)

    assert (spanish.ref, spanish.language, spanish.wording) == (instrument.ref, "es", "own")
    assert spanish is instruments.find_in("es", instrument.ref)
    left = {text for text in texts_of(instrument) if len(text) > 1} & texts_of(spanish)
    assert left <= SAME_IN_BOTH


@pytest.mark.parametrize("instrument", instruments.all_instruments(), ids=lambda instrument: instrument.ref)
def test_scores_do_not_depend_on_the_language(instrument: instruments.Instrument) -> None:
    spanish = instruments.find_in("es", instrument.ref)

    for place in range(3):
        answers = {item.code: item.minimum + place % (item.maximum - item.minimum + 1) for item in instrument.items}
        assert instruments.score(spanish, answers) == instruments.score(instrument, answers)


@pytest.mark.parametrize("instrument", instruments.all_instruments(), ids=lambda instrument: instrument.ref)
def test_items_that_share_their_options_share_them_in_every_language(instrument: instruments.Instrument) -> None:
    spanish = instruments.find_in("es", instrument.ref)

    def runs(items: tuple[instruments.Item, ...]) -> list[list[str]]:
        return [[item.code for item in run] for _, run in groupby(items, key=lambda item: (item.section, item.options))]

    assert runs(spanish.items) == runs(instrument.items)


def test_spanish_texts_are_short_ask_both_ways_and_mark_no_gender_of_the_reader() -> None:
    for instrument in instruments.all_instruments():
        spanish = instruments.find_in("es", instrument.ref)
        for item in spanish.items:
            for text in (item.text, item.followup_text):
                assert text.startswith("¿") or text.count("¿") == text.count("?")
            assert len(item.text) <= 130, (instrument.ref, item.code)
            assert len(item.followup_text) <= 170, (instrument.ref, item.code)
            assert len(item.section) <= 20
            assert not re.search(r"\b(sentado|acostado|quieto|usted mismo)\b", item.text)


@pytest.mark.parametrize("form", instruments.derived_from(instruments.find("hoos-2.0")), ids=lambda form: form.ref)
def test_a_short_form_has_the_words_of_the_full_questionnaire_in_spanish_too(form: instruments.Instrument) -> None:
    short, full = (instruments.find_in("es", ref) for ref in (form.ref, "hoos-2.0"))

    assert [replace(item, loinc="") for item in short.items] == [full.item(code) for code in short.item_codes]


@pytest.mark.parametrize(("language", "ref"), [("tlh", "hoos-2.0"), ("", "hoos-2.0"), ("../es", "hoos-2.0")])
def test_a_language_without_words_is_refused(language: str, ref: str) -> None:
    with pytest.raises(WordingError, match="has no words in"):
        instruments.find_in(language, ref)


def texts_of(instrument: instruments.Instrument) -> set[str]:
    """Every text of an instrument that a patient may read."""
    of_items = {
        text
        for item in instrument.items
        for text in (item.text, item.section, *item.options, item.low_label, item.high_label, item.followup_text)
    }
    return of_items | {instrument.title, instrument.intro, instrument.na_text} | {s.title for s in instrument.scales}
