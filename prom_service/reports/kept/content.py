"""What is kept of one clinic: what a report counts of each of its episodes, as numbers that stand for words."""

import datetime as dt
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

WHO = ("patient", "clinician", "diagnosis", "side", "pathway", "started_on")
CELL = ("episode", "cell")
SERVICE = ("episode", "clinician", "month", "visits")
DOUBLE = ("visit", "episode", "clinician", "month")
NUMBER = np.dtype("<i4")


@dataclass(frozen=True)
class Content:
    """Whole numbers in rows. An episode is its place in ``episodes``, a word its place among ``words`` of its kind.

    ``episodes``: the columns ``WHO``. The number of a patient only says which episodes are one person's; ``started_on``
    counts days (``date.toordinal``).
    ``cells``: the columns ``CELL``: an episode, and one of ``words["cells"]`` in which it counts: as JSON, the name of
    a frame and the values of one row of it, without its group and number of episodes. ``words["columns"]`` says of each
    frame in which order its columns stand, and of which type they are; of none is text.
    ``services``: the columns ``SERVICE``: how many counted visits by each clinician in each month served an episode.
    ``words["doubles"]``: the columns ``DOUBLE``, a row for each service of the visits that served several episodes.
    """

    words: Mapping[str, Any]
    episodes: np.ndarray
    cells: np.ndarray
    services: np.ndarray


def as_kept(content: Content) -> dict[str, Any]:
    """Return the columns of the row that keeps it."""
    tables = {"episodes": content.episodes, "cells": content.cells, "services": content.services}
    packed = {name: zlib.compress(rows.astype(NUMBER).tobytes(), level=1) for name, rows in tables.items()}
    return {"words": content.words, **packed}


def unpacked(kept: bytes) -> np.ndarray:
    """Return the numbers of the rows that were kept, one after the other."""
    return np.frombuffer(zlib.decompress(kept), NUMBER)


def month_number(day: dt.date) -> int:
    """Return the month of a day as one number; the next month is the next number."""
    return day.year * 12 + day.month - 1


def month_name(number: int) -> str:
    """Return such a month as ISO writes it."""
    return f"{number // 12:04}-{number % 12 + 1:02}"
