"""Answers in REDCap's layout, in and out: one row for each record (an episode) and event (a timepoint)."""

import datetime as dt
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from instruments import Instrument, all_instruments
from instruments.errors import InvalidAnswersError
from instruments.interchange import redcap
from prom_service.errors import InvalidInputError
from prom_service.models import Administration, AnswerSet, Clinic, Episode, Patient, Response
from prom_service.services import answer_window, assessment, planning, submission
from prom_service.services.clinics import zone_of
from prom_service.services.importing import Imported, Progress, Taken, found_by, import_rows, past_day, refuse_repeated
from prom_service.services.questions import TEXT_LENGTH
from prom_service.services.row_file import CellError, Column, Read, Row, read_rows, text, word

NOT_SENT_IN: Final = "[not completed]"
PASSED_OVER: Final = (
    "redcap_repeat_instrument",
    "redcap_repeat_instance",
    "redcap_data_access_group",
    "redcap_survey_identifier",
)
"""Columns that an export may have and that say nothing here."""


def import_answers(
    session: Session, clinic: Clinic, content: bytes, *, actor: str, now: dt.datetime, progress: Progress = iter
) -> Imported:
    """Enter the answers of an export of REDCap, as staff do; a row without any counts as empty.

    A row with a form that was begun and not finished counts as unfinished and waits whole: entering the rest would end
    the administration, and what comes later be an amendment. The same answers again are unchanged; different ones
    beside a complete set are an amendment, and the first stands.
    """
    rows, faults = read_rows(content, answer_columns(now))
    return import_rows(session, rows, faults, _Answers(session, clinic, rows, actor, now), progress)


def export_answers(session: Session, clinic: Clinic) -> Iterator[list[str]]:
    """Yield the header, then a row for each timepoint that was answered, with the set that stands."""
    standing = list(_standing(session, clinic))
    asked = [one for one in all_instruments() if any(one.ref in sets for *_, sets in standing)]
    names = [name for one in asked for name in (*redcap.fields(one), redcap.completion(one))]
    yield [redcap.RECORD, redcap.EVENT, redcap.ANSWERED_ON, *names]
    for number, timepoint, response, zone, sets in standing:
        row: dict[str, str] = {}
        for instrument in asked:
            if instrument.ref in sets:
                row |= redcap.cells(instrument, sets[instrument.ref])
                row[redcap.completion(instrument)] = "0" if response.partial else "2"
        answered_on = response.answered_at.astimezone(zone).date().isoformat()
        yield [number, redcap.event(timepoint), answered_on, *(row.get(name, "") for name in names)]


def answer_columns(now: dt.datetime) -> tuple[Column, ...]:
    """Return the columns that an export may have."""
    return (
        Column(redcap.RECORD, text(100), expected=True, filled=True),
        Column(redcap.EVENT, text(100), expected=True, filled=True),
        Column(redcap.ANSWERED_ON, past_day(now.date(), years_back=10)),
        *(Column(name, text(200)) for name in PASSED_OVER),
        *(column for instrument in all_instruments() for column in _columns(instrument, now)),
    )


def _columns(instrument: Instrument, now: dt.datetime) -> Iterator[Column]:
    for name, key in redcap.fields(instrument).items():
        yield Column(name, _answer(instrument, key))
    yield Column(redcap.completion(instrument), word(("0", "1", "2")))
    yield Column(redcap.timestamp(instrument), _stamp(past_day(now.date(), years_back=10)))


def _stamp(day: Read) -> Read:
    """Return the reader of the day in a timestamp; of a survey that was not sent in it is what REDCap says."""

    def read(cell: str) -> Any:
        return cell if cell == NOT_SENT_IN else day(cell.partition(" ")[0])

    return read


def _answer(instrument: Instrument, key: str) -> Read:
    """Return the reader of the cells of one field."""
    short: Callable[[str], str] = text(TEXT_LENGTH)

    def read(cell: str) -> int | str:
        try:
            return redcap.read_cell(instrument, key, short(cell))
        except InvalidAnswersError as error:
            raise CellError(error.errors[key]) from None

    return read


class _Answers:
    """The episodes on record that a file names, with what is asked of each, held as it is until the file is done."""

    def __init__(self, session: Session, clinic: Clinic, rows: Sequence[Row], actor: str, now: dt.datetime) -> None:
        self.session, self.actor, self.now = session, actor, now
        query = (
            select(Episode.external_id, Administration)
            .join(Administration, Administration.episode_id == Episode.id)
            .where(Episode.clinic_id == clinic.id, Administration.clinic_id == clinic.id)
        )
        found = list(found_by(session, query, Episode.external_id, {row.cells[redcap.RECORD] for row in rows}))
        # At once, in the order that everybody keeps. The rows keep theirs: one may rate what an earlier one has named.
        planning.hold_administrations(session, {one.episode_id for _, one in found})
        self.asked: dict[str, dict[str, Administration]] = {}
        for number, one in found:
            self.asked.setdefault(number, {})[redcap.event(one.timepoint)] = one
        self.concerned: set[uuid.UUID] = set()
        self.seen: dict[object, int] = {}
        self.names = {
            f"{instrument.ref}.{key}": name
            for instrument in all_instruments()
            for name, key in redcap.fields(instrument).items()
        }

    def take(self, row: Row) -> Taken[Sequence[uuid.UUID]]:
        administration = self._administration(row)
        refuse_repeated(self.seen, administration.id, row, redcap.EVENT)
        answers = _given(row)
        if not answers:
            return Taken(("empty",), ())
        if any(_is_unfinished(row, instrument) for instrument in all_instruments() if instrument.ref in answers):
            return Taken(("unfinished",), ())
        try:
            submitted = submission.put_answers(
                self.session,
                administration,
                mode="paper",
                entered_by=self.actor,
                answers=answers,
                answered_at=self._answered_at(row, administration),
                now=self.now,
            )
        except InvalidInputError as error:
            raise InvalidInputError({self._column(name): texts for name, texts in error.errors.items()}) from None
        written = {"first": ("entered",), "same": (), "amendment": ("amended",)}
        return Taken(written[submitted.kind], submitted.concerned)

    def keep(self, thing: Sequence[uuid.UUID]) -> None:
        self.concerned.update(thing)

    def finish(self) -> None:
        """Assess the episodes at the end: what raises a flag makes everybody else of the clinic wait."""
        assessment.assess_episodes(self.session, self.concerned, now=self.now)

    def _administration(self, row: Row) -> Administration:
        asked = self.asked.get(row.cells[redcap.RECORD])
        if asked is None:
            raise InvalidInputError({redcap.RECORD: ["There is no such episode."]})
        event = re.sub(r"_arm_[0-9]+$", "_arm_1", row.cells[redcap.EVENT])
        if event not in asked:
            raise InvalidInputError({redcap.EVENT: [f"There is no such timepoint. There are {', '.join(asked)}."]})
        return asked[event]

    def _answered_at(self, row: Row, administration: Administration) -> dt.datetime | None:
        """Return the instant of a row: of the day that it says, or else on which its last survey was sent in."""
        stamps = [row.cells.get(redcap.timestamp(instrument)) for instrument in all_instruments()]
        sent_in = [stamp for stamp in stamps if isinstance(stamp, dt.date)]
        day = row.cells.get(redcap.ANSWERED_ON) or max(sent_in, default=None)
        return answer_window.noon_of(self.session, administration, day, now=self.now) if day else None

    def _column(self, name: str) -> str:
        """Return the column that an error of a submission speaks of; of a whole instrument, the one that says so."""
        known = {"answered_at": redcap.ANSWERED_ON, **{one.ref: redcap.form(one) for one in all_instruments()}}
        return self.names.get(name) or known.get(name, "")


def _given(row: Row) -> dict[str, dict[str, Any]]:
    """Return the answers of a row by instrument; those without any are left out."""
    given = {
        instrument.ref: {
            key: row.cells[name] for name, key in redcap.fields(instrument).items() if row.cells.get(name) is not None
        }
        for instrument in all_instruments()
    }
    return {ref: answers for ref, answers in given.items() if answers}


def _is_unfinished(row: Row, instrument: Instrument) -> bool:
    """Say whether REDCap keeps a form as incomplete: by its status, or where there is none by that of the survey."""
    status = row.cells.get(redcap.completion(instrument))
    return status == "0" or (status is None and row.cells.get(redcap.timestamp(instrument)) == NOT_SENT_IN)


def _standing(
    session: Session, clinic: Clinic
) -> Iterator[tuple[str, str, Response, dt.tzinfo, Mapping[str, Mapping[str, Any]]]]:
    """Yield every standing response of the clinic, by episode and timepoint, with its answers by instrument.

    It is the newest that is no amendment, at the baseline one in time before any late one, as `queries.facts` has it.
    """
    late_baseline = and_(Administration.sequence == 0, Response.late)
    rows = session.execute(
        select(Episode.external_id, Administration.timepoint, Response, Patient)
        .join(Administration, Administration.id == Response.administration_id)
        .join(Episode, Episode.id == Response.episode_id)
        .join(Patient, Patient.id == Episode.patient_id)
        .where(Response.clinic_id == clinic.id, Response.amendment.is_(False))
        .order_by(Episode.external_id, Administration.sequence, late_baseline.desc(), Response.number)
    )
    standing = {response.administration_id: (number, at, response, patient) for number, at, response, patient in rows}
    sets = _sets(session, clinic)
    for number, timepoint, response, patient in standing.values():
        yield number, timepoint, response, zone_of(patient, clinic), sets.get(response.id, {})


def _sets(session: Session, clinic: Clinic) -> dict[uuid.UUID, dict[str, dict[str, Any]]]:
    rows = session.execute(
        select(AnswerSet.response_id, AnswerSet.instrument, AnswerSet.answers)
        .where(AnswerSet.clinic_id == clinic.id)
        .order_by(AnswerSet.id)
    )
    sets: dict[uuid.UUID, dict[str, dict[str, Any]]] = {}
    for response_id, ref, answers in rows:
        if answers:
            sets.setdefault(response_id, {})[ref] = answers
    return sets
