"""The judging steps once more, for one episode at a time and in exact fractions, straight from the written rules.

It shares no code and no number with the service: what the two agree on was written twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

Score = Fraction | None


@dataclass(frozen=True)
class Rule:
    scale: str
    lower_is_better: bool
    top: int
    points: Fraction
    worse: Fraction
    band_from: Fraction | None = None
    percent: int | None = None


IHOT = {"scale": "ihot", "lower_is_better": False, "top": 100, "worse": Fraction(14)}
PAIN = {"scale": "pain", "lower_is_better": False, "top": 100, "worse": Fraction(10)}
NPRS = {"scale": "nprs", "lower_is_better": True, "top": 10, "worse": Fraction(2)}
PSFS = {"scale": "psfs", "lower_is_better": False, "top": 10, "worse": Fraction("2.3")}

RULES = {
    ("hip-related-pain-1", "6-weeks"): [Rule(**IHOT, points=Fraction(7))],
    ("hip-related-pain-1", "3-months"): [Rule(**IHOT, points=Fraction(14), band_from=Fraction(7))],
    ("hip-osteoarthritis-1", "6-weeks"): [Rule(**PAIN, points=Fraction(5))],
    ("hip-osteoarthritis-1", "3-months"): [Rule(**PAIN, points=Fraction(10), band_from=Fraction(6))],
    ("buttock-nerve-pain-1", "6-weeks"): [Rule(**NPRS, points=Fraction(1)), Rule(**PSFS, points=Fraction("1.3"))],
    ("buttock-nerve-pain-1", "3-months"): [
        Rule(**NPRS, points=Fraction(2), percent=30),
        Rule(**PSFS, points=Fraction("2.3")),
    ],
}


def judge_scale(rule: Rule, b: Score, s: Score, *, late: bool, groc: int | None, content: bool | None) -> str:
    if b is None or s is None or late:
        return "not_assessable"
    c = b - s if rule.lower_is_better else s - b
    up = b if rule.lower_is_better else rule.top - b
    down = rule.top - b if rule.lower_is_better else b
    better, worse_felt = groc is not None and groc >= 3, groc is not None and groc <= -3

    if c <= -rule.worse:
        return "worse"
    if down < rule.worse and c < 0 and worse_felt:
        return "worse"

    if up < rule.points:
        if c <= -rule.points / 2 or worse_felt:
            return "uncertain"
        if better or (content is True and c >= 0):
            return "improved"
        return "not_improved" if content is False else "uncertain"

    enough_points = c >= rule.points
    enough_percent = rule.percent is None or c * 100 >= rule.percent * b
    if enough_points and enough_percent:
        return "improved"

    if rule.percent is not None:
        in_band = enough_points or enough_percent
    else:
        in_band = rule.band_from is not None and rule.band_from <= c < rule.points
    if in_band:
        return "improved" if better or content is True else "uncertain"

    return "uncertain" if better and content is True else "not_improved"


def combine(outcomes: list[str]) -> str:
    if "worse" in outcomes:
        return "uncertain" if "improved" in outcomes else "worse"
    for outcome in ("improved", "uncertain", "not_improved"):
        if outcome in outcomes:
            return outcome
    return "not_assessable"


def worded(outcome: str, checkpoint: str) -> str:
    if checkpoint == "6-weeks":
        return {"improved": "on_track", "not_improved": "not_yet_on_track"}.get(outcome, outcome)
    return outcome


def demonstrated(pathway: str, b: Mapping[str, Score], s: Mapping[str, Score], *, late: bool, groc: int | None) -> bool:
    def gained(scale: str) -> Fraction:
        before, after = b.get(scale), s.get(scale)
        return Fraction(-1000) if late or before is None or after is None else after - before

    if pathway == "hip-related-pain-1":
        return gained("ihot") >= 14
    if pathway == "hip-osteoarthritis-1":
        return gained("adl") >= Fraction("12.5") or (gained("adl") >= 10 and groc is not None and groc >= 3)
    return gained("psfs") >= Fraction("2.3") or gained("ihot") >= 14
