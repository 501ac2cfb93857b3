"""Everything that can happen to the patients of a clinic, in any order, done to the service and to the model alike."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from prom_service.errors import ConflictError, InvalidInputError, PromError
from prom_service.mail.reports import DeliveryReport
from prom_service.models import Message
from prom_service.runtime import Runtime
from prom_service.services import flags, standing
from prom_service.services.answer_window import AnswersClosedError
from tests.timeline.answers import HIP, NPRS, SAFETY, Answers
from tests.timeline.choices import MOST_PATIENTS, Choices, one_of_the, some
from tests.timeline.clinic import SECOND, Clinic
from tests.timeline.draws import BEGINNINGS, PARTS, ZONES, answers
from tests.timeline.invariants import Moment, faults
from tests.timeline.model import Administration, Episode, Letter, Patient, Visit
from tests.timeline.postbox import FAULTS
from tests.timeline.service import JOBS
from tests.timeline.windows import DAY, local


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
        self.clinic = Clinic(self.runtime, begins, zone=zone, weekends=weekends)
        self.there = Choices(self.clinic)
        self.clinic.enrol(self.clinic.register(None), HIP, "left", local(self.clinic.now, zone).date() + days * DAY)
        if baseline:
            self.clinic.submit(self.there.answerable[0], baseline)
        self.clinic.live_on(7 * weeks)

    def teardown(self) -> None:
        if hasattr(self, "clinic"):
            self.clinic.service.leave()

    # enrolling

    @precondition(lambda self: len(self.clinic.model.patients) < MOST_PATIENTS and not self.there.crowded)
    @rule(zone=st.sampled_from((None, *ZONES)), days=st.sampled_from((0, -3, -8, -9, -43, -58, -100, 14, 40)))
    def enrol_somebody_new(self, zone: str | None, days: int) -> None:
        patient = self.clinic.register(zone)
        self.clinic.enrol(patient, HIP, "left", local(self.clinic.now, patient.zone).date() + days * DAY)

    @some("courses")
    @rule(course=one_of_the("courses"), days=st.sampled_from((0, 1, -7, -36, -42, -57, -75, 15)))
    def enrol_on_another_course(self, course: tuple[Patient, str, str], days: int) -> None:
        patient, pathway, side = course
        self.clinic.enrol(patient, pathway, side, local(self.clinic.now, patient.zone).date() + days * DAY)

    # time and the jobs

    @rule(duration=st.sampled_from(({"minutes": 11}, {"hours": 7}, {"days": 1}, {"weeks": 2}, {"weeks": 7})))
    def let_time_pass(self, duration: dict[str, int]) -> None:
        self.clinic.clock.advance(**duration)

    @rule(turn=st.integers(0, 7), off=st.sampled_from((0, 0, -1, 1)))
    def let_time_pass_to_a_turn(self, turn: int, off: int) -> None:
        self.clinic.turn(turn, off)

    @rule(turn=st.integers(0, 7), off=st.sampled_from((0, 0, -1, 1)))
    def live_to_a_turn(self, turn: int, off: int) -> None:
        self.clinic.turn(turn, off)
        self.clinic.sweep()

    @rule(names=st.lists(st.sampled_from(tuple(JOBS)), min_size=1, max_size=4))
    def run_jobs_in_any_order(self, names: list[str]) -> None:
        for name in names:
            self.clinic.run(name)

    @rule()
    def run_all_jobs_twice(self) -> None:
        self.clinic.sweep()
        self.clinic.sweep()

    @rule(days=st.sampled_from((1, 3, 8)))
    def live_on_for_days(self, days: int) -> None:
        self.clinic.live_on(days)

    @rule(weeks=st.sampled_from((2, 5)))
    def live_on_for_weeks(self, weeks: int) -> None:
        self.clinic.live_on(7 * weeks)

    @rule(fault=st.sampled_from(FAULTS))
    def send_while_the_mail_is_in_trouble(self, fault: str) -> None:
        self.clinic.send(fault)

    # answers

    @some("answerable")
    @rule(one=one_of_the("answerable"))
    def press_start(self, one: Administration) -> None:
        self.clinic.service.press_start(one.id)
        one.press_start()

    @some("begun")
    @rule(one=one_of_the("begun"), given=answers, part=st.sampled_from(PARTS))
    def save_some_answers(self, one: Administration, given: Answers, part: tuple[str, ...]) -> None:
        whole = given.payload(one.episode.pathway, one.timepoint)
        payload = {ref: whole[ref] for ref in part if ref in whole}
        self.clinic.service.save(one.id, payload)
        one.save(payload, self.clinic.now)

    @some("answerable")
    @rule(one=one_of_the("answerable"), given=answers)
    def submit(self, one: Administration, given: Answers) -> None:
        self.clinic.submit(one, given)

    @some("late_ones")
    @rule(one=one_of_the("late_ones"), given=answers)
    def answer_late(self, one: Administration, given: Answers) -> None:
        self.clinic.submit(one, given)
        assert one.late

    @some("once_open")
    @rule(one=one_of_the("once_open"), given=answers, part=st.integers(0, 100))
    def enter_paper_of_an_earlier_date(self, one: Administration, given: Answers, part: int) -> None:
        last = min(self.clinic.now, one.window.closes_at - SECOND)
        answered_at = one.window.opens_at + (last - one.window.opens_at) * part / 100
        payload = given.payload(one.episode.pathway, one.timepoint)
        if one.state == "completed" or one.takes_answers(answered_at):
            kind = self.clinic.service.enter(one.id, payload, answered_at)
            assert kind == one.submit(payload, answered_at, self.clinic.now)
        else:
            refused(lambda: self.clinic.service.enter(one.id, payload, answered_at))

    @some("finished")
    @rule(one=one_of_the("finished"))
    def submit_the_same_again(self, one: Administration) -> None:
        assert self.clinic.service.enter(one.id, one.given[-1].payload) == "same"

    @some("finished")
    @rule(one=one_of_the("finished"), nprs=st.integers(0, 10), yes=st.booleans())
    def change_an_answer_after_sending(self, one: Administration, nprs: int, yes: bool) -> None:
        changes = {NPRS: {"Q1": nprs}, SAFETY: {"R2": int(yes)}}
        kind = self.clinic.service.amend(one.id, changes)
        assert kind == one.amend(changes, self.clinic.now)

    @some("closed")
    @rule(one=one_of_the("closed"), given=answers)
    def knock_at_a_closed_door(self, one: Administration, given: Answers) -> None:
        payload = given.payload(one.episode.pathway, one.timepoint)
        refused(lambda: self.clinic.service.press_start(one.id))
        refused(lambda: self.clinic.service.save(one.id, payload))
        refused(lambda: self.clinic.service.enter(one.id, payload))

    @some("unanswered")
    @rule(one=one_of_the("unanswered"))
    def decline(self, one: Administration) -> None:
        self.clinic.service.decline(one.id)
        one.declined = True

    # mail

    @some("administrations")
    @rule(one=one_of_the("administrations"))
    def ask_for_an_email_now(self, one: Administration) -> None:
        self.clinic.look(Message)
        moment = (
            None
            if one.never_again(self.clinic.now)
            else one.next_moment(self.clinic.now, weekends=self.clinic.model.weekends)
        )
        message = self.clinic.service.send_now(one.id)
        if moment is None or (moment > self.clinic.now and moment >= one.window.late_after):
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
        assert self.clinic.service.report(DeliveryReport(letter.message_id, **report)) is not known
        if known:
            return
        letter.reports.add(kind)
        patient = letter.administration.patient
        letter.bounced |= kind in ("hard", "soft")
        if kind == "hard" and letter.to == patient.address and not patient.bounced:
            patient.bounced = True
            self.clinic.nothing_is_pending(patient)
        if kind == "complained" and not patient.unsubscribed:
            patient.unsubscribed = True
            self.clinic.nothing_is_pending(patient)

    @some("mailed")
    @rule(patient=one_of_the("mailed"))
    def say_it_was_not_meant_for_me(self, patient: Patient) -> None:
        self.clinic.service.report_wrong_person(patient.id)
        patient.bounced = True
        for sent in patient.letters:
            sent.dead = True
        self.clinic.nothing_is_pending(patient)

    @some("experienced")
    @rule(patient=one_of_the("experienced"))
    def unsubscribe(self, patient: Patient) -> None:
        self.clinic.service.change_standing(patient.id, standing.unsubscribe)
        if not patient.unsubscribed:
            patient.unsubscribed = True
            self.clinic.nothing_is_pending(patient)

    @some("unreachable")
    @rule(patient=one_of_the("unreachable"))
    def correct_what_stops_the_mail(self, patient: Patient) -> None:
        """A new address, and the patient's word that email is welcome again."""
        self.clinic.clock.advance(seconds=1)
        patient.address = f"new-{patient.address}"
        patient.bounced = patient.unsubscribed = False
        self.clinic.service.change_patient(patient.id, email=patient.address, email_allowed=True)
        self.clinic.clock.advance(seconds=1)
        seen = self.clinic.look(Message)
        for episode in patient.episodes:
            if not episode.ended:
                for one in episode.administrations.values():
                    self.clinic.check_plan(one, one.replan(self.clinic.now), seen)

    # standing

    @some("taking_part")
    @rule(patient=one_of_the("taking_part"), days=st.sampled_from((None, 0, 3, 20)))
    def pause(self, patient: Patient, days: int | None) -> None:
        until = None if days is None else self.clinic.its_today + days * DAY
        self.clinic.service.change_standing(patient.id, standing.pause, until=until)
        patient.status, patient.paused_until = "paused", until

    @some("living")
    @rule(patient=one_of_the("living"))
    def resume(self, patient: Patient) -> None:
        self.clinic.service.change_standing(patient.id, standing.resume)
        patient.status, patient.paused_until = "active", None

    @some("experienced")
    @rule(patient=one_of_the("experienced"))
    def withdraw(self, patient: Patient) -> None:
        self.clinic.withdraw(patient)

    @some("experienced")
    @rule(patient=one_of_the("experienced"))
    def die(self, patient: Patient) -> None:
        self.clinic.service.change_standing(patient.id, standing.mark_deceased)
        patient.end("deceased")
        for episode in patient.episodes:
            if episode.closed_on is None:
                episode.closed_on = max(self.clinic.its_today, episode.started_on)

    @some("dead")
    @rule(patient=one_of_the("dead"))
    def take_the_death_back(self, patient: Patient) -> None:
        """It was somebody else who had died: what ended stays ended, and the patient may be enrolled again."""
        change = self.clinic.service.change_standing
        refused(lambda: change(patient.id, standing.resume), InvalidInputError)
        change(patient.id, standing.resume, note="recorded of the wrong patient")
        patient.status, patient.paused_until = "active", None

    @some("old_episodes")
    @rule(episode=one_of_the("old_episodes"), days=st.sampled_from((0, 0, 2, 10)))
    def close(self, episode: Episode, days: int) -> None:
        closed_on = max(self.clinic.today(episode) - days * DAY, episode.started_on)
        if any(not visit.voided and visit.on > closed_on for visit in episode.visits):
            refused(lambda: self.clinic.service.close(episode.id, closed_on), InvalidInputError)
        else:
            self.clinic.service.close(episode.id, closed_on)
            episode.close(closed_on)

    # changes of plan

    @some("episodes")
    @rule(episode=one_of_the("episodes"), days=st.sampled_from((1, -1, 3, -8, 8, -15, 30, -30, 60, -60)))
    def change_the_start(self, episode: Episode, days: int) -> None:
        """First dry, then in earnest: what was foretold is what happens."""
        started_on = episode.started_on + days * DAY
        if (episode.closed_on is not None and started_on > episode.closed_on) or episode.forbids(started_on):
            for act in (self.clinic.service.preview_start, self.clinic.service.change_start):
                refused(lambda act=act: act(episode.id, started_on), InvalidInputError)
            return
        before = self.clinic.look()
        foretold = self.clinic.service.preview_start(episode.id, started_on)
        assert self.clinic.service.seen().rows == before.rows, "a dry run has changed something"
        self.clinic.service.change_start(episode.id, started_on)
        after = self.clinic.look()
        moved = episode.move(started_on, episode.patient.zone, self.clinic.now)
        self.clinic.check_foretold(foretold, moved, before, after)
        self.clinic.check_moved(moved, after)

    @some("living")
    @rule(patient=one_of_the("living"), zone=st.sampled_from(ZONES))
    def change_the_zone(self, patient: Patient, zone: str) -> None:
        self.clinic.service.change_patient(patient.id, time_zone=zone)
        patient.zone = zone
        after = self.clinic.look(Message)
        for episode in patient.episodes:
            self.clinic.check_moved(episode.move(episode.started_on, zone, self.clinic.now), after)

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
        on = max(self.clinic.today(episode) - days * DAY, episode.started_on)
        on = min(on, episode.closed_on or on)
        fresh = [Visit(f"V{next(self.clinic.model.number)}", on, manner, reassessed) for _ in range(count)]
        self.clinic.service.record_visits(episode.id, fresh)
        episode.visits += fresh

    @some("visited_episodes")
    @rule(episode=one_of_the("visited_episodes"), place=st.integers(0, 20), course=st.integers(0, 3))
    def void_a_visit_or_restore_it(self, episode: Episode, place: int, course: int) -> None:
        """A void one comes back on whichever course of its patient it is put on, and on no other."""
        visit = episode.visits[place % len(episode.visits)]
        if not visit.voided:
            self.clinic.service.void_visit(episode.id, visit.number)
            visit.voided = True
            return
        courses = episode.patient.episodes
        on = courses[(courses.index(episode) + course) % len(courses)]
        if on.started_on <= visit.on <= (on.closed_on or visit.on):
            self.clinic.service.record_visits(on.id, [visit])
            episode.visits.remove(visit)
            on.visits.append(visit)
            visit.voided = False

    @some("live_flags")
    @rule(place=st.integers(0, 9), act=st.sampled_from((flags.acknowledge, flags.assign, flags.snooze, flags.resolve)))
    def handle_a_flag(self, place: int, act: Callable[..., Any]) -> None:
        flag = self.there.live_flags[place % len(self.there.live_flags)]
        details: dict[Any, tuple[Any, ...]] = {
            flags.assign: (self.clinic.service.user.id,),
            flags.snooze: (self.clinic.now + 5 * DAY,),
            flags.resolve: ("plan_changed",),
        }
        if act is flags.snooze and flag.severity == "urgent":
            refused(lambda: self.clinic.service.handle_flag(flag.id, act, *details[act]), ConflictError)
        else:
            self.clinic.service.handle_flag(flag.id, act, *details.get(act, ()))

    @some("ended_flags")
    @rule(place=st.integers(0, 9))
    def handle_a_flag_that_has_ended(self, place: int) -> None:
        flag = self.there.ended_flags[place % len(self.there.ended_flags)]
        refused(lambda: self.clinic.service.handle_flag(flag.id, flags.acknowledge), ConflictError)

    # and after every step

    @invariant()
    def every_rule_holds(self) -> None:
        if not hasattr(self, "clinic"):
            return
        before, self.clinic.seen = self.clinic.seen, self.clinic.look()
        moment = Moment(
            self.clinic.model,
            self.clinic.seen,
            before,
            self.clinic.service.postbox,
            self.clinic.now,
            swept=self.clinic.swept_at == self.clinic.now,
        )
        broken = faults(moment)
        assert not broken, "\n".join(["", *broken])

    @invariant()
    def links_lead_where_they_were_sent_to(self) -> None:
        """As long as nobody said that they reached the wrong person."""
        if not hasattr(self, "clinic"):
            return
        newest = [one.letters[-1] for one in self.clinic.model.administrations if one.letters]
        have = self.clinic.service.led_to(letter.token for letter in newest)
        want = [None if letter.dead else letter.administration.id for letter in newest]
        assert have == want, "a link does not live or lead as it should"


def refused(act: Callable[[], object], error: type[PromError] = AnswersClosedError) -> None:
    """Do what must be refused."""
    try:
        act()
    except error:
        return
    raise AssertionError("something was done that must be refused")
