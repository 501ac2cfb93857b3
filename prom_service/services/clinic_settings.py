"""What a clinic decides itself: what patients read about it, when they are mailed, and what they are asked or shown."""

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.errors import InvalidInputError, StaleVersionError
from prom_service.language import SPOKEN
from prom_service.models import Clinic, ClinicText
from prom_service.models.clinic import IDENTITY_CHECKS
from prom_service.services.clinic_texts import write_texts
from prom_service.services.plain_text import ONE_LINE, as_kept, is_one_line

LENGTHS = {"name": 200, "phone": 40}
PLAIN = ("name", "phone", "weekend_mail", "identity_check", "show_trend")
TEXTS = ("reply_hours", "urgent_text")


@dataclass(frozen=True)
class ClinicSettings:
    """The settings of a clinic as a whole."""

    name: str
    phone: str
    weekend_mail: bool
    identity_check: str
    show_trend: bool
    texts: Mapping[str, Mapping[str, str]]
    """By language ``reply_hours`` and ``urgent_text``, both empty where the clinic has written nothing."""

    @property
    def mark(self) -> str:
        """What tells these settings from any others."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:32]


def settings_of(session: Session, clinic: Clinic) -> ClinicSettings:
    """Return the settings of the clinic as they are, with every language the service speaks, its own first."""
    rows: dict[str, Clinic | ClinicText] = {
        row.language: row for row in session.scalars(select(ClinicText).where(ClinicText.clinic_id == clinic.id))
    }
    rows[clinic.language] = clinic
    languages = sorted(dict.fromkeys([*SPOKEN, *rows]), key=lambda language: language != clinic.language)
    return ClinicSettings(
        name=clinic.name,
        phone=clinic.phone,
        weekend_mail=clinic.weekend_mail,
        identity_check=clinic.identity_check,
        show_trend=clinic.show_trend,
        texts={language: {name: getattr(rows.get(language), name, "") for name in TEXTS} for language in languages},
    )


def check_settings(wanted: ClinicSettings) -> None:
    """Raise ``InvalidInputError`` naming each setting that cannot be; the texts are checked when they are written."""
    errors = {
        name: [f"Needed, in at most {most} characters."]
        for name, most in LENGTHS.items()
        if not 0 < len(as_kept(getattr(wanted, name))) <= most
    }
    if "name" not in errors and not is_one_line(as_kept(wanted.name)):
        errors["name"] = [ONE_LINE]
    if "phone" not in errors and not any(character.isdigit() for character in wanted.phone):
        errors["phone"] = ["Needs digits: patients call it."]
    if wanted.identity_check not in IDENTITY_CHECKS:
        errors["identity_check"] = [f"Allowed are {', '.join(IDENTITY_CHECKS)}."]
    if errors:
        raise InvalidInputError(errors)


def change_settings(session: Session, clinic_id: uuid.UUID, wanted: ClinicSettings, *, seen: str) -> list[str]:
    """Let the clinic's settings be as wanted, if they still are those whose mark was ``seen``; name what changed.

    Raise ``StaleVersionError`` when somebody changed them meanwhile, and ``InvalidInputError`` naming what is missing
    or too long, the texts of a language as ``urgent_text.es``.
    """
    clinic = session.scalars(select(Clinic).where(Clinic.id == clinic_id).with_for_update(key_share=True)).one()
    before = settings_of(session, clinic)
    if before.mark != seen:
        raise StaleVersionError("Somebody else changed the settings after this page was loaded. Nothing was saved.")
    check_settings(wanted)
    clinic.name, clinic.phone = as_kept(wanted.name), as_kept(wanted.phone)
    clinic.weekend_mail, clinic.show_trend = wanted.weekend_mail, wanted.show_trend
    clinic.identity_check = wanted.identity_check
    for language, texts in wanted.texts.items():
        if any(texts.values()) or any(before.texts.get(language, {}).values()):
            _write(session, clinic, language, texts)
    session.flush()
    after = settings_of(session, clinic)
    plain = [name for name in PLAIN if getattr(before, name) != getattr(after, name)]
    return plain + [f"texts.{language}" for language, said in after.texts.items() if said != before.texts[language]]


def _write(session: Session, clinic: Clinic, language: str, texts: Mapping[str, str]) -> None:
    try:
        write_texts(session, clinic, language, **texts)
    except InvalidInputError as error:
        raise InvalidInputError({f"{name}.{language}": told for name, told in error.errors.items()}) from None
