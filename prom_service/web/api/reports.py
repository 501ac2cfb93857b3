"""Reports for quality teams and for the clinic itself."""

from collections.abc import Mapping
from typing import Any

from flask import Response
from marshmallow import fields, validate
from sqlalchemy.orm import Session

from prom_service.reports.query import BASES, FORMATS, GROUPINGS, REPORTS, ReportQuery, default_period
from prom_service.web import audit
from prom_service.web.api.blueprint import ApiBlueprint
from prom_service.web.api.fields import Day, Instant, Strict
from prom_service.web.context import principal, prom

FILES = (
    "text/csv",
    "text/html",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/pdf",
    "application/zip",
)
YEARS_BACK = 20

reports = ApiBlueprint("reports", "Utilization beside outcomes.")


class ReportParameters(Strict):
    """Whose care, which period, as it was known when."""

    from_on = Day(years_back=YEARS_BACK, days_ahead=366, data_key="from")
    to_on = Day(years_back=YEARS_BACK, days_ahead=366, data_key="to", metadata={"description": "The day after."})
    as_of = Instant(metadata={"description": "Reproduces the report as it was then; now when left out."})
    basis = fields.String(validate=validate.OneOf(BASES), load_default="episodes")
    group_by = fields.String(validate=validate.OneOf(GROUPINGS), load_default=None)
    format = fields.String(validate=validate.OneOf(FORMATS), load_default="json")


def _offer(name: str, told: str) -> None:
    """Give the report of that name an address of its own, and a sentence in the API's own documentation."""

    def show(session: Session, query: Mapping[str, Any]) -> Response:
        return _answer(session, name, query)

    show.__doc__ = f"""{told}

    By default over the last 12 whole months. A clinic's key sees the clinic's own exact numbers; a quality key sees its
    organisation, with small counts hidden.
    """
    show.__name__ = f"show_{name}"
    reports.get(
        f"/reports/{name}",
        scope="reports:read",
        query=ReportParameters(),
        answer={"type": "object", "description": "Parameters, definitions, notes and tables."},
        files=FILES,
    )(show)


for _name, _told in REPORTS.items():
    _offer(_name, _told)


def _answer(session: Session, name: str, query: Mapping[str, Any]) -> Response:
    from prom_service.reports import make_report  # pandas takes a second, and few requests need it.
    from prom_service.reports.forms import export

    asked = _asked(query)
    report = make_report(session, name, asked)
    audit.about(shown=sum(map(len, report.tables.values())), detail=asked.in_words())
    content = export.render(report, query["format"])
    form = export.FORMATS[query["format"]]
    response = Response(content, content_type=form.media_type)
    if query["format"] != "json":
        response.headers["Content-Disposition"] = f'attachment; filename="{name}.{form.extension}"'
    return response


def _asked(query: Mapping[str, Any]) -> ReportQuery:
    from_on, to_on = default_period(prom.now().date())
    own = principal.clinic_id
    return ReportQuery(
        clinic_ids=(own,) if own else (),
        organisation_id=principal.organisation_id,
        from_on=query.get("from_on", from_on),
        to_on=query.get("to_on", to_on),
        as_of=query.get("as_of", prom.now()),
        basis=query["basis"],
        group_by=query["group_by"],
        audience="clinic" if own else "quality",
    )
