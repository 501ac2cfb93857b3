"""Staff take a patient through a course of care: enrol, answer, visit, see the chart, move the start, close."""

import re
from collections.abc import Iterator
from itertools import cycle
from typing import Any

import pytest

from prom_service.runtime import Runtime
from tests.builders import PASSWORD, a_clinic, a_user
from tests.fakes import Clock
from tests.support.browser import PHONE, accessibility_faults, too_wide, window

TARGET = 48
"""Least height of what is touched, in pixels."""
DESK = {"width": 1280, "height": 900}
VIEWS = ((PHONE, "dark"), (DESK, "light"), (PHONE, "light"), (DESK, "dark"))
TOUCHED = "main button:visible, main .choice:visible, main .action:visible, .form input:visible, main select:visible"
EMAIL = "sam@example.org"


class Walk:
    """One of the staff at a browser, who looks at every page: in one view after the other, or in all of them."""

    def __init__(self, page: Any, full: bool) -> None:
        self.page, self.full = page, full
        self.faults: list[tuple[str, int, str, list[str]]] = []
        self._views = cycle(VIEWS)

    def look(self, heading: str) -> None:
        """Note what is wrong with the page that shows this heading."""
        self.page.get_by_role("heading", level=1, name=heading).wait_for()
        for size, scheme in VIEWS if self.full else [next(self._views)]:
            self.page.set_viewport_size(size)
            self.page.emulate_media(color_scheme=scheme)
            if found := accessibility_faults(self.page) + self._misfits():
                self.faults.append((heading, size["width"], scheme, found))

    def press(self, name: str) -> None:
        """Press a button or follow a link of this name, and wait for what comes."""
        with self.page.expect_navigation():
            self.page.locator(
                f"main button:has-text({name!r}):visible, main a:has-text({name!r}):visible"
            ).first.click()

    def fill(self, **fields: str) -> None:
        """Fill fields in; a double underscore in a name stands for a dot."""
        for name, text in fields.items():
            self.page.locator(f"[id='{name.replace('__', '.')}']").fill(text)

    def choose(self, **fields: str) -> None:
        """Choose one of the answers to a question."""
        for name, value in fields.items():
            self.page.locator(f"[name='{name.replace('__', '.')}'][value='{value}']").check()

    def _misfits(self) -> list[str]:
        wide = too_wide(self.page)
        small = self.page.locator(TOUCHED).evaluate_all(
            f"""found => found.filter(one => !one.closest(".choice") || one.matches(".choice"))
                .filter(one => one.getBoundingClientRect().height < {TARGET}).map(one => one.outerHTML)"""
        )
        return (["wider than the screen"] if wide else []) + [f"small: {html}" for html in small]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """The pages are the same on both databases; a journey is walked on one."""
    return sqlite_url


@pytest.fixture
def walk(browser: Any, base_url: str, runtime: Runtime, clock: Clock, full: bool) -> Iterator[Walk]:
    """Somebody of the staff who has logged in at a clinic without patients."""
    with runtime.transaction() as session:
        clinic = a_clinic(session, now=clock.now(), name="Northside Clinic")
        a_user(session, clinic, now=clock.now(), email=EMAIL)
    with window(browser, base_url, viewport=DESK) as page:
        walk = Walk(page, full)
        page.goto("/login")
        walk.fill(email=EMAIL, password=PASSWORD)
        walk.press("Log in")
        yield walk


def enrol(walk: Walk) -> None:
    """Enrol a patient, after one form with faults."""
    walk.page.goto("/patients")
    walk.look("Patients")
    walk.press("Enrol a patient")
    walk.look("Enrol a patient")
    walk.press("Show what will be asked and mailed")
    walk.look("Enrol a patient")
    walk.fill(patient__external_id="MRN-1", patient__name="Ada Nightingale", patient__date_of_birth="1980-05-17")
    walk.fill(patient__email="ada@example.org", episode__external_id="C-1")
    walk.choose(patient__email_allowed="true", episode__side="none")
    walk.press("Show what will be asked and mailed")
    walk.look("Check before saving")
    walk.press("Save, and start the follow-up")


def enter_answers(walk: Walk, timepoint: str, level: int) -> None:
    """Type in the answers to a questionnaire that came on paper today."""
    walk.page.locator(f"#{timepoint}").get_by_role("link", name=re.compile("Enter answers")).click()
    walk.look("Enter answers")
    walk.press("Go on to the questions")
    walk.look("Enter answers")
    for field in walk.page.locator("main input[inputmode]:visible").all():
        lowest, highest = re.findall(r"\d+", field.locator("xpath=preceding-sibling::p[1]/span").inner_text())[:2]
        field.fill(str(max(int(lowest), int(highest) * level // 100)))
    for group in walk.page.locator("fieldset.item").all():
        group.locator("input").first.check()
    walk.press("Save the answers")
    walk.look("Answers")
    walk.press("Back to the course of care")


def test_a_course_of_care_from_enrolment_to_its_close(walk: Walk, clock: Clock) -> None:
    page = walk.page
    enrol(walk)
    walk.look("Ada Nightingale")
    assert page.get_by_text("there is nothing to draw").is_visible()

    enter_answers(walk, "baseline", 40)
    walk.press("Add a visit")
    walk.look("Add a visit")
    walk.fill(number__external_id="V-1")
    page.get_by_text("Documentation (optional)").click()
    walk.fill(visit__documentation__sets="3")
    walk.press("Save the visit")
    walk.look("Visits")
    walk.press("Correct")
    walk.look("Correct visit")
    walk.press("All visits")
    walk.press("Void")
    walk.look("Void visit")
    walk.press("Back to the visits")
    walk.press("Back to the course of care")
    page.get_by_role("img", name="iHOT-12 over the course of care").wait_for()
    page.get_by_text("The figures of iHOT-12").click()
    walk.look("Ada Nightingale")

    walk.press("Change the start")
    walk.look("Change the start of care")
    walk.fill(episode__started_on="2026-02-27")
    walk.press("Show what it would do")
    walk.look("Check the new start")
    walk.press("Change the start")
    page.get_by_text("since 27 Feb 2026").wait_for()
    walk.press("Change details")
    walk.look("Change the details of a course of care")
    walk.press("Back to the course of care")
    walk.press("the patient's page")
    walk.look("Ada Nightingale")
    walk.press("Change these details")
    walk.look("Change a patient's details")
    walk.press("Back to Ada")
    for step in ("Pause the follow-up", "Record a withdrawal"):
        walk.press(step)
        walk.look(step)
        walk.press("Back to Ada")
    walk.press("Hip-related pain")
    walk.press("Close")
    walk.look("Close the course of care")
    walk.fill(close__reason="Goals reached")
    walk.press("Close the course of care")
    page.get_by_text(f"closed {clock.now():%-d %b %Y}").first.wait_for()

    assert walk.faults == []


def test_without_script_the_same_forms_lead_the_same_way(browser: Any, base_url: str, walk: Walk) -> None:
    with window(browser, base_url, viewport=PHONE, java_script_enabled=False) as page:
        bare = Walk(page, full=False)
        page.goto("/login")
        bare.fill(email=EMAIL, password=PASSWORD)
        bare.press("Log in")
        page.goto("/patients/enrol")
        bare.fill(patient__external_id="MRN-2", patient__name="Bo Reed", patient__date_of_birth="1970-01-01")
        bare.fill(episode__external_id="C-2")
        bare.choose(patient__email_allowed="true", episode__side="none")
        bare.press("Show what will be asked and mailed")
        bare.press("Save, and start the follow-up")
        bare.press("Make a link for the tablet")

        assert page.get_by_text("It is shown this once.").is_visible()
