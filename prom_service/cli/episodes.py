"""`prom timeline`, `paper` and `assess`: one episode seen, its questions printed, all episodes brought up to now."""

import datetime as dt
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click
from sqlalchemy.orm import Session

from prom_service.cli import door, files
from prom_service.cli.output import as_text, counted, json_option, show_json, show_table
from prom_service.errors import NotFoundError
from prom_service.models import Episode
from prom_service.queries.directory import find_clinic_by_code, find_episode, find_timepoint, list_episodes
from prom_service.queries.registry import as_id, find_episode_anywhere
from prom_service.services.paper_writing import write_paper

MOMENTS = ("opens_at", "target_at", "late_after", "closes_at", "completed_at")
MESSAGES = ("message", "number", "planned for", "phase", "reason", "sent at")
RESPONSES = ("answers", "mode", "answered at", "recorded at", "label")
CHANGES = ("item", "from", "to")
PATIENT_CHANGES = ("patient", "recorded at", "by", "note")


@click.command()
@click.argument("episode")
@click.option("--clinic", "code", help="Clinic of the episode; needed with the clinic's own number.")
@json_option
def timeline(episode: str, code: str | None, as_json: bool) -> None:
    """Show what was asked, sent and answered in an EPISODE (id, or the clinic's own number), what will be, and why not.

    An amendment is shown with the answers it changes.
    """
    from prom_service.queries.timeline import timeline as read_timeline

    with door.runtime() as prom:
        with prom.reading() as session:
            found = _find(session, episode, code)
            shown = read_timeline(session, found.id, now=prom.now())
        with prom.transaction() as session:
            door.note(session, found.clinic_id, "timeline", {"episode": found.id}, now=prom.now())
    if as_json:
        show_json(shown)
        return
    for administration in shown["administrations"]:
        _show(administration)
    _show_any(PATIENT_CHANGES, map(_change_row, shown["patient_changes"]))


@click.command()
@click.argument("episode")
@click.argument("timepoint")
@click.option("--clinic", "code", help="Clinic of the episode; needed with the clinic's own number.")
@files.paper_option
@files.output_option
def paper(episode: str, timepoint: str, code: str | None, paper: str, output: Path) -> None:
    """Write what is asked of the patient of an EPISODE at a TIMEPOINT, such as 6-weeks, as a PDF to be printed.

    A link is made for it, which stands there as a QR code.
    """
    with door.runtime() as prom, prom.transaction() as session:
        administration = find_timepoint(session, _find(session, episode, code), timepoint)
        pdf = write_paper(session, administration, prom.settings, paper=paper, issued_by=door.ACTOR, now=prom.now())
        door.note(session, administration.clinic_id, "paper", {"administration": administration.id}, now=prom.now())
    files.write(output, pdf)


@click.command()
@click.option("--all", "every", is_flag=True, help="Judge every checkpoint again first, due or not.")
@json_option
def assess(every: bool, as_json: bool) -> None:
    """Run the sweep now: bring judgements and flags up to the present where time may have changed them.

    With --all, also wherever the judgement on record is not what the rules say now, as after a new version of them.
    """
    from scheduler import jobs, reassessment  # The only command that runs one job by hand.

    with door.runtime() as prom:
        clinics = reassessment.clinics(prom) if every else []
        stale = counted("Clinics", len(clinics), reassessment.assess_stale_episodes(prom, clinics), lambda _: 1)
        assessed = sum(stale) + jobs.assess_due_episodes(prom)
    if as_json:
        show_json({"assessed": assessed})
    else:
        click.echo(f"Assessed {assessed} episodes.")


def _find(session: Session, episode: str, code: str | None) -> Episode:
    number = as_id(episode)
    if code is None:
        if number is None:
            raise click.UsageError("The clinic's own number of an episode needs --clinic.")
        return find_episode_anywhere(session, number)
    clinic = find_clinic_by_code(session, code)
    for found in list_episodes(session, clinic.id, external_id=episode, limit=1):
        return found
    if number is None:
        raise NotFoundError("There is no such episode.")
    return find_episode(session, clinic.id, number)


def _show(administration: dict[str, Any]) -> None:
    late = ", late" if administration["late"] else ""
    why = administration["reason"] or administration["cause"]
    click.echo(f"{administration['timepoint']}: {administration['state']}{late}{f' ({why})' if why else ''}")
    show_table(MOMENTS, [[_instant(administration[name]) for name in MOMENTS]])
    _show_any(MESSAGES, map(_message_row, administration["messages"]))
    _show_any(RESPONSES, map(_response_row, administration["responses"]))
    for response in administration["responses"]:
        _show_any((f"changed in {response['number']}", *CHANGES), (one.values() for one in response["changes"]))
    if administration["identity_locked_until"]:
        click.echo(f"identity check locked until {as_text(_instant(administration['identity_locked_until']))}")
    click.echo()


def _show_any(header: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Print a table, or nothing where it would have no row."""
    listed = [tuple(row) for row in rows]
    if listed:
        show_table(header, listed)


def _message_row(message: dict[str, Any]) -> tuple[object, ...]:
    planned, sent = _instant(message["planned_for"]), _instant(message["sent_at"])
    return message["kind"], message["ordinal"], planned, message["phase"], message["reason"], sent


def _response_row(response: dict[str, Any]) -> tuple[object, ...]:
    answered, recorded = _instant(response["answered_at"]), _instant(response["recorded_at"])
    labels = ", ".join(name for name in ("partial", "late", "amendment") if response[name])
    return response["number"], response["mode"], answered, recorded, labels


def _change_row(change: dict[str, Any]) -> tuple[object, ...]:
    return change["kind"], _instant(change["recorded_at"]), change["actor"], change["note"]


def _instant(instant: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(instant) if instant else None
