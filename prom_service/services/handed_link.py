"""A survey link that no email carries: for the tablet at the desk, for a call, or on paper."""

import datetime as dt

from sqlalchemy.orm import Session

from prom_service.models import Administration, Episode, Patient
from prom_service.services import access, answer_window
from prom_service.settings import Settings


def hand_link(
    session: Session, administration: Administration, settings: Settings, *, issued_by: str, now: dt.datetime
) -> str:
    """Return the address of a link made now; it exists in clear there and nowhere else.

    Raise ``AnswersClosedError`` when no answers are taken.
    """
    episode = session.get_one(Episode, administration.episode_id)
    patient = session.get_one(Patient, episode.patient_id)
    answer_window.check_open(administration, episode, patient, at=now)
    token = access.issue_link(session, administration, issued_by=issued_by, secret=settings.secret, now=now)
    return f"{settings.base_url.rstrip('/')}/s/{token}"
