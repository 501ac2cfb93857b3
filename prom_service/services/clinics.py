"""Organisations and clinics: adding them, and letting a clinic go live."""

import datetime as dt
import uuid
from dataclasses import asdict, dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy.orm import Session

from prom_service.errors import ConflictError, InvalidInputError
from prom_service.models import Clinic, EscalationPlan, Organisation, Patient
from prom_service.models.escalation import STEPS
from prom_service.pathway import definition as pathways
from prom_service.queries.registry import list_texts
from prom_service.queries.wording import list_own_wording
from prom_service.services import escalation
from prom_service.services.languages import check_spoken
from prom_service.services.plain_text import ONE_LINE, is_one_line
from prom_service.services.rows import add_or_conflict


@dataclass(frozen=True)
class Activation:
    """What a clinic must have settled before real patients are asked, and who answers for it."""

    approved_by: str
    """The clinician who approved pathway texts, symptom tiers and thresholds."""
    own_wording_accepted_by: str
    """The clinician who accepted own wording in place of the official one; empty where all wording is official."""


def add_organisation(session: Session, name: str, *, now: dt.datetime) -> Organisation:
    """Write an organisation."""
    organisation = Organisation(name=name, created_at=now)
    add_or_conflict(session, organisation, f"There is an organisation named {name} already.")
    return organisation


def add_clinic(
    session: Session,
    *,
    organisation_id: uuid.UUID,
    code: str,
    name: str,
    time_zone: str,
    phone: str,
    reply_hours: str,
    urgent_text: str,
    language: str = "en",
    identity_check: str = "year",
    now: dt.datetime,
) -> Clinic:
    """Write a clinic. It may not mail real patients until it is activated."""
    find_zone(time_zone)
    check_spoken(language)
    if not is_one_line(name):
        raise InvalidInputError({"name": [ONE_LINE]})
    clinic = Clinic(
        organisation_id=organisation_id,
        code=code,
        name=name,
        time_zone=time_zone,
        phone=phone,
        reply_hours=reply_hours,
        urgent_text=urgent_text,
        language=language,
        identity_check=identity_check,
        created_at=now,
    )
    add_or_conflict(session, clinic, f"There is a clinic with the code {code} already.")
    return clinic


def activate_clinic(session: Session, clinic: Clinic, activation: Activation, *, now: dt.datetime) -> None:
    """Let the clinic mail real patients; raise ``InvalidInputError`` naming what is still missing.

    Escalation counts as working once owner, deputy and manager have each confirmed a test email at their address.
    """
    values = {name: value.strip() for name, value in asdict(activation).items()}
    values |= {"urgent_text": clinic.urgent_text.strip(), "reply_hours": clinic.reply_hours.strip()}
    own_wording = list_own_wording(session, clinic)
    plan = escalation.find_plan(session, clinic)
    needed = dict.fromkeys(values, "Needed before the clinic can go live.")
    needed["own_wording_accepted_by"] += f" Asked in own words: {', '.join(own_wording)}."
    if not own_wording:
        del needed["own_wording_accepted_by"]
    errors = {name: [text] for name, text in needed.items() if not values[name]}
    errors |= _unproven(session, clinic, plan, now)
    unwritten = [language for language, texts in list_texts(session, clinic) if texts is None]
    if unwritten:
        errors["urgent_text"] = [*errors.get("urgent_text", []), _unwritten(clinic, unwritten)]
    if errors:
        raise InvalidInputError(errors)
    clinic.activation = {
        **values,
        "own_wording": own_wording,
        "escalation": {step: getattr(plan, step) for step in STEPS},
        "pathways": [one.ref for one in pathways.all_pathways()],
    }
    clinic.activated_at = now
    session.flush()


def _unproven(session: Session, clinic: Clinic, plan: EscalationPlan | None, now: dt.datetime) -> dict[str, list[str]]:
    if plan is None:
        return {"escalation": [f"Needed: `prom clinic escalation {clinic.code}` names owner, deputy and manager."]}
    silent = escalation.unconfirmed(session, plan, now=now)
    if not silent:
        return {}
    whose = f"No test email was confirmed by the {', '.join(silent)}"
    return {"escalation": [f"{whose}: `prom clinic test-escalation {clinic.code}` sends them one."]}


def _unwritten(clinic: Clinic, languages: list[str]) -> str:
    return (
        f"Needed in {', '.join(languages)} as well, for patients of the clinic: `prom clinic texts {clinic.code}"
        f" --language {languages[0]} --reply-hours … --urgent-text …`."
    )


def check_official_wording_kept(clinic: Clinic) -> None:
    """Raise ``ConflictError`` when nobody has accepted own wording for a clinic that went live on the official one."""
    if clinic.activated_at is not None and not (clinic.activation or {}).get("own_wording_accepted_by"):
        raise ConflictError(
            f"{clinic.code} went live on official wording. A clinician has to accept own wording first:"
            f" `prom clinic activate {clinic.code}` with --own-wording-accepted-by."
        )


def find_zone(name: str) -> ZoneInfo:
    """Return the IANA zone ``name``; raise ``InvalidInputError`` when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidInputError({"time_zone": ["Not an IANA time zone, such as Europe/London."]}) from None


def today_at(clinic: Clinic, *, now: dt.datetime) -> dt.date:
    """Return the day that it is at the clinic."""
    return now.astimezone(ZoneInfo(clinic.time_zone)).date()


def zone_of(patient: Patient, clinic: Clinic) -> ZoneInfo:
    """Return the zone in which the patient's days begin and end."""
    return ZoneInfo(patient.time_zone or clinic.time_zone)
