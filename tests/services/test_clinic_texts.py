"""What a clinic says itself reaches patients in their language, or visibly in the clinic's own."""

import email
import email.policy
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.errors import InvalidInputError
from prom_service.models import Clinic, Message
from prom_service.queries.registry import list_texts
from prom_service.runtime import Runtime
from prom_service.services import contact, letter_writing, standing
from prom_service.services.clinic_texts import write_texts
from tests import builders
from tests.fakes import Clock

SPANISH = {"reply_hours": "De lunes a viernes", "urgent_text": "Llame al 999 ahora."}


@pytest.fixture
def clinic(runtime: Runtime, clock: Clock) -> Clinic:
    """A clinic that writes English."""
    with runtime.transaction() as session:
        return builders.a_clinic(session, now=clock.now())


def written(session: Session, clinic: Clinic) -> dict[str, tuple[str, str] | None]:
    """Return what the clinic says, by language."""
    return {
        language: (texts.reply_hours, texts.urgent_text) if texts else None
        for language, texts in list_texts(session, session.get_one(Clinic, clinic.id))
    }


def test_texts_in_another_language_stand_beside_those_of_the_clinic(runtime: Runtime, clinic: Clinic) -> None:
    with runtime.transaction() as session:
        write_texts(session, clinic, "es", **SPANISH)

        assert written(session, clinic) == {
            "en": (clinic.reply_hours, clinic.urgent_text),
            "es": ("De lunes a viernes", "Llame al 999 ahora."),
        }


def test_one_text_may_be_changed_alone_and_in_the_clinic_s_own_language_it_is_the_clinic_s(
    runtime: Runtime, clinic: Clinic
) -> None:
    with runtime.transaction() as session:
        mine = session.get_one(Clinic, clinic.id)
        write_texts(session, mine, "es", **SPANISH)
        write_texts(session, mine, "es", urgent_text=" Llame al 112. ")
        write_texts(session, mine, "en", reply_hours="Weekdays")

    with runtime.reading() as session:
        assert written(session, clinic) == {
            "en": ("Weekdays", clinic.urgent_text),
            "es": ("De lunes a viernes", "Llame al 112."),
        }


@pytest.mark.parametrize(
    ("language", "texts", "fields"),
    [
        ("es", {"urgent_text": "Llame."}, {"reply_hours"}),
        ("es", {"reply_hours": " ", "urgent_text": ""}, {"reply_hours", "urgent_text"}),
        ("es", {**SPANISH, "reply_hours": 201 * "x"}, {"reply_hours"}),
        ("en", {"urgent_text": 1001 * "x"}, {"urgent_text"}),
        ("tlh", SPANISH, {"language"}),
    ],
)
def test_texts_that_are_missing_or_too_long_are_named(
    runtime: Runtime, clinic: Clinic, language: str, texts: dict[str, str], fields: set[str]
) -> None:
    with runtime.transaction() as session, pytest.raises(InvalidInputError) as refused:
        write_texts(session, clinic, language, **texts)

    assert set(refused.value.errors) == fields


def test_a_language_of_patients_that_nothing_is_written_in_is_listed_until_nobody_reads_it(
    runtime: Runtime, clinic: Clinic, clock: Clock
) -> None:
    with runtime.transaction() as session:
        patient = builders.a_patient(session, clinic, now=clock.now(), language="es")
        before = written(session, clinic)
        standing.withdraw(session, patient, actor="test", now=clock.now())

        assert (before["es"], written(session, clinic).keys()) == (None, {"en"})


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("lock", [False, True])
def test_a_letter_says_the_hours_in_the_patient_s_language(
    runtime: Runtime, clinic: Clinic, clock: Clock, language: str, lock: bool
) -> None:
    with runtime.transaction() as session:
        unwritten = letter(session, runtime, clinic, clock, language=language, lock=lock)
        write_texts(session, clinic, "es", **SPANISH)
        after = letter(session, runtime, clinic, clock, language=language, lock=lock)

    foreign = '<span lang="en" dir="auto">Monday to Friday, 9:00 to 17:00</span>'
    assert (foreign in unwritten["html"]) == (language == "es")
    assert "<span lang=" not in after["html"]
    assert all(("De lunes a viernes" in part) == (language == "es") for part in after.values())
    assert all(("Monday to Friday" in part) == (language == "en") for part in after.values())


def letter(
    session: Session, runtime: Runtime, clinic: Clinic, clock: Clock, *, language: str, lock: bool
) -> dict[str, Any]:
    """Return both parts of the invitation to a new patient."""
    patient = builders.a_patient(session, clinic, now=clock.now(), language=language)
    episode = builders.an_episode(session, clinic, patient, now=clock.now())
    asked = builders.the_administration(session, episode, "baseline").id
    message = session.scalars(select(Message).where(Message.administration_id == asked, Message.ordinal == 0)).one()
    addressee = contact.addressees(session, [asked], now=clock.now(), lock=lock)[asked]
    sent = letter_writing.write_letter(session, message, addressee, {}, runtime.settings, clock.now())
    parsed = email.message_from_bytes(sent.content, policy=email.policy.default)
    return {kind: parsed.get_body((kind,)).get_content() for kind in ("plain", "html")}  # type: ignore[union-attr]
