"""The pages of the staff in a real browser: accessible at every size, light and dark, and worked by keys alone."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import product
from typing import Any

import pytest

from prom_service.models import Clinic, Flag
from prom_service.runtime import Runtime
from prom_service.services import flags
from tests import builders
from tests.builders import PASSWORD
from tests.fakes import Clock
from tests.queries.test_missing import Ward
from tests.support.browser import PHONE, accessibility_faults, too_wide, window
from tests.support.paper import Sheets
from tests.web.dashboard.test_flag import EVIDENCE

SIZES = {"phone": PHONE, "desk": {"width": 1280, "height": 900}}
VIEWS = tuple(product(SIZES, ("light", "dark")))
EMAIL = "sam@example.org"
URGENT = {"severity": "urgent", "kind": "red_flag_symptom", "checkpoint": "baseline"}
LONG_WORD = "https://intranet.example.org/quality/minutes/of-the-clinicians-about-visits.html"
REPORT = "/reports?report=utilization&from=2025-01-01&to=2027-01-01"

BEHIND_AN_EDGE = """() => [...document.querySelectorAll("table")]
    .filter(table => table.scrollWidth > table.parentElement.clientWidth)
    .map(table => {
        const edge = getComputedStyle(table.parentElement);
        return edge.overflowX == "auto" && edge.backgroundAttachment == "local, local, scroll, scroll"
            && edge.backgroundImage.split("linear-gradient").length == 5
            && getComputedStyle(table).backgroundColor == "rgba(0, 0, 0, 0)";
    })"""
"""Of each table wider than its place, whether it scrolls and shadows that stay lie under covers that move along."""

Way = Callable[[Any], object]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """The pages are the same on both databases; a journey is walked on one."""
    return sqlite_url


class Practice:
    """A clinic with an urgent flag, one with numbers, missing answers, and somebody who administers it."""

    def __init__(self, runtime: Runtime, clock: Clock) -> None:
        self.runtime, self.clock = runtime, clock
        ward = Ward(runtime, clock)
        ward.message(phase="cancelled", reason="no_address")
        clock.move_to(ward.six_weeks.late_after)
        ward.settle()
        self.clinic = ward.clinic
        with runtime.transaction() as session:
            builders.a_user(session, self.clinic, now=clock.now(), role="clinic_admin", email=EMAIL)
        self.urgent, self.milder = self.flag(**URGENT), self.flag(evidence=EVIDENCE)

    def flag(self, **values: Any) -> Any:
        with self.runtime.transaction() as session:
            episode = builders.an_episode(session, self.clinic, now=self.clock.now())
            return builders.a_flag(session, episode, now=self.clock.now(), **values).id

    def acknowledge(self, flag_id: Any) -> None:
        """Let somebody else be quicker."""
        with self.runtime.transaction() as session:
            flag = flags.find_for_update(session, self.clinic.id, flag_id)
            assert flag is not None
            flags.acknowledge(session, flag, actor="command", now=self.clock.now())

    def status(self, flag_id: Any) -> str:
        with self.runtime.reading() as session:
            return session.get_one(Flag, flag_id).status


@pytest.fixture
def practice(runtime: Runtime, clock: Clock) -> Practice:
    return Practice(runtime, clock)


@pytest.fixture
def windows(browser: Any, base_url: str) -> Iterator[list[Any]]:
    """A window for each view."""
    with ExitStack() as opened:
        yield [
            opened.enter_context(window(browser, base_url, viewport=SIZES[size], color_scheme=scheme))
            for size, scheme in VIEWS
        ]


@pytest.fixture
def desk(windows: list[Any]) -> Any:
    """The wide window, in light."""
    return windows[VIEWS.index(("desk", "light"))]


def log_in(page: Any) -> None:
    page.goto("/worklist")
    page.get_by_label("Email address").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/worklist")


def ways(practice: Practice) -> dict[str, Way]:
    """Return how a page of every type is reached by somebody who has logged in."""
    return {
        "worklist": lambda page: page.goto("/worklist"),
        "worklist without rows": lambda page: page.goto("/worklist?severity=low&mine=yes"),
        "worklist looking back": lambda page: page.goto("/worklist?status=resolved"),
        "keys": lambda page: (page.goto("/worklist"), page.keyboard.press("?")),
        "nothing ticked": lambda page: (page.goto("/worklist"), sent(page, "Acknowledge")),
        "urgent flag": lambda page: page.goto(f"/flags/{practice.urgent}"),
        "flag with numbers": lambda page: page.goto(f"/flags/{practice.milder}"),
        "flag with a fault": lambda page: (page.goto(f"/flags/{practice.milder}"), sent(page, "Resolve")),
        "flag changed meanwhile": lambda page: overtaken(page, practice),
        "missing answers": lambda page: (page.goto("/missing"), unfolded(page)),
        "missing answers without rows": lambda page: page.goto("/missing?cause=bounced"),
        "settings": lambda page: page.goto("/settings"),
        "escalation": lambda page: page.goto("/settings/escalation"),
        "settings with a fault": lambda page: (
            page.goto("/settings"),
            page.get_by_label("Phone").fill("none"),
            sent(page, "Save"),
        ),
        "not there": lambda page: page.goto("/flags/00000000-0000-7000-8000-000000000000"),
        "report": lambda page: page.goto(REPORT),
        "episodes behind a number": lambda page: (
            page.goto(REPORT),
            followed(page, "#visits_by_outcome ~ .scroll td a"),
        ),
    }


def followed(page: Any, link: str) -> None:
    with page.expect_navigation():
        page.locator(link).first.click()


def sent(page: Any, button: str) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name=button, exact=True).click()


def overtaken(page: Any, practice: Practice) -> None:
    page.goto(f"/flags/{practice.milder}")
    practice.acknowledge(practice.milder)
    page.get_by_label("contacted", exact=True).check()
    sent(page, "Resolve")
    page.get_by_text("What changed since").wait_for()


def unfolded(page: Any) -> None:
    for details in page.locator("details").all():
        details.evaluate("element => { element.open = true; }")


def views_of(number: int, full: bool) -> Iterable[int]:
    """Return the places of the views in which a page is looked at: all, or one."""
    return range(len(VIEWS)) if full else [number % len(VIEWS)]


def test_every_page_is_accessible_and_fits_at_every_size_light_and_dark(
    windows: list[Any], practice: Practice, full: bool
) -> None:
    for page in windows:
        log_in(page)
    faults = {}
    for number, (name, way) in enumerate(ways(practice).items()):
        for view in views_of(number, full):
            page = windows[view]
            way(page)
            faults[name, *VIEWS[view]] = accessibility_faults(page)
            if too_wide(page):
                faults[name, *VIEWS[view]].append("wider than the screen")

    assert {place: found for place, found in faults.items() if found} == {}


def test_a_word_longer_than_a_small_phone_is_wide_is_broken(browser: Any, base_url: str, practice: Practice) -> None:
    with practice.runtime.transaction() as session:
        flag = flags.find_for_update(session, practice.clinic.id, practice.milder)
        flags.resolve(session, flag, "other", note=LONG_WORD, actor="command", now=practice.clock.now())
        session.get_one(Clinic, practice.clinic.id).name = LONG_WORD

    with window(browser, base_url, viewport={"width": 320, "height": 568}) as page:
        log_in(page)
        wide = [path for path in ("/settings", f"/flags/{practice.milder}") if (page.goto(path), too_wide(page))[1]]

    assert wide == []


def test_a_table_that_goes_on_behind_an_edge_shows_a_shadow_there(windows: list[Any], practice: Practice) -> None:
    phone = windows[VIEWS.index(("phone", "light"))]
    log_in(phone)

    phone.goto("/patients")

    assert phone.evaluate(BEHIND_AN_EDGE) == [True]


def test_a_report_is_printed_from_its_first_sheet_on_without_what_is_around_it(desk: Any, practice: Practice) -> None:
    log_in(desk)

    desk.goto(REPORT)
    first, *_others = Sheets(desk.pdf()).pages

    assert "Visits per episode beside the limit" in first
    assert not [words for words in ("The same as a file", "Another question", "leads to these") if words in first]


def test_the_worklist_is_worked_by_keys_alone(desk: Any, practice: Practice) -> None:
    log_in(desk)

    desk.keyboard.press("j")
    first = desk.evaluate("document.activeElement.textContent")
    outline = desk.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    desk.keyboard.press("ArrowDown")
    desk.keyboard.press("k")
    with desk.expect_navigation():
        desk.keyboard.press("a")
    desk.keyboard.press("/")
    desk.keyboard.type("ajx?")
    typed = desk.locator("#patient").input_value()

    assert (first, outline) == ("Red-flag symptom", "solid")
    assert typed == "ajx?"
    assert (practice.status(practice.urgent), practice.status(practice.milder)) == ("acknowledged", "open")


def test_the_keys_can_be_switched_off(desk: Any, practice: Practice) -> None:
    log_in(desk)

    desk.keyboard.press("?")
    desk.get_by_role("button", name="Switch the keys off").click()
    desk.get_by_role("button", name="Close").click()
    desk.keyboard.press("j")

    assert desk.evaluate("document.activeElement.closest('[data-row]')") is None


def test_a_page_that_has_grown_old_says_so(desk: Any, practice: Practice) -> None:
    desk.clock.install()
    log_in(desk)
    old = desk.get_by_text("This page is more than 15 minutes old.")

    young = old.is_visible()
    desk.clock.fast_forward("16:00")
    old.wait_for()

    assert not young


def test_without_scripts_flags_are_ticked_and_acknowledged_all_the_same(
    page_without_scripts: Any, practice: Practice
) -> None:
    log_in(page_without_scripts)

    page_without_scripts.get_by_label("Tick red-flag symptom").check()
    sent(page_without_scripts, "Acknowledge")

    assert page_without_scripts.get_by_text("1 flag acknowledged.").is_visible()
    assert practice.status(practice.urgent) == "acknowledged"
