"""The PDF as it is read, measured, scanned and printed."""

from dataclasses import replace

import pytest

import instruments
from instruments.definition import Instrument, Item
from prom_service.language import ENGLISH, SPOKEN, Texts
from prom_service.paper.drawing import PAPERS, draw
from prom_service.paper.questionnaire import TEXTS, Questionnaire
from tests.paper.questionnaires import LINK, NORTHSIDE, OCCASION, asked, blank, part_of
from tests.support.paper import Sheets

ALL = [one.ref for one in instruments.all_instruments()]
MARKUP = r'#panic() #include "/etc/passwd" *b* _i_ $x$ \ `c` <l> @r [x] = t // no /* no */ ~ -- "q" {clinic}'
LINE = 100
TICK = 4.2
ABOVE = 6
"""Boxes on the first page that say which side it is about and who fills it in."""
STROKE = 0.7
"""What a stroke can add to the size of a shape, in millimetres."""


class MirroredQuestionnaire(Questionnaire):
    """A questionnaire in a made-up language that is written from right to left."""

    @property
    def texts(self) -> Texts:
        """English, from right to left."""
        return Texts(replace(ENGLISH, code="ar-XB", direction="rtl"), TEXTS["en"].entries)


def items_on(page: str, instrument: Instrument) -> list[Item]:
    return [item for item in instrument.items if item.text in page]


def options_of(instrument: Instrument) -> set[str]:
    ends = {label for item in instrument.items for label in (item.low_label, item.high_label, *item.options)}
    return ends - {""} | ({instrument.na_text} - {""})


@pytest.mark.parametrize("language", SPOKEN)
@pytest.mark.parametrize("ref", ALL)
def test_every_word_and_code_of_an_instrument_is_on_its_paper(ref: str, language: str) -> None:
    instrument = instruments.find_in(language, ref)

    sheets = Sheets(draw(blank(ref, language)))

    words = sheets.text.split()
    assert [item.code for item in instrument.items if item.text not in sheets.text or item.code not in words] == []
    assert {option for option in options_of(instrument) if option not in sheets.text} == set()
    assert instrument.title in sheets.text
    assert instrument.intro in sheets.text
    assert TEXTS[language].plain("note.own_wording") in sheets.text
    assert sheets.is_tagged
    assert sheets.claims_to_be_accessible


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("language", SPOKEN)
def test_no_question_is_parted_from_its_line(language: str, paper: str) -> None:
    instrument = instruments.find_in(language, "ihot-33-1.0")

    sheets = Sheets(draw(blank("ihot-33-1.0", language), paper=paper))

    on_pages = [len(items_on(page, instrument)) for page in sheets.pages]
    lines = [
        sum(shape.height < 1 and LINE <= shape.width < LINE + STROKE for shape in sheets.shapes(number))
        for number in range(len(sheets.pages))
    ]
    assert len(on_pages) > 1
    assert lines == on_pages
    assert sum(lines) == 33


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("language", SPOKEN)
def test_no_question_is_parted_from_its_boxes_and_their_meaning_heads_every_page(language: str, paper: str) -> None:
    instrument = instruments.find_in(language, "hoos-2.0")

    sheets = Sheets(draw(blank("hoos-2.0", language), paper=paper))

    expected = [5 * len(items_on(page, instrument)) for page in sheets.pages]
    boxes = [
        sum(TICK <= shape.width < TICK + STROKE for shape in sheets.shapes(number))
        for number in range(len(sheets.pages))
    ]
    assert len(boxes) > 1
    assert [boxes[0] - ABOVE, *boxes[1:]] == expected
    for page in sheets.pages:
        first = items_on(page, instrument)[0]
        assert page.index(first.options[0]) < page.index(first.text)


def test_the_code_is_the_link() -> None:
    assert Sheets(draw(asked())).code() == LINK


def test_a_blank_one_has_no_code_and_names_nobody() -> None:
    sheets = Sheets(draw(blank("nprs-1.0")))

    assert "/s/" not in sheets.text
    assert TEXTS["en"].plain("phone.title") not in sheets.text
    assert "Patient number Which side Left side Right side Both sides" in sheets.text


def test_every_page_says_which_side_whose_and_which_page_it_is() -> None:
    pages = Sheets(draw(asked())).pages

    assert len(pages) == 3
    for number, page in enumerate(pages, start=1):
        assert page.startswith("Northside Clinic · +44 20 7946 0000 Left side")
        assert page.endswith(f"Patient P1204 · Episode E311 · 6-weeks Page {number} of 3")


def test_the_first_page_says_who_asks_until_when_who_reads_it_and_what_to_do_when_it_is_urgent() -> None:
    first = Sheets(draw(asked())).pages[0]

    for said in (
        "Northside Clinic is asking",
        "about your left side",
        "by Tuesday 10 March 2026",
        "not at once",
        "reply hours: Monday to Friday, 9:00 to 17:00",
        "Call Northside Clinic: +44 20 7946 0000",
        "If it is urgent Do not wait to be contacted. Call 999 now, or go to the nearest emergency department.",
        "Date of your answers day month year",
        "I do, alone I do, with help Someone else, for me",
        "not the official wording",
    ):
        assert said in first


def test_beside_official_words_ours_are_said_to_be_ours_where_they_stand() -> None:
    ours, other = asked("nprs-1.0", "pass-1.0").parts
    official = replace(other, instrument=replace(other.instrument, wording="official"))
    text = TEXTS["en"]

    both = Sheets(draw(replace(asked(), parts=(ours, official)))).text
    none = Sheets(draw(replace(asked(), parts=(official,)))).text

    assert both.index("Part 1 of 2") < both.index(text.plain("note.own_wording_here")) < both.index("Part 2 of 2")
    assert text.plain("note.own_wording") not in both
    assert "our own words" not in none


def test_after_the_planned_day_it_says_until_when_answers_are_taken() -> None:
    first = Sheets(draw(asked(late=True))).pages[0]

    assert "your answers still count" in first
    assert "by Tuesday 10 March 2026" in first


def test_without_a_side_none_is_named() -> None:
    text = Sheets(draw(asked("nprs-1.0", side="none"))).text

    words = [TEXTS["en"].plain(f"{key}.{side}") for key in ("side", "side_asked") for side in ("left", "right", "both")]
    assert [one for one in words if one in text] == []


@pytest.mark.parametrize("language", SPOKEN)
def test_what_a_yes_calls_for_stands_above_the_symptoms_on_the_same_page(language: str) -> None:
    text, safety = TEXTS[language], instruments.find_in(language, "safety-1.0")

    pages = Sheets(draw(asked(language=language))).pages

    for tier in ("emergency", "same_day"):
        [page] = [page for page in pages if text.plain(f"advice.{tier}.title") in page]
        advice = page.index(text.plain(f"advice.{tier}.title"))
        symptoms = [page.index(item.text) for item in safety.items if item.tier == tier]
        assert advice < page.index(NORTHSIDE.urgent_text, advice) < min(symptoms)


def test_a_blank_safety_screen_says_what_to_do_without_a_clinic() -> None:
    text = Sheets(draw(blank("safety-1.0"))).text

    assert text.count(TEXTS["en"].plain("urgent.anybody")) == 2


def test_an_activity_is_named_on_a_line_at_the_start_and_stands_there_later() -> None:
    psfs = instruments.find("psfs-1.0")
    later = Questionnaire((part_of(psfs, ("Climb the stairs",)),), "en", OCCASION)

    first, second = Sheets(draw(asked("psfs-1.0"))).text, Sheets(draw(later)).text

    assert first.count("Activity:") == 5
    assert "Q5.text" in first
    assert "Climb the stairs How well can you do this activity today?" in second
    assert "Activity:" not in second


def test_no_character_of_a_clinics_or_patients_words_is_markup() -> None:
    clinic = replace(NORTHSIDE, name=MARKUP, phone=MARKUP, reply_hours=MARKUP, urgent_text=MARKUP)
    numbers = {"patient_number": MARKUP, "episode_number": MARKUP, "timepoint": MARKUP}
    psfs = part_of(instruments.find("psfs-1.0"), (MARKUP,))
    whole = replace(asked("safety-1.0", clinic=clinic, **numbers), parts=(psfs, *asked("safety-1.0").parts))

    sheets = Sheets(draw(whole))

    named = [
        f"{MARKUP} is asking",
        f"Call {MARKUP}: {MARKUP}.",
        f"reply hours: {MARKUP}.",
        f"contacted. {MARKUP}",
        f"Patient {MARKUP} · Episode {MARKUP} · {MARKUP}",
        f"{MARKUP} How well",
    ]
    assert [words for words in named if words not in sheets.text] == []


def test_a_letter_that_no_font_draws_costs_the_claim_and_not_the_paper() -> None:
    ride = part_of(instruments.find("psfs-1.0"), ("Ride \U0001f6b4\U0010fffd far",))

    sheets = Sheets(draw(Questionnaire((ride,), "en", OCCASION)))

    assert "How well can you do this activity today?" in sheets.text
    assert sheets.is_tagged
    assert not sheets.claims_to_be_accessible


def test_it_is_drawn_on_the_paper_there_is() -> None:
    sizes = {paper: Sheets(draw(blank("nprs-1.0"), paper=paper)).size for paper in PAPERS}

    assert sizes == {"a4": (210, 297), "letter": (216, 279)}


def test_the_same_questionnaire_gives_the_same_bytes() -> None:
    assert draw(asked()) == draw(asked())


@pytest.mark.parametrize(("first", "second"), [("8", "9"), ("No", "Yes"), ("Northside", "Left")])
def test_a_language_from_right_to_left_turns_the_sheet_round(first: str, second: str) -> None:
    english = asked("nprs-1.0", "pass-1.0")
    mirrored = MirroredQuestionnaire(english.parts, english.language, english.occasion)

    straight, turned = Sheets(draw(english)), Sheets(draw(mirrored))

    assert straight.left_of(first) < straight.left_of(second)
    assert turned.left_of(first) > turned.left_of(second)
    assert turned.claims_to_be_accessible
