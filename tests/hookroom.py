"""A clinic whose flags change on demand, and a runtime that tells a receiver on this machine."""

import contextlib
import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service import runtime
from prom_service.hooks.destination import Border
from prom_service.hooks.sender import Sender
from prom_service.models import Episode, Flag, Patient, Webhook, WebhookDelivery
from prom_service.queries.webhooks import find_webhook
from prom_service.runtime import Runtime
from prom_service.services import flag_ledger, webhook_deliveries, webhooks
from prom_service.settings import Settings
from scheduler import jobs
from tests import mailroom
from tests.fakes import Clock
from tests.mailroom import NOON
from tests.support.nursery import NURSERY
from tests.support.receiver import Receiver, Taken

SECRET = mailroom.SECRET.encode()


@contextlib.contextmanager
def hook_runtime(database_url: str, folder: Path, clock: Clock, **options: Any) -> Iterator[Runtime]:
    """Yield a runtime on this database that may tell receivers on 127.0.0.1."""
    with mailroom.mail_runtime(database_url, folder, clock, webhook_allow=("127.0.0.1",)) as prom:
        border = Border.of(prom.settings)
        yield replace(prom, hooks=Sender(border, **options)) if options else prom


def a_clinic(prom: Runtime) -> uuid.UUID:
    """Write a clinic with one patient, one episode and one flag, raised as event 1; return the clinic's id."""
    with prom.transaction() as session:
        clinic = mailroom.clinic(session)
        patient = mailroom.patient(session, clinic)
        episode = session.get_one(Episode, mailroom.administration(session, patient).episode_id)
        flag_ledger.note(session, _a_flag(episode, prom.now()), episode, patient, "raised", "rules", {}, prom.now())
        return clinic.id


def change_flag(prom: Runtime, clinic_id: uuid.UUID, times: int = 1, *, step: str = "updated") -> None:
    """Write so many further events of the clinic's flag."""
    with prom.transaction() as session:
        flag = session.scalars(select(Flag).where(Flag.clinic_id == clinic_id).with_for_update()).one()
        episode = session.get_one(Episode, flag.episode_id)
        patient = session.get_one(Patient, episode.patient_id)
        for _ in range(times):
            flag_ledger.note(session, flag, episode, patient, step, "rules", {}, prom.now())


def a_webhook(prom: Runtime, clinic_id: uuid.UUID, url: str, *event_types: str) -> tuple[uuid.UUID, str]:
    """Subscribe a receiver and return the webhook's id with its secret."""
    with prom.transaction() as session:
        webhook, secret = webhooks.subscribe(
            session, clinic_id, url, event_types, actor="test", secret=SECRET, now=prom.now()
        )
        return webhook.id, secret


def webhook(prom: Runtime, webhook_id: uuid.UUID) -> Webhook:
    """Return the webhook as it is now."""
    with prom.reading() as session:
        return session.get_one(Webhook, webhook_id)


def held(session: Session, receiver: webhook_deliveries.Receiver) -> Webhook:
    """Return the webhook, to be changed."""
    return find_webhook(session, receiver.clinic_id, receiver.webhook_id, lock=True)


def deliveries(prom: Runtime, webhook_id: uuid.UUID) -> list[WebhookDelivery]:
    """Return the deliveries of a webhook in the order of the feed."""
    query = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id).order_by(WebhookDelivery.number)
    with prom.reading() as session:
        return list(session.scalars(query))


def flag_id(prom: Runtime, clinic_id: uuid.UUID) -> uuid.UUID:
    """Return the clinic's one flag."""
    with prom.reading() as session:
        return session.scalars(select(Flag.id).where(Flag.clinic_id == clinic_id)).one()


def numbers(receiver: Receiver) -> list[int]:
    """Return the numbers of the events a receiver was told, in order."""
    return [taken.content["data"]["number"] for taken in receiver.taken]


def ids_by_number(receiver: Receiver) -> dict[int, set[str]]:
    """Return under which ids a receiver was told each event."""
    found = defaultdict(set)
    for taken in receiver.taken:
        found[taken.content["data"]["number"]].add(taken.id)
    return dict(found)


def verify_all(receiver: Receiver, secret: str) -> list[Taken]:
    """Let the reference library verify everything that came, and return it."""
    for taken in receiver.taken:
        taken.verify(secret)
    return receiver.taken


def enable(prom: Runtime, webhook_id: uuid.UUID) -> None:
    """Let a disabled webhook go on."""
    with prom.transaction() as session:
        webhooks.enable(session, session.get_one(Webhook, webhook_id), now=prom.now())


def start_telling(prom: Runtime) -> BaseProcess:
    """Start a process that tells receivers once, at noon, and return it."""
    process = NURSERY.Process(target=_tell, args=[prom.settings])
    process.start()
    return process


def _tell(settings: Settings) -> None:
    jobs.deliver_webhooks(runtime.build(settings, clock=lambda: NOON))


def _a_flag(episode: Episode, now: dt.datetime) -> Flag:
    return Flag(
        clinic_id=episode.clinic_id,
        episode_id=episode.id,
        kind="survey_missed",
        basis="test",
        severity="low",
        queue="follow_up",
        status="open",
        why="Nothing was answered.",
        evidence={},
        guidance={},
        raised_at=now,
        updated_at=now,
        number=0,
    )
