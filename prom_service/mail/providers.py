"""Reports as mail providers post them: each reader turns one JSON document into reports on our messages.

A reader takes what it knows, ignores what is not about a message of ours, and raises ``InvalidInputError`` for a
document that is not of its format.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prom_service.errors import InvalidInputError
from prom_service.mail.reports import DeliveryReport, Kind, blames_address, own_id, readable_status

MOST_EVENTS = 1000
GENERIC_TYPES: dict[str, Kind] = {
    "delivered": "delivered",
    "delayed": "delayed",
    "bounced": "bounced",
    "complained": "complained",
}
GENERIC_MEMBERS = frozenset({"message_id", "type", "severity", "status"})
SES_DEFINITE = frozenset({"MailboxFull", "MessageTooLarge", "ContentRejected", "AttachmentRejected"})
"""Subtypes of a transient bounce that say the email did not arrive. ``General`` does not: it may be retried."""
AMAZON = re.compile(r"https://sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/")
SES_COMPLAINTS_NOT_MEANT = frozenset({"not-spam", "auth-failure", "virus"})


def read_generic(document: Any) -> list[DeliveryReport]:
    """Return the reports of ``{"events": [{"message_id", "type", "severity"?, "status"?}, …]}``, our own format."""
    events = document.get("events") if isinstance(document, dict) and document.keys() == {"events"} else None
    if not isinstance(events, list) or len(events) > MOST_EVENTS:
        raise InvalidInputError({"events": [f"Must be a list of at most {MOST_EVENTS}, and the only member."]})
    return list(filter(None, (_generic(event, f"events.{number}") for number, event in enumerate(events))))


def _generic(event: Any, where: str) -> DeliveryReport | None:
    if not isinstance(event, dict) or not event.keys() <= GENERIC_MEMBERS:
        raise InvalidInputError({where: [f"Must be an object of {', '.join(sorted(GENERIC_MEMBERS))}."]})
    kind = GENERIC_TYPES.get(str(event.get("type")))
    if kind is None:
        raise InvalidInputError({f"{where}.type": [f"Must be one of {', '.join(GENERIC_TYPES)}."]})
    severity = event.get("severity")
    if severity not in ("hard", "soft", None):
        raise InvalidInputError({f"{where}.severity": ["Must be hard or soft."]})
    status = readable_status(event.get("status"))
    hard = severity == "hard" or (severity is None and blames_address(status))
    return _report(event.get("message_id"), kind, hard=hard, status=status)


def read_ses(document: Any) -> list[DeliveryReport]:
    """Return the report of one notification of Amazon SES, posted by Amazon SNS in its envelope or bare.

    Original headers must be included in the notifications: SES gives every email a Message-ID of its own. Source: AWS,
    "Amazon SNS notification contents for Amazon SES".
    """
    notification = _opened(document)
    mail = _member(notification, "mail")
    kind = str(notification.get("notificationType") or notification.get("eventType"))
    reader = SES_READERS.get(kind)
    report = reader(notification, _original_id(mail)) if reader else None
    return [report] if report else []


def confirmation_address(document: Any) -> str | None:
    """Return the address at which a new subscription of SNS is confirmed; None when it is no such request.

    Only an address of Amazon's is returned.
    """
    if not isinstance(document, dict) or document.get("Type") != "SubscriptionConfirmation":
        return None
    address = str(document.get("SubscribeURL", ""))
    return address if AMAZON.match(address) and address.isprintable() else None


def _opened(document: Any) -> Mapping[str, Any]:
    """Return the notification inside the envelope of SNS, or the document when it came bare."""
    if isinstance(document, dict) and document.get("Type") == "Notification":
        try:
            document = json.loads(str(document.get("Message")))
        except (ValueError, RecursionError):
            document = None
    if not isinstance(document, dict):
        raise InvalidInputError({"Message": ["Must be a notification of Amazon SES."]})
    return document


def _ses_bounce(notification: Mapping[str, Any], message_id: object) -> DeliveryReport | None:
    bounce = _member(notification, "bounce")
    recipients = bounce.get("bouncedRecipients")
    first = recipients[0] if isinstance(recipients, list) and recipients and isinstance(recipients[0], dict) else {}
    status = readable_status(first.get("status"))
    if bounce.get("bounceType") == "Permanent":
        return _report(message_id, "bounced", hard=True, status=status)
    definite = bounce.get("bounceSubType") in SES_DEFINITE
    return _report(message_id, "bounced" if definite else "delayed", status=status)


def _ses_complaint(notification: Mapping[str, Any], message_id: object) -> DeliveryReport | None:
    feedback = _member(notification, "complaint").get("complaintFeedbackType")
    return None if feedback in SES_COMPLAINTS_NOT_MEANT else _report(message_id, "complained")


def _ses_delivery(notification: Mapping[str, Any], message_id: object) -> DeliveryReport | None:
    return _report(message_id, "delivered")


def _ses_delay(notification: Mapping[str, Any], message_id: object) -> DeliveryReport | None:
    return _report(message_id, "delayed")


SES_READERS: dict[str, Callable[[Mapping[str, Any], object], DeliveryReport | None]] = {
    "Bounce": _ses_bounce,
    "Complaint": _ses_complaint,
    "Delivery": _ses_delivery,
    "DeliveryDelay": _ses_delay,
}


def _original_id(mail: Mapping[str, Any]) -> object:
    """Return the Message-ID that the email had before SES gave it another."""
    headers = mail.get("headers")
    for header in headers if isinstance(headers, list) else ():
        if isinstance(header, dict) and str(header.get("name")).lower() == "message-id":
            return header.get("value")
    common = mail.get("commonHeaders")
    return common.get("messageId") if isinstance(common, dict) else None


def _member(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = document.get(name)
    if not isinstance(found, dict):
        raise InvalidInputError({name: ["Must be an object."]})
    return found


def _report(message_id: object, kind: Kind, *, hard: bool = False, status: str | None = None) -> DeliveryReport | None:
    found = own_id(message_id)
    return None if found is None else DeliveryReport(found, kind, hard and kind == "bounced", status)


READERS: dict[str, Callable[[Any], Iterable[DeliveryReport]]] = {"generic": read_generic, "ses": read_ses}
"""Every provider by its word in the address."""
