"""The care of one clinic as arrays, one row for each episode: who is treated, from when to when, and how it goes."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from prom_service.pathway.definition import find
from prom_service.pathway.plan import plan_administrations
from prom_service.simulation.cohort import PATHWAY_SHARES, PATHWAYS
from prom_service.simulation.population.written import DAY, NEVER, Bools, Ints, second_of

REFS = tuple(PATHWAYS)
TIMEPOINTS = ("baseline", "6-weeks", "3-months")
CLINICIANS = 8
FOLLOWED_DAYS = 730
MOST_VISITS = 30
GAINS = np.array([(0, 15, 26), (0, 3, 19), (0, 1, 3), (0, -10, -18), (0, 13, 2), (0, 24, 36)], dtype=np.float64)
"""Points of 100 gained by each timepoint: as in ``simulation.cohort``, without its rarest courses."""
GAIN_SHARES = (0.46, 0.14, 0.18, 0.07, 0.07, 0.08)


@dataclass(frozen=True, eq=False)
class Care:
    """The episodes of one clinic. ``windows`` holds opens, target, late and closes of each timepoint, in seconds."""

    until: int
    pathway: Ints
    diagnosis: Ints
    clinician: Ints
    second_side: Bools
    """Of the patient of the episode before."""
    started: Ints
    first_started: Ints
    """The start as it was enrolled; differs where it was moved two days later."""
    enrolled: Ints
    closed: Ints
    closed_at: Ints
    has_email: Bools
    level: NDArray[np.float64]
    visits: Ints
    visit_gap: NDArray[np.float64]
    windows: Ints

    @property
    def count(self) -> int:
        """Return the number of episodes."""
        return len(self.pathway)


def draw_care(rng: np.random.Generator, count: int, zone: str, until_day: int) -> Care:
    """Return the care of a clinic, drawn afresh; nothing in it is later than the day ``until_day``."""
    until = until_day * DAY
    pathway = rng.choice(len(REFS), count, p=PATHWAY_SHARES)
    diagnoses = np.array([len(PATHWAYS[ref]) for ref in REFS])[pathway]
    first_started = until_day - rng.integers(7, FOLLOWED_DAYS, count)
    moved = (rng.random(count) < 0.01) & (first_started < until_day - 20)
    started = np.where(moved, first_started + rng.integers(1, 6, count), first_started)
    late_enrolment = rng.random(count) < 0.01
    enrolled = first_started * DAY + rng.integers(8 * 3600, 18 * 3600, count) + late_enrolment * 20 * DAY
    enrolled = np.minimum(enrolled, until - DAY)
    visits = np.exp(rng.normal(np.log(10), 0.5, count)).round().clip(0, MOST_VISITS).astype(np.int64)
    visits[rng.random(count) < 0.03] = 0
    visit_gap = rng.uniform(4, 12, count)
    last = started + (visits * visit_gap).astype(np.int64) + rng.integers(1, 60, count)
    last = np.maximum(last, started + rng.integers(60, 200, count))
    closed = np.where((last < until_day - 3) & (rng.random(count) < 0.9), last, NEVER)
    second_side = (rng.random(count) < 0.05) & (np.arange(count) % 2 == 1)
    course = GAINS[rng.choice(len(GAINS), count, p=GAIN_SHARES)]
    level = rng.normal(45, 13, count)[:, None] + course + rng.normal(0, 5, (count, 3)) * [0, 1, 1]
    return Care(
        until=until,
        pathway=pathway,
        diagnosis=rng.integers(0, diagnoses + 1),
        clinician=rng.integers(0, CLINICIANS, count),
        second_side=second_side,
        started=started,
        first_started=first_started,
        enrolled=enrolled,
        closed=closed,
        closed_at=np.where(closed < 0, NEVER, closed * DAY + rng.integers(9 * 3600, 3 * DAY, count)).clip(
            max=until - 60
        ),
        has_email=rng.random(count) < 0.5,
        level=level.clip(3, 97),
        visits=visits,
        visit_gap=visit_gap,
        windows=_windows(pathway, started, zone),
    )


def _windows(pathway: Ints, started: Ints, zone: str) -> Ints:
    """Plan every start once and look the plans up; shape (episodes, timepoints, 4)."""
    keys, where = np.unique(np.stack([pathway, started]), axis=1, return_inverse=True)
    plans = [_plan(REFS[ref], day, zone) for ref, day in keys.T.tolist()]
    return np.array(plans, dtype=np.int64).reshape(-1, len(TIMEPOINTS), 4)[where.reshape(-1)]


def _plan(ref: str, day: int, zone: str) -> list[list[int]]:
    start = np.datetime64(day, "D").item()
    moment = np.datetime64(day * DAY, "s").item().replace(tzinfo=ZoneInfo("UTC"))
    plan = plan_administrations(find(ref), start, ZoneInfo(zone), enrolled_at=moment)
    return [
        [second_of(instant) for instant in (one.opens_at, one.target_at, one.late_after, one.closes_at)] for one in plan
    ]
