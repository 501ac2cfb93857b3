"""Patients and visits from CSV files. What is on record already is left alone, so that a file may be sent again.

Every row is taken in a savepoint of its own: one with a fault leaves nothing behind, and all faults of a file are found
in one go. Whether a file with faults is kept is for the door to decide, which owns the transaction.
"""

import datetime as dt
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy import Select, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from prom_service.db import Base
from prom_service.errors import InvalidInputError, PromError
from prom_service.models import Clinic, Episode, EpisodeVisit, Patient, Visit
from prom_service.models.episode import SIDES
from prom_service.models.patient import SEXES
from prom_service.models.visit import VISIT_FORMATS, VISIT_STATUSES
from prom_service.pathway.variant import base_of
from prom_service.services import audit, enrolment, visits
from prom_service.services.enrolment import EpisodeDetails, PatientDetails
from prom_service.services.row_file import Column, Row, RowFault, day, read_rows, text, word, yes_no
from prom_service.services.visits import VisitDetails

KEYS_AT_ONCE = 500
DIFFERS = "Differs from what is on record; a file does not change it."
PATIENT_FIELDS = ("name", "email", "date_of_birth", "sex", "language", "time_zone")
EPISODE_FIELDS = ("pathway", "started_on", "side", "diagnosis", "clinician", "symptom_onset_on")
VISIT_FIELDS = {"date": "visited_on", "clinician": "clinician", "status": "status", "format": "format"}
"""Column of the file → field of the visit."""
DOCUMENTATION = {
    "exercise_load": 200,
    "repetitions": 200,
    "sets": 200,
    "time_under_tension": 200,
    "rest": 200,
    "sessions_per_week": 200,
    "progression": 200,
    "interventions": 500,
    "education": 500,
    "medication": 500,
    "imaging": 500,
}
"""Optional documentation of a visit, each with its longest text."""

Progress = Callable[[Sequence[Row]], Iterable[Row]]
Table = TypeVar("Table", bound=Base)
Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Imported:
    """What a file did: how much was registered, enrolled, recorded, corrected or found unchanged; and its faults."""

    counts: Mapping[str, int]
    faults: tuple[RowFault, ...]


def import_patients(
    session: Session, clinic: Clinic, content: bytes, *, actor: str, now: dt.datetime, progress: Progress = iter
) -> Imported:
    """Register the patients of the file and enrol those with an ``episode_external_id``; a row may be either or both.

    A patient or an episode on record is left alone, and counts as unchanged; where the file says something else it is
    a fault that names the field. A patient may have several rows, one for each episode.
    """
    rows, faults = read_rows(content, patient_columns(now))
    rows.sort(key=lambda row: (row.cells["external_id"], row.cells.get("episode_external_id") or ""))  # As for visits.
    return import_rows(session, rows, faults, _Patients(session, clinic, rows, actor, now), progress)


def import_visits(
    session: Session, clinic: Clinic, content: bytes, *, actor: str, now: dt.datetime, progress: Progress = iter
) -> Imported:
    """Record the visits of the file, or correct those that are on record otherwise.

    A column that the file does not have leaves what is on record as it is; an empty cell clears it.
    """
    rows, faults = read_rows(content, visit_columns(now))
    rows.sort(key=lambda row: row.cells["visit_external_id"])  # Or two files may wait for each other's visits.
    return import_rows(session, rows, faults, _Visits(session, clinic, rows, actor, now), progress)


def patient_columns(now: dt.datetime) -> tuple[Column, ...]:
    """Return the columns that a file of patients may have."""
    today = now.date()
    return (
        Column("external_id", text(100), expected=True, filled=True),
        Column("name", text(200), expected=True, filled=True),
        Column("email", text(200)),
        Column("date_of_birth", past_day(today, years_back=120), expected=True, filled=True),
        Column("sex", word(SEXES)),
        Column("language", text(40)),
        Column("time_zone", text(40)),
        Column("episode_external_id", text(100)),
        Column("pathway", text(100)),
        Column("started_on", past_day(today, years_back=10, days_ahead=366)),
        Column("side", word(SIDES)),
        Column("diagnosis", text(200)),
        Column("clinician", text(100)),
        Column("symptom_onset_on", past_day(today, years_back=120)),
    )


def visit_columns(now: dt.datetime) -> tuple[Column, ...]:
    """Return the columns that a file of visits may have."""
    return (
        Column("episode_external_id", text(100)),
        Column("patient_external_id", text(100)),
        Column("visit_external_id", text(100), expected=True, filled=True),
        Column("date", past_day(now.date(), years_back=10), expected=True, filled=True),
        Column("clinician", text(100), expected=True),
        Column("status", word(VISIT_STATUSES), expected=True, filled=True),
        Column("format", word(VISIT_FORMATS)),
        Column("reassessed", yes_no),
        *(Column(name, text(longest)) for name, longest in DOCUMENTATION.items()),
    )


def past_day(today: dt.date, *, years_back: int, days_ahead: int = 1) -> Callable[[str], dt.date]:
    """Return a reader of days that are not longer ago, nor farther ahead."""
    return day(dt.date(today.year - years_back, 1, 1), today + dt.timedelta(days=days_ahead))


@dataclass(frozen=True)
class Taken(Generic[Thing]):
    """What a row wrote (nothing, when it was unchanged) and what is now on record under its key."""

    written: tuple[str, ...]
    thing: Thing


class Taker(Protocol[Thing]):
    """Knows what the rows of one kind of file write."""

    def take(self, row: Row) -> Taken[Thing]:
        """Write what the row says, or raise."""

    def keep(self, thing: Thing) -> None:
        """Remember what was written, once it is certain."""

    def finish(self) -> None:
        """Draw the conclusions from all rows together."""


def import_rows(
    session: Session, rows: Sequence[Row], faults: list[RowFault], taker: Taker[Thing], progress: Progress
) -> Imported:
    """Take every row in a savepoint of its own; return what that did, and all faults in the order of the rows."""
    counts: Counter[str] = Counter()
    for row in progress(rows):
        try:
            with session.begin_nested():
                taken = taker.take(row)
        except InvalidInputError as error:
            faults += [RowFault(row.number, column, " ".join(texts)) for column, texts in error.errors.items()]
        except PromError as error:
            faults.append(RowFault(row.number, "", str(error)))
        else:
            taker.keep(taken.thing)
            counts.update(taken.written or ["unchanged"])
    taker.finish()
    return Imported(counts, tuple(sorted(faults, key=lambda fault: fault.row)))


class _Patients:
    """The patients and episodes on record that a file names, and those it adds."""

    def __init__(self, session: Session, clinic: Clinic, rows: Sequence[Row], actor: str, now: dt.datetime) -> None:
        self.session, self.clinic, self.actor, self.now = session, clinic, actor, now
        self.patients = _on_record(session, Patient, Patient.external_id, clinic, _cells(rows, "external_id"))
        self.episodes = _on_record(session, Episode, Episode.external_id, clinic, _cells(rows, "episode_external_id"))
        self.seen: dict[object, int] = {}

    def take(self, row: Row) -> Taken[tuple[Patient, Episode | None]]:
        number, episode_number = row.cells["external_id"], row.cells.get("episode_external_id")
        refuse_repeated(self.seen, (number, episode_number), row, "external_id")
        patient, episode = self.patients.get(number), self.episodes.get(episode_number)
        self._check(row, patient, episode)
        written = []
        if patient is None:
            details = PatientDetails(external_id=number, **self._patient_values(row))
            patient = enrolment.register_patient(self.session, self.clinic, details, actor=self.actor, now=self.now)
            written.append("registered")
        if episode_number and episode is None:
            course = EpisodeDetails(external_id=episode_number, **_episode_values(row))
            episode = enrolment.enrol(self.session, self.clinic, patient, course, actor=self.actor, now=self.now)
            written.append("enrolled")
        if written:
            self._audit(patient, episode)
        return Taken(tuple(written), (patient, episode))

    def keep(self, thing: tuple[Patient, Episode | None]) -> None:
        patient, episode = thing
        self.patients[patient.external_id] = patient
        if episode is not None:
            self.episodes[episode.external_id] = episode

    def finish(self) -> None:
        """Each episode was assessed when it was enrolled."""

    def _check(self, row: Row, patient: Patient | None, episode: Episode | None) -> None:
        """Refuse a row that contradicts the record, or names a start but no episode, or the other way round."""
        errors: dict[str, list[str]] = {}
        if patient is not None:
            errors |= _differences(row, patient, self._patient_values(row))
        if episode is not None:
            errors |= _differences(row, episode, _episode_values(row))
            if patient is None or episode.patient_id != patient.id:
                errors["episode_external_id"] = ["Is an episode of another patient."]
        if row.cells.get("started_on") and not row.cells.get("episode_external_id"):
            errors["episode_external_id"] = ["Is needed where started_on is given."]
        if row.cells.get("episode_external_id") and not row.cells.get("started_on"):
            errors["started_on"] = ["Is needed to enrol: a date such as 2026-03-02."]
        if errors:
            raise InvalidInputError(errors)

    def _audit(self, patient: Patient, episode: Episode | None) -> None:
        whose = {"patient": [patient.id], "episode": [episode.id] if episode else []}
        act = "import patients"
        audit.note(self.session, self.clinic.id, actor=self.actor, act=act, subjects=whose, now=self.now)

    def _patient_values(self, row: Row) -> dict[str, Any]:
        return {"language": self.clinic.language, **_filled(row, PATIENT_FIELDS)}


class _Visits:
    """The visits and episodes on record that a file names, and the visits it adds."""

    def __init__(self, session: Session, clinic: Clinic, rows: Sequence[Row], actor: str, now: dt.datetime) -> None:
        self.session, self.actor, self.now = session, actor, now
        self.visits = _on_record(session, Visit, Visit.external_id, clinic, _cells(rows, "visit_external_id"))
        self.served = _served(session, [visit.id for visit in self.visits.values()])
        episodes = _episodes(session, clinic, rows)
        self.by_number = {episode.external_id: (episode, patient) for episode, patient in episodes}
        self.by_patient: defaultdict[str, list[Episode]] = defaultdict(list)
        for episode, patient in episodes:
            self.by_patient[patient].append(episode)
        self.seen: dict[object, int] = {}
        self.put: list[uuid.UUID] = []
        self.said: dict[str, tuple[int, VisitDetails]] = {}

    def take(self, row: Row) -> Taken[tuple[Visit, Episode]]:
        number = row.cells["visit_external_id"]
        visit = self.visits.get(number)
        episode = self._episode(row, visit)
        refuse_repeated(self.seen, (number, episode.id), row, "visit_external_id")
        details = _visit_details(row, visit)
        self._refuse_contradiction(row, details)
        if visit is not None and visits.is_recorded(visit, details) and episode.id in self.served[visit.id]:
            return Taken((), (visit, episode))
        was_void = visit is not None and visit.voided_at is not None
        visit, added = visits.put_visit(self.session, episode, number, details, actor=self.actor, now=self.now)
        if was_void:  # It serves this episode alone now.
            self.served[visit.id].clear()
        whose = {"patient": [episode.patient_id], "episode": [episode.id], "visit": [visit.id]}
        act = "import visits"
        audit.note(self.session, episode.clinic_id, actor=self.actor, act=act, subjects=whose, now=self.now)
        return Taken(("recorded" if added else "corrected",), (visit, episode))

    def keep(self, thing: tuple[Visit, Episode]) -> None:
        visit, episode = thing
        self.visits[visit.external_id] = visit
        self.served[visit.id].add(episode.id)
        self.put.append(visit.id)

    def finish(self) -> None:
        """Assess the episodes at the end: what raises a flag makes everybody else of the clinic wait."""
        visits.assess_served(self.session, self.put, now=self.now)

    def _refuse_contradiction(self, row: Row, details: VisitDetails) -> None:
        """Refuse a visit of two episodes on which the two rows do not agree."""
        first, said = self.said.setdefault(row.cells["visit_external_id"], (row.number, details))
        if said != details:
            raise InvalidInputError({"visit_external_id": [f"Row {first} says something else of this visit."]})

    def _episode(self, row: Row, visit: Visit | None) -> Episode:
        """Return the episode the row is about: the one it names, or the patient's only open one.

        A visit that is on record for one episode of the patient stays with it, also when that was closed since.
        """
        named, whose = row.cells.get("episode_external_id"), row.cells.get("patient_external_id")
        if named:
            return self._named(named, whose)
        if not whose:
            raise InvalidInputError({"episode_external_id": ["Is needed, or patient_external_id."]})
        found = [episode for episode in self.by_patient[whose] if episode.closed_on is None]
        if len(found) != 1 and visit is not None:
            found = [episode for episode in self.by_patient[whose] if episode.id in self.served[visit.id]]
        if len(found) != 1:
            problem = "Has more than one open episode; give episode_external_id." if found else "Has no open episode."
            raise InvalidInputError({"patient_external_id": [problem]})
        return found[0]

    def _named(self, number: str, whose: str | None) -> Episode:
        if number not in self.by_number:
            raise InvalidInputError({"episode_external_id": ["There is no such episode."]})
        episode, patient = self.by_number[number]
        if whose and whose != patient:
            raise InvalidInputError({"patient_external_id": ["Is not the patient of this episode."]})
        return episode


def refuse_repeated(seen: dict[object, int], key: object, row: Row, column: str) -> None:
    """Raise when another row of the file has the key already."""
    first = seen.setdefault(key, row.number)
    if first != row.number:
        raise InvalidInputError({column: [f"Is the same as in row {first}."]})


def _differences(row: Row, record: Base, values: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the columns of the file in which the row is not what is on record."""
    defaults = {**vars(PatientDetails), **vars(EpisodeDetails)}
    names = PATIENT_FIELDS if isinstance(record, Patient) else EPISODE_FIELDS
    return {
        name: [DIFFERS]
        for name in names
        if name in row.cells and values.get(name, defaults.get(name)) not in _sayable(record, name)
    }


def _sayable(record: Base, name: str) -> tuple[Any, ...]:
    """Return what a file may say of a field; a version of the clinic is named by its pathway as well."""
    value = getattr(record, name)
    return (value, base_of(value)) if name == "pathway" else (value,)


def _filled(row: Row, names: Iterable[str]) -> dict[str, Any]:
    return {name: row.cells[name] for name in names if row.cells.get(name) is not None}


def _episode_values(row: Row) -> dict[str, Any]:
    return _filled(row, EPISODE_FIELDS)


def _visit_details(row: Row, visit: Visit | None) -> VisitDetails:
    """Return what the row says of the visit, over what is on record of it."""
    plain = VisitDetails(visited_on=row.cells["date"])
    documentation = {name: row.cells[name] for name in DOCUMENTATION if name in row.cells}
    values: dict[str, Any] = {
        name: getattr(plain, name) if row.cells[column] is None else row.cells[column]
        for column, name in {**VISIT_FIELDS, "reassessed": "reassessed"}.items()
        if column in row.cells
    }
    before: Mapping[str, Any] = {}
    if visit is not None:
        plain = VisitDetails(**{name: getattr(visit, name) for name in vars(plain)})
        before = visit.documentation
    kept = {name: said for name, said in {**before, **documentation}.items() if said is not None}
    return replace(plain, **values, documentation=kept)


def _cells(rows: Iterable[Row], column: str) -> set[str]:
    return {row.cells[column] for row in rows if row.cells.get(column)}


def _on_record(
    session: Session, table: type[Table], column: InstrumentedAttribute[str], clinic: Clinic, keys: Iterable[str]
) -> dict[str | None, Table]:
    query = select(column, table).where(table.__table__.c.clinic_id == clinic.id)
    return dict(found_by(session, query, column, keys))


def _served(session: Session, visit_ids: Iterable[uuid.UUID]) -> defaultdict[uuid.UUID, set[uuid.UUID]]:
    """Return the episodes that each visit serves, or served when it was voided."""
    query = select(EpisodeVisit.visit_id, EpisodeVisit.episode_id).where(EpisodeVisit.removed_at.is_(None))
    served: defaultdict[uuid.UUID, set[uuid.UUID]] = defaultdict(set)
    for visit, episode in found_by(session, query, EpisodeVisit.visit_id, visit_ids):
        served[visit].add(episode)
    return served


def _episodes(session: Session, clinic: Clinic, rows: Sequence[Row]) -> list[tuple[Episode, str]]:
    """Return the episodes that the rows name, or whose patient they name, each once with its patient's number."""
    query = (
        select(Episode, Patient.external_id)
        .join(Patient, Patient.id == Episode.patient_id)
        .where(Episode.clinic_id == clinic.id)
    )
    found = {
        episode.id: (episode, patient)
        for column, name in ((Episode.external_id, "episode_external_id"), (Patient.external_id, "patient_external_id"))
        for episode, patient in found_by(session, query, column, _cells(rows, name))
    }
    return list(found.values())


def found_by(
    session: Session, query: Select[*tuple[Any, ...]], column: InstrumentedAttribute[Any], keys: Iterable[Any]
) -> Iterator[Any]:
    """Return the rows that the query finds for these keys, asking for a bounded number of them at a time."""
    wanted = sorted(set(keys))
    for start in range(0, len(wanted), KEYS_AT_ONCE):
        yield from session.execute(query.where(column.in_(wanted[start : start + KEYS_AT_ONCE])))
