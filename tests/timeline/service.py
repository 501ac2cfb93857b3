"""The service under test, driven as its doors drive it: one transaction for each act, the real jobs for the rest."""

import datetime as dt
import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import delete, select

from prom_service.db import Base
from prom_service.errors import ConflictError
from prom_service.mail.reports import DeliveryReport
from prom_service.models import Administration, Episode, Flag, Membership, Message, Patient, User
from prom_service.runtime import Runtime
from prom_service.services import (
    access,
    amendment,
    delivery,
    enrolment,
    flags,
    messages,
    misdelivery,
    submission,
    visits,
)
from prom_service.services.planning import StartChange
from prom_service.services.visits import VisitDetails
from scheduler import jobs
from tests import builders
from tests.fakes import Clock
from tests.timeline import model
from tests.timeline.answers import Payload
from tests.timeline.postbox import Postbox
from tests.timeline.seen import Seen

STAFF = "user:staff"
LINK = re.compile(rb"/s/([A-Za-z0-9_-]{43})")
JOBS: dict[str, Callable[[Runtime], int]] = {
    "open": jobs.open_due_administrations,
    "send": jobs.send_due_messages,
    "settle": jobs.settle_committing,
    "close": jobs.close_late_administrations,
    "wake": jobs.wake_snoozed_flags,
    "assess": jobs.assess_due_episodes,
}
"""In the order of the timetable."""


class Service:
    """One clinic in a database of its own, living by a clock and mailing into a postbox."""

    def __init__(self, runtime: Runtime, clock: Clock, *, zone: str, weekends: bool) -> None:
        self.clock = clock
        self.postbox = Postbox()
        self.prom = replace(runtime, clock=clock.now, mail=self.postbox)
        with self.prom.transaction() as session:
            self.clinic = builders.a_clinic(session, now=self.now, time_zone=zone)
            self.clinic.weekend_mail = weekends
            self.user = User(
                organisation_id=self.clinic.organisation_id,
                email="sam@example.org",
                name="Sam Staff",
                password_hash="nobody logs in here",
                created_at=self.now,
            )
            session.add(self.user)
            session.flush()
            session.add(Membership(user_id=self.user.id, clinic_id=self.clinic.id, role="clinician"))

    @property
    def now(self) -> dt.datetime:
        return self.clock.now()

    def seen(self, *tables: type[Base]) -> Seen:
        with self.prom.reading() as session:
            return Seen(session, *tables)

    def leave(self) -> None:
        """Empty the database for whoever comes next, but for the audit, which refuses: it refers to nothing."""
        with self.prom.transaction() as session:
            for table in reversed(Base.metadata.sorted_tables):
                if not table.name.startswith("audit_"):
                    session.execute(delete(table))

    # patients and episodes

    def register(self, zone: str | None) -> Patient:
        with self.prom.transaction() as session:
            return builders.a_patient(session, self.clinic, now=self.now, time_zone=zone)

    def enrol(self, patient_id: uuid.UUID, **details: Any) -> tuple[Episode, dict[str, uuid.UUID]]:
        with self.prom.transaction() as session:
            patient = session.get_one(Patient, patient_id)
            episode = builders.an_episode(session, self.clinic, patient, now=self.now, **details)
            planned = session.scalars(select(Administration).where(Administration.episode_id == episode.id))
            return episode, {one.timepoint: one.id for one in planned}

    def change_patient(self, patient_id: uuid.UUID, **changes: Any) -> None:
        with self.prom.transaction() as session:
            patient = session.get_one(Patient, patient_id)
            enrolment.change_patient(session, patient, changes, actor=STAFF, now=self.now)

    def change_standing(self, patient_id: uuid.UUID, act: Callable[..., Any], **details: Any) -> None:
        with self.prom.transaction() as session:
            act(session, session.get_one(Patient, patient_id), actor=STAFF, now=self.now, **details)

    def report_wrong_person(self, patient_id: uuid.UUID) -> None:
        with self.prom.transaction() as session:
            misdelivery.report_wrong_person(session, session.get_one(Patient, patient_id), now=self.now)

    def preview_start(self, episode_id: uuid.UUID, started_on: dt.date) -> StartChange:
        with self.prom.reading() as session:
            return enrolment.preview_start(session, session.get_one(Episode, episode_id), started_on, now=self.now)

    def change_start(self, episode_id: uuid.UUID, started_on: dt.date) -> None:
        with self.prom.transaction() as session:
            episode = session.get_one(Episode, episode_id)
            enrolment.change_episode(session, episode, {"started_on": started_on}, actor=STAFF, now=self.now)

    def close(self, episode_id: uuid.UUID, closed_on: dt.date) -> None:
        with self.prom.transaction() as session:
            episode = session.get_one(Episode, episode_id)
            enrolment.close_episode(
                session, episode, closed_on=closed_on, reason="discharged", actor=STAFF, now=self.now
            )

    # answers

    def press_start(self, administration_id: uuid.UUID) -> None:
        with self.prom.transaction() as session:
            submission.start(session, session.get_one(Administration, administration_id), now=self.now)

    def save(self, administration_id: uuid.UUID, payload: Payload) -> None:
        with self.prom.transaction() as session:
            administration = session.get_one(Administration, administration_id)
            submission.save_answers(session, administration, payload, now=self.now)

    def send_in(self, administration_id: uuid.UUID) -> str:
        """Send what was saved, as the last page does."""
        with self.prom.transaction() as session:
            administration = session.get_one(Administration, administration_id)
            return submission.submit(session, administration, now=self.now).kind

    def enter(self, administration_id: uuid.UUID, payload: Payload, answered_at: dt.datetime | None = None) -> str:
        """Staff enter answers from paper."""
        with self.prom.transaction() as session:
            administration = session.get_one(Administration, administration_id)
            return submission.submit(
                session,
                administration,
                mode="paper",
                entered_by=STAFF,
                answers=payload,
                answered_at=answered_at,
                now=self.now,
            ).kind

    def amend(self, administration_id: uuid.UUID, changes: Payload) -> str:
        """The patient changes an answer after sending."""
        with self.prom.transaction() as session:
            administration = session.get_one(Administration, administration_id)
            return amendment.amend(session, administration, changes, language="en", now=self.now).kind

    def decline(self, administration_id: uuid.UUID) -> None:
        with self.prom.transaction() as session:
            session.get_one(Administration, administration_id).declined_at = self.now

    def led_to(self, tokens: Iterable[str]) -> list[uuid.UUID | None]:
        """Which administration each link leads to; None when it is dead."""
        with self.prom.reading() as session:
            targets = [access.find_link(session, token, secret=self.prom.settings.secret) for token in tokens]
            return [target and target.administration.id for target in targets]

    # mail

    def send_now(self, administration_id: uuid.UUID) -> Message | None:
        """Staff ask for an email; None when it is refused."""
        try:
            with self.prom.transaction() as session:
                administration = session.get_one(Administration, administration_id)
                return messages.send_now(session, administration, actor=STAFF, now=self.now)
        except ConflictError:
            return None

    def report(self, report: DeliveryReport) -> bool:
        with self.prom.transaction() as session:
            return delivery.record_report(session, report, now=self.now)

    def run(self, job: str) -> None:
        JOBS[job](self.prom)

    # visits and flags

    def record_visits(self, episode_id: uuid.UUID, made: list[model.Visit]) -> None:
        with self.prom.transaction() as session:
            episode = session.get_one(Episode, episode_id)
            entries = [
                (
                    episode,
                    visit.number,
                    VisitDetails(visited_on=visit.on, format=visit.format, reassessed=visit.reassessed),
                )
                for visit in made
            ]
            visits.record_visits(session, entries, actor=STAFF, now=self.now)

    def void_visit(self, episode_id: uuid.UUID, number: str) -> None:
        with self.prom.transaction() as session:
            visits.void_visit(session, session.get_one(Episode, episode_id), number, actor=STAFF, now=self.now)

    def handle_flag(self, flag_id: uuid.UUID, act: Callable[..., Any], *details: Any) -> None:
        with self.prom.transaction() as session:
            flag: Flag | None = flags.find_for_update(session, self.clinic.id, flag_id)
            act(session, flag, *details, actor=STAFF, now=self.now)
