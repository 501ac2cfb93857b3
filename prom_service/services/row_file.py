"""Rows of a CSV file as typed values, with every fault of every cell named at once."""

import csv
import datetime as dt
import io
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prom_service.services.plain_text import as_kept

Read = Callable[[str], Any]
"""Turns a cell that is not empty into a value; raises ``CellError``."""

CELL_LENGTH = 10_000
csv.field_size_limit(2**31 - 1)  # What is too long is told by its column; at Python's limit the file would be no CSV.
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class RowFault:
    """Something in a file that cannot be taken. ``row`` counts from 1, the header being row 1; ``column`` is empty
    when the whole row is meant. No text repeats a cell.
    """

    row: int
    column: str
    problem: str
    allowed: str = ""


class CellError(ValueError):
    """A cell cannot be read; ``problem`` says why, ``allowed`` what can be."""

    def __init__(self, problem: str, allowed: str = "") -> None:
        self.problem = problem
        self.allowed = allowed
        super().__init__(problem)


@dataclass(frozen=True, slots=True)
class Column:
    """A column that may be in a file. ``expected``: it must be; ``filled``: so must each of its cells."""

    name: str
    read: Read
    expected: bool = False
    filled: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One row without a fault: a value for each column of the header, None where the cell is empty."""

    number: int
    cells: Mapping[str, Any]


def read_rows(content: bytes, columns: Sequence[Column]) -> tuple[list[Row], list[RowFault]]:
    """Return the rows that can be read, and every fault of the file.

    UTF-8 with or without byte-order mark, comma or semicolon; empty lines are passed over. With a fault in the header
    or the encoding there are no rows.
    """
    header, records, faults = _records(content)
    if not faults:
        faults = list(_header_faults(header, columns))
    if faults:
        return [], faults
    by_name = {column.name: column for column in columns}
    known = [by_name[name] for name in header]
    rows = []
    for number, cells in records:
        values, wrong = _read_cells(number, known, cells)
        faults += wrong
        if not wrong:
            rows.append(Row(number, values))
    return rows, faults


def text(longest: int) -> Read:
    """Return a reader of text on one line, in composed form (NFC), without marks that turn its direction."""

    def read(cell: str) -> str:
        if len(cell) > longest:
            raise CellError("is too long", f"at most {longest} characters")
        return cell

    return read


def word(allowed: Iterable[str]) -> Read:
    """Return a reader of one word out of ``allowed``."""
    words = tuple(allowed)

    def read(cell: str) -> str:
        if cell not in words:
            raise CellError("is not one of the words allowed", ", ".join(words))
        return cell

    return read


def day(earliest: dt.date, latest: dt.date) -> Read:
    """Return a reader of dates from ``earliest`` to ``latest``, both included."""

    def read(cell: str) -> dt.date:
        if not _DAY.fullmatch(cell):
            raise CellError("is not a date", "YYYY-MM-DD")
        try:
            value = dt.date.fromisoformat(cell)
        except ValueError:
            raise CellError("is not in the calendar", "YYYY-MM-DD") from None
        if not earliest <= value <= latest:
            raise CellError("is out of range", f"{earliest} to {latest}")
        return value

    return read


def yes_no(cell: str) -> bool:
    """Read yes or no, in the usual spellings."""
    spelling = cell.lower()
    if spelling not in ("true", "yes", "1", "false", "no", "0"):
        raise CellError("is neither yes nor no", "true, yes, 1, false, no, 0")
    return spelling in ("true", "yes", "1")


def _records(content: bytes) -> tuple[list[str], list[tuple[int, list[str]]], list[RowFault]]:
    """Return the header, every row that is not empty with its number, and what keeps the file from being read."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return [], [], [RowFault(line, "", "is not UTF-8", "a file saved as UTF-8")]
    if "\0" in text:
        return [], [], [RowFault(text.count("\n", 0, text.index("\0")) + 1, "", "holds a NUL character")]
    first = text.split("\n", 1)[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    records: list[tuple[int, list[str]]] = []
    try:
        records += ((number, cells) for number, cells in enumerate(reader, start=1) if cells)
    except csv.Error:
        return [], [], [RowFault(records[-1][0] + 1 if records else 1, "", "is not CSV: check its quotation marks")]
    if not records:
        return [], [], [RowFault(1, "", "is empty", "a header, then one row for each record")]
    return [name.strip() for name in records[0][1]], records[1:], []


def _header_faults(header: Sequence[str], columns: Sequence[Column]) -> Iterator[RowFault]:
    known = [column.name for column in columns]
    if not set(known).intersection(header):  # It may be the first record; its cells are nobody else's to read.
        yield RowFault(1, "", "is no header: no column has a known name", ", ".join(known))
        return
    for name in dict.fromkeys(header):
        if name not in known:
            yield RowFault(1, name or "(no name)", "the column is unknown", ", ".join(known))
        elif header.count(name) > 1:
            yield RowFault(1, name, "the column is there more than once")
    for column in columns:
        if column.expected and column.name not in header:
            yield RowFault(1, column.name, "the column is missing")


def _read_cells(number: int, columns: Sequence[Column], cells: Sequence[str]) -> tuple[dict[str, Any], list[RowFault]]:
    if len(cells) != len(columns):
        return {}, [RowFault(number, "", f"has {len(cells)} cells", f"{len(columns)} cells, as in the header")]
    values, faults = {}, []
    for column, cell in zip(columns, cells, strict=True):
        try:
            values[column.name] = _read_cell(column, cell)
        except CellError as error:
            faults.append(RowFault(number, column.name, error.problem, error.allowed))
    return values, faults


def _read_cell(column: Column, cell: str) -> Any:
    cell = as_kept(cell[: CELL_LENGTH + 1])
    if any(unicodedata.category(mark) in ("Cc", "Zl", "Zp") for mark in cell):
        raise CellError("holds a control character", "text on one line")
    if cell:
        return column.read(cell)
    if column.filled:
        raise CellError("is empty")
    return None
