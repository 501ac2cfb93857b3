"""The episodes behind a number of visits beside outcomes, for the clinic's own staff."""

from typing import Any

from flask import render_template, request
from werkzeug.exceptions import BadRequest

from prom_service.errors import InvalidInputError
from prom_service.models.user import READING_ROLES
from prom_service.reports.cell import Cell
from prom_service.web import audit, guards
from prom_service.web.context import prom
from prom_service.web.dashboard.blueprint import blueprint, common
from prom_service.web.dashboard.report_form import TEAM, asked, chosen_whose, query_of, zone_of
from prom_service.web.dashboard.words import read_in

LISTED = 200


@blueprint.get("/reports/episodes")
@guards.admits(*READING_ROLES)
def show_report_episodes() -> str:
    """List the episodes that the report of the address counts in one cell, each leading to its course of care."""
    from prom_service.reports.utilization.episodes import list_episodes  # pandas takes a second, and few pages need it.

    said = {name: request.args.get(name) or None for name in ("visits", "outcome", "group", "wording")}
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
    return _page(rows=rows[:LISTED], more=len(rows) > LISTED, cell=cell, query=query, address=question.form)


def _page(**view: Any) -> str:
    return render_template("dashboard/report_episodes.html", listed=LISTED, **view, **common())
