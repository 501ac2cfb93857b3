"""One attempt: what every answer means, and that no receiver can lead it astray or drag it out."""

import datetime as dt
import ssl
import threading
import uuid
from collections.abc import Iterator, Sequence

import pytest
import trustme

from prom_service.hooks.destination import Border, Resolve
from prom_service.hooks.sender import Notice, Outcome, Sender
from prom_service.hooks.signing import shown
from tests.support.receiver import DROPPING, FAILING, HANGING, Answer, Receiver

KEY = b"k" * 32
NOON = dt.datetime(2026, 3, 3, 12, tzinfo=dt.UTC)
LOCAL = Border(production=False, allow=("127.0.0.1",))
NAME = "receiver.example.org"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(lambda: NOON) as receiver:
        yield receiver


def a_notice(url: str) -> Notice:
    return Notice(uuid.uuid4(), url, b'{"type": "flag.raised"}', (KEY,))


def attempt(url: str, sender: Sender | None = None) -> Outcome:
    return (sender or Sender(LOCAL)).post(a_notice(url), now=NOON)


def at(*addresses: str) -> Resolve:
    def resolve(_host: str, _port: int) -> Sequence[str]:
        return addresses

    return resolve


def test_a_notice_arrives_signed_and_whole(receiver: Receiver) -> None:
    notice = a_notice(f"{receiver.url}/hook?for=us")

    outcome = Sender(LOCAL).post(notice, now=NOON)

    [taken] = receiver.taken
    taken.verify(shown(KEY))
    assert outcome == Outcome("delivered")
    assert (taken.path, taken.id, taken.body) == ("/hook?for=us", str(notice.id), notice.body)
    assert taken.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome("delivered")),
        (299, Outcome("delivered")),
        (410, Outcome("gone", "http 410")),
        (404, Outcome("failed", "http 404")),
        (500, Outcome("failed", "http 500")),
        (503, Outcome("failed", "http 503")),
    ],
)
def test_what_the_receiver_answers_decides(receiver: Receiver, status: int, outcome: Outcome) -> None:
    receiver.always = Answer(status)

    assert attempt(receiver.url) == outcome


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        ("999999999", 86400),
        ("Tue, 03 Mar 2026 12:10:00 GMT", 600),
        ("Tue, 03 Mar 2026 11:00:00 GMT", 0),
        ("Tue, 03 Mar 9999 11:00:00 GMT", 86400),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_receiver_may_ask_to_be_left_alone_for_a_day_at_most(
    receiver: Receiver, status: int, retry_after: str, seconds: int | None
) -> None:
    receiver.always = Answer(status, {"Retry-After": retry_after})

    wait = attempt(receiver.url).wait

    assert wait == (None if seconds is None else dt.timedelta(seconds=seconds))


def test_only_a_busy_receiver_may_ask_to_be_left_alone(receiver: Receiver) -> None:
    receiver.always = Answer(500, {"Retry-After": "120"})

    assert attempt(receiver.url).wait is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver: Receiver, status: int) -> None:
    receiver.always = Answer(status, {"Location": f"{receiver.url}/elsewhere"})

    assert attempt(receiver.url) == Outcome("failed", f"http {status}")
    assert [taken.path for taken in receiver.taken] == ["/"]


@pytest.mark.parametrize("answer", [HANGING, Answer(drips=True)], ids=["silent", "a byte at a time"])
def test_an_attempt_ends_when_its_time_is_over_whatever_the_receiver_does(receiver: Receiver, answer: Answer) -> None:
    receiver.always = answer

    assert attempt(receiver.url, Sender(LOCAL, timeout=0.3)) == Outcome("failed", "timeout")


def test_an_answer_larger_than_is_read_still_counts(receiver: Receiver) -> None:
    receiver.always = Answer(200, body=b"x" * 5_000_000)

    assert attempt(receiver.url) == Outcome("delivered")


@pytest.mark.parametrize("answer", [DROPPING, Answer(200, {"X": "y" * 70_000})], ids=["none", "no HTTP"])
def test_what_is_no_answer_is_a_failure(receiver: Receiver, answer: Answer) -> None:
    receiver.always = answer

    assert attempt(receiver.url) == Outcome("failed", "no_answer")


def test_where_nobody_listens_it_fails() -> None:
    with Receiver() as receiver:
        url = receiver.url

    assert attempt(url) == Outcome("failed", "unreachable")


def test_the_next_address_is_tried_where_nobody_listens_at_the_first(receiver: Receiver) -> None:
    border = Border(production=False, allow=("127.0.0.0/8",))
    sender = Sender(border, resolve=at("127.0.0.2", "127.0.0.1"))

    assert attempt(f"http://{NAME}:{receiver.port}/", sender) == Outcome("delivered")


def test_a_private_address_gets_nothing(receiver: Receiver) -> None:
    assert attempt(receiver.url, Sender(Border(production=False))) == Outcome("failed", "address_not_public")
    assert receiver.taken == []


def test_a_name_that_means_a_private_address_at_the_second_look_leads_nowhere_new(receiver: Receiver) -> None:
    asked = []

    def rebinding(_host: str, _port: int) -> Sequence[str]:
        asked.append(1)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.3"]

    sender = Sender(Border(production=False, allow=("127.0.0.1",)), resolve=rebinding)
    url = f"http://{NAME}:{receiver.port}/"

    outcomes = [attempt(url, sender) for _ in range(2)]

    assert outcomes == [Outcome("delivered"), Outcome("failed", "address_not_public")]
    assert len(asked) == 2
    assert receiver.taken[0].headers["host"] == f"{NAME}:{receiver.port}"


class Secured:
    """A receiver with a certificate of our own authority for one name."""

    def __init__(self, name: str) -> None:
        authority = trustme.CA()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(self.context)
        self.trust = ssl.create_default_context()
        authority.configure_trust(self.trust)


def test_the_certificate_is_checked_for_the_name_while_the_connection_goes_to_the_address() -> None:
    ours, other = Secured(NAME), Secured("other.example.org")
    with Receiver(lambda: NOON, tls=ours.context) as receiver:
        url = f"https://{NAME}:{receiver.port}/"

        def result(trust: ssl.SSLContext, url: str = url) -> Outcome:
            return attempt(url, Sender(LOCAL, resolve=at("127.0.0.1"), trust=trust))

        assert result(ours.trust) == Outcome("delivered")
        assert result(other.trust) == Outcome("failed", "certificate")
        assert result(ssl.create_default_context()) == Outcome("failed", "certificate")
        assert result(ours.trust, url.replace(NAME, "other.example.org")) == Outcome("failed", "certificate")
        assert len(receiver.taken) == 1


def test_a_receiver_that_does_not_encrypt_where_it_should_gets_nothing(receiver: Receiver) -> None:
    assert attempt(receiver.url.replace("http:", "https:")) == Outcome("failed", "tls")
    assert receiver.taken == []


def test_a_handshake_that_never_ends_is_cut_off() -> None:
    with Receiver() as receiver:
        receiver._server.shutdown()  # It still listens, and nobody takes the connection.

        outcome = attempt(f"https://127.0.0.1:{receiver.port}/", Sender(LOCAL, timeout=0.3))

    assert outcome == Outcome("failed", "timeout")


def test_a_stop_cuts_off_an_attempt_that_then_counts_for_nothing(receiver: Receiver) -> None:
    receiver.always = HANGING
    sender = Sender(LOCAL)
    outcomes: list[Outcome] = []
    telling = threading.Thread(target=lambda: outcomes.append(attempt(receiver.url, sender)))
    telling.start()
    receiver.arrived.acquire(timeout=10)

    sender.close()
    telling.join()
    receiver.always = FAILING

    assert outcomes == [Outcome("stopped")]
    assert attempt(receiver.url, sender) == Outcome("failed", "http 500")


def test_a_name_that_is_resolved_too_late_gets_nothing(receiver: Receiver) -> None:
    over = threading.Event()

    def slow(_host: str, _port: int) -> Sequence[str]:
        over.wait(0.3)
        return ["127.0.0.1"]

    outcome = attempt(f"http://{NAME}:{receiver.port}/", Sender(LOCAL, resolve=slow, timeout=0.1))

    assert (outcome, receiver.taken) == (Outcome("failed", "timeout"), [])


def test_a_stop_while_a_name_is_resolved_sends_nothing(receiver: Receiver) -> None:
    def stopped_meanwhile(_host: str, _port: int) -> Sequence[str]:
        sender.close()
        return ["127.0.0.1"]

    sender = Sender(LOCAL, resolve=stopped_meanwhile)

    assert (attempt(f"http://{NAME}:{receiver.port}/", sender), receiver.taken) == (Outcome("stopped"), [])


def test_a_notice_shows_neither_its_keys_nor_its_address_nor_its_body() -> None:
    assert repr(a_notice("https://a.example/secret-path")).count("=") == 1
