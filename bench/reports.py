"""Every report beside what pandas takes only to read the rows that it is made of.

    python bench/reports.py FOLDER [--kind sqlite|postgresql] [--episodes N] [--clinics N] [--rounds N] [--floor N]

Ours is the finished report over every clinic; the floor has not begun to count when it ends. The utilization report has
a floor that counts the same, too: see ``utilization.py``. With ``--floor`` pandas reads a data set of that many
episodes, and its time and memory are scaled to the whole: a million do not fit into 24 GB.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import pandas as pd
import sqlalchemy as sa

from bench.batches import Result, compare
from bench.national import AS_OF, arguments, data_set
from bench.pandas_report import PERIOD, TABLES
from prom_service import db
from prom_service.models import Organisation
from prom_service.reports import ReportQuery, make_report
from prom_service.tenancy import EVERY_CLINIC, open_session

ROWS = TABLES | {
    "wording": "SELECT response_id, instrument, wording FROM answer_set",
    "patient": "SELECT id, date_of_birth, sex FROM patient",
    "documented": "SELECT visit_id, number, documentation FROM visit_version",
}
ASKED = ("clinic", "episode", "change", "asked", "response", "score", "message", "event")
SERVED = ("version", "service", "flag", "step")
MADE_OF = {
    "utilization": (*ASKED, *SERVED, "judgement"),
    "outcomes": (*ASKED, "wording"),
    "comparison": (*ASKED, "judgement", "patient"),
    "process": ("clinic", "episode", "change", "asked", "response", "judgement", *SERVED, "documented"),
}


def ours(url: str, name: str) -> str:
    """Make the report; return its checksum."""
    engine = db.for_reading(db.make_engine(url))
    with open_session(engine, EVERY_CLINIC) as session:
        organisation = session.scalars(sa.select(Organisation.id)).one()
        return make_report(session, name, ReportQuery((), organisation, *PERIOD, AS_OF)).checksum


def floor(url: str, name: str) -> str:
    """Read the rows; return how many there are."""
    engine = sa.create_engine(url)
    return str(sum(len(pd.read_sql(sa.text(ROWS[one]), engine)) for one in MADE_OF[name]))


def main() -> None:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--floor", type=int, help="episodes that pandas reads; all of them unless it is said")
    chosen = parser.parse_args()
    read = chosen.floor or chosen.episodes
    with data_set(argparse.Namespace(**{**vars(chosen), "episodes": read})) as url:
        floors = _in_turn("floor", url, chosen.rounds)
    with data_set(chosen) as url:
        reports = _in_turn("ours", url, chosen.rounds)
    times = chosen.episodes / read
    for name, one in reports.items():
        seconds, memory = times * floors[name].seconds / one.seconds, times * floors[name].memory / one.memory
        print(f"{name}: {seconds:.1f} times as fast as pandas reads its rows, memory 1/{memory:.1f}")


def _in_turn(job: str, url: str, rounds: int) -> dict[str, Result]:
    """Do the job for every report; they take turns, so that none is always the first to read the disk."""
    print(f"{job}, beside that of the last report:")
    jobs = {name: f"partial(bench.reports.{job}, {url!r}, {name!r})" for name in MADE_OF}
    return compare(jobs, rounds=rounds, alike=False)


if __name__ == "__main__":
    main()
