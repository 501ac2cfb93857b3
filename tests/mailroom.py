"""Patients with messages to send, written straight into the tables, and a runtime to send them with."""

import contextlib
import datetime as dt
import itertools
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service import runtime
from prom_service.models import (
    Administration,
    Assessment,
    Clinic,
    Episode,
    Message,
    MessageEvent,
    Organisation,
    Patient,
)
from prom_service.runtime import Runtime
from prom_service.settings import Settings
from tests.fakes import Clock

NOON = dt.datetime(2026, 3, 3, 12, tzinfo=dt.UTC)
"""A Tuesday, well inside mailing hours in London."""
SECRET = "a secret that only the tests know, long enough"
_numbers = itertools.count(1)


@contextlib.contextmanager
def mail_runtime(
    database_url: str, folder: Path, clock: Clock, *, smtp_url: str = "", **values: Any
) -> Iterator[Runtime]:
    """Yield a runtime on this database: letters go to ``folder``/mailbox, or by SMTP to anybody at example.org."""
    settings = Settings(
        env="test",
        database_url=database_url,
        secret_key=SECRET,
        mailbox_dir=str(folder / "mailbox"),
        smtp_url=smtp_url,
        mail_from="Questionnaires <questions@clinic.example.org>",
        mail_allow=("@example.org",),
    )
    settings = Settings(**{**vars(settings), **values})
    prom = runtime.build(settings, clock=clock.now)
    yield prom
    prom.mail.close()
    prom.engine.dispose()


def clinic(session: Session, **values: Any) -> Clinic:
    """Write a clinic in London."""
    number = next(_numbers)
    organisation = Organisation(name=f"Organisation {number}", created_at=NOON)
    session.add(organisation)
    session.flush()
    written = Clinic(
        **{
            "organisation_id": organisation.id,
            "code": f"clinic-{number}",
            "name": "Northside Clinic",
            "time_zone": "Europe/London",
            "phone": "+44 20 7946 0000",
            "reply_hours": "Monday to Friday, 9:00 to 17:00",
            "urgent_text": "Call the emergency number.",
            "created_at": NOON,
        }
        | values
    )
    session.add(written)
    session.flush()
    return written


def patient(session: Session, at: Clinic, **values: Any) -> Patient:
    """Write a patient with an address of their own at example.org."""
    number = next(_numbers)
    written = Patient(
        **{
            "clinic_id": at.id,
            "external_id": f"P-{number}",
            "name": "Ada Nightingale",
            "email": f"patient-{number}@example.org",
            "date_of_birth": dt.date(1970, 1, 1),
            "created_at": NOON,
        }
        | values
    )
    session.add(written)
    session.flush()
    return written


def administration(session: Session, of: Patient, *, start: dt.datetime = NOON, **values: Any) -> Administration:
    """Write an episode with one open administration: open since 3 days before ``start``, closing 25 days after it."""
    number = next(_numbers)
    episode = Episode(
        clinic_id=of.clinic_id,
        patient_id=of.id,
        external_id=f"E-{number}",
        pathway_key=f"hip-related-pain-{number}",
        pathway="hip-related-pain-1",
        started_on=start.date(),
        enrolled_at=start,
    )
    session.add(episode)
    session.flush()
    session.add(Assessment(id=episode.id, clinic_id=of.clinic_id))
    written = Administration(
        **{
            "clinic_id": of.clinic_id,
            "episode_id": episode.id,
            "timepoint": "baseline",
            "sequence": 0,
            "state": "open",
            "opens_at": start - dt.timedelta(days=3),
            "target_at": start,
            "late_after": start + dt.timedelta(days=20),
            "closes_at": start + dt.timedelta(days=25),
        }
        | values
    )
    session.add(written)
    session.flush()
    return written


def message(
    session: Session, of: Administration, *, ordinal: int = 0, due: dt.datetime = NOON, **values: Any
) -> Message:
    """Write one planned message of an administration."""
    written = Message(
        **{
            "clinic_id": of.clinic_id,
            "administration_id": of.id,
            "kind": "reminder" if ordinal else "invitation",
            "ordinal": ordinal,
            "planned_for": due,
            "due_at": due,
        }
        | values
    )
    session.add(written)
    session.flush()
    return written


def due_messages(prom: Runtime, count: int, *, due: dt.datetime = NOON) -> list[uuid.UUID]:
    """Write ``count`` patients with one message each, due at noon; return the ids of the messages."""
    with prom.transaction() as session:
        at = clinic(session)
        return [message(session, administration(session, patient(session, at)), due=due).id for _ in range(count)]


def steps(session: Session, message_id: uuid.UUID) -> list[str]:
    """Return the kinds of what happened to a message, in order."""
    events = select(MessageEvent.kind).where(MessageEvent.message_id == message_id).order_by(MessageEvent.id)
    return list(session.scalars(events))


def phases(prom: Runtime, ids: Iterable[uuid.UUID]) -> list[str]:
    """Return the phases of these messages, in their order."""
    wanted = list(ids)
    with prom.reading() as session:
        rows = session.execute(select(Message.id, Message.phase).where(Message.id.in_(wanted)))
        known = {row.id: row.phase for row in rows}
    return [known[one] for one in wanted]
