"""Reports for quality teams: facts as they were known at an instant, counted, explained and written out.

``make_report(session, "utilization", ReportQuery(…))`` makes one, ``reports.forms.export.render(report, format)``
writes it. ``kinds.REPORTS`` lists the kinds; each is a room of its own here with its extract, tables, layouts, charts.
"""

from typing import TYPE_CHECKING

from prom_service.reports.query import ReportQuery, default_period

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from prom_service.reports.progress import Told
    from prom_service.reports.report import Report

__all__ = ["ReportQuery", "default_period", "make_report"]


def make_report(session: "Session", name: str, query: ReportQuery, told: "Told | None" = None) -> "Report":
    """Return the report called ``name`` that answers ``query``, from the facts recorded by ``query.as_of``.

    ``told`` is called with the per cent of the way to its file as it goes; the last part is that of its form.
    """
    from prom_service.reports import kinds, progress, report  # pandas is slow to import, and only a report needs it.

    return report.make_report(session, kinds.REPORTS[name], query, told or progress.nobody)
