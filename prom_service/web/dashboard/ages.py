"""How old a figure is: every one on a page of the staff says so, because an old one looks like a new one."""

import datetime as dt

from flask import g

from prom_service.web.dashboard.blueprint import blueprint
from prom_service.web.dashboard.words import span


def local_day(at: dt.datetime | dt.date | str) -> dt.date:
    """Return the day of an instant by the clinic's clock; a day stays itself."""
    if isinstance(at, str):
        at = dt.datetime.fromisoformat(at) if "T" in at else dt.date.fromisoformat(at)
    return at.astimezone(g.get("zone", dt.UTC)).date() if isinstance(at, dt.datetime) else at


@blueprint.app_template_filter("day")
def day(at: dt.datetime | dt.date | str | None) -> str:
    """Return the day in words, such as ``3 Mar 2026``; a dash for none."""
    return f"{local_day(at):%-d %b %Y}" if at else "–"


@blueprint.app_template_filter("ago")
def ago(at: dt.datetime | dt.date | str, now: dt.datetime) -> str:
    """Return in words how many days lie between, by the clinic's calendar."""
    return span((local_day(now) - local_day(at)).days)


@blueprint.app_template_filter("reached")
def reached(at: str, now: dt.datetime) -> bool:
    """Return whether an instant has come."""
    return dt.datetime.fromisoformat(at) <= now
