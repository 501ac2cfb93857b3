"""Which scales the pathways ask, and with which rows of the registry their changes and scores are compared."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import instruments
from instruments import thresholds
from instruments.thresholds import Threshold
from prom_service.pathway.definition import all_pathways
from prom_service.pathway.shape import GROC, PASS, SAFETY, Measure, Pathway

PUBLISHED = ("MIC", "MCII", "SCB", "PASS")
AFTER_SURGERY = ("hip replacement", "hip arthroscopy", "surgical")
"""Treatments whose thresholds are for reading, never for judging care without an operation."""


@dataclass(frozen=True)
class Comparison:
    """One row of the registry as this report uses it.

    ``uses`` are the pathways and timepoints that name it; empty: it is published and compared wherever its scale is
    answered.
    """

    row: Threshold
    uses: frozenset[tuple[str, str]]
    registered: bool


def measures_of(pathways: Iterable[Pathway]) -> tuple[Measure, ...]:
    """Return every scale that the pathways ask more than once, those they judge by first.

    The ratings that are themselves a change or a state (GROC, PASS) and the safety screen are not among them.
    """
    pathways = tuple(pathways)
    judged = [measure.key for pathway in pathways for measure in _judged(pathway)]
    asked = [key for pathway in pathways for ref in _asked(pathway) for key in _scales(ref)]
    return tuple(_measure(*key) for key in dict.fromkeys((*judged, *asked)) if key not in (GROC, PASS))


def comparisons_of(pathways: Iterable[Pathway], measures: Iterable[Measure]) -> tuple[Comparison, ...]:
    """Return the rows for these scales: published ones for care without an operation, and those the pathways name."""
    named: dict[Threshold, set[tuple[str, str]]] = {}
    for pathway in pathways:
        for timepoint, row in _named(pathway):
            named.setdefault(row, set()).add((pathway.ref, timepoint))
    found = []
    for measure in measures:
        rows = [row for row in thresholds.for_instrument(measure.instrument) if row.scale == measure.scale]
        ours = [row for row in named if (row.instrument, row.scale) == measure.key]
        for row in dict.fromkeys((*rows, *ours)):
            if row.kind in PUBLISHED and (row in ours or row.treatment not in AFTER_SURGERY):
                found.append(Comparison(row, frozenset(), registered=True))
            elif row in ours:
                found.append(Comparison(row, frozenset(named[row]), registered=row in thresholds.all_thresholds()))
    return tuple(found)


def _asked(pathway: Pathway) -> Iterator[str]:
    for timepoint in pathway.timepoints:
        if timepoint.follow_up:
            yield from (ref for ref in (*timepoint.instruments, *timepoint.optional_instruments) if ref != SAFETY)


def _scales(ref: str) -> list[tuple[str, str]]:
    return [(ref, scale.key) for scale in instruments.find(ref).scales]


def _measure(ref: str, key: str) -> Measure:
    """The scale with the title by which the pathways that ship call it, and with its measurement error."""
    instrument = instruments.find(ref)
    scale = instrument.scale(key)
    best, worst = float(scale.best), float(scale.minimum + scale.maximum - scale.best)
    titles = {measure.key: measure.title for pathway in all_pathways() for measure in _judged(pathway)}
    title = titles.get((ref, key), f"{instrument.key.upper()} {scale.title}")
    return Measure(ref, key, title, best, worst, thresholds.measurement_error(ref, key), None)


def _judged(pathway: Pathway) -> Iterator[Measure]:
    yield from (one.measure for one in pathway.primary)
    yield from (one.measure for one in pathway.function)


def _named(pathway: Pathway) -> Iterator[tuple[str, Threshold]]:
    """Every row that is a criterion by itself, with the timepoint at which it is one."""
    for timepoint in pathway.timepoints:
        for criterion in timepoint.criteria:
            yield from ((timepoint.key, row) for row in (*criterion.improved, *criterion.borderline))
        if timepoint.follow_up:
            yield from ((timepoint.key, one.change) for one in pathway.function if one.groc is None)
