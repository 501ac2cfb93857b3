"""A second implementation of every score, written from the published rules in exact fractions.

It shares nothing with the package under test: no definition files, no tables, no arithmetic. An answer is a whole
number, "NA", or absent. A score is a Fraction, or None when too little was answered.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

Answers = Mapping[str, int | str]
Scored = dict[str, tuple[Fraction | None, int]]  # scale key: score, number of answered items


@dataclass(frozen=True)
class Oracle:
    """The items with their lowest and highest answer, those that may not apply, and how the answers are scored."""

    items: dict[str, tuple[int, int]]
    may_not_apply: frozenset[str]
    score: Callable[[Answers], Scored]


def given(answers: Answers, codes: list[str]) -> list[int]:
    """The numbers answered among these items."""
    return [answer for code in codes if isinstance(answer := answers.get(code), int)]


def numbered(prefix: str, last: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(1, last + 1)]
