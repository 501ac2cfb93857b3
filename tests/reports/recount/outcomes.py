"""The outcomes report counted again: plain loops over plain rows, sharing nothing with the report but the registry."""

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from scipy import stats

import instruments
from instruments import thresholds
from prom_service.pathway.definition import find
from prom_service.pathway.shape import Pathway
from tests.reports.recount.activities import rated

Row = dict[str, Any]
NOT_A_SCALE = ("groc-1.0", "pass-1.0", "safety-1.0")
SURGERY = ("hip replacement", "hip arthroscopy", "surgical")
TABLES = ("changes", "responders", "reliable_change", "scores", "acceptable_state")


def recount(
    rows: Mapping[str, Sequence[Row]],
    *,
    first: Any,
    after: Any,
    as_of: Any,
    group: Callable[[Row], str] | None = None,
) -> dict[str, dict[tuple, Row]]:
    """Return every table as a mapping from what names a row to its figures.

    ``rows`` are those of the tables episode, administration, response, answer_set and score. ``group`` names the group
    of an episode. No start may have been moved after ``as_of``.
    """
    under = {
        "administration": _by(rows["administration"], "episode_id"),
        "response": _by(rows["response"], "administration_id"),
        "answer_set": _by(rows["answer_set"], "response_id"),
        "score": _by(rows["score"], "response_id"),
    }
    found: dict[str, dict[tuple, list]] = {name: defaultdict(list) for name in TABLES}
    for episode in rows["episode"]:
        if episode["enrolled_at"] <= as_of and first <= episode["started_on"] < after:
            groups = ["All", *([group(episode)] if group else [])]
            for name, key, figure in _of_one(episode, under, as_of):
                for one in groups:
                    found[name][one, *key].append(figure)
    return {name: {key: SUMMARIES[name](figures) for key, figures in found[name].items()} for name in TABLES}


def _of_one(episode: Row, under: Mapping[str, Any], as_of: Any) -> Iterator[tuple[str, tuple, Any]]:
    """Yield what an episode adds to which row of which table."""
    pathway = find(episode["pathway"])
    given, activities = {}, {}
    for administration in under["administration"][episode["id"]]:
        if administration["late_after"] <= as_of:
            timepoint = administration["timepoint"]
            response = _standing(administration, under, as_of)
            if response and not (timepoint == "baseline" and response["late"]):
                given[timepoint] = dict(_scores(response, under, as_of))
                activities[timepoint] = rated(under["answer_set"][response["id"]])
    for timepoint, scores in given.items():
        for (ref, scale), (value, official) in scores.items():
            if ref == "pass-1.0":
                yield "acceptable_state", (timepoint, official), value
            elif ref not in NOT_A_SCALE and ref in _asked(pathway):
                others = {activities[one].get(ref) for one in ("baseline", timepoint) if one in activities} - {None}
                compared = timepoint != "baseline" and len(others) < 2
                start = given.get("baseline", {}).get((ref, scale)) if compared else None
                yield from _of_one_score(pathway, timepoint, (ref, scale), value, official, start)


def _of_one_score(
    pathway: Pathway, timepoint: str, scale: tuple[str, str], value: float, official: bool, start: Any
) -> Iterator[tuple[str, tuple, Any]]:
    definition = instruments.find(scale[0]).scale(scale[1])
    published = [row for row in thresholds.for_instrument(scale[0]) if row.scale == scale[1]]
    sign = 1 if definition.best == definition.maximum else -1
    yield "scores", (scale, timepoint, official), (value, definition)
    for row in published:
        if row.kind == "PASS" and row.treatment not in SURGERY:
            yield "responders", (scale, timepoint, official, row.id), sign * (value - row.value) >= -1e-9
    if start is None:
        return
    change, both = sign * (value - start[0]), official and start[1]
    yield "changes", (scale, timepoint, both), (start[0], value, change)
    errors = [row.value for row in published if row.kind == "MDC_individual"]
    yield "reliable_change", (scale, timepoint, both), (change, max(errors, default=None))
    for row in _compared(pathway, timepoint, published):
        needed = row.value if row.unit == "points" else start[0] * row.value / 100
        reached = change >= needed - 1e-9 and not (row.unit == "percent" and start[0] <= 0)
        yield "responders", (scale, timepoint, both, row.id), reached


def _compared(
    pathway: Pathway, timepoint: str, published: list[thresholds.Threshold]
) -> Iterator[thresholds.Threshold]:
    """Yield the changes published for care without an operation, and our own where the pathway names them."""
    named = {row.id for one in pathway.timepoint(timepoint).criteria for row in (*one.improved, *one.borderline)}
    named |= {one.change.id for one in pathway.function if one.groc is None}
    for row in published:
        changes = row.kind in ("MIC", "MCII", "SCB") and row.treatment not in SURGERY
        if changes or (row.kind == "working" and row.id in named):
            yield row


def _asked(pathway: Pathway) -> set[str]:
    later = [timepoint for timepoint in pathway.timepoints if timepoint.key != "baseline"]
    return {ref for one in later for ref in (*one.instruments, *one.optional_instruments)}


def _standing(administration: Row, under: Mapping[str, Any], as_of: Any) -> Row | None:
    """The newest response that is no amendment; at the baseline one in time before any late one."""
    answers = under["response"][administration["id"]]
    answers = [one for one in answers if not one["amendment"] and one["recorded_at"] <= as_of]
    in_time = [one for one in answers if not one["late"]]
    if administration["timepoint"] == "baseline" and in_time:
        answers = in_time
    return max(answers, key=lambda one: one["number"], default=None)


def _scores(
    response: Row, under: Mapping[str, Any], as_of: Any
) -> Iterator[tuple[tuple[str, str], tuple[float, bool]]]:
    words = {one["instrument"]: one["wording"] for one in under["answer_set"][response["id"]]}
    for score in under["score"][response["id"]]:
        if score["value"] is not None and score["recorded_at"] <= as_of:
            official = words.get(score["instrument"]) == "official"
            yield (score["instrument"], score["scale"]), (score["value"], official)


def _by(rows: Sequence[Row], column: str) -> dict[Any, list[Row]]:
    index: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        index[row[column]].append(row)
    return index


def _changes(figures: list[tuple[float, float, float]]) -> Row:
    before, after, change = ([one[place] for one in figures] for place in range(3))
    size, mean, reach = len(change), math.fsum(change) / len(change), math.nan
    if size > 1:
        squares = math.fsum((one - mean) ** 2 for one in change)
        reach = float(stats.t.ppf(0.975, size - 1)) * math.sqrt(squares / (size - 1) / size)
    return {
        "pairs": size,
        "mean_baseline": math.fsum(before) / size,
        "mean_score": math.fsum(after) / size,
        "mean_change": mean,
        "change_low": mean - reach,
        "change_high": mean + reach,
        **_quartiles(change),
    }


def _quartiles(values: list[float]) -> Row:
    cuts = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return dict(zip(("quartile_1", "median", "quartile_3"), cuts, strict=True))


def _responders(figures: list[bool]) -> Row:
    return {"assessable": len(figures), "reached": sum(figures), **_interval(sum(figures), len(figures))}


def _reliable(figures: list[tuple[float, float | None]]) -> Row:
    known = [(change, error) for change, error in figures if error is not None]
    better = sum(change >= error - 1e-9 for change, error in known)
    worse = sum(-change >= error - 1e-9 for change, error in known)
    counts = {"better": better, "within": len(known) - better - worse, "worse": worse}
    shares = {f"share_{name}": count / len(known) if known else math.nan for name, count in counts.items()}
    return {"pairs": len(figures), "assessable": len(known), "error": figures[0][1] or math.nan, **counts, **shares}


def _levels(figures: list[tuple[float, Any]]) -> Row:
    definition = figures[0][1]
    ends = {"best": definition.best, "worst": definition.minimum + definition.maximum - definition.best}
    values = [value for value, _ in figures]
    counts = {f"at_{name}": sum(abs(value - end) <= 1e-9 for value in values) for name, end in ends.items()}
    shares = {f"share_{name}": counts[f"at_{name}"] / len(values) for name in ends}
    return {"scores": len(values), **ends, **counts, **shares, **_quartiles(values)}


def _acceptable(figures: list[float]) -> Row:
    yes = sum(one == 1 for one in figures)
    return {"answered": len(figures), "yes": yes, **_interval(yes, len(figures))}


def _interval(part: int, whole: int) -> Row:
    """The share, and the two shares from which it lies 1.96 standard errors off: the roots of a quadratic equation."""
    z, share = statistics.NormalDist().inv_cdf(0.975), part / whole
    a, b, c = 1 + z * z / whole, -(2 * share + z * z / whole), share * share
    root = math.sqrt(max(b * b - 4 * a * c, 0))
    return {"share": share, "share_low": (-b - root) / (2 * a), "share_high": (-b + root) / (2 * a)}


SUMMARIES: dict[str, Callable[[list], Row]] = {
    "changes": _changes,
    "responders": _responders,
    "reliable_change": _reliable,
    "scores": _levels,
    "acceptable_state": _acceptable,
}
