"""The life of the clinic group: a queue of what people will do, and a clock that jumps to whatever is due next.

People act through the services, as the web and the API do; the service acts through its own jobs, when its own tables
say that something is due. Nothing else happens.
"""

import datetime as dt
import heapq
import itertools
import random
import re
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from prom_service.models import Administration, Alert, Assessment, Episode, Flag, Message, Patient
from prom_service.models.message import PENDING_PHASES
from prom_service.queries.flags import FlagFilter, list_flags
from prom_service.runtime import Runtime
from prom_service.services import access, alerts, enrolment, flags, questions, standing, submission, visits
from prom_service.services.answer_window import AnswersClosedError
from prom_service.services.enrolment import EpisodeDetails, PatientDetails
from prom_service.services.visits import VisitDetails
from prom_service.simulation import invariants
from prom_service.simulation.answering import answers_of
from prom_service.simulation.clock import MovingClock
from prom_service.simulation.cohort import Person
from prom_service.simulation.documenting import documentation_of
from prom_service.simulation.group import Group
from prom_service.simulation.invariants import InvariantError
from scheduler import jobs

LINK = re.compile(rb"/s/([A-Za-z0-9_-]{43})")
CHECKED_EVERY = dt.timedelta(days=28)
JOBS: dict[str, Callable[[Runtime], int]] = {
    "send": jobs.send_due_messages,
    "open": jobs.open_due_administrations,
    "close": jobs.close_late_administrations,
    "wake": jobs.wake_snoozed_flags,
    "assess": jobs.assess_due_episodes,
    "escalate": jobs.escalate_flags,
    "alert": jobs.send_alerts,
}
MOST_ROUNDS = 5
NEVER = dt.datetime.max.replace(tzinfo=dt.UTC)
REVIEW_DAYS = (0, 2, 4)
"""Monday, Wednesday, Friday: when the staff look through the flags."""
SEEN = 500
"""Open flags that the staff of a clinic look through in one go, at most."""
SNOOZE = dt.timedelta(days=7)
SETTLED_DAYS = (7, 42)
"""So long after it was acknowledged a flag is resolved, at the earliest and at the latest."""
RESOLVED = ("reassessed", "plan_changed", "contacted")
KEPT = {"unscorable": 0.3, "half": 0.6}
"""The share of the questions answered by those who do not answer all."""
PACE_MEASURED_EVERY = dt.timedelta(weeks=1)
"""Often enough here; a scheduler asks every hour whether it was done within a day."""
ACTOR = "simulation"
Act = Callable[[], None]


class Life:
    """The group with its people, living from one instant to another."""

    def __init__(self, prom: Runtime, clock: MovingClock, group: Group, people: Sequence[Person]) -> None:
        self.prom = prom.under(clock.now)
        self.clock = clock
        self.group = group
        self.people = {person.number: person for person in people}
        self.counts: Counter[str] = Counter()
        self._acts: list[tuple[dt.datetime, int, Act]] = []
        self._order = itertools.count()
        self._episodes: dict[int, uuid.UUID] = {}
        self._person_of: dict[uuid.UUID, Person] = {}
        self._mails: Counter[uuid.UUID] = Counter()
        self._read: set[str] = set()
        self._ended: set[int] = set()
        self._mailbox = Path(prom.settings.mailbox_dir)

    def live(self, until: dt.datetime, *, progress: Callable[[dt.datetime], None] = lambda instant: None) -> None:
        """Live to ``until``; raise ``InvariantError`` as soon as something is not as it must be."""
        self._plan(until)
        checked = self.clock.now()
        due = self._due()
        while (instant := min([*due.values(), *self._next_acts()], default=NEVER)) <= until:
            self.clock.move_to(instant)
            while self._acts and self._acts[0][0] <= self.clock.now():
                heapq.heappop(self._acts)[2]()
            due = self._run_jobs()
            progress(self.clock.now())
            if self.clock.now() - checked >= CHECKED_EVERY:
                checked = self.clock.now()
                self._check()
        self.clock.move_to(until)
        self._run_jobs()
        self._check()

    def _next_acts(self) -> list[dt.datetime]:
        return [self._acts[0][0]] if self._acts else []

    def _due(self) -> dict[str, dt.datetime]:
        """Return when each job has something to do next, as the tables say."""
        with self.prom.reading() as session:
            row = session.execute(DUE).one()
        return {job: instant for job, instant in zip(JOBS, row, strict=True) if instant is not None}

    def _run_jobs(self) -> dict[str, dt.datetime]:
        """Run the jobs that have something to do, until none has: one may make work for another.

        Return when each has something to do next.
        """
        for _ in range(MOST_ROUNDS):
            due = self._due()
            overdue = [job for job, instant in due.items() if instant <= self.clock.now()]
            if not overdue:
                return due
            for name in overdue:
                self.counts[name] += JOBS[name](self.prom)
            if "send" in overdue:
                self._read_mail()
        raise InvariantError(f"{', '.join(overdue)} had work due and did not do it by {self.clock.now()}")

    def _check(self) -> None:
        with self.prom.reading() as session:
            invariants.check(session, self._mailbox, now=self.clock.now())

    def _at(self, instant: dt.datetime, act: Act) -> None:
        heapq.heappush(self._acts, (max(instant, self.clock.now()), next(self._order), act))

    def _plan(self, until: dt.datetime) -> None:
        days: defaultdict[tuple[int, dt.date], list[tuple[Person, int]]] = defaultdict(list)
        for person in self.people.values():
            enrolled_on = person.started_on - dt.timedelta(days=person.enrolled_days_before)
            self._at(self._moment(person.clinic, enrolled_on, 10), lambda person=person: self._enrol(person))  # type: ignore[misc]
            for number, day in enumerate(person.visit_days):
                days[person.clinic, person.started_on + dt.timedelta(days=day)].append((person, number))
            for act, day in person.acts.items():
                moment = self._moment(person.clinic, person.started_on + dt.timedelta(days=day), 12)
                self._at(moment, lambda person=person, act=act: self._take(person, act))  # type: ignore[misc]
        for (clinic, on), entries in days.items():
            if self._moment(clinic, on, 17) <= until:
                self._at(
                    self._moment(clinic, on, 17),
                    lambda clinic=clinic, on=on, entries=entries: self._visit(on, entries),  # type: ignore[misc]
                )
        for weeks_on in range((until - self.clock.now()) // PACE_MEASURED_EVERY + 1):
            self._at(self.clock.now() + weeks_on * PACE_MEASURED_EVERY, self._measure_pace)
        for clinic, _ in enumerate(self.group.clinics):
            for days_on in range((until - self.clock.now()).days):
                on = self.clock.now().date() + dt.timedelta(days=days_on)
                if on.weekday() in REVIEW_DAYS:
                    self._at(self._moment(clinic, on, 16), lambda clinic=clinic: self._review(clinic))  # type: ignore[misc]

    def _moment(self, clinic: int, on: dt.date, hour: int) -> dt.datetime:
        zone = ZoneInfo(self.group.clinics[clinic].time_zone)
        return dt.datetime.combine(on, dt.time(hour), tzinfo=zone).astimezone(dt.UTC)

    def _enrol(self, person: Person) -> None:
        clinic, now = self.group.clinics[person.clinic], self.clock.now()
        with self.prom.transaction() as session:
            patient = enrolment.register_patient(
                session,
                clinic,
                PatientDetails(
                    external_id=f"P{person.number:05}",
                    name=person.name,
                    date_of_birth=person.born_on,
                    email=person.email,
                    sex=person.sex,
                    language=person.language,
                ),
                actor=ACTOR,
                now=now,
            )
            episode = enrolment.enrol(session, clinic, patient, self._details(person), actor=ACTOR, now=now)
        self._episodes[person.number] = episode.id
        self._person_of[episode.id] = person
        for timepoint, manner in person.manner.items():
            if manner == "paper":
                self._at(
                    self._target(person, timepoint),
                    lambda timepoint=timepoint: self._enter_paper(person, timepoint),  # type: ignore[misc]
                )

    def _details(self, person: Person) -> EpisodeDetails:
        return EpisodeDetails(
            external_id=f"E{person.number:05}",
            started_on=person.started_on,
            pathway=person.pathway,
            side=person.side,
            diagnosis=person.diagnosis,
            clinician=person.clinician,
            symptom_onset_on=person.started_on - dt.timedelta(days=90),
            pathology_excluded_by=person.clinician,
            pathology_excluded_on=person.started_on,
        )

    def _target(self, person: Person, timepoint: str) -> dt.datetime:
        days = {"baseline": 1, "6-weeks": 45, "3-months": 95}[timepoint]
        return self._moment(person.clinic, person.started_on + dt.timedelta(days=days), 11)

    def _read_mail(self) -> None:
        """Open the letters that have arrived since, as their readers do."""
        folder = self._mailbox / "new"
        fresh = [] if not folder.is_dir() else [path for path in folder.iterdir() if path.name not in self._read]
        if not fresh:
            return
        self._read |= {path.name for path in fresh}
        with self.prom.reading() as session:
            found = session.execute(
                select(Message.id, Message.administration_id, Administration.timepoint, Administration.episode_id)
                .join(Administration, Administration.id == Message.administration_id)
                .where(Message.id.in_([uuid.UUID(path.name) for path in fresh]))
            )
            letters = {str(row.id): row for row in found}
        for path in sorted(path for path in fresh if path.name in letters):  # The others are for the staff.
            letter = letters[path.name]
            link = LINK.search(path.read_bytes())
            if link is None:
                raise InvariantError("a letter carries no link")
            person = self._person_of[letter.episode_id]
            self._consider(person, letter.administration_id, letter.timepoint, link[1].decode())

    def _consider(self, person: Person, administration_id: uuid.UUID, timepoint: str, token: str) -> None:
        """Decide about one letter: answered in a while, or left for a later one."""
        nth = self._mails[administration_id]
        self._mails[administration_id] += 1
        manner = person.manner.get(timepoint, "complete")
        if nth != person.answers_mail[timepoint] or manner == "paper":
            return
        moment = self.clock.now() + dt.timedelta(hours=person.answer_delay_hours[timepoint])
        if manner == "late":
            moment = self._moment(person.clinic, person.started_on + dt.timedelta(days=10), 19)
        self._at(moment, lambda: self._start(person, token, manner))

    def _start(self, person: Person, token: str, manner: str) -> None:
        def start(session: Session, administration: Administration, episode: Episode) -> None:
            submission.start(session, administration, now=self.clock.now())
            if manner == "half":
                answers = answers_of(session, person, administration, episode, keep=KEPT[manner])
                submission.save_answers(session, administration, answers, now=self.clock.now())

        self._with_link(token, start)
        if manner not in ("started", "half"):
            takes = dt.timedelta(minutes=4 + person.number % 6)
            self._at(self.clock.now() + takes / 2, lambda: self._save(person, token, manner))
            self._at(self.clock.now() + takes, lambda: self._send(person, token, manner))

    def _save(self, person: Person, token: str, manner: str) -> None:
        """Half way through, the first questionnaire of the set is saved."""

        def save(session: Session, administration: Administration, episode: Episode) -> None:
            answers = answers_of(session, person, administration, episode, keep=KEPT.get(manner, 1.0))
            first = questions.instruments_asked(session, administration, episode)[0].ref
            submission.save_answers(session, administration, {first: answers[first]}, now=self.clock.now())

        self._with_link(token, save)

    def _send(self, person: Person, token: str, manner: str) -> None:
        def send(session: Session, administration: Administration, episode: Episode) -> None:
            answers = answers_of(session, person, administration, episode, keep=KEPT.get(manner, 1.0))
            submission.submit(session, administration, answers=answers, answered_by="self", now=self.clock.now())
            self.counts["answers"] += 1

        self._with_link(token, send)

    def _with_link(self, token: str, do: Callable[[Session, Administration, Episode], None]) -> None:
        try:
            with self.prom.transaction() as session:
                target = access.find_link(session, token, secret=self.prom.settings.secret)
                if target is None:
                    raise InvariantError("a link from a letter leads nowhere")
                do(session, target.administration, target.episode)
        except AnswersClosedError:
            self.counts["came too late"] += 1

    def _enter_paper(self, person: Person, timepoint: str) -> None:
        with self.prom.transaction() as session:
            episode = session.get_one(Episode, self._episodes[person.number])
            administration = session.scalars(
                select(Administration).where(
                    Administration.episode_id == episode.id, Administration.timepoint == timepoint
                )
            ).one()
            submission.submit(
                session,
                administration,
                mode="paper",
                answered_by="helped",
                entered_by=f"user:{self.group.user_id}",
                answers=answers_of(session, person, administration, episode),
                answered_at=self.clock.now() - dt.timedelta(hours=3),
                now=self.clock.now(),
            )

    def _visit(self, on: dt.date, entries: Sequence[tuple[Person, int]]) -> None:
        present = [(person, number) for person, number in entries if person.number not in self._ended]
        with self.prom.transaction() as session:
            recorded = [
                (
                    session.get_one(Episode, self._episodes[person.number]),
                    f"V{person.number:05}-{number:02}",
                    self._visit_details(person, number, on),
                )
                for person, number in present
                if person.number in self._episodes
            ]
            self.counts["visits"] += visits.record_visits(session, recorded, actor=ACTOR, now=self.clock.now())

    def _visit_details(self, person: Person, number: int, on: dt.date) -> VisitDetails:
        draw = random.Random(f"{person.noise}:visit:{number}")  # noqa: S311
        acting = person.reviewed
        return VisitDetails(
            visited_on=on,
            clinician=person.clinician,
            status=draw.choices(("attended", "cancelled", "no_show"), (0.94, 0.04, 0.02))[0] if acting else "attended",
            format=draw.choices(("individual", "telehealth", "group"), (0.85, 0.1, 0.05))[0]
            if acting
            else "individual",
            reassessed=acting and number in (0, 6) and draw.random() < 0.8,
            documentation=documentation_of(person, number),
        )

    def _measure_pace(self) -> None:
        jobs.measure_pace(self.prom)

    def _take(self, person: Person, act: str) -> None:
        now = self.clock.now()
        with self.prom.transaction() as session:
            episode = session.get_one(Episode, self._episodes[person.number])
            patient = session.get_one(Patient, episode.patient_id)
            match act:
                case "withdraw":
                    standing.withdraw(session, patient, actor=ACTOR, now=now)
                case "die":
                    standing.mark_deceased(session, patient, actor=ACTOR, now=now)
                case "unsubscribe":
                    standing.unsubscribe(session, patient, actor="patient", now=now)
                case "pause":
                    until = now.date() + dt.timedelta(days=10)
                    standing.pause(session, patient, until=until, actor=ACTOR, now=now)
                case "close" if patient.status != "deceased":
                    enrolment.close_episode(
                        session, episode, closed_on=now.date(), reason="discharged", actor=ACTOR, now=now
                    )
        if act in ("die", "close"):
            self._ended.add(person.number)

    def _review(self, clinic: int) -> None:
        """The staff look through the open flags: some are resolved, some acknowledged, some wait."""
        now = self.clock.now()
        with self.prom.transaction() as session:
            alerts.note_look(session, self.group.clinics[clinic].id, actor=f"user:{self.group.user_id}", now=now)
            for view in list_flags(session, self.group.clinics[clinic].id, FlagFilter(status="open"), limit=SEEN):
                person = self._person_of[uuid.UUID(view["episode_id"])]
                draw = random.Random(f"{person.noise}:{view['kind']}:{view['checkpoint']}:{now:%Y%m%d}")  # noqa: S311
                if person.reviewed and draw.random() < 0.4:
                    self._review_one(session, clinic, view, now, draw)

    def _review_one(
        self, session: Session, clinic: int, view: dict[str, Any], now: dt.datetime, draw: random.Random
    ) -> None:
        actor = f"user:{self.group.user_id}"
        flag = flags.find_for_update(session, self.group.clinics[clinic].id, uuid.UUID(view["id"]))
        if flag is None or flag.status != "open":
            return
        choice = draw.random()
        if choice < 0.3:
            flags.acknowledge(session, flag, actor=actor, now=now)
            settled = now + dt.timedelta(days=draw.randint(*SETTLED_DAYS))
            self._at(settled, lambda: self._settle(clinic, flag.id, draw))
        elif choice < 0.5 and flag.severity != "urgent":
            flags.snooze(session, flag, now + SNOOZE, actor=actor, now=now)
        else:
            flags.resolve(session, flag, draw.choice(RESOLVED), actor=actor, now=now)

    def _settle(self, clinic: int, flag_id: uuid.UUID, draw: random.Random) -> None:
        """Resolve what was acknowledged, unless something else has become of it since."""
        with self.prom.transaction() as session:
            flag = flags.find_for_update(session, self.group.clinics[clinic].id, flag_id)
            if flag is not None and flag.status == "acknowledged":
                actor = f"user:{self.group.user_id}"
                flags.resolve(session, flag, draw.choice(RESOLVED), actor=actor, now=self.clock.now())


DUE = select(
    select(func.min(Message.due_at)).where(Message.phase.in_(PENDING_PHASES)).scalar_subquery(),
    select(func.min(Administration.opens_at)).where(Administration.state == "planned").scalar_subquery(),
    select(func.min(Administration.late_after))
    .where(Administration.state.in_(("planned", "open", "started")))
    .scalar_subquery(),
    select(func.min(Flag.snoozed_until)).where(Flag.status == "snoozed").scalar_subquery(),
    select(func.min(Assessment.due_at)).scalar_subquery(),
    select(func.min(Flag.escalate_at)).scalar_subquery(),
    select(func.min(Alert.due_at)).scalar_subquery(),
)
"""When each of ``JOBS`` has something to do next, in their order."""
