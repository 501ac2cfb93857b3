"""The registry of the numbers that scores and changes are compared with, each with its provenance."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, get_args

from instruments import catalogue
from instruments.errors import DefinitionError, UnknownInstrumentError, UnknownThresholdError

Kind = Literal["MIC", "MCII", "SCB", "PASS", "SEM", "MDC_individual", "MDC_group", "cutoff", "working"]

FILE: Final = Path(__file__).parent / "data" / "thresholds.toml"
_PLACES: Final = ("PASS", "cutoff")


@dataclass(frozen=True, slots=True)
class Threshold:
    """One number, for one scale, and where it comes from.

    A change is a positive `value` without direction, in scale units or, when `unit` says so, in percent of the
    baseline score. PASS and cutoff are places on the scale; so are the working rows of a rating that is itself a
    change (GROC). `verified`: the value was read in the source or its abstract. `working` rows are ours.
    Published values belong to the official wording of the instrument.
    """

    id: str
    instrument: str
    scale: str
    kind: Kind
    value: float
    unit: Literal["points", "percent"]
    population: str
    treatment: str
    timepoint: str
    method: str
    citation: str
    doi: str
    verified: bool
    note: str


def find(threshold_id: str) -> Threshold:
    """The threshold of this id; raises UnknownThresholdError."""
    try:
        return _registry()[threshold_id]
    except KeyError:
        raise UnknownThresholdError(threshold_id) from None


def all_thresholds() -> tuple[Threshold, ...]:
    """Every threshold, in the order of the file."""
    return tuple(_registry().values())


def for_instrument(ref: str) -> tuple[Threshold, ...]:
    """Every threshold of an instrument."""
    return tuple(row for row in all_thresholds() if row.instrument == ref)


def measurement_error(ref: str, scale: str) -> Threshold | None:
    """The change that one patient's scores can show by chance alone (MDC, 95 %), or None when none is published.

    Where sources disagree it is the larger one.
    """
    rows = [row for row in for_instrument(ref) if row.scale == scale and row.kind == "MDC_individual"]
    return max(rows, key=lambda row: row.value, default=None)


@cache
def _registry() -> Mapping[str, Threshold]:
    return parse(FILE.read_text(encoding="utf-8"), file=FILE.name)


def parse(text: str, *, file: str = "") -> Mapping[str, Threshold]:
    """The thresholds of a TOML text by id; raises DefinitionError, which names the file and the row."""
    registry: dict[str, Threshold] = {}
    for study in tomllib.loads(text)["studies"]:
        shared = {key: value for key, value in study.items() if key != "rows"}
        for row in study["rows"]:
            threshold = _threshold({"unit": "points", **shared, **row}, file=file)
            if threshold.id in registry:
                raise DefinitionError(threshold.id, "is used twice", file=file)
            registry[threshold.id] = threshold
    return registry


def _threshold(row: dict[str, Any], *, file: str) -> Threshold:
    """The checked threshold of one row together with what it shares with its study."""
    place = str(row.get("id", "?"))
    try:
        threshold = Threshold(**{**row, "value": float(row["value"])})
        scale = catalogue.find(threshold.instrument).scale(threshold.scale)
    except (TypeError, KeyError, UnknownInstrumentError) as error:
        raise DefinitionError(place, f"wrong or missing key: {error}", file=file) from error
    on_scale = scale.minimum <= threshold.value <= scale.maximum
    checks = {
        "kind is unknown": threshold.kind in get_args(Kind),
        "unit is unknown": threshold.unit in ("points", "percent"),
        "a place must lie on the scale": on_scale or threshold.kind not in _PLACES,
        "a change must be above 0": threshold.value > 0 or threshold.kind in _PLACES or scale.minimum < 0,
        "our own row cannot be verified": not (threshold.kind == "working" and threshold.verified),
        "verified must be true or false": isinstance(threshold.verified, bool),
    }
    for problem, holds in checks.items():
        if not holds:
            raise DefinitionError(place, problem, file=file)
    return threshold
