"""The words of the patient's pages."""

import datetime as dt
import re
from pathlib import Path
from string import Formatter

import pytest

import prom_service.web
from prom_service.language import SPOKEN
from prom_service.web.survey import texts
from prom_service.web.survey.form import Fault
from prom_service.web.survey.routes import DEAD_ENDS

WEB = Path(prom_service.web.__file__).parent
KEY = re.compile(r"""text\(["']([a-z_.]+)["']""")
COMPOSED = ("side.", "check.", "side_asked.", "landing.own_wording.", "advice.", "review.", "end.", "fault.")
"""Beginnings of keys whose end is chosen while a page is made."""
SAME_IN_BOTH = ("title.page", "title.error", "side_asked.none")


def places(text: str) -> set[str]:
    """Return the names of the places of a text that are filled in."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def used_keys() -> set[str]:
    return {key for template in (WEB / "templates/survey").glob("*.html") for key in KEY.findall(template.read_text())}


@pytest.mark.parametrize("key", sorted(used_keys()))
def test_every_text_a_template_asks_for_is_there(key: str):
    entries = texts.find("en").entries

    assert key in entries or f"{key}.one" in entries or key.endswith(".")


def test_no_text_is_left_over():
    left = {key.removesuffix(".one").removesuffix(".other") for key in texts.find("en").entries} - used_keys()

    source = "".join(template.read_text() for template in (WEB / "templates/survey").glob("*.html"))
    assert {key for key in left if not key.startswith(COMPOSED) and f'"{key}"' not in source} == set()


@pytest.mark.parametrize("kind", [*DEAD_ENDS, "completed", "not_open_yet", "outage"])
def test_every_way_to_end_has_a_page(kind: str):
    entries = texts.find("en").entries

    assert {f"end.{kind}.title", f"end.{kind}.text"} <= set(entries)


def test_every_language_has_every_text_with_the_same_places_to_fill():
    english, *others = (texts.find(code).entries for code in SPOKEN)

    assert others
    for other in others:
        assert {key: places(text) for key, text in other.items()} == {
            key: places(text) for key, text in english.items()
        }
        assert [key for key in other if other[key] == english[key] and key not in SAME_IN_BOTH] == []


def test_what_is_filled_in_is_escaped_and_the_text_itself_is_not():
    text = texts.find("en")("landing.asked_by", clinic="<script>")

    assert "<b>&lt;script&gt;</b>" in text


@pytest.mark.parametrize(("count", "words"), [(0, "0 questions"), (1, "1 question "), (2, "2 questions")])
def test_a_number_has_its_form(count: int, words: str):
    assert words in texts.find("en")("review.gaps", count=count)


def test_days_and_moments_are_in_words():
    text = texts.find("en")

    assert text.day(dt.date(2028, 2, 29)) == "Tuesday 29 February 2028"
    assert text.moment(dt.datetime(2026, 3, 1, 9, 5, tzinfo=dt.UTC)) == "Sunday 1 March 2026 at 09:05"


def test_days_and_moments_are_in_spanish_words():
    text = texts.find("es")

    assert text.day(dt.date(2028, 2, 29)) == "martes 29 de febrero de 2028"
    assert text.moment(dt.datetime(2026, 3, 1, 9, 5, tzinfo=dt.UTC)) == "domingo 1 de marzo de 2026 a las 09:05"
    assert text("review.gaps", count=1) == "Dejó 1 pregunta sin responder."
    assert text("review.gaps", count=0) == "Dejó 0 preguntas sin responder."


def test_a_language_that_is_not_there_yet_falls_back_to_english():
    assert texts.find("tlh") == texts.find("en")


def test_a_fault_is_never_shown_by_its_key():
    problems = re.findall(
        r'Fault\([^,]+, "([a-z_]+)"', "".join(file.read_text() for file in (WEB / "survey").glob("*.py"))
    )

    assert problems
    assert {f"fault.{Fault('', problem).problem}" for problem in problems} <= set(texts.find("en").entries)
