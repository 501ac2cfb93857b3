"""The settings of a clinic: who may change them, what is refused, and what patients then read."""

import html
import re
from typing import Any

import pytest
from sqlalchemy import select

from prom_service.models import AuditEntry, Clinic
from prom_service.runtime import Runtime
from prom_service.services.clinic_settings import settings_of
from prom_service.services.clinic_texts import find_texts
from tests.fakes import Clock
from tests.web.dashboard.desk import Desk, text_of

FORM = {
    "name": "Southside Clinic",
    "phone": "020 7946 0999",
    "identity_check": "date",
    "show_trend": "yes",
    "reply_hours.en": "Monday to Thursday",
    "urgent_text.en": "Call 999.",
    "reply_hours.es": "De lunes a jueves",
    "urgent_text.es": "Llame al 999.",
}


@pytest.fixture
def desk(runtime: Runtime, clock: Clock, client: Any) -> Desk:
    desk = Desk(runtime, clock, client, role="clinic_admin")
    desk.log_in()
    return desk


def send(desk: Desk, *, go: str = "save", seen: str = "", **changes: str) -> Any:
    """Send the form with the mark of the page as it is now; a double underscore stands for a dot."""
    fields = {**FORM, **{name.replace("__", "."): text for name, text in changes.items()}}
    return desk.post("/settings", **{**fields, "go": go, "seen": seen or mark(desk)})


def mark(desk: Desk) -> str:
    found = re.search(r'name="seen" value="(\w+)"', desk.get("/settings").text)
    assert found
    return found[1]


def kept(desk: Desk) -> Any:
    with desk.runtime.reading() as session:
        return settings_of(session, session.get_one(Clinic, desk.clinic.id))


def test_what_is_saved_is_what_patients_read_in_each_language(desk: Desk) -> None:
    answer = send(desk)

    settings = kept(desk)
    with desk.runtime.reading() as session:
        spanish = find_texts(session, session.get_one(Clinic, desk.clinic.id), "es")
        [entry] = session.scalars(select(AuditEntry).where(AuditEntry.detail.contains("phone")))
    assert answer.status_code == 303
    assert entry.detail == "name, phone, weekend_mail, identity_check, show_trend, texts.en, texts.es"
    assert (settings.name, settings.phone, settings.identity_check) == ("Southside Clinic", "020 7946 0999", "date")
    assert (settings.weekend_mail, settings.show_trend) == (False, True)
    assert (spanish.language, spanish.urgent_text) == ("es", "Llame al 999.")
    page = desk.shown("/settings")
    assert "The settings are saved." in page
    assert "De lunes a jueves" in page


def test_a_preview_shows_what_patients_would_read_and_saves_nothing(desk: Desk) -> None:
    before = kept(desk)

    answer = send(desk, go="preview", urgent_text__en="Ring <999>", reply_hours__es="", urgent_text__es="")

    assert answer.status_code == 200
    assert "Not saved yet" in answer.text
    assert answer.text.count(html.escape("Ring <999>")) == 3
    assert '<span lang="en">Monday to Thursday</span>' in answer.text
    assert kept(desk) == before


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "North\x0bside"}, "name"),
        ({"name": "North\u2028side"}, "name"),
        ({"phone": "none"}, "phone"),
        ({"phone": "1" * 41}, "phone"),
        ({"identity_check": "passport"}, "identity_check"),
        ({"urgent_text__en": ""}, "urgent_text.en"),
        ({"urgent_text__es": ""}, "urgent_text.es"),
        ({"reply_hours__en": "x" * 201}, "reply_hours.en"),
    ],
)
def test_what_cannot_be_is_named_and_nothing_is_saved(desk: Desk, changes: dict[str, str], field: str) -> None:
    before = kept(desk)

    answer = send(desk, **changes)

    assert answer.status_code == 422
    assert f'<a href="#{field}">' in answer.text
    assert kept(desk) == before


def test_settings_that_changed_meanwhile_are_not_overwritten_and_what_differs_is_shown(desk: Desk) -> None:
    seen = mark(desk)
    with desk.runtime.transaction() as session:
        before = settings_of(session, session.get_one(Clinic, desk.clinic.id))
    send(desk, seen=seen, phone="020 1111 1111")

    answer = send(desk, seen=seen)
    again = send(desk, seen=re.findall(r'name="seen" value="(\w+)"', answer.text)[0])

    assert (answer.status_code, again.status_code) == (409, 303)
    assert "Nothing was saved. " in text_of(answer)
    assert "Phone 020 1111 1111" in text_of(answer)
    assert kept(desk).phone == FORM["phone"]
    assert before.mark == seen


def test_the_summary_of_faults_names_each_field(desk: Desk) -> None:
    said = text_of(send(desk, phone="none", seen=mark(desk)))
    texts = text_of(send(desk, reply_hours__es="", seen=mark(desk)))

    assert "There is a problem Phone: needs digits" in said
    assert "There is a problem When answers are read: needed in es" in texts


def test_the_settings_are_for_administrators_only(runtime: Runtime, clock: Clock, client: Any) -> None:
    desk = Desk(runtime, clock, client)
    desk.log_in()

    read, written = desk.get("/settings"), desk.post("/settings", **FORM, go="save", seen="x")

    assert (read.status_code, written.status_code) == (403, 403)
    assert "/settings" not in desk.get("/worklist").text


def test_a_form_without_its_mark_is_refused(desk: Desk) -> None:
    assert desk.post("/settings", **FORM, go="save").status_code == 400
