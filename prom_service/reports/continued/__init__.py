"""Care that went on: visits after improvement was demonstrated, and visits after a finding that nobody reviewed."""

from prom_service.reports.continued.layouts import LAYOUTS
from prom_service.reports.continued.tables import make_tables

__all__ = ["LAYOUTS", "make_tables"]
