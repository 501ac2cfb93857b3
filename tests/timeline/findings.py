"""Which findings the rules must have raised for an episode, and on what each rests."""

import datetime as dt
import uuid
from typing import Any

from prom_service.models import Flag, Visit
from tests.timeline import model
from tests.timeline.model import COUNTED_FORMATS, VISITS_ALLOWED, VISITS_NOTICED, Administration, Episode
from tests.timeline.seen import Seen
from tests.timeline.windows import DAY, local

LIVE = ("open", "acknowledged", "assigned", "snoozed")
REVIEWABLE = ("non_responder", "deterioration")
REVIEW_WITHIN = 14 * DAY
REVIEW_WITHIN_VISITS = 3
NOT_BETTER = ("uncertain", "not_improved", "not_yet_on_track")
MUCH_WORSE = -5

Findings = dict[tuple[str, str], str | None]
"""Kind and checkpoint → basis; None where the basis is not followed here."""


def expected(episode: Episode, seen: Seen, now: dt.datetime) -> Findings:
    """Everything that must be flagged by ``now``, or was and has been resolved."""
    findings: Findings = {}
    clock = min(now, episode.closed_at or now)
    for one in episode.administrations.values():
        if one.symptoms:
            findings["red_flag_symptom", one.timepoint] = f"administration:{one.id}:{','.join(sorted(one.symptoms))}"
        if episode.patient.status != "deceased":
            findings |= _of_answers(one, seen, clock)
        if episode.patient.status not in ("withdrawn", "deceased"):
            findings |= _of_absence(one, clock)
    if episode.patient.status != "deceased":
        findings |= _of_visits(episode) | _of_reviews(episode, seen, clock)
    return findings


def _of_answers(one: Administration, seen: Seen, clock: dt.datetime) -> Findings:
    episode, response = one.episode, one.standing
    if response is None:
        return {}
    findings: Findings = {}
    if one.came_in is not None and episode.missing(one.came_in):
        findings["not_scorable", one.timepoint] = f"response:{_id_of(one.came_in, one, seen)}"
    basis = f"response:{_id_of(response, one, seen)}"
    judged = episode.judged(one.timepoint)
    if judged is None:
        return findings
    groc = response.worth.groc
    if judged.any_worse or (groc is not None and groc <= MUCH_WORSE):
        findings["deterioration", one.timepoint] = basis
    elif judged.outcome in NOT_BETTER and clock >= one.window.target_at:
        findings["non_responder", one.timepoint] = basis
    if judged.without_baseline:
        findings["not_assessable", one.timepoint] = basis
    return findings


def _of_absence(one: Administration, clock: dt.datetime) -> Findings:
    """A window that passed and was settled without enough answers; nothing that was not asked is missed."""
    if one.state in ("not_asked", "cancelled") or clock < one.window.late_after:
        return {}
    findings: Findings = {}
    basis = f"administration:{one.id}"
    settled = one.state in ("missed", "partial", "completed")
    if settled and one.came_in is None:
        findings["survey_missed", one.timepoint] = basis
    if one.timepoint == "baseline" and settled and not one.episode.has_enough(one.came_in):
        findings["baseline_missing", one.timepoint] = basis
    return findings


def _of_visits(episode: Episode) -> Findings:
    if episode.counted_visits > VISITS_ALLOWED:
        return {("visits_over_threshold", ""): None}
    if episode.counted_visits >= VISITS_NOTICED and not episode.demonstrated:
        return {("visits_near_threshold", ""): None}
    return {}


def beyond_the_limit(episode: Episode, seen: Seen) -> set[str]:
    """The visits from the first on, by their days, that is one too many; as bases."""
    rows = {row.external_id: row for row in seen.all(Visit)}
    counted = []
    for visit in episode.visits:
        if not visit.voided and visit.format in COUNTED_FORMATS:
            row = rows[visit.number]
            name = f"{row.id}/{row.restorations}" if row.restorations else str(row.id)
            counted.append((visit.on, row.recorded_at, name))
    return {f"visit:{name}" for _, _, name in sorted(counted)[VISITS_ALLOWED:]}


def _of_reviews(episode: Episode, seen: Seen, clock: dt.datetime) -> Findings:
    """A 6-week finding that nobody has reviewed for 14 days or 3 more visits, whatever flags said so by turns."""
    waiting = [
        (_unreviewed_from(flag, episode, seen), flag)
        for flag in seen.flags[episode.id]
        if flag.kind in REVIEWABLE and flag.checkpoint == "6-weeks" and flag.status in LIVE
    ]
    for start, flag in sorted(waiting, key=lambda one: (one[0], str(one[1].id))):
        reviewed = any(visit.reassessed for visit in _visits_since(episode, flag.raised_at))
        overdue = clock >= start + REVIEW_WITHIN or len(_visits_since(episode, start)) >= REVIEW_WITHIN_VISITS
        if overdue and not reviewed:
            return {("continued_without_review", "6-weeks"): f"flag:{flag.id}"}
    return {}


def _unreviewed_from(flag: Any, episode: Episode, seen: Seen) -> dt.datetime:
    """When the flag was raised, or the one whose place it took before anybody had reviewed that."""
    if flag.predecessor_id is None:
        return flag.raised_at
    before = seen.one(Flag, flag.predecessor_id)
    replaced = seen.flag_events[before.id][-1]
    at_once = replaced.type == "superseded" and replaced.at == flag.raised_at
    if not at_once or any(visit.reassessed for visit in _visits_since(episode, before.raised_at)):
        return flag.raised_at
    return _unreviewed_from(before, episode, seen)


def _visits_since(episode: Episode, moment: dt.datetime) -> list[model.Visit]:
    on = local(moment, episode.patient.zone).date()
    return [visit for visit in episode.visits if not visit.voided and visit.on > on]


def _id_of(response: model.Given, one: Administration, seen: Seen) -> uuid.UUID:
    """The id of a response: the model knows which of them it is by its place."""
    rows: list[Any] = seen.responses[one.id]
    return rows[next(place for place, given in enumerate(one.given) if given is response)].id
