"""What a letter says, and what it must never say."""

import datetime as dt
import email
import email.policy
import re
import uuid
from dataclasses import replace
from email.message import EmailMessage
from html.parser import HTMLParser
from string import Formatter

import pytest

import instruments
from prom_service.language import SPOKEN
from prom_service.mail.letters import TEXTS, Contents, Letter, write
from prom_service.models import Message

AT = dt.datetime(2026, 12, 1, 9, tzinfo=dt.UTC)
SURVEY_URL = f"https://questions.northside.example.org/s/{'a' * 43}"
STOP_URL = f"https://questions.northside.example.org/u/{'b' * 43}"
INVITATION = Contents(
    clinic_name="Northside Clinic",
    phone="+44 20 7946 0000",
    reply_hours="Monday to Friday, 9:00 to 17:00",
    minutes=5,
    last_day=dt.date(2026, 12, 7),
    survey_url=SURVEY_URL,
    stop_url=STOP_URL,
    reminder=False,
)
REMINDER = replace(INVITATION, reminder=True)
BOTH = pytest.mark.parametrize("contents", [INVITATION, REMINDER], ids=["invitation", "reminder"])
IN_EVERY_LANGUAGE = pytest.mark.parametrize("language", SPOKEN)
ENGLISH = (
    *("hip", "buttock", "groin", "pain", "sciatica", "nerve", "osteoarthritis", "arthritis", "piriformis", "joint"),
    *("physiotherapy", "treatment", "therapy", "surgery", "exercise", "symptom", "diagnosis", "score", "result"),
    *("worse", "improve", "improving", "flag", "left side", "right side", "patient-reported", "health"),
)
SPANISH = (
    *("cadera", "nalga", "glúteo", "ingle", "dolor", "duele", "ciática", "nervio", "artrosis", "artritis", "piriforme"),
    *("articulación", "fisioterapia", "rehabilitación", "tratamiento", "terapia", "cirugía", "ejercicio", "síntoma"),
    *("síntomas", "diagnóstico", "puntaje", "puntuación", "resultado", "resultados", "peor", "mejoría", "mejorar"),
    *("alerta", "lado izquierdo", "lado derecho", "salud"),
)
FORBIDDEN = ENGLISH + SPANISH


def written(contents: Contents, message: Message | None = None) -> Letter:
    message = message or Message(id=uuid.uuid4(), administration_id=uuid.uuid4(), claimed_by="claim")
    mail_from = "Questionnaires <questions@clinic.example.org>"
    return write(contents, message, mail_from=mail_from, to="ada@example.org", at=AT)


def parsed(letter: Letter) -> EmailMessage:
    return email.message_from_bytes(letter.content, policy=email.policy.default)


def text_of(letter: Letter) -> str:
    return str(parsed(letter).get_body(("plain",)).get_content())  # type: ignore[union-attr]


def html_of(letter: Letter) -> str:
    return str(parsed(letter).get_body(("html",)).get_content())  # type: ignore[union-attr]


def places(text: str) -> set[str]:
    """Return the names of the places of a text that are filled in."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.addresses: list[str] = []
        self.tags: set[str] = set()

    def handle_data(self, data: str) -> None:
        self.words += data.split()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]


def read_html(letter: Letter) -> _Words:
    reader = _Words()
    reader.feed(html_of(letter))
    return reader


def shown(letter: Letter) -> tuple[str, str]:
    """Return all that a reader sees, in text and in HTML, with single spaces."""
    subject = str(parsed(letter)["Subject"])
    return f"{subject} {' '.join(text_of(letter).split())}", f"{subject} {' '.join(read_html(letter).words)}"


@BOTH
@pytest.mark.parametrize(
    "said",
    [
        "Northside Clinic",
        "about 5 minutes",
        "by Monday 7 December 2026",
        "not read straight away",
        "Northside Clinic reads them during these hours: Monday to Friday, 9:00 to 17:00",
        "not for emergencies",
        "+44 20 7946 0000",
        SURVEY_URL,
    ],
)
def test_both_parts_say_who_asks_how_long_until_when_and_who_reads_it(contents: Contents, said: str) -> None:
    for part in shown(written(contents)):
        assert said in part


@BOTH
def test_a_letter_in_spanish_says_the_same_in_both_parts(contents: Contents) -> None:
    letter = written(replace(contents, language="es"))

    for part in shown(letter):
        for said in (
            "Northside Clinic",
            "unos 5 minutos",
            "a más tardar el lunes 7 de diciembre de 2026",
            "no se leen de inmediato",
            "Northside Clinic las lee en este horario: Monday to Friday, 9:00 to 17:00",
            "no es para emergencias",
            "+44 20 7946 0000",
            SURVEY_URL,
            "Dejar de recibir estos correos",
        ):
            assert said in part
    assert '<html lang="es" dir="ltr">' in html_of(letter)
    assert "cuestionario" in str(parsed(letter)["Subject"])


def test_every_language_has_every_text_of_a_letter_with_the_same_places_to_fill() -> None:
    english, *others = ({key: places(text) for key, text in TEXTS[code].entries.items()} for code in SPOKEN)

    assert others
    assert all(other == english for other in others)


@IN_EVERY_LANGUAGE
@pytest.mark.parametrize("reminder", [False, True])
def test_no_line_of_the_text_part_is_long_but_the_addresses(language: str, reminder: bool) -> None:
    text = text_of(written(replace(INVITATION, language=language, reminder=reminder, clinic_name="Northside " * 6)))

    assert [line for line in text.splitlines() if len(line) > 76 and "https://" not in line] == []
    assert "\n\n\n" not in text


@BOTH
@IN_EVERY_LANGUAGE
def test_no_word_tells_what_the_letter_is_about(contents: Contents, language: str) -> None:
    letter = written(replace(contents, language=language))
    known = [instruments.find_in(code, one.ref) for one in instruments.all_instruments() for code in SPOKEN]
    names = [word for one in known for word in (one.key, one.title)]
    headers = letter.content.split(b"\r\n\r\n")[0].decode("ascii")

    for part in (*shown(letter), html_of(letter), headers):
        found = [word for word in (*FORBIDDEN, *names) if re.search(rf"\b{re.escape(word)}\b", part, re.IGNORECASE)]
        assert found == []


def test_a_reminder_reads_differently_from_an_invitation() -> None:
    invitation, reminder = written(INVITATION), written(REMINDER)

    assert parsed(invitation)["Subject"] == "Northside Clinic: a short questionnaire"
    assert parsed(reminder)["Subject"] == "Northside Clinic: your questionnaire is still open"
    assert all("has not received" in part or "have not received" in part for part in shown(reminder))
    assert not any("not received" in part for part in shown(invitation))


def test_the_headers_stop_mail_in_one_click_and_name_the_message() -> None:
    message = Message(id=uuid.uuid4(), administration_id=uuid.uuid4(), claimed_by="claim")

    headers = parsed(written(INVITATION, message))

    assert headers["Message-ID"] == f"<{message.id}@clinic.example.org>"
    assert headers["List-Unsubscribe"] == f"<{STOP_URL}>"
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert headers["Auto-Submitted"] == "auto-generated"
    assert headers["From"] == "Northside Clinic <questions@clinic.example.org>"
    assert headers["To"] == "ada@example.org"
    assert headers["Date"].datetime == AT


@pytest.mark.parametrize(
    "name",
    [
        "Northside Clinic",
        "Clínica de Rehabilitación del Norte y del Sur, con un nombre que no acaba nunca (Málaga)",
        "Praxis „Nord“ & Söhne <info@elsewhere.example>",
        "A clinic, with many commas, " * 6,
        "診療所" * 40,
    ],
)
def test_headers_and_lines_keep_their_form_whatever_the_clinic_is_called(name: str) -> None:
    letter = written(replace(INVITATION, clinic_name=name.strip()))
    lines = letter.content.split(b"\r\n")
    address = f"List-Unsubscribe: <{STOP_URL}>".encode()

    assert address in lines
    assert max(len(line) for line in lines if line != address and b': "' not in line) <= 78
    assert letter.content.isascii()
    assert b"\n" not in letter.content.replace(b"\r\n", b"")
    assert all(len(word) <= 75 for word in re.findall(rb"=\?[^ ]*\?=", letter.content))
    assert [one.addr_spec for one in parsed(letter)["From"].addresses] == ["questions@clinic.example.org"]
    assert parsed(letter)["Subject"] == f"{name.strip()}: a short questionnaire"


def test_the_same_message_is_written_to_the_same_bytes() -> None:
    message = Message(id=uuid.uuid4(), administration_id=uuid.uuid4(), claimed_by="claim")

    assert written(INVITATION, message).content == written(INVITATION, message).content


def test_the_html_loads_nothing_and_leads_only_to_the_two_links() -> None:
    page = read_html(written(INVITATION))

    assert set(page.addresses) == {SURVEY_URL, STOP_URL}
    assert page.tags.isdisjoint({"img", "script", "link", "iframe", "style"})


def test_what_a_clinic_is_called_cannot_change_the_html() -> None:
    letter = written(replace(INVITATION, clinic_name="<script>alert(1)</script>"))

    assert "script" not in read_html(letter).tags


def test_a_line_break_in_a_name_cannot_add_a_header() -> None:
    with pytest.raises(ValueError, match=r"CR|linefeed|newline|carriage"):
        written(replace(INVITATION, clinic_name="Clinic\r\nBcc: eve@example.org"))
