"""Reports for quality teams: facts as they were known at an instant, counted, explained and written out.

``utilization_report(session, ReportQuery(…))`` makes one, ``reports.export.render(report, format)`` writes it.
"""

from typing import TYPE_CHECKING

from prom_service.reports.query import ReportQuery, default_period

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from prom_service.reports.report import Report

__all__ = ["ReportQuery", "default_period", "utilization_report"]


def utilization_report(session: "Session", query: ReportQuery) -> "Report":
    """Return the report that answers ``query``, from the facts recorded by ``query.as_of``."""
    from prom_service.reports import report  # pandas is slow to import, and only a report needs it.

    return report.utilization_report(session, query)
