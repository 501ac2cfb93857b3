"""Whatever may happen to a record after the instant of a report, drawn at random."""

import datetime as dt
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from prom_service.models import (
    Administration,
    Episode,
    EpisodeVisit,
    Flag,
    Judgement,
    Message,
    MessageEvent,
    Patient,
    Response,
    Visit,
)
from tests.reports.builders import Record
from tests.reports.cohort import Cohort

OUTCOMES = ("improved", "uncertain", "not_improved", "worse", "not_assessable")
NAMES = ("A", "B", "C", "D", "")
ZONES = ("Asia/Kathmandu", "America/Los_Angeles", "Pacific/Auckland", None)
FIRST = dt.date(2025, 12, 1)


@dataclass
class Later:
    """Writes changes to a cohort, each recorded a minute after the last, the first a microsecond after ``since``."""

    record: Record
    cohort: Cohort
    since: dt.datetime
    drawn: random.Random
    made: int = 0

    def change(self) -> str:
        """Make one change, and say which."""
        kind = self.drawn.choice(CHANGES)
        kind(self)
        self.made += 1
        self.record.session.flush()
        return kind.__name__

    @property
    def at(self) -> dt.datetime:
        return self.since + dt.timedelta(microseconds=1, minutes=self.made)

    def day(self) -> dt.date:
        return FIRST + dt.timedelta(days=self.drawn.randrange(240))

    def one(self, table: Any, *conditions: Any) -> Any:
        """One row that fulfils the conditions, or None."""
        found = self.record.session.scalars(sa.select(table).where(*conditions).order_by(table.id)).all()
        return self.drawn.choice(found) if found else None

    def episode(self) -> Episode:
        return self.drawn.choice(list(self.cohort.episodes.values()))

    def rename(self, field: str, values: Sequence[str]) -> None:
        episode, value = self.episode(), self.drawn.choice(values)
        self.record.change(episode, "changed", {field: getattr(episode, field)}, {field: value}, self.at)
        setattr(episode, field, value)


def a_visit(later: Later) -> None:
    how = {"format": later.drawn.choice(["individual", "group"]), "reassessed": later.drawn.random() < 0.5}
    said = {"interventions": later.drawn.choice(["strengthening", "stretching"])}
    later.record.visit(later.day(), later.episode(), at=later.at, documentation=said, **how)


def a_voided_visit(later: Later) -> None:
    visit = later.one(Visit, Visit.voided_at.is_(None))
    if visit:
        later.record.void(visit, later.at)


def a_corrected_visit(later: Later) -> None:
    visit = later.one(Visit, Visit.voided_at.is_(None))
    if visit:
        visit.number += 1
        visit.visited_on, visit.status = later.day(), later.drawn.choice(["attended", "no_show"])
        visit.clinician = later.drawn.choice(NAMES)
        later.record.version(visit, later.at)


def a_visit_taken_off(later: Later) -> None:
    link = later.one(EpisodeVisit, EpisodeVisit.removed_at.is_(None))
    if link:
        link.removed_at = later.at


def answers(later: Later) -> None:
    """Late, unfinished, amended, on paper: with a score and a judgement, or without."""
    episode, timepoint = later.episode(), later.drawn.choice(["baseline", "6-weeks", "3-months"])
    asked = later.record.administration(episode, timepoint)
    earlier = later.record.session.scalars(
        sa.select(Response).where(Response.administration_id == asked.id).order_by(Response.number)
    ).all()
    response = later.record.answers(
        episode,
        timepoint,
        later.at,
        number=len(earlier) + 1,
        amendment=any(not one.partial for one in earlier),
        partial=later.drawn.random() < 0.3,
        mode=later.drawn.choice(["web", "paper", "phone"]),
        value=later.drawn.choice([None, 20.0, 60.0]),
        wording=later.drawn.choice(["official", "own"]),
    )
    if timepoint != "baseline":
        _judge(later, episode, response, timepoint)


def _judge(later: Later, episode: Episode, response: Response, timepoint: str) -> None:
    newest = sa.select(sa.func.max(Judgement.number)).where(
        Judgement.episode_id == episode.id, Judgement.checkpoint == timepoint
    )
    number = (later.record.session.scalar(newest) or 0) + 1
    outcome, wording = later.drawn.choice(OUTCOMES), later.drawn.choice(["official", "own"])
    later.record.judged(episode, response, outcome, wording=wording, number=number, checkpoint=timepoint)


def a_start_pressed(later: Later) -> None:
    asked = later.one(Administration, Administration.started_at.is_(None))
    if asked:
        asked.started_at = later.at


def a_refusal(later: Later) -> None:
    asked = later.one(Administration, Administration.declined_at.is_(None))
    if asked:
        asked.declined_at = later.at


def a_withdrawal(later: Later) -> None:
    asked = later.one(Administration, Administration.cancelled_at.is_(None), ~_answered())
    if asked:
        asked.state, asked.cancelled_reason, asked.cancelled_at = "cancelled", "withdrawn", later.at


def a_closing_or_reopening(later: Later) -> None:
    episode = later.episode()
    before = episode.closed_on.isoformat() if episode.closed_on else None
    episode.closed_on = None if before else later.day()
    after = episode.closed_on.isoformat() if episode.closed_on else None
    later.record.change(episode, "changed", {"closed_on": before}, {"closed_on": after}, later.at)


def another_closing_day(later: Later) -> None:
    episode = later.one(Episode, Episode.closed_on.is_not(None))
    if episode:
        before, after = episode.closed_on.isoformat(), later.day().isoformat()
        later.record.change(episode, "close_corrected", {"closed_on": before}, {"closed_on": after}, later.at)
        episode.closed_on = dt.date.fromisoformat(after)


def another_clinician(later: Later) -> None:
    later.rename("clinician", NAMES)


def another_diagnosis(later: Later) -> None:
    later.rename("diagnosis", NAMES)


def another_side(later: Later) -> None:
    later.rename("side", ["left", "right", "both", "none"])


def another_start(later: Later) -> None:
    """Moved with the windows of what is neither answered nor cancelled, as the service does."""
    episode, started_on = later.episode(), later.day()
    before, moved = episode.started_on.isoformat(), started_on - episode.started_on
    later.record.change(
        episode, "start_changed", {"started_on": before}, {"started_on": started_on.isoformat()}, later.at
    )
    episode.started_on = started_on
    waiting = (Administration.episode_id == episode.id, Administration.cancelled_at.is_(None), ~_answered())
    for asked in later.record.session.scalars(sa.select(Administration).where(*waiting)):
        for name in ("opens_at", "target_at", "late_after", "closes_at"):
            setattr(asked, name, getattr(asked, name) + moved)


def another_zone(later: Later) -> None:
    """The patient's, with each episode; what is neither answered nor cancelled is planned anew, as the service does."""
    episode, zone = later.episode(), later.drawn.choice(ZONES)
    patient = later.record.session.get_one(Patient, episode.patient_id)
    if zone != patient.time_zone:
        later.record.change(episode, "patient_moved", {"time_zone": patient.time_zone}, {"time_zone": zone}, later.at)
        later.record.move(episode, zone, ~_answered(), Administration.cancelled_at.is_(None))


def an_email(later: Later) -> None:
    episode, timepoint = later.episode(), later.drawn.choice(["6-weeks", "3-months"])
    asked = later.record.administration(episode, timepoint)
    sent = sa.select(sa.func.max(Message.ordinal)).where(Message.administration_id == asked.id)
    ordinal = later.record.session.scalar(sent)
    kinds = ("sent", "bounced") if later.drawn.random() < 0.5 else ("sent",)
    later.record.email(episode, timepoint, 0 if ordinal is None else ordinal + 1, later.at, *kinds)


def a_bounce(later: Later) -> None:
    message = later.one(Message)
    event = MessageEvent(
        clinic_id=message.clinic_id, message_id=message.id, kind="bounced", at=later.at, recorded_at=later.at
    )
    later.record.session.add(event)


def a_flag(later: Later) -> None:
    checkpoint, episode = later.drawn.choice(["6-weeks", "3-months"]), later.episode()
    live = later.one(Flag, Flag.episode_id == episode.id, Flag.checkpoint == checkpoint, Flag.status == "open")
    if live is None:
        later.record.flag(episode, "non_responder", checkpoint, later.at)


def a_flag_resolved(later: Later) -> None:
    flag = later.one(Flag, Flag.status == "open")
    if flag:
        later.record.step(flag, "resolved", later.at, reason=later.drawn.choice(["reassessed", "contacted"]))


def a_new_episode(later: Later) -> None:
    episode = later.record.episode(later.cohort.clinic, later.day(), clinician=later.drawn.choice(NAMES))
    episode.enrolled_at = later.at
    later.record.visit(later.day(), episode, at=later.at)


def a_patient_put_right(later: Later) -> None:
    """With each episode of the patient, as the service does."""
    episode = later.episode()
    patient = later.record.session.get_one(Patient, episode.patient_id)
    before, sex = patient.sex, later.drawn.choice(["female", "male"])
    later.record.change(episode, "changed", {"sex": before}, {"sex": sex}, later.at)
    patient.sex = sex


def _answered() -> sa.Exists:
    return sa.exists().where(Response.administration_id == Administration.id)


CHANGES: tuple[Callable[[Later], None], ...] = (
    a_visit,
    a_voided_visit,
    a_corrected_visit,
    a_visit_taken_off,
    answers,
    a_start_pressed,
    a_refusal,
    a_withdrawal,
    a_closing_or_reopening,
    another_closing_day,
    another_clinician,
    another_diagnosis,
    another_side,
    another_start,
    another_zone,
    an_email,
    a_bounce,
    a_flag,
    a_flag_resolved,
    a_new_episode,
    a_patient_put_right,
)
