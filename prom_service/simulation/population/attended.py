"""The visits of one clinic as arrays: when they were, what was reported of them, corrected, voided and taken back."""

from dataclasses import dataclass

import numpy as np

from prom_service.pathway.shape import VISIT_FORMATS
from prom_service.simulation.population.care import CLINICIANS, Care
from prom_service.simulation.population.written import DAY, NEVER, Bools, Ints

STATUSES = ("attended", "cancelled", "no_show")
CORRECTED, VOIDED, RESTORED, TAKEN_OFF = 0.03, 0.01, 0.3, 0.005
"""Shares: corrected once; voided; of the voided, restored; taken off the episode."""
SHARED = 3
"""So many first visits of a patient with two episodes serve both."""
DOCUMENTED = (
    "{}",
    '{"interventions": "strengthening, movement reeducation", "exercise_load": "10 kg", "repetitions": "8",'
    ' "sets": "3", "time_under_tension": "4 s", "rest": "90 s", "sessions_per_week": "3", "progression": "load"}',
    '{"interventions": "stretching"}',
    '{"interventions": "strengthening, education", "education": "condition, pain, activity, recovery"}',
    '{"interventions": "manual therapy", "medication": "opioid", "imaging": "mri"}',
)
DOCUMENTED_SHARES = (0.3, 0.25, 0.1, 0.25, 0.1)


@dataclass(frozen=True, eq=False)
class Attended:
    """The visits in the order of episodes, as first reported; then each further version of some of them."""

    episode: Ints
    on: Ints
    clinician: Ints
    status: Ints
    format: Ints
    reassessed: Bools
    documentation: Ints
    recorded: Ints
    corrected_at: Ints
    voided_at: Ints
    restored_at: Ints
    taken_off_at: Ints

    def __len__(self) -> int:
        return len(self.episode)

    @property
    def clinician_after(self) -> Ints:
        """Return who the visit is by, once corrected."""
        return np.where(self.corrected_at < 0, self.clinician, (self.clinician + 1) % CLINICIANS)

    @property
    def stands(self) -> Bools:
        """Return whether it was attended, is not voided, and still serves its episode."""
        voided = (self.voided_at >= 0) & (self.restored_at < 0)
        stands: Bools = (self.status == 0) & ~voided & (self.taken_off_at < 0)
        return stands


def draw_visits(rng: np.random.Generator, care: Care) -> Attended:
    """Return every visit up to the end."""
    episode = np.repeat(np.arange(care.count), care.visits)
    ordinal = np.arange(len(episode)) - np.repeat(np.cumsum(care.visits) - care.visits, care.visits)
    on = care.started[episode] + (ordinal * care.visit_gap[episode]).astype(np.int64)
    past = on * DAY < care.until - 2 * DAY
    episode, on = episode[past], on[past]
    count = len(episode)
    same_day = on * DAY + rng.integers(12 * 3600, 20 * 3600, count)
    recorded = same_day + rng.integers(1, 7, count) * (rng.random(count) < 0.2) * DAY
    recorded = np.maximum(recorded, care.enrolled[episode] + 600).clip(max=care.until - 600)
    corrected = _later(rng, recorded, CORRECTED, care.until)
    voided = _later(rng, np.maximum(recorded, corrected), VOIDED, care.until)
    restored = _later(rng, voided, RESTORED, care.until)
    other = rng.random(count) < 0.1
    return Attended(
        episode=episode,
        on=on,
        clinician=np.where(other, rng.integers(0, CLINICIANS, count), care.clinician[episode]),
        status=rng.choice(3, count, p=(0.94, 0.04, 0.02)),
        format=rng.choice(len(VISIT_FORMATS), count, p=(0.85, 0.05, 0.1)),
        reassessed=rng.random(count) < 0.06,
        documentation=rng.choice(len(DOCUMENTED), count, p=DOCUMENTED_SHARES),
        recorded=recorded,
        corrected_at=corrected,
        voided_at=voided,
        restored_at=restored,
        taken_off_at=_later(rng, recorded, TAKEN_OFF, care.until),
    )


def shared_visits(care: Care, visits: Attended) -> tuple[Ints, Ints]:
    """Return which visits serve which further episode: the other side of the same patient."""
    first = np.searchsorted(visits.episode, np.arange(care.count + 1))
    ordinal = np.arange(len(visits)) - first[visits.episode]
    following = visits.episode + 1
    has_other = care.second_side[np.minimum(following, care.count - 1)] & (following < care.count)
    rows = np.flatnonzero(has_other & (ordinal < SHARED))
    known = care.enrolled[visits.episode[rows] + 1] < care.until - 3600
    return rows[known], visits.episode[rows[known]] + 1


def _later(rng: np.random.Generator, moment: Ints, share: float, until: int) -> Ints:
    """Return for a share of the moments one within the next two months, never for the others and after the end."""
    after = moment + rng.integers(3600, 60 * DAY, len(moment))
    return np.where((moment >= 0) & (rng.random(len(moment)) < share) & (after < until), after, NEVER)
