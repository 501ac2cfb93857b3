"""The demo: a data directory with a clinic group that has lived, and the file that says where to look."""

import datetime as dt
import json
import logging
import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa
from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service import db
from prom_service.errors import PromError
from prom_service.models import Administration, Episode, Message, Organisation, Patient
from prom_service.models.message import DELIVERED_PHASES
from prom_service.runtime import Runtime, build, system_clock
from prom_service.settings import Settings
from prom_service.simulation import cohort
from prom_service.simulation.burden import burden
from prom_service.simulation.clock import MovingClock
from prom_service.simulation.group import ANALYST_EMAIL, NAME, STAFF_EMAIL, Group, found, issue_keys, prove_escalation
from prom_service.simulation.life import LINK, Life
from scheduler import jobs

DONE, SECRET, DATABASE, MAILBOX = "demo.json", "secret.key", "prom.db", "mailbox"
LINKS = 12
FOLLOWED = dt.timedelta(days=98)
"""Episodes that started so long ago have passed their three months."""
Serve = Callable[[Runtime, Callable[[], None]], None]


class DemoError(PromError):
    """The demo cannot be made as it was asked for."""


def run(
    *,
    port: int,
    patients: int,
    seed: int,
    data_dir: Path,
    database_url: str | None = None,
    serve: Serve | None = None,
) -> None:
    """Make the demo in ``data_dir`` unless a finished one is there, say where to look, and serve it."""
    data_dir = Path(data_dir)
    if not (data_dir / DONE).exists():
        if patients < cohort.FEWEST:
            raise DemoError(f"--patients must be at least {cohort.FEWEST}, so that every kind of flag has its patient.")
        _start_over(data_dir, database_url)
        _simulate(_settings(data_dir, port, database_url), patients, seed, data_dir)
    about = json.loads((data_dir / DONE).read_text(encoding="utf-8"))
    settings = _settings(data_dir, port, _kept_url(about, database_url))
    _check_version(settings, data_dir)
    about = _at_home(about, settings)
    _write(data_dir / DONE, about)
    if serve is None:
        _say(about, served=False)
        return
    prom = build(settings)
    try:
        serve(prom, lambda: _say(about, served=True))
    finally:
        prom.mail.close()
        prom.engine.dispose()


def _check_version(settings: Settings, data_dir: Path) -> None:
    engine = db.make_engine(settings.database_url)
    try:
        with db.for_reading(engine).connect() as connection:
            db.check_revision(connection)
    except db.NotMigratedError:
        raise DemoError(
            "The tables of this demo are not those of this version of the service. "
            f"Remove {data_dir / DONE}, and the demo is made anew."
        ) from None
    finally:
        engine.dispose()


def _settings(data_dir: Path, port: int, database_url: str | None) -> Settings:
    return Settings(
        env="demo",
        database_url=database_url or f"sqlite:///{(data_dir / DATABASE).resolve()}",
        base_url=f"http://127.0.0.1:{port}",
        secret_key=(data_dir / SECRET).read_text(encoding="ascii"),
        mailbox_dir=str((data_dir / MAILBOX).resolve()),
        mail_from="Questionnaires <questionnaires@demo.example>",
        webhook_allow=("127.0.0.1", "localhost"),  # Whoever tries a receiver out has it on this machine.
    )


def _start_over(data_dir: Path, database_url: str | None) -> None:
    """Clear away an unfinished demo, and nothing else."""
    data_dir.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(data_dir / MAILBOX, ignore_errors=True)
    for left in data_dir.glob(f"{DATABASE}*"):
        left.unlink()
    (data_dir / SECRET).write_text(secrets.token_urlsafe(48), encoding="ascii")
    (data_dir / SECRET).chmod(0o600)
    if database_url:
        _clear(database_url)


def _clear(database_url: str) -> None:
    """Empty a database that holds a demo; refuse one that holds anything else."""
    engine = db.make_engine(database_url)
    with db.for_reading(engine).connect() as connection:
        migrated = db.current_revision(connection) is not None
        names = set(connection.scalars(select(Organisation.name))) if migrated else set()
    engine.dispose()
    if names - {NAME}:
        raise DemoError("The database holds other organisations than the demo's; it is left as it is.")
    if migrated:
        db.downgrade(database_url, "base")


def _simulate(settings: Settings, patients: int, seed: int, data_dir: Path) -> None:
    db.upgrade(settings.database_url)
    began = time.monotonic()
    until = system_clock()
    clock = MovingClock(until - dt.timedelta(weeks=cohort.WEEKS, days=5))
    prom = build(settings, clock=clock.now)
    if prom.engine.dialect.name == "sqlite":
        sa.event.listen(prom.engine, "connect", _trust_the_disk)
    try:
        with prom.transaction() as session:
            group = found(session, now=clock.now())
        life = Life(prom, clock, group, cohort.people(patients, seed=seed, today=until.date()))
        with _progress(clock.now(), until) as progress, _refusals_unsaid():
            life.live(until, progress=progress)
        with prom.transaction() as session:
            for clinic in group.clinics:
                prove_escalation(session, clinic, now=until)
            keys = issue_keys(session, group, secret=settings.secret, now=until)
        with prom.reading() as session:
            about = _about(session, settings, group, keys)
            flagged = burden(session, followed_since=until.date() - FOLLOWED)
    finally:
        prom.mail.close()
        prom.engine.dispose()
    _report(patients, flagged, life.counts, time.monotonic() - began)
    _write(data_dir / DONE, about)


def _trust_the_disk(connection: Any, _record: Any) -> None:
    """Leave the writing to the operating system while the past is made up: a demo cut short is started over."""
    connection.execute("PRAGMA synchronous=OFF")


@contextmanager
def _progress(start: dt.datetime, until: dt.datetime) -> Any:
    days = (until - start).days
    with click.progressbar(length=days, label=f"Living through {cohort.WEEKS} weeks", file=sys.stderr) as bar:
        yield lambda instant: bar.update((instant - start).days - bar.pos)


@contextmanager
def _refusals_unsaid() -> Iterator[None]:
    """Let the refused addresses of the story be no news in the log."""
    log = logging.getLogger(jobs.__name__)
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def _about(session: Session, settings: Settings, group: Group, keys: dict[str, str]) -> dict[str, Any]:
    return {
        "base_url": settings.base_url,
        "database_url": settings.database_url,
        "api_keys": keys,
        "staff": {"email": STAFF_EMAIL, "password": group.password},
        "survey_links": [f"{settings.base_url}/s/{token}" for token in _open_tokens(session, settings, group)],
        "clinic_ids": [str(clinic.id) for clinic in group.clinics],
    }


def _open_tokens(session: Session, settings: Settings, group: Group) -> list[str]:
    """Return tokens of the first clinic that wait for answers, read from the mailbox: nowhere else are they clear."""
    waiting = session.execute(
        select(Message.id, Message.administration_id)
        .join(Administration, Administration.id == Message.administration_id)
        .join(Episode, Episode.id == Administration.episode_id)
        .join(Patient, Patient.id == Episode.patient_id)
        .where(
            Message.clinic_id == group.clinics[0].id,
            Message.phase.in_(DELIVERED_PHASES),
            Administration.state == "open",
            Administration.started_at.is_(None),
            Patient.status == "active",
            Patient.language == "en",
        )
        .order_by(Administration.closes_at.desc(), Message.ordinal)
    )
    newest = {administration_id: message_id for message_id, administration_id in waiting}
    folder = Path(settings.mailbox_dir) / "new"
    found = [LINK.search((folder / str(message_id)).read_bytes()) for message_id in newest.values()]
    return [link[1].decode() for link in found if link][:LINKS]


def _kept_url(about: dict[str, Any], database_url: str | None) -> str | None:
    """Return the database of a finished demo; None for the file beside it, wherever the two were copied to."""
    kept = str(about["database_url"])
    return database_url or (None if kept.startswith("sqlite:") else kept)


def _at_home(about: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Return what is known of the demo with the addresses it has here and now."""
    links = [f"{settings.base_url}/s/{link.rpartition('/')[2]}" for link in about["survey_links"]]
    return {**about, "base_url": settings.base_url, "database_url": settings.database_url, "survey_links": links}


def _write(path: Path, about: dict[str, Any]) -> None:
    """Write the file so that it is there whole or not at all; it holds keys, so it is its owner's alone."""
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    draft.chmod(0o600)
    os.replace(draft, path)


def _report(episodes: int, flagged: dict[str, Any], counts: dict[str, int], seconds: float) -> None:
    kinds = "\n".join(f"  {kind.replace('_', ' '):26}{number:6.1f}" for kind, number in flagged["per_100"].items())
    click.echo(
        f"Lived through {cohort.WEEKS} weeks in {seconds:.0f} s: {episodes} episodes, {counts['send']} emails, "
        f"{counts['answers']} questionnaires, {counts['visits']} visits. Every promise held.\n"
        f"Flags raised for 100 episodes, of the {flagged['episodes']} that have passed three months:\n{kinds}\n"
        f"  clinical flags per episode {flagged['clinical_per_episode']:.2f}; "
        f"episodes without any flag {flagged['without_any']:.0%}",
        err=True,
    )


def _say(about: dict[str, Any], *, served: bool) -> None:
    base, keys, staff = about["base_url"], about["api_keys"], about["staff"]
    period = "from={:%Y-%m-%d}&to={:%Y-%m-%d}".format(*_last_year())
    click.echo(
        f"\n{'Serving on' if served else 'Ready to be served on'} {base}\n"
        f"  a questionnaire   {next(iter(about['survey_links']), 'none is open')}\n"
        f"  the mailbox       {base}/dev/mailbox\n"
        f"  the worklist      {base}/worklist\n"
        f"                    log in as {staff['email']} with {staff['password']}\n"
        f"  the API           {base}/api/docs\n"
        f"                    with the key {keys['clinic']}\n"
        f"  the reports       {base}/reports, here of one clinic; of all, log in as {ANALYST_EMAIL}\n"
        f"                    with the same password\n"
        f"  a report          curl -H 'Authorization: Bearer {keys['clinic']}' \\\n"
        f"                      '{base}/api/v1/reports/utilization?{period}&format=html' -o report.html\n"
    )


def _last_year() -> tuple[dt.date, dt.date]:
    first = system_clock().date().replace(day=1)
    return first.replace(year=first.year - 1), first
