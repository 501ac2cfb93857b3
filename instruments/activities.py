"""Activities that a patient names and rates (Patient-Specific Functional Scale): names kept beside the ratings.

Among the answers to an instrument the name of the activity of item ``Q1`` stands under ``Q1.text``.
"""

from collections.abc import Mapping
from typing import Any, Final

from instruments.definition import Instrument

TEXT: Final = ".text"
"""Suffix of the key that holds the name of an activity, such as ``Q1.text``."""


def ratings(answers: Mapping[str, Any]) -> dict[str, Any]:
    """The answers by item, without the names of activities."""
    return {key: answer for key, answer in answers.items() if not key.endswith(TEXT)}


def name_keys(instrument: Instrument) -> frozenset[str]:
    """The keys under which activities are named; none for most instruments."""
    return frozenset(item.code + TEXT for item in instrument.items if item.activity)


def names(answers: Mapping[str, Any]) -> frozenset[str]:
    """The activities that are named among the answers, in whatever order."""
    return frozenset(name for key, name in answers.items() if _names(key, name))


def all_rated(answers: Mapping[str, Any]) -> bool:
    """Whether every named activity has a rating; so too when none is named.

    The mean of some of the activities is no score that could be compared with the mean of all of them: the scale is
    defined on the same activities each time.
    """
    return all(answers.get(key.removesuffix(TEXT)) is not None for key, name in answers.items() if _names(key, name))


def _names(key: str, name: object) -> bool:
    return key.endswith(TEXT) and bool(name)
