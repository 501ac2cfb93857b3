"""What an answer is once it has been checked: a code, or one of two reasons for having none."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SKIPPED: Final = -128
"""The int8 code of an item that was left out; outside the range of every item."""

NOT_APPLICABLE: Final = -127
"""The int8 code of an item that does not apply to the patient; outside the range of every item."""


class NotApplicable(StrEnum):
    """The answer "this does not apply to me". It leaves the denominator, unlike a skipped item."""

    NA = "NA"


@dataclass(frozen=True, slots=True)
class CheckedAnswers:
    """The good answers by item, and for every bad one a message that says what is allowed.

    A skipped item is in neither. Messages never repeat the answer.
    """

    codes: Mapping[str, int | NotApplicable]
    errors: Mapping[str, str]
