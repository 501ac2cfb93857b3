"""The worklist of a clinic: its live flags, the gravest first; and its resolved ones, to look back."""

import uuid
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeVarTuple

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.orm import Session

from prom_service.models import Clinic, Episode, Flag, FlagEvent, Patient, User
from prom_service.models.flag import IS_LIVE, SEVERITIES
from prom_service.pathway.facts import LIVE_STATUSES
from prom_service.queries.flags import FlagFilter, conditions, of_patient

RANK = case({severity: number for number, severity in enumerate(SEVERITIES)}, value=Flag.severity)
LISTED = (*LIVE_STATUSES, "resolved")
LIVE = "live"
PROPERTIES = ("queue", "kind", "severity", "status", "clinician", "mine")
Columns = TypeVarTuple("Columns")


@dataclass(frozen=True)
class Place:
    """Where a flag stands in the worklist. ``rank`` is 0 for urgent to 3 for low."""

    rank: int
    flag_id: uuid.UUID


@dataclass(frozen=True)
class WorklistRow:
    """One flag with what staff need to recognise whose it is, and who has it."""

    rank: int
    flag: Flag
    patient_name: str
    patient_external_id: str
    clinician: str
    side: str
    assignee: str | None
    last_step: str
    last_actor: str

    @property
    def place(self) -> Place:
        """Where it stands."""
        return Place(self.rank, self.flag.id)

    @property
    def unread(self) -> bool:
        """Whether it is urgent and nobody has said to have seen it."""
        return self.flag.severity == "urgent" and self.flag.status == "open"

    @property
    def changed_since(self) -> bool:
        """Whether the rules have changed it after somebody took it up."""
        return self.last_step == "updated" and self.flag.status in ("acknowledged", "assigned")


def worklist(
    session: Session, clinic_id: uuid.UUID, wanted: FlagFilter, *, after: Place | None = None, limit: int = 50
) -> Sequence[WorklistRow]:
    """Return up to ``limit`` flags behind ``after``.

    Live ones: urgent first, and the oldest first within a severity. Others: the newest first.
    """
    page = _ordered(_matching(clinic_id, select(Flag.id), wanted), wanted, after, limit)
    flag_ids = session.scalars(page).all()  # What is sorted is small; whose it is and who has it is read of the page.
    rows = {row.flag.id: row for row in find_rows(session, clinic_id, flag_ids)}
    return [rows[flag_id] for flag_id in flag_ids]


def find_rows(session: Session, clinic_id: uuid.UUID, flag_ids: Collection[uuid.UUID]) -> Sequence[WorklistRow]:
    """Return the rows of these flags, whatever has become of them."""
    return [WorklistRow(*row) for row in session.execute(_rows(clinic_id).where(Flag.id.in_(flag_ids)))]


def neighbours(
    session: Session, clinic_id: uuid.UUID, wanted: FlagFilter, flag_id: uuid.UUID
) -> tuple[uuid.UUID | None, uuid.UUID | None]:
    """Return the flags before and behind one in the worklist as filtered, also when it is not in it itself."""
    rank = session.scalar(select(RANK).where(Flag.clinic_id == clinic_id, Flag.id == flag_id))
    if rank is None:
        return None, None
    query, place = _matching(clinic_id, select(Flag.id), wanted), Place(rank, flag_id)
    before = session.scalar(_ordered(query, wanted, place, 1, back=True))
    return before, session.scalar(_ordered(query, wanted, place, 1))


def count_flags(
    session: Session, clinic_id: uuid.UUID, wanted: FlagFilter, *, user_id: uuid.UUID
) -> dict[str, dict[str, int]]:
    """Return for each property of ``wanted`` how many flags each of its values would list, all others kept.

    ``status`` counts ``live`` too; of a list to look back it counts no live ones, nor the other way round: what was
    resolved is much in the end. ``mine`` counts under ``yes`` what is assigned to the user.
    """
    mine = Flag.assignee_id == user_id
    columns = (Flag.queue, Flag.kind, Flag.severity, Flag.status, Episode.clinician, case((mine, "yes"), else_="no"))
    grouped = _of_clinic(clinic_id, select(*columns, func.count()), wanted)
    grouped = grouped.join(Episode, Episode.id == Flag.episode_id)
    if wanted.patient:
        grouped = grouped.join(Patient, Patient.id == Episode.patient_id).where(*of_patient(wanted.patient))
    asked = _asked(wanted)
    counts: dict[str, Counter[str]] = {name: Counter() for name in PROPERTIES}
    for *values, number in session.execute(grouped.group_by(*columns)):
        unmet = {name for name, value in zip(PROPERTIES, values, strict=True) if value not in (asked[name] or (value,))}
        for name, value in zip(PROPERTIES, values, strict=True):
            if unmet <= {name}:
                counts[name][value] += number
    counts["status"][LIVE] = sum(counts["status"][status] for status in LIVE_STATUSES)
    return {name: dict(counted) for name, counted in counts.items()}


def count_unread(session: Session, clinic_ids: Collection[uuid.UUID]) -> Sequence[tuple[uuid.UUID, str, int]]:
    """Return the clinics that have urgent flags nobody has said to have seen, by name, and how many."""
    query = (
        select(Clinic.id, Clinic.name, func.count())
        .join(Flag, Flag.clinic_id == Clinic.id)
        .where(Flag.clinic_id.in_(clinic_ids), Flag.severity == "urgent", Flag.status == "open")
        .group_by(Clinic.id, Clinic.name)
        .order_by(Clinic.name)
    )
    return [(clinic_id, name, number) for clinic_id, name, number in session.execute(query)]


def _rows(clinic_id: uuid.UUID) -> Select[int, Flag, str, str, str, str, str | None, str, str]:
    last = (FlagEvent.clinic_id == Flag.clinic_id) & (FlagEvent.number == Flag.number)
    whose = (Patient.name, Patient.external_id, Episode.clinician, Episode.side)
    return (
        select(RANK, Flag, *whose, User.name, FlagEvent.type, FlagEvent.actor)
        .join_from(Flag, Episode, Episode.id == Flag.episode_id)
        .join(Patient, Patient.id == Episode.patient_id)
        .join(FlagEvent, last)
        .outerjoin(User, User.id == Flag.assignee_id)
        .where(Flag.clinic_id == clinic_id)
    )


def _looks_back(wanted: FlagFilter) -> bool:
    return wanted.status is not None and wanted.status not in LIVE_STATUSES


def _of_clinic(clinic_id: uuid.UUID, query: Select[*Columns], wanted: FlagFilter) -> Select[*Columns]:
    """Return the query for flags of the clinic that are live, or that have the status looked back at."""
    query = query.select_from(Flag).where(Flag.clinic_id == clinic_id)
    if _looks_back(wanted):
        return query.where(Flag.status == wanted.status)
    return query.where(IS_LIVE)


def _matching(clinic_id: uuid.UUID, query: Select[*Columns], wanted: FlagFilter) -> Select[*Columns]:
    query = _of_clinic(clinic_id, query, wanted).where(*conditions(wanted))
    if wanted.clinician is not None or wanted.patient:
        query = query.join(Episode, Episode.id == Flag.episode_id)
    return query.join(Patient, Patient.id == Episode.patient_id) if wanted.patient else query


def _ordered(
    query: Select[*Columns], wanted: FlagFilter, place: Place | None, limit: int, *, back: bool = False
) -> Select[*Columns]:
    """Return the query for up to ``limit`` flags as ``wanted`` behind a place in the list, or before it."""
    past = _looks_back(wanted)
    query = query.limit(limit)
    query = query.order_by(RANK.desc() if back else RANK) if not past else query
    query = query.order_by(Flag.id.desc() if past != back else Flag.id)
    return query if place is None else query.where(_beyond(place, past=past, back=back))


def _beyond(place: Place, *, past: bool, back: bool) -> ColumnElement[bool]:
    on_the_way = Flag.id < place.flag_id if past != back else Flag.id > place.flag_id
    if past:
        return on_the_way
    rank = RANK
    return or_(rank < place.rank if back else rank > place.rank, and_(rank == place.rank, on_the_way))


def _asked(wanted: FlagFilter) -> dict[str, Collection[str] | None]:
    """Return by property the values asked for; None where any will do."""
    single = {name: getattr(wanted, name) for name in ("queue", "kind", "severity", "clinician")}
    asked: dict[str, Collection[str] | None] = {
        name: None if value is None else (value,) for name, value in single.items()
    }
    status = LIVE_STATUSES if wanted.status is None else (wanted.status,)
    return {**asked, "status": status, "mine": ("yes",) if wanted.assignee_id else None}
