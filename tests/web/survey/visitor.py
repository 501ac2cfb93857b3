"""A patient without a browser: opens a link, fills in forms and presses buttons."""

import re
from typing import Any

from sqlalchemy import func, select

from prom_service.models import Administration, Episode, Link, Patient
from prom_service.runtime import Runtime
from prom_service.services import access
from prom_service.services.tokens import digest
from tests.builders import a_clinic, a_patient, an_episode, the_administration

HEADING = re.compile(r"<h1[^>]*>(.*?)</h1>", re.DOTALL)
RADIO = re.compile(r'type="radio" name="([^"]+)" value="(-?\d+)"')


def ask(runtime: Runtime, timepoint: str = "baseline", language: str = "en", **episode: Any) -> str:
    """Return the token of a link to a timepoint of a new episode."""
    now = runtime.now()
    with runtime.transaction() as session:
        clinic = a_clinic(session, now=now, name="Northside Clinic")
        patient = a_patient(session, clinic, now=now, language=language)
        made = an_episode(session, clinic, patient, now=now, **episode)
        administration = the_administration(session, made, timepoint)
        return link_to(runtime, session, administration)


def link_to(runtime: Runtime, session: Any, administration: Administration, purpose: str = "survey") -> str:
    """Return the token of a fresh link to an administration."""
    return access.issue_link(
        session, administration, purpose=purpose, secret=runtime.settings.secret, now=runtime.now()
    )


def behind(session: Any, runtime: Runtime, token: str) -> tuple[Administration, Episode, Patient]:
    """Return the rows a link leads to, also when it is revoked."""
    kept = digest(token, purpose="survey", secret=runtime.settings.secret)
    link = session.scalars(select(Link).where(Link.digest == kept)).one()
    administration = session.get_one(Administration, link.administration_id)
    episode = session.get_one(Episode, administration.episode_id)
    return administration, episode, session.get_one(Patient, episode.patient_id)


def heading(response: Any) -> str:
    """Return the page's heading."""
    found = HEADING.search(response.text)
    return re.sub(r"<[^>]+>", "", found.group(1)).strip() if found else ""


def count(runtime: Runtime, table: Any) -> int:
    """Return how many rows a table has."""
    with runtime.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def administration_of(runtime: Runtime, token: str) -> Administration:
    """Return the administration a link leads to."""
    with runtime.reading() as session:
        return behind(session, runtime, token)[0]


class Visitor:
    """One person at one link."""

    def __init__(self, client: Any, token: str) -> None:
        self.client = client
        self.token = token

    def open(self, place: str = "") -> Any:
        """Open a page of the link."""
        return self.client.get(f"/s/{self.token}{place}")

    def press(self, place: str, button: str, **fields: Any) -> Any:
        """Send a page's form by one of its buttons."""
        return self.client.post(f"/s/{self.token}{place}", data={"go": button, **fields})

    def start(self) -> Any:
        """Press Start."""
        return self.press("", "start")

    def answer_everything(self, value: int = 50, **answers: str) -> Any:
        """Start, answer every page (lines with ``value``, the rest with the first option) and stop at the review."""
        response = self.start()
        for _ in range(200):
            place = response.location.removeprefix(f"/s/{self.token}")
            if place.endswith("/advice"):
                response = self.press(place, "next")
            elif place == "/review":
                return self.open(place)
            else:
                response = self.press(place, "next", **self._fill(place, value, answers))
            assert response.status_code == 303, response.text
        raise AssertionError("the survey has no end")

    def send(self, **fields: str) -> Any:
        """Press Send."""
        return self.press("/review", "send", **fields)

    def _fill(self, place: str, value: int, answers: dict[str, str]) -> dict[str, str]:
        page = self.open(place).text
        first: dict[str, str] = {}
        for name, code in RADIO.findall(page):
            first.setdefault(name, code)
        lines = {name: str(value) for name in re.findall(r'name="([^"]+)" inputmode', page)}
        named = dict.fromkeys(re.findall(r'name="([^"]+-Q1\.text)"', page), "Climbing stairs")
        filled = first | lines | named
        return filled | {name: text for name, text in answers.items() if name in filled}
