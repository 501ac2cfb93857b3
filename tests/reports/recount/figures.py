"""Every figure of a report held against the one that was counted again from plain rows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from prom_service.db import Base

Row = dict[str, Any]
Figures = Mapping[tuple, Row]
"""The figures of a table by what names its rows."""


def plain_rows(session: Session, names: Iterable[str]) -> dict[str, list[Row]]:
    """Return all rows of these tables of the database."""
    tables = Base.metadata.tables
    return {name: [dict(row) for row in session.execute(sa.select(*tables[name].columns)).mappings()] for name in names}


def named_by(table: pd.DataFrame, keys: Sequence[str]) -> Figures:
    """Return the rows of a table by what stands in these columns."""
    found = {tuple(row[key] for key in keys): row for row in table.to_dict("records")}
    assert len(found) == len(table)
    return found


def assert_same(found: Mapping[str, Figures], again: Mapping[str, Figures]) -> int:
    """Compare every figure of the tables found with the one counted again; return how many there are."""
    compared = 0
    for name, table in found.items():
        assert table.keys() == again[name].keys(), name
        for key, figures in again[name].items():
            for figure, value in figures.items():
                shown = table[key][figure]
                assert _is_same(shown, value), (name, key, figure, shown, value)
                compared += not pd.isna(value)
    return compared


def _is_same(shown: Any, value: Any) -> bool:
    if isinstance(value, str):
        return bool(shown == value)
    if pd.isna(value):
        return bool(pd.isna(shown))
    return bool(shown == pytest.approx(value, rel=1e-9, abs=1e-9))
