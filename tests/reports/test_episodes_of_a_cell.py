"""The episodes behind each number of visits beside outcomes are as many as it says, and the right ones."""

import datetime as dt

import pytest

from prom_service.errors import InvalidInputError
from prom_service.reports import make_report
from prom_service.reports.cell import Cell
from prom_service.reports.utilization.episodes import list_episodes
from tests.reports.cohort import a_cohort


def numbers(session, cohort, cell: Cell, **changes: object) -> list[int]:
    """Return the numbers of the cohort's episodes that are listed."""
    known = {episode.id: number for number, episode in cohort.episodes.items()}
    return sorted(known[row.id] for row in list_episodes(session, cohort.query(**changes), cell))


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (Cell("within", "improved"), [1]),
        (Cell("within", "not_assessable"), [8, 9]),
        (Cell("within", "not_yet_due"), [7]),
        (Cell("over", "not_assessable"), [6]),
        (Cell("over", "uncertain"), []),
        (Cell("within", "uncertain", wording="official"), []),
        (Cell("within", "uncertain", wording="provisional wording"), [5]),
    ],
)
def test_a_cell_lists_its_episodes(session, record, cell, expected):
    cohort = a_cohort(record)

    assert numbers(session, cohort, cell) == expected


def test_a_cell_of_a_group_lists_those_of_the_group(session, record):
    cohort = a_cohort(record)

    found = [numbers(session, cohort, Cell("within", "not_assessable", group), group_by="clinician") for group in "AB"]

    assert found == [[9], [8]]


@pytest.mark.parametrize("changes", [{}, {"basis": "activity", "from_on": dt.date(2026, 2, 20)}])
def test_the_lists_of_a_report_are_as_long_as_its_numbers(session, record, changes):
    cohort = a_cohort(record)
    table = make_report(session, "utilization", cohort.query(group_by="clinician", **changes)).tables[
        "visits_by_outcome"
    ]

    for row in table.itertuples():
        cell = Cell(row.visits, row.outcome, row.group, row.wording or None)
        assert len(numbers(session, cohort, cell, group_by="clinician", **changes)) == row.episodes


def test_pages_follow_each_other_by_the_id(session, record):
    cohort = a_cohort(record)
    cell = Cell("within", "not_assessable")

    [first] = list_episodes(session, cohort.query(), cell, limit=1)
    [second] = list_episodes(session, cohort.query(), cell, after=first.id, limit=1)

    assert (first.id, second.id) == (cohort.episodes[8].id, cohort.episodes[9].id)
    assert (second.visits, second.outcome, second.closed) == (12, "not_assessable", False)


def test_nobody_outside_the_clinic_is_told_an_episode(session, record):
    cohort = a_cohort(record)

    with pytest.raises(InvalidInputError):
        list_episodes(session, cohort.query(audience="quality"), Cell("within", "improved"))


def test_a_wrong_cell_is_refused_by_name():
    with pytest.raises(InvalidInputError) as raised:
        Cell("many", None, wording="mine")

    assert set(raised.value.errors) == {"visits", "outcome", "wording"}
