"""Notes when a clinic's flags were last read, so that silence can be told from quiet."""

import datetime as dt
import uuid

from flask import Flask, current_app

from prom_service.services import alerts
from prom_service.web.context import prom

NOTED_EVERY = dt.timedelta(minutes=5)
"""A write on every look would be a lock on every look."""


def install(app: Flask) -> None:
    """Make room for what this process has noted."""
    app.extensions["prom.looks_noted"] = {}


def note(clinic_id: uuid.UUID, actor: str) -> None:
    """Note that ``actor`` has read the clinic's flags; this process writes it once in five minutes."""
    noted: dict[uuid.UUID, dt.datetime] = current_app.extensions["prom.looks_noted"]
    now = prom.now()
    if now - noted.get(clinic_id, dt.datetime.min.replace(tzinfo=dt.UTC)) < NOTED_EVERY:
        return
    with prom.transaction() as session:
        alerts.note_look(session, clinic_id, actor=actor, now=now)
    noted[clinic_id] = now
