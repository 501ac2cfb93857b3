"""A made-up language that is written from right to left: every page turns round, and nothing falls off its edge."""

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import prom_service.web
from instruments.definition import Item
from prom_service.language import ENGLISH, Texts
from prom_service.runtime import Runtime
from prom_service.web.survey import screens, texts
from prom_service.web.survey.form import Fault
from prom_service.web.survey.opening import Survey, find_survey
from prom_service.web.survey.paging import Page, Question
from tests.fakes import Clock
from tests.support.browser import accessibility_faults, too_wide
from tests.web.survey.visitor import Visitor, ask

STYLES = Path(prom_service.web.__file__).parent / "static" / "survey.css"
PHYSICAL = re.compile(
    r"(?:(?:margin|padding|border)-(?:left|right)|(?<![\w-])(?:left|right))\b[^;{}]*:|align: (?:left|right)"
)
MIRRORED = Texts(
    replace(ENGLISH, code="ar-XB", direction="rtl"),
    {key: f"\u202e{text}\u202c" if text else "" for key, text in texts.find("en").entries.items()},
)
"""English, each text turned round by the marks of Unicode."""


class MirroredSurvey(Survey):
    """A survey in the language from right to left."""

    @property
    def texts(self) -> Texts:
        """The interface turned round."""
        return MIRRORED


@dataclass(frozen=True)
class Gallery:
    """Pages in the mirrored language, made by the screens of the service and opened in a browser."""

    window: Any
    app: Any
    survey: MirroredSurvey
    now: dt.datetime

    def show(self, make: Callable[[MirroredSurvey], str]) -> None:
        """Open the page; what it loads comes from the service."""
        with self.app.test_request_context():
            made = make(self.survey)
        self.window.route("**/mirrored", lambda route: route.fulfill(body=made, content_type="text/html"))
        self.window.goto("/mirrored")
        self.window.unroute("**/mirrored")

    def page_of(self, kind: str) -> Page:
        """Return the first page with a question of that kind."""
        return next(page for page in self.survey.pages if page.questions[0].kind == kind)

    def left_of(self, selector: str, place: int = 0) -> float:
        """Return how far from the left edge an element begins."""
        return float(self.window.locator(selector).nth(place).bounding_box()["x"])


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """The pages are the same on both databases."""
    return sqlite_url


@pytest.fixture
def gallery(page: Any, app: Any, client: Any, runtime: Runtime, clock: Clock) -> Gallery:
    """The pages of a patient who has begun the default pathway."""
    token = ask(runtime)
    Visitor(client, token).start()
    with app.app_context(), runtime.reading() as session:
        found = find_survey(session, token, secret=runtime.settings.secret)
        session.expunge_all()
    pages = tuple(map(turned, found.pages))
    survey = MirroredSurvey(**{**vars(found), "pages": pages})
    return Gallery(page, app, survey, clock.now())


def turned(page: Page) -> Page:
    """Return the page with the words of its questions turned round."""
    return replace(page, section=turn(page.section), questions=tuple(map(turned_question, page.questions)))


def turned_question(question: Question) -> Question:
    """Return the question with all its words turned round."""
    item: Item = replace(
        question.item,
        text=turn(question.text),
        options=tuple(map(turn, question.item.options)),
        low_label=turn(question.item.low_label),
        high_label=turn(question.item.high_label),
    )
    return replace(question, item=item, text=item.text)


def turn(text: str) -> str:
    """Return the text between the marks that turn it round."""
    return f"\u202e{text}\u202c" if text else ""


def test_every_page_turns_round_is_accessible_and_fits_a_phone(gallery: Gallery):
    line, numbers, choice = (gallery.page_of(kind) for kind in ("line", "numbers", "choice"))
    faults = (Fault(line.questions[0].name, "out_of_range", {"minimum": 0, "maximum": 100}),)
    pages: dict[str, Callable[[MirroredSurvey], str]] = {
        "landing": lambda survey: screens.landing(survey, "token", now=gallery.now),
        "line": lambda survey: screens.questions(survey, line),
        "fault": lambda survey: screens.questions(survey, line, {line.questions[0].name: ["140"]}, faults),
        "numbers": lambda survey: screens.questions(survey, numbers),
        "choice": lambda survey: screens.questions(survey, choice),
        "review": lambda survey: screens.review(survey, "token"),
        "thanks": lambda survey: screens.thanks(survey, more=True),
        "closed": lambda survey: screens.dead_end("closed", survey),
    }
    wrong = {}
    for name, make in pages.items():
        gallery.show(make)
        wide = too_wide(gallery.window)
        turned_round = gallery.window.evaluate("getComputedStyle(document.body).direction") == "rtl"
        wrong[name] = [
            *accessibility_faults(gallery.window),
            *["too wide"] * wide,
            *["not turned"] * (not turned_round),
        ]

    assert {name: found for name, found in wrong.items() if found} == {}


def test_the_line_begins_on_the_right(gallery: Gallery):
    line = gallery.page_of("line")
    gallery.show(lambda survey: screens.questions(survey, line))

    track = gallery.window.locator("[data-track]").bounding_box()
    gallery.window.locator("[data-track]").click(position={"x": track["width"] - 30, "y": track["height"] / 2})

    assert gallery.left_of(".line-ends span", 0) > gallery.left_of(".line-ends span", 1)
    assert int(gallery.window.locator("[data-number]").input_value()) < 10


def test_what_stands_first_stands_on_the_right(gallery: Gallery):
    gallery.show(lambda survey: screens.questions(survey, gallery.page_of("choice")))

    assert gallery.left_of(".clinic") > gallery.left_of(".side")
    assert gallery.left_of(".choices label input") > gallery.left_of(".choices label span")
    gallery.show(lambda survey: screens.landing(survey, "token", now=gallery.now))
    edges = gallery.window.locator(".urgent").evaluate(
        "box => [getComputedStyle(box).borderRightWidth, getComputedStyle(box).borderLeftWidth]"
    )
    assert edges == ["6px", "0px"]
    assert gallery.window.locator(".phone").first.evaluate("link => getComputedStyle(link).direction") == "ltr"


def test_the_style_sheet_knows_no_left_and_right():
    patient_part = STYLES.read_text(encoding="utf-8").partition("/* The mailbox of a demonstration */")[0]

    assert PHYSICAL.findall(patient_part) == []
