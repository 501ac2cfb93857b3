"""The clinic's owner is told once of a receiver of webhooks that says it is gone, in words that hold no secret."""

import email
from collections.abc import Iterator
from email.policy import default
from pathlib import Path

import pytest
from sqlalchemy import select

from prom_service.hooks.sender import Outcome
from prom_service.models import Alert, Clinic
from prom_service.runtime import Runtime
from prom_service.services import webhook_deliveries
from prom_service.services.webhook_deliveries import Receiver
from scheduler import jobs
from tests import builders, hookroom
from tests.fakes import Clock
from tests.hookroom import SECRET
from tests.mailroom import NOON

URL = "https://user:hunter2@hooks.example.org/services/T0K3N?key=s3cr3t"
GONE = Outcome("gone", "http 410")


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture
def prom(database_url: str, tmp_path: Path, clock: Clock) -> Iterator[Runtime]:
    with hookroom.hook_runtime(database_url, tmp_path, clock) as prom:
        yield prom


@pytest.fixture
def receiver(prom: Runtime) -> Receiver:
    """A receiver that has two events to be told."""
    clinic = hookroom.a_clinic(prom)
    webhook, _ = hookroom.a_webhook(prom, clinic, URL)
    hookroom.change_flag(prom, clinic, 2)
    with prom.transaction() as session:
        webhook_deliveries.queue_events(session, now=prom.now(), limit=7)
    return Receiver(clinic, webhook)


def name_an_owner(prom: Runtime, receiver: Receiver) -> None:
    with prom.transaction() as session:
        builders.a_plan(session, session.get_one(Clinic, receiver.clinic_id), now=prom.now())


def answer_gone(prom: Runtime, receiver: Receiver) -> None:
    """Let the receiver answer everything that is due to it with 410."""
    with prom.transaction() as session:
        batch = webhook_deliveries.claim_due(session, receiver, secret=SECRET, worker="test", now=prom.now(), limit=9)
        for notice in batch.notices:
            webhook_deliveries.record(session, batch, notice, GONE, now=prom.now())


def letters(prom: Runtime) -> list[email.message.EmailMessage]:
    jobs.send_alerts(prom)
    files = sorted((Path(prom.settings.mailbox_dir) / "new").glob("*"))
    return [email.message_from_bytes(file.read_bytes(), policy=default) for file in files]  # type: ignore[misc]


def test_the_owner_gets_one_email_however_often_it_answers_that_it_is_gone(prom: Runtime, receiver: Receiver) -> None:
    name_an_owner(prom, receiver)

    answer_gone(prom, receiver)

    [letter] = letters(prom)
    text = letter.get_content()
    assert letter["To"] == "owner@example.org"
    assert letter["Subject"] == "No longer told of flags: a program of Northside Clinic"
    assert "- hooks.example.org\n" in text
    assert f"/settings?clinic={receiver.clinic_id}" in text
    assert not [secret for secret in ("hunter2", "T0K3N", "s3cr3t") if secret in letter.as_string()]


def test_one_that_was_enabled_again_meanwhile_is_not_written_about(prom: Runtime, receiver: Receiver) -> None:
    name_an_owner(prom, receiver)

    answer_gone(prom, receiver)
    hookroom.enable(prom, receiver.webhook_id)

    assert letters(prom) == []
    with prom.reading() as session:
        assert session.scalars(select(Alert.reason)).all() == ["no_longer_disabled"]


def test_it_is_written_about_anew_when_it_goes_again(prom: Runtime, receiver: Receiver) -> None:
    name_an_owner(prom, receiver)

    answer_gone(prom, receiver)
    letters(prom)
    hookroom.enable(prom, receiver.webhook_id)
    answer_gone(prom, receiver)

    assert len(letters(prom)) == 2


def test_where_no_owner_is_named_it_is_disabled_all_the_same(prom: Runtime, receiver: Receiver) -> None:
    answer_gone(prom, receiver)

    assert hookroom.webhook(prom, receiver.webhook_id).state == "disabled"
    assert letters(prom) == []
