"""The utilization report against pandas: the rows of every table read, everything else done on frames.

    python bench/utilization.py FOLDER [--kind sqlite|postgresql] [--episodes N] [--clinics N] [--rounds N] [--floor N]

With ``--floor`` pandas reads a data set of that many episodes: a million do not fit into 24 GB of memory. Its time and
memory are then scaled to the whole, which is kind to it: it sorts.

Both count the same cells as known at the same instant; the floor stops there, ours goes on to the finished tables.
They must agree on every count: episodes by visits and outcome, administrations by step, emails, visits by month,
visits after improvement and after findings that nobody reviewed.
"""

import argparse
import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import pandas as pd
import sqlalchemy as sa

from bench import pandas_report
from bench.batches import Result, compare
from bench.kept import keep_counts, time_one_clinic
from bench.national import AS_OF, arguments, data_set
from bench.pandas_report import PERIOD
from prom_service import db
from prom_service.models import Organisation
from prom_service.reports import ReportQuery
from prom_service.reports.kinds import REPORTS
from prom_service.reports.report import count_facts, report_of
from prom_service.tenancy import EVERY_CLINIC, open_session

FLAGGED = ["checkpoint", "closed", "reviewed", "visits"]


def ours(url: str, audience: str = "clinic") -> str:
    """Make the report and return the digest of its counts; for the audience ``quality`` they are kept ones."""
    engine = db.for_reading(db.make_engine(url))
    with open_session(engine, EVERY_CLINIC) as session:
        organisation = session.scalar(sa.select(Organisation.id))
        query = ReportQuery((), organisation, *PERIOD, AS_OF, audience=audience)
        facts = count_facts(session, REPORTS["utilization"], query)
    report_of(REPORTS["utilization"], facts, query)
    frames = dict(facts.frames())
    episodes, asked = frames["episodes"], frames["timepoints"]
    eligible = asked[asked["due"] & (asked["excluded"] == "")]
    steps = ("invited", "delivered", "started", "partial", "late", "answered", "scorable", "with_baseline")
    counts = {name: eligible["episodes"].where(eligible[name], 0) for name in steps}
    by_timepoint = pd.DataFrame(counts).groupby(eligible["timepoint"]).sum().reset_index()
    by_outcome = episodes.groupby(["pathway", "closed", "visits", "outcome", "wording", "due"])["episodes"].sum()
    return _digest(
        {
            "episodes": by_outcome.reset_index(),
            "timepoints": by_timepoint,
            "attempts": frames["attempts"].drop(columns="sequence"),
            "months": frames["months"],
            "improved": frames["improved"].groupby(["closed", "visits"])["episodes"].sum().reset_index(),
            "flagged": frames["flagged"].groupby(FLAGGED)["episodes"].sum().reset_index(),
        }
    )


def floor(url: str) -> str:
    """Read every table and count the same."""
    return _digest(pandas_report.count(url))


def _digest(frames: Mapping[str, pd.DataFrame]) -> str:
    """Return the digests of the counts, however the frames hold them; any count that differs changes one."""
    said = []
    for name, frame in frames.items():
        plain = frame.apply(
            lambda column: column if column.dtype == object else column.astype("int64", errors="ignore")
        )
        rows = sorted(
            tuple(str(int(x) if isinstance(x, bool | float | np.number | np.bool_) else x) for x in row)
            for row in plain.itertuples(index=False)
        )
        said.append(f"{name}={hashlib.sha256(repr(rows).encode()).hexdigest()[:8]}")
    return " ".join(said)


def main() -> None:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--floor", type=int, help="episodes that pandas reads; all of them unless it is said")
    chosen = parser.parse_args()
    every = {
        "the report, counted in the record": "partial(bench.utilization.ours, {url!r})",
        "the report, from kept counts": "partial(bench.utilization.ours, {url!r}, 'quality')",
    }
    jobs = {"pandas, everything": "partial(bench.utilization.floor, {url!r})"} | every
    read = chosen.floor or chosen.episodes
    found = _compare(argparse.Namespace(**{**vars(chosen), "episodes": read}), jobs)
    if read != chosen.episodes:
        times, (pandas, *_) = chosen.episodes / read, found.values()
        for name, one in _compare(chosen, every).items():
            seconds, memory = times * pandas.seconds / one.seconds, times * pandas.memory / one.memory
            print(f"{name}: {seconds:.1f} times as fast as {times:.0f} times pandas, memory 1/{memory:.0f}")


def _compare(chosen: argparse.Namespace, jobs: Mapping[str, str]) -> dict[str, Result]:
    with data_set(chosen) as url:
        keep_counts(url, AS_OF)
        found = compare({name: job.format(url=url) for name, job in jobs.items()}, rounds=chosen.rounds)
        time_one_clinic(url)
    return found


if __name__ == "__main__":
    main()
