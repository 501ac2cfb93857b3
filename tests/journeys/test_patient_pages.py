"""Every page type of a patient's way, looked at in a real browser: accessible, light, large enough to touch."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from prom_service.language import SPOKEN
from prom_service.models import Episode
from prom_service.runtime import Runtime
from tests.builders import a_clinic, a_patient, an_episode, the_administration
from tests.fakes import Clock
from tests.support.browser import accessibility_faults, phone
from tests.web.survey.visitor import Visitor, link_to

TARGET = 48
"""Least height of what is touched, in pixels."""
NOT_MODIFIED = 304
LIGHTEST = 100_000
"""Most bytes of a page with all that it loads."""
SAFETY, SAME_DAY, BACKGROUND = 14, 22, 24
"""Places of safety questions at the baseline of the default pathway."""


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """The pages are the same on both databases; a journey is walked on one."""
    return sqlite_url


@pytest.fixture(params=SPOKEN)
def language(request: pytest.FixtureRequest) -> str:
    """The language of the patients and their browsers."""
    return str(request.param)


@pytest.fixture
def every_page(runtime: Runtime, client: Any, clock: Clock, language: str) -> dict[str, str]:
    """The address of a page of every type."""
    now = clock.now()
    tokens: dict[str, str] = {}
    with runtime.transaction() as session:
        clinic = a_clinic(session, now=now, name="Northside Clinic", language=language)
        person = a_patient(session, clinic, now=now)
        episodes: dict[str, Episode] = {
            "hip": an_episode(session, clinic, now=now),
            "back": an_episode(session, clinic, now=now, pathway="buttock-nerve-pain-1"),
            "old": an_episode(session, clinic, now=now, pathway="hip-osteoarthritis-1", side="both"),
            "done": an_episode(session, clinic, person, now=now, side="left"),
            "second": an_episode(session, clinic, person, now=now, side="right"),
        }
        for name, episode in episodes.items():
            tokens[name] = link_to(runtime, session, the_administration(session, episode, "baseline"))
        early = link_to(runtime, session, the_administration(session, episodes["hip"], "6-weeks"))
        stop = link_to(runtime, session, the_administration(session, episodes["hip"], "baseline"), "unsubscribe")
    hip, back, old, done = (Visitor(client, tokens[name]) for name in ("hip", "back", "old", "done"))
    for visitor in (hip, back, old):
        visitor.start()
    hip.press(f"/{SAFETY}", "next", **{"safety-1.0-R1": "1"})
    hip.press(f"/{SAME_DAY}", "next", **{"safety-1.0-R9": "1"})
    back.press("/2", "next", **{"psfs-1.0-Q1.text": "Climbing stairs"})
    done.answer_everything()
    done.send()
    first_rating = next(number for number in range(3, 9) if "numbers" in back.open(f"/{number}").text)
    return {
        "landing": f"/s/{tokens['second']}",
        "welcome back": f"/s/{hip.token}",
        "line": f"/s/{hip.token}/1",
        "line with does not apply": f"/s/{hip.token}/5",
        "numbers": f"/s/{hip.token}/13",
        "safety": f"/s/{hip.token}/{SAFETY}",
        "background": f"/s/{hip.token}/{BACKGROUND}",
        "emergency": f"/s/{hip.token}/{SAFETY}/advice",
        "same day": f"/s/{hip.token}/{SAME_DAY}/advice",
        "options": f"/s/{old.token}/4",
        "naming": f"/s/{back.token}/2",
        "rating": f"/s/{back.token}/{first_rating}",
        "review": f"/s/{hip.token}/review",
        "thanks": f"/s/{done.token}/thanks",
        "already answered": f"/s/{done.token}",
        "check": f"/s/{hip.token}/check",
        "link asked for": f"/s/{hip.token}/fresh",
        "too early": f"/s/{early}",
        "unknown": "/s/unknown",
        "moved": f"/s/{hip.token}/999",
        "not me": f"/s/{hip.token}/not-me",
        "not me noted": f"/s/{hip.token}/not-me/noted?language={language}",
        "stop": f"/u/{stop}",
        "mailbox": "/dev/mailbox",
    }


@pytest.fixture
def page(browser: Any, base_url: str, language: str) -> Iterator[Any]:
    """A page on a phone that asks for the patient's language."""
    with phone(browser, base_url, locale=language) as page:
        yield page


@pytest.fixture
def wide_page(browser: Any, base_url: str, language: str) -> Iterator[Any]:
    """A page on a desk, dark as some like it."""
    desk = {"width": 1280, "height": 900}
    context = browser.new_context(base_url=base_url, viewport=desk, color_scheme="dark", locale=language)
    yield context.new_page()
    context.close()


def test_every_page_is_accessible_on_a_phone_and_on_a_desk(page: Any, wide_page: Any, every_page: dict[str, str]):
    faults = {}
    for name, address in every_page.items():
        for size, window in (("phone", page), ("desk", wide_page)):
            window.goto(address)
            faults[name, size] = accessibility_faults(window)

    assert {place: found for place, found in faults.items() if found} == {}


def test_a_page_with_faults_is_accessible_and_leads_to_the_field(page: Any, every_page: dict[str, str]):
    page.goto(every_page["line with does not apply"])
    page.locator("[data-number]").fill("140")
    page.locator("button.forward").click()
    page.locator(".faults:focus").wait_for()

    assert page.title().startswith("Error: ")
    assert accessibility_faults(page) == []
    page.locator(".faults a").click()
    assert page.evaluate("document.activeElement.id") == "ihot-12-1.0-Q5"


def test_every_page_fits_its_screen_and_can_be_touched(page: Any, every_page: dict[str, str]):
    page.set_viewport_size({"width": 320, "height": 640})
    too_small, too_wide = {}, []
    for name, address in every_page.items():
        page.goto(address)
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            too_wide.append(name)
        heights = page.locator("button:visible, .choices label, [data-track], main input[inputmode]").evaluate_all(
            "found => found.map(element => element.getBoundingClientRect().height)"
        )
        if min(heights, default=TARGET) < TARGET:
            too_small[name] = heights

    assert (too_small, too_wide) == ({}, [])


def test_every_page_is_light_asks_nothing_of_others_and_keeps_its_own_policy(
    page: Any, base_url: str, every_page: dict[str, str]
):
    loaded: list[Any] = []
    sizes: dict[str, int] = {}
    complaints: list[str] = []
    page.on("response", lambda response: loaded.append(response))
    page.on("console", lambda message: complaints.append(message.text))
    for name, address in every_page.items():
        loaded.clear()
        page.goto(address)

        assert page.url.endswith(address), name
        sizes |= {response.url: len(response.body()) for response in loaded if response.status != NOT_MODIFIED}
        assert all(response.url.startswith(base_url) for response in loaded), name
        assert sum(sizes[response.url] for response in loaded) < LIGHTEST, name
    assert [text for text in complaints if not re.search(r"404|410", text)] == []
