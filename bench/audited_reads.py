"""What it costs that every read is on record before it is answered: the same reads with and without their entries.

    python bench/audited_reads.py [--database-url URL] [--requests N] [--rounds N]

One patient, a page of 100 patients and a page of 100 flag events, eight clients at once.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.flags_feed import _raise_flag
from bench.rounds import Contender, Request, compare
from prom_service import db
from prom_service.app import create_app
from prom_service.runtime import Runtime, build
from prom_service.settings import Settings
from prom_service.web import audit
from tests import builders

COUNT = 100


def _prepare(runtime: Runtime) -> tuple[str, str]:
    """Return a key and the id of one of the patients of its clinic, who have a flag event each."""
    now = runtime.now()
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=now)
        key = builders.an_api_key(session, clinic, ["episodes:read", "flags:read"], now=now)
        patients = [builders.a_patient(session, clinic, now=now) for _ in range(COUNT)]
        for number, patient in enumerate(patients, start=1):
            _raise_flag(session, clinic, patient, number, now)
        return key, str(patients[0].id)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database-url", help="an empty PostgreSQL database; SQLite in a temporary file otherwise")
    parser.add_argument("--requests", type=int, default=200, help="per round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as folder:
        url = options.database_url or f"sqlite:///{folder}/bench.db"
        db.upgrade(url)
        settings = Settings(env="test", database_url=url, secret_key=builders.SECRET.decode(), mailbox_dir=folder)
        runtime = build(settings)
        key, patient_id = _prepare(runtime)
        runtime.engine.dispose()
        headers = {"Authorization": f"Bearer {key}"}

        def audited() -> Any:
            return create_app(build(settings))

        def silent() -> Any:
            audit.note_answer = lambda _response: None
            return create_app(build(settings))

        reads = {
            "one patient": f"/api/v1/patients/{patient_id}",
            "100 patients": "/api/v1/patients?limit=100",
            "100 flag events": "/api/v1/flag-events?after=0&limit=100",
        }
        for name, path in reads.items():
            asked = [Request("GET", path, headers, None, 200)] * options.requests

            def asking(_number: int, asked: Sequence[Request] = asked) -> Sequence[Request]:
                return asked

            medians = compare(
                [Contender(f"{name}, audited", audited, asking), Contender(f"{name}, not", silent, asking)],
                rounds=options.rounds,
            )
            mine, plain = medians.values()
            print(f"{name}: ratio {mine.rate / plain.rate:.2f} in requests a second, {mine.cpu / plain.cpu:.2f} in CPU")


if __name__ == "__main__":
    main()
