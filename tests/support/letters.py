"""What is wrong with a letter: words that tell what it is about or of whom, headers out of form, lines too long."""

import email
import email.policy
import re
from collections.abc import Iterable
from email.message import EmailMessage
from html.parser import HTMLParser

import instruments
from prom_service.language import SPOKEN

ENGLISH = (
    *("hip", "buttock", "groin", "pain", "sciatica", "nerve", "osteoarthritis", "arthritis", "piriformis", "joint"),
    *("physiotherapy", "treatment", "therapy", "surgery", "exercise", "symptom", "symptoms", "diagnosis"),
    *("score", "scores", "result", "results", "worse", "improve", "improving", "flag"),
    *("left side", "right side", "patient-reported", "health"),
)
SPANISH = (
    *("cadera", "nalga", "glúteo", "ingle", "dolor", "duele", "ciática", "nervio", "artrosis", "artritis", "piriforme"),
    *("articulación", "fisioterapia", "rehabilitación", "tratamiento", "terapia", "cirugía", "ejercicio", "síntoma"),
    *("síntomas", "diagnóstico", "puntaje", "puntuación", "resultado", "resultados", "peor", "mejoría", "mejorar"),
    *("alerta", "lado izquierdo", "lado derecho", "salud"),
)
HEADERS = {
    "From": re.compile(r".+ <[^<>@ ]+@[^<>@ ]+>"),
    "To": re.compile(r"[^<>@ ]+@[^<>@ ]+"),
    "Subject": re.compile(r".+"),
    "Date": re.compile(r"\w{3}, \d{2} \w{3} \d{4} [\d:]{8} \+0000|\w{3}, \d{2} \w{3} \d{4} [\d:]{8} GMT"),
    "Message-ID": re.compile(r"<[0-9a-f-]{36}@[^<>@ ]+>"),
    "List-Unsubscribe": re.compile(r"<https?://[^<> ]+/u/[\w-]{43}>"),
    "List-Unsubscribe-Post": re.compile(r"List-Unsubscribe=One-Click"),
    "Auto-Submitted": re.compile(r"auto-generated"),
    "MIME-Version": re.compile(r"1\.0"),
    "Content-Type": re.compile(r"multipart/alternative; .+"),
}
"""Every header a letter has, once each, and the form of its value."""
LONGEST = 78
"""Characters of a line (RFC 5322, 2.1.1); 998 where folding would break an address or a quoted name."""
NEVER_FOLDED = re.compile(rb'List-Unsubscribe: |Message-ID: |From: "')
LOADING = {"img", "script", "link", "iframe", "style", "object", "form"}


class Reading(HTMLParser):
    """What an HTML part shows, where it leads, and of what it is made."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.addresses: list[str] = []
        self.tags: set[str] = set()
        self.feed(html)

    def handle_data(self, data: str) -> None:
        self.words += data.split()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]


def parse(content: bytes) -> EmailMessage:
    """Return the letter with its headers decoded."""
    return email.message_from_bytes(content, policy=email.policy.default)


def text_of(letter: EmailMessage) -> str:
    """Return the part in plain text."""
    return str(letter.get_body(("plain",)).get_content())  # type: ignore[union-attr]


def html_of(letter: EmailMessage) -> str:
    """Return the part in HTML, as it was written."""
    return str(letter.get_body(("html",)).get_content())  # type: ignore[union-attr]


def shown(letter: EmailMessage) -> tuple[str, str]:
    """Return all that a reader sees, in text and in HTML, with single spaces."""
    subject = str(letter["Subject"])
    return f"{subject} {' '.join(text_of(letter).split())}", f"{subject} {' '.join(Reading(html_of(letter)).words)}"


TOKEN = re.compile(r"(?<![\w-])[\w-]{43}(?![\w-])")
"""What is drawn for a link. It says nothing, whatever name its letters happen to spell."""


def faults(content: bytes, *, whose: Iterable[str] = ()) -> list[str]:
    """Return what is wrong with a letter as it goes over the wire; none is good.

    ``whose`` are words that would tell who the patient is: names, numbers, dates.
    """
    letter = parse(content)
    return [*_telling(letter, content, whose), *_headers_out_of_form(letter), *_lines_out_of_form(content)]


def forbidden() -> tuple[str, ...]:
    """Return the words that no letter may hold: conditions, care, scores, and what the instruments are called."""
    known = [instruments.find_in(code, one.ref) for one in instruments.all_instruments() for code in SPOKEN]
    return (*ENGLISH, *SPANISH, *(word for one in known for word in (one.key, one.title)))


def _telling(letter: EmailMessage, content: bytes, whose: Iterable[str]) -> list[str]:
    headers = re.sub(rb"(?m)^To: .*$", b"", content.partition(b"\r\n\r\n")[0])  # An address may hold a name.
    parts = (*shown(letter), html_of(letter), headers.decode("ascii", "replace"))
    told = [rf"\b{re.escape(word)}\b" for word in (*forbidden(), *whose)]
    found = re.compile("|".join(told), re.IGNORECASE)
    said = [f"says {hit!r}" for part in parts for hit in found.findall(TOKEN.sub("", part))]
    return said + [f"loads something by <{tag}>" for tag in Reading(html_of(letter)).tags & LOADING]


def _headers_out_of_form(letter: EmailMessage) -> list[str]:
    given = {name: letter.get_all(name, []) for name in {*HEADERS, *letter.keys()}}
    return [
        f"{name}: {len(values)} of it, or out of form"
        for name, values in given.items()
        if len(values) != 1 or name not in HEADERS or not HEADERS[name].fullmatch(str(values[0]))
    ]


def _lines_out_of_form(content: bytes) -> list[str]:
    lines = content.split(b"\r\n")
    long = [line for line in lines if len(line) > (998 if NEVER_FOLDED.match(line) else LONGEST)]
    encoded = [word for word in re.findall(rb"=\?[^ ]*\?=", content) if len(word) > 75]  # RFC 2047, 2
    found = {
        "a line too long": long,
        "an encoded word too long": encoded,
        "a bare line break": re.search(rb"[\r\n]", b"".join(lines)),
        "not plain ASCII": not content.isascii(),
    }
    return [fault for fault, is_there in found.items() if is_there]
