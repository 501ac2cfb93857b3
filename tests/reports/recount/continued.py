"""What the utilization report says of care that went on, counted again: plain loops over plain rows."""

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from prom_service.pathway.definition import find
from tests.reports.recount.record import WORDINGS, Group, Record, Row, under_groups

Tables = dict[str, dict[tuple, Row]]


def recount(
    rows: Mapping[str, Sequence[Row]],
    *,
    first: dt.date,
    after: dt.date,
    as_of: dt.datetime,
    group: Group | None = None,
) -> Tables:
    """Return every table as a mapping from what names a row to its figures.

    ``rows`` are those of the tables in ``record.READ``; an episode of no wanted clinic is to be left out of them. The
    start of no episode was moved after ``as_of``.
    """
    record = Record(rows, as_of)
    groups = under_groups([_course(record, one) for one in record.chosen(rows["episode"], first, after)], None)
    if group:
        for course in groups["All"]:
            groups.setdefault(group(course["episode"]), []).append(course)
    return {
        "visits_after_improvement": dict(_after_improvement(groups)),
        "visits_after_improvement_each": dict(_after_improvement_each(groups["All"])),
        "visits_without_review": dict(_without_review(groups)),
    }


def _course(record: Record, episode: Row) -> Row:
    """Everything that the tables ask of one episode."""
    counted = record.counted(episode)
    improved = _demonstrated(record, episode, record.administrations(episode))
    return {
        "episode": episode,
        "closed": record.was(episode, "closed_on") is not None,
        "improved": improved and (improved[1], sum(1 for one in counted if one["visited_on"] > improved[0])),
        "findings": _meanwhile(record.findings(episode), counted),
    }


def _demonstrated(record: Record, episode: Row, planned: Mapping[str, Row]) -> tuple[dt.date, str] | None:
    """The day of the first response that reaches a criterion of function, and its wording."""
    start = record.baseline(planned["baseline"])
    if start is None or start["late"]:
        return None
    before = record.scores(start)
    for timepoint, administration in planned.items():
        answer = record.answer(administration) if timepoint != "baseline" else None
        then = record.scores(answer) if answer else {}
        for criterion in find(episode["pathway"]).function:
            key = criterion.measure.key
            if key not in before or key not in then:
                continue
            earlier, now = (record.activities(one, key[0]) for one in (start, answer))
            if earlier and now and earlier != now:
                continue
            change = (then[key] - before[key]) * (1 if criterion.measure.best > criterion.measure.worst else -1)
            felt = criterion.groc is None or then.get(("groc-1.0", "total"), -99) >= criterion.groc.value
            if felt and change >= criterion.change.value - 1e-9:
                words = {record.wording(one, key[0]) for one in (start, answer)}
                return record.day(episode, answer["answered_at"]), "official" if words == {"official"} else "own"
    return None


def _meanwhile(findings: list[Row], counted: list[Row]) -> dict[str, tuple[str, bool, int]]:
    """By checkpoint: the wording, whether each finding was reviewed, and the visits that went without."""
    found = {}
    for checkpoint in {one["checkpoint"] for one in findings}:
        here = [one for one in findings if one["checkpoint"] == checkpoint]
        visits = {
            visit["visit_id"]
            for visit in counted
            for one in here
            if visit["visited_on"] > one["waits_from"]
            and (one["reviewed_on"] is None or visit["visited_on"] < one["reviewed_on"])
        }
        word = "own" if any(one["wording"] == "own" for one in here) else "official"
        found[checkpoint] = (word, all(one["reviewed_on"] is not None for one in here), len(visits))
    return found


def _quantile(values: Sequence[int], share: float) -> float | None:
    if not values:
        return None
    ordered, place = sorted(values), share * (len(values) - 1)
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))


def _improved_words(members: list[Row]) -> list[str]:
    found = {one["improved"][0] for one in members if one["improved"]}
    return [word for word in ("official", "own") if word in found] or ["official"]


def _after_improvement(groups: Mapping[str, list[Row]]) -> Iterator[tuple[tuple, Row]]:
    for name, members in groups.items():
        for word in _improved_words(groups["All"]):
            shown = [one for one in members if one["improved"] and one["improved"][0] == word]
            closed = [one["improved"][1] for one in shown if one["closed"]]
            still = [one["improved"][1] for one in shown if not one["closed"]]
            yield (
                (name, WORDINGS[word]),
                {
                    "episodes": len(members),
                    "demonstrated": len(shown),
                    "closed": len(closed),
                    "visits_closed": sum(closed),
                    "median": _quantile(closed, 0.5),
                    "percentile_75": _quantile(closed, 0.75),
                    "open": len(still),
                    "visits_open": sum(still),
                },
            )


def _after_improvement_each(members: list[Row]) -> Iterator[tuple[tuple, Row]]:
    counts = Counter((*one["improved"], one["closed"]) for one in members if one["improved"])
    for word in _improved_words(members):
        for visits in range(max((visits for _, visits, _ in counts), default=0) + 1):
            figures = {"closed": counts[word, visits, True], "open": counts[word, visits, False]}
            yield (visits, WORDINGS[word]), figures


def _without_review(groups: Mapping[str, list[Row]]) -> Iterator[tuple[tuple, Row]]:
    seen = {word for one in groups["All"] for word, *_ in one["findings"].values()}
    words = [word for word in ("official", "own") if word in seen] or ["official"]
    for name, members in groups.items():
        for checkpoint in ("6-weeks", "3-months"):
            for word in words:
                here = [
                    (*one["findings"][checkpoint], one["closed"]) for one in members if checkpoint in one["findings"]
                ]
                here = [one for one in here if one[0] == word]
                waiting = [(visits, closed) for _, reviewed, visits, closed in here if not reviewed]
                figures = {
                    "flagged": len(here),
                    "reviewed": len(here) - len(waiting),
                    "unreviewed": len(waiting),
                    "share": len(waiting) / len(here) if here else None,
                    "unreviewed_open": sum(1 for _, closed in waiting if not closed),
                    "with_visits": sum(1 for visits, _ in waiting if visits),
                    "visits_unreviewed": sum(visits for visits, _ in waiting),
                    "visits_before_review": sum(visits for _, reviewed, visits, _ in here if reviewed),
                }
                yield (name, checkpoint, WORDINGS[word]), figures
