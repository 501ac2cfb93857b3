"""Signatures as in Standard Webhooks 1.0 (standardwebhooks.com): HMAC-SHA256 over id, instant and body.

No secret rests in the database. The key of a webhook is derived from the secret of the service, the webhook's id and
the number of the secret, so that the same key can be made again when there is something to sign.
"""

import base64
import datetime as dt
import hashlib
import hmac
import uuid
from collections.abc import Iterable

SECRET_MARK = "whsec_"  # noqa: S105 (how a secret begins, not one)


def derive_key(webhook_id: uuid.UUID, number: int, *, secret: bytes) -> bytes:
    """Return the key that belongs to secret ``number`` of a webhook: 32 bytes."""
    return hmac.digest(secret, f"webhook:{webhook_id}:{number}".encode(), hashlib.sha256)


def shown(key: bytes) -> str:
    """Return ``key`` as its receiver gets it: ``whsec_`` and the key in base64."""
    return SECRET_MARK + base64.b64encode(key).decode()


def sign(keys: Iterable[bytes], *, message_id: str, at: dt.datetime, body: bytes) -> dict[str, str]:
    """Return the three headers by which a receiver knows that ``body`` is ours, signed once with each key."""
    seconds = str(int(at.timestamp()))
    content = f"{message_id}.{seconds}.".encode() + body
    signatures = (base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode() for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
