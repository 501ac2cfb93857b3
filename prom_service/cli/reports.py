"""`prom report`: reports for quality teams and for the clinic itself."""

import datetime as dt
from pathlib import Path
from typing import Any

import click
from sqlalchemy.orm import Session

from prom_service.cli import door, files
from prom_service.cli.output import showing
from prom_service.cli.subscriptions import subscribe, subscriptions, unsubscribe
from prom_service.queries.directory import find_clinic_by_code
from prom_service.queries.registry import clinics_of, find_organisation
from prom_service.reports import ReportQuery, default_period, make_report
from prom_service.reports.query import BASES, FORMATS, GROUPINGS, REPORTS, end_of

DAY = click.DateTime(["%Y-%m-%d"])


class Instant(click.ParamType[dt.date]):
    """An instant with its offset from UTC, or a day."""

    name = "instant"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> dt.date:
        """Return the aware instant, or the day."""
        try:
            if len(value) == len("2026-03-02"):
                return dt.date.fromisoformat(value)
            instant = dt.datetime.fromisoformat(value)
        except ValueError:
            instant = None
        if instant is None or instant.tzinfo is None:
            self.fail("Give a day such as 2026-03-02, or an instant such as 2026-03-02T09:00:00+00:00.", param, ctx)
        return instant


@click.group()
def report() -> None:
    """Write a report."""


QUESTION = (
    click.option("--clinic", "code", help="Clinic whose care is reported, in exact numbers."),
    click.option("--organisation", help="Organisation whose clinics are reported together; small counts are hidden."),
    click.option("--from", "start", type=DAY, help="First day of the period.  [default: the last 12 whole months]"),
    click.option("--to", "end", type=DAY, help="The day after the last of the period."),
    click.option("--as-of", type=Instant(), help="Reproduce it as it was then, or when a day ended.  [default: now]"),
    click.option("--basis", type=click.Choice(BASES), default="episodes", show_default=True, help="What is in it."),
    click.option("--group-by", type=click.Choice(GROUPINGS), help="One line for each of these."),
    click.option("--format", "form", type=click.Choice(FORMATS), help="[default: by the name of the file, else csv]"),
    files.output_option,
)
PERIOD = """
The period takes episodes by the day they started, or with `--basis activity` those with a visit in it.
"""


def _offer(name: str, told: str) -> None:
    """Make the command that writes the report of that name."""

    def command(output: Path, form: str | None, **asked: Any) -> None:
        _write(name, output, form or _form(output), **asked)

    for option in reversed(QUESTION):
        command = option(command)
    report.command(name, help=f"{told}\n{PERIOD}")(command)


for _name, _told in REPORTS.items():
    _offer(_name, _told)


report.add_command(subscribe)
report.add_command(unsubscribe)
report.add_command(subscriptions)


def _write(
    name: str,
    output: Path,
    form: str,
    *,
    code: str | None,
    organisation: str | None,
    start: dt.datetime | None,
    end: dt.datetime | None,
    as_of: dt.date | None,
    basis: str,
    group_by: str | None,
) -> None:
    if (code is None) == (organisation is None):
        raise click.UsageError("Give either --clinic or --organisation.")
    from prom_service.reports.forms import export  # pandas takes a second to import.

    with door.runtime() as prom, showing(name) as told:
        with prom.reading() as session:
            now = prom.now()
            from_on, to_on = default_period(now.date())
            query = ReportQuery(
                **_whose(session, code, organisation),
                from_on=start.date() if start else from_on,
                to_on=end.date() if end else to_on,
                as_of=_instant(as_of, now),
                basis=basis,
                group_by=group_by,
                now=now,
            )
            made = make_report(session, name, query, told)
        with prom.transaction() as session:
            _note(session, name, query, rows=sum(map(len, made.tables.values())), now=prom.now())
        content = export.render(made, form)
    files.write(output, content)


def _instant(as_of: dt.date | None, now: dt.datetime) -> dt.datetime:
    """Return the instant that is meant: of a day its end, and now when nothing is said."""
    return as_of if isinstance(as_of, dt.datetime) else end_of(as_of or now.date(), now)


def _whose(session: Session, code: str | None, organisation: str | None) -> dict[str, Any]:
    """Return whose care is reported, and to which readers."""
    if code is not None:
        clinic = find_clinic_by_code(session, code)
        return {"clinic_ids": (clinic.id,), "organisation_id": clinic.organisation_id, "audience": "clinic"}
    owner = find_organisation(session, organisation or "")
    return {"clinic_ids": (), "organisation_id": owner.id, "audience": "quality"}


def _note(session: Session, name: str, query: ReportQuery, *, rows: int, now: dt.datetime) -> None:
    """Put the report on record at every clinic whose care it is about."""
    for clinic_id in query.clinic_ids or clinics_of(session, query.organisation_id):
        door.note(session, clinic_id, f"report {name}", shown=rows, detail=query.in_words(), now=now)


def _form(output: Path) -> str:
    ending = output.suffix.lower().removeprefix(".") or "csv"
    if ending not in FORMATS:
        raise click.UsageError(f"Reports are written as {', '.join(FORMATS)}; choose one with --format.")
    return ending
