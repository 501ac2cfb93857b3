"""A patient at a link that has ended asks for one that works."""

import datetime as dt

from sqlalchemy.orm import Session

from prom_service.db import insert_if_absent
from prom_service.errors import ConflictError
from prom_service.models import Administration, Patient, Throttle
from prom_service.queries.waiting import find_waiting
from prom_service.services import messages


def ask_for_link(session: Session, administration: Administration, patient: Patient, *, now: dt.datetime) -> None:
    """Have the patient's other open questionnaire mailed to the address on file, if there is one and mail is allowed.

    It goes by the rules of any email, at once or at the next moment at which patients are mailed; asking counts once
    a day (UTC). Nothing is returned: whoever asks is not told what there is, nor where it goes.
    """
    waiting = find_waiting(session, administration, now=now)
    if waiting is None or not _is_first_today(session, patient, now):
        return
    try:
        messages.send_now(session, waiting, actor="patient", now=now)
    except ConflictError:
        return  # The clinic sees why in the timeline of the episode.


def _is_first_today(session: Session, patient: Patient, now: dt.datetime) -> bool:
    day = now.astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    counted = {"bucket": f"fresh-link:{patient.id}", "window_start": day}
    return insert_if_absent(session, Throttle, {**counted, "tries": 1}, unique=list(counted))
