"""Several frames by one statement: each has its own columns, types and order, whatever stands beside it."""

import pandas as pd
import sqlalchemy as sa

from prom_service.reports.cohort import PACKED, Cells, Cohort
from tests.reports.cohort import a_cohort


def some(*rows: tuple[object, ...], names: tuple[str, ...]) -> sa.Select:
    """Select these rows."""
    arms = (sa.select(*(sa.literal(value).label(name) for name, value in zip(names, row, strict=True))) for row in rows)
    return sa.select(sa.union_all(*arms).subquery())


def test_a_frame_may_have_fewer_columns_than_a_later_one(session, record):
    wide = some(("b", 2, 0b10, 7), ("a", 10, 0b01, 8), names=("word", "count", PACKED, "last"))

    frames = Cohort(session, a_cohort(record).query()).frames(
        {
            "narrow": Cells(some(("x",), names=("word",))),
            "none": Cells(some(("x",), names=("word",)).where(sa.false())),
            "wide": Cells(wide, counts=("count", "last"), flags=("one", "other")),
        }
    )

    assert frames["narrow"].to_dict("list") == {"word": ["x"]}
    assert (list(frames["none"].columns), len(frames["none"])) == (["word"], 0)
    assert frames["wide"].to_dict("list") == {
        "word": ["a", "b"],
        "count": [10, 2],
        "last": [8, 7],
        "one": [True, False],
        "other": [False, True],
    }
    assert frames["wide"]["one"].dtype == bool


def test_numbers_are_ordered_as_numbers(session, record):
    """As text, 10 would stand before 9."""
    rows = Cells(some((10,), (9,), names=("visits",)), counts=("visits",))

    frame = Cohort(session, a_cohort(record).query()).frames({"rows": rows})["rows"]

    pd.testing.assert_frame_equal(frame, pd.DataFrame({"visits": [9, 10]}))
