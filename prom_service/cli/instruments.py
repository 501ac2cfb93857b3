"""`prom instruments`: what is asked and how it is scored."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

import instruments as catalogue
from instruments import definition_file, thresholds, wording
from instruments.definition import Instrument, Item, Scale
from instruments.interchange.fhir_check import check_questionnaire
from instruments.interchange.fhir_questionnaire import questionnaire
from instruments.interchange.redcap import dictionary
from prom_service.cli import door, files
from prom_service.cli.exporting import as_csv
from prom_service.cli.output import json_option, show_json, show_table
from prom_service.cli.score import Reference
from prom_service.language import DEFAULT, SPOKEN
from prom_service.queries.directory import find_clinic_by_code
from prom_service.queries.wording import Words, list_packs
from prom_service.services import wording_packs
from prom_service.services.paper_writing import write_blank

File = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def instruments() -> None:
    """List, show and check instruments and their wording."""


@instruments.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the instruments of this version."""
    rows = [
        (one.ref, one.title, len(one.items), ", ".join(scale.key for scale in one.scales), one.wording)
        for one in catalogue.all_instruments()
    ]
    header = ("ref", "title", "items", "scales", "wording")
    if as_json:
        show_json([dict(zip(header, row, strict=True)) for row in rows])
    else:
        show_table(header, rows)


@instruments.command()
@click.argument("instrument", metavar="REF", type=Reference())
@json_option
def show(instrument: Instrument, as_json: bool) -> None:
    """Show one instrument: items, scales, and the thresholds its scores are compared with."""
    if as_json:
        show_json(described(instrument))
        return
    click.echo(f"{instrument.ref}: {instrument.title} ({instrument.wording} wording)\n{instrument.source}\n")
    show_table(("item", "answers", "text"), ((one.code, one.allowed, one.text) for one in instrument.items))
    if instrument.scales:
        click.echo()
        header = ("scale", "made of", "by", "range", "best", "needs")
        show_table(header, (_scale_row(scale) for scale in instrument.scales))
    rows = thresholds.for_instrument(instrument.ref)
    if rows:
        click.echo()
        header = ("scale", "threshold", "value", "unit", "verified", "id")
        show_table(header, ((row.scale, row.kind, row.value, row.unit, row.verified, row.id) for row in rows))


@instruments.command()
@click.argument("instrument", metavar="REF", type=Reference())
@click.option("--language", type=click.Choice(list(SPOKEN)), default=DEFAULT, show_default=True)
@files.paper_option
@files.output_option
def paper(instrument: Instrument, language: str, paper: str, output: Path) -> None:
    """Write one instrument as a PDF that anybody may fill in; it names no clinic and no patient."""
    files.write(output, write_blank(Words(language, {}), instrument.ref, paper=paper))


@instruments.command()
@click.argument("chosen", metavar="REF...", type=Reference(), nargs=-1, required=True)
@click.option(
    "--format", "format_", type=click.Choice(["fhir", "redcap"]), required=True, help="What it is written as."
)
@click.option("--language", type=click.Choice(list(SPOKEN)), default=DEFAULT, show_default=True)
@files.output_option
def export(chosen: tuple[Instrument, ...], format_: str, language: str, output: Path) -> None:
    """Write instruments as a FHIR R4 Questionnaire (several as a Bundle), or as one REDCap data dictionary."""
    worded = [catalogue.find_in(language, instrument.ref) for instrument in dict.fromkeys(chosen)]
    if format_ == "redcap":
        files.write(output, as_csv(dictionary(worded)))
        return
    documents = [questionnaire(one, _elsewhere(one)) for one in worded]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in documents]}
    document = documents[0] if len(documents) == 1 else bundle
    files.write(output, (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode())


def _elsewhere(instrument: Instrument) -> list[Instrument]:
    """Return the same instrument in our own words of the other languages."""
    return [catalogue.find_in(language, instrument.ref) for language in SPOKEN if language != instrument.language]


@instruments.command()
@click.argument("file", type=File)
def validate(file: Path) -> None:
    """Check the definition of an instrument (TOML), or a FHIR Questionnaire of one of ours (JSON).

    Exit 1 and say what is wrong if something is.
    """
    if file.suffix == ".json":
        _check_questionnaire(file)
        return
    instrument = definition_file.read(file, find=catalogue.find)
    click.echo(f"{instrument.ref} is in order: {len(instrument.items)} items, {len(instrument.scales)} scales.")


def _check_questionnaire(file: Path) -> None:
    try:
        document = json.loads(file.read_bytes())
    except (ValueError, RecursionError):
        raise click.ClickException(f"{file.name} is not JSON.") from None
    instrument, reworded = check_questionnaire(document)
    words = f"in other words at {', '.join(reworded)}" if reworded else "in the same words"
    click.echo(f"It asks what {instrument.ref} asks, {words}.")


@instruments.command("wording")
@click.argument("file", type=File, required=False)
@click.option("--clinic", help="Code of the clinic the pack is loaded into.")
@click.option("--list", "listing", is_flag=True, help="List the packs of the clinic instead.")
@click.option("--withdraw", metavar="REF", type=Reference(), help="Take the clinic's pack for an instrument back.")
@click.option("--language", help="Language of the pack that is withdrawn.")
@json_option
def word(
    file: Path | None,
    clinic: str | None,
    listing: bool,
    withdraw: Instrument | None,
    language: str | None,
    as_json: bool,
) -> None:
    """Check a wording pack, or load it into a clinic; exit 1 and name everything that is missing or out of place.

    FILE alone is checked. With --clinic its words are in force for the clinic's patients who start from now on.
    """
    if (file is not None) + listing + (withdraw is not None) != 1:
        raise click.UsageError("Give a FILE, or with --clinic either --list or --withdraw.")
    if (withdraw is None) != (language is None):
        raise click.UsageError("--withdraw and --language go together.")
    if file is not None:
        _take(wording.read_text(file), clinic)
    elif clinic is None:
        raise click.UsageError("Say which --clinic.")
    elif withdraw is not None and language is not None:
        _withdraw(clinic, withdraw.ref, language)
    else:
        _list_packs(clinic, as_json)


def _take(text: str, clinic: str | None) -> None:
    """Check a pack, and load it when a clinic is named."""
    pack = wording.parse(text)
    reworded = wording.apply(catalogue.find(pack.instrument), pack)
    click.echo(f"The pack is complete: {reworded.ref}, {reworded.language}, {reworded.wording} wording.")
    if clinic is None:
        return
    with door.runtime() as prom, prom.transaction() as session:
        found = find_clinic_by_code(session, clinic)
        _pack, is_new = wording_packs.load_pack(session, found, text, actor=door.ACTOR, now=prom.now())
        said = f"{pack.instrument} {pack.language}"
        door.note(session, found.id, "instruments wording", detail=said, now=prom.now())
    if is_new:
        click.echo(f"It is in force at {found.code} for everyone who starts from now on.")
    else:
        click.echo(f"It was in force at {found.code} already.")


def _withdraw(clinic: str, ref: str, language: str) -> None:
    with door.runtime() as prom, prom.transaction() as session:
        found = find_clinic_by_code(session, clinic)
        wording_packs.withdraw_pack(session, found, ref, language, actor=door.ACTOR, now=prom.now())
        door.note(session, found.id, "instruments wording", detail=f"withdraw {ref} {language}", now=prom.now())
    click.echo(f"Whoever starts {ref} at {found.code} in {language} from now on is asked in our own words.")


def _list_packs(clinic: str, as_json: bool) -> None:
    with door.runtime() as prom, prom.reading() as session:
        rows = [asdict(pack) for pack in list_packs(session, find_clinic_by_code(session, clinic).id)]
    if as_json:
        show_json(rows)
    else:
        header = ("instrument", "language", "wording", "in_force", "loaded_at", "loaded_by", "withdrawn_at", "source")
        show_table(header, ([row[column] for column in header] for row in rows))


def described(instrument: Instrument) -> dict[str, Any]:
    """Return everything said of an instrument as plain values."""
    head = ("ref", "title", "recall", "source", "licence", "wording", "language", "derives_from")
    return {
        **{name: getattr(instrument, name) for name in head},
        "items": [_item(item) for item in instrument.items],
        "scales": [_scale(scale) for scale in instrument.scales],
        "thresholds": [asdict(row) for row in thresholds.for_instrument(instrument.ref)],
    }


def _item(item: Item) -> dict[str, Any]:
    return {**asdict(item), "allowed": item.allowed}


def _scale(scale: Scale) -> dict[str, Any]:
    return {**asdict(scale), "missing_rule": scale.missing_rule}


def _scale_row(scale: Scale) -> tuple[object, ...]:
    inputs = f"{scale.inputs[0]} … {scale.inputs[-1]}" if len(scale.inputs) > 5 else " ".join(scale.inputs)
    ends = f"{scale.minimum:g} to {scale.maximum:g}"
    return scale.key, inputs, scale.combine, ends, f"{scale.best:g}", scale.missing_rule
