"""Instants as people and programs may say them, and as they are shown to programs."""

import datetime as dt

REACH_YEARS = 10
FAR = "Must lie within ten years of now."


def is_far(at: dt.datetime, now: dt.datetime) -> bool:
    """Say whether an instant lies further from the present than could be meant."""
    return abs(at.year - now.year) > REACH_YEARS


def written(at: dt.datetime | None) -> str | None:
    """Return the instant as RFC 3339 writes it, with its offset; None when there is none."""
    return at.isoformat() if at else None
