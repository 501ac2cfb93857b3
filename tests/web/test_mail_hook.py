"""The door for what mail providers report."""

import base64
import json
import logging
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from prom_service.models import Administration, Episode, Message, MessageEvent, Patient
from prom_service.runtime import Runtime
from prom_service.web.mail_hook import LARGEST_BODY
from tests import mailroom
from tests.fakes import Clock
from tests.mail.test_providers import bounce, ses
from tests.mailroom import NOON
from tests.support.reports import ADDRESS, header_of

SECRET = "shared with the provider, and long enough"
HEADER = {"X-Prom-Hook-Secret": SECRET}
BASIC = {"Authorization": "Basic " + base64.b64encode(f"prom:{SECRET}".encode()).decode()}


@pytest.fixture
def prom(database_url: str, tmp_path: Path) -> Iterator[Runtime]:
    with mailroom.mail_runtime(database_url, tmp_path, Clock(NOON), mail_hook_secret=SECRET) as prom:
        yield prom


@pytest.fixture
def hook(prom: Runtime, app_of: Callable[[Runtime], Any]) -> Any:
    return app_of(prom).test_client()


@pytest.fixture
def sent(prom: Runtime) -> uuid.UUID:
    with prom.transaction() as session:
        administration = mailroom.administration(session, mailroom.patient(session, mailroom.clinic(session)))
        return mailroom.message(session, administration, phase="sent", sent_at=NOON).id


def bounced(*message_ids: uuid.UUID) -> dict[str, Any]:
    return {"events": [{"message_id": header_of(one), "type": "bounced", "status": "5.1.1"} for one in message_ids]}


def test_a_posted_bounce_is_on_record_once_however_often_it_is_posted(
    hook: Any, prom: Runtime, sent: uuid.UUID
) -> None:
    answers = [hook.post("/hooks/mail/generic", json=bounced(sent, uuid.uuid4()), headers=HEADER) for _ in range(2)]

    assert [answer.json for answer in answers] == [{"reports": 2, "news": 1}, {"reports": 2, "news": 0}]
    with prom.reading() as session:
        assert mailroom.steps(session, sent) == ["bounced"]
        assert session.get_one(Message, sent).bounced_at == NOON
        assert session.scalars(select(Patient.bounced_at)).one() == NOON


def test_a_bounce_in_a_course_of_care_that_cannot_be_assessed_is_on_record(
    hook: Any, prom: Runtime, sent: uuid.UUID
) -> None:
    with prom.transaction() as session:
        session.execute(update(Administration).values(state="missed", missed_at=NOON))
        session.execute(update(Episode).values(pathway="no-such-pathway-1"))

    answer = hook.post("/hooks/mail/generic", json=bounced(sent), headers=HEADER)

    assert (answer.status_code, answer.json) == (200, {"reports": 1, "news": 1})
    with prom.reading() as session:
        assert mailroom.steps(session, sent) == ["bounced"]


def test_amazon_s_notification_is_taken_with_its_media_type_and_a_password_and_leaves_no_address(
    hook: Any, prom: Runtime, sent: uuid.UUID, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    notification = ses("Bounce", bounce("Permanent", "General", f"5.1.1 <{ADDRESS}>"), message_id=header_of(sent))
    envelope = {"Type": "Notification", "Message": json.dumps(notification)}

    answer = hook.post("/hooks/mail/ses", data=json.dumps(envelope), content_type="text/plain", headers=BASIC)

    assert answer.json == {"reports": 1, "news": 1}
    with prom.reading() as session:
        [event] = session.scalars(select(MessageEvent))
        assert (event.kind, event.reason) == ("bounced", "hard 5.1.1")
    assert ADDRESS not in caplog.text


@pytest.mark.parametrize("headers", [{}, {"X-Prom-Hook-Secret": SECRET[:-1]}, {"X-Prom-Hook-Secret": "é"}])
def test_without_the_secret_nothing_is_taken(
    hook: Any, prom: Runtime, sent: uuid.UUID, headers: dict[str, str]
) -> None:
    answer = hook.post("/hooks/mail/generic", json=bounced(sent), headers=headers)

    assert (answer.status_code, answer.content_type) == (401, "application/problem+json")
    with prom.reading() as session:
        assert mailroom.steps(session, sent) == []


@pytest.mark.parametrize("secret", ["", SECRET])
def test_without_a_setting_there_is_no_door(client: Any, secret: str) -> None:
    answer = client.post("/hooks/mail/generic", json={"events": []}, headers={"X-Prom-Hook-Secret": secret})

    assert answer.status_code == 404


def test_a_provider_nobody_knows_is_not_there(hook: Any) -> None:
    assert hook.post("/hooks/mail/pigeon", json={}, headers=HEADER).status_code == 404


@pytest.mark.parametrize(("extra", "status"), [(0, 200), (1, 413)])
def test_a_body_is_taken_up_to_its_limit(hook: Any, extra: int, status: int) -> None:
    body = b'{"events":[]}'.ljust(LARGEST_BODY + extra)

    assert hook.post("/hooks/mail/generic", data=body, headers=HEADER).status_code == status


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b"{}", 422), (b'{"events":[NaN]}', 400), (b"", 400)])
def test_what_cannot_be_read_is_refused(hook: Any, body: bytes, status: int) -> None:
    assert hook.post("/hooks/mail/generic", data=body, headers=HEADER).status_code == status


def test_a_new_subscription_waits_for_whoever_runs_the_service(hook: Any, caplog: pytest.LogCaptureFixture) -> None:
    address = "https://sns.eu-west-2.amazonaws.com/?Action=ConfirmSubscription&Token=1"
    asked = {"Type": "SubscriptionConfirmation", "SubscribeURL": address}

    answer = hook.post("/hooks/mail/ses", data=json.dumps(asked), content_type="text/plain", headers=BASIC)

    assert answer.status_code == 200
    assert address in caplog.text
