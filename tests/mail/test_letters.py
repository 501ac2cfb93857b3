"""What a letter says, and what it must never say."""

import datetime as dt
import uuid
from dataclasses import replace
from email.message import EmailMessage
from string import Formatter

import pytest

from prom_service.language import SPOKEN
from prom_service.mail.addresses import UnwritableError
from prom_service.mail.letters import TEXTS, Contents, Letter, write
from prom_service.models import Message
from tests.support.letters import Reading, faults, html_of, parse, shown, text_of

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
WHATEVER_THE_CLINIC_IS_CALLED = pytest.mark.parametrize(
    "name",
    [
        "Northside Clinic",
        "Clínica del Norte y del Sur, con un nombre que no acaba nunca (Málaga), ni en la segunda línea",
        "Praxis „Nord“ & Söhne <info@elsewhere.example>",
        ("A clinic, with many commas, " * 6).strip(),
        "診療所" * 40,
    ],
)


def written(contents: Contents, message: Message | None = None) -> Letter:
    message = message or Message(id=uuid.uuid4(), administration_id=uuid.uuid4(), claimed_by="claim")
    mail_from = "Questionnaires <questions@clinic.example.org>"
    return write(contents, message, mail_from=mail_from, to="ada@example.org", at=AT)


def parsed(letter: Letter) -> EmailMessage:
    return parse(letter.content)


def places(text: str) -> set[str]:
    """Return the names of the places of a text that are filled in."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


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
    for part in shown(parsed(written(contents))):
        assert said in part


@BOTH
def test_a_letter_in_spanish_says_the_same_in_both_parts(contents: Contents) -> None:
    letter = parsed(written(replace(contents, language="es")))

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
    assert "cuestionario" in str(letter["Subject"])


@pytest.mark.parametrize(
    ("language", "minutes", "said"),
    [
        ("en", 1, "about 1 minute."),
        ("en", 2, "about 2 minutes."),
        ("es", 1, "alrededor de 1 minuto."),
        ("es", 2, "unos 2 minutos."),
    ],
)
def test_the_time_needed_has_its_form(language: str, minutes: int, said: str) -> None:
    for part in shown(parsed(written(replace(INVITATION, language=language, minutes=minutes)))):
        assert said in part


def test_every_language_has_every_text_of_a_letter_with_the_same_places_to_fill() -> None:
    english, *others = ({key: places(text) for key, text in TEXTS[code].entries.items()} for code in SPOKEN)

    assert others
    assert all(other == english for other in others)


@IN_EVERY_LANGUAGE
@pytest.mark.parametrize("reminder", [False, True])
def test_no_line_of_the_text_part_is_long_but_the_addresses(language: str, reminder: bool) -> None:
    contents = replace(INVITATION, language=language, reminder=reminder, clinic_name="Northside " * 6)
    text = text_of(parsed(written(contents)))

    assert [line for line in text.splitlines() if len(line) > 76 and "https://" not in line] == []
    assert "\n\n\n" not in text


@BOTH
@IN_EVERY_LANGUAGE
@WHATEVER_THE_CLINIC_IS_CALLED
def test_no_letter_tells_too_much_or_is_out_of_form(contents: Contents, language: str, name: str) -> None:
    letter = written(replace(contents, language=language, clinic_name=name))

    assert faults(letter.content, whose=("Ada", "Nightingale")) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"Hello,", b"Hello, your hip,"),
        (b"Hello,", b"Hello, tu cadera,"),
        (b"Hello,", b"Hello, iHOT-12,"),
        (b"Hello,", b"Hello, your score,"),
        (b"Hello,", b"Hello, Ms Nightingale,"),
        (b"Hello,</p>", b'Hello,</p><img src=3D"https://example.org/seen">'),
        (b"a short questionnaire\r\n", b"a short HOOS\r\n"),
        (b"a short questionnaire\r\n", b"=?utf-8?q?tu_dolor?=\r\n"),
        (b"Auto-Submitted: auto-generated\r\n", b""),
        (b"Auto-Submitted: auto-generated\r\n", b"Auto-Submitted: no\r\n"),
        (b"MIME-Version: 1.0\r\n", b"MIME-Version: 1.0\r\nX-Patient: 12\r\n"),
        (b"To: ada@example.org\r\n", b"To: ada@example.org\r\nTo: eve@example.org\r\n"),
        (b"Hello,", b"Hello," + b" and" * 19),
        (b"Hello,\r\n", b"Hello,\n"),
        (b"Hello,", "¡Hello,".encode()),
    ],
)
def test_a_letter_with_a_fault_is_found_out(before: bytes, after: bytes) -> None:
    content = written(INVITATION).content
    assert before in content

    assert faults(content.replace(before, after, 1), whose=("Ada", "Nightingale")) != []


def test_a_reminder_reads_differently_from_an_invitation() -> None:
    invitation, reminder = written(INVITATION), written(REMINDER)

    assert parsed(invitation)["Subject"] == "Northside Clinic: a short questionnaire"
    assert parsed(reminder)["Subject"] == "Northside Clinic: your questionnaire is still open"
    assert all("has not received" in part or "have not received" in part for part in shown(parsed(reminder)))
    assert not any("not received" in part for part in shown(parsed(invitation)))


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


@WHATEVER_THE_CLINIC_IS_CALLED
def test_headers_keep_their_meaning_whatever_the_clinic_is_called(name: str) -> None:
    letter = written(replace(INVITATION, clinic_name=name))

    assert f"List-Unsubscribe: <{STOP_URL}>".encode() in letter.content.split(b"\r\n")
    assert [one.addr_spec for one in parsed(letter)["From"].addresses] == ["questions@clinic.example.org"]
    assert parsed(letter)["Subject"] == f"{name}: a short questionnaire"


def test_the_same_message_is_written_to_the_same_bytes() -> None:
    message = Message(id=uuid.uuid4(), administration_id=uuid.uuid4(), claimed_by="claim")

    assert written(INVITATION, message).content == written(INVITATION, message).content


def test_the_html_loads_nothing_and_leads_only_to_the_two_links() -> None:
    page = Reading(html_of(parsed(written(INVITATION))))

    assert set(page.addresses) == {SURVEY_URL, STOP_URL}
    assert page.tags.isdisjoint({"img", "script", "link", "iframe", "style"})


def test_what_a_clinic_is_called_cannot_change_the_html() -> None:
    letter = written(replace(INVITATION, clinic_name="<script>alert(1)</script>"))

    assert "script" not in Reading(html_of(parsed(letter))).tags


def test_a_line_break_in_a_name_cannot_add_a_header() -> None:
    with pytest.raises(UnwritableError, match="ValueError"):
        written(replace(INVITATION, clinic_name="Clinic\r\nBcc: eve@example.org"))
