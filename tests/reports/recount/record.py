"""What plain rows say of an episode at an instant: small loops that know nothing of the reports."""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from prom_service.pathway.definition import find

Row = dict[str, Any]
READ = {
    "clinic": "id",
    "episode": "id",
    "episode_change": "episode_id",
    "administration": "episode_id",
    "message": "administration_id",
    "message_event": "message_id",
    "response": "administration_id",
    "answer_set": "response_id",
    "score": "response_id",
    "judgement": "episode_id",
    "visit_version": "visit_id",
    "episode_visit": "episode_id",
    "flag": "episode_id",
    "flag_event": "flag_id",
}
"""The tables that are read, and the column under which their rows are looked up."""
WORDINGS = {"official": "official", "own": "provisional wording", "": ""}
Group = Callable[[Row], str]


class Record:
    """The rows of the tables as they stood at ``as_of``."""

    def __init__(self, rows: Mapping[str, Sequence[Row]], as_of: dt.datetime) -> None:
        self.as_of = as_of
        self.under: dict[str, dict[Any, list[Row]]] = {}
        for name, column in READ.items():
            self.under[name] = defaultdict(list)
            for row in rows[name]:
                self.under[name][row[column]].append(row)

    def was(self, episode: Row, field: str) -> Any:
        """Return what stood in a field of the episode: what the first later change of it says stood before."""
        later = [one for one in self.under["episode_change"][episode["id"]] if one["recorded_at"] > self.as_of]
        for change in sorted(later, key=lambda one: (one["recorded_at"], one["id"])):
            before, after = change["before"].get(field), change["after"].get(field)
            if (before, after) != (None, None):
                return dt.date.fromisoformat(before) if before and field.endswith("_on") else before
        return episode[field]

    def chosen(self, rows: Sequence[Row], first: dt.date, after: dt.date) -> list[Row]:
        """Return the episodes that had been enrolled, and started in the half-open period."""
        known = (row for row in rows if row["enrolled_at"] <= self.as_of)
        return [row for row in known if first <= self.was(row, "started_on") < after]

    def visits(self, episode: Row) -> list[Row]:
        """Return the attended visits that serve the episode, as last reported."""
        found = []
        for link in self.under["episode_visit"][episode["id"]]:
            served = link["recorded_at"] <= self.as_of and not (link["removed_at"] and link["removed_at"] <= self.as_of)
            versions = [one for one in self.under["visit_version"][link["visit_id"]] if self._known(one)]
            newest = max(versions, key=lambda one: one["number"], default=None)
            if served and newest and not newest["voided"] and newest["status"] == "attended":
                found.append(newest)
        return found

    def counted(self, episode: Row) -> list[Row]:
        """Return those of the visits whose format counts on the pathway."""
        return [one for one in self.visits(episode) if one["format"] in find(episode["pathway"]).counted_formats]

    def outcome(self, episode: Row, checkpoint: str) -> tuple[str, str]:
        """Return outcome and wording of the judgement in force; not assessable where there is none."""
        judged = [one for one in self.under["judgement"][episode["id"]] if one["checkpoint"] == checkpoint]
        newest = max((one for one in judged if self._known(one)), key=lambda one: one["number"], default=None)
        if newest is None or newest["outcome"] == "not_assessable":
            return "not_assessable", ""
        return newest["outcome"], "official" if newest["evidence"].get("wording") == "official" else "own"

    def answer(self, administration: Row) -> Row | None:
        """Return the newest response that is no amendment."""
        return max(self._answers(administration), key=lambda one: one["number"], default=None)

    def baseline(self, administration: Row) -> Row | None:
        """Return the response from which change counts: one in time stands before a late one."""
        answers = self._answers(administration)
        in_time = [one for one in answers if not one["late"]]
        return max(in_time or answers, key=lambda one: one["number"], default=None)

    def scores(self, response: Row) -> dict[tuple[str, str], float]:
        """Return the scores of a response that are not missing."""
        known = (one for one in self.under["score"][response["id"]] if self._known(one))
        return {(one["instrument"], one["scale"]): one["value"] for one in known if one["value"] is not None}

    def wording(self, response: Row, instrument: str) -> str:
        """Return the wording under which the response gave an instrument."""
        words = {one["instrument"]: one["wording"] for one in self.under["answer_set"][response["id"]]}
        return words.get(instrument, "own")

    def activities(self, response: Row, instrument: str) -> set[str]:
        """Return what the patient rates in an instrument, where it says so."""
        given = [one["answers"] for one in self.under["answer_set"][response["id"]] if one["instrument"] == instrument]
        return {text for answers in given for key, text in answers.items() if key.endswith(".text")}

    def administrations(self, episode: Row) -> dict[str, Row]:
        """Return what is planned, by timepoint, in order."""
        planned = sorted(self.under["administration"][episode["id"]], key=lambda one: one["sequence"])
        return {one["timepoint"]: one for one in planned}

    def findings(self, episode: Row) -> list[Row]:
        """Return the standing findings that ask for a review: waits_from, reviewed_on, reassessed, checkpoint, …"""
        earlier, found = defaultdict(list), []
        steps = {flag["id"]: self._steps(flag) for flag in self.under["flag"][episode["id"]]}
        known = [flag for flag in self.under["flag"][episode["id"]] if steps[flag["id"]]]
        for flag in sorted(known, key=lambda one: steps[one["id"]][0]["number"]):
            asks = flag["kind"] in ("non_responder", "deterioration") and flag["checkpoint"] in ("6-weeks", "3-months")
            if not asks:
                continue
            newest, before = steps[flag["id"]][-1], earlier[flag["kind"], flag["checkpoint"]]
            if newest["type"] != "superseded":
                found.append(self._finding(episode, flag, newest, before))
            before.insert(0, (flag, newest))
        return found

    def day(self, episode: Row, instant: dt.datetime) -> dt.date:
        """Return the day of an instant by the clock of the clinic."""
        [clinic] = self.under["clinic"][episode["clinic_id"]]
        return instant.astimezone(ZoneInfo(clinic["time_zone"])).date()

    def _finding(self, episode: Row, flag: Row, newest: Row, before: list[tuple[Row, Row]]) -> Row:
        raised_on = self.day(episode, flag["raised_at"])
        resolved = newest["type"] == "resolved"
        days = [one["visited_on"] for one in self.visits(episode) if one["reassessed"]]
        first = flag
        for earlier, last in before:
            reassessed = any(self.day(episode, earlier["raised_at"]) < day <= raised_on for day in days)
            if reassessed or last["type"] != "superseded" or last["at"] != first["raised_at"]:
                break
            first = earlier
        seen = min((day for day in days if day > raised_on), default=None)
        reviews = [*([seen] if seen else []), *([self.day(episode, newest["at"])] if resolved else [])]
        wording = (newest["flag"].get("evidence") or {}).get("wording")
        return {
            "kind": flag["kind"],
            "checkpoint": flag["checkpoint"],
            "wording": "official" if wording == "official" else "own",
            "waits_from": self.day(episode, first["raised_at"]),
            "reviewed_on": min(reviews, default=None),
            "reassessed": seen is not None or (resolved and newest["detail"].get("reason") == "reassessed"),
        }

    def _answers(self, administration: Row) -> list[Row]:
        answers = [one for one in self.under["response"][administration["id"]] if self._known(one)]
        return [one for one in answers if not one["amendment"]]

    def _steps(self, flag: Row) -> list[Row]:
        known = (one for one in self.under["flag_event"][flag["id"]] if self._known(one))
        return sorted(known, key=lambda one: one["number"])

    def _known(self, row: Row) -> bool:
        return bool(row["recorded_at"] <= self.as_of)


def under_groups(episodes: Sequence[Row], group: Group | None) -> dict[str, list[Row]]:
    """Return the episodes of all together, then of each group."""
    groups = {"All": list(episodes)}
    for episode in episodes if group else []:
        groups.setdefault(group(episode), []).append(episode)
    return groups


def months_later(day: dt.date, months: int) -> dt.date:
    """Return the day that many calendar months later, or the last of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for last in range(day.day, 0, -1):
        try:
            return dt.date(year, month + 1, last)
        except ValueError:
            continue
    raise AssertionError(day)
