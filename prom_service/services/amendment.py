"""Answers changed after they were sent: the first set stands, and the change is kept for the clinic to see."""

import datetime as dt

from sqlalchemy.orm import Session

from prom_service.models import Administration
from prom_service.services import submission
from prom_service.services.questions import Answers
from prom_service.services.submission import Submission


def amend(
    session: Session, administration: Administration, changes: Answers, *, language: str, now: dt.datetime
) -> Submission:
    """Keep the whole set with these changes as an amendment; changes that are on record already stay the ``same``.

    The administration must be completed. A change to None clears an answer. Symptoms are assessed as in any set, by
    the patient's last word: a change back to what was said before is an amendment, too.
    """
    return submission.submit(session, administration, changes=changes, language=language, now=now)
