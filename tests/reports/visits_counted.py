"""Visits, counted one by one for every period: a visit that served two episodes is one visit."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from prom_service.reports.cohort import NAMED_CLINICIANS, NAMED_PATIENTS
from prom_service.reports.layout import POOLED
from prom_service.reports.rounding import EVERYTHING
from tests.reports.counted import ACTIVITY, BY_MONTH, FIRST, MONTHS, Counts, Period

AXES = {"episodes": "started", "activity": "visited"}
"""By which month a visit belongs to a period."""
SERVICES, AGAIN = "services", "again"
"""Visits, those that served two episodes of a group twice: what adds up; and how many those are. In no report."""
COLUMNS = ("visits", "shared", "served", SERVICES, AGAIN)


def named_groups(patients: pd.DataFrame, by: str, period: Period | None) -> frozenset[str]:
    """The groups with enough patients to be named, and diagnoses with enough clinicians; in all periods without one."""
    if period is not None:
        patients = patients[patients["started"].between(period[0], period[1] - 1)]
    enough = patients.groupby(by)["patient"].nunique() >= NAMED_PATIENTS
    if by == "diagnosis":
        told = patients[patients["clinician_code"] != ""].drop_duplicates([by, "clinic", "clinician_code"])
        enough &= told.groupby(by).size().reindex(enough.index, fill_value=0) >= NAMED_CLINICIANS
    return frozenset(enough.index[enough])


def visits_of_groups(services: pd.DataFrame, basis: str, divisions: Sequence[str], periods: Sequence[Period]) -> Counts:
    """The visits of every group and period, and for episodes by their start those of each month of visits."""
    services = services.assign(month=[f"{(FIRST + at) // 12}-{(FIRST + at) % 12 + 1:02}" for at in services["visited"]])
    found = _counts(services.assign(label=EVERYTHING), basis, "", ACTIVITY, periods)
    for by in divisions:
        found |= _counts(services.assign(label=services[by]), basis, by, ACTIVITY, periods)
    if basis == "episodes":
        found |= _counts(services.assign(label=services["month"]), basis, "", BY_MONTH, periods)
    return found


def visits_of_pools(
    services: pd.DataFrame, basis: str, by: str, periods: Sequence[Period], named: Mapping[Period, frozenset[str]]
) -> Counts:
    """The visits of the groups that are not named in each period that is seen, as those of one."""
    months = services[AXES[basis]]
    counts = np.zeros((len(periods), len(COLUMNS)), dtype="int64")
    for period, names in named.items():
        there = services[months.between(period[0], period[1] - 1)]
        theirs = there[~there[by].isin(names)]
        visits, twice = theirs["visit"].nunique(), there.loc[there.duplicated("visit"), "visit"]
        shared = theirs.loc[theirs["visit"].isin(twice), "visit"].nunique()
        served = theirs["episode"].nunique()
        counts[periods.index(period)] = visits, shared, served, len(theirs), len(theirs) - visits
    return {(by, POOLED, ACTIVITY, (), column): counts[:, place] for place, column in enumerate(COLUMNS)}


def _counts(rows: pd.DataFrame, basis: str, by: str, table: str, periods: Sequence[Period]) -> Counts:
    axis = AXES[basis]
    services = _running(rows, axis, periods)
    shared, again = _shared(rows, axis, list(services), periods)
    if basis == "episodes":
        served = _running(rows.drop_duplicates(["episode", "label"]), axis, periods)
    else:
        served = _distinct(rows, list(services), periods)
    visits = {label: services[label] - again[label] for label in services}
    columns = dict(zip(COLUMNS, (visits, shared, served, services, again), strict=True))
    return {
        (("", EVERYTHING, table, (label,), column) if table == BY_MONTH else (by, label, table, (), column)): counts
        for column, each in columns.items()
        for label, counts in each.items()
    }


def _running(rows: pd.DataFrame, axis: str, periods: Sequence[Period]) -> dict[str, np.ndarray]:
    first, after = (list(ends) for ends in zip(*periods, strict=True))
    found = {}
    for label, months in rows.groupby("label")[axis]:
        sums = np.concatenate([[0], np.bincount(months, minlength=MONTHS).cumsum()])
        found[label] = sums[after] - sums[first]
    return found


def _shared(
    rows: pd.DataFrame, axis: str, labels: list[str], periods: Sequence[Period]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The visits that served two episodes of one period, and those whose two are of one group. None served three."""
    first, after = (np.array(ends) for ends in zip(*periods, strict=True))
    shared, again = ({label: np.zeros(len(periods), dtype="int64") for label in labels} for _ in range(2))
    for _, twice in rows[rows.duplicated("visit", keep=False)].groupby("visit"):
        assert len(twice) == 2
        within = (first <= twice[axis].min()) & (twice[axis].max() < after)
        theirs = set(twice["label"])
        for label in theirs:
            shared[label] += within
            again[label] += within & (len(theirs) == 1)
    return shared, again


def _distinct(rows: pd.DataFrame, labels: list[str], periods: Sequence[Period]) -> dict[str, np.ndarray]:
    found = {label: np.zeros(len(periods), dtype="int64") for label in labels}
    for place, (first, after) in enumerate(periods):
        within = rows[rows["visited"].between(first, after - 1)].drop_duplicates(["episode", "label"])
        for label, count in within["label"].value_counts().items():
            found[label][place] = count
    return found
