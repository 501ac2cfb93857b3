"""`prom verify`: is everything on record what it is computed to be?"""

from collections.abc import Callable, Iterator

import click
from sqlalchemy.orm import Session

from prom_service.cli import door
from prom_service.cli.output import counted, json_option, show_json, show_table
from prom_service.services import verification
from prom_service.services.verification import Batch, Difference


@click.command()
@json_option
def verify(as_json: bool) -> None:
    """Compute every score and every judgement again from the stored answers; exit 1 on any difference.

    The versions of clinics' pathways are read again and must be the very texts that were drafted. A visit that moved
    to another episode must not count in both.

    Differences are named by ids, never by values.
    """
    with door.runtime() as prom, prom.reading() as session:
        scores, in_responses = _verify(
            session, "Scores", verification.count_responses(session), verification.verify_scores
        )
        judgements, in_episodes = _verify(
            session, "Judgements", verification.count_episodes(session), verification.verify_judgements
        )
        pathways, in_pathways = _verify(
            session, "Pathways", verification.count_pathways(session), verification.verify_pathways
        )
        visits, in_visits = _verify(session, "Visits", verification.count_visits(session), verification.verify_visits)
    differences = [*in_responses, *in_episodes, *in_pathways, *in_visits]
    checked = {"responses": scores, "episodes": judgements, "pathways": pathways, "visits": visits}
    _show(checked, differences, as_json=as_json)
    if differences:
        raise click.ClickException(f"Differences found: {len(differences)}.")


def _verify(
    session: Session, label: str, total: int, batches: Callable[[Session], Iterator[Batch]]
) -> tuple[int, list[Difference]]:
    checked = 0
    differences: list[Difference] = []
    for batch in counted(label, total, batches(session), lambda batch: batch.checked):
        checked += batch.checked
        differences += batch.differences
    return checked, differences


def _show(checked: dict[str, int], differences: list[Difference], *, as_json: bool) -> None:
    header = ("kind", "id", "place", "problem")
    rows = [(one.kind, one.row_id, one.place, one.problem) for one in differences]
    if as_json:
        found = [dict(zip(header, row, strict=True)) for row in rows]
        show_json({**checked, "differences": found})
        return
    if rows:
        show_table(header, rows)
    versions = f" and {checked['pathways']} versions of pathways" if checked["pathways"] else ""
    click.echo(f"Verified {checked['responses']} responses and {checked['episodes']} episodes{versions}.")
