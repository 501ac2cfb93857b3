"""How scores and their changes are written on the pages of the staff."""

from prom_service.pathway.shape import GROC, PASS
from prom_service.web.dashboard.blueprint import blueprint
from prom_service.web.dashboard.words import words


@blueprint.app_template_filter("signed")
def signed(change: float) -> str:
    """Return a change with its sign; positive is better."""
    return f"{change:+.1f}".replace("-", "−")


@blueprint.app_template_filter("scored")
def scored(value: float | None, instrument: str) -> str:
    """Return a score; what patients say of their state, or of the change, in words."""
    if value is None:
        return words(value)
    if instrument == PASS[0]:
        return "acceptable" if value else "not acceptable"
    if instrument == GROC[0]:
        return f"{abs(value):g} {'better' if value > 0 else 'worse'}" if value else "no change"
    return words(value)
