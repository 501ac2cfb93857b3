"""The flag feed and the flag list against plain ORM + marshmallow, and 304 against a bare hello.

    python bench/flags_feed.py [--database-url URL] [--flags N] [--requests N] [--rounds N]

Pages of 100. Ours checks key, scope and clinic on every request; the floor has none of that.
"""

import argparse
import sys
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bench import floor
from bench.rounds import Contender, Request, compare
from prom_service import db
from prom_service.app import create_app
from prom_service.models import Clinic, Episode, Flag, FlagEvent
from prom_service.queries.flags import flag_view
from prom_service.runtime import Runtime, build
from prom_service.settings import Settings
from tests import builders


def _prepare(runtime: Runtime, count: int) -> tuple[str, uuid.UUID]:
    """Return a key and its clinic, which has ``count`` live flags, each of an episode of its own, with one event."""
    now = runtime.now()
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=now)
        key = builders.an_api_key(session, clinic, ["flags:read"], now=now)
        patient = builders.a_patient(session, clinic, now=now)
        for number in range(1, count + 1):
            _raise_flag(session, clinic, patient, number, now)
        session.execute(sa.update(Clinic).where(Clinic.id == clinic.id).values(flag_event_count=count))
    return key, clinic.id


def _raise_flag(session: Session, clinic: Clinic, patient: Any, number: int, now: Any) -> None:
    episode = Episode(
        clinic_id=clinic.id,
        patient_id=patient.id,
        external_id=f"E{number}",
        pathway_key="hip-related-pain",
        pathway="hip-related-pain-1",
        started_on=now.date(),
        closed_on=now.date(),
        enrolled_at=now,
    )
    session.add(episode)
    session.flush()
    evidence = {"instrument": "ihot-12-1.0", "scale": "total", "baseline": {"value": 40.0}, "current": {"value": 44.0}}
    flag = Flag(
        clinic_id=clinic.id,
        episode_id=episode.id,
        kind="non_responder",
        checkpoint="6-weeks",
        basis=f"response:{number}",
        severity="medium",
        queue="clinical",
        status="open",
        why="iHOT-12 is 4.0 points better since the start; on track needs at least 7 points.",
        evidence={**evidence, "change": 4.0, "threshold": {"id": "working", "value": 7.0}},
        guidance={"text": "Not yet improving: reassess.", "source": "", "evidence_status": "working"},
        raised_at=now,
        updated_at=now,
        number=number,
    )
    session.add(flag)
    session.flush()
    shown = flag_view(flag, patient.external_id, patient.id, "DR-1")
    session.add(
        FlagEvent(
            clinic_id=clinic.id,
            flag_id=flag.id,
            number=number,
            type="raised",
            at=now,
            actor="sweep",
            detail={},
            flag=shown,
            recorded_at=now,
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database-url", help="an empty PostgreSQL database; SQLite in a temporary file otherwise")
    parser.add_argument("--flags", type=int, default=5000)
    parser.add_argument("--requests", type=int, default=200, help="per round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = options.database_url or f"sqlite:///{folder}/bench.db"
        db.upgrade(url)
        settings = Settings(env="test", database_url=url, secret_key=builders.SECRET.decode(), mailbox_dir=folder)
        runtime = build(settings)
        key, clinic_id = _prepare(runtime, options.flags)
        headers = {"Authorization": f"Bearer {key}"}
        deep = f"/api/v1/flag-events?after={options.flags - 100}&limit=100"
        known = create_app(runtime).test_client().get(deep, headers=headers).headers["ETag"]
        runtime.engine.dispose()

        def asking(path: str, status: int = 200, **more: str) -> Any:
            request = Request("GET", path, {**headers, **more}, None, status)
            return lambda _number: [request] * options.requests

        def ours() -> Any:
            return create_app(build(settings))

        def theirs() -> Any:
            return floor.make_app(url, clinic_id)

        contenders: Sequence[Contender] = [
            Contender("feed, first page", ours, asking("/api/v1/flag-events?after=0&limit=100")),
            Contender("feed, last page", ours, asking(deep)),
            Contender("list", ours, asking("/api/v1/flags?limit=100")),
            Contender("feed, 304", ours, asking(deep, 304, **{"If-None-Match": known})),
            Contender("floor, page", theirs, asking("/events?after=0")),
            Contender("floor, hello", theirs, asking("/hello")),
        ]
        medians = compare(contenders, rounds=options.rounds)
    page, hello = medians["floor, page"], medians["floor, hello"]
    for name in ("feed, first page", "feed, last page", "list"):
        rate, cpu = medians[name].rate / page.rate, medians[name].cpu / page.cpu
        print(f"{name}: ratio {rate:.2f} in requests a second, {cpu:.2f} in CPU")
    print(f"304: ratio {medians['feed, 304'].rate / hello.rate:.2f} to hello")
    print(f"last page: {medians['feed, last page'].p50 / medians['feed, first page'].p50:.2f} times the first")


if __name__ == "__main__":
    main()
