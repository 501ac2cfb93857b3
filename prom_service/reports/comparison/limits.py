"""Whether a unit lies where chance would put it. Works on what is shown, so it tells nothing that is hidden."""

from functools import lru_cache

import numpy as np
import pandas as pd

from prom_service.reports.layout import POOLED
from prom_service.reports.rounding import EVERYTHING, WITHHELD
from prom_service.reports.statistics import LIMITS, funnel_limits

SMALLEST_RANKED = 30
RESPONSE_TO_RANK = 0.6
"""Below either a unit is not compared; 60 % is what registries ask for (ISAR), 30 is our own working limit."""
ENDS = ("low_998", "low_95", "high_95", "high_998")
INSIDE, UNCLEAR, NOT_COMPARED = "inside", "unclear", "not compared"
JUST = 1e-9
"""A share on a limit lies inside, whatever its last digit."""


def against_limits(
    shown: pd.DataFrame, off: int, *, part: str, size: str, share: str, response: str = ""
) -> pd.DataFrame:
    """Return the table with target, limits, position, rankable and reason for each unit.

    The target is the share of all units together, of each wording by itself. ``response`` names the response rate
    where the share rests on answers. Each count may be ``off`` by so many.
    """
    parts, sizes, shares = (pd.to_numeric(shown[key], errors="coerce").astype("float64") for key in (part, size, share))
    total = shown["group"] == EVERYTHING
    wording = shown["wording"] if "wording" in shown else pd.Series("", index=shown.index)
    target, reached, everybody = (wording.map(of[total].set_axis(wording[total])) for of in (shares, parts, sizes))
    limits = _limits(sizes, target)
    known = (limits["low_95"] + shares).notna()
    reason = _reason(shown["group"], sizes, known, shown[response] if response else None)
    reason = reason.mask((sizes >= everybody) & (everybody > 0), "nothing to compare with")
    counts = pd.concat([parts, sizes, reached, everybody], axis="columns")[reason == ""].astype("int64")
    told = [_position(*each, off=off) for each in counts.to_numpy().tolist()]
    position = pd.Series(told, index=counts.index, dtype=object).reindex(shown.index, fill_value=NOT_COMPARED)
    unknown = wording.map((shown.loc[total, share] == WITHHELD).set_axis(wording[total])).eq(True)
    return shown.assign(
        target=_withheld(target, unknown),
        **{end: _withheld(limits[end].mask(total), ~total & (unknown | sizes.isna())) for end in ENDS},
        position=position.mask(total, ""),
        rankable=pd.Series(np.where(reason == "", "yes", "no"), index=shown.index).mask(total, ""),
        reason=reason.mask(total, ""),
    )


def _withheld(figures: pd.Series, hidden: pd.Series) -> pd.Series:
    """Return the figures, with those said to be hidden that rest on a hidden one."""
    return figures.astype(object).mask(hidden, WITHHELD) if hidden.any() else figures


def _limits(sizes: pd.Series, target: pd.Series) -> pd.DataFrame:
    pairs = zip(sizes, target, strict=True)
    ends = [_ends(int(size), share) if size > 0 and share >= 0 else (np.nan,) * 4 for size, share in pairs]
    return pd.DataFrame(ends, columns=list(ENDS), index=sizes.index)


@lru_cache(maxsize=10_000)
def _ends(size: int, target: float) -> tuple[float, float, float, float]:
    inner, outer = (funnel_limits(size, target, level) for level in LIMITS)
    return outer[0], inner[0], inner[1], outer[1]


def _reason(group: pd.Series, sizes: pd.Series, known: pd.Series, response: pd.Series | None) -> pd.Series:
    """Say why a unit is not compared; empty where it is."""
    small = pd.Series(np.where(sizes >= SMALLEST_RANKED, "", f"fewer than {SMALLEST_RANKED}"), index=group.index)
    if response is not None:
        low = pd.to_numeric(response, errors="coerce").astype("float64") < RESPONSE_TO_RANK
        answers = np.where(low, f"response below {RESPONSE_TO_RANK:.0%}".replace("%", " %"), "")
        small = (small + "; " + answers).str.strip("; ")
    hidden = small.mask((small == "") & ~known, "count not shown")
    return hidden.mask(group == POOLED, "several units together")


def _position(part: int, size: int, reached: int, everybody: int, *, off: int) -> str:
    """Say where part / size lies beside the limits around reached / everybody, whatever the counts are.

    Each may be ``off`` by so many; where that leaves open whether the unit is inside, it is unclear.
    """
    sizes = range(max(size - off, 1), size + off + 1)
    target = max(reached - off, 0) / (everybody + off), min((reached + off) / max(everybody - off, 1), 1.0)
    least = np.array([max(part - off, 0) / one for one in sizes])
    most = np.array([min((part + off) / one, 1.0) for one in sizes])
    low, high = (np.array([_ends(one, share) for one in sizes]) for share in target)
    where = {
        "above 99.8 %": least > high[:, 3] + JUST,
        "above 95 %": least > high[:, 2] + JUST,
        "below 99.8 %": most < low[:, 0] - JUST,
        "below 95 %": most < low[:, 1] - JUST,
        INSIDE: (least >= high[:, 1] - JUST) & (most <= low[:, 2] + JUST),
    }
    return next((told for told, so in where.items() if so.all()), UNCLEAR)
