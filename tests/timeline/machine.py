"""Everything that can happen to the patients of a clinic, in any order, done to the service and to the model alike."""

import contextlib
import datetime as dt
import itertools
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from prom_service.db import Base
from prom_service.errors import ConflictError, InvalidInputError, PromError
from prom_service.mail.letters import Letter as Sent
from prom_service.mail.reports import DeliveryReport
from prom_service.models import Administration as AdministrationRow
from prom_service.models import Flag, Message, MessageEvent
from prom_service.runtime import Runtime
from prom_service.services import flags, standing
from prom_service.services.answer_window import AnswersClosedError
from tests.fakes import Clock
from tests.timeline.answers import BUTTOCK, GROC, HIP, IHOT, NPRS, SAFETY, Answers
from tests.timeline.findings import LIVE
from tests.timeline.invariants import Moment, faults
from tests.timeline.mailing import verdicts
from tests.timeline.model import ENDED, TO_BE_ANSWERED, Administration, Episode, Letter, Model, Patient, Visit
from tests.timeline.postbox import FAULTS, KilledError
from tests.timeline.seen import WAITING, Seen
from tests.timeline.service import JOBS, LINK, Service
from tests.timeline.windows import DAY, local

ZONES = ("Europe/London", "America/New_York", "Asia/Kathmandu", "Pacific/Apia")
BEGINNINGS = tuple(
    dt.datetime.fromisoformat(f"{text}+00:00")
    for text in (
        "2026-03-02 08:00",
        "2026-02-15 13:07",  # 42 days before London's clocks go forward
        "2026-09-13 20:30",  # 42 days before they go back
        "2026-01-25 03:59",  # 42 days before New York's go forward
        "2026-09-20 17:45",  # 42 days before they go back
        "2011-11-18 11:00",  # 42 days before a date that Apia skipped
        "2011-09-30 22:15",  # three months before it
        "2027-11-29 09:00",  # three months before 29 February
        "2026-11-30 16:59",  # three months before a February without one
        "2024-02-29 12:00",
    )
)
SETTLED = ("completed", "partial", "missed")
MOST_PATIENTS, MOST_GOING, MOST_EPISODES = 3, 3, 6
SECOND = dt.timedelta(seconds=1)
COURSES = tuple(itertools.product((HIP, BUTTOCK), ("left", "right")))
PARTS = ((IHOT,), (NPRS,), (SAFETY,), (GROC,), (IHOT, NPRS), (NPRS, SAFETY))

answers = st.builds(
    Answers,
    ihot=st.sampled_from((50, 20, 36, 43, 57, 64, 90)),
    items=st.sampled_from((12, 6, 5)),
    nprs=st.sampled_from((5, 2, 4, 8)),
    psfs=st.sampled_from((4, 1, 6, 9)),
    groc=st.sampled_from((0, 4, -3, -6, None)),
    content=st.sampled_from((0, 1, None)),
    yes=st.sampled_from(((), (), (), ("R1",), ("R9",), ("R1", "R11"))),
)


def one_of_the(name: str) -> st.SearchStrategy[Any]:
    """One of what the machine holds under this name."""
    return st.runner().flatmap(lambda machine: st.sampled_from(getattr(machine, name)))


def some(name: str) -> Callable[[Any], Any]:
    """The rule applies when there is any of these."""
    return precondition(lambda machine: bool(getattr(machine, name)))


class Timeline(RuleBasedStateMachine):
    """A clinic, from the day its first patient is enrolled."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__()
        self.runtime = runtime

    @initialize(
        begins=st.sampled_from(BEGINNINGS),
        zone=st.sampled_from(ZONES),
        weekends=st.booleans(),
        days=st.integers(-2, 3),
        baseline=st.one_of(answers, answers, st.none()),
        weeks=st.sampled_from((0, 0, 1, 5, 7, 9, 13)),
    )
    def open_the_clinic(
        self, begins: dt.datetime, zone: str, weekends: bool, days: int, baseline: Answers | None, weeks: int
    ) -> None:
        """Its first patient is enrolled, answers at once or does not, and some weeks go by."""
        self.clock = Clock(begins)
        self.model = Model(zone, weekends)
        self.service = Service(self.runtime, self.clock, zone=zone, weekends=weekends)
        self.seen = self.service.seen()
        self.swept_at: dt.datetime | None = None
        self._enrol(self._register(None), HIP, "left", local(self.now, zone).date() + days * DAY)
        if baseline:
            self._submit(self.answerable[0], baseline)
        self._live_on(7 * weeks)

    def teardown(self) -> None:
        if hasattr(self, "service"):
            self.service.leave()

    # what there is

    @property
    def now(self) -> dt.datetime:
        return self.clock.now()

    @property
    def patients(self) -> list[Patient]:
        return self.model.patients

    @property
    def living(self) -> list[Patient]:
        return [one for one in self.model.patients if one.status != "deceased"]

    @property
    def taking_part(self) -> list[Patient]:
        return [one for one in self.model.patients if one.status not in ENDED]

    @property
    def experienced(self) -> list[Patient]:
        """Those who have been through something; with others life would end before it begins."""
        return [
            one
            for one in self.living
            if len(one.letters) > 1 or any(each.state in SETTLED for each in one.administrations)
        ]

    @property
    def unreachable(self) -> list[Patient]:
        return [one for one in self.model.patients if one.unsubscribed or one.bounced]

    @property
    def crowded(self) -> bool:
        going = [
            one
            for one in self.model.episodes
            if not one.ended and not all(a.over for a in one.administrations.values())
        ]
        return len(going) >= MOST_GOING or len(self.model.episodes) >= MOST_EPISODES

    @property
    def courses(self) -> list[tuple[Patient, str, str]]:
        """Whom else could be enrolled on what: nobody twice on one pathway for one side."""
        if self.crowded:
            return []
        taken = {(one.patient, one.pathway, one.side) for one in self.model.episodes if one.closed_on is None}
        return [(who, *course) for who in self.taking_part for course in COURSES if (who, *course) not in taken]

    @property
    def episodes(self) -> list[Episode]:
        return self.model.episodes

    @property
    def old_episodes(self) -> list[Episode]:
        """Those that go on, of patients who have been through something."""
        return [each for one in self.experienced for each in one.episodes if each.closed_on is None]

    @property
    def begun_episodes(self) -> list[Episode]:
        """Those in which there may have been visits."""
        return [one for one in self.model.episodes if one.started_on <= self._today(one)]

    @property
    def visited_episodes(self) -> list[Episode]:
        return [one for one in self.model.episodes if one.visits]

    @property
    def administrations(self) -> list[Administration]:
        return self.model.administrations

    @property
    def answerable(self) -> list[Administration]:
        return [one for one in self.model.administrations if one.takes_answers(self.now)]

    @property
    def begun(self) -> list[Administration]:
        return [one for one in self.answerable if one.started]

    @property
    def closed(self) -> list[Administration]:
        return [
            one for one in self.model.administrations if not one.takes_answers(self.now) and not one.takes_amendments()
        ]

    @property
    def finished(self) -> list[Administration]:
        return [one for one in self.model.administrations if one.takes_amendments()]

    @property
    def late_ones(self) -> list[Administration]:
        return [one for one in self.answerable if self.now >= one.window.late_after]

    @property
    def once_open(self) -> list[Administration]:
        """Those for which there may be paper with a date inside the window."""
        return [one for one in self.model.administrations if one.window.opens_at < self.now and not one.episode.ended]

    @property
    def unanswered(self) -> list[Administration]:
        return [one for one in self.model.administrations if one.state in TO_BE_ANSWERED and not one.declined]

    @property
    def letters(self) -> list[Letter]:
        return self.model.letters

    @property
    def mailed(self) -> list[Patient]:
        return [one for one in self.experienced if one.letters]

    @property
    def live_flags(self) -> list[Any]:
        return [flag for flag in self.seen.all(Flag) if flag.status in LIVE]

    @property
    def ended_flags(self) -> list[Any]:
        return [flag for flag in self.seen.all(Flag) if flag.status not in LIVE]

    def _today(self, episode: Episode) -> dt.date:
        return min(local(self.now, episode.patient.zone).date(), self.now.date())

    # enrolling

    @precondition(lambda self: len(self.model.patients) < MOST_PATIENTS and not self.crowded)
    @rule(zone=st.sampled_from((None, *ZONES)), days=st.sampled_from((0, -3, -8, -9, -43, -58, -100, 14, 40)))
    def enrol_somebody_new(self, zone: str | None, days: int) -> None:
        patient = self._register(zone)
        self._enrol(patient, HIP, "left", local(self.now, patient.zone).date() + days * DAY)

    @some("courses")
    @rule(course=one_of_the("courses"), days=st.sampled_from((0, 1, -7, -36, -42, -57, -75, 15)))
    def enrol_on_another_course(self, course: tuple[Patient, str, str], days: int) -> None:
        patient, pathway, side = course
        self._enrol(patient, pathway, side, local(self.now, patient.zone).date() + days * DAY)

    def _register(self, zone: str | None) -> Patient:
        row = self.service.register(zone)
        number = len(self.model.patients) + 1
        patient = Patient(f"patient {number}", row.id, zone or self.model.zone, row.email or "")
        self.model.patients.append(patient)
        return patient

    def _enrol(self, patient: Patient, pathway: str, side: str, started_on: dt.date) -> None:
        row, ids = self.service.enrol(patient.id, pathway=pathway, side=side, started_on=started_on)
        name = f"episode {len(self.model.episodes) + 1} of {patient}"
        episode = Episode(name, row.id, patient, pathway, side, started_on, self.now)
        episode.plan(ids, self.now)
        patient.episodes.append(episode)

    # time and the jobs

    @rule(duration=st.sampled_from(({"minutes": 11}, {"hours": 7}, {"days": 1}, {"weeks": 2}, {"weeks": 7})))
    def let_time_pass(self, duration: dict[str, int]) -> None:
        self.clock.advance(**duration)

    @rule(turn=st.integers(0, 7), off=st.sampled_from((0, 0, -1, 1)))
    def let_time_pass_to_a_turn(self, turn: int, off: int) -> None:
        self._turn(turn, off)

    @rule(turn=st.integers(0, 7), off=st.sampled_from((0, 0, -1, 1)))
    def live_to_a_turn(self, turn: int, off: int) -> None:
        self._turn(turn, off)
        self._sweep()

    def _turn(self, turn: int, off: int) -> None:
        """Come to one of the next instants at which something turns, or a second beside it."""
        if edges := self.model.edges(self.now):
            self._move_to(edges[min(turn, len(edges) - 1)] + off * SECOND)

    @rule(names=st.lists(st.sampled_from(tuple(JOBS)), min_size=1, max_size=4))
    def run_jobs_in_any_order(self, names: list[str]) -> None:
        for name in names:
            self._run(name)

    @rule()
    def run_all_jobs_twice(self) -> None:
        self._sweep()
        self._sweep()

    @rule(days=st.sampled_from((1, 3, 8)))
    def live_on_for_days(self, days: int) -> None:
        self._live_on(days)

    @rule(weeks=st.sampled_from((2, 5)))
    def live_on_for_weeks(self, weeks: int) -> None:
        self._live_on(7 * weeks)

    def _live_on(self, days: int) -> None:
        """The metronome ticks at every turn for a while."""
        until = self.now + days * DAY
        self._sweep()
        while (turns := self.model.edges(self.now)) and turns[0] <= until:
            self._move_to(turns[0])
            self._sweep()

    @rule(fault=st.sampled_from(FAULTS))
    def send_while_the_mail_is_in_trouble(self, fault: str) -> None:
        self._send(fault)

    def _move_to(self, instant: dt.datetime) -> None:
        if instant > self.now:
            self.clock.move_to(instant)

    def _sweep(self) -> None:
        for name in JOBS:
            self._run(name)
        self.swept_at = self.now

    def _run(self, name: str) -> None:
        if name == "send":
            self._send("works")
            return
        self.service.run(name)
        for one in self.model.administrations:
            if name == "open":
                one.open_if_due(self.now)
            if name == "close":
                one.settle_if_late(self.now)

    def _send(self, fault: str) -> None:
        """Run the sending job, and hold what it did with each message against what it must do."""
        before = self._look(Message)
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
        after = self._look(Message)
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
        self._withdraw(self._whose(letter).patient)

    def _look(self, *tables: type[Base]) -> Seen:
        """Read the database, and note what dead processes have in hand."""
        seen = self.service.seen(*tables)
        for patient in self.model.patients:
            patient.claimed = [
                one for one in patient.administrations for row in seen.messages[one.id] if row.phase == "claimed"
            ]
        return seen

    # answers

    @some("answerable")
    @rule(one=one_of_the("answerable"))
    def press_start(self, one: Administration) -> None:
        self.service.press_start(one.id)
        one.press_start()

    @some("begun")
    @rule(one=one_of_the("begun"), given=answers, part=st.sampled_from(PARTS))
    def save_some_answers(self, one: Administration, given: Answers, part: tuple[str, ...]) -> None:
        whole = given.payload(one.episode.pathway, one.timepoint)
        payload = {ref: whole[ref] for ref in part if ref in whole}
        self.service.save(one.id, payload)
        one.save(payload, self.now)

    @some("answerable")
    @rule(one=one_of_the("answerable"), given=answers)
    def submit(self, one: Administration, given: Answers) -> None:
        self._submit(one, given)

    @some("late_ones")
    @rule(one=one_of_the("late_ones"), given=answers)
    def answer_late(self, one: Administration, given: Answers) -> None:
        self._submit(one, given)
        assert one.late

    def _submit(self, one: Administration, given: Answers) -> None:
        payload = given.payload(one.episode.pathway, one.timepoint)
        self.service.press_start(one.id)
        one.press_start()
        self.service.save(one.id, payload)
        one.save(payload, self.now)
        assert self.service.send_in(one.id) == one.submit(one.draft(), self.now, self.now) == "first"

    @some("once_open")
    @rule(one=one_of_the("once_open"), given=answers, part=st.integers(0, 100))
    def enter_paper_of_an_earlier_date(self, one: Administration, given: Answers, part: int) -> None:
        last = min(self.now, one.window.closes_at - SECOND)
        answered_at = one.window.opens_at + (last - one.window.opens_at) * part / 100
        payload = given.payload(one.episode.pathway, one.timepoint)
        if one.state == "completed" or one.takes_answers(answered_at):
            kind = self.service.enter(one.id, payload, answered_at)
            assert kind == one.submit(payload, answered_at, self.now)
        else:
            self._refused(lambda: self.service.enter(one.id, payload, answered_at))

    @some("finished")
    @rule(one=one_of_the("finished"))
    def submit_the_same_again(self, one: Administration) -> None:
        assert self.service.enter(one.id, one.given[-1].payload) == "same"

    @some("finished")
    @rule(one=one_of_the("finished"), nprs=st.integers(0, 10), yes=st.booleans())
    def change_an_answer_after_sending(self, one: Administration, nprs: int, yes: bool) -> None:
        changes = {NPRS: {"Q1": nprs}, SAFETY: {"R2": int(yes)}}
        kind = self.service.amend(one.id, changes)
        assert kind == one.submit(one.draft(changed=changes), self.now, self.now)

    @some("closed")
    @rule(one=one_of_the("closed"), given=answers)
    def knock_at_a_closed_door(self, one: Administration, given: Answers) -> None:
        payload = given.payload(one.episode.pathway, one.timepoint)
        self._refused(lambda: self.service.press_start(one.id))
        self._refused(lambda: self.service.save(one.id, payload))
        self._refused(lambda: self.service.enter(one.id, payload))

    def _refused(self, act: Callable[[], object], error: type[PromError] = AnswersClosedError) -> None:
        try:
            act()
        except error:
            return
        raise AssertionError("something was done that must be refused")

    @some("unanswered")
    @rule(one=one_of_the("unanswered"))
    def decline(self, one: Administration) -> None:
        self.service.decline(one.id)
        one.declined = True

    # mail

    @some("administrations")
    @rule(one=one_of_the("administrations"))
    def ask_for_an_email_now(self, one: Administration) -> None:
        self._look(Message)
        moment = None if one.never_again(self.now) else one.next_moment(self.now, weekends=self.model.weekends)
        message = self.service.send_now(one.id)
        if moment is None or (moment > self.now and moment >= one.window.late_after):
            assert message is None, "an email was promised that may not go"
            return
        assert message is not None, "an email was refused that may go"
        assert message.due_at == moment
        one.asked.add(message.id)

    @some("letters")
    @rule(letter=one_of_the("letters"), kind=st.sampled_from(("hard", "soft", "complained", "delivered")))
    def report_what_became_of_a_letter(self, letter: Letter, kind: str) -> None:
        known = kind in letter.reports
        hard = {"kind": "bounced", "address_at_fault": True, "status": "5.1.1"}
        report = {"hard": hard, "soft": {"kind": "bounced", "status": "5.2.2"}}.get(kind, {"kind": kind})
        assert self.service.report(DeliveryReport(letter.message_id, **report)) is not known
        if known:
            return
        letter.reports.add(kind)
        patient = letter.administration.patient
        letter.bounced |= kind in ("hard", "soft")
        if kind == "hard" and letter.to == patient.address and not patient.bounced:
            patient.bounced = True
            self._nothing_is_pending(patient)
        if kind == "complained" and not patient.unsubscribed:
            patient.unsubscribed = True
            self._nothing_is_pending(patient)

    @some("mailed")
    @rule(patient=one_of_the("mailed"))
    def say_it_was_not_meant_for_me(self, patient: Patient) -> None:
        self.service.report_wrong_person(patient.id)
        patient.bounced = True
        for sent in patient.letters:
            sent.dead = True
        self._nothing_is_pending(patient)

    @some("experienced")
    @rule(patient=one_of_the("experienced"))
    def unsubscribe(self, patient: Patient) -> None:
        self.service.change_standing(patient.id, standing.unsubscribe)
        if not patient.unsubscribed:
            patient.unsubscribed = True
            self._nothing_is_pending(patient)

    def _nothing_is_pending(self, patient: Patient) -> None:
        seen = self._look(Message)
        left = [row for one in patient.administrations for row in seen.pending(one.id)]
        assert not left, f"{patient} cannot be mailed and {len(left)} messages are still to go"

    @some("unreachable")
    @rule(patient=one_of_the("unreachable"))
    def correct_what_stops_the_mail(self, patient: Patient) -> None:
        """A new address, and the patient's word that email is welcome again."""
        self.clock.advance(seconds=1)
        patient.address = f"new-{patient.address}"
        patient.bounced = patient.unsubscribed = False
        self.service.change_patient(patient.id, email=patient.address, email_allowed=True)
        self.clock.advance(seconds=1)
        seen = self._look(Message)
        for episode in patient.episodes:
            if not episode.ended:
                for one in episode.administrations.values():
                    self._check_plan(one, one.replan(self.now), seen)

    def _check_plan(self, one: Administration, wanted: set[dt.datetime], seen: Seen) -> None:
        """All that is wanted is planned; what else is planned is past, and its time will cancel it."""
        planned = {row.planned_for for row in seen.pending(one.id)}
        assert wanted <= planned, f"{one} has no email planned for {sorted(wanted - planned)}"
        assert all(day <= self.now for day in planned - wanted), f"{one} has emails planned for {planned - wanted}"

    # standing

    @some("taking_part")
    @rule(patient=one_of_the("taking_part"), days=st.sampled_from((None, 0, 3, 20)))
    def pause(self, patient: Patient, days: int | None) -> None:
        until = None if days is None else self.now.date() + days * DAY
        self.service.change_standing(patient.id, standing.pause, until=until)
        patient.status, patient.paused_until = "paused", until

    @some("living")
    @rule(patient=one_of_the("living"))
    def resume(self, patient: Patient) -> None:
        self.service.change_standing(patient.id, standing.resume)
        patient.status, patient.paused_until = "active", None

    @some("experienced")
    @rule(patient=one_of_the("experienced"))
    def withdraw(self, patient: Patient) -> None:
        self._withdraw(patient)

    def _withdraw(self, patient: Patient) -> None:
        self.service.change_standing(patient.id, standing.withdraw)
        patient.end("withdrawn")

    @some("experienced")
    @rule(patient=one_of_the("experienced"))
    def die(self, patient: Patient) -> None:
        self.service.change_standing(patient.id, standing.mark_deceased)
        patient.end("deceased")
        for episode in patient.episodes:
            if episode.closed_on is None:
                episode.closed_on = max(self.now.date(), episode.started_on)

    @some("old_episodes")
    @rule(episode=one_of_the("old_episodes"), days=st.sampled_from((0, 0, 2, 10)))
    def close(self, episode: Episode, days: int) -> None:
        closed_on = max(self._today(episode) - days * DAY, episode.started_on)
        self.service.close(episode.id, closed_on)
        episode.close(closed_on)

    # changes of plan

    @some("episodes")
    @rule(episode=one_of_the("episodes"), days=st.sampled_from((1, -1, 3, -8, 8, -15, 30, -30, 60, -60)))
    def change_the_start(self, episode: Episode, days: int) -> None:
        """First dry, then in earnest: what was foretold is what happens."""
        started_on = episode.started_on + days * DAY
        if (episode.closed_on is not None and started_on > episode.closed_on) or episode.forbids(started_on):
            for act in (self.service.preview_start, self.service.change_start):
                self._refused(lambda act=act: act(episode.id, started_on), InvalidInputError)
            return
        before = self._look()
        foretold = self.service.preview_start(episode.id, started_on)
        assert self.service.seen().rows == before.rows, "a dry run has changed something"
        self.service.change_start(episode.id, started_on)
        after = self._look()
        moved = episode.move(started_on, episode.patient.zone, self.now)
        self._check_foretold(foretold, moved, before, after)
        self._check_moved(moved, after)

    def _check_foretold(self, foretold: Any, moved: list[Administration], before: Seen, after: Seen) -> None:
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

    def _check_moved(self, moved: list[Administration], after: Seen) -> None:
        for one in moved:
            planned = [row.planned_for for row in after.pending(one.id)]
            assert sorted(planned) == sorted(one.replan(self.now)), f"{one} has emails planned for {planned}"

    @some("living")
    @rule(patient=one_of_the("living"), zone=st.sampled_from(ZONES))
    def change_the_zone(self, patient: Patient, zone: str) -> None:
        self.service.change_patient(patient.id, time_zone=zone)
        patient.zone = zone
        after = self._look(Message)
        for episode in patient.episodes:
            self._check_moved(episode.move(episode.started_on, zone, self.now), after)

    # visits and flags

    @some("begun_episodes")
    @rule(
        episode=one_of_the("begun_episodes"),
        count=st.sampled_from((1, 2, 5, 13)),
        days=st.sampled_from((0, 0, 1, 6)),
        manner=st.sampled_from(("individual", "individual", "group", "telehealth")),
        reassessed=st.booleans(),
    )
    def record_visits(self, episode: Episode, count: int, days: int, manner: str, reassessed: bool) -> None:
        on = max(self._today(episode) - days * DAY, episode.started_on)
        on = min(on, episode.closed_on or on)
        fresh = [Visit(f"V{next(self.model.number)}", on, manner, reassessed) for _ in range(count)]
        self.service.record_visits(episode.id, fresh)
        episode.visits += fresh

    @some("visited_episodes")
    @rule(episode=one_of_the("visited_episodes"), place=st.integers(0, 20))
    def void_a_visit_or_restore_it(self, episode: Episode, place: int) -> None:
        visit = episode.visits[place % len(episode.visits)]
        if visit.voided and episode.started_on <= visit.on <= (episode.closed_on or visit.on):
            self.service.record_visits(episode.id, [visit])
        elif not visit.voided:
            self.service.void_visit(episode.id, visit.number)
        else:
            return
        visit.voided = not visit.voided

    @some("live_flags")
    @rule(place=st.integers(0, 9), act=st.sampled_from((flags.acknowledge, flags.assign, flags.snooze, flags.resolve)))
    def handle_a_flag(self, place: int, act: Callable[..., Any]) -> None:
        flag = self.live_flags[place % len(self.live_flags)]
        details: dict[Any, tuple[Any, ...]] = {
            flags.assign: (self.service.user.id,),
            flags.snooze: (self.now + 5 * DAY,),
            flags.resolve: ("plan_changed",),
        }
        if act is flags.snooze and flag.severity == "urgent":
            self._refused(lambda: self.service.handle_flag(flag.id, act, *details[act]), ConflictError)
        else:
            self.service.handle_flag(flag.id, act, *details.get(act, ()))

    @some("ended_flags")
    @rule(place=st.integers(0, 9))
    def handle_a_flag_that_has_ended(self, place: int) -> None:
        flag = self.ended_flags[place % len(self.ended_flags)]
        self._refused(lambda: self.service.handle_flag(flag.id, flags.acknowledge), ConflictError)

    # and after every step

    @invariant()
    def every_rule_holds(self) -> None:
        if not hasattr(self, "service"):
            return
        before, self.seen = self.seen, self._look()
        moment = Moment(self.model, self.seen, before, self.service.postbox, self.now, swept=self.swept_at == self.now)
        broken = faults(moment)
        assert not broken, "\n".join(["", *broken])

    @invariant()
    def links_lead_where_they_were_sent_to(self) -> None:
        """As long as nobody said that they reached the wrong person."""
        if not hasattr(self, "service"):
            return
        newest = [one.letters[-1] for one in self.model.administrations if one.letters]
        have = self.service.led_to(letter.token for letter in newest)
        want = [None if letter.dead else letter.administration.id for letter in newest]
        assert have == want, "a link does not live or lead as it should"
