"""The episodes behind a number of visits beside outcomes, for the clinic's own staff."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask import render_template, request, url_for
from werkzeug.exceptions import BadRequest

from prom_service.errors import InvalidInputError
from prom_service.models.user import READING_ROLES
from prom_service.reports.cell import Cell
from prom_service.web import audit, guards
from prom_service.web.context import prom
from prom_service.web.dashboard.blueprint import blueprint, common
from prom_service.web.dashboard.report_form import TEAM, Asked, asked, chosen_whose, query_of, zone_of
from prom_service.web.dashboard.words import read_in

if TYPE_CHECKING:
    from prom_service.reports.forms.page import Behind
    from prom_service.reports.layout import Layout

LISTED = 200
BEHIND = "visits_by_outcome"
"""The table whose counts of episodes can be listed."""
CELL = ("visits", "outcome", "group", "wording")
"""What names one of its rows."""


@blueprint.get("/reports/episodes")
@guards.admits(*READING_ROLES)
def show_report_episodes() -> str:
    """List the episodes that the report of the address counts in one cell, each leading to its course of care."""
    from prom_service.reports.utilization.episodes import list_episodes  # pandas takes a second, and few pages need it.

    said = {name: request.args.get(name) or None for name in CELL}
    with prom.reading() as session:
        question = asked(session)
        if chosen_whose(question) == TEAM:
            raise BadRequest("Episodes are listed for one clinic, to its own staff. Choose the clinic first.")
        try:
            cell, query = Cell(**said), query_of(question)
        except InvalidInputError:
            raise BadRequest("The address asks for a number there is none of. Ask again on the page Reports.") from None
        rows = list_episodes(session, query, cell, limit=LISTED + 1)
    read_in(zone_of(question))
    audit.about(episode=[row.id for row in rows[:LISTED]], clinic_id=query.clinic_ids[0], detail=query.in_words())
    return _page(rows=rows[:LISTED], more=len(rows) > LISTED, cell=cell, query=query, address=question.address())


def episodes_behind(question: Asked) -> "Behind":
    """Return the way from each count of visits beside outcomes to its episodes; none from a count of nobody."""
    from prom_service.reports.rounding import EVERYTHING  # pandas takes a second, and few pages need it.

    def behind(layout: "Layout", row: Mapping[str, Any]) -> dict[str, str]:
        if layout.name != BEHIND or not row["episodes"]:
            return {}
        cell = {name: row[name] for name in CELL if row[name] not in ("", EVERYTHING)}
        return {"episodes": url_for(".show_report_episodes", **question.address(), **cell)}

    return behind


def _page(**view: Any) -> str:
    return render_template("dashboard/report_episodes.html", listed=LISTED, table=BEHIND, **view, **common())
