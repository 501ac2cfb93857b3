"""Every kind of report, by the name that commands and addresses use (``query.REPORTS``)."""

from collections.abc import Mapping

from prom_service.reports import comparison, outcomes, process, utilization
from prom_service.reports.kind import ReportKind

KINDS = (utilization.KIND, outcomes.KIND, comparison.KIND, process.KIND)
REPORTS: Mapping[str, ReportKind] = {kind.name: kind for kind in KINDS}
