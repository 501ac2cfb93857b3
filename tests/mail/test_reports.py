"""Delivery reports and complaints, as mail servers write them."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prom_service.mail.reports import DeliveryReport, own_id, read_report
from tests.support.reports import ADDRESS, complaint, delivery_report, header_of, nested

ONE = uuid.UUID("0195a3c2-7d1e-7abc-8def-0123456789ab")


@pytest.mark.parametrize(
    ("action", "status", "kind", "reason"),
    [
        ("failed", "5.1.1", "bounced", "hard 5.1.1"),
        ("failed", "5.1.10", "bounced", "hard 5.1.10"),
        ("failed", "5.0.0", "bounced", "hard 5.0.0"),
        ("failed", "5.2.1", "bounced", "hard 5.2.1"),
        ("failed", "5.2.2", "bounced", "soft 5.2.2"),
        ("failed", "5.2.10", "bounced", "soft 5.2.10"),
        ("failed", "5.4.4", "bounced", "hard 5.4.4"),
        ("failed", "5.7.1", "bounced", "soft 5.7.1"),
        ("failed", "4.4.7", "bounced", "soft 4.4.7"),
        ("failed", "no idea", "bounced", "soft"),
        ("Failed", "5.1.1 (no such user)", "bounced", "hard 5.1.1"),
        ("delayed", "4.4.1", "delayed", "4.4.1"),
        ("delivered", "2.0.0", "delivered", "2.0.0"),
        ("expanded", "2.1.5", "delivered", "2.1.5"),
    ],
)
def test_a_delivery_report_says_what_became_of_the_letter(action: str, status: str, kind: str, reason: str) -> None:
    report = read_report(delivery_report(ONE, action=action, status=status))

    assert report is not None
    assert (report.message_id, report.kind, report.reason) == (ONE, kind, reason)
    assert report.address_at_fault == reason.startswith("hard")


@pytest.mark.parametrize("returned_type", ["message/rfc822", "text/rfc822-headers", "message/rfc822-headers"])
def test_the_letter_may_come_back_whole_or_as_headers(returned_type: str) -> None:
    report = read_report(delivery_report(ONE, action="failed", status="5.1.1", returned_type=returned_type))

    assert report == DeliveryReport(ONE, "bounced", True, "5.1.1")


@pytest.mark.parametrize(("feedback", "counts"), [("abuse", True), ("opt-out", True), ("not-spam", False)])
def test_a_complaint_is_one_unless_it_says_that_the_mail_was_wanted(feedback: str, counts: bool) -> None:
    report = read_report(complaint(ONE, feedback=feedback))

    assert report == (DeliveryReport(ONE, "complained") if counts else None)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"Subject: Out of office\r\n\r\nBack on Monday.",
        delivery_report("<somebody-else@example.org>", action="failed", status="5.1.1"),
        delivery_report(ONE, action="relayed", status="2.0.0"),
        delivery_report(ONE, action="", status="5.1.1"),
        delivery_report(ONE, action="failed", status="5.1.1").replace(b"multipart/report", b"multipart/mixed"),
        delivery_report(ONE, action="failed", status="5.1.1")[:400],
        nested(3000),
        delivery_report(ONE, action="failed", status="5.1.1").replace(b'boundary="b"', b"boundary*=ut\0f8''b"),
    ],
)
def test_what_is_no_report_on_a_message_of_ours_says_nothing(content: bytes) -> None:
    assert read_report(content) is None


def test_nothing_of_the_address_is_kept() -> None:
    report = read_report(delivery_report(ONE, action="failed", status=f"5.1.1 {ADDRESS}"))

    assert ADDRESS not in repr(report)


@pytest.mark.parametrize(
    ("header", "named"),
    [
        (header_of(ONE), ONE),
        (f" {header_of(ONE)} ", ONE),
        (header_of(ONE).strip("<>"), ONE),
        (header_of(ONE).upper(), ONE),
        (f"x{header_of(ONE)}", None),
        (f"<{ONE}>", None),
        (None, None),
    ],
)
def test_only_our_own_form_of_message_id_names_a_message(header: object, named: uuid.UUID | None) -> None:
    assert own_id(header) == named


@given(cut=st.integers(0, 900), noise=st.binary(max_size=60))
def test_a_broken_report_is_read_without_an_error(cut: int, noise: bytes) -> None:
    whole = delivery_report(ONE, action="failed", status="5.1.1")

    report = read_report(whole[:cut] + noise + whole[cut + len(noise) :])

    assert report is None or ADDRESS not in repr(report)
