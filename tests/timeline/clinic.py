"""The clinic of a timeline: the service and the model of it live side by side, and are held against each other."""

import contextlib
import datetime as dt
from typing import Any

from prom_service.db import Base
from prom_service.mail.letters import Letter as Sent
from prom_service.models import Administration as AdministrationRow
from prom_service.models import Message, MessageEvent
from prom_service.runtime import Runtime
from prom_service.services import standing
from tests.fakes import Clock
from tests.timeline.answers import Answers
from tests.timeline.mailing import verdicts
from tests.timeline.model import Administration, Episode, Letter, Model, Patient
from tests.timeline.postbox import KilledError
from tests.timeline.seen import WAITING, Seen
from tests.timeline.service import JOBS, LINK, Service
from tests.timeline.windows import DAY, local

SECOND = dt.timedelta(seconds=1)


class Clinic:
    """What is done to it is done to both; the checks say where the service is not as the model."""

    def __init__(self, runtime: Runtime, begins: dt.datetime, *, zone: str, weekends: bool) -> None:
        self.clock = Clock(begins)
        self.model = Model(zone, weekends)
        self.service = Service(runtime, self.clock, zone=zone, weekends=weekends)
        self.seen = self.service.seen()
        self.swept_at: dt.datetime | None = None

    @property
    def now(self) -> dt.datetime:
        return self.clock.now()

    @property
    def its_today(self) -> dt.date:
        return local(self.now, self.model.zone).date()

    def today(self, episode: Episode) -> dt.date:
        return min(local(self.now, episode.patient.zone).date(), self.now.date())

    def register(self, zone: str | None) -> Patient:
        row = self.service.register(zone)
        number = len(self.model.patients) + 1
        patient = Patient(f"patient {number}", row.id, zone or self.model.zone, row.email or "")
        self.model.patients.append(patient)
        return patient

    def enrol(self, patient: Patient, pathway: str, side: str, started_on: dt.date) -> None:
        row, ids = self.service.enrol(patient.id, pathway=pathway, side=side, started_on=started_on)
        name = f"episode {len(self.model.episodes) + 1} of {patient}"
        episode = Episode(name, row.id, patient, pathway, side, started_on, self.now)
        episode.plan(ids, self.now)
        patient.episodes.append(episode)

    def turn(self, turn: int, off: int) -> None:
        """Come to one of the next instants at which something turns, or a second beside it."""
        if edges := self.model.edges(self.now):
            self.move_to(edges[min(turn, len(edges) - 1)] + off * SECOND)

    def live_on(self, days: int) -> None:
        """The metronome ticks at every turn for a while."""
        until = self.now + days * DAY
        self.sweep()
        while (turns := self.model.edges(self.now)) and turns[0] <= until:
            self.move_to(turns[0])
            self.sweep()

    def move_to(self, instant: dt.datetime) -> None:
        if instant > self.now:
            self.clock.move_to(instant)

    def sweep(self) -> None:
        for name in JOBS:
            self.run(name)
        self.swept_at = self.now

    def run(self, name: str) -> None:
        if name == "send":
            self.send("works")
            return
        self.service.run(name)
        for one in self.model.administrations:
            if name == "open":
                one.open_if_due(self.now)
            if name == "close":
                one.settle_if_late(self.now)

    def send(self, fault: str) -> None:
        """Run the sending job, and hold what it did with each message against what it must do."""
        before = self.look(Message)
        wanted = verdicts(self.model, before, self.now)
        going = {message_id for message_id, verdict in wanted.items() if verdict.goes}
        self.service.postbox.fault = fault
        self.service.postbox.meanwhile = self._overtake
        with contextlib.suppress(KilledError):
            self.service.run("send")
        attempts = self.service.postbox.taken()
        tried = {attempt.letter.message_id for attempt in attempts}
        one_only = fault.startswith("killed") or fault == "relay down"
        assert tried == going if not one_only else tried <= going and len(tried) == min(1, len(going)), (
            f"tried {len(tried)} of {len(going)} letters"
        )
        for attempt in attempts:
            self._check_letter(attempt.letter, before)
            if attempt.arrived:
                self._note_arrival(attempt.letter)
            if fault == "no such user":
                self._whose(attempt.letter).patient.bounced = True
        after = self.look(Message)
        if fault in ("works", "greylisted", "rejected", "silent"):
            for message_id, verdict in wanted.items():
                row = after.one(Message, message_id)
                if not verdict.goes:
                    have = (row.phase, row.due_at if row.phase in WAITING else None)
                    want = ("planned", verdict.waits_until) if verdict.waits_until else ("cancelled", None)
                    assert have == want, f"a message that was due is {have} ({row.reason}), not {want}"
        if fault == "works":
            left = [row for row in after.all(Message) if row.phase in WAITING and row.due_at <= self.now]
            assert not left, f"{len(left)} due messages were left alone"

    def _check_letter(self, letter: Sent, before: Seen) -> None:
        one = self._whose(letter)
        row = before.one(Message, letter.message_id)
        assert letter.to == one.patient.address, "a letter went to another address"
        assert row.planned_for <= self.now or row.id in one.asked, "a letter went before its day and nobody had asked"

    def _note_arrival(self, letter: Sent) -> None:
        one = self._whose(letter)
        one.asked.discard(letter.message_id)
        [token] = set(LINK.findall(letter.content))
        one.patient.letters.append(Letter(letter.message_id, one, letter.to, self.now, token.decode()))

    def _whose(self, letter: Sent) -> Administration:
        return next(one for one in self.model.administrations if one.id == letter.administration_id)

    def _overtake(self, letter: Sent) -> None:
        """While a letter is being written its patient withdraws."""
        self.withdraw(self._whose(letter).patient)

    def look(self, *tables: type[Base]) -> Seen:
        """Read the database, and note what dead processes have in hand."""
        seen = self.service.seen(*tables)
        for patient in self.model.patients:
            patient.claimed = [
                one for one in patient.administrations for row in seen.messages[one.id] if row.phase == "claimed"
            ]
        return seen

    def submit(self, one: Administration, given: Answers) -> None:
        payload = given.payload(one.episode.pathway, one.timepoint)
        self.service.press_start(one.id)
        one.press_start()
        self.service.save(one.id, payload)
        one.save(payload, self.now)
        assert self.service.send_in(one.id) == one.submit(one.draft(), self.now, self.now) == "first"

    def withdraw(self, patient: Patient) -> None:
        self.service.change_standing(patient.id, standing.withdraw)
        patient.end("withdrawn")

    def nothing_is_pending(self, patient: Patient) -> None:
        seen = self.look(Message)
        left = [row for one in patient.administrations for row in seen.pending(one.id)]
        assert not left, f"{patient} cannot be mailed and {len(left)} messages are still to go"

    def check_plan(self, one: Administration, wanted: set[dt.datetime], seen: Seen) -> None:
        """All that is wanted is planned; what else is planned is past, and its time will cancel it."""
        planned = {row.planned_for for row in seen.pending(one.id)}
        assert wanted <= planned, f"{one} has no email planned for {sorted(wanted - planned)}"
        assert all(day <= self.now for day in planned - wanted), f"{one} has emails planned for {planned - wanted}"

    def check_foretold(self, foretold: Any, moved: list[Administration], before: Seen, after: Seen) -> None:
        moves = {move.administration.id: move.planned for move in foretold.moves}
        assert {one_id for one_id, planned in moves.items() if planned} == {one.id for one in moved}
        for one in moved:
            row, planned = after.one(AdministrationRow, one.id), moves[one.id]
            for name in ("opens_at", "target_at", "late_after", "closes_at"):
                assert getattr(row, name) == getattr(planned, name), f"{one}: {name} is not as foretold"
        fresh = after.rows[MessageEvent].keys() - before.rows[MessageEvent].keys()
        cancelled = [after.one(MessageEvent, event).kind for event in fresh].count("cancelled")
        due = [row for one in moved for row in after.pending(one.id) if row.due_at <= self.now]
        assert foretold.cancelled_messages == cancelled, (
            f"{foretold.cancelled_messages} foretold, {cancelled} cancelled"
        )
        assert foretold.due_messages == min(1, len(due)), f"{foretold.due_messages} foretold, {len(due)} due"

    def check_moved(self, moved: list[Administration], after: Seen) -> None:
        for one in moved:
            planned = [row.planned_for for row in after.pending(one.id)]
            assert sorted(planned) == sorted(one.replan(self.now)), f"{one} has emails planned for {planned}"
