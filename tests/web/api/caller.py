"""A program that calls the API, and the small world it calls about."""

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from prom_service.models import Administration, ApiKey, Clinic, Episode, Flag, Membership, Patient, User, Visit
from prom_service.models.api_key import SCOPES
from prom_service.services import administrations, report_tasks, submission, visits, webhooks
from prom_service.services.visits import VisitDetails
from tests import builders

ROOT = "/api/v1"


class Caller:
    """Calls the API with one key; paths begin behind ``/api/v1``."""

    def __init__(self, client: FlaskClient, key: str | None) -> None:
        self.client, self.key = client, key

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        """Send a request; header names are written with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.key:
            named["Authorization"] = f"Bearer {self.key}"
        address = path if path.startswith("http") else ROOT + path
        content = {} if body is None else {"data": body} if isinstance(body, bytes) else {"json": body}
        if isinstance(body, bytes):
            named.setdefault("Content-Type", "application/json")
        return self.client.open(address, method=method, headers=named, **content)

    def get(self, path: str, **headers: str) -> TestResponse:
        """Read."""
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> TestResponse:
        """Do."""
        return self.call("POST", path, body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> TestResponse:
        """Record."""
        return self.call("PUT", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> TestResponse:
        """Change."""
        return self.call("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> TestResponse:
        """Take away."""
        return self.call("DELETE", path, **headers)


@dataclass(frozen=True)
class World:
    """What there is in our clinic, and the keys of both clinics. It is the day of the 6-week checkpoint."""

    today: dt.date
    clinic: Clinic
    patient: Patient
    episode: Episode
    visit: Visit
    administration: Administration
    flag_id: uuid.UUID
    user_id: uuid.UUID
    webhook_id: uuid.UUID
    task_id: uuid.UUID
    """A report made in the background for our key."""
    key: str
    other_key: str

    @classmethod
    def build(cls, session: Session, *, now: dt.datetime) -> "World":
        """Return a world in which a patient answered the baseline, with a symptom to be seen that day, and visited."""
        start = now - dt.timedelta(days=42)
        clinic, other = builders.a_clinic(session, now=start), builders.a_clinic(session, now=start)
        patient = builders.a_patient(session, clinic, now=start)
        episode = builders.an_episode(session, clinic, patient, now=start, clinician="DR-1")
        baseline = builders.the_administration(session, episode, "baseline")
        answers = builders.changed(builders.complete_answers(baseline, episode, ihot=40), "safety-1.0", R9=1)
        submission.submit(session, baseline, answers=answers, now=start)
        details = VisitDetails(visited_on=start.date())
        visit, _is_new = visits.record_visit(session, episode, "V1", details, actor=builders.ACTOR, now=start)
        administrations.open_due(session, now=now, limit=10)
        key = builders.an_api_key(session, clinic, SCOPES, now=start)
        return cls(
            today=now.date(),
            clinic=clinic,
            patient=patient,
            episode=episode,
            visit=visit,
            administration=builders.the_administration(session, episode, "6-weeks"),
            flag_id=session.scalars(select(Flag.id).where(Flag.clinic_id == clinic.id)).one(),
            user_id=_a_user(session, clinic, now=start),
            webhook_id=_a_webhook(session, clinic, now=start),
            task_id=_a_task(session, clinic, now=now),
            key=key,
            other_key=builders.an_api_key(session, other, SCOPES, now=start),
        )


def _a_webhook(session: Session, clinic: Clinic, *, now: dt.datetime) -> uuid.UUID:
    """A webhook that no test has anything to tell: nobody on this machine is at its address."""
    types = ["flag.superseded"]
    webhook, _secret = webhooks.subscribe(
        session, clinic.id, "https://1.1.1.1/hook", types, actor=builders.ACTOR, secret=builders.SECRET, now=now
    )
    return webhook.id


def _a_task(session: Session, clinic: Clinic, *, now: dt.datetime) -> uuid.UUID:
    """A report that the only key of the clinic asked for, and that is made."""
    key_id = session.scalars(select(ApiKey.id).where(ApiKey.clinic_id == clinic.id)).one()
    report_tasks.ask(
        session,
        report="utilization",
        form="json",
        parameters={"audience": "clinic"},
        organisation_id=clinic.organisation_id,
        clinic_ids=[clinic.id],
        requested_by=f"key:{key_id}",
        now=now,
    )
    task = report_tasks.claim_due(session, worker="test", now=now)
    assert task is not None
    report_tasks.finish(session, task, b"{}", now=now)
    return task.id


def _a_user(session: Session, clinic: Clinic, *, now: dt.datetime) -> uuid.UUID:
    """A member of the staff who never logs in: hashing a password takes longer than the rest of this world."""
    user = User(
        organisation_id=clinic.organisation_id,
        email="sam@example.org",
        name="Sam Staff",
        password_hash="",
        created_at=now,
    )
    session.add(user)
    session.flush()
    session.add(Membership(user_id=user.id, clinic_id=clinic.id, role="clinician"))
    session.flush()
    return user.id
