"""Answers in a text table: one row per response, one column per item code, other columns carried through."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np

from instruments.answer import NOT_APPLICABLE, SKIPPED
from instruments.codes import Codes
from instruments.definition import Instrument, Item
from instruments.errors import BadCell, BadTableError
from instruments.scoring import score_codes

_BAD: Final = -126  # Not in the range of any item; stands in a column until its cell has been reported.
_WHOLE_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,9}")


@dataclass(frozen=True, slots=True, eq=False)
class AnswerTable:
    """A table whose every answer is good: its header, its rows as they were written, and the codes of its items."""

    header: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    codes: Codes


def read_table(instrument: Instrument, lines: Iterable[str]) -> AnswerTable:
    """The answers of a CSV text (comma or semicolon, with or without BOM), given line by line.

    An empty cell was skipped; NA means that the item does not apply; anything else is a whole number in the item's
    range. Raises BadTableError, which lists every bad cell, missing column and uneven row. Empty lines are passed over.
    """
    header, rows, faults = _read_cells(lines)
    faults += _header_faults(instrument, header)
    if faults:
        raise BadTableError(faults)
    codes = np.empty((len(rows), len(instrument.items)), dtype=np.int8, order="F")
    for place, item in enumerate(instrument.items):
        column = header.index(item.code)
        codes[:, place], bad = _column_codes(item, [cells[column] for _, cells in rows])
        faults += [BadCell(rows[row][0], item.code, problem, item.allowed) for row, problem in bad]
    if faults:
        raise BadTableError(sorted(faults, key=lambda cell: cell.row))
    return AnswerTable(header, [cells for _, cells in rows], codes)


def score_table(instrument: Instrument, table: AnswerTable) -> Iterator[list[str]]:
    """The table with a column per scale and its number of answers: header first, then the rows as they came.

    A missing score is an empty cell; the others are written with every digit they have.
    """
    scores = score_codes(instrument, table.codes)
    yield [*table.header, *score_columns(instrument)]
    columns = [
        column
        for scale in scores.values()
        for column in (scale.values.tolist(), scale.answered.tolist())
    ]  # fmt: skip
    for number, cells in enumerate(table.rows):
        yield [*cells, *(_text(column[number]) for column in columns)]


def score_columns(instrument: Instrument) -> tuple[str, ...]:
    """The names of the columns that scoring adds: each scale's key and its number of answered items."""
    return tuple(name for scale in instrument.scales for name in (scale.key, f"{scale.key}_answered"))


def _text(number: float | int) -> str:
    return "" if number != number else repr(number)


Rows = list[tuple[int, list[str]]]


def _read_cells(lines: Iterable[str]) -> tuple[tuple[str, ...], Rows, list[BadCell]]:
    """The header, every row that is not empty with its number (the header is row 1), and the uneven rows."""
    faults: list[BadCell] = []
    rows: Rows = []
    header: tuple[str, ...] = ()
    number = 1
    try:
        reader = _reader(iter(lines))
        header = tuple(cell.strip() for cell in next(reader, []))
        for number, cells in enumerate(reader, start=2):
            if len(cells) == len(header):
                rows.append((number, cells))
            elif cells:
                faults.append(BadCell(number, "", f"has {len(cells)} cells, not {len(header)}"))
    except (csv.Error, UnicodeDecodeError) as error:
        faults.append(BadCell(number, "", f"this row or the one after it cannot be read: {type(error).__name__}"))
    return header, rows, faults


def _reader(lines: Iterator[str]) -> Iterator[list[str]]:
    """The cells of every row; the header tells which delimiter is used."""
    first = next(lines, "").removeprefix("\ufeff")
    delimiter = ";" if first.count(";") > first.count(",") else ","
    return csv.reader(chain([first], lines), delimiter=delimiter, strict=True)


def _header_faults(instrument: Instrument, header: Sequence[str]) -> list[BadCell]:
    """Item columns that are missing or double, and carried columns in the way of the scores."""
    faults = [BadCell(1, code, "the column is missing") for code in instrument.item_codes if code not in header]
    faults += [
        BadCell(1, code, "the column is there more than once")
        for code in instrument.item_codes
        if header.count(code) > 1
    ]
    faults += [
        BadCell(1, name, "the column has the name of a score") for name in score_columns(instrument) if name in header
    ]
    return faults


def _column_codes(item: Item, cells: Sequence[str]) -> tuple[Codes, list[tuple[int, str]]]:
    """The codes of one column, and the rows (from 0) that hold something else, with the problem."""
    plain = _plain_cells(item)
    codes = [plain.get(cell, _BAD) for cell in cells]
    bad = []
    for row, code in enumerate(codes):
        if code == _BAD:
            codes[row], problem = _read_cell(item, plain, cells[row].strip())
            if problem:
                bad.append((row, problem))
    return np.array(codes, dtype=np.int8), bad


def _plain_cells(item: Item) -> Mapping[str, int]:
    """Every usual way to write an answer, with its code."""
    plain = {str(code): code for code in range(item.minimum, item.maximum + 1)} | {"": SKIPPED}
    return plain | {"NA": NOT_APPLICABLE} if item.na_allowed else plain


def _read_cell(item: Item, plain: Mapping[str, int], cell: str) -> tuple[int, str]:
    """The code of an unusual cell, or what is wrong with it; never repeats the cell."""
    if cell in plain:
        return plain[cell], ""
    if cell == "NA":
        return SKIPPED, "this item applies to everyone"
    if not _WHOLE_NUMBER.fullmatch(cell):
        return SKIPPED, "not a whole number"
    if not item.minimum <= int(cell) <= item.maximum:
        return SKIPPED, "out of range"
    return int(cell), ""
