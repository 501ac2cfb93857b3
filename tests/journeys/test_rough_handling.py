"""What patients, browsers and mail scanners do to a link, in a real browser: nothing is lost, doubled or mixed up."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from prom_service.models import Administration, Link, Patient, Response, SavedAnswer
from prom_service.runtime import Runtime
from tests.builders import a_clinic, an_episode
from tests.fakes import Clock
from tests.journeys.way import answer_page, mail_what_is_due, send, walk_to_the_review
from tests.support.browser import phone
from tests.web.survey.visitor import Visitor, ask, behind

LINES = 12
"""Pages with a line at the beginning of the default pathway."""
LINK = re.compile(r"/([su])/([\w-]{43})")
PLACES = ("", "/1", "/14", "/14/advice", "/review", "/check", "/thanks", "/fresh", "/not-me", "/not-me/noted")
"""What a scanner may guess of a link's pages."""
SCAN = """async () => {
  const forms = [...document.forms];
  const posted = forms.flatMap((form) => [new URLSearchParams(), new URLSearchParams(new FormData(form))].map(
    (body) => fetch(form.action, { method: form.method, body })));
  const followed = await Promise.all(posted.concat(forms.map((form) => fetch(form.action, { method: "HEAD" }))));
  const links = [...document.querySelectorAll("a[href^='/'], a[href^='http']")].map((link) => link.href);
  return links.concat(followed.map((answer) => answer.url));
}"""
"""Posts every form of a page, empty and as it stands, and returns where links and answers lead."""
PRESS_TWICE = """() => {
  const send = document.querySelector(".forward");
  send.click();
  setTimeout(() => send.click(), 50);
}"""


@pytest.fixture
def database_url(postgres_url: str) -> str:
    """Requests of one patient really meet here; SQLite lets one in at a time."""
    return postgres_url


class SlowToSend:
    """Half a second passes before answers that are sent in are looked at: time enough to press again."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self.presses = 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"].endswith("/review"):
            self.presses += 1
            time.sleep(0.5)
        return self._application(environ, start_response)


@pytest.fixture
def slow(app: Any) -> SlowToSend:
    app.wsgi_app = SlowToSend(app.wsgi_app)
    return app.wsgi_app  # type: ignore[no-any-return]


@pytest.fixture
def second_device(browser: Any, base_url: str) -> Iterator[Any]:
    with phone(browser, base_url, java_script_enabled=False) as page:
        yield page


def test_send_pressed_twice_within_50_ms_has_one_effect(
    slow: SlowToSend, page: Any, client: Any, runtime: Runtime, full: bool
):
    patients = 200 if full else 3
    for token in [ask(runtime) for _ in range(patients)]:
        visitor = Visitor(client, token)
        visitor.start()
        visitor.press("/1", "next", **{"ihot-12-1.0-Q1": "50"})
        page.goto(f"/s/{token}/review")
        page.evaluate(PRESS_TWICE)
        page.get_by_role("heading", name="Thank you").wait_for()

    assert slow.presses == 2 * patients
    with runtime.reading() as session:
        assert session.scalar(select(func.count()).select_from(Response)) == patients
        assert set(session.scalars(select(Administration.state).where(Administration.started_at.is_not(None)))) == {
            "completed"
        }


def test_tabs_of_two_patients_in_one_browser_never_cross(page: Any, runtime: Runtime, full: bool):
    tokens = [ask(runtime) for _ in range(2)]
    tabs = [page, page.context.new_page()]
    given: list[list[str]] = [[], []]
    for tab, token in zip(tabs, tokens, strict=True):
        tab.goto(f"/s/{token}")
        tab.locator("button.forward").click()
        tab.wait_for_url("**/1")

    for turn in range(200 if full else 4):
        number = turn % LINES + 1
        for place, tab in enumerate(tabs):
            if not tab.url.endswith(f"/{number}"):
                tab.goto(f"/s/{tokens[place]}/{number}")
            given[place].append(str(50 * place + turn % 50))
            tab.locator("[data-number]").fill(given[place][-1])
        for tab in tabs:
            tab.locator("button.forward").click()
        for tab in tabs:
            tab.wait_for_url(f"**/{number + 1}")

    with runtime.reading() as session:
        for token, values in zip(tokens, given, strict=True):
            mine = behind(session, runtime, token)[0].id
            kept = select(SavedAnswer.value).where(SavedAnswer.administration_id == mine).order_by(SavedAnswer.id)
            assert session.scalars(kept).all() == values


@pytest.mark.parametrize("skipped", [None, 2])
def test_another_device_goes_on_at_the_first_unanswered_question(
    page: Any, second_device: Any, runtime: Runtime, skipped: int | None, full: bool
):
    token = ask(runtime)
    page.goto(f"/s/{token}")
    page.locator("button.forward").click()

    landed = {}
    for number in range(1, 25 if full else 4):
        page.wait_for_url(f"**/{number}")
        if number == skipped:
            page.locator("button.forward").click()
        else:
            answer_page(page, line=20)
        page.wait_for_url(re.compile(rf"/{number + 1}$|/review$"))
        second_device.goto(f"/s/{token}")
        with second_device.expect_navigation():
            second_device.locator("button.forward").click()
        landed[number] = second_device.url.rpartition("/")[2]

    open_after = {number: "review" if number == 24 else str(number + 1) for number in landed}
    assert landed == {number: str(skipped) if skipped in range(number + 1) else open_after[number] for number in landed}


def scan(page: Any, addresses: set[str]) -> int:
    """Open every page that can be reached, run its scripts and post its forms; return how many pages it were."""
    seen: set[str] = set()
    while addresses - seen:
        address = min(addresses - seen)
        seen.add(address)
        page.goto(address)
        addresses |= {re.sub(r"^https?://[^/]+|#.*$", "", found) for found in page.evaluate(SCAN)}
    return len(seen)


def test_a_scanner_at_every_link_leaves_them_to_the_patients(
    page: Any, runtime: Runtime, clock: Clock, tmp_path: Path, full: bool
):
    patients = 100 if full else 2
    with runtime.transaction() as session:
        clinic = a_clinic(session, now=clock.now())
        for _ in range(patients):
            an_episode(session, clinic, now=clock.now())
    clock.advance(hours=2)
    mail_what_is_due(runtime)
    letters = [path.read_text() for path in (tmp_path / "mailbox" / "new").iterdir()]

    surveys = []
    for letter in letters:
        links = dict(LINK.findall(letter.replace("=\n", "")))
        surveys.append(f"/s/{links['s']}")
        scanned = scan(page, {f"/u/{links['u']}", *(f"/s/{links['s']}{place}" for place in PLACES)})
        assert scanned >= len(PLACES)
    with runtime.reading() as session:
        started = session.scalars(select(Administration.started_at)).all()
        stopped = session.execute(select(Patient.bounced_at, Patient.unsubscribed_at, Patient.status)).all()
        revoked = session.scalars(select(Link.revoked_at)).all()
        answers = session.scalar(select(func.count()).select_from(SavedAnswer))
    for survey in surveys:
        page.goto(survey)
        walk_to_the_review(page, line=50)
        send(page)

    assert (set(started), set(revoked), answers) == ({None}, {None}, 0)
    assert set(stopped) == {(None, None, "active")}
    with runtime.reading() as session:
        states = session.scalars(select(Administration.state).where(Administration.timepoint == "baseline")).all()
        assert states == ["completed"] * patients
