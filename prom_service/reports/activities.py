"""Whether two responses rate the same activities, as a condition: else their scores are not to be compared.

The rule is ``pathway.facts.ResponseFacts.rates_others``, and as there only asked of answers that were recorded no later
than the baseline.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

import instruments
from instruments.activities import name_keys
from prom_service.models import AnswerSet
from prom_service.queries.activities import rated

KEYS = sorted({key for ref in rated() for key in name_keys(instruments.find(ref))})


def rates_others(after: Any, before: Any) -> sa.ColumnElement[bool]:
    """Return whether a score is of other activities than that of the baseline ``before`` on the same scale.

    Of both is asked ``response_id``, ``instrument`` and ``recorded_at``.
    """
    given, given_before = aliased(AnswerSet), aliased(AnswerSet)
    differ = sa.exists().where(
        given.response_id == after.response_id,
        given.instrument == after.instrument,
        given_before.response_id == before.response_id,
        given_before.instrument == after.instrument,
        sa.or_(_names_more(given, given_before), _names_more(given_before, given)),
    )
    return sa.and_(after.instrument.in_(sorted(rated())), after.recorded_at <= before.recorded_at, differ)


def _names_more(given: Any, other: Any) -> sa.ColumnElement[bool]:
    """Return whether one of the activities is none of the others."""
    named, known = ([sa.func.coalesce(one.answers[key].as_string(), "") for key in KEYS] for one in (given, other))
    return sa.or_(*(sa.and_(name != "", name.not_in(known)) for name in named))
