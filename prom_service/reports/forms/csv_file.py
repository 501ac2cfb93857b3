"""The report as one sheet of comma-separated values."""

import csv
import io

from prom_service.reports.forms.content import facts_of, rows_of
from prom_service.reports.forms.spreadsheet import safe_cell
from prom_service.reports.report import Report

SAID = ("name", "text")
"""The columns of what is said about the report; no table has one of these."""


def as_csv(report: Report) -> bytes:
    """Return one sheet: the column ``table`` says which table a row belongs to; columns of other tables are empty.

    Parameters and definitions are rows too. Text that a spreadsheet would take for a formula gets a leading
    apostrophe; numbers, negative ones too, stay numbers.
    """
    columns = list(dict.fromkeys(key for layout in report.kind.layouts for key in layout.named()))
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\r\n")
    writer.writerow(["table", *columns, *SAID])
    for layout in report.kind.layouts:
        for row in rows_of(layout, report.tables[layout.name]):
            writer.writerow([layout.name, *(safe_cell(row.get(column)) for column in columns), None, None])
    for table, name, value in facts_of(report):
        writer.writerow([table, *(None for _ in columns), safe_cell(name), safe_cell(value)])
    return page.getvalue().encode()
