"""What would have been mailed, in the embedded mode."""

import datetime as dt
import re
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from prom_service.app import create_app
from prom_service.db import new_id
from prom_service.mail import letters
from prom_service.models import Message
from prom_service.runtime import Runtime

AN_ID = "01234567-89ab-7cde-8f01-23456789abcd"
AT = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """The mailbox knows no database; one kind will do."""
    return sqlite_url


def write(runtime: Runtime, to: str, at: dt.datetime = AT, clinic: str = "Northside Clinic") -> str:
    """Deliver a letter into the mailbox and return its key there."""
    base = runtime.settings.base_url
    contents = letters.Contents(
        clinic_name=clinic,
        phone="020 7946 0000",
        reply_hours="Monday to Friday",
        minutes=5,
        last_day=dt.date(2026, 3, 9),
        survey_url=f"{base}/s/{'t' * 43}",
        stop_url=f"{base}/u/{'u' * 43}",
        reminder=False,
    )
    message = Message(id=new_id(), administration_id=new_id())
    letter = letters.write(contents, message, mail_from=runtime.settings.mail_from, to=to, at=at)
    assert runtime.mail.deliver(letter, before_final_dot=lambda: None).accepted
    return str(message.id)


def test_letters_are_listed_newest_first(client: Any, runtime: Runtime):
    older = write(runtime, "old@example.org", AT)
    newer = write(runtime, "new@example.org", AT + dt.timedelta(days=1))

    page = client.get("/dev/mailbox").text

    assert page.index(newer) < page.index(older)
    assert "Northside Clinic: a short questionnaire" in page


def test_letters_to_one_address_can_be_found(client: Any, runtime: Runtime):
    write(runtime, "ada@example.org")
    other = write(runtime, "bob@example.org")

    page = client.get("/dev/mailbox?to=ADA").text

    assert "ada@example.org" in page
    assert other not in page


def test_links_lead_to_the_host_and_port_that_serve(client: Any, runtime: Runtime):
    key = write(runtime, "ada@example.org")

    text = client.get(f"/dev/mailbox/{key}", base_url="http://localhost:9999").text
    html = client.get(f"/dev/mailbox/{key}/html", base_url="http://localhost:9999").text

    for page in (text, html):
        assert re.findall(r'href="([^"]+/[su]/)', page) == ["http://localhost:9999/s/", "http://localhost:9999/u/"]


@pytest.mark.parametrize("written_for", ["http://127.0.0.1:8000", "https://prom.example.org/follow-up"])
@pytest.mark.parametrize(
    "path", [f"s/{'t' * 43}", f"u/{'u' * 43}", f"confirm/{'c' * 43}", f"flags/{AN_ID}", "worklist?clinic=1"]
)
def test_a_link_written_for_another_address_leads_here_and_any_other_stays(
    client: Any, runtime: Runtime, written_for: str, path: str
):
    elsewhere = f"{written_for}/{path}"
    letter = EmailMessage()
    letter["To"], letter["From"], letter["Subject"] = "ada@example.org", "prom@example.org", "A letter"
    letter["Date"], letter["Message-ID"] = AT, f"<{AN_ID}@example.org>"
    letter.set_content(f"Open {elsewhere} or https://www.nhs.uk/services/a\n")
    letter.add_alternative(f'<a href="{elsewhere}">a</a> <a href="https://www.nhs.uk/services/a">b</a>', subtype="html")
    write(runtime, "ada@example.org")
    (Path(runtime.settings.mailbox_dir) / "new" / AN_ID).write_bytes(letter.as_bytes())

    pages = [client.get(f"/dev/mailbox/{AN_ID}{kind}", base_url="http://localhost:9999").text for kind in ("", "/html")]

    for page in pages:
        links = re.findall(r'href="(https?:[^"]+)"', page)
        assert links == [f"http://localhost:9999/{path}", "https://www.nhs.uk/services/a"]


def test_a_long_mailbox_has_pages(client: Any, runtime: Runtime):
    keys = [write(runtime, "ada@example.org", AT + dt.timedelta(minutes=minute)) for minute in range(51)]

    first, second, beyond = (client.get(f"/dev/mailbox?page={page}").text for page in (1, 2, 99))

    assert keys[50] in first
    assert keys[0] not in first
    assert keys[0] in second
    assert keys[0] in beyond


def test_a_clinics_name_is_text_and_never_markup(client: Any, runtime: Runtime):
    key = write(runtime, "ada@example.org", clinic="<b>Bold</b> Clinic")

    assert "<b>Bold</b>" not in client.get("/dev/mailbox").text
    assert "<b>Bold</b>" not in client.get(f"/dev/mailbox/{key}").text


@pytest.mark.parametrize("key", ["nothing", "..", "%2e%2e%2fprom.db", "x" * 200])
def test_a_letter_that_is_not_there_is_404(client: Any, key: str):
    assert client.get(f"/dev/mailbox/{key}").status_code == 404


def test_an_empty_mailbox_says_so(client: Any):
    page = client.get("/dev/mailbox")

    assert page.status_code == 200
    assert "0 letters" in page.text


@pytest.mark.parametrize("settings", [{"env": "production"}, {"smtp_url": "smtp://mail.example.org"}])
def test_there_is_no_mailbox_where_letters_really_leave(runtime: Runtime, settings: dict[str, str]):
    changed = replace(runtime, settings=replace(runtime.settings, **settings))

    assert create_app(changed).test_client().get("/dev/mailbox").status_code == 404
