"""Which activities were rated, read from plain rows of ``answer_set``."""

from collections.abc import Iterable, Mapping
from typing import Any


def rated(sets: Iterable[Mapping[str, Any]]) -> dict[str, frozenset[str]]:
    """By questionnaire, where it has any: what the patient rates. A synthetic follow-up does not name it again."""
    texts = {one["instrument"]: frozenset(v for k, v in one["answers"].items() if k.endswith(".text")) for one in sets}
    return {ref: named for ref, named in texts.items() if named}


def rates_others(ref: str, now: Iterable[Mapping[str, Any]], before: Iterable[Mapping[str, Any]]) -> bool:
    """Whether two responses, by their rows, name other activities than each other."""
    return len({rated(sets).get(ref) for sets in (now, before)} - {None}) > 1
