"""What a clinic may hand to researchers: responses, episodes and visits, under names that nobody can trace.

A name is a keyed digest; the key is made for one export and kept nowhere, so that two exports cannot be joined. There
is no date but days since the start of care, no number of the clinic's own, no free text. Pseudonymous is not anonymous:
a rare course can still be recognised by who knows the person.
"""

import datetime as dt
import hashlib
import hmac
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import Session

from instruments import Instrument, find
from instruments.definition import Item
from prom_service.models import (
    Administration,
    AnswerSet,
    Clinic,
    Episode,
    EpisodeVisit,
    Patient,
    Response,
    Score,
    Visit,
)

EPISODES_AT_ONCE = 100
OLDEST_BAND, YOUNGEST_BAND = 80, 20
TEXT, INTEGER, NUMBER = "string", "int64", "float64"
Cells = list[Any]


@dataclass(frozen=True)
class Column:
    """One column of an export: its name, type and meaning; ``values`` are those it can have, where they are few."""

    name: str
    kind: str
    meaning: str
    values: str = ""


@dataclass(frozen=True)
class Table:
    """One table of an export. Its rows come in batches, of as many episodes each, from whoever asks for them."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    batches: Callable[[], Iterator[list[Cells]]]


@dataclass(frozen=True)
class Export:
    """Every table, and how many batches each of them has."""

    tables: tuple[Table, ...]
    batch_count: int


@dataclass(frozen=True)
class Asked:
    """An instrument of an export; one that was only scored, from a longer one, has no answers of its own."""

    instrument: Instrument
    answered: bool

    @property
    def items(self) -> Sequence[Item]:
        """The items that were answered."""
        return self.instrument.items if self.answered else ()


WHOSE: Final = (
    Column("patient", TEXT, "The patient, under a name made for this export."),
    Column("episode", TEXT, "The course of care, under a name made for this export."),
)
COURSE: Final = (
    Column("pathway", TEXT, "Pathway with its version, by which the course was followed."),
    Column("side", TEXT, "Side treated.", "left, right, both, none"),
    Column("sex", TEXT, "As the clinic recorded it.", "female, male, other, unknown"),
    Column("age_band", TEXT, "Age at the start of care, in bands of ten years."),
)
EPISODE: Final = (
    *WHOSE,
    *COURSE,
    Column("clinician", TEXT, "The treating clinician, under a name made for this export; empty when not recorded."),
    Column("closed_after_days", INTEGER, "Days from the start of care to its end; empty while it goes on."),
)
RESPONSE: Final = (
    Column("response", TEXT, "The response, under a name made for this export."),
    *WHOSE,
    *COURSE,
    Column("timepoint", TEXT, "Planned moment of the questionnaire."),
    Column("day", INTEGER, "Days from the start of care to the day of the answers, where the clinic is."),
    Column(
        "number",
        INTEGER,
        "Which response to this timepoint it is; the highest that is no amendment counts, of the baseline one that is"
        " not late before any that is.",
    ),
    Column("amendment", INTEGER, "1: different answers after a complete set; they do not stand.", "0, 1"),
    Column("partial", INTEGER, "1: unfinished answers, kept when the window passed.", "0, 1"),
    Column("late", INTEGER, "1: answered after the window.", "0, 1"),
    Column("mode", TEXT, "How the answers came in.", "web, desk, paper, phone"),
    Column("answered_by", TEXT, "Who answered.", "self, helped, proxy, unknown"),
    Column("language", TEXT, "Language of the questions."),
)
VISIT: Final = (
    Column("visit", TEXT, "The visit, under a name made for this export; one that serves two courses is there twice."),
    *WHOSE,
    Column("day", INTEGER, "Days from the start of care to the visit."),
    Column("status", TEXT, "What became of it.", "attended, cancelled, no_show"),
    Column("format", TEXT, "Its form.", "individual, group, telehealth"),
    Column("reassessed", INTEGER, "1: the clinician reviewed the plan with the patient.", "0, 1"),
    Column("clinician", TEXT, "The clinician of the visit, under a name made for this export."),
)


def export(session: Session, clinic: Clinic, *, key: bytes) -> Export:
    """Return the tables of a clinic. Nothing but the ids of its episodes is held; rows are read batch by batch."""
    source = _Source(session, clinic, key)
    asked = source.instruments()
    tables = (
        Table("episodes", "One row for each course of care.", EPISODE, source.episodes),
        Table(
            "responses",
            "One row for each response, with every answer and score.",
            (*RESPONSE, *_answer_columns(asked)),
            lambda: source.responses(asked),
        ),
        Table("visits", "One row for each visit of a course of care; voided ones are left out.", VISIT, source.visits),
    )
    return Export(tables, len(source.batches))


def count_responses(session: Session, clinic: Clinic) -> int:
    """Return how many responses of the clinic there are to export."""
    return session.scalar(select(func.count()).where(Response.clinic_id == clinic.id)) or 0


def age_band(born: dt.date, on: dt.date) -> str:
    """Return the age on a day in a band of ten years, open at both ends."""
    age = on.year - born.year - ((on.month, on.day) < (born.month, born.day))
    if age < YOUNGEST_BAND:
        return f"under {YOUNGEST_BAND}"
    if age >= OLDEST_BAND:
        return f"{OLDEST_BAND} or older"
    return f"{age // 10 * 10}-{age // 10 * 10 + 9}"


class _Source:
    """A clinic's record under the names of one export, episodes in the order of these names."""

    def __init__(self, session: Session, clinic: Clinic, key: bytes) -> None:
        self.session, self.clinic, self.key = session, clinic, key
        self.zone = ZoneInfo(clinic.time_zone)
        ids = session.scalars(select(Episode.id).where(Episode.clinic_id == clinic.id))
        named = sorted(ids, key=lambda one: self.name("episode", one))  # In the order of enrolment they would tell it.
        self.batches = [named[at : at + EPISODES_AT_ONCE] for at in range(0, len(named), EPISODES_AT_ONCE)]

    def name(self, kind: str, one: uuid.UUID | str) -> str:
        """Return the name of a thing in this export; nothing has none."""
        if not one:
            return ""
        return hmac.new(self.key, f"{kind}:{one}".encode(), hashlib.sha256).hexdigest()[:16]

    def instruments(self) -> list[Asked]:
        """Return the instruments that anybody answered, or that were scored from a longer one, by reference."""
        answered, scored = (
            set(self.session.scalars(select(table.instrument).where(table.clinic_id == self.clinic.id).distinct()))
            for table in (AnswerSet, Score)
        )
        return [Asked(find(ref), answered=ref in answered) for ref in sorted(answered | scored)]

    def episodes(self) -> Iterator[list[Cells]]:
        """Yield the rows of the episodes."""
        for ids in self.batches:
            yield [
                [
                    *self._whose(one),
                    *self._course(one),
                    self.name("clinician", one.clinician),
                    (one.closed_on - one.started_on).days if one.closed_on else None,
                ]
                for one in self._courses(ids).values()
            ]

    def responses(self, asked: Sequence[Asked]) -> Iterator[list[Cells]]:
        """Yield the rows of the responses."""
        for ids in self.batches:
            courses = self._courses(ids)
            answers, scores = self._answers(ids), self._scores(ids)
            yield [
                [
                    *self._response(response, timepoint, courses[response.episode_id]),
                    *_answer_cells(asked, answers.get(response.id, {}), scores.get(response.id, {})),
                ]
                for _, response, timepoint in self._responses(ids)
            ]

    def visits(self) -> Iterator[list[Cells]]:
        """Yield the rows of the visits."""
        for ids in self.batches:
            courses = self._courses(ids)
            query = (
                select(EpisodeVisit.episode_id, Visit)
                .join(Visit, Visit.id == EpisodeVisit.visit_id)
                .where(EpisodeVisit.clinic_id == self.clinic.id, EpisodeVisit.episode_id.in_(ids))
                .where(EpisodeVisit.removed_at.is_(None), Visit.voided_at.is_(None))
                .order_by(Visit.visited_on, Visit.id)
            )
            yield [self._visit(visit, courses[episode_id]) for episode_id, visit in self._by_name(query)]

    def _courses(self, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Row[Any]]:
        """Return the episodes by their ids, in the order of their names."""
        columns = (Episode.pathway, Episode.side, Episode.started_on, Episode.closed_on, Episode.clinician)
        query = (
            select(Episode.id, Episode.patient_id, *columns, Patient.sex, Patient.date_of_birth)
            .join(Patient, Patient.id == Episode.patient_id)
            .where(Episode.clinic_id == self.clinic.id, Episode.id.in_(ids))
        )
        found: dict[uuid.UUID, Any] = {row.id: row for row in self.session.execute(query)}
        return {one: found[one] for one in ids}

    def _responses(self, ids: Sequence[uuid.UUID]) -> Sequence[Any]:
        query = (
            select(Response.episode_id, Response, Administration.timepoint)
            .join(Administration, Administration.id == Response.administration_id)
            .where(Response.clinic_id == self.clinic.id, Response.episode_id.in_(ids))
            .order_by(Administration.sequence, Response.number)
        )
        return self._by_name(query)

    def _by_name(self, query: Select[*tuple[Any, ...]]) -> Sequence[Any]:
        """Return the rows, each with its episode first, in the order of these names: that of the ids is enrolment's."""
        return sorted(self.session.execute(query), key=lambda row: self.name("episode", row.episode_id))

    def _answers(self, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, dict[str, Row[Any]]]:
        query = (
            select(AnswerSet.response_id, AnswerSet.instrument, AnswerSet.wording, AnswerSet.answers)
            .join(Response, Response.id == AnswerSet.response_id)
            .where(Response.clinic_id == self.clinic.id, Response.episode_id.in_(ids))
            .order_by(AnswerSet.response_id)
        )
        rows = self.session.execute(query)
        return {one: {row.instrument: row for row in sets} for one, sets in groupby(rows, lambda row: row.response_id)}

    def _scores(self, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, dict[tuple[str, str], float | None]]:
        query = (
            select(Score.response_id, Score.instrument, Score.scale, Score.value)
            .where(Score.clinic_id == self.clinic.id, Score.episode_id.in_(ids))
            .order_by(Score.response_id)
        )
        rows = self.session.execute(query)
        return {
            one: {(row.instrument, row.scale): row.value for row in scores}
            for one, scores in groupby(rows, lambda row: row.response_id)
        }

    def _whose(self, course: Row[Any]) -> Cells:
        return [self.name("patient", course.patient_id), self.name("episode", course.id)]

    def _course(self, course: Row[Any]) -> Cells:
        return [course.pathway, course.side, course.sex, age_band(course.date_of_birth, course.started_on)]

    def _response(self, response: Response, timepoint: str, course: Row[Any]) -> Cells:
        answered_on = response.answered_at.astimezone(self.zone).date()
        return [
            self.name("response", response.id),
            *self._whose(course),
            *self._course(course),
            timepoint,
            (answered_on - course.started_on).days,
            response.number,
            *(int(one) for one in (response.amendment, response.partial, response.late)),
            *(response.mode, response.answered_by, response.language),
        ]

    def _visit(self, visit: Visit, course: Row[Any]) -> Cells:
        return [
            self.name("visit", visit.id),
            *self._whose(course),
            (visit.visited_on - course.started_on).days,
            *(visit.status, visit.format, int(visit.reassessed)),
            self.name("clinician", visit.clinician),
        ]


def _answer_columns(asked: Sequence[Asked]) -> Iterator[Column]:
    for one in asked:
        ref, title = one.instrument.ref, one.instrument.title
        if one.answered:
            yield Column(f"{ref}.wording", TEXT, f"Whose words were answered: {title}.", "official, own")
        for item in one.items:
            yield Column(f"{ref}.{item.code}", TEXT if item.na_allowed else INTEGER, item.text, _values(item))
        for scale in one.instrument.scales:
            yield Column(f"{ref}.{scale.key}", NUMBER, f"{title}: {scale.title}. Empty when too few were answered.")


def _values(item: Item) -> str:
    """Return what may stand in the column; the code last, for a spreadsheet takes a minus in front for a formula."""
    options = "; ".join(f"{text} = {code}" for code, text in item.choices)
    return (options or f"{item.minimum} to {item.maximum}") + ("; does not apply = NA" if item.na_allowed else "")


def _answer_cells(
    asked: Sequence[Asked], sets: Mapping[str, Row[Any]], scores: Mapping[tuple[str, str], float | None]
) -> Iterator[Any]:
    for one in asked:
        ref = one.instrument.ref
        given = sets.get(ref)
        answers = given.answers if given else {}
        if one.answered:
            yield given.wording if given else None
        for item in one.items:
            answer = answers.get(item.code)
            yield str(answer) if item.na_allowed and answer is not None else answer
        for scale in one.instrument.scales:
            yield scores.get((ref, scale.key))
