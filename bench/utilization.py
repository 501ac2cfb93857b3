"""The utilization report against pandas: the rows of every table read, everything else done on frames.

    python bench/utilization.py FOLDER [--kind sqlite|postgresql] [--episodes N] [--clinics N] [--rounds N]

Both count the same cells as known at the same instant; the floor stops there, ours goes on to the finished tables.
They must agree on every count: episodes by visits and outcome, administrations by step, emails, visits by month.
"""

import hashlib
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import pandas as pd
import sqlalchemy as sa

from bench.batches import compare
from bench.national import arguments, data_set
from prom_service import db
from prom_service.models import Organisation
from prom_service.pathway.definition import all_pathways
from prom_service.reports import ReportQuery
from prom_service.reports.kinds import REPORTS
from prom_service.reports.report import report_of
from prom_service.tenancy import EVERY_CLINIC, open_session

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
PERIOD = (date(2024, 1, 1), date(2026, 1, 1))
DONE = ("improved", "uncertain", "not_improved", "worse")
TABLES = {
    "episode": "SELECT id, pathway, closed_on, started_on, enrolled_at FROM episode",
    "change": "SELECT episode_id, recorded_at FROM episode_change",
    "version": "SELECT visit_id, number, voided, visited_on, status, format, recorded_at FROM visit_version",
    "service": "SELECT episode_id, visit_id, recorded_at, removed_at FROM episode_visit",
    "asked": "SELECT id, episode_id, timepoint, state, late_after, started_at, cancelled_at FROM administration",
    "response": "SELECT id, administration_id, episode_id, number, amendment, partial, late, mode, answered_at,"
    " recorded_at FROM response",
    "score": "SELECT response_id, instrument, scale, value, recorded_at FROM score",
    "judgement": "SELECT episode_id, checkpoint, number, outcome, evidence, recorded_at FROM judgement",
    "message": "SELECT id, administration_id, ordinal FROM message",
    "event": "SELECT message_id, kind, at, recorded_at FROM message_event",
}


def ours(url: str) -> str:
    """Make the report and return the digest of its counts."""
    engine = db.for_reading(db.make_engine(url))
    with open_session(engine, EVERY_CLINIC) as session:
        organisation = session.scalar(sa.select(Organisation.id))
        query = ReportQuery((), organisation, *PERIOD, AS_OF)
        facts = REPORTS["utilization"].extract(session, query)
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
        }
    )


def floor(url: str) -> str:
    """Read every table and count the same."""
    engine = sa.create_engine(url)
    read = {name: pd.read_sql(sa.text(query), engine) for name, query in TABLES.items()}
    for frame in read.values():
        for name in set(frame) & {
            "enrolled_at",
            "recorded_at",
            "removed_at",
            "late_after",
            "started_at",
            "cancelled_at",
        }:
            frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601")
        for name in set(frame) & {"answered_at", "at"}:
            frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601")
        for name in set(frame) & {"voided", "amendment", "partial", "late"}:
            frame[name] = frame[name].astype(bool)
        for name in set(frame) & {"started_on", "visited_on"}:
            frame[name] = frame[name].astype(str)
    known = {
        name: frame[frame["recorded_at"] <= AS_OF] if "recorded_at" in frame else frame for name, frame in read.items()
    }
    if (read["change"]["recorded_at"] > AS_OF).any():
        raise SystemExit("this floor takes back no change of an episode; the data set has none after the instant")
    episode = read["episode"]
    started = (episode["started_on"] >= PERIOD[0].isoformat()) & (episode["started_on"] < PERIOD[1].isoformat())
    episode = episode[started & (episode["enrolled_at"] <= AS_OF)]
    served = _served(known, episode)
    asked, mailed = _asked(known, episode)
    return _digest(
        {
            "episodes": _episodes(known, episode, served, asked),
            "timepoints": _steps(asked),
            "attempts": _attempts(asked, mailed),
            "months": _months(served),
        }
    )


def _served(known: Mapping[str, pd.DataFrame], episode: pd.DataFrame) -> pd.DataFrame:
    newest = known["version"].sort_values("number").drop_duplicates("visit_id", keep="last")
    standing = newest[~newest["voided"] & (newest["status"] == "attended")]
    service = known["service"]
    service = service[service["removed_at"].isna() | (service["removed_at"] > AS_OF)]
    served = service.merge(standing, on="visit_id").merge(
        episode[["id", "pathway"]], left_on="episode_id", right_on="id"
    )
    counted = {pathway.ref: set(pathway.counted_formats) for pathway in all_pathways()}
    keep = np.zeros(len(served), dtype=bool)
    for ref, formats in counted.items():
        keep |= ((served["pathway"] == ref) & served["format"].isin(formats)).to_numpy()
    return served[keep]


def _standing(response: pd.DataFrame) -> pd.DataFrame:
    first = response[~response["amendment"]]
    return first.sort_values("number").drop_duplicates("administration_id", keep="last")


def _asked(known: Mapping[str, pd.DataFrame], episode: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    asked = known["asked"].merge(episode[["id", "pathway"]], left_on="episode_id", right_on="id", suffixes=("", "_e"))
    event = known["event"]
    taken = event[event["kind"].isin(["sent", "assumed_sent"])].groupby("message_id")["at"].min()
    bounced = set(event.loc[event["kind"] == "bounced", "message_id"])
    mailed = known["message"][known["message"]["id"].isin(event["message_id"])].copy()
    mailed["delivered_at"] = mailed["id"].map(taken).where(~mailed["id"].isin(bounced))
    tried = mailed.groupby("administration_id")["delivered_at"].max()
    answer = _standing(known["response"]).drop(columns=["episode_id", "number", "amendment", "recorded_at"])
    asked = asked.merge(answer.rename(columns={"id": "answer"}), left_on="id", right_on="administration_id", how="left")
    asked["answered"] = asked["answer"].notna()
    asked["due"] = asked["late_after"] <= AS_OF
    cancelled = asked["cancelled_at"].notna() & (asked["cancelled_at"] <= AS_OF)
    asked["excluded"] = ~asked["answered"] & (cancelled | (asked["state"] == "not_asked"))
    asked["started"] = asked["answered"] | (asked["started_at"].notna() & (asked["started_at"] <= AS_OF))
    asked["invited"] = asked["started"] | asked["id"].isin(tried.index)
    asked["delivered"] = asked["started"] | asked["id"].isin(tried.dropna().index)
    asked["partial"] = asked["partial"].eq(True)
    asked["late"] = asked["late"].eq(True)
    return _scored(known, asked), mailed


def _scored(known: Mapping[str, pd.DataFrame], asked: pd.DataFrame) -> pd.DataFrame:
    score = known["score"].dropna(subset=["value"])
    pathway = asked.loc[asked["answered"], ["answer", "pathway", "episode_id", "timepoint", "late"]]
    score = score.merge(pathway, left_on="response_id", right_on="answer")
    primary = {(one.ref, *key.measure.key) for one in all_pathways() for key in one.primary}
    keys = pd.MultiIndex.from_frame(score[["pathway", "instrument", "scale"]])
    score = score[keys.isin(list(primary))]
    start = score[(score["timepoint"] == "baseline") & ~score["late"]]
    both = score.merge(start[["episode_id", "instrument", "scale"]], on=["episode_id", "instrument", "scale"])
    asked["scorable"] = asked["answer"].isin(score["response_id"])
    asked["with_baseline"] = asked["answer"].isin(both["response_id"])
    return asked


def _episodes(
    known: Mapping[str, pd.DataFrame], episode: pd.DataFrame, served: pd.DataFrame, asked: pd.DataFrame
) -> pd.DataFrame:
    judged = known["judgement"]
    judged = judged[judged["checkpoint"] == "3-months"].sort_values("number").drop_duplicates("episode_id", keep="last")
    judged = judged[judged["outcome"].isin(DONE)].set_index("episode_id")
    official = judged["evidence"].astype(str).str.contains(r"""["']wording["']: ["']official["']""")
    wording = official.map({True: "official", False: "own"})
    rows = pd.DataFrame({"id": episode["id"], "pathway": episode["pathway"], "closed": episode["closed_on"].notna()})
    rows["visits"] = rows["id"].map(served.groupby("episode_id").size()).fillna(0).astype("int64")
    rows["outcome"] = rows["id"].map(judged["outcome"]).fillna("not_assessable")
    rows["wording"] = rows["id"].map(wording).fillna("")
    rows["due"] = rows["id"].map(asked[asked["timepoint"] == "3-months"].set_index("episode_id")["due"]).astype(bool)
    keys = ["pathway", "closed", "visits", "outcome", "wording", "due"]
    return rows.groupby(keys).size().rename("episodes").reset_index()


def _steps(asked: pd.DataFrame) -> pd.DataFrame:
    eligible = asked[asked["due"] & ~asked["excluded"]]
    steps = ["invited", "delivered", "started", "partial", "late", "answered", "scorable", "with_baseline"]
    return eligible.groupby("timepoint")[steps].sum().reset_index()


def _attempts(asked: pd.DataFrame, mailed: pd.DataFrame) -> pd.DataFrame:
    mailed = mailed.sort_values(["administration_id", "ordinal"])
    backwards = mailed.iloc[::-1].groupby("administration_id")["delivered_at"]
    following = backwards.transform(lambda column: column.shift()).iloc[::-1]
    mailed["next_at"] = following.groupby(mailed["administration_id"]).bfill()
    sent = mailed[mailed["delivered_at"].notna()].merge(
        asked[asked["due"] & ~asked["excluded"]], left_on="administration_id", right_on="id", suffixes=("", "_a")
    )
    by_it = (sent["mode"] == "web") & (sent["answered_at"] >= sent["delivered_at"])
    sent["answered"] = by_it & (sent["next_at"].isna() | (sent["next_at"] > sent["answered_at"]))
    counted = sent.groupby(["timepoint", "ordinal"])["answered"].agg(["size", "sum"]).reset_index()
    return counted.set_axis(["timepoint", "attempt", "delivered", "answered"], axis="columns")


def _months(served: pd.DataFrame) -> pd.DataFrame:
    rows = served.assign(month=served["visited_on"].str[:7], shared=served.duplicated("visit_id", keep=False))
    months = rows.groupby("month").agg(visits=("visit_id", "nunique"), served=("episode_id", "nunique"))
    months["shared"] = rows[rows["shared"]].groupby("month")["visit_id"].nunique()
    return months.fillna(0).reset_index()[["month", "visits", "shared", "served"]]


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
    chosen = parser.parse_args()
    with data_set(chosen) as url:
        jobs = {
            "pandas, everything": f"bench.utilization.floor({url!r})",
            "the report": f"bench.utilization.ours({url!r})",
        }
        compare(jobs, rounds=chosen.rounds)


if __name__ == "__main__":
    main()
