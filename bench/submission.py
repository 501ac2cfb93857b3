"""One submission over the API against a plain Flask + marshmallow + ORM floor.

    python bench/submission.py [--database-url URL] [--requests N] [--rounds N]

Ours checks key, scope and clinic, stores answers as given and scores, judges, raises flags and plans in one
transaction; the floor stores one response with its scores. Both answer with the same scores, in the same run.
"""

import argparse
import json
import sys
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench import floor
from bench.rounds import Contender, Request, compare
from prom_service import db
from prom_service.app import create_app
from prom_service.runtime import Runtime, build
from prom_service.settings import Settings
from tests import builders

ANSWERS = {
    "ihot-12-1.0": {f"Q{number}": 40 + number for number in range(1, 13)},
    "nprs-1.0": {"Q1": 6},
    "safety-1.0": {f"R{number}": 0 for number in range(1, 14)},
}


def _prepare(runtime: Runtime, count: int) -> tuple[str, list[str]]:
    """Return a key and the baselines of ``count`` fresh episodes, which take answers now."""
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=runtime.now())
        key = builders.an_api_key(session, clinic, ["episodes:write"], now=runtime.now())
        episodes = [builders.an_episode(session, clinic, now=runtime.now()) for _number in range(count)]
        return key, [str(builders.the_administration(session, one, "baseline").id) for one in episodes]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database-url", help="an empty PostgreSQL database; SQLite in a temporary file otherwise")
    parser.add_argument("--requests", type=int, default=80, help="per round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = options.database_url or f"sqlite:///{folder}/ours.db"
        floor_url = options.database_url or f"sqlite:///{folder}/floor.db"
        db.upgrade(url)
        settings = Settings(env="test", database_url=url, secret_key=builders.SECRET.decode(), mailbox_dir=folder)
        runtime = build(settings)
        key, baselines = _prepare(runtime, options.requests * (options.rounds + 1))
        runtime.engine.dispose()
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        body = json.dumps({"answers": ANSWERS, "mode": "desk"}).encode()

        def ours(number: int) -> Sequence[Request]:
            fresh = baselines[number * options.requests : (number + 1) * options.requests]
            return [Request("POST", f"/api/v1/administrations/{one}/responses", headers, body, 201) for one in fresh]

        def theirs(_number: int) -> Sequence[Request]:
            return [Request("POST", "/submit", headers, body, 201)] * options.requests

        medians = compare(
            [
                Contender("ours", lambda: create_app(build(settings)), ours),
                Contender("floor", lambda: floor.make_app(floor_url, uuid.uuid4()), theirs),
            ],
            rounds=options.rounds,
        )
    mine, plain = medians["ours"], medians["floor"]
    print(f"ratio {mine.rate / plain.rate:.2f} in requests a second, {mine.cpu / plain.cpu:.2f} in CPU", end=", ")
    print(f"{mine.p99 / plain.p99:.2f} in p99")


if __name__ == "__main__":
    main()
