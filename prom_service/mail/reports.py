"""What others report of our letters once a mail server has taken them, read without keeping an address or a text.

A report is about one message and says one of four things. ``bounced`` is final: the letter did not arrive. It is
*hard* when the address is to blame, else *soft*. ``delayed`` concludes nothing.
"""

import email
import email.policy
import logging
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from typing import Literal

log = logging.getLogger(__name__)

Kind = Literal["delivered", "delayed", "bounced", "complained"]

OWN_ID = re.compile(r"<?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@[^\s<>@]+>?")
STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
ADDRESS_AT_FAULT = re.compile(r"5\.(1\.\d+|[024]\.0|2\.1|4\.[14])")
"""Permanent, and about the address: wrong, disabled or nowhere to be routed to, or not said why (Vaudreuil 2003,
RFC 3463). A full mailbox (5.2.2), a letter too large (5.2.3) or refused by policy (5.7) says nothing against it."""
ACTIONS: dict[str, Kind] = {
    "failed": "bounced",
    "delayed": "delayed",
    "delivered": "delivered",
    "expanded": "delivered",
}
"""Moore and Vaudreuil 2003, RFC 3464, 2.3.3. ``relayed`` proves nothing: there the reports end."""
WORST_FIRST = ("bounced", "delayed", "delivered")
UNREADABLE = (RecursionError, ValueError)
"""What the email package raises for an email that it cannot read: thousands of parts in each other, odd parameters."""


@dataclass(frozen=True)
class DeliveryReport:
    """One thing said of one message of ours. Nothing in it names anybody."""

    message_id: uuid.UUID
    kind: Kind
    address_at_fault: bool = False
    """Only of a bounce: nothing can ever arrive there."""
    status: str | None = None
    """Enhanced status code (RFC 3463), such as ``5.1.1``; None when there was none that could be read."""

    @property
    def reason(self) -> str | None:
        """The code that is kept, such as ``hard 5.1.1``."""
        severity = {True: "hard", False: "soft"}[self.address_at_fault] if self.kind == "bounced" else None
        return " ".join(filter(None, (severity, self.status))) or None


def own_id(message_id: object) -> uuid.UUID | None:
    """Return the message that a Message-ID of ours names; None for anything else."""
    found = OWN_ID.fullmatch(str(message_id).strip().lower())
    return uuid.UUID(found[1]) if found else None


def readable_status(text: object) -> str | None:
    """Return an enhanced status code, or None when ``text`` is none."""
    found = STATUS.match(str(text).strip())
    return found[0] if found else None


def blames_address(status: str | None) -> bool:
    """Say whether a failure of this status is the address's fault; without a status nothing is held against it."""
    return status is not None and ADDRESS_AT_FAULT.fullmatch(status) is not None


def read_report(content: bytes) -> DeliveryReport | None:
    """Return what an email reports of a message of ours; None when it is no report, or not about one of ours.

    Read are delivery reports (RFC 3464) and complaints (Shafranovich et al. 2010, RFC 5965), both multipart/report.
    What cannot be read is no report.
    """
    try:
        return _read(content)
    except UNREADABLE as error:
        log.warning("an email that cannot be read is taken for no report: %s", type(error).__name__)
        return None


def _read(content: bytes) -> DeliveryReport | None:
    report = email.message_from_bytes(content, policy=email.policy.compat32)
    if report.get_content_type() != "multipart/report":
        return None
    parts = list(report.walk())
    message_id = next(_own_ids(parts), None)
    if message_id is None:
        return None
    return _complaint(parts, message_id) or _delivery(parts, message_id)


def _own_ids(parts: list[Message]) -> Iterator[uuid.UUID]:
    """Yield the ids of ours among the headers of the letter that the report returns."""
    for part in parts[1:]:
        returned = part
        if part.get_content_type() == "text/rfc822-headers":
            returned = email.message_from_bytes(_decoded(part), policy=email.policy.compat32)
        found = own_id(returned.get("Message-ID", ""))
        if found:
            yield found


def _delivery(parts: list[Message], message_id: uuid.UUID) -> DeliveryReport | None:
    """Return the worst that is said of any recipient: a letter of ours has one, whom a forwarding may multiply."""
    found = []
    for block in _fields_of(parts, "message/delivery-status"):
        kind = ACTIONS.get(str(block.get("Action", "")).strip().lower())
        if kind is not None:
            status = readable_status(block.get("Status", ""))
            found.append(DeliveryReport(message_id, kind, kind == "bounced" and blames_address(status), status))
    return min(found, key=lambda one: (WORST_FIRST.index(one.kind), not one.address_at_fault), default=None)


def _complaint(parts: list[Message], message_id: uuid.UUID) -> DeliveryReport | None:
    for block in _fields_of(parts, "message/feedback-report"):
        if str(block.get("Feedback-Type", "")).strip().lower() in ("abuse", "fraud", "opt-out"):
            return DeliveryReport(message_id, "complained")
    return None


def _fields_of(parts: list[Message], content_type: str) -> Iterator[Message]:
    """Yield the groups of fields in the machine-readable part of a report."""
    for part in parts:
        if part.get_content_type() == content_type:
            payload = part.get_payload()
            yield from (block for block in payload if isinstance(block, Message)) if isinstance(payload, list) else ()
            if isinstance(payload, str):
                yield email.message_from_bytes(_decoded(part), policy=email.policy.compat32)


def _decoded(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content.strip() if isinstance(content, bytes) else b""
