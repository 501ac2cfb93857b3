"""Which activities were rated, where that may differ from one answer to the next.

A follow-up asks for the activities named at the baseline. Only answers that were recorded no later than the baseline
that stands, as when that was typed in from paper afterwards, may rate others.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from functools import cache

from sqlalchemy import select, type_coerce
from sqlalchemy.orm import Session

import instruments
from instruments.activities import name_keys, names
from prom_service.db import IdText, id_among, id_read_as_text
from prom_service.models import AnswerSet

NAMED = select(id_read_as_text(AnswerSet.response_id), AnswerSet.instrument, AnswerSet.answers).where(
    id_among(type_coerce(AnswerSet.response_id, IdText()), "responses")
)
Named = Mapping[str, Mapping[str, frozenset[str]]]
"""The activities rated in each response, by its id as text and by instrument."""


@cache
def rated() -> frozenset[str]:
    """The instruments whose activities the patient names."""
    return frozenset(one.ref for one in instruments.all_instruments() if name_keys(one))


def activities_of(session: Session, response_ids: Collection[str]) -> Named:
    """Return the activities that were rated in these responses; nothing is read where there are none."""
    found: defaultdict[str, dict[str, frozenset[str]]] = defaultdict(dict)
    if response_ids:
        given = NAMED.where(AnswerSet.instrument.in_(sorted(rated())))
        for response_id, instrument, answers in session.execute(given, {"responses": list(response_ids)}):
            found[response_id][instrument] = names(answers)
    return found
