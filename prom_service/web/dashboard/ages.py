"""How old a figure is: every one on a page of the staff says so, because an old one looks like a new one."""

import datetime as dt

from flask import g

from prom_service.web.dashboard.blueprint import blueprint
from prom_service.web.dashboard.words import span


def local_day(at: dt.datetime | dt.date | str, zone: dt.tzinfo | None = None) -> dt.date:
    """Return the day of an instant in ``zone``; without one, in that of the page's days. A day stays itself."""
    if isinstance(at, str):
        at = dt.datetime.fromisoformat(at) if "T" in at else dt.date.fromisoformat(at)
    return at.astimezone(zone or g.get("days", dt.UTC)).date() if isinstance(at, dt.datetime) else at


@blueprint.app_template_filter("day")
def day(at: dt.datetime | dt.date | str | None, zone: dt.tzinfo | None = None) -> str:
    """Return the day in words, such as ``3 Mar 2026``; a dash for none."""
    return f"{local_day(at, zone):%-d %b %Y}" if at else "–"


@blueprint.app_template_filter("ago")
def ago(at: dt.datetime | dt.date | str, now: dt.datetime, zone: dt.tzinfo | None = None) -> str:
    """Return in words how many days lie between, by the calendar of ``zone`` or of the page's days."""
    return span((local_day(now, zone) - local_day(at, zone)).days)


@blueprint.app_template_filter("reached")
def reached(at: str, now: dt.datetime) -> bool:
    """Return whether an instant has come."""
    return dt.datetime.fromisoformat(at) <= now
