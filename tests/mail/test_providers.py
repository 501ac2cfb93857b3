"""What mail providers post, in our own format and in Amazon's."""

import json
import uuid
from typing import Any

import pytest

from prom_service.errors import InvalidInputError
from prom_service.mail.providers import confirmation_address, read_generic, read_ses
from prom_service.mail.reports import DeliveryReport
from tests.support.reports import ADDRESS, header_of

ONE = uuid.UUID("0195a3c2-7d1e-7abc-8def-0123456789ab")


def generic(**event: Any) -> dict[str, Any]:
    return {"events": [{"message_id": header_of(ONE), **event}]}


def ses(kind: str, said: dict[str, Any], *, named: str = "notificationType", message_id: str = "") -> dict[str, Any]:
    """Return a notification with the original headers, in the shape of the examples that AWS publishes."""
    member = {"Bounce": "bounce", "Complaint": "complaint", "Delivery": "delivery", "DeliveryDelay": "deliveryDelay"}
    return {
        named: kind,
        member[kind]: said,
        "mail": {
            "timestamp": "2026-03-03T12:00:00.000Z",
            "source": "questions@clinic.example.org",
            "messageId": "00000138111222aa-33322211-cccc-cccc-cccc-ddddaaaa0680-000000",
            "destination": [ADDRESS],
            "headersTruncated": False,
            "headers": [
                {"name": "To", "value": ADDRESS},
                {"name": "Message-ID", "value": message_id or header_of(ONE)},
            ],
            "commonHeaders": {"to": [ADDRESS], "messageId": message_id or header_of(ONE)},
        },
    }


def bounce(bounce_type: str, sub_type: str, status: str | None = None) -> dict[str, Any]:
    recipient = {"emailAddress": ADDRESS, "action": "failed", "diagnosticCode": f"smtp; 550 <{ADDRESS}>"}
    return {
        "bounceType": bounce_type,
        "bounceSubType": sub_type,
        "bouncedRecipients": [recipient | ({"status": status} if status else {})],
        "timestamp": "2026-03-03T12:00:05.000Z",
        "feedbackId": "00000138111222aa-33322211-cccc-cccc-cccc-ddddaaaa068a-000000",
    }


@pytest.mark.parametrize(
    ("event", "report"),
    [
        ({"type": "delivered"}, DeliveryReport(ONE, "delivered")),
        ({"type": "delayed", "status": "4.4.1"}, DeliveryReport(ONE, "delayed", False, "4.4.1")),
        ({"type": "bounced", "status": "5.1.1"}, DeliveryReport(ONE, "bounced", True, "5.1.1")),
        ({"type": "bounced", "status": "5.2.2"}, DeliveryReport(ONE, "bounced", False, "5.2.2")),
        ({"type": "bounced", "status": "5.2.2", "severity": "hard"}, DeliveryReport(ONE, "bounced", True, "5.2.2")),
        ({"type": "bounced", "status": "5.1.1", "severity": "soft"}, DeliveryReport(ONE, "bounced", False, "5.1.1")),
        ({"type": "bounced"}, DeliveryReport(ONE, "bounced")),
        ({"type": "complained", "severity": "hard"}, DeliveryReport(ONE, "complained")),
    ],
)
def test_an_event_of_our_own_format_is_a_report(event: dict[str, Any], report: DeliveryReport) -> None:
    assert read_generic(generic(**event)) == [report]


def test_an_event_about_somebody_else_s_message_is_ignored() -> None:
    assert read_generic({"events": [{"message_id": "<other@example.org>", "type": "bounced"}]}) == []


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ([], "events"),
        ({"events": {}}, "events"),
        ({"events": [], "more": 1}, "events"),
        ({"events": [{}] * 1001}, "events"),
        ({"events": ["bounced"]}, "events.0"),
        (generic(type="bounced", email=ADDRESS), "events.0"),
        (generic(type="opened"), "events.0.type"),
        (generic(), "events.0.type"),
        (generic(type="bounced", severity="rather"), "events.0.severity"),
    ],
)
def test_what_is_not_of_our_own_format_is_refused_and_named(document: Any, field: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        read_generic(document)

    assert list(refusal.value.errors) == [field]


@pytest.mark.parametrize(
    ("kind", "said", "report"),
    [
        ("Bounce", bounce("Permanent", "General", "5.1.1"), DeliveryReport(ONE, "bounced", True, "5.1.1")),
        ("Bounce", bounce("Permanent", "Suppressed"), DeliveryReport(ONE, "bounced", True)),
        ("Bounce", bounce("Transient", "MailboxFull", "5.2.2"), DeliveryReport(ONE, "bounced", False, "5.2.2")),
        ("Bounce", bounce("Transient", "General"), DeliveryReport(ONE, "delayed")),
        ("Bounce", bounce("Undetermined", "Undetermined"), DeliveryReport(ONE, "delayed")),
        ("Complaint", {"complaintFeedbackType": "abuse"}, DeliveryReport(ONE, "complained")),
        ("Complaint", {}, DeliveryReport(ONE, "complained")),
        ("Complaint", {"complaintFeedbackType": "not-spam"}, None),
        ("Delivery", {"recipients": [ADDRESS], "smtpResponse": "250 ok"}, DeliveryReport(ONE, "delivered")),
        ("DeliveryDelay", {"delayType": "MailboxFull"}, DeliveryReport(ONE, "delayed")),
    ],
)
@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("named", ["notificationType", "eventType"])
def test_a_notification_of_ses_is_a_report_in_its_envelope_or_bare(
    kind: str, said: dict[str, Any], report: DeliveryReport | None, wrapped: bool, named: str
) -> None:
    notification = ses(kind, said, named=named)
    document = {"Type": "Notification", "Message": json.dumps(notification)} if wrapped else notification

    assert read_ses(document) == ([report] if report else [])


def test_the_original_message_id_is_found_in_either_place() -> None:
    notification = ses("Delivery", {})
    del notification["mail"]["headers"]

    assert read_ses(notification) == [DeliveryReport(ONE, "delivered")]


def test_a_notification_without_original_headers_is_about_nobody() -> None:
    notification = ses("Bounce", bounce("Permanent", "General"))
    notification["mail"] = {"messageId": "0000", "destination": [ADDRESS]}

    assert read_ses(notification) == []


@pytest.mark.parametrize(
    "document",
    [
        [],
        "text",
        {"Type": "Notification", "Message": "no JSON"},
        {"notificationType": "Bounce"},
        ses("Bounce", {}) | {"bounce": 1},
    ],
)
def test_what_is_no_notification_of_ses_is_refused(document: Any) -> None:
    with pytest.raises(InvalidInputError):
        read_ses(document)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://sns.eu-west-2.amazonaws.com/?Action=ConfirmSubscription&Token=1", True),
        ("https://sns.cn-north-1.amazonaws.com.cn/?Action=ConfirmSubscription", True),
        ("http://sns.eu-west-2.amazonaws.com/?Action=ConfirmSubscription", False),
        ("https://sns.eu-west-2.amazonaws.com.example.org/", False),
        ("https://example.org/?sns.eu-west-2.amazonaws.com", False),
        ("https://sns.eu-west-2.amazonaws.com/\nline", False),
    ],
)
def test_only_an_address_of_amazon_s_confirms_a_subscription(address: str, shown: bool) -> None:
    document = {"Type": "SubscriptionConfirmation", "SubscribeURL": address}

    assert confirmation_address(document) == (address if shown else None)
