"""Instants as they are shown to programs."""

import datetime as dt


def written(at: dt.datetime | None) -> str | None:
    """Return the instant as RFC 3339 writes it, with its offset; None when there is none."""
    return at.isoformat() if at else None
