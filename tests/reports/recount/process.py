"""The process report counted again: plain loops over plain rows, with words taken apart one by one."""

import datetime as dt
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from tests.reports.recount.record import WORDINGS, Group, Record, Row, months_later, under_groups

DOSE = (
    "exercise_load",
    "repetitions",
    "sets",
    "time_under_tension",
    "rest",
    "sessions_per_week",
    "progression",
)
TOPICS = ("condition", "pain", "activity", "recovery")
STRENGTH = ("strengthening", "strength training", "resistance training")
MOVEMENT = ("movement reeducation", "movement re education", "movement retraining")
OPIOIDS = (
    *("opioid", "opiate", "buprenorphine", "co codamol", "codeine", "dihydrocodeine", "fentanyl", "hydrocodone"),
    *("hydromorphone", "morphine", "oxycodone", "tapentadol", "tramadol"),
)
NONE = ("none", "no ", "nil")
FOLLOWED = ("reassessed_after_6_weeks", "reviewed_after_6_weeks")
State = tuple[bool, bool, bool]


def recount(
    rows: Mapping[str, Sequence[Row]],
    *,
    first: dt.date,
    after: dt.date,
    as_of: dt.datetime,
    group: Group | None = None,
) -> dict[str, dict[tuple, Row]]:
    """Return the tables ``process`` and ``short_programmes`` as mappings from what names a row to its figures.

    ``rows`` are those of the tables in ``record.READ``; an episode of no wanted clinic is to be left out of them.
    """
    record = Record(rows, as_of)
    groups = under_groups(record.chosen(rows["episode"], first, after), group)
    found = {name: [_findings(record, one) for one in members] for name, members in groups.items()}
    wordings = [word for word in ("official", "own") if any(word in one for one in found["All"])] or ["official"]
    tables: dict[str, dict[tuple, Row]] = {"process": {}, "short_programmes": {}}
    for name, members in groups.items():
        states = [_states(record, one) for one in members]
        for key in states[0] if states else ():
            tables["process"][name, key, ""] = _counted([one[key] for one in states])
        for number, key in enumerate(FOLLOWED):
            for word in wordings:
                followed = [one[word][number] for one in found[name] if word in one]
                tables["process"][name, key, WORDINGS[word]] = _counted([(True, True, met) for met in followed])
        tables["short_programmes"] |= _short(record, name, members)
    return tables


def _counted(states: list[State]) -> Row:
    applies, documented, met = (sum(1 for one in states if all(one[: place + 1])) for place in range(3))
    counts = {"applies": applies, "documented": documented, "met": met, "not_documented": applies - documented}
    return {**counts, "share": met / documented if documented else None}


def _states(record: Record, episode: Row) -> dict[str, State]:
    """Of each measure: whether it applies, whether it is documented, whether it is met."""
    visits = record.visits(episode)
    said = [{name: str(text).strip() for name, text in one["documentation"].items()} for one in visits]
    dosed = any(one.get(name) for one in said for name in DOSE)
    treated, taught = _entries(said, "interventions"), _entries(said, "education")
    topics = {topic: _begins(taught, (topic,)) for topic in TOPICS}
    met = {
        "exercise_complete": (dosed, any(all(one.get(name) for name in DOSE) for one in said)),
        **{name: (dosed, any(one.get(name) for one in said)) for name in DOSE},
        "strengthening": (bool(treated), _begins(treated, STRENGTH)),
        "movement_reeducation": (bool(treated), _begins(treated, MOVEMENT)),
        "stretching_only": (bool(treated), all(one.startswith("stretch") for one in treated)),
        "education_complete": (bool(taught), all(topics.values())),
        **{f"education_{topic}": (bool(taught), given) for topic, given in topics.items()},
        "opioid_first": _opioid_first(visits),
    }
    start, closed = record.was(episode, "started_on"), record.was(episode, "closed_on")
    return {
        **{key: (bool(visits), *state) for key, state in met.items()},
        "early_mri": _early_mri(record, episode, visits, months_later(start, 3)),
        "short_programme": (
            months_later(start, 3) <= record.as_of.astimezone(dt.UTC).date(),
            True,
            closed is not None and closed < months_later(start, 3),
        ),
        "pathology_excluded": _excluded(record, episode, visits),
    }


def _opioid_first(visits: list[Row]) -> tuple[bool, bool]:
    by_day: dict[dt.date, list[str]] = {}
    for visit in visits:
        entries = _entries([visit["documentation"]], "medication")
        if entries:
            by_day.setdefault(visit["visited_on"], []).extend(entries)
    for day in sorted(by_day):
        if any(not f"{one} ".startswith(NONE) for one in by_day[day]):
            return True, _begins(by_day[day], OPIOIDS)
    return bool(by_day), False


def _early_mri(record: Record, episode: Row, visits: list[Row], three_months_on: dt.date) -> State:
    flags = [one for one in record.under["flag"][episode["id"]] if one["kind"] == "red_flag_symptom"]
    raised = [record.day(episode, one["raised_at"]) for one in flags if one["raised_at"] <= record.as_of]
    early = [one for one in visits if one["visited_on"] < three_months_on]
    imaged = [(one["visited_on"], _entries([one["documentation"]], "imaging")) for one in early]
    scans = [day for day, entries in imaged if _begins(entries, ("mri", "magnetic resonance"))]
    open_ = any(not any(on <= day for on in raised) for day in scans)
    return bool(early), any(entries for _, entries in imaged), open_


def _excluded(record: Record, episode: Row, visits: list[Row]) -> State:
    on = record.was(episode, "pathology_excluded_on")
    return bool(visits), on is not None, on is not None and all(on <= one["visited_on"] for one in visits)


def _findings(record: Record, episode: Row) -> dict[str, tuple[bool, bool]]:
    """Whether each non-response at 6 weeks was followed by a reassessment, and by a review, under its wording."""
    found = [one for one in record.findings(episode) if one["kind"] == "non_responder"]
    found = [one for one in found if one["checkpoint"] == "6-weeks"]
    if not found:
        return {}
    word = "own" if any(one["wording"] == "own" for one in found) else "official"
    return {word: (all(one["reassessed"] for one in found), all(one["reviewed_on"] is not None for one in found))}


def _short(record: Record, name: str, members: list[Row]) -> dict[tuple, Row]:
    short = [one for one in members if all(_states(record, one)["short_programme"])]
    table = {}
    for checkpoint in ("6-weeks", "3-months"):
        counts = Counter(record.outcome(one, checkpoint) for one in short)
        for (outcome, word), episodes in counts.items():
            figures = {"episodes": episodes, "short": len(short), "share": episodes / len(short)}
            table[name, checkpoint, outcome, WORDINGS[word]] = figures
    return table


def _entries(said: Sequence[Mapping[str, str]], name: str) -> list[str]:
    """Every entry of a field, in small letters, with single blanks."""
    found = []
    for one in said:
        for entry in re.split(r" and |[,;&+/\r\n]", (one.get(name) or "").lower()):
            words = re.sub(r"[ \t_-]+", " ", entry).strip()
            if words:
                found.append(words)
    return found


def _begins(entries: Sequence[str], words: tuple[str, ...]) -> bool:
    return any(one.startswith(words) for one in entries)
