"""Reports as mail servers write them: about a letter that came back, was delayed, delivered or complained about."""

import uuid

ADDRESS = "ada.nightingale@example.org"
"""Stands in every report, as it does in real ones, and nowhere in what is kept."""

PARTS = """\
From: MAILER-DAEMON@mx.example.org
To: questions@clinic.example.org
Subject: Report
Date: Tue, 03 Mar 2026 12:00:05 +0000
MIME-Version: 1.0
Content-Type: multipart/report; report-type={kind}; boundary="b"

--b
Content-Type: text/plain; charset=utf-8

About <{address}>: see below.

--b
Content-Type: message/{kind}

{fields}

--b
Content-Type: {returned_type}

From: questions@clinic.example.org
To: {address}
Subject: a short questionnaire
Message-ID: {own_id}

--b--
"""


def header_of(message_id: uuid.UUID) -> str:
    """Return the Message-ID under which a message goes out."""
    return f"<{message_id}@clinic.example.org>"


def delivery_report(
    message_id: uuid.UUID | str, *, action: str, status: str, returned_type: str = "message/rfc822"
) -> bytes:
    """Return a delivery report (RFC 3464) about one message to one recipient."""
    fields = (
        f"Reporting-MTA: dns; mx.example.org\n\nFinal-Recipient: rfc822; {ADDRESS}\n"
        f"Action: {action}\nStatus: {status}\nDiagnostic-Code: smtp; 550 <{ADDRESS}> unknown"
    )
    return _report("delivery-status", fields, message_id, returned_type)


def complaint(message_id: uuid.UUID | str, *, feedback: str = "abuse") -> bytes:
    """Return a complaint (RFC 5965) about one message."""
    fields = f"Feedback-Type: {feedback}\nUser-Agent: Example/1\nVersion: 1\nOriginal-Rcpt-To: {ADDRESS}"
    return _report("feedback-report", fields, message_id, "message/rfc822")


def nested(depth: int) -> bytes:
    """Return an email of so many parts, each within the one before it."""
    return b"".join(b"Content-Type: multipart/report; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(depth))


def _report(kind: str, fields: str, message_id: uuid.UUID | str, returned_type: str) -> bytes:
    own_id = header_of(message_id) if isinstance(message_id, uuid.UUID) else message_id
    text = PARTS.format(kind=kind, address=ADDRESS, fields=fields, returned_type=returned_type, own_id=own_id)
    return text.replace("\n", "\r\n").encode()
