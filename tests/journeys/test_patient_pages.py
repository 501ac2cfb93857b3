"""Every page type of a patient's way, looked at in a real browser: accessible, light, large enough to touch."""

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count, product
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from prom_service.language import SPOKEN
from prom_service.models import Administration, Clinic
from prom_service.queries.locks import TRIES
from prom_service.runtime import Runtime
from tests.builders import a_clinic, a_patient, an_episode, the_administration
from tests.fakes import Clock
from tests.support.browser import PHONE, accessibility_faults, phone, too_wide, window
from tests.web.survey.visitor import Visitor, ask, behind, link_to

DAY = dt.timedelta(days=1)
TARGET = 48
"""Least height of what is touched, in pixels."""
NOT_MODIFIED = 304
LIGHTEST = 100_000
"""Most bytes of a page with all that it loads."""
SAFETY, SAME_DAY, BACKGROUND = 14, 22, 24
"""Places of safety questions at the baseline of the default pathway."""
SIZES = {
    "phone": {"viewport": PHONE, "has_touch": True, "is_mobile": True},
    "desk": {"viewport": {"width": 1280, "height": 900}},
    "desk at 200 %": {"viewport": {"width": 640, "height": 450}, "device_scale_factor": 2},
}
PEOPLE = ("hip", "back", "old", "empty", "late", "closed", "cancelled", "withdrawn", "locked", "stopped")
VIEWS = tuple(product(SIZES, ("light", "dark")))
SENT_BY_HAND = """([address, fields]) => {
  const form = document.createElement("form");
  Object.assign(form, { method: "post", action: address });
  for (const [name, value] of Object.entries(fields)) {
    form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  }
  document.body.append(form);
  form.submit();
}"""


NUMBERS = count()


@dataclass(frozen=True)
class Place:
    """Where a page of one type is found: at an address, or as the answer to a form that is sent there.

    A value ``{}`` is another number each time.
    """

    address: str
    sent: Mapping[str, str] = field(default_factory=dict)
    status: int = 200

    def open(self, window: Any) -> None:
        """Let the window show it."""
        if not self.sent:
            window.goto(self.address)
            return
        window.goto("/s/unknown")
        fields = {name: value.format(next(NUMBERS) % 100) for name, value in self.sent.items()}
        with window.expect_navigation():
            window.evaluate(SENT_BY_HAND, [self.address, fields])


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """The pages are the same on both databases; a journey is walked on one."""
    return sqlite_url


@pytest.fixture(params=SPOKEN)
def language(request: pytest.FixtureRequest) -> str:
    """The language of the patients and their browsers."""
    return str(request.param)


@pytest.fixture
def every_page(app: Any, runtime: Runtime, client: Any, clock: Clock, language: str) -> dict[str, Place]:
    """Where a page of every type is found."""
    now = clock.now()
    pathways = {"back": "buttock-nerve-pain-1", "old": "hip-osteoarthritis-1"}
    tokens: dict[str, str] = {}
    with runtime.transaction() as session:
        clinic = a_clinic(session, now=now, name="Northside Clinic", language=language)
        people = {name: a_patient(session, clinic, now=now) for name in (*PEOPLE, "done")}
        episodes = {
            name: an_episode(session, clinic, person, now=now, pathway=pathways.get(name, "hip-related-pain-1"))
            for name, person in people.items()
        }
        episodes["second"] = an_episode(session, clinic, people["done"], now=now, side="both")
        for name, episode in episodes.items():
            tokens[name] = link_to(runtime, session, the_administration(session, episode, "baseline"))
        early = link_to(runtime, session, the_administration(session, episodes["hip"], "6-weeks"))
        stop, stopped = (
            link_to(runtime, session, the_administration(session, episodes[name], "baseline"), "unsubscribe")
            for name in ("hip", "stopped")
        )
    visitors = {name: Visitor(client, token) for name, token in tokens.items()}
    hip, back, done = visitors["hip"], visitors["back"], visitors["done"]
    for name in ("hip", "back", "old", "empty", "locked"):
        visitors[name].start()
    hip.press(f"/{SAFETY}", "next", **{"safety-1.0-R1": "1"})
    hip.press(f"/{SAME_DAY}", "next", **{"safety-1.0-R9": "1"})
    back.press("/2", "next", **{"psfs-1.0-Q1.text": "Climbing stairs"})
    done.answer_everything()
    done.send()
    for _ in range(TRIES):
        visitors["locked"].press("/check?page=1", "check", year="1900")
    first_rating = next(number for number in range(3, 9) if "numbers" in back.open(f"/{number}").text)
    change(runtime, tokens["late"], target_at=now - DAY, late_after=now)
    change(runtime, tokens["closed"], target_at=now - DAY, late_after=now, closes_at=now)
    change(runtime, tokens["cancelled"], state="cancelled")
    with runtime.transaction() as session:
        behind(session, runtime, tokens["withdrawn"])[2].status = "withdrawn"
    break_for(app, "out-of-order")
    return {
        "landing": Place(f"/s/{tokens['second']}"),
        "welcome back": Place(f"/s/{hip.token}"),
        "late": Place(f"/s/{tokens['late']}"),
        "line": Place(f"/s/{hip.token}/1"),
        "line with does not apply": Place(f"/s/{hip.token}/5"),
        "line with a fault": Place(f"/s/{hip.token}/5", {"go": "next", "ihot-12-1.0-Q5": "140"}, 422),
        "numbers": Place(f"/s/{hip.token}/13"),
        "safety": Place(f"/s/{hip.token}/{SAFETY}"),
        "background": Place(f"/s/{hip.token}/{BACKGROUND}"),
        "emergency": Place(f"/s/{hip.token}/{SAFETY}/advice"),
        "same day": Place(f"/s/{hip.token}/{SAME_DAY}/advice"),
        "options": Place(f"/s/{tokens['old']}/4"),
        "options with a fault": Place(f"/s/{tokens['old']}/4", {"go": "next", "hoos-2.0-P1": "9"}, 422),
        "naming": Place(f"/s/{back.token}/2"),
        "rating": Place(f"/s/{back.token}/{first_rating}"),
        "review": Place(f"/s/{hip.token}/review"),
        "review with a fault": Place(f"/s/{tokens['empty']}/review", {"go": "send"}, 422),
        "thanks": Place(f"/s/{done.token}/thanks"),
        "already answered": Place(f"/s/{done.token}"),
        "change kept": Place(f"/s/{done.token}/1", {"go": "next", "ihot-12-1.0-Q1": "{}"}),
        "check": Place(f"/s/{hip.token}/check"),
        "check with a fault": Place(f"/s/{hip.token}/check", {"go": "check", "year": "long ago"}, 422),
        "locked": Place(f"/s/{tokens['locked']}/check", status=403),
        "link asked for": Place(f"/s/{hip.token}/fresh"),
        "too early": Place(f"/s/{early}"),
        "closed": Place(f"/s/{tokens['closed']}", status=410),
        "cancelled": Place(f"/s/{tokens['cancelled']}", status=410),
        "withdrawn": Place(f"/s/{tokens['withdrawn']}", status=410),
        "unknown": Place("/s/unknown", status=404),
        "moved": Place(f"/s/{hip.token}/999", status=404),
        "outage": Place("/s/out-of-order", status=503),
        "not me": Place(f"/s/{hip.token}/not-me"),
        "not me noted": Place(f"/s/{hip.token}/not-me/noted?language={language}"),
        "stop": Place(f"/u/{stop}"),
        "stopped": Place(f"/u/{stopped}", {"List-Unsubscribe": "One-Click"}),
        "mailbox": Place("/dev/mailbox"),
    }


def change(runtime: Runtime, token: str, **values: Any) -> None:
    """Set columns of the administration a link leads to."""
    with runtime.transaction() as session:
        mine = behind(session, runtime, token)[0].id
        session.execute(update(Administration).where(Administration.id == mine).values(**values))


def break_for(app: Any, token: str) -> None:
    """Let the database be out of reach for one link."""
    landing = app.view_functions["survey.landing"]

    def broken(**given: str) -> Any:
        if given["token"] == token:
            raise OperationalError("SELECT", {}, Exception())
        return landing(**given)

    app.view_functions["survey.landing"] = broken


@pytest.fixture
def page(browser: Any, base_url: str, language: str) -> Iterator[Any]:
    """A page on a phone that asks for the patient's language."""
    with phone(browser, base_url, locale=language) as page:
        yield page


@pytest.fixture
def windows(browser: Any, base_url: str, language: str) -> Iterator[list[Any]]:
    """A window for each view, of a browser that asks for the patient's language."""
    with ExitStack() as opened:
        yield [
            opened.enter_context(window(browser, base_url, locale=language, color_scheme=scheme, **SIZES[size]))
            for size, scheme in VIEWS
        ]


def views_of(number: int, language: str, full: bool) -> Iterable[int]:
    """Return the places of the views in which a page is looked at: all, or one, another in each language."""
    view = (number + 3 * tuple(SPOKEN).index(language)) % len(VIEWS)
    return range(len(VIEWS)) if full else [view]


def test_every_page_is_accessible_at_every_size_light_and_dark(
    windows: list[Any], language: str, every_page: dict[str, Place], full: bool
):
    faults = {}
    for number, (name, place) in enumerate(every_page.items()):
        for view in views_of(number, language, full):
            place.open(windows[view])
            faults[name, *VIEWS[view]] = accessibility_faults(windows[view])

    assert {place: found for place, found in faults.items() if found} == {}


def test_scores_over_time_are_accessible_and_fit_the_phone(
    windows: list[Any], language: str, client: Any, runtime: Runtime, clock: Clock, full: bool
):
    first = Visitor(client, ask(runtime, language=language))
    first.answer_everything(value=40)
    first.send()
    clock.advance(days=42)
    with runtime.transaction() as session:
        session.scalars(select(Clinic)).one().show_trend = True
        _, episode, _ = behind(session, runtime, first.token)
        second = Visitor(client, link_to(runtime, session, the_administration(session, episode, "6-weeks")))
    second.answer_everything(value=54)
    second.send()

    for view in views_of(0, language, full):
        windows[view].goto(f"/s/{second.token}/thanks")

        assert windows[view].get_by_role("img").bounding_box()["width"] <= windows[view].viewport_size["width"]
        assert accessibility_faults(windows[view]) == []


def test_a_page_with_faults_is_accessible_and_leads_to_the_field(page: Any, every_page: dict[str, Place]):
    every_page["line with does not apply"].open(page)
    page.locator("[data-number]").fill("140")
    page.locator("button.forward").click()
    page.locator(".faults:focus").wait_for()

    assert page.title().startswith("Error: ")
    assert accessibility_faults(page) == []
    page.locator(".faults a").click()
    assert page.evaluate("document.activeElement.id") == "ihot-12-1.0-Q5"


def test_every_page_fits_its_screen_and_can_be_touched(page: Any, every_page: dict[str, Place]):
    page.set_viewport_size({"width": 320, "height": 640})
    small, wide = {}, []
    for name, place in every_page.items():
        place.open(page)
        if too_wide(page):
            wide.append(name)
        heights = page.locator("button:visible, .choices label, [data-track], main input[inputmode]").evaluate_all(
            "found => found.map(element => element.getBoundingClientRect().height)"
        )
        if min(heights, default=TARGET) < TARGET:
            small[name] = heights

    assert (small, wide) == ({}, [])


@pytest.mark.parametrize("width", [320, 360, 390])
def test_with_text_twice_as_large_every_page_fits_and_no_name_is_broken_into_letters(
    page: Any, every_page: dict[str, Place], width: int
):
    page.set_viewport_size({"width": width, "height": 640})
    wide, broken = [], []
    for name, place in every_page.items():
        place.open(page)
        page.evaluate("document.documentElement.style.fontSize = '225%'")  # 112.5 % as it is.
        if too_wide(page):
            wide.append(name)
        broken += page.locator(".clinic, .forward").evaluate_all(
            """found => found.filter(one => {
                const text = document.createRange();
                text.selectNodeContents(one);
                const lines = new Set([...text.getClientRects()].map(line => line.top)).size;
                return lines > one.textContent.trim().split(" ").length;
            }).map(one => one.textContent)"""
        )

    assert (wide, broken) == ([], [])


def test_every_page_is_light_asks_nothing_of_others_and_keeps_its_own_policy(
    page: Any, base_url: str, every_page: dict[str, Place]
):
    loaded: list[Any] = []
    sizes: dict[str, int] = {}
    complaints: list[str] = []
    page.on("response", lambda response: loaded.append(response))
    page.on("console", lambda message: complaints.append(message.text))
    for name, place in every_page.items():
        loaded.clear()
        place.open(page)

        assert page.url.endswith(place.address), name
        began = max(number for number, response in enumerate(loaded) if response.request.is_navigation_request())
        parts = loaded[began:]
        assert parts[0].status == place.status, name
        sizes |= {response.url: len(response.body()) for response in parts if response.status != NOT_MODIFIED}
        assert all(response.url.startswith(base_url) for response in parts), name
        assert sum(sizes[response.url] for response in parts) < LIGHTEST, name
    assert [text for text in complaints if not re.search(r"40[34]|410|422|503", text)] == []
