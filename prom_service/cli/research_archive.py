"""The archive that `prom export research` writes: tables, a dictionary of their columns, and what to know of them."""

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from prom_service import __version__
from prom_service.cli.output import counted
from prom_service.reports.forms.spreadsheet import safe_cell
from prom_service.services.research import Cells, Export, Table

ROWS_IN_ONE = 20_000
"""Rows of one file of Parquet: a table is as many files as it needs, so that no table is ever held whole."""
ABOUT = """\
Answers, scores and visits of one clinic, for research. Written by prom {version}.

{tables}
dictionary.csv: what every column means, its type, and the values it can have.

Names of patients, episodes, responses, visits and clinicians are keyed digests. The key was made for this archive and
is kept nowhere: the same patient has another name in another archive. Inside this one the names join the tables.

There is no date: day 0 is the day on which care began, and days before it are negative. Ages are bands of ten years at
that day. There is no number of the clinic's own, no free text, no diagnosis. Pseudonymous is not anonymous: whoever
knows a person well may recognise a rare course. Keep the archive as the health data that it is.

Answers are the codes of the questionnaire; empty was skipped or not asked, NA does not apply. A score is empty when
too few items were answered. Several responses may stand for one timepoint: the one with the highest number that is no
amendment counts; of the baseline, from which change is counted, one that is not late before any that is. `wording`
says whether the questions were in the owner's words (official) or in ours (own); thresholds that were published
belong to the official wording.
"""


def write(file: BinaryIO, found: Export, *, form: str) -> int:
    """Write the archive as it is read, never all of it in memory; return how many responses are in it."""
    rows = {}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for table in found.tables:
            batches = counted(table.name, found.batch_count, table.batches(), lambda _batch: 1)
            rows[table.name] = WRITERS[form](archive, table, batches)
        _put(archive, "dictionary.csv", _dictionary(found))
        lines = [f"{table.name}: {table.meaning} {rows[table.name]} rows." for table in found.tables]
        _put(archive, "README.txt", ABOUT.format(version=__version__, tables="\n".join(lines)))
    return rows["responses"]


def _write_csv(archive: zipfile.ZipFile, table: Table, batches: Iterable[list[Cells]]) -> int:
    count = 0
    with (
        archive.open(zipfile.ZipInfo(f"{table.name}.csv"), "w", force_zip64=True) as entry,
        io.TextIOWrapper(entry, encoding="utf-8", newline="") as text,
    ):
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(column.name for column in table.columns)
        for batch in batches:
            writer.writerows([safe_cell(cell) for cell in row] for row in batch)
            count += len(batch)
    return count


def _write_parquet(archive: zipfile.ZipFile, table: Table, batches: Iterable[list[Cells]]) -> int:
    from prom_service.reports.forms.parquet import write_rows  # An extra, and pandas: few need them.

    count = 0
    columns = [(column.name, column.kind, column.meaning) for column in table.columns]
    for number, rows in enumerate(_parts(batches)):
        content = write_rows(columns, rows, {"table": table.name, "meaning": table.meaning})
        _put(archive, f"{table.name}/part-{number:04}.parquet", content)
        count += len(rows)
    return count


def _parts(batches: Iterable[list[Cells]]) -> Iterator[list[Cells]]:
    """Yield the rows in parts of a file each; there is always one, so that the columns are there."""
    rows: list[Cells] = []
    number = 0
    for batch in batches:
        rows.extend(batch)
        if len(rows) >= ROWS_IN_ONE:
            yield rows
            rows, number = [], number + 1
    if rows or not number:
        yield rows


def _dictionary(found: Export) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(("table", "column", "type", "meaning", "values"))
    for table in found.tables:
        for column in table.columns:
            said = (table.name, column.name, column.kind, column.meaning, column.values)
            writer.writerow([safe_cell(cell) for cell in said])
    return text.getvalue()


def _put(archive: zipfile.ZipFile, name: str, content: Any) -> None:
    archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


WRITERS = {"csv": _write_csv, "parquet": _write_parquet}
