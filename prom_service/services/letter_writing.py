"""Writing the letter of a claimed message, with links whose tokens exist in clear in it and nowhere else."""

import datetime as dt

from sqlalchemy.orm import Session

from prom_service.mail import letters
from prom_service.mail.letters import Letter
from prom_service.models import Message
from prom_service.pathway.shape import Pathway
from prom_service.queries.pace import WORKING_ESTIMATE, Paces, in_minutes, items_asked
from prom_service.queries.pathways import find_pathway
from prom_service.services import access
from prom_service.services.contact import Addressee
from prom_service.settings import Settings


def write_letter(
    session: Session, message: Message, addressee: Addressee, paces: Paces, settings: Settings, now: dt.datetime
) -> Letter:
    """Return the letter of a claimed message. Its links are written with it, as digests, in the same transaction."""
    administration, clinic = addressee.administration, addressee.clinic
    survey, stop = (
        access.issue_link(
            session, administration, purpose=purpose, message_id=message.id, secret=settings.secret, now=now
        )
        for purpose in ("survey", "unsubscribe")
    )
    contents = letters.Contents(
        clinic_name=clinic.name,
        phone=clinic.phone,
        reply_hours=addressee.clinic_texts.reply_hours,
        reply_hours_language=addressee.clinic_texts.language,
        minutes=minutes_needed(find_pathway(session, addressee.episode.pathway), administration.timepoint, paces),
        last_day=(administration.late_after - dt.timedelta(seconds=1)).astimezone(addressee.facts.zone).date(),
        survey_url=f"{settings.base_url.rstrip('/')}/s/{survey}",
        stop_url=f"{settings.base_url.rstrip('/')}/u/{stop}",
        reminder=addressee.facts.mails > 0,
        language=addressee.patient.language,
    )
    return letters.write(
        contents,
        message,
        mail_from=settings.mail_from,
        to=addressee.patient.email or "",
        at=now,
    )


def minutes_needed(pathway: Pathway, timepoint: str, paces: Paces) -> int:
    """Return the time a questionnaire takes, in whole minutes."""
    items = items_asked(pathway.timepoint(timepoint))
    return in_minutes(items, paces.get((pathway.ref, timepoint), WORKING_ESTIMATE))
