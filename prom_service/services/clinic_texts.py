"""What a clinic says to patients itself, in each language it has written it in."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.errors import InvalidInputError
from prom_service.models import Clinic, ClinicText
from prom_service.models.clinic import URGENT_TEXT_LENGTH
from prom_service.services.languages import check_spoken
from prom_service.services.plain_text import as_kept
from prom_service.services.rows import add_or_conflict

LENGTHS = {"reply_hours": 200, "urgent_text": URGENT_TEXT_LENGTH}


@dataclass(frozen=True)
class ClinicTexts:
    """When the clinic reads answers, and what to do when it is urgent."""

    language: str
    """The patient's, or the clinic's own where nothing is written in the patient's."""
    reply_hours: str
    urgent_text: str


def texts_for_patient(clinic: Clinic, texts: ClinicText | None) -> ClinicTexts:
    """Return what the clinic says to a patient: ``texts`` in the patient's language, else what it says in its own."""
    said = texts or clinic
    return ClinicTexts(said.language, said.reply_hours, said.urgent_text)


def find_texts(session: Session, clinic: Clinic, language: str) -> ClinicTexts:
    """Return what the clinic says to patients of a language."""
    return texts_for_patient(clinic, _find(session, clinic, language))


def write_texts(
    session: Session, clinic: Clinic, language: str, *, reply_hours: str | None = None, urgent_text: str | None = None
) -> None:
    """Keep what the clinic says in a language; None leaves what there is. In its own language it changes the clinic.

    Raise ``InvalidInputError`` naming what is missing or too long.
    """
    check_spoken(language)
    row = clinic if language == clinic.language else _find_or_begin(session, clinic, language)
    given = {"reply_hours": reply_hours, "urgent_text": urgent_text}
    texts = {name: as_kept(getattr(row, name) if text is None else text) for name, text in given.items()}
    errors = {
        name: [f"Needed in {language}, in at most {LENGTHS[name]} characters."]
        for name, text in texts.items()
        if not 0 < len(text) <= LENGTHS[name]
    }
    if errors:
        raise InvalidInputError(errors)
    row.reply_hours, row.urgent_text = texts["reply_hours"], texts["urgent_text"]
    add_or_conflict(session, row, "These texts were written at this very moment.")


def _find(session: Session, clinic: Clinic, language: str) -> ClinicText | None:
    return session.scalar(select(ClinicText).where(ClinicText.clinic_id == clinic.id, ClinicText.language == language))


def _find_or_begin(session: Session, clinic: Clinic, language: str) -> ClinicText:
    found = _find(session, clinic, language)
    return found or ClinicText(clinic_id=clinic.id, language=language, reply_hours="", urgent_text="")
