"""Days and instants as whole numbers, and how they are written: days since 1970, seconds since 1970 (UTC)."""

import datetime as dt
from collections.abc import Sequence
from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Word = TypeVar("Word")
DAY = 86_400
NEVER = -1


def day_of(day: dt.date) -> int:
    """Return the number of a day."""
    return (day - dt.date(1970, 1, 1)).days


def second_of(moment: dt.datetime) -> int:
    """Return the number of an instant."""
    return int(moment.timestamp())


def days(numbers: Ints) -> list[str | None]:
    """Return days as ISO dates, None for never."""
    return [None if number < 0 else _day(number) for number in numbers.tolist()]


def instants(numbers: Ints) -> list[str | None]:
    """Return instants as the databases keep them, None for never."""
    times = _times()
    return [None if n < 0 else f"{_day(n // DAY)} {times[n % DAY]}" for n in numbers.tolist()]


def iso(number: int) -> str:
    """Return an instant as JSON has it."""
    return f"{_day(number // DAY)}T{_times()[number % DAY][:8]}+00:00"


def flags(values: Bools) -> list[int]:
    """Return truths as both databases take them."""
    return [int(value) for value in values.tolist()]


def at(indexes: Ints, words: Sequence[Word]) -> list[Word]:
    """Return the word of each index."""
    return [words[index] for index in indexes.tolist()]


@cache
def _day(number: int) -> str:
    return (dt.date(1970, 1, 1) + dt.timedelta(days=number)).isoformat()


@cache
def _times() -> list[str]:
    return [f"{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}.000000" for n in range(DAY)]
