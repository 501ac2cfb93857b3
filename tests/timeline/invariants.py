"""The rules that hold at every moment, each as a search for what breaks it."""

import datetime as dt
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from prom_service.models import (
    Administration,
    AnswerSet,
    Clinic,
    Episode,
    Flag,
    FlagEvent,
    Judgement,
    Message,
    Patient,
    Score,
)
from prom_service.services import answer_window
from prom_service.services.contact import EXPLANATIONS
from tests.timeline import findings, model
from tests.timeline.answers import GROC, IHOT, NPRS, PASS, PSFS, codes
from tests.timeline.findings import LIVE
from tests.timeline.model import TO_BE_ANSWERED, Model
from tests.timeline.postbox import Postbox
from tests.timeline.seen import FACTS, Seen
from tests.timeline.windows import MOST_MAILS, REST

DELIVERED = ("sent", "assumed_sent")
TOLERANCE = 1e-9
STEPS = {
    "raised": ((), "open"),
    "updated": (LIVE, None),
    "acknowledged": (LIVE, "acknowledged"),
    "assigned": (LIVE, "assigned"),
    "snoozed": (LIVE, "snoozed"),
    "reopened": (("snoozed",), "open"),
    "resolved": (LIVE, "resolved"),
    "superseded": (LIVE, "superseded"),
}
"""For each kind of step of a flag: from which statuses it may be taken, and to which it leads (None: it stays)."""


@dataclass(frozen=True)
class Moment:
    """The model beside what is seen; ``before`` is what was seen a step ago."""

    model: Model
    seen: Seen
    before: Seen
    postbox: Postbox
    now: dt.datetime
    swept: bool
    """All jobs have just run at this instant: what time alone brings about is there."""

    @property
    def administrations(self) -> Iterator[tuple[model.Administration, Administration]]:
        for one in self.model.administrations:
            yield one, self.seen.one(Administration, one.id)


Faults = Iterator[str]


def windows_are_those_of_the_plan(moment: Moment) -> Faults:
    """Also when start or zone have changed; what was answered has not moved."""
    for one, row in moment.administrations:
        have = (row.opens_at, row.target_at, row.late_after, row.closes_at)
        want = (one.window.opens_at, one.window.target_at, one.window.late_after, one.window.closes_at)
        if have != want:
            yield f"{one} has the window {have}, not {want}"


def states_follow_from_what_happened(moment: Moment) -> Faults:
    for one, row in moment.administrations:
        have = (row.state, row.late, row.started_at is not None, row.declined_at is not None)
        want = (one.state, one.late, one.started, one.declined)
        if have != want:
            yield f"{one} is {have}, not {want} (state, late, started, declined)"


def nothing_is_pending_in_what_has_ended(moment: Moment) -> Faults:
    """From the transaction on that ended it."""
    for one, row in moment.administrations:
        over = row.state not in TO_BE_ANSWERED
        if one.episode.ended and not over:
            yield f"{one} is {row.state} though {one.episode} has ended"
        if over and (left := moment.seen.pending(one.id)):
            yield f"{one} is {row.state} and still has {len(left)} messages to go"


def answers_are_taken_as_the_rules_say(moment: Moment) -> Faults:
    """By every link, from opening to closing, unless it or all is over."""
    for one, row in moment.administrations:
        episode, patient = moment.seen.one(Episode, one.episode.id), moment.seen.one(Patient, one.patient.id)
        try:
            answer_window.check_open(row, episode, patient, at=moment.now)
            taken = True
        except answer_window.AnswersClosedError:
            taken = False
        if taken is not one.takes_answers(moment.now):
            yield f"{one} {'takes' if taken else 'refuses'} answers"


def answers_are_stored_as_given(moment: Moment) -> Faults:
    """In order: what stands, what was scored from drafts, what came as an amendment, each with its label."""
    sets = {(row.response_id, row.instrument): row.answers for row in moment.seen.all(AnswerSet)}
    for one, _ in moment.administrations:
        rows = moment.seen.responses[one.id]
        have = [(row.number, row.partial, row.amendment, row.late) for row in rows]
        want = [
            (number, given.kind == "partial", given.kind == "amendment", given.late)
            for number, given in enumerate(one.given, 1)
        ]
        if have != want:
            yield f"{one} has the responses {have}, not {want} (number, partial, amendment, late)"
            continue
        for row, given in zip(rows, one.given, strict=True):
            stored = codes({ref: answers for (owner, ref), answers in sets.items() if owner == row.id})
            if stored != codes(given.payload):
                yield f"{one} has {stored} for what was given as {codes(given.payload)}"


def every_set_is_scored(moment: Moment) -> Faults:
    scores = {(row.response_id, row.instrument): row.value for row in moment.seen.all(Score)}
    for one, _ in moment.administrations:
        for row, given in zip(moment.seen.responses[one.id], one.given, strict=False):
            worth = given.worth
            want = {IHOT: worth.scores["ihot"], NPRS: worth.scores["nprs"], PSFS: worth.scores["psfs"]}
            want |= {GROC: worth.groc, PASS: None if worth.content is None else int(worth.content)}
            have = {ref: scores.get((row.id, ref)) for ref in want}
            if any(not _same(have[ref], want[ref]) for ref in want):
                yield f"{one}, response {row.number}, is scored {have}, not {want}"


def _same(have: float | None, want: Fraction | int | None) -> bool:
    return have == want if have is None or want is None else abs(have - want) < TOLERANCE


def every_answered_checkpoint_is_judged(moment: Moment) -> Faults:
    """By the answers that stand; a late baseline is never used."""
    in_force = {(row.episode_id, row.checkpoint): row.outcome for row in moment.seen.all(Judgement)}
    for one, _ in moment.administrations:
        judged = one.episode.judged(one.timepoint)
        have, want = in_force.get((one.episode.id, one.timepoint)), judged and judged.outcome
        if have != want:
            yield f"{one} is judged {have}, not {want}"


def emails_are_planned_by_the_cadence(moment: Moment) -> Faults:
    """On its days and before it is late, each day once; only staff may ask for one at another time."""
    for one, row in moment.administrations:
        pending = moment.seen.pending(one.id)
        days = Counter(message.planned_for for message in pending)
        for message in pending:
            if message.planned_for not in one.cadence and message.id not in one.asked:
                yield f"an email about {one} is planned for {message.planned_for}, a day of no cadence"
            if message.planned_for >= row.late_after:
                yield f"an email about {one} is planned for {message.planned_for}, after it is late"
        if twice := [day for day, count in days.items() if count > 1]:
            yield f"{one} has two emails planned for {twice}"


def no_coming_email_is_forgotten(moment: Moment) -> Faults:
    """As long as a patient can be reached and is to answer, every day of the cadence ahead has its email."""
    for one, row in moment.administrations:
        if row.state not in TO_BE_ANSWERED or one.declined or not one.patient.reachable or one.episode.ended:
            continue
        kept = [m for m in moment.seen.messages[one.id] if m.phase != "cancelled" or m.id in one.asked]
        planned = {message.planned_for for message in kept}
        if lost := [day for day in one.cadence[one.consumed :] if day > moment.now and day not in planned]:
            yield f"{one} has no email planned for {lost}"


def every_unsent_email_says_why(moment: Moment) -> Faults:
    for message in moment.seen.all(Message):
        unsent = message.phase in ("cancelled", "failed", "deferred")
        postponed = message.phase == "planned" and message.due_at > max(message.planned_for, moment.now)
        reason = message.reason or ""
        if (unsent or postponed) and not (reason in EXPLANATIONS or reason.startswith("smtp ")):
            yield f"a message is {message.phase} and its reason is {message.reason!r}"


def a_message_is_sent_once_or_never(moment: Moment) -> Faults:
    for message in moment.seen.all(Message):
        copies = moment.postbox.count(message.id)
        if copies > 1:
            yield f"a message arrived {copies} times"
        if copies and message.phase not in ("committing", *DELIVERED):
            yield f"a message that arrived is {message.phase}"
        if not copies and message.phase in DELIVERED:
            yield f"a message is {message.phase} and never arrived"
        kinds = [event.kind for event in moment.seen.message_events[message.id]]
        if kinds.count("committing") > 1 and copies:
            after = kinds[len(kinds) - kinds[::-1].index("committing") :]
            if "claimed" in after:
                yield f"a message was claimed again after its final dot: {kinds}"


def emails_are_few_and_far_between(moment: Moment) -> Faults:
    for one, _ in moment.administrations:
        if len(one.letters) > MOST_MAILS:
            yield f"{one} had {len(one.letters)} emails"
    for patient in moment.model.patients:
        for earlier, later in itertools.pairwise(patient.letters):
            if later.at - earlier.at < REST:
                yield f"{patient} was mailed at {earlier.at} and again at {later.at}"


def facts_only_grow(moment: Moment) -> Faults:
    for table in FACTS:
        for row_id, row in moment.before.rows[table].items():
            if moment.seen.rows[table].get(row_id) != row:
                yield f"a row of {table.__tablename__} has changed or gone: {row}"


def what_has_left_is_never_taken_back(moment: Moment) -> Faults:
    for message in moment.before.all(Message):
        phase = moment.seen.one(Message, message.id).phase
        if message.phase in DELIVERED and phase not in DELIVERED:
            yield f"a message that was {message.phase} is {phase}"


def flags_are_unique(moment: Moment) -> Faults:
    """One ever for each basis, one live for each kind and checkpoint."""
    rows = moment.seen.all(Flag)
    ever = Counter((flag.episode_id, flag.kind, flag.checkpoint, flag.basis) for flag in rows)
    live = Counter((flag.episode_id, flag.kind, flag.checkpoint) for flag in rows if flag.status in LIVE)
    yield from (f"{key} was raised {count} times" for key, count in ever.items() if count > 1)
    yield from (f"{key} is live {count} times" for key, count in live.items() if count > 1)


def a_resolved_finding_returns_only_on_a_new_basis_and_names_its_predecessor(moment: Moment) -> Faults:
    for flags in moment.seen.flags.values():
        for earlier, later in itertools.combinations(flags, 2):
            if (earlier.kind, earlier.checkpoint) != (later.kind, later.checkpoint):
                continue
            if later.predecessor_id is None:
                yield f"{later.kind} came back and names no predecessor"
            if earlier.status == "resolved" and later.basis.partition("#")[0] == earlier.basis.partition("#")[0]:
                yield f"{later.kind} was resolved and came back on the same basis {later.basis}"


def the_feed_has_no_gaps(moment: Moment) -> Faults:
    numbers = sorted(event.number for event in moment.seen.all(FlagEvent))
    [clinic] = moment.seen.all(Clinic)
    if numbers != list(range(1, clinic.flag_event_count + 1)):
        yield f"the feed counts to {clinic.flag_event_count} and holds {numbers}"


def flags_go_through_legal_steps(moment: Moment) -> Faults:
    for flag in moment.seen.all(Flag):
        status = None
        for event in moment.seen.flag_events[flag.id]:
            allowed, leads_to = STEPS[event.type]
            if status not in (allowed or (None,)):
                yield f"{flag.kind} was {event.type} while {status}"
            status = event.flag["status"]
            if leads_to is not None and status != leads_to:
                yield f"{flag.kind} was {event.type} and is {status}"
        newest = moment.seen.flag_events[flag.id][-1].number
        if (flag.status, flag.number) != (status, newest):
            yield f"{flag.kind} is {flag.status} at {flag.number}, its last event says {status} at {newest}"


def symptoms_are_flagged_at_once(moment: Moment) -> Faults:
    for one, _ in moment.administrations:
        flagged = [
            flag
            for flag in moment.seen.flags[one.episode.id]
            if (flag.kind, flag.checkpoint) == ("red_flag_symptom", one.timepoint)
        ]
        if one.symptoms and not flagged:
            yield f"{one}: {one.symptoms} were reported and not flagged"
        for flag in flagged:
            said = {symptom["item"]: symptom["now_yes"] for symptom in flag.evidence["symptoms"]}
            if flag.status in LIVE and said != one.symptoms:
                yield f"{one}: {one.symptoms} is the last word on the symptoms, and the flag says {said}"


def flags_say_what_the_rules_find(moment: Moment) -> Faults:
    """All that is found is flagged, unless it was resolved on this basis; nothing else is live."""
    if not moment.swept:
        return
    for episode in moment.model.episodes:
        found = findings.expected(episode, moment.seen, moment.now)
        flags = moment.seen.flags[episode.id]
        live = {(flag.kind, flag.checkpoint): flag.basis.partition("#")[0] for flag in flags if flag.status in LIVE}
        resolved = {
            (flag.kind, flag.checkpoint, basis)
            for flag in flags
            if flag.status == "resolved"
            for basis in (None, flag.basis.partition("#")[0])
        }
        for (kind, checkpoint), basis in found.items():
            there = live.get((kind, checkpoint))
            if there is None and (kind, checkpoint, basis) not in resolved:
                yield f"{episode}: no flag says {kind} {checkpoint}"
            elif there is not None and basis not in (None, there):
                yield f"{episode}: {kind} {checkpoint} rests on {there}, not on {basis}"
        if stale := live.keys() - found.keys():
            yield f"{episode}: the flags {sorted(stale)} have no ground any more"


def too_many_visits_are_flagged_until_somebody_looked(moment: Moment) -> Faults:
    """A flag that was resolved holds for as long as the visit it was about is still one too many."""
    if not moment.swept:
        return
    for episode in moment.model.episodes:
        beyond = findings.beyond_the_limit(episode, moment.seen)
        flags = [flag for flag in moment.seen.flags[episode.id] if flag.kind == "visits_over_threshold"]
        looked_at = {flag.basis.partition("#")[0] for flag in flags if flag.status == "resolved"}
        live = any(flag.status in LIVE for flag in flags)
        if beyond and not live and not beyond & looked_at and episode.patient.status != "deceased":
            yield f"{episode}: {len(beyond)} visits too many, none of them flagged or looked at"


RULES: tuple[Callable[[Moment], Faults], ...] = (
    windows_are_those_of_the_plan,
    states_follow_from_what_happened,
    nothing_is_pending_in_what_has_ended,
    answers_are_taken_as_the_rules_say,
    answers_are_stored_as_given,
    every_set_is_scored,
    every_answered_checkpoint_is_judged,
    emails_are_planned_by_the_cadence,
    no_coming_email_is_forgotten,
    every_unsent_email_says_why,
    a_message_is_sent_once_or_never,
    emails_are_few_and_far_between,
    facts_only_grow,
    what_has_left_is_never_taken_back,
    flags_are_unique,
    a_resolved_finding_returns_only_on_a_new_basis_and_names_its_predecessor,
    the_feed_has_no_gaps,
    flags_go_through_legal_steps,
    symptoms_are_flagged_at_once,
    flags_say_what_the_rules_find,
    too_many_visits_are_flagged_until_somebody_looked,
)


def faults(moment: Moment) -> list[str]:
    """Everything that is not as it must be, each with the rule it breaks."""
    return [f"{rule.__name__.replace('_', ' ')}: {fault}" for rule in RULES for fault in rule(moment)]
