"""What an instrument is: items, scales and the rules between them, checked on construction."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Final, Literal, get_args

from instruments.answer import NOT_APPLICABLE
from instruments.errors import DefinitionError

Kind = Literal["choice", "vas", "nrs", "yes_no"]
Combine = Literal["mean", "sum", "weighted_sum"]
Tier = Literal["", "emergency", "same_day", "background"]

LARGEST_CODE: Final = 127  # A code is kept in one signed byte.


def _demand(condition: bool, place: str, problem: str) -> None:
    if not condition:
        raise DefinitionError(place, problem)


@dataclass(frozen=True, slots=True)
class Item:
    """One question. Its answers are the whole numbers from `minimum` to `maximum`.

    `options` are the texts of a choice or of no / yes; the first one stands for `minimum`. `low_label` and
    `high_label` name the ends of a vas (a line from 0 to 100) or nrs (a row of numbers). `followup_text`
    replaces `text` after the baseline. `tier` says how urgent a yes to a safety item is. `activity`: the
    patient names the activity at baseline and rates the same one later.
    """

    code: str
    text: str
    section: str
    kind: Kind
    minimum: int
    maximum: int
    options: tuple[str, ...] = ()
    low_label: str = ""
    high_label: str = ""
    na_allowed: bool = False
    followup_text: str = ""
    tier: Tier = ""
    baseline_only: bool = False
    activity: bool = False
    loinc: str = ""

    def __post_init__(self) -> None:
        place = f"items.{self.code}"
        _demand(self.code.isascii() and self.code.isalnum(), place, "a code is letters and digits")
        _demand(bool(self.text and self.section), place, "text and section are needed")
        _demand(self.kind in get_args(Kind), place, f"kind must be one of {', '.join(get_args(Kind))}")
        _demand(self.tier in get_args(Tier), place, f"tier must be one of {', '.join(get_args(Tier)[1:])}")
        _demand(NOT_APPLICABLE < self.minimum < self.maximum <= LARGEST_CODE, place, "range must fit -126 to 127")
        if self.kind in ("choice", "yes_no"):
            _demand(len(self.options) == self.maximum - self.minimum + 1, place, "one option for every code is needed")
            _demand(all(self.options), place, "an option has no text")
        else:
            _demand(bool(self.low_label and self.high_label), place, "both ends need a label")
            _demand(not self.options, place, f"a {self.kind} has no options")
        _demand(self.kind != "vas" or (self.minimum, self.maximum) == (0, 100), place, "a vas runs from 0 to 100")
        _demand(self.kind != "yes_no" or (self.minimum, self.maximum) == (0, 1), place, "no is 0 and yes is 1")

    @property
    def choices(self) -> tuple[tuple[int, str], ...]:
        """Every option with its code, in the order of the codes; empty for a vas or nrs."""
        return tuple(enumerate(self.options, start=self.minimum))

    @property
    def allowed(self) -> str:
        """What may be answered, as a patient or a file reader would say it."""
        return f"a whole number from {self.minimum} to {self.maximum}" + (", or NA" if self.na_allowed else "")


@dataclass(frozen=True, slots=True)
class LinearMap:
    """Turns the combined codes into a score along a straight line: `from` ends become `to` ends.

    The ends are whole numbers, so a score is one quotient of two whole numbers and is rounded once only.
    """

    from_low: int
    from_high: int
    to_low: int
    to_high: int

    def __post_init__(self) -> None:
        _demand(self.from_low < self.from_high, "map.from", "must rise")
        _demand(self.to_low != self.to_high, "map.to", "must have two different ends")


@dataclass(frozen=True, slots=True)
class Scale:
    """One score: which items (or scales) it is made of, how, and how many must be answered.

    `combine` gives a mean, sum or weighted sum; then `linear` or `table` turns it into a score, or nothing does.
    `table` holds the score of every whole sum from the lowest. `min_answered` counts items (or scales);
    `min_answered_share` is a share of the items that apply. With fewer the score is missing, never zero.
    The score runs from `minimum` to `maximum`; `best` says which of the two is the good end.
    """

    key: str
    title: str
    combine: Combine
    minimum: float
    maximum: float
    best: float
    items: tuple[str, ...] = ()
    scales: tuple[str, ...] = ()
    weights: tuple[int, ...] = ()
    min_answered: int | None = None
    min_answered_share: float | None = None
    linear: LinearMap | None = None
    table: tuple[float, ...] = ()
    loinc: str = ""

    def __post_init__(self) -> None:
        place = f"scales.{self.key}"
        _demand(self.key.isidentifier() and self.key.islower(), place, "a key is lower-case letters")
        _demand(self.combine in get_args(Combine), place, f"combine must be one of {', '.join(get_args(Combine))}")
        _demand(bool(self.items) != bool(self.scales), place, "give either items or scales")
        _demand(len(set(self.inputs)) == len(self.inputs), place, "an input is named twice")
        _demand(self.minimum < self.maximum, f"{place}.range", "must rise")
        _demand(self.best in (self.minimum, self.maximum), f"{place}.best", "must be one end of the range")
        self._check_combination(place)
        self._check_min_answered(place)

    def _check_combination(self, place: str) -> None:
        weighted = self.combine == "weighted_sum"
        _demand(bool(self.weights) == weighted, f"{place}.weights", "go with a weighted sum, and only with it")
        _demand(not weighted or len(self.weights) == len(self.items), f"{place}.weights", "one for each item is needed")
        _demand(all(weight > 0 for weight in self.weights), f"{place}.weights", "must be above zero")
        _demand(not (self.linear and self.table), place, "give either a map or a table")
        _demand(not self.table or self.combine != "mean", f"{place}.table", "goes with a sum")
        steps = {later > earlier for earlier, later in pairwise(self.table)}
        _demand(len(steps) < 2, f"{place}.table", "must rise or fall throughout")
        if self.scales:
            plain = self.combine == "mean" and not self.linear and self.min_answered is not None
            _demand(plain, place, "a scale of scales is a plain mean with min_answered")

    def _check_min_answered(self, place: str) -> None:
        count, share = self.min_answered, self.min_answered_share
        _demand((count is None) != (share is None), place, "give either min_answered or min_answered_share")
        _demand(count is None or 1 <= count <= len(self.inputs), f"{place}.min_answered", "out of range")
        _demand(share is None or 0 < share <= 1, f"{place}.min_answered_share", "must be above 0 and at most 1")
        complete = self.combine == "mean" or count == len(self.items)
        _demand(complete, f"{place}.min_answered", "a sum needs every item")

    @property
    def inputs(self) -> tuple[str, ...]:
        """The item codes, or the scale keys, that the score is made of."""
        return self.items or self.scales

    @property
    def worst(self) -> float:
        """The bad end of the range."""
        return self.minimum if self.best == self.maximum else self.maximum

    def required(self, applicable: int) -> int:
        """How many inputs must be answered when `applicable` of them apply; at least one always."""
        if self.min_answered is not None:
            return self.min_answered
        assert self.min_answered_share is not None  # noqa: S101  (one of the two is given, see _check_min_answered)
        return max(1, math.ceil(Fraction(str(self.min_answered_share)) * applicable))

    @property
    def missing_rule(self) -> str:
        """How many answers a score needs, in words."""
        noun = "items" if self.items else "scales"
        needed = f"at least {self.required(len(self.inputs))} of {len(self.inputs)} {noun} answered"
        if self.min_answered_share is not None:
            needed += f" ({self.min_answered_share:.0%} of those that apply)"
        return f"{needed}; otherwise the score is missing"


@dataclass(frozen=True, eq=False)
class Instrument:
    """One version of one questionnaire. Compared by identity: there is one of each, and one per wording.

    `ref` names it for ever ("hoos-2.0"). `wording` is "own" when the texts are our own short words and
    "official" when a wording pack brought the owner's. `derives_from` is the instrument whose answers hold
    every item of this one.
    """

    key: str
    version: str
    title: str
    recall: str
    intro: str
    source: str
    licence: str
    wording: str
    language: str
    items: tuple[Item, ...]
    scales: tuple[Scale, ...]
    derives_from: str = ""
    na_text: str = ""
    loinc: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        _demand(bool(self.key and self.version and self.title), "key", "key, version and title are needed")
        _demand(bool(self.items), "items", "there are none")
        _demand(self.wording in ("own", "official"), "wording", "must be own or official")
        _demand(len(self._items) == len(self.items), "items", "a code is used twice")
        _demand(len(self._scales) == len(self.scales), "scales", "a key is used twice")
        _demand(bool(self.na_text) or not any(item.na_allowed for item in self.items), "na_text", "is needed")
        for place, scale in enumerate(self.scales):
            _check_scale(self, scale, {earlier.key: earlier for earlier in self.scales[:place]})

    @property
    def ref(self) -> str:
        """The reference by which it is found, stored and asked for."""
        return f"{self.key}-{self.version}"

    @cached_property
    def _items(self) -> dict[str, Item]:
        return {item.code: item for item in self.items}

    @cached_property
    def _scales(self) -> dict[str, Scale]:
        return {scale.key: scale for scale in self.scales}

    @cached_property
    def item_codes(self) -> tuple[str, ...]:
        """The codes of all items in the order of the questionnaire; also the columns of an array of codes."""
        return tuple(self._items)

    def item(self, code: str) -> Item:
        """The item of this code; KeyError when there is none."""
        return self._items[code]

    def scale(self, key: str) -> Scale:
        """The scale of this key; KeyError when there is none."""
        return self._scales[key]

    def items_of(self, scale: Scale) -> Iterator[Item]:
        """The items a scale rests on, also through other scales."""
        for code in scale.items:
            yield self._items[code]
        for key in scale.scales:
            yield from self.items_of(self._scales[key])


def _check_scale(instrument: Instrument, scale: Scale, earlier: dict[str, Scale]) -> None:
    """The scale's inputs exist, and its range and table are those that its items can reach."""
    place = f"scales.{scale.key}"
    known = set(instrument.item_codes) if scale.items else set(earlier)
    unknown = [name for name in scale.inputs if name not in known]
    _demand(not unknown, place, f"unknown {', '.join(unknown)}")
    if scale.scales:
        ends = {(earlier[key].minimum, earlier[key].maximum, earlier[key].best) for key in scale.scales}
        _demand(ends == {(scale.minimum, scale.maximum, scale.best)}, place, "its scales have another range")
        return
    items = tuple(instrument.items_of(scale))
    _demand(scale.combine == "mean" or not any(i.na_allowed for i in items), place, "a sum needs items that apply")
    low, high = combined_ends(scale, items)
    if scale.table:
        _demand(len(scale.table) == high - low + 1, f"{place}.table", f"needs a row for every sum, {low} to {high}")
        reached = {scale.table[0], scale.table[-1]}
    elif scale.linear:
        ends_agree = (low, high) == (scale.linear.from_low, scale.linear.from_high)
        _demand(ends_agree, f"{place}.map", "must start at the ends of its items")
        reached = {float(scale.linear.to_low), float(scale.linear.to_high)}
    else:
        reached = {float(low), float(high)}
    _demand(reached == {scale.minimum, scale.maximum}, f"{place}.range", f"its items reach {sorted(reached)}")


def combined_ends(scale: Scale, items: tuple[Item, ...]) -> tuple[int, int]:
    """The lowest and highest mean, sum or weighted sum of the items' codes."""
    if scale.combine == "mean":
        ends = {(item.minimum, item.maximum) for item in items}
        _demand(len(ends) == 1, f"scales.{scale.key}", "a mean needs items of one range")
        return ends.pop()
    weights = scale.weights or (1,) * len(items)
    low = sum(weight * item.minimum for weight, item in zip(weights, items, strict=True))
    high = sum(weight * item.maximum for weight, item in zip(weights, items, strict=True))
    return low, high
