"""The flags of one clinic as arrays: what the judgements, visits and missed surveys of its episodes left behind."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from prom_service.pathway.judgement import Outcome
from prom_service.simulation.population.answers import Answers
from prom_service.simulation.population.attended import Attended
from prom_service.simulation.population.care import TIMEPOINTS, Care
from prom_service.simulation.population.judged import Judged
from prom_service.simulation.population.written import DAY, NEVER, Bools, Ints

SEVERITIES = ("high", "medium", "low")
LIMIT = 14
RESOLVED = 0.6
COUNTED = (0, 2)
"""Of the formats: individual and telehealth."""


@dataclass(frozen=True, eq=False)
class Found:
    """Findings of one kind: ``basis`` is a row of its ``source`` (responses, visits, episodes by timepoint)."""

    kind: str
    source: str
    episode: Ints
    timepoint: Ints
    basis: Ints
    severity: Ints
    at: Ints


@dataclass(frozen=True, eq=False)
class Raised:
    """A clinic's flags of one kind with the ends of some of them."""

    found: Found
    resolved_at: Ints


def raise_flags(
    rng: np.random.Generator, care: Care, answers: Answers, standing: Ints, judged: Judged, visits: Attended
) -> Iterator[Raised]:
    """Yield the flags of each kind, raised when the fact they rest on became known."""
    for found in (
        *_by_judgement(care, answers, standing, judged),
        _over_limit(care, visits),
        _missed(care, answers),
    ):
        after = found.at + rng.integers(DAY, 40 * DAY, len(found.at))
        ends = (rng.random(len(found.at)) < RESOLVED) & (after < care.until)
        yield Raised(found, np.where(ends, after, NEVER))


def _by_judgement(care: Care, answers: Answers, standing: Ints, judged: Judged) -> Iterator[Found]:
    stands = standing[answers.episode[judged.response], answers.timepoint[judged.response]] == judged.response
    unclear = np.isin(judged.outcome, (Outcome.NOT_IMPROVED, Outcome.UNCERTAIN))
    for kind, wanted in (("deterioration", judged.outcome == Outcome.WORSE), ("non_responder", unclear)):
        some = np.flatnonzero(wanted & stands)
        response = judged.response[some]
        episode, timepoint = answers.episode[response], answers.timepoint[response]
        at = np.maximum(answers.recorded[response], care.windows[episode, timepoint, 1])
        low = judged.outcome[some] == Outcome.UNCERTAIN
        severity = np.where(low, 2, np.where(timepoint == 1, 1, 0))
        known = at < care.until
        columns = (episode, timepoint, response, severity, at)
        yield Found(kind, "response", *(column[known] for column in columns))


def _over_limit(care: Care, visits: Attended) -> Found:
    counted = np.flatnonzero(visits.stands & np.isin(visits.format, COUNTED))
    episode = visits.episode[counted]
    ordinal = np.arange(len(counted)) - np.searchsorted(episode, episode)
    crossing = counted[ordinal == LIMIT]
    episode = visits.episode[crossing]
    nowhere = np.full(len(crossing), NEVER)
    return Found(
        "visits_over_threshold", "visit", episode, nowhere, crossing, np.zeros_like(crossing), visits.recorded[crossing]
    )


def _missed(care: Care, answers: Answers) -> Found:
    answered = np.zeros((care.count, len(TIMEPOINTS)), dtype=bool)
    answered[answers.episode, answers.timepoint] = True
    late_after = care.windows[:, :, 2]
    episode, timepoint = np.nonzero(~answered & was_asked(care) & (late_after < care.until))
    basis = episode * len(TIMEPOINTS) + timepoint
    return Found(
        "survey_missed",
        "administration",
        episode,
        timepoint,
        basis,
        np.full_like(basis, 2),
        late_after[episode, timepoint],
    )


def was_asked(care: Care) -> Bools:
    """Return by episode and timepoint whether its window was neither past at enrolment nor cut off by the closing."""
    opens, late_after = care.windows[:, :, 0], care.windows[:, :, 2]
    cut_off = (care.closed_at[:, None] >= 0) & (care.closed_at[:, None] < late_after)
    return (care.enrolled[:, None] < late_after) & ~cut_off & (opens >= 0)
