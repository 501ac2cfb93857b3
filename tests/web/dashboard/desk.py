"""A clinic's desk: one of its staff, logged in, and a browser without a socket."""

import html
import re
import uuid
from typing import Any

from prom_service.models import Administration, Episode
from prom_service.runtime import Runtime
from prom_service.services import flags, submission
from tests import builders
from tests.builders import PASSWORD
from tests.fakes import Clock

EMAIL = "sam@example.org"


class Desk:
    """A clinic in London with one of its staff at the keyboard."""

    def __init__(self, runtime: Runtime, clock: Clock, client: Any, *, role: str = "clinician") -> None:
        self.runtime, self.clock, self.client = runtime, clock, client
        with runtime.transaction() as session:
            self.clinic = builders.a_clinic(session, now=clock.now(), name="Northside Clinic")
            self.user = builders.a_user(session, self.clinic, now=clock.now(), email=EMAIL, role=role)

    def log_in(self) -> None:
        form = {"email": EMAIL, "password": PASSWORD, "csrf_token": self._token(self.client.get("/login").text)}
        assert self.client.post("/login", data=form).status_code == 303

    def later(self, **duration: float) -> None:
        """Let time pass, and log in again."""
        self.clock.advance(**duration)
        self.log_in()

    def patient(self, **changes: Any) -> Any:
        with self.runtime.transaction() as session:
            return builders.a_patient(session, self.clinic, now=self.clock.now(), **changes)

    def episode(self, patient: Any = None, **changes: Any) -> Episode:
        with self.runtime.transaction() as session:
            return builders.an_episode(session, self.clinic, patient, now=self.clock.now(), **changes)

    def administration(self, episode: Episode, timepoint: str) -> Administration:
        with self.runtime.reading() as session:
            return builders.the_administration(session, episode, timepoint)

    def answer(self, episode: Episode, timepoint: str, **levels: Any) -> uuid.UUID:
        """Answer a timepoint by its link, now; return the id of its administration."""
        with self.runtime.transaction() as session:
            administration = builders.the_administration(session, episode, timepoint)
            answers = builders.complete_answers(administration, episode, **levels)
            submission.submit(session, administration, answers=answers, now=self.clock.now())
        return administration.id

    def flag(self, **values: Any) -> uuid.UUID:
        """Raise a flag of a patient of its own and return its id."""
        with self.runtime.transaction() as session:
            episode = builders.an_episode(session, self.clinic, now=self.clock.now())
            return builders.a_flag(session, episode, now=self.clock.now(), **values).id

    def step(self, flag_id: uuid.UUID, step: Any, *given: Any, actor: str = "command", **more: Any) -> None:
        """Let somebody else take a step with a flag."""
        with self.runtime.transaction() as session:
            flag = flags.find_for_update(session, self.clinic.id, flag_id)
            step(session, flag, *given, actor=actor, now=self.clock.now(), **more)

    def get(self, path: str) -> Any:
        return self.client.get(path)

    def post(self, path: str, **fields: Any) -> Any:
        """Send a form; a double underscore in a name stands for a dot."""
        named = {name.replace("__", "."): value for name, value in fields.items()}
        return self.client.post(path, data=named | {"csrf_token": self._token(self.client.get("/patients").text)})

    def shown(self, path: str) -> str:
        """What a page says, without its marks."""
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.status_code
        return text_of(answer)

    def _token(self, page: str) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert found
        return found[1]


def text_of(answer: Any) -> str:
    """What an answer says, without its marks."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())
