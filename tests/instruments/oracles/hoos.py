"""HOOS and its short forms, and HAGOS: every item 0 (no problem) to 4; scores 100 (no problem) to 0."""

from fractions import Fraction

from tests.instruments.oracles import Answers, Oracle, Scored, given, numbered
from tests.instruments.oracles.tables import HOOS_JR, HOOS_PS

SYMPTOMS, PAIN, ADL = numbered("S", 5), numbered("P", 10), numbered("A", 17)
SPORT, QOL = numbered("SP", 4), numbered("Q", 4)


def points_kept(numbers: list[int]) -> Fraction:
    """The share of the best possible points that was kept, as percent: the same as 100 - 100 * mean / 4."""
    lost, possible = sum(numbers), 4 * len(numbers)
    return Fraction(100 * (possible - lost), possible)


def if_at_least(needed: int, numbers: list[int]) -> tuple[Fraction | None, int]:
    return (points_kept(numbers) if len(numbers) >= needed else None), len(numbers)


def hoos(answers: Answers) -> Scored:
    """Scoring guide 2013: at least 3 of 5, 5 of 10, 9 of 17, 2 of 4 and 2 of 4 items."""
    return {
        "symptoms": if_at_least(3, given(answers, SYMPTOMS)),
        "pain": if_at_least(5, given(answers, PAIN)),
        "adl": if_at_least(9, given(answers, ADL)),
        "sport": if_at_least(2, given(answers, SPORT)),
        "qol": if_at_least(2, given(answers, QOL)),
    }


def hoos_12(answers: Answers) -> Scored:
    """2 of 4 items in each scale; the summary is the mean of three scales and needs them all."""
    scored = {
        "pain": if_at_least(2, given(answers, ["P1", "P4", "P5", "P7"])),
        "function": if_at_least(2, given(answers, ["A3", "A4", "A7", "SP4"])),
        "qol": if_at_least(2, given(answers, QOL)),
    }
    parts = [score for score, _ in scored.values() if score is not None]
    answered = sum(count for _, count in scored.values())
    return scored | {"summary": (sum(parts, Fraction(0)) / 3 if len(parts) == 3 else None, answered)}


def looked_up(numbers: list[int], items: int, table: dict[int, str]) -> tuple[Fraction | None, int]:
    return (Fraction(table[sum(numbers)]) if len(numbers) == items else None), len(numbers)


def hoos_ps(answers: Answers) -> Scored:
    return {"function": looked_up(given(answers, ["A1", "A13", "A14", "SP2", "SP3"]), 5, HOOS_PS)}


def hoos_jr(answers: Answers) -> Scored:
    return {"total": looked_up(given(answers, ["P5", "P10", "A3", "A5", "A12", "A14"]), 6, HOOS_JR)}


def hagos(answers: Answers) -> Scored:
    """At least half of a scale's items; both items of participation."""
    return {
        "symptoms": if_at_least(4, given(answers, numbered("S", 7))),
        "pain": if_at_least(5, given(answers, numbered("P", 10))),
        "adl": if_at_least(3, given(answers, numbered("A", 5))),
        "sport": if_at_least(4, given(answers, numbered("SP", 8))),
        "participation": if_at_least(2, given(answers, numbered("PA", 2))),
        "qol": if_at_least(3, given(answers, numbered("Q", 5))),
    }


def five_options(codes: list[str]) -> dict[str, tuple[int, int]]:
    return dict.fromkeys(codes, (0, 4))


NONE: frozenset[str] = frozenset()
HOOS = Oracle(five_options([*SYMPTOMS, *PAIN, *ADL, *SPORT, *QOL]), NONE, hoos)
HOOS_12 = Oracle(five_options(["P1", "P4", "P5", "P7", "A3", "A4", "A7", "SP4", *QOL]), NONE, hoos_12)
HOOS_PS_FORM = Oracle(five_options(["A1", "A13", "A14", "SP2", "SP3"]), NONE, hoos_ps)
HOOS_JR_FORM = Oracle(five_options(["P5", "P10", "A3", "A5", "A12", "A14"]), NONE, hoos_jr)
HAGOS = Oracle(
    five_options(
        [
            *numbered("S", 7),
            *numbered("P", 10),
            *numbered("A", 5),
            *numbered("SP", 8),
            *numbered("PA", 2),
            *numbered("Q", 5),
        ]
    ),
    NONE,
    hagos,
)
