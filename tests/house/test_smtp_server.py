"""The SMTP server of the tests: what a client sees of each fault, and whether the server has the message after it."""

import smtplib
import ssl
from collections.abc import Iterator
from email.message import EmailMessage

import pytest
import trustme

from tests.support import smtp as faults
from tests.support.smtp import Fault, SmtpServer

DISCONNECTED = -1  # smtplib says the same of a server that hung up and of one that fell silent.


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as running:
        yield running


def send(server: SmtpServer, to: str = "pat@example.org", *, lines: int = 1, patience: float = 30) -> int:
    """Return the code that ended the attempt (250 is success), or DISCONNECTED."""
    message = EmailMessage()
    message["To"] = to
    message.set_content("How is your hip?\n" * lines)
    try:
        with smtplib.SMTP("127.0.0.1", server.port, timeout=patience) as client:
            client.send_message(message, from_addr="clinic@example.org")
    except smtplib.SMTPRecipientsRefused as refusal:
        return refusal.recipients[to][0]
    except smtplib.SMTPResponseException as refusal:
        return refusal.smtp_code
    except (smtplib.SMTPServerDisconnected, ConnectionError):
        return DISCONNECTED
    return 250


def test_a_message_arrives_with_its_envelope(server: SmtpServer) -> None:
    code = send(server)

    assert code == 250
    [letter] = server.letters
    assert letter.sender == "clinic@example.org"
    assert letter.recipients == ("pat@example.org",)
    assert letter.message["To"] == "pat@example.org"
    assert letter.message.get_content().strip() == "How is your hip?"


@pytest.mark.parametrize(
    ("fault", "code", "arrived"),
    [
        (None, 250, 1),
        (faults.SLOW, 250, 1),
        (faults.BUSY, 421, 0),
        (faults.GREYLISTED, 450, 0),
        (faults.NO_SUCH_USER, 550, 0),
        (faults.NOT_NOW, 451, 0),
        (faults.TRY_LATER, 451, 0),
        (faults.REJECTED, 554, 0),
        (faults.DROP_IN_BODY, DISCONNECTED, 0),
        (faults.DROP_AFTER_DOT, DISCONNECTED, 1),
        (faults.DROP_AT_QUIT, 250, 1),
    ],
)
def test_each_fault_is_seen_by_the_client(server: SmtpServer, fault: Fault | None, code: int, arrived: int) -> None:
    server.script(fault)

    seen = send(server, lines=500)

    assert (seen, len(server.letters)) == (code, arrived)


def test_a_server_that_falls_silent_after_the_dot_has_the_message(server: SmtpServer) -> None:
    server.script(faults.HANG_AFTER_DOT)

    seen = send(server, patience=1)

    assert (seen, len(server.letters)) == (DISCONNECTED, 1)


def test_a_script_is_used_up_message_by_message(server: SmtpServer) -> None:
    server.script(faults.GREYLISTED, faults.TRY_LATER)

    codes = [send(server) for _ in range(3)]

    assert codes == [450, 451, 250]


def test_a_script_for_one_address_leaves_the_others_alone(server: SmtpServer) -> None:
    server.script(faults.NO_SUCH_USER, to="gone@example.org")

    codes = [send(server, "pat@example.org"), send(server, "gone@example.org"), send(server, "gone@example.org")]

    assert codes == [250, 550, 250]


def test_a_standing_fault_meets_every_message_without_its_own(server: SmtpServer) -> None:
    server.always = faults.TRY_LATER
    server.script(faults.REJECTED)

    codes = [send(server) for _ in range(3)]

    assert codes == [554, 451, 451]


def test_nothing_is_taken_before_starttls_and_log_in() -> None:
    theirs, ours = certificates()

    with SmtpServer(tls=theirs, credentials=("clinic", "right")) as server, connected(server) as client:
        client.ehlo()
        in_clear = client.mail("clinic@example.org")[0]
        client.starttls(context=ours)
        client.ehlo()
        unknown = client.mail("clinic@example.org")[0]
        client.login("clinic", "right")
        known = client.mail("clinic@example.org")[0]

    assert (in_clear, unknown, known) == (530, 530, 250)


def test_a_wrong_password_is_refused() -> None:
    theirs, ours = certificates()

    with SmtpServer(tls=theirs, credentials=("clinic", "right")) as server, connected(server) as client:
        client.starttls(context=ours)
        with pytest.raises(smtplib.SMTPAuthenticationError) as refusal:
            client.login("clinic", "wrong")

    assert refusal.value.smtp_code == 535


def connected(server: SmtpServer) -> smtplib.SMTP:
    return smtplib.SMTP("127.0.0.1", server.port, timeout=30)


def certificates() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return what the server shows, and what a client needs to trust it."""
    authority = trustme.CA()
    theirs, ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(theirs)
    authority.configure_trust(ours)
    return theirs, ours
