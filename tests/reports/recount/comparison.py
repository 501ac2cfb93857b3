"""The comparison report counted again: plain loops over plain rows, limits and intervals by SciPy."""

import datetime as dt
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy import stats

from prom_service.pathway.definition import find
from tests.reports.recount.activities import rates_others

Row = dict[str, Any]
ASSESSED = ("improved", "uncertain", "not_improved", "worse")
WORDINGS = {"official": "official", "own": "provisional wording"}
BANDS = [(70, "70 or older"), (60, "60 to 69"), (50, "50 to 59"), (40, "40 to 49"), (30, "30 to 39"), (0, "under 30")]


@dataclass(frozen=True)
class Known:
    """What was known of one episode."""

    unit: str
    closed: bool
    visits: int
    limit: int
    due: bool
    eligible: bool
    responded: bool
    outcome: str
    wording: str
    age: int
    sex: str
    baselines: tuple[tuple[str, float], ...]


def recount(
    rows: Mapping[str, Sequence[Row]], *, first: dt.date, after: dt.date, as_of: dt.datetime, unit: Callable[[Row], str]
) -> dict[str, dict[tuple, Row]]:
    """Return every table as a mapping from what names a row to its figures.

    ``rows`` are those of the tables named in ``READ``; ``unit`` names the unit of an episode. Of an episode nothing but
    its closing may have changed after ``as_of``.
    """
    under = {name: _by(rows[name], column) for name, column in READ.items() if column}
    patients = {row["id"]: row for row in rows["patient"]}
    episodes = [
        _known(row, patients[row["patient_id"]], under, as_of, unit(row))
        for row in rows["episode"]
        if row["enrolled_at"] <= as_of and first <= row["started_on"] < after
    ]
    groups = {"All": episodes, **{name: [one for one in episodes if one.unit == name] for name in _units(episodes)}}
    return {
        "units": {(name,): _unit(group) for name, group in groups.items()},
        "share_improved": dict(_improved(groups)),
        "share_over_limit": dict(_over(groups)),
        "bounds": dict(_bounds(groups)),
        "responders": dict(_categories([one for one in episodes if one.eligible])),
        "responder_means": dict(_means([one for one in episodes if one.eligible])),
    }


READ = {
    "episode": "",
    "patient": "",
    "episode_change": "episode_id",
    "administration": "episode_id",
    "response": "administration_id",
    "answer_set": "response_id",
    "score": "response_id",
    "judgement": "episode_id",
    "visit_version": "visit_id",
    "episode_visit": "episode_id",
}


def _known(episode: Row, patient: Row, under: Mapping[str, Any], as_of: dt.datetime, unit: str) -> Known:
    pathway = find(episode["pathway"])
    timepoints = {one["timepoint"]: one for one in under["administration"][episode["id"]]}
    checkpoint, start = timepoints["3-months"], _answer(timepoints["baseline"], under, as_of, in_time_first=True)
    answer = _answer(checkpoint, under, as_of)
    due = checkpoint["late_after"] <= as_of
    cancelled = checkpoint["cancelled_at"] is not None and checkpoint["cancelled_at"] <= as_of
    if cancelled and checkpoint["cancelled_reason"] == "closed":
        cancelled = checkpoint["cancelled_at"] < checkpoint["target_at"]
    eligible = due and (answer is not None or not (cancelled or checkpoint["state"] == "not_asked"))
    primary = {one.measure.key for one in pathway.primary}
    then = _scores(answer, primary, under, as_of)
    before = {} if start is None or start["late"] else _scores(start, primary, under, as_of)

    def others(ref: str) -> bool:
        return rates_others(ref, *(under["answer_set"][one["id"]] for one in (answer, start)))

    judged = [one for one in under["judgement"][episode["id"]] if one["checkpoint"] == "3-months"]
    judged = [one for one in judged if one["recorded_at"] <= as_of]
    judgement = max(judged, key=lambda one: one["number"], default={"outcome": "", "evidence": {}})
    assessed = eligible and judgement["outcome"] in ASSESSED
    born, on = patient["date_of_birth"], episode["started_on"]
    return Known(
        unit=unit,
        closed=_closed(episode, under, as_of),
        visits=sum(1 for link in under["episode_visit"][episode["id"]] if _counts(link, pathway, under, as_of)),
        limit=pathway.visit_limit,
        due=due,
        eligible=eligible,
        responded=eligible and any(key in before and not others(key[0]) for key in then),
        outcome=judgement["outcome"] if assessed else "",
        wording=("official" if judgement["evidence"].get("wording") == "official" else "own") if assessed else "",
        age=on.year - born.year - ((on.month, on.day) < (born.month, born.day)),
        sex=patient["sex"],
        baselines=tuple((f"{key[0]} {key[1]} / {words}", value) for key, (value, words) in before.items()),
    )


def _closed(episode: Row, under: Mapping[str, Any], as_of: dt.datetime) -> bool:
    later = [one for one in under["episode_change"][episode["id"]] if one["recorded_at"] > as_of]
    for change in sorted(later, key=lambda one: one["recorded_at"]):
        if (change["before"].get("closed_on"), change["after"].get("closed_on")) != (None, None):
            return change["before"].get("closed_on") is not None
    return episode["closed_on"] is not None


def _counts(link: Row, pathway: Any, under: Mapping[str, Any], as_of: dt.datetime) -> bool:
    versions = [one for one in under["visit_version"][link["visit_id"]] if one["recorded_at"] <= as_of]
    if link["recorded_at"] > as_of or (link["removed_at"] and link["removed_at"] <= as_of) or not versions:
        return False
    visit = max(versions, key=lambda one: one["number"])
    return not visit["voided"] and visit["status"] == "attended" and visit["format"] in pathway.counted_formats


def _answer(
    administration: Row, under: Mapping[str, Any], as_of: dt.datetime, *, in_time_first: bool = False
) -> Row | None:
    answers = [one for one in under["response"][administration["id"]] if one["recorded_at"] <= as_of]
    answers = [one for one in answers if not one["amendment"]]
    in_time = [one for one in answers if not one["late"]]
    return max(in_time if in_time_first and in_time else answers, key=lambda one: one["number"], default=None)


def _scores(answer: Row | None, primary: set, under: Mapping[str, Any], as_of: dt.datetime) -> dict[tuple, tuple]:
    if answer is None:
        return {}
    words = {one["instrument"]: one["wording"] for one in under["answer_set"][answer["id"]]}
    return {
        (one["instrument"], one["scale"]): (one["value"], words[one["instrument"]])
        for one in under["score"][answer["id"]]
        if one["value"] is not None and one["recorded_at"] <= as_of and (one["instrument"], one["scale"]) in primary
    }


def _units(episodes: list[Known]) -> list[str]:
    return sorted({one.unit for one in episodes})


def _unit(group: list[Known]) -> Row:
    names = ("due", "eligible", "responded", "closed")
    counts = {name: sum(1 for one in group if getattr(one, name)) for name in names}
    rate = _share("response_rate", counts["responded"], counts["eligible"])
    return {"episodes": len(group), "judged": sum(1 for one in group if one.wording), **counts, **rate}


def _wordings(groups: Mapping[str, list[Known]]) -> list[str]:
    return [word for word in WORDINGS if any(one.wording == word for one in groups["All"])] or ["official"]


def _improved(groups: Mapping[str, list[Known]]) -> Iterator[tuple[tuple, Row]]:
    for word in _wordings(groups):
        sizes = {
            name: [one.outcome == "improved" for one in group if one.wording == word] for name, group in groups.items()
        }
        for name, group in groups.items():
            rate = _unit(group)["response_rate"]
            low = rate is not None and rate < 0.6
            verdict = _verdict(name, sizes, "response below 60 %" if low else "")
            share = _share("share_improved", sum(sizes[name]), len(sizes[name]))
            counts = {"judged": len(sizes[name]), "improved": sum(sizes[name]), "response_rate": rate}
            yield (name, WORDINGS[word]), {**counts, **share, **verdict}


def _over(groups: Mapping[str, list[Known]]) -> Iterator[tuple[tuple, Row]]:
    sizes = {name: [one.visits > one.limit for one in group if one.closed] for name, group in groups.items()}
    for name in groups:
        share = _share("share_over", sum(sizes[name]), len(sizes[name]))
        counts = {"closed": len(sizes[name]), "over": sum(sizes[name])}
        yield (name,), {**counts, **share, **_verdict(name, sizes, "")}


def _bounds(groups: Mapping[str, list[Known]]) -> Iterator[tuple[tuple, Row]]:
    for word in _wordings(groups):
        for name, group in groups.items():
            judged = [one.outcome == "improved" for one in group if one.wording == word]
            missing = sum(1 for one in group if one.eligible and not one.wording)
            whole = len(judged) + missing
            figures = {"not_judged": missing, "everyone": whole, "at_best": sum(judged) + missing}
            figures["worst"] = sum(judged) / whole if whole else None
            yield (name, WORDINGS[word]), {**figures, "best": figures["at_best"] / whole if whole else None}


def _verdict(name: str, sizes: Mapping[str, list[bool]], low: str) -> Row:
    """The limits, the position and the reason of one unit; ``low`` says that too few answered."""
    whole, size = len(sizes["All"]), len(sizes[name])
    target = sum(sizes["All"]) / whole if whole else None
    if name == "All":
        return {"target": target, "position": "", "rankable": "", "reason": ""}
    reasons = [*(["fewer than 30"] if size < 30 else []), *([low] if low else [])]
    reason = "nothing to compare with" if size >= whole > 0 else "; ".join(reasons)
    limits = [_limit(size, target, p) for p in (0.001, 0.025, 0.975, 0.999)] if size and target is not None else []
    named = dict(zip(("low_998", "low_95", "high_95", "high_998"), limits or [None] * 4, strict=True))
    return {
        "target": target,
        "reason": reason,
        "rankable": "no" if reason else "yes",
        "position": "not compared" if reason else _position(sum(sizes[name]) / size, *limits),
        **named,
    }


def _limit(size: int, target: float, p: float) -> float:
    if target in (0, 1):
        return target
    count = stats.binom.ppf(p, size, target)
    surplus = (stats.binom.cdf(count, size, target) - p) / stats.binom.pmf(count, size, target)
    return max(float(count - surplus) / size, 0.0)


def _position(share: float, low_998: float, low_95: float, high_95: float, high_998: float) -> str:
    if share < low_95 - 1e-9:
        return "below 99.8 %" if share < low_998 - 1e-9 else "below 95 %"
    if share > high_95 + 1e-9:
        return "above 99.8 %" if share > high_998 + 1e-9 else "above 95 %"
    return "inside"


def _share(name: str, part: int, whole: int) -> Row:
    if not whole:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    interval = stats.binomtest(part, whole).proportion_ci(method="wilson")
    return {name: part / whole, f"{name}_low": interval.low, f"{name}_high": interval.high}


def _categories(eligible: list[Known]) -> Iterator[tuple[tuple, Row]]:
    for characteristic, of, names in (
        ("age band", _band, [band for _, band in BANDS]),
        ("sex", lambda one: one.sex, ["female", "male", "other", "unknown"]),
    ):
        for category in names:
            figures: Row = {}
            for side, answered in (("responders", True), ("non_responders", False)):
                all_of_them = [one for one in eligible if one.responded == answered]
                count = sum(1 for one in all_of_them if of(one) == category)
                share = count / len(all_of_them) if all_of_them else None
                figures |= {side: count, f"all_{side}": len(all_of_them), f"share_{side}": share}
            yield (characteristic, category), figures


def _band(one: Known) -> str:
    return next(band for least, band in BANDS if one.age >= least)


def _means(eligible: list[Known]) -> Iterator[tuple[tuple, Row]]:
    values: dict[tuple, dict[bool, list[float]]] = defaultdict(lambda: {True: [], False: []})
    for one in eligible:
        values["age", ""][one.responded].append(one.age)
        values["visits", ""][one.responded].append(one.visits)
        for measure, value in one.baselines:
            values["baseline", measure][one.responded].append(value)
    for key, sides in values.items():
        figures: Row = {}
        for side, answered in (("responders", True), ("non_responders", False)):
            here = sides[answered]
            figures[side] = len(here)
            figures[f"mean_{side}"] = round(statistics.fmean(here), 1) if here else None
            figures[f"deviation_{side}"] = round(statistics.stdev(here), 1) if len(here) > 1 else None
        yield key, figures


def _by(rows: Sequence[Row], column: str) -> dict[Any, list[Row]]:
    index: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        index[row[column]].append(row)
    return index
