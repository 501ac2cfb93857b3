"""Signatures, held against the reference library and the published example of Standard Webhooks."""

import base64
import datetime as dt
import re
import uuid
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask.testing import FlaskClient
from standardwebhooks import Webhook, WebhookVerificationError

from prom_service.hooks import signing
from tests.support.receiver import Taken

WEBHOOK = uuid.UUID(int=7)
SECRET = b"a secret of the service, long enough to be one"
NOON = dt.datetime(2026, 3, 3, 12, tzinfo=dt.UTC)


def signed(*keys: bytes, body: bytes = b'{"a":1}') -> Taken:
    return Taken("/", signing.sign(keys, message_id="m1", at=NOON, body=body), body, NOON)


def test_the_published_example_is_signed_as_published() -> None:
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

    headers = signing.sign(
        [key],
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        at=dt.datetime.fromtimestamp(1614265330, dt.UTC),
        body=b'{"test": 2432232314}',
    )

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_the_reference_library_takes_a_secret_as_it_is_shown() -> None:
    key = signing.derive_key(WEBHOOK, 1, secret=SECRET)

    signed(key).verify(signing.shown(key))

    assert signing.shown(key).startswith("whsec_")
    assert len(key) == 32


def test_each_of_several_keys_is_enough() -> None:
    old, new = (signing.derive_key(WEBHOOK, number, secret=SECRET) for number in (1, 2))
    taken = signed(new, old)

    taken.verify(signing.shown(old))
    taken.verify(signing.shown(new))


def test_a_body_changed_by_one_bit_is_refused() -> None:
    key = signing.derive_key(WEBHOOK, 1, secret=SECRET)
    taken = signed(key)

    with pytest.raises(WebhookVerificationError):
        Taken(taken.path, taken.headers, b'{"a":0}', NOON).verify(signing.shown(key))


def test_no_two_webhooks_numbers_or_services_share_a_key() -> None:
    keys = {
        signing.derive_key(webhook, number, secret=secret)
        for webhook in (WEBHOOK, uuid.UUID(int=8))
        for number in (1, 2)
        for secret in (SECRET, SECRET[::-1])
    }

    assert len(keys) == 8
    assert Webhook(keys.pop()) is not None


def test_the_receiver_in_the_document_takes_what_is_ours_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    key = signing.derive_key(WEBHOOK, 1, secret=SECRET)
    kept: list[Any] = []
    client = documented_receiver(signing.shown(key), kept, monkeypatch)
    taken = signed(key)

    with time_machine.travel(NOON, tick=False):
        answers = [client.post("/prom", data=body, headers=dict(taken.headers)) for body in (taken.body, b'{"a":2}')]
    with time_machine.travel(NOON + dt.timedelta(minutes=6), tick=False):
        answers.append(client.post("/prom", data=taken.body, headers=dict(taken.headers)))

    assert [answer.status_code for answer in answers] == [204, 400, 400]
    assert kept == [{"a": 1}]


def documented_receiver(secret: str, kept: list[Any], monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """Return a client of the receiver that docs/webhooks.md shows, with a memory that it leaves to the reader."""
    monkeypatch.setenv("PROM_WEBHOOK_SECRET", secret)
    text = (Path(__file__).parents[2] / "docs/webhooks.md").read_text(encoding="utf-8")
    [code] = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {"__name__": "receiver", "is_known": lambda _id: False, "put_aside": kept.append}
    exec(code, names)
    client: FlaskClient = names["app"].test_client()
    return client
