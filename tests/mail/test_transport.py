"""How letters leave: every way in which a mail server can fail, over a real socket."""

import itertools
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from prom_service.mail.letters import Letter
from prom_service.mail.transport import (
    MaildirTransport,
    Outcome,
    Relay,
    SmtpTransport,
    Transport,
    WithheldError,
    is_allowed,
    make_transport,
)
from prom_service.settings import Settings
from tests.support import smtp as servers
from tests.support.smtp import Fault, SmtpServer

GONE = 0.05
"""Long enough for a connection that was cut to be seen as cut."""


@pytest.fixture
def transport(smtp: SmtpServer) -> Iterator[SmtpTransport]:
    transport = SmtpTransport(Relay("127.0.0.1", smtp.port, timeout=1))
    yield transport
    transport.close()


def letter(to: str = "ada@example.org", body: bytes = b"Hello\r\n") -> Letter:
    content = b"From: clinic@example.org\r\nSubject: a short questionnaire\r\n\r\n" + body
    return Letter(uuid.uuid4(), uuid.uuid4(), "claim", "clinic@example.org", to, content)


class Mark:
    """The mark before the final dot: counted, and set when the server has had time to hang up."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        time.sleep(GONE)
        self.count += 1


def test_a_letter_that_is_taken_is_accepted_after_its_mark(transport: SmtpTransport, smtp: SmtpServer) -> None:
    mark = Mark()

    outcome = transport.deliver(letter(), before_final_dot=mark)

    assert (outcome.result, mark.count) == ("accepted", 1)
    assert [(one.sender, one.recipients) for one in smtp.letters] == [("clinic@example.org", ("ada@example.org",))]


MATRIX = [
    (Fault("mail", "421 4.3.2 too busy", drop=True), Outcome("deferred", "smtp 421"), 0),
    (Fault("mail", "451 4.3.0 later"), Outcome("deferred", "smtp 451"), 0),
    (Fault("mail", "550 5.7.1 not you"), Outcome("refused", "smtp 550"), 0),
    (Fault("mail", drop=True), Outcome("deferred", "no_reply"), 0),
    (servers.GREYLISTED, Outcome("deferred", "smtp 450"), 0),
    (servers.NO_SUCH_USER, Outcome("refused", "smtp 550", address_suspect=True), 0),
    (Fault("rcpt", "553 bad name"), Outcome("refused", "smtp 553", address_suspect=True), 0),
    (Fault("rcpt", "554 5.7.1 relay access denied"), Outcome("refused", "smtp 554"), 0),
    (Fault("rcpt", drop=True), Outcome("deferred", "no_reply"), 0),
    (Fault("rcpt", seconds=2, drop=True), Outcome("deferred", "no_reply"), 0),
    (servers.NOT_NOW, Outcome("deferred", "smtp 451"), 0),
    (Fault("data", "554 5.6.0 no"), Outcome("refused", "smtp 554"), 0),
    (Fault("data", drop=True), Outcome("deferred", "no_reply"), 0),
    (servers.DROP_IN_BODY, Outcome("deferred", "no_reply"), 1),
    (servers.TRY_LATER, Outcome("deferred", "smtp 451"), 1),
    (servers.REJECTED, Outcome("refused", "smtp 554"), 1),
    (servers.DROP_AFTER_DOT, Outcome("unknown", "no_reply_to_final_dot"), 1),
    (Fault("dot", seconds=2, drop=True), Outcome("unknown", "no_reply_to_final_dot"), 1),
    (Fault("dot", "banana"), Outcome("unknown", "no_reply_to_final_dot"), 1),
    (Fault("dot", seconds=0.3), Outcome("accepted"), 1),
    (servers.DROP_AT_QUIT, Outcome("accepted"), 1),
]


@pytest.mark.parametrize(("fault", "outcome", "marks"), MATRIX)
def test_every_failure_has_its_outcome_and_the_next_letter_goes(
    transport: SmtpTransport, smtp: SmtpServer, fault: Fault, outcome: Outcome, marks: int
) -> None:
    mark = Mark()
    smtp.script(fault)

    assert transport.deliver(letter(), before_final_dot=mark) == outcome

    assert mark.count == marks
    assert transport.deliver(letter(), before_final_dot=mark).accepted


@pytest.mark.parametrize("fault", [case[0] for case in MATRIX])
def test_what_the_server_took_is_never_called_unsent(transport: SmtpTransport, smtp: SmtpServer, fault: Fault) -> None:
    smtp.script(fault)

    outcome = transport.deliver(letter(), before_final_dot=Mark())

    assert smtp.letters == [] or outcome.result in ("accepted", "unknown")


def test_a_withheld_letter_is_not_sent_and_the_next_one_is(transport: SmtpTransport, smtp: SmtpServer) -> None:
    def withhold() -> None:
        raise WithheldError

    outcome = transport.deliver(letter("one@example.org"), before_final_dot=withhold)
    transport.deliver(letter("two@example.org"), before_final_dot=Mark())

    assert outcome.result == "withheld"
    assert [one.recipients for one in smtp.letters] == [("two@example.org",)]


@pytest.mark.parametrize(("ending", "taken"), [("close", True), ("cut", False)])
def test_a_letter_in_hand_is_broken_off_from_another_thread_only_when_it_is_cut(
    transport: SmtpTransport, smtp: SmtpServer, ending: str, taken: bool
) -> None:
    def end_elsewhere() -> None:
        other = threading.Thread(target=getattr(transport, ending))
        other.start()
        other.join(timeout=30)

    outcome = transport.deliver(letter(), before_final_dot=end_elsewhere)

    assert (outcome.accepted, len(smtp.letters)) == (taken, int(taken))


def test_an_error_in_the_mark_is_not_swallowed_and_nothing_is_sent(transport: SmtpTransport, smtp: SmtpServer) -> None:
    def fail() -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        transport.deliver(letter(), before_final_dot=fail)

    transport.close()
    assert smtp.letters == []


def test_a_batch_goes_over_one_connection(transport: SmtpTransport, smtp: SmtpServer) -> None:
    smtp.script(None, servers.NO_SUCH_USER, None)
    transport.deliver(letter(), before_final_dot=Mark())
    kept = transport._server

    transport.deliver(letter(), before_final_dot=Mark())
    transport.deliver(letter(), before_final_dot=Mark())

    assert transport._server is kept


def test_a_line_that_begins_with_a_dot_arrives_as_it_was(transport: SmtpTransport, smtp: SmtpServer) -> None:
    transport.deliver(letter(body=b".one\r\n.\r\n..two\r\n"), before_final_dot=Mark())

    assert smtp.letters[0].message.get_content().splitlines() == [".one", ".", "..two"]


def test_no_relay_at_all_is_nobodys_fault_but_its_own() -> None:
    transport = SmtpTransport(Relay("127.0.0.1", 1, timeout=1))

    outcome = transport.deliver(letter(), before_final_dot=Mark())

    assert outcome == Outcome("deferred", "relay_unreachable", relay_at_fault=True)


@pytest.fixture
def certificate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], ssl.SSLContext]]:
    """A server's TLS, by an authority that the client is made to trust."""
    authority = trustme.CA()
    with authority.cert_pem.tempfile() as path:
        monkeypatch.setenv("SSL_CERT_FILE", path)

        def context() -> ssl.SSLContext:
            made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("127.0.0.1").configure_cert(made)
            return made

        yield context


def test_a_letter_goes_over_tls_after_a_log_in(certificate: Callable[[], ssl.SSLContext]) -> None:
    with SmtpServer(tls=certificate(), credentials=("prom", "p@ss/word")) as server:
        url = f"smtp://prom:p%40ss%2Fword@127.0.0.1:{server.port}?tls=required"
        transport = SmtpTransport(Relay.from_url(url))

        assert transport.deliver(letter(), before_final_dot=Mark()).accepted

        transport.close()
        assert len(server.letters) == 1


@pytest.mark.parametrize(("url", "reason"), [("smtp://prom:wrong@127.0.0.1", "relay 535")])
def test_a_refused_log_in_is_the_relays_fault(certificate: Callable[[], ssl.SSLContext], url: str, reason: str) -> None:
    with SmtpServer(tls=certificate(), credentials=("prom", "right")) as server:
        transport = SmtpTransport(Relay.from_url(f"{url}:{server.port}"))

        outcome = transport.deliver(letter(), before_final_dot=Mark())

        transport.close()
    assert outcome == Outcome("deferred", reason, relay_at_fault=True)


def test_without_tls_nothing_goes_where_tls_is_required(smtp: SmtpServer) -> None:
    transport = SmtpTransport(Relay.from_url(f"{smtp.url}?tls=required"))

    outcome = transport.deliver(letter(), before_final_dot=Mark())

    assert outcome == Outcome("deferred", "relay_without_tls", relay_at_fault=True)


def test_a_certificate_nobody_vouches_for_is_not_trusted() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with SmtpServer(tls=context) as server:
        transport = SmtpTransport(Relay.from_url(server.url))

        outcome = transport.deliver(letter(), before_final_dot=Mark())

    assert outcome.reason == "relay_without_tls"
    assert server.letters == []


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example.org", ("mail.example.org", 25, False, "required")),
        ("smtp://mail.example.org:587?tls=offered", ("mail.example.org", 587, False, "offered")),
        ("smtps://mail.example.org", ("mail.example.org", 465, True, "required")),
        ("smtp://127.0.0.1:2525", ("127.0.0.1", 2525, False, "offered")),
    ],
)
def test_a_relay_beyond_this_machine_must_offer_tls_in_production(
    url: str, expected: tuple[str, int, bool, str]
) -> None:
    relay = Relay.from_url(url, tls="required")

    assert (relay.host, relay.port, relay.implicit_tls, relay.tls) == expected


def test_outside_production_only_the_addresses_on_the_list_are_mailed(smtp: SmtpServer) -> None:
    transport = make_transport(Settings(smtp_url=smtp.url, mail_allow=("tester@example.org",)))
    mark = Mark()

    refused = transport.deliver(letter("ada@example.org"), before_final_dot=mark)
    taken = transport.deliver(letter("Tester@Example.org"), before_final_dot=mark)

    transport.close()
    assert refused == Outcome("refused", "not_on_mail_allow")
    assert taken.accepted
    assert (mark.count, len(smtp.letters)) == (1, 1)


def test_in_production_everybody_may_be_mailed(smtp: SmtpServer) -> None:
    transport = make_transport(Settings(env="production", smtp_url=smtp.url))

    assert transport.deliver(letter(), before_final_dot=Mark()).accepted

    transport.close()


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("ada@example.org", True),
        ("ADA@EXAMPLE.ORG", True),
        ("eve@example.org", False),
        ("anyone@clinic.test", True),
        ("anyone@other.clinic.test", False),
        ("anyone@notclinic.test", False),
    ],
)
def test_the_list_names_addresses_and_whole_domains(address: str, allowed: bool) -> None:
    assert is_allowed(address, ("ada@example.org", "@clinic.test")) is allowed


def test_a_conversation_that_hangs_ends_when_another_thread_cuts_it(smtp: SmtpServer) -> None:
    transport = SmtpTransport(Relay("127.0.0.1", smtp.port, timeout=30))
    smtp.script(servers.HANG_AFTER_DOT)
    threading.Timer(0.3, transport.cut).start()

    begun = time.monotonic()
    outcome = transport.deliver(letter(), before_final_dot=Mark())

    assert outcome.result == "unknown"
    assert time.monotonic() - begun < 5


@pytest.fixture
def maildir(tmp_path: Path) -> Transport:
    return make_transport(Settings(mailbox_dir=str(tmp_path / "mailbox")))


def kept(folder: Path) -> list[bytes]:
    return sorted(path.read_bytes() for path in (folder / "mailbox" / "new").glob("*"))


def test_the_embedded_mailbox_keeps_letters_as_files(maildir: Transport, tmp_path: Path) -> None:
    bodies = [b"one\r\n", b"two\r\n"]

    outcomes = [maildir.deliver(letter(body=body), before_final_dot=Mark()) for body in bodies]

    assert isinstance(maildir, MaildirTransport)
    assert all(outcome.accepted for outcome in outcomes)
    assert [content.splitlines()[-1] for content in kept(tmp_path)] == [b"one", b"two"]


@pytest.mark.parametrize("address", ["bounce@example.org", "Bounce-7@example.org"])
def test_the_embedded_mailbox_refuses_addresses_that_begin_with_bounce(
    maildir: Transport, tmp_path: Path, address: str
) -> None:
    outcome = maildir.deliver(letter(address), before_final_dot=Mark())

    assert outcome == Outcome("refused", "smtp 550", address_suspect=True)
    assert kept(tmp_path) == []


def test_the_embedded_mailbox_holds_a_withheld_letter_back(maildir: Transport, tmp_path: Path) -> None:
    def withhold() -> None:
        assert kept(tmp_path) == []
        raise WithheldError

    assert maildir.deliver(letter(), before_final_dot=withhold).result == "withheld"

    assert kept(tmp_path) == []


def test_no_letter_gives_itself_away_when_it_is_printed() -> None:
    shown = repr(letter(body=b"https://example.org/s/token\r\n"))

    assert not any(word in shown for word in itertools.chain(("ada@", "token", "example.org")))
