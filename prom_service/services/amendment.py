"""Answers changed after they were sent: the first set stands, and the change is kept for the clinic to see."""

import datetime as dt
from typing import Any

from sqlalchemy.orm import Session

from prom_service.models import Administration
from prom_service.services import saved_answers, submission
from prom_service.services.questions import Answers
from prom_service.services.submission import Submission


def amend(
    session: Session, administration: Administration, changes: Answers, *, language: str, now: dt.datetime
) -> Submission:
    """Keep the whole set with these changes as an amendment; a set that is known already stays the ``same``.

    The administration must be completed. A change to None clears an answer. Symptoms are assessed as in any set.
    """
    submission.hold(session, administration)
    whole = _changed(saved_answers.current_answers(session, administration), changes)
    return submission.submit(session, administration, answers=whole, language=language, now=now)


def _changed(answers: Answers, changes: Answers) -> dict[str, dict[str, Any]]:
    return {ref: {**answers.get(ref, {}), **changes.get(ref, {})} for ref in {**answers, **changes}}
