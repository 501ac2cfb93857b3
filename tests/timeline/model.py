"""What must be the case: patients, episodes and administrations by the rules of the domain, kept beside the service.

Nothing in here asks the service. People's acts and the runs of the jobs change the model as the rules say they should;
what the database holds is then compared with it.
"""

import datetime as dt
import itertools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.timeline.answers import PRIMARY, SAFETY, Judged, Payload, Worth, codes, judge, merged, worth
from tests.timeline.windows import (
    DAY,
    MOST_MAILS,
    REST,
    TIMEPOINTS,
    Window,
    cadence,
    day_begins,
    local,
    mailing_moment,
    windows,
)

ENDED = ("withdrawn", "deceased")
TO_BE_ANSWERED = ("planned", "open", "started")
VISITS_NOTICED, VISITS_ALLOWED = 12, 14
COUNTED_FORMATS = ("individual", "telehealth")


def shown_by_name(thing: object, printer: Any, _cycle: bool) -> None:
    """How Hypothesis prints what a step was done to: by its name, not with all that hangs on it."""
    printer.text(repr(thing))


@dataclass(eq=False)
class Letter:
    """An email that a mail server may have."""

    message_id: uuid.UUID
    administration: "Administration"
    to: str
    at: dt.datetime
    token: str
    bounced: bool = False
    dead: bool = False
    """Its link was revoked."""
    reports: set[str] = field(default_factory=set)
    """What was reported of it so far."""

    def __repr__(self) -> str:
        return f"the letter of {self.at:%d %B} about {self.administration}"

    _repr_pretty_ = shown_by_name


@dataclass(frozen=True)
class Given:
    """A set of answers that came in: the ``first``, a ``partial`` one scored from drafts, or an ``amendment``."""

    kind: str
    payload: Payload
    at: dt.datetime
    late: bool

    @property
    def worth(self) -> Worth:
        return worth(self.payload)


@dataclass(eq=False)
class Patient:
    name: str
    id: uuid.UUID
    zone: str
    address: str
    status: str = "active"
    paused_until: dt.date | None = None
    unsubscribed: bool = False
    bounced: bool = False
    links_revoked: bool = False
    letters: list[Letter] = field(default_factory=list)
    claimed: list["Administration"] = field(default_factory=list)
    """What a process that died had in hand about them; as long as nobody settled it, it may still go out."""
    episodes: list["Episode"] = field(default_factory=list)

    def __repr__(self) -> str:
        return self.name

    _repr_pretty_ = shown_by_name

    def mails(self, now: dt.datetime) -> list[tuple["Administration", dt.datetime]]:
        """What was or may be about to be sent, and when."""
        return [(one.administration, one.at) for one in self.letters] + [(one, now) for one in self.claimed]

    @property
    def reachable(self) -> bool:
        """Whether mail to the present address may ever go."""
        return self.status not in ENDED and not self.unsubscribed and not self.bounced

    @property
    def administrations(self) -> list["Administration"]:
        return [one for episode in self.episodes for one in episode.administrations.values()]

    def pause_ends(self, now: dt.datetime) -> dt.datetime:
        """When to ask again about a pause: after its last local day, or tomorrow when nobody knows that."""
        if self.status != "paused":
            return now
        last = self.paused_until or local(now, self.zone).date()
        return day_begins(last + DAY, self.zone)

    def end(self, status: str) -> None:
        """Withdrawn or dead: everything pending is cancelled; death closes the episodes too."""
        self.status = status
        for one in self.administrations:
            one.cancel()


@dataclass(eq=False)
class Visit:
    number: str
    on: dt.date
    format: str
    reassessed: bool
    voided: bool = False

    def __repr__(self) -> str:
        return self.number

    _repr_pretty_ = shown_by_name


@dataclass(eq=False)
class Episode:
    name: str
    id: uuid.UUID
    patient: Patient
    pathway: str
    side: str
    started_on: dt.date
    enrolled_at: dt.datetime
    closed_on: dt.date | None = None
    administrations: dict[str, "Administration"] = field(default_factory=dict)
    visits: list[Visit] = field(default_factory=list)

    def __repr__(self) -> str:
        return self.name

    _repr_pretty_ = shown_by_name

    @property
    def ended(self) -> bool:
        """Whether nothing is asked in it any more."""
        return self.closed_on is not None or self.patient.status in ENDED

    @property
    def closed_at(self) -> dt.datetime | None:
        return None if self.closed_on is None else day_begins(self.closed_on + DAY, self.patient.zone)

    def plan(self, ids: dict[str, uuid.UUID], now: dt.datetime) -> None:
        """Enrolment: every timepoint gets its window; one that is late already is not asked."""
        for timepoint, window in windows(self.started_on, self.patient.zone).items():
            state = "not_asked" if now >= window.late_after else "open" if now >= window.opens_at else "planned"
            self.administrations[timepoint] = Administration(ids[timepoint], self, timepoint, window, state)

    def forbids(self, started_on: dt.date) -> bool:
        """Whether treatment or answers show that care began before a start that is later than the present one."""
        if started_on <= self.started_on:
            return False
        answered = {
            key: local(one.standing.at, self.patient.zone).date()
            for key, one in self.administrations.items()
            if one.standing is not None
        }
        slack = {"baseline": 14 * DAY}
        return any(started_on > on + slack.get(key, 0 * DAY) for key, on in answered.items()) or any(
            not visit.voided and started_on > visit.on for visit in self.visits
        )

    def moves(self, started_on: dt.date, zone: str) -> dict[str, Window]:
        """The windows a new start or zone would give those it moves: what is answered, cancelled or ended stays."""
        return {
            timepoint: window
            for timepoint, window in windows(started_on, zone).items()
            if self.administrations[timepoint].may_move and self.administrations[timepoint].window != window
        }

    def move(self, started_on: dt.date, zone: str, now: dt.datetime) -> list["Administration"]:
        """Move what moves, and return it."""
        moved = []
        for timepoint, window in self.moves(started_on, zone).items():
            self.administrations[timepoint].move(window, now)
            moved.append(self.administrations[timepoint])
        self.started_on = started_on
        return moved

    def close(self, closed_on: dt.date) -> None:
        self.closed_on = closed_on
        for one in self.administrations.values():
            one.cancel()

    @property
    def counted_visits(self) -> int:
        return sum(not visit.voided and visit.format in COUNTED_FORMATS for visit in self.visits)

    def judged(self, timepoint: str) -> Judged | None:
        """How an answered follow-up is to be judged; a baseline in time is preferred to one that came late."""
        response = self.administrations[timepoint].standing
        if timepoint == "baseline" or response is None:
            return None
        baseline = self.administrations["baseline"].standing
        late = baseline is not None and baseline.late
        return judge(self.pathway, timepoint, baseline and baseline.worth, late, response.worth)

    @property
    def demonstrated(self) -> bool:
        return any(judged.demonstrated for key in TIMEPOINTS if (judged := self.judged(key)))

    def missing(self, response: Given) -> int:
        """How many primary scores a response lacks."""
        return sum(response.worth.scores[scale] is None for scale in PRIMARY[self.pathway])

    def has_enough(self, response: Given | None) -> bool:
        return response is not None and self.missing(response) < len(PRIMARY[self.pathway])


@dataclass(eq=False)
class Administration:
    id: uuid.UUID
    episode: Episode
    timepoint: str
    window: Window
    state: str
    started: bool = False
    declined: bool = False
    settled: bool = False
    """Late drafts were looked at when the window closed for good."""
    late: bool = False
    drafts: list[tuple[dt.datetime, Payload]] = field(default_factory=list)
    given: list[Given] = field(default_factory=list)
    consumed: int = 0
    """Steps of the cadence that count as gone: emails that had arrived inside the window when it was planned anew."""
    asked: set[uuid.UUID] = field(default_factory=set)
    """Messages that staff asked for."""

    def __repr__(self) -> str:
        return f"{self.timepoint} of {self.episode}"

    _repr_pretty_ = shown_by_name

    @property
    def patient(self) -> Patient:
        return self.episode.patient

    @property
    def over(self) -> bool:
        """Whether nothing is to come of it any more, unless somebody answers late or moves the start."""
        return self.state not in TO_BE_ANSWERED

    @property
    def letters(self) -> list[Letter]:
        return [letter for letter in self.patient.letters if letter.administration is self]

    @property
    def cadence(self) -> list[dt.datetime]:
        return cadence(self.timepoint, self.window, self.episode.enrolled_at, self.patient.zone)

    # answers

    def takes_answers(self, at: dt.datetime) -> bool:
        """Whether answers given at that moment are taken: from opening to closing, unless it or all is over."""
        over = self.state in ("completed", "cancelled") or self.episode.ended
        return not over and self.window.opens_at <= at < self.window.closes_at

    def takes_amendments(self) -> bool:
        return self.state == "completed" and self.patient.status not in ENDED

    def press_start(self) -> None:
        self.started = True
        if self.state in ("planned", "open"):
            self.state = "started"

    def save(self, payload: Payload, now: dt.datetime) -> None:
        self.drafts.append((now, payload))

    def draft(self, *, before: dt.datetime | None = None, changed: Payload | None = None) -> Payload:
        """All that was saved, as it stood ``before`` a moment or as it is with a change."""
        parts = [payload for at, payload in self.drafts if before is None or at < before]
        return merged([*parts, changed or {}])

    def submit(self, payload: Payload, at: dt.datetime, now: dt.datetime) -> str:
        """Take a finished set in, and return what becomes of it: the first stands, the same again is nothing new."""
        return self._take(payload, at, now, known=self.finished)

    def amend(self, changes: Payload, now: dt.datetime) -> str:
        """Take a change after sending in. The last word counts, also when it is that of an earlier set."""
        return self._take(self.draft(changed=changes), now, now, known=self.finished[-1:])

    @property
    def finished(self) -> list[Given]:
        return [one for one in self.given if one.kind != "partial"]

    def _take(self, payload: Payload, at: dt.datetime, now: dt.datetime, *, known: list[Given]) -> str:
        if any(codes(one.payload) == codes(payload) for one in known):
            return "same"
        if self.state in TO_BE_ANSWERED and self.started and now >= self.window.late_after:
            self._score_drafts(self.window.late_after)
        self.drafts.append((now, payload))
        kind = "amendment" if self.finished else "first"
        self.given.append(Given(kind, payload, at, late=at >= self.window.late_after))
        if kind == "first":
            self.state, self.late = "completed", at >= self.window.late_after
        return kind

    @property
    def standing(self) -> Given | None:
        """The set that counts. A baseline that came in time is preferred to a late one."""
        standing = [one for one in self.given if one.kind != "amendment"]
        in_time = [one for one in standing if not one.late]
        return next(reversed(in_time if self.timepoint == "baseline" and in_time else standing), None)

    @property
    def came_in(self) -> Given | None:
        """The set that counts, unless it is a draft without a primary score; then a late baseline that is more."""
        late = [one for one in self.given if self.timepoint == "baseline" and one.kind != "amendment" and one.late]
        sets = [one for one in (self.standing, *reversed(late)) if one is not None]
        return next((one for one in sets if one.kind != "partial" or self.episode.has_enough(one)), None)

    @property
    def symptoms(self) -> dict[str, bool]:
        """The safety items that were ever answered yes, sent in or not, each with whether that is the last word."""
        ever = {
            item
            for _, payload in self.drafts
            for item, value in payload.get(SAFETY, {}).items()
            if value == 1 and int(item[1:]) <= 10
        }
        now = self.draft().get(SAFETY, {})
        return {item: now[item] == 1 for item in ever}

    # time

    def open_if_due(self, now: dt.datetime) -> None:
        if self.state == "planned" and now >= self.window.opens_at:
            self.state = "open"

    def settle_if_late(self, now: dt.datetime) -> None:
        """At ``late_after`` what was saved until then is scored as partial if it can be; else the answers are missed.

        What was saved later is looked at once more when the window closes for good.
        """
        if self.state in TO_BE_ANSWERED and now >= self.window.late_after:
            self.state = "missed"
            self._score_drafts(self.window.late_after)
        if self.state in ("missed", "partial") and self.started and not self.settled and now >= self.window.closes_at:
            self.settled = True
            self.late = self._score_drafts(self.window.closes_at)

    def _score_drafts(self, before: dt.datetime) -> bool:
        """Score what was saved before a moment as partial, unless it is what stands; say whether that is new."""
        payload = self.draft(before=before)
        known = self.given and codes(self.given[-1].payload) == codes(payload)
        if known or not self._is_scored(worth(payload), before):
            return False
        at = max(at for at, _ in self.drafts if at < before)
        self.state = "partial"
        self.given.append(Given("partial", payload, at, late=at >= self.window.late_after))
        return True

    def _is_scored(self, drafts: Worth, before: dt.datetime) -> bool:
        """A baseline without any primary score waits for the rest until its window closes for good."""
        if self.timepoint == "baseline" and before < self.window.closes_at:
            return any(drafts.scores[scale] is not None for scale in PRIMARY[self.episode.pathway])
        return drafts.scorable

    # changes of plan

    def cancel(self) -> None:
        if self.state in TO_BE_ANSWERED:
            self.state = "cancelled"

    @property
    def may_move(self) -> bool:
        return self.state not in ("completed", "partial", "cancelled") and not self.episode.ended

    def move(self, window: Window, now: dt.datetime) -> None:
        """Take the new window. What was asked and is over stays missed, or soon will be; what was not, is not asked."""
        self.window = window
        over = now >= window.late_after
        if over and self.state in TO_BE_ANSWERED and not self.started and not self.letters:
            self.state = "not_asked"
        elif not over:
            self.settled = False
            self.state = "started" if self.started else "open" if now >= window.opens_at else "planned"

    def replan(self, now: dt.datetime) -> set[dt.datetime]:
        """Return for when its emails are to be planned now: what is still to come, and one for all that was missed.

        Emails that have arrived inside the window count as its first steps; after any of them nothing is caught up.
        """
        self.asked.clear()
        if self.state not in TO_BE_ANSWERED or now >= self.window.late_after:
            return set()
        self.consumed = sum(not one.bounced and one.at >= self.window.opens_at for one in self.letters)
        steps = self.cadence[self.consumed :]
        missed = [step for step in steps if step <= now]
        caught_up = set(missed[-1:]) if not self.consumed else set()
        return caught_up | {step for step in steps if step > now}

    # may it be mailed?

    def never_again(self, now: dt.datetime) -> bool:
        """Whether no further email about it may go, whatever comes, as things are now."""
        return (
            not self.patient.reachable
            or self.episode.ended
            or self.declined
            or self.state in ("completed", "cancelled", "not_asked")
            or now >= self.window.late_after
            or sum(one is self for one, _ in self.patient.mails(now)) >= MOST_MAILS
            or self.covered(now)
        )

    def covered(self, now: dt.datetime) -> bool:
        """Whether a recent email about the patient's other open questionnaire, closing first, leads on to this one."""
        return any(
            one is not self and one.is_open(now) and one.closes_before(self) and at > now - REST
            for one, at in self.patient.mails(now)
        )

    def is_open(self, now: dt.datetime) -> bool:
        return self.state in TO_BE_ANSWERED and self.takes_answers(now)

    def closes_before(self, other: "Administration") -> bool:
        return (self.window.closes_at, self.id) < (other.window.closes_at, other.id)

    def next_moment(self, now: dt.datetime, *, weekends: bool) -> dt.datetime:
        """The first moment at which it may be mailed: now, or when window, pause, rest and hours allow it."""
        rested = [at + REST for _, at in self.patient.mails(now)]
        waits = [now, self.window.opens_at, self.patient.pause_ends(now), *rested]
        return mailing_moment(max(waits), self.patient.zone, weekends=weekends)


@dataclass(eq=False)
class Model:
    """The clinic."""

    zone: str
    weekends: bool
    patients: list[Patient] = field(default_factory=list)
    number: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def episodes(self) -> list[Episode]:
        return [episode for patient in self.patients for episode in patient.episodes]

    @property
    def administrations(self) -> list[Administration]:
        return [one for episode in self.episodes for one in episode.administrations.values()]

    @property
    def letters(self) -> list[Letter]:
        return [letter for patient in self.patients for letter in patient.letters]

    def edges(self, now: dt.datetime) -> list[dt.datetime]:
        """The instants ahead at which something turns: windows, emails, the end of a rest or a pause."""
        moments = {letter.at + REST for letter in self.letters}
        for one in self.administrations:
            moments |= {one.window.opens_at, one.window.target_at, one.window.late_after, one.window.closes_at}
            moments |= {*one.cadence, one.patient.pause_ends(now)}
        return sorted(moment for moment in moments if moment > now)
