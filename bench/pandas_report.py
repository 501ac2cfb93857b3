"""The utilization report as pandas makes it: every table read whole, everything counted on frames.

What a competent analyst writes, plainly and without haste: dates become dates, and every step is done on all rows.
"""

import json
from collections.abc import Mapping
from datetime import date

import numpy as np
import pandas as pd
import sqlalchemy as sa

from bench.national import AS_OF
from instruments.compare import TOLERANCE
from prom_service.pathway.definition import all_pathways
from prom_service.pathway.shape import GROC

PERIOD = (date(2024, 1, 1), date(2026, 1, 1))
CHECKPOINTS = ("6-weeks", "3-months")
REVIEWABLE = ("non_responder", "deterioration")
PSFS = "psfs-1.0"
NAMED = "SELECT response_id, answers FROM answer_set WHERE instrument = :psfs"
SCALE = ["instrument", "scale"]
DONE = ("improved", "uncertain", "not_improved", "worse")
TABLES = {
    "clinic": "SELECT id, time_zone FROM clinic",
    "episode": "SELECT id, clinic_id, pathway, closed_on, started_on, enrolled_at FROM episode",
    "change": "SELECT episode_id, recorded_at FROM episode_change",
    "version": "SELECT visit_id, number, voided, visited_on, status, format, reassessed, recorded_at"
    " FROM visit_version",
    "service": "SELECT episode_id, visit_id, recorded_at, removed_at FROM episode_visit",
    "asked": "SELECT id, episode_id, timepoint, sequence, state, target_at, late_after, started_at, cancelled_at,"
    " cancelled_reason FROM administration",
    "response": "SELECT id, administration_id, episode_id, number, amendment, partial, late, mode, answered_at,"
    " recorded_at FROM response",
    "score": "SELECT response_id, instrument, scale, value, recorded_at FROM score",
    "judgement": "SELECT episode_id, checkpoint, number, outcome, evidence, recorded_at FROM judgement",
    "message": "SELECT id, administration_id, ordinal FROM message",
    "event": "SELECT message_id, kind, at, recorded_at FROM message_event",
    "flag": "SELECT id, episode_id, kind, checkpoint, raised_at FROM flag",
    "step": "SELECT flag_id, number, type, at, recorded_at FROM flag_event",
}
INSTANTS = {
    "answered_at",
    "at",
    "cancelled_at",
    "enrolled_at",
    "late_after",
    "raised_at",
    "recorded_at",
    "removed_at",
    "started_at",
    "target_at",
}
TRUTHS = {"amendment", "late", "partial", "reassessed", "voided"}
DAYS = {"started_on", "visited_on"}


def count(url: str) -> dict[str, pd.DataFrame]:
    """Read every table and return the counts."""
    engine = sa.create_engine(url)
    read = {name: pd.read_sql(sa.text(query), engine) for name, query in TABLES.items()}
    for frame in read.values():
        for name in set(frame) & INSTANTS:
            frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601")
        for name in set(frame) & TRUTHS:
            frame[name] = frame[name].astype(bool)
        for name in set(frame) & DAYS:
            frame[name] = frame[name].astype(str)
    known = {
        name: frame[frame["recorded_at"] <= AS_OF] if "recorded_at" in frame else frame for name, frame in read.items()
    }
    if (read["change"]["recorded_at"] > AS_OF).any():
        raise SystemExit("this floor takes back no change of an episode; the data set has none after the instant")
    episode = read["episode"]
    started = (episode["started_on"] >= PERIOD[0].isoformat()) & (episode["started_on"] < PERIOD[1].isoformat())
    episode = episode[started & (episode["enrolled_at"] <= AS_OF)]
    attended = _attended(known, episode)
    served = attended[attended["counted"]]
    start = _start(known)
    asked, mailed = _asked(known, episode, start)
    return {
        "episodes": _episodes(known, episode, served, asked),
        "timepoints": _steps(asked),
        "attempts": _attempts(asked, mailed),
        "months": _months(served),
        "improved": _improved(known, episode, served, asked, start, _of_others(engine, known, asked, start)),
        "flagged": _flagged(known, episode, served, attended),
    }


def _attended(known: Mapping[str, pd.DataFrame], episode: pd.DataFrame) -> pd.DataFrame:
    newest = known["version"].sort_values("number").drop_duplicates("visit_id", keep="last")
    standing = newest[~newest["voided"] & (newest["status"] == "attended")]
    service = known["service"]
    service = service[service["removed_at"].isna() | (service["removed_at"] > AS_OF)]
    attended = service.merge(standing, on="visit_id").merge(
        episode[["id", "pathway"]], left_on="episode_id", right_on="id"
    )
    counted = np.zeros(len(attended), dtype=bool)
    for pathway in all_pathways():
        formats = attended["format"].isin(pathway.counted_formats)
        counted |= ((attended["pathway"] == pathway.ref) & formats).to_numpy()
    return attended.assign(counted=counted)


def _standing(response: pd.DataFrame) -> pd.DataFrame:
    first = response[~response["amendment"]]
    return first.sort_values("number").drop_duplicates("administration_id", keep="last")


def _start(known: Mapping[str, pd.DataFrame]) -> pd.Series:
    """Return the response from which change counts, by episode: the newest baseline in time."""
    first = known["response"][~known["response"]["amendment"] & ~known["response"]["late"]]
    baseline = known["asked"].loc[known["asked"]["timepoint"] == "baseline", "id"]
    first = first[first["administration_id"].isin(baseline)].sort_values("number")
    return first.drop_duplicates("episode_id", keep="last").set_index("episode_id")["id"]


def _asked(
    known: Mapping[str, pd.DataFrame], episode: pd.DataFrame, start: pd.Series
) -> tuple[pd.DataFrame, pd.DataFrame]:
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
    cancelled &= (asked["cancelled_reason"] != "closed") | (asked["cancelled_at"] < asked["target_at"])
    asked["excluded"] = ~asked["answered"] & (cancelled | (asked["state"] == "not_asked"))
    asked["started"] = asked["answered"] | (asked["started_at"].notna() & (asked["started_at"] <= AS_OF))
    asked["invited"] = asked["started"] | asked["id"].isin(tried.index)
    asked["delivered"] = asked["started"] | asked["id"].isin(tried.dropna().index)
    asked["partial"] = asked["partial"].eq(True)
    asked["late"] = asked["late"].eq(True)
    return _scored(known, asked, start), mailed


def _scored(known: Mapping[str, pd.DataFrame], asked: pd.DataFrame, start: pd.Series) -> pd.DataFrame:
    score = known["score"].dropna(subset=["value"])
    answer = asked.loc[asked["answered"], ["answer", "pathway", "episode_id"]]
    primary = {(one.ref, *key.measure.key) for one in all_pathways() for key in one.primary}
    after = _primary(score.merge(answer, left_on="response_id", right_on="answer"), primary)
    first = start.rename("first").reset_index().merge(answer[["episode_id", "pathway"]].drop_duplicates())
    before = _primary(score.merge(first, left_on="response_id", right_on="first"), primary)
    both = after.merge(before[["episode_id", "instrument", "scale"]], on=["episode_id", "instrument", "scale"])
    asked["scorable"] = asked["answer"].isin(after["response_id"])
    asked["with_baseline"] = asked["answer"].isin(both["response_id"])
    return asked


def _primary(score: pd.DataFrame, primary: set[tuple[str, ...]]) -> pd.DataFrame:
    return score[pd.MultiIndex.from_frame(score[["pathway", "instrument", "scale"]]).isin(list(primary))]


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


def _improved(
    known: Mapping[str, pd.DataFrame],
    episode: pd.DataFrame,
    served: pd.DataFrame,
    asked: pd.DataFrame,
    start: pd.Series,
    others: set[object],
) -> pd.DataFrame:
    later = asked[asked["answered"] & (asked["timepoint"] != "baseline")]
    scales = {key: rows.set_index("response_id")["value"] for key, rows in known["score"].groupby(SCALE)}
    reached = []
    for pathway in all_pathways():
        mine = later[later["pathway"] == pathway.ref]
        for criterion in pathway.function:
            measured = scales[criterion.measure.key]
            change = mine["answer"].map(measured) - mine["episode_id"].map(start).map(measured)
            if criterion.measure.instrument == PSFS:
                change = change.mask(mine["answer"].isin(others))
            change = change if criterion.measure.best > criterion.measure.worst else -change
            met = change >= criterion.change.value - TOLERANCE
            if criterion.groc is not None:
                met &= mine["answer"].map(scales.get(GROC, {})) >= criterion.groc.value - TOLERANCE
            reached.append(mine[met])
    shown = pd.concat(reached).sort_values("sequence").drop_duplicates("episode_id")
    shown["on"] = _local_day(known, episode, shown["episode_id"], shown["answered_at"])
    after = served.merge(shown[["episode_id", "on"]], on="episode_id")
    after = after[after["visited_on"] > after["on"]].groupby("episode_id").size()
    rows = episode.loc[episode["id"].isin(shown["episode_id"]), ["id", "closed_on"]]
    visits = rows["id"].map(after).fillna(0).astype("int64")
    rows = pd.DataFrame({"closed": rows["closed_on"].notna(), "visits": visits})
    return rows.groupby(["closed", "visits"]).size().rename("episodes").reset_index()


def _of_others(
    engine: sa.Engine, known: Mapping[str, pd.DataFrame], asked: pd.DataFrame, start: pd.Series
) -> set[object]:
    """Return the answers that rate other activities than their baseline, which was recorded after them."""
    recorded = known["response"].set_index("id")["recorded_at"]
    early = asked.loc[asked["answered"] & (asked["timepoint"] != "baseline"), ["answer", "episode_id"]]
    early = early.assign(start=early["episode_id"].map(start)).dropna()
    early = early[early["answer"].map(recorded) <= early["start"].map(recorded)]
    if early.empty:
        return set()
    given = pd.read_sql(sa.text(NAMED).bindparams(psfs=PSFS), engine).set_index("response_id")["answers"]
    named = given.map(lambda one: {text for key, text in _read(one).items() if key.endswith(".text")})
    both = early[early["answer"].isin(named.index) & early["start"].isin(named.index)]
    pairs = zip(both["answer"], both["answer"].map(named), both["start"].map(named), strict=True)
    return {answer for answer, now, before in pairs if now != before}


def _read(answers: object) -> dict[str, object]:
    return json.loads(answers) if isinstance(answers, str) else dict(answers)


def _flagged(
    known: Mapping[str, pd.DataFrame], episode: pd.DataFrame, served: pd.DataFrame, attended: pd.DataFrame
) -> pd.DataFrame:
    step = known["step"].sort_values("number").drop_duplicates("flag_id", keep="last")
    flag = known["flag"][known["flag"]["kind"].isin(REVIEWABLE) & known["flag"]["checkpoint"].isin(CHECKPOINTS)]
    flag = flag.merge(step, left_on="id", right_on="flag_id")
    flag = flag[flag["episode_id"].isin(episode["id"])].drop(columns="id")
    flag["raised_on"] = _local_day(known, episode, flag["episode_id"], flag["raised_at"])
    resolved_on = _local_day(known, episode, flag["episode_id"], flag["at"]).where(flag["type"] == "resolved")
    seen = flag.merge(attended[attended["reassessed"]], on="episode_id")
    seen = seen[seen["visited_on"] > seen["raised_on"]].groupby("flag_id")["visited_on"].min()
    reassessed_on = flag["flag_id"].map(seen)
    flag["reviewed_on"] = reassessed_on.where(~(resolved_on < reassessed_on), resolved_on).fillna(resolved_on)
    flag = _standing_since(flag.assign(seen_on=reassessed_on))
    keys = ["episode_id", "checkpoint"]
    without = flag.merge(served[["episode_id", "visit_id", "visited_on"]], on="episode_id")
    unseen = without["reviewed_on"].isna() | (without["visited_on"] < without["reviewed_on"])
    without = without[(without["visited_on"] > without["since"]) & unseen].groupby(keys)["visit_id"].nunique()
    rows = flag.assign(reviewed=flag["reviewed_on"].notna()).groupby(keys)["reviewed"].min().to_frame()
    rows["visits"] = without.reindex(rows.index).fillna(0).astype("int64")
    closed = episode.set_index("id")["closed_on"].notna()
    rows = rows.reset_index().assign(closed=lambda frame: frame["episode_id"].map(closed))
    columns = ["checkpoint", "closed", "reviewed", "visits"]
    return rows.groupby(columns).size().rename("episodes").reset_index()


def _standing_since(flag: pd.DataFrame) -> pd.DataFrame:
    """Return the flags that stand, each since the first of those that took over from each other unreviewed."""
    flag = flag.sort_values(["raised_at", "at"])
    alike = flag.groupby(["episode_id", "kind", "checkpoint"])
    before = alike[["type", "at", "seen_on"]].shift()
    goes_on = (before["type"] == "superseded") & (before["at"] == flag["raised_at"])
    goes_on &= before["seen_on"].isna() | (before["seen_on"] > flag["raised_on"])
    flag["since"] = flag["raised_on"].where(~goes_on)
    return flag.assign(since=alike["since"].ffill())[flag["type"] != "superseded"]


def _local_day(
    known: Mapping[str, pd.DataFrame], episode: pd.DataFrame, whose: pd.Series, instants: pd.Series
) -> pd.Series:
    zone = whose.map(episode.set_index("id")["clinic_id"]).map(known["clinic"].set_index("id")["time_zone"])
    days = [instants[zone == name].dt.tz_convert(name).dt.strftime("%Y-%m-%d") for name in zone.unique()]
    return pd.concat(days).reindex(instants.index)
