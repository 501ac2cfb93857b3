"""The utilization report counted again: plain loops over plain rows, nothing shared with it but the pathways."""

import datetime as dt
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from scipy import stats

from prom_service.models import (
    Administration,
    AnswerSet,
    Clinic,
    Episode,
    EpisodeChange,
    EpisodeVisit,
    Judgement,
    Message,
    MessageEvent,
    Response,
    Score,
    VisitVersion,
)
from prom_service.pathway.definition import find
from tests.reports.recount.activities import rates_others

Row = dict[str, Any]
Figures = dict[str, dict[tuple, dict[str, float]]]
READ = {
    table.__tablename__: table
    for table in (
        Administration,
        AnswerSet,
        Clinic,
        Episode,
        EpisodeChange,
        EpisodeVisit,
        Judgement,
        Message,
        MessageEvent,
        Response,
        Score,
        VisitVersion,
    )
}
ASSESSED = ("improved", "uncertain", "not_improved", "worse")
TAKEN, TRIED = ("sent", "assumed_sent"), ("committing", "sent", "assumed_sent", "deferred", "failed", "bounced")
NONE = math.nan
Z = 1.959963984540054


class Recount:
    """The rows as they were known at an instant, gone through one episode after another."""

    def __init__(
        self, rows: Mapping[str, Sequence[Row]], *, first: dt.date, after: dt.date, as_of: dt.datetime
    ) -> None:
        self.first, self.after, self.as_of = first, after, as_of
        self.codes = {clinic["id"]: clinic["code"] for clinic in rows["clinic"]}
        for table, key in (
            ("administration", "episode_id"),
            ("response", "administration_id"),
            ("score", "response_id"),
            ("answer_set", "response_id"),
            ("judgement", "episode_id"),
            ("message", "administration_id"),
            ("message_event", "message_id"),
        ):
            setattr(self, table, _by(rows[table], key))
        self.versions = _by(self.known(rows["visit_version"]), "visit_id")
        self.changes = _by((row for row in rows["episode_change"] if row["recorded_at"] > as_of), "episode_id")
        self.links = _by(
            (row for row in self.known(rows["episode_visit"]) if not self.by(row["removed_at"])), "episode_id"
        )
        self.episodes = [self.as_it_was(row) for row in rows["episode"] if row["enrolled_at"] <= as_of]

    def known(self, rows: Iterable[Row]) -> Iterator[Row]:
        return (row for row in rows if row["recorded_at"] <= self.as_of)

    def by(self, moment: dt.datetime | None) -> bool:
        return moment is not None and moment <= self.as_of

    def as_it_was(self, row: Row) -> Row:
        """The episode with what stood before the first later change of each field."""
        then = dict(row, closed_on=row["closed_on"] and row["closed_on"].isoformat())
        then["started_on"] = row["started_on"].isoformat()
        changes = sorted(self.changes[row["id"]], key=lambda one: (one["recorded_at"], one["id"]))
        for field in ("started_on", "closed_on", "clinician", "diagnosis", "side"):
            for change in changes:
                if change["before"].get(field) is not None or change["after"].get(field) is not None:
                    then[field] = change["before"].get(field)
                    break
        return then

    def visits(self, episode: Row) -> list[Row]:
        """The counted visits that served the episode."""
        newest = [max(self.versions[link["visit_id"]], key=_number, default=None) for link in self.links[episode["id"]]]
        counted = find(episode["pathway"]).counted_formats
        standing = [one for one in newest if one and not one["voided"] and one["status"] == "attended"]
        return [one for one in standing if one["format"] in counted]

    def in_period(self, day: str) -> bool:
        return self.first.isoformat() <= day < self.after.isoformat()

    def standing(self, administration: Row) -> Row | None:
        """The newest response that is no amendment."""
        given = [one for one in self.known(self.response[administration["id"]]) if not one["amendment"]]
        return max(given, key=_number, default=None)

    def baseline(self, episode: Row) -> Row | None:
        """The newest in time, else the newest."""
        given = [
            one
            for administration in self.administration[episode["id"]]
            if administration["timepoint"] == "baseline"
            for one in self.known(self.response[administration["id"]])
            if not one["amendment"]
        ]
        return max(given, key=lambda one: (not one["late"], one["number"]), default=None)

    def scored(self, episode: Row, response: Row | None) -> set[tuple[str, str]]:
        """The primary scales with a score."""
        primary = {(one.measure.instrument, one.measure.scale) for one in find(episode["pathway"]).primary}
        scores = self.known(self.score[response["id"]]) if response else ()
        return {(one["instrument"], one["scale"]) for one in scores if one["value"] is not None} & primary

    def rates_others(self, ref: str, answer: Row, baseline: Row) -> bool:
        """Whether the answer rates other activities than the baseline does."""
        return rates_others(ref, self.answer_set[answer["id"]], self.answer_set[baseline["id"]])

    def judged(self, episode: Row) -> tuple[str, str]:
        """Outcome and wording of the judgement in force at 3 months."""
        known = [one for one in self.known(self.judgement[episode["id"]]) if one["checkpoint"] == "3-months"]
        newest = max(known, key=_number, default=None)
        if newest is None or newest["outcome"] not in ASSESSED:
            return "not_assessable", ""
        official = newest["evidence"].get("wording") == "official"
        return newest["outcome"], "official" if official else "provisional wording"

    def emails(self, administration: Row) -> list[tuple[int, dt.datetime | None]]:
        """Each email that was tried: its ordinal, and when it was delivered."""
        found = []
        for message in self.message[administration["id"]]:
            events = [one for one in self.known(self.message_event[message["id"]]) if one["kind"] in TRIED]
            taken = min((one["at"] for one in events if one["kind"] in TAKEN), default=None)
            bounced = any(one["kind"] == "bounced" for one in events)
            if events:
                found.append((message["ordinal"], None if bounced else taken))
        return sorted(found)


def recount(
    rows: Mapping[str, Sequence[Row]],
    *,
    first: dt.date,
    after: dt.date,
    as_of: dt.datetime,
    basis: str,
    group_by: str | None,
) -> Figures:
    """Return every table as a mapping from what names a row to its figures."""
    record = Recount(rows, first=first, after=after, as_of=as_of)
    label = _label(record, group_by)
    care = []
    for episode in record.episodes:
        visits = record.visits(episode)
        within = [one for one in visits if record.in_period(one["visited_on"].isoformat())]
        if basis == "episodes" and record.in_period(episode["started_on"]):
            care.append((episode, visits, visits))
        elif basis == "activity" and within:
            care.append((episode, visits, within))
    figures: Figures = {}
    figures |= _visits(record, care, label)
    figures |= _asked(record, [episode for episode, *_ in care], label)
    figures |= _activity(care, label)
    return figures


def _label(record: Recount, group_by: str | None) -> Callable[..., list[str]]:
    """The groups of an episode, or of a visit by its own clinician: that of everything, and its own."""

    def label(episode: Row, visit: Row | None = None) -> list[str]:
        code = record.codes[episode["clinic_id"]]
        clinician = (visit or episode)["clinician"] or "(not recorded)"
        names = {
            "clinic": code,
            "clinician": f"{code} / {clinician}",
            "pathway": episode["pathway"],
            "diagnosis": episode["diagnosis"] or "(not recorded)",
            "side": episode["side"],
            "period": episode["started_on"][:7],
        }
        return ["All", names[group_by]] if group_by else ["All"]

    return label


def _visits(record: Recount, care: list, label: Callable[..., list[str]]) -> Figures:
    groups: dict[str, list[tuple]] = defaultdict(list, All=[])
    for episode, visits, _ in care:
        asked = [one for one in record.administration[episode["id"]] if one["timepoint"] == "3-months"]
        due = not asked or asked[0]["late_after"] <= record.as_of
        limit = find(episode["pathway"]).visit_limit
        one = (episode["closed_on"] is not None, len(visits), limit, due, *record.judged(episode))
        for group in label(episode):
            groups[group].append(one)
    distribution = Counter((visits, closed) for closed, visits, *_ in groups["All"])
    highest = max([15, *(visits for visits, _ in distribution)])
    per_episode = {(group,): _per_episode(episodes) for group, episodes in groups.items() if episodes}
    words = {one[-1] for one in groups["All"]} - {""}
    return {
        "visits_per_episode": per_episode,
        "visit_distribution": {
            (number,): {"closed": distribution[number, True], "open": distribution[number, False]}
            for number in range(highest + 1)
        },
        "visits_by_outcome": {
            (group, *key): row
            for group, episodes in groups.items()
            for key, row in _by_outcome(episodes, words or {""})
        },
    }


def _per_episode(episodes: list[tuple]) -> dict[str, float]:
    closed = sorted(visits for ended, visits, *_ in episodes if ended)
    over = sum(ended and visits > limit for ended, visits, limit, *_ in episodes)
    limits = {limit for _, _, limit, *_ in episodes}
    low, high = _percentile_interval(closed, 0.75)
    return {
        "episodes": len(episodes),
        "closed": len(closed),
        "median": _quantile(closed, 0.5),
        "percentile_75": _quantile(closed, 0.75),
        "percentile_75_low": low,
        "percentile_75_high": high,
        "visit_limit": limits.pop() if len(limits) == 1 else NONE,
        "over": over,
        **_share("share_over", over, len(closed)),
        "open": len(episodes) - len(closed),
        "open_over": sum(not ended and visits > limit for ended, visits, limit, *_ in episodes),
    }


def _by_outcome(episodes: list[tuple], words: set[str]) -> Iterator[tuple[tuple, dict[str, float]]]:
    for band in ("within", "over"):
        here = [one for one in episodes if (one[1] > one[2]) == (band == "over")]
        due = [one for one in here if one[3]]
        for word in words:
            for outcome in ASSESSED:
                mine = [one for one in due if one[4:] == (outcome, word)]
                early = sum(not one[3] and one[4:] == (outcome, word) for one in here)
                yield (band, outcome, word), _outcome(mine, len(due), early)
        lost = [one for one in due if one[4] == "not_assessable"]
        yield (band, "not_assessable", ""), _outcome(lost, len(due), 0)
        waiting = [one for one in here if not one[3]]
        yield (band, "not_yet_due", ""), {**_outcome(waiting, 0, 0), **_share("share", 0, 0)}


def _outcome(mine: list[tuple], due: int, early: int) -> dict[str, float]:
    running = sum(not one[0] for one in mine)
    return {"episodes": len(mine), "due": due, **_share("share", len(mine), due), "open": running, "early": early}


def _asked(record: Recount, episodes: list[Row], label: Callable[..., list[str]]) -> Figures:
    steps: dict[tuple, Counter] = defaultdict(Counter)
    lost: dict[tuple, Counter] = defaultdict(Counter)
    attempts: dict[tuple, Counter] = defaultdict(Counter)
    channels: dict[tuple, Counter] = defaultdict(Counter)
    eligible: Counter = Counter()
    for episode in episodes:
        for administration in record.administration[episode["id"]]:
            timepoint = administration["timepoint"]
            reached, missing = _came(record, episode, administration)
            for group in label(episode):
                steps[group, timepoint].update(reached)
                if missing:
                    lost[group, timepoint, *missing]["episodes"] += 1
            if "eligible" in reached:
                eligible[timepoint] += 1
                answer = record.standing(administration)
                if answer:
                    channels[timepoint, answer["mode"]]["answered"] += 1
                for ordinal, answered in _attempts(record.emails(administration), answer):
                    attempts[timepoint, ordinal].update(delivered=1, answered=answered)
    names = ("episodes", "not_yet_due", "due", "excluded", "eligible", "invited", "delivered", "started", "complete")
    names += ("partial", "late", "scorable", "with_baseline")
    return {
        "denominators": {
            key: {
                **{name: found[name] for name in names},
                **_share("response_rate", found["with_baseline"], found["eligible"]),
            }
            for key, found in steps.items()
        },
        "left_out": {key: dict(found) for key, found in lost.items()},
        "response_by_attempt": {
            key: {**found, "share": found["answered"] / found["delivered"]} for key, found in attempts.items()
        },
        "response_by_channel": {
            key: {**found, "eligible": eligible[key[0]], "share": found["answered"] / eligible[key[0]]}
            for key, found in channels.items()
        },
    }


def _came(record: Recount, episode: Row, administration: Row) -> tuple[list[str], tuple[str, str] | None]:
    """The steps that were reached, and the first that was not with the reason."""
    answer = record.standing(administration)
    if administration["late_after"] > record.as_of:
        return ["episodes", "not_yet_due"], ("due", "not_yet_due")
    in_vain = (
        administration["cancelled_reason"] == "closed" and administration["cancelled_at"] >= administration["target_at"]
    )
    if answer is None and record.by(administration["cancelled_at"]) and not in_vain:
        return ["episodes", "due", "excluded"], ("eligible", administration["cancelled_reason"] or "cancelled")
    if answer is None and administration["state"] == "not_asked":
        return ["episodes", "due", "excluded"], ("eligible", "not_asked")
    emails = record.emails(administration)
    started = answer is not None or record.by(administration["started_at"])
    baseline = record.baseline(episode)
    scales = record.scored(episode, answer)
    timely = baseline if baseline and not baseline["late"] else None
    both = {one for one in scales & record.scored(episode, timely) if not record.rates_others(one[0], answer, timely)}
    refused = record.by(administration["declined_at"])
    funnel = (
        ("invited", started or emails, "declined" if refused else "not_invited"),
        ("delivered", started or any(at for _, at in emails), "declined" if refused else "not_delivered"),
        ("started", started, "declined" if refused else "not_started"),
        ("complete", answer, "declined" if refused else "not_finished"),
        ("scorable", scales, "too_few_answers"),
        ("with_baseline", both, _no_start(baseline)),
    )
    reached = ["episodes", "due", "eligible", *(step for step, came, _ in funnel if came and step != "complete")]
    if answer:
        reached += ["partial" if answer["partial"] else "complete", *(["late"] if answer["late"] else [])]
    return reached, next(((step, reason) for step, came, reason in funnel if not came), None)


def _no_start(baseline: Row | None) -> str:
    if baseline is None:
        return "no_baseline"
    return "baseline_late" if baseline["late"] else "not_comparable"


def _attempts(emails: list[tuple[int, dt.datetime | None]], answer: Row | None) -> Iterator[tuple[int, int]]:
    """Each delivered email, and whether the answer came between it and the next."""
    delivered = [(ordinal, at) for ordinal, at in emails if at]
    for place, (ordinal, at) in enumerate(delivered):
        nearest = min((later for _, later in delivered[place + 1 :]), default=None)
        by_link = answer is not None and answer["mode"] == "web"
        yield ordinal, int(by_link and at <= answer["answered_at"] and (not nearest or nearest > answer["answered_at"]))


def _activity(care: list, label: Callable[..., list[str]]) -> Figures:
    serves: Counter = Counter(visit["visit_id"] for _, _, visits in care for visit in visits)
    groups: dict[str, set] = defaultdict(set, All=set())
    months: dict[str, set] = defaultdict(set)
    for episode, _, visits in care:
        for visit in visits:
            service = (visit["visit_id"], episode["id"])
            months[visit["visited_on"].isoformat()[:7]].add(service)
            for group in label(episode, visit):
                groups[group].add(service)

    def counted(services: set) -> dict[str, float]:
        visits = {visit for visit, _ in services}
        shared = sum(serves[visit] > 1 for visit in visits)
        return {"visits": len(visits), "shared": shared, "served": len({episode for _, episode in services})}

    return {
        "activity": {(group,): counted(services) for group, services in groups.items()},
        "activity_by_month": {(month,): counted(services) for month, services in months.items()},
    }


def _quantile(values: list[int], share: float) -> float:
    if not values:
        return NONE
    place = share * (len(values) - 1)
    below = values[math.floor(place)]
    return below + (values[math.ceil(place)] - below) * (place - math.floor(place))


def _percentile_interval(values: list[int], share: float) -> tuple[float, float]:
    """The ordered values whose ranks miss the percentile with at most 2.5 % on either side."""
    size = len(values)
    below = [float(one) for one in stats.binom.cdf(range(size + 1), size, share)]
    low = max((rank for rank in range(1, size + 1) if below[rank - 1] <= 0.025), default=None)
    high = min((rank for rank in range(1, size + 1) if 1 - below[rank - 1] <= 0.025), default=None)
    return (values[low - 1] if low else NONE, values[high - 1] if high else NONE)


def _share(name: str, part: int, whole: int) -> dict[str, float]:
    """The share with Wilson's interval."""
    if not whole:
        return {name: NONE, f"{name}_low": NONE, f"{name}_high": NONE}
    share = part / whole
    middle, square = share + Z**2 / (2 * whole), Z**2 / whole
    reach = Z * math.sqrt(share * (1 - share) / whole + Z**2 / (4 * whole**2))
    return {
        name: share,
        f"{name}_low": (middle - reach) / (1 + square),
        f"{name}_high": (middle + reach) / (1 + square),
    }


def _by(rows: Iterable[Row], key: str) -> dict[Any, list[Row]]:
    found = defaultdict(list)
    for row in rows:
        found[row[key]].append(row)
    return found


def _number(row: Row) -> int:
    return row["number"]
