"""From a number of the utilization report to the episodes behind it, for the clinic's own programs."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy.orm import Session
from werkzeug.exceptions import Forbidden

from prom_service.reports.cell import BANDS, OUTCOMES, WORDINGS, Cell
from prom_service.reports.query import BASES, DAYS_AHEAD, GROUPINGS, YEARS_BACK
from prom_service.web import audit
from prom_service.web.api import paging
from prom_service.web.api.fields import Day, Instant, Text
from prom_service.web.api.reports import asked
from prom_service.web.api.reports import reports as reports
from prom_service.web.context import principal

NEEDED = "On the first page; later ones carry it in their cursor."
READERS: Mapping[str, Callable[[str], Any]] = {
    "from_on": dt.date.fromisoformat,
    "to_on": dt.date.fromisoformat,
    "as_of": dt.datetime.fromisoformat,
}
"""How a cursor's words become the values they were; the others are words."""


class CellQuery(paging.PageQuery):
    """One cell of the table of visits beside outcomes, and the question of its report."""

    visits = fields.String(validate=validate.OneOf(BANDS), metadata={"description": NEEDED})
    outcome = fields.String(validate=validate.OneOf(OUTCOMES), metadata={"description": NEEDED})
    wording = fields.String(validate=validate.OneOf(WORDINGS))
    group = Text(longest=320, metadata={"description": "As the table names it; all groups when left out."})
    from_on = Day(years_back=YEARS_BACK, days_ahead=DAYS_AHEAD, data_key="from")
    to_on = Day(years_back=YEARS_BACK, days_ahead=DAYS_AHEAD, data_key="to", metadata={"description": "The day after."})
    as_of = Instant(metadata={"description": "As it was known then, not after now; now when left out."})
    basis = fields.String(validate=validate.OneOf(BASES))
    group_by = fields.String(validate=validate.OneOf(GROUPINGS))


class CellEpisodeSchema(Schema):
    """An episode as the report counts it."""

    id = fields.UUID(required=True)
    external_id = fields.String(required=True)
    patient = fields.Function(
        lambda row: {"id": str(row.patient_id), "external_id": row.patient_external_id},
        required=True,
        metadata={
            "type": "object",
            "required": ["id", "external_id"],
            "properties": {"id": {"type": "string", "format": "uuid"}, "external_id": {"type": "string"}},
        },
    )
    started_on = fields.String(required=True, metadata={"format": "date"})
    side = fields.String(required=True)
    clinician = fields.String(required=True)
    closed = fields.Boolean(required=True)
    visits = fields.Integer(required=True, metadata={"description": "Counted visits so far."})
    outcome = fields.String(required=True, validate=validate.OneOf(OUTCOMES[:-1]))
    wording = fields.String(required=True, metadata={"description": "official, own, or empty when nothing is judged."})


@reports.get(
    "/reports/utilization/episodes",
    scope="reports:read",
    query=CellQuery(),
    answer=paging.page_of(CellEpisodeSchema),
)
def list_cell_episodes(session: Session, query: Mapping[str, Any]) -> Any:
    """List the episodes behind one number of visits beside outcomes.

    For keys of a clinic that may read episodes as well (`episodes:read`); a quality key sees no single episode.
    """
    from prom_service.reports.utilization.episodes import list_episodes  # pandas takes a second to import.

    if principal.clinic_id is None or "episodes:read" not in principal.scopes:
        raise Forbidden("Needs a key of the clinic with the scope episodes:read as well.")
    wanted = paging.requested(query)
    said = {name: READERS.get(name, str)(text) for name, text in wanted.filters.items()}
    cell = Cell(said.get("visits"), said.get("outcome"), said.get("group"), said.get("wording"))
    question = asked(said)
    rows = list_episodes(session, question, cell, after=wanted.after, limit=wanted.probe)
    audit.about(episode=[row.id for row in rows[: wanted.limit]], detail=question.in_words())
    return paging.page(wanted, rows)
