"""What is kept of several clinics put together: their episodes, and the group of the question to which each belongs."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
import pandas as pd

from prom_service.reports.cohort import WRITTEN
from prom_service.reports.kept.content import CELL, DOUBLE, SERVICE, WHO, unpacked
from prom_service.reports.query import ReportQuery
from prom_service.reports.rounding import EVERYTHING

Numbers = defaultdict[str, int]
Columns = dict[str, np.ndarray]


def _numbers() -> Numbers:
    """Return a dictionary that gives every new text the next number."""
    return defaultdict(count().__next__)


@dataclass
class Gathered:
    """The tables of ``content`` over several clinics. An episode is its row in ``who``, whatever its clinic.

    ``who``, ``services`` and ``doubles`` have a ``group`` more: a number of ``groups``. That of a service is its
    clinician's where the question divides by clinician, else its episode's. A number of ``texts`` is a cell.
    """

    query: ReportQuery
    groups: Numbers = field(default_factory=_numbers)
    texts: Numbers = field(default_factory=_numbers)
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    _clinicians: Numbers = field(default_factory=_numbers)
    _parts: dict[str, list[Columns]] = field(default_factory=lambda: defaultdict(list))
    _episodes: int = 0
    _visits: int = 0

    def add(self, code: str, words: Mapping[str, Any], *rows: bytes) -> None:
        """Add what is kept of the clinic with this code; ``rows`` are its episodes, cells and services."""
        who, cells, services = map(_columns, (WHO, CELL, SERVICE), map(unpacked, rows))
        doubles = _columns(DOUBLE, np.array(words["doubles"], dtype="int64"))
        labels, which = self._labels(code, words, who)
        numbers = _of(self.groups, labels)
        who["group"] = numbers[which]
        for served in (services, doubles):
            theirs = self.query.group_by == "clinician"
            served["group"] = numbers[served["clinician"]] if theirs else who["group"][served["episode"]]
        names = (f"{code} {word}" if word else "" for word in words["clinician"])
        who["clinician"] = _of(self._clinicians, names)[who["clinician"]]
        who["patient"] = who["patient"] + self._episodes  # There are no more patients than episodes.
        cells["cell"] = _of(self.texts, words["cells"])[cells["cell"]]
        doubles["visit"] = doubles["visit"] + self._visits
        for table in (cells, services, doubles):
            table["episode"] = table["episode"] + self._episodes
        for name, table in (("who", who), ("cells", cells), ("services", services), ("doubles", doubles)):
            self._parts[name].append(table)
        self.columns = words["columns"]
        self._episodes += len(who["patient"])
        self._visits += len(doubles["visit"])

    def table(self, name: str) -> pd.DataFrame:
        """Return one of the tables."""
        parts = self._parts[name]
        return pd.DataFrame({column: np.concatenate([part[column] for part in parts]) for column in parts[0]})

    def recorded_clinician(self, numbers: pd.Series) -> pd.Series:
        """Return whether these numbers of ``who.clinician`` are those of somebody."""
        return numbers != self._clinicians[""]

    def _labels(self, code: str, words: Mapping[str, Any], who: Columns) -> tuple[list[str], np.ndarray]:
        """Return the names of groups at a clinic, as ``Cohort`` gives them, and which of them each episode's is."""
        by = self.query.group_by
        alone = len(self.query.clinic_ids) == 1
        if by == "period":
            days, which = np.unique(who["started_on"], return_inverse=True)
            return [dt.date.fromordinal(int(day)).isoformat()[: len("2026-01")] for day in days], which
        if by == "clinician":
            return [_written(word) if alone else f"{code} / {_written(word)}" for word in words[by]], who[by]
        if by == "diagnosis":
            return [_written(word) for word in words[by]], who[by]
        if by in ("pathway", "side"):
            return words[by], who[by]
        return [EVERYTHING if by is None else _written(code)], np.zeros(len(who["patient"]), dtype="int64")


def _columns(names: Iterable[str], rows: np.ndarray) -> Columns:
    names = tuple(names)
    return dict(zip(names, rows.reshape(-1, len(names)).T, strict=True))


def _of(numbers: Numbers, texts: Iterable[str]) -> np.ndarray:
    return np.array([numbers[text] for text in texts], dtype="int64")


def _written(name: str) -> str:
    return WRITTEN.get(name, name)
