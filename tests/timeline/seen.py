"""What the database holds at a moment, read as plain rows."""

import uuid
from collections import defaultdict
from functools import cached_property
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.db import Base
from prom_service.models import (
    Administration,
    AnswerSet,
    Clinic,
    Episode,
    EpisodeChange,
    Flag,
    FlagEvent,
    Judgement,
    Message,
    MessageEvent,
    Patient,
    PatientChange,
    Response,
    SavedAnswer,
    Score,
    Visit,
    VisitVersion,
)

FACTS: tuple[type[Base], ...] = (
    AnswerSet,
    EpisodeChange,
    FlagEvent,
    Judgement,
    MessageEvent,
    PatientChange,
    Response,
    SavedAnswer,
    Score,
    VisitVersion,
)
"""Tables that only grow."""
PRESENT: tuple[type[Base], ...] = (Administration, Clinic, Episode, Flag, Message, Patient, Visit)
WAITING = ("planned", "deferred")
PENDING = (*WAITING, "claimed")
"""Phases of a message that may still go out."""
STATEMENTS = {table: select(table.__table__).order_by(table.__table__.c.id) for table in FACTS + PRESENT}


class Seen:
    """Every row of the tables asked for (all that matter here when none is named), by id, in the order of writing."""

    def __init__(self, session: Session, *tables: type[Base]) -> None:
        self.rows: dict[type[Base], dict[Any, Any]] = {
            table: {row.id: row for row in session.execute(STATEMENTS[table])} for table in tables or STATEMENTS
        }

    def all(self, table: type[Base]) -> list[Any]:
        return list(self.rows[table].values())

    def one(self, table: type[Base], row_id: uuid.UUID) -> Any:
        return self.rows[table][row_id]

    @cached_property
    def messages(self) -> dict[uuid.UUID, list[Any]]:
        """The messages of each administration, by ordinal."""
        return self._grouped(sorted(self.all(Message), key=lambda one: one.ordinal), "administration_id")

    @cached_property
    def message_events(self) -> dict[uuid.UUID, list[Any]]:
        return self._grouped(self.all(MessageEvent), "message_id")

    @cached_property
    def responses(self) -> dict[uuid.UUID, list[Any]]:
        """The responses of each administration, by number."""
        return self._grouped(sorted(self.all(Response), key=lambda one: one.number), "administration_id")

    @cached_property
    def flags(self) -> dict[uuid.UUID, list[Any]]:
        """The flags of each episode, in the order in which they were raised."""
        return self._grouped(self.all(Flag), "episode_id")

    @cached_property
    def flag_events(self) -> dict[uuid.UUID, list[Any]]:
        return self._grouped(sorted(self.all(FlagEvent), key=lambda one: one.number), "flag_id")

    def pending(self, administration_id: uuid.UUID) -> list[Any]:
        """The messages of an administration that may still go out."""
        return [one for one in self.messages[administration_id] if one.phase in PENDING]

    def _grouped(self, rows: list[Any], column: str) -> dict[uuid.UUID, list[Any]]:
        groups: dict[uuid.UUID, list[Any]] = defaultdict(list)
        for row in rows:
            groups[getattr(row, column)].append(row)
        return groups
