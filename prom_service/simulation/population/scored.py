"""The answers to each questionnaire as codes, and their scores by the scoring core."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import instruments
from instruments import NOT_APPLICABLE, SKIPPED, Instrument
from instruments.codes import Codes
from prom_service.pathway.definition import find
from prom_service.pathway.shape import SAFETY
from prom_service.simulation.population.answers import Answers
from prom_service.simulation.population.care import REFS, TIMEPOINTS, Care
from prom_service.simulation.population.written import Ints

ScaleKey = tuple[str, str]
Floats = NDArray[np.float64]
ACTIVITIES = 3
"""So many does every patient name, of those that one may."""
DEPTHS = ("everything", "primary")


@dataclass(frozen=True, eq=False)
class AnswerSets:
    """What some responses (``rows``) say to one instrument, with the scores that gives by instrument and scale."""

    instrument: Instrument
    rows: Ints
    codes: Codes
    scores: Mapping[ScaleKey, instruments.ScaleScores]

    def derived(self, ref: str) -> bool:
        """Return whether the scores under that reference are of a short form of the instrument."""
        return ref != self.instrument.ref


def answer_sets(rng: np.random.Generator, care: Care, answers: Answers, depth: str) -> Iterator[AnswerSets]:
    """Yield what every response says to every instrument asked, or only to those by which its pathway judges."""
    pathway = care.pathway[answers.episode]
    for number, ref in enumerate(REFS):
        for timepoint in range(len(TIMEPOINTS)):
            rows = np.flatnonzero((pathway == number) & (answers.timepoint == timepoint))
            for instrument in _asked(ref, TIMEPOINTS[timepoint], depth):
                codes = _codes(rng, care, answers.where(rows), instrument)
                yield AnswerSets(instrument, rows, codes, dict(_scores(instrument, codes, depth)))


def scale_values(sets: list[AnswerSets], responses: int) -> dict[ScaleKey, Floats]:
    """Return each scale's value for every response, nan where it has none."""
    values: dict[ScaleKey, Floats] = {}
    for one in sets:
        for key, scores in one.scores.items():
            values.setdefault(key, np.full(responses, np.nan))[one.rows] = scores.values
    return values


def _asked(ref: str, timepoint: str, depth: str) -> list[Instrument]:
    pathway = find(ref)
    refs = pathway.timepoint(timepoint).instruments
    if depth == "primary":
        refs = tuple(dict.fromkeys(primary.measure.instrument for primary in pathway.primary))
    return [instruments.find(one) for one in refs if one != SAFETY]


def _codes(rng: np.random.Generator, care: Care, answers: Answers, instrument: Instrument) -> Codes:
    level = care.level[answers.episode, answers.timepoint] + rng.normal(0, 1, len(answers))
    gain = level - care.level[answers.episode, 0]
    low, high = instrument.items[0].minimum, instrument.items[0].maximum
    latent, noise = {
        "groc": (gain / 4.5, 0.7),
        "pass": ((level - 62) / 12 + 0.5, 0.5),
        "psfs": (level / 10, 0.5),
        "nprs": ((100 - level) / 9, 0.5),
        "ihot-12": (level, 7.0),
    }.get(instrument.key, (low + (100 - level) / 100 * (high - low), 0.45))
    shape = (len(instrument.items), len(answers))
    drawn = (latent + rng.normal(0, noise, shape)).round().clip(low, high).astype(np.int8)
    may = np.array([item.na_allowed for item in instrument.items])
    drawn[(rng.random(shape) < 0.05) & may[:, None]] = NOT_APPLICABLE
    left_out = np.arange(shape[0])[:, None] >= np.maximum(1, (answers.keep * shape[0]).round())[None, :]
    drawn[left_out] = SKIPPED
    if instrument.key == "psfs":
        drawn[ACTIVITIES:] = SKIPPED
    codes: Codes = drawn.T
    return codes


def _scores(instrument: Instrument, codes: Codes, depth: str) -> Iterator[tuple[ScaleKey, instruments.ScaleScores]]:
    for key, scores in instruments.score_codes(instrument, codes).items():
        yield (instrument.ref, key), scores
    for short in instruments.derived_from(instrument) if depth == "everything" else ():
        columns = [instrument.item_codes.index(code) for code in short.item_codes]
        for key, scores in instruments.score_codes(short, np.asfortranarray(codes[:, columns])).items():
            yield (short.ref, key), scores
