"""Delivery reports taken from a mailbox over a real socket, on both databases."""

import imaplib
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from prom_service.mail.bounce_mailbox import LARGEST, BounceMailbox, MailboxError
from prom_service.models import Administration, Episode, Patient, PatientChange
from prom_service.runtime import Runtime
from scheduler import jobs
from tests import mailroom
from tests.fakes import Clock
from tests.mailroom import NOON
from tests.support.imap import ImapServer
from tests.support.reports import complaint, delivery_report, nested


@pytest.fixture
def imap() -> Iterator[ImapServer]:
    with ImapServer() as server:
        yield server


@pytest.fixture
def prom(database_url: str, tmp_path: Path, imap: ImapServer) -> Iterator[Runtime]:
    with mailroom.mail_runtime(database_url, tmp_path, Clock(NOON), bounce_imap_url=imap.url) as prom:
        yield prom


@pytest.fixture
def sent(prom: Runtime) -> uuid.UUID:
    with prom.transaction() as session:
        administration = mailroom.administration(session, mailroom.patient(session, mailroom.clinic(session)))
        return mailroom.message(session, administration, phase="sent", sent_at=NOON).id


def steps(prom: Runtime, message_id: uuid.UUID) -> list[str]:
    with prom.reading() as session:
        return mailroom.steps(session, message_id)


def test_each_email_is_read_once_and_its_report_put_on_record(prom: Runtime, imap: ImapServer, sent: uuid.UUID) -> None:
    imap.emails += [
        delivery_report(sent, action="delayed", status="4.4.1"),
        b"Subject: Out of office\r\n\r\nBack on Monday.",
        delivery_report(sent, action="failed", status="5.1.1"),
        complaint(uuid.uuid4()),
    ]

    counts = [jobs.fetch_delivery_reports(prom) for _ in range(2)]

    assert counts == [4, 0]
    assert imap.fetched == [1, 2, 3, 4]
    assert steps(prom, sent) == ["delayed", "bounced"]
    with prom.reading() as session:
        assert session.scalars(select(Patient.bounced_at)).one() == NOON


def test_an_email_is_marked_only_when_its_report_is_on_record_for_good(
    prom: Runtime, imap: ImapServer, sent: uuid.UUID
) -> None:
    seen_when_marked = []
    imap.emails.append(delivery_report(sent, action="failed", status="5.1.1"))
    imap.before_marking = lambda number: seen_when_marked.append(steps(prom, sent))

    jobs.fetch_delivery_reports(prom)

    assert seen_when_marked == [["bounced"]]


def test_a_connection_that_breaks_before_the_mark_has_the_email_read_again_to_one_effect(
    prom: Runtime, imap: ImapServer, sent: uuid.UUID
) -> None:
    imap.emails.append(delivery_report(sent, action="failed", status="5.1.1"))
    imap.drop_at = "UID STORE"
    with pytest.raises((OSError, imaplib.IMAP4.abort)):
        jobs.fetch_delivery_reports(prom)
    imap.drop_at = None

    assert jobs.fetch_delivery_reports(prom) == 1

    assert imap.fetched == [1, 1]
    assert steps(prom, sent) == ["bounced"]
    with prom.reading() as session:
        assert session.scalars(select(PatientChange.kind)).all() == ["bounced"]


def test_what_cannot_be_read_is_no_report_and_marked(prom: Runtime, imap: ImapServer, sent: uuid.UUID) -> None:
    imap.emails += [nested(3000), delivery_report(sent, action="failed", status="5.1.1")]

    counts = [jobs.fetch_delivery_reports(prom) for _ in range(2)]

    assert counts == [2, 0]
    assert steps(prom, sent) == ["bounced"]


def test_an_email_that_the_server_does_not_give_out_leaves_the_others_to_be_read_and_is_tried_again(
    prom: Runtime, imap: ImapServer, sent: uuid.UUID, caplog: pytest.LogCaptureFixture
) -> None:
    imap.emails += [delivery_report(sent, action=action, status="4.4.7") for action in ("failed", "delayed")]
    imap.refused = {1}

    before = jobs.fetch_delivery_reports(prom)
    imap.refused = set()
    after = jobs.fetch_delivery_reports(prom)

    assert (before, after) == (1, 1)
    assert (imap.fetched, steps(prom, sent)) == ([2, 1], ["delayed", "bounced"])
    assert caplog.messages == ["email 1 of the bounce mailbox: MailboxError; it is read again"]


def test_a_bounce_in_a_course_of_care_that_cannot_be_assessed_is_put_on_record_and_marked(
    prom: Runtime, imap: ImapServer, sent: uuid.UUID
) -> None:
    with prom.transaction() as session:
        session.execute(update(Administration).values(state="missed", missed_at=NOON))
        session.execute(update(Episode).values(pathway="no-such-pathway-1"))
    imap.emails.append(delivery_report(sent, action="failed", status="5.1.1"))

    counts = [jobs.fetch_delivery_reports(prom) for _ in range(2)]

    assert counts == [1, 0]
    assert steps(prom, sent) == ["bounced"]


def test_told_to_stop_it_leaves_the_rest_unmarked(prom: Runtime, imap: ImapServer, sent: uuid.UUID) -> None:
    imap.emails += [delivery_report(sent, action="delayed", status="4.4.1")] * 3

    jobs.fetch_delivery_reports(prom, lambda: len(imap.seen) < 2)

    assert imap.seen == {1, 2}


def test_of_a_huge_email_the_beginning_is_read(prom: Runtime, imap: ImapServer, sent: uuid.UUID) -> None:
    imap.emails.append(delivery_report(sent, action="failed", status="5.1.1") + b"x" * LARGEST)

    jobs.fetch_delivery_reports(prom)

    assert steps(prom, sent) == ["bounced"]


def test_without_a_mailbox_there_is_nothing_to_fetch(runtime: Runtime) -> None:
    assert jobs.fetch_delivery_reports(runtime) == 0


def test_what_the_server_refuses_is_an_error_without_the_password(imap: ImapServer) -> None:
    wrong = imap.url.replace("sesame", "barley")
    elsewhere = imap.url.replace("Bounces", "Nowhere")

    with pytest.raises(imaplib.IMAP4.error) as refused, BounceMailbox.from_url(wrong).opened():
        pass
    with pytest.raises(MailboxError), BounceMailbox.from_url(elsewhere).opened():
        pass

    assert "barley" not in f"{refused.value!r} {BounceMailbox.from_url(wrong)!r}"


@pytest.mark.parametrize(
    ("url", "host", "port", "folder", "implicit_tls"),
    [
        ("imaps://a%40b:p%2Fw@mail.example.org", "mail.example.org", 993, "INBOX", True),
        ("imap://a%40b:p%2Fw@mail.example.org", "mail.example.org", 143, "INBOX", False),
        ("imaps://a%40b:p%2Fw@mail.example.org:1993/Old%20mail", "mail.example.org", 1993, "Old mail", True),
    ],
)
def test_the_address_says_where_the_mailbox_is(url: str, host: str, port: int, folder: str, implicit_tls: bool) -> None:
    assert BounceMailbox.from_url(url) == BounceMailbox(host, port, implicit_tls, "a@b", "p/w", folder)
