"""Whether a unit lies where chance would put it. Works on what is shown, so it tells nothing that is hidden."""

import numpy as np
import pandas as pd

from prom_service.reports.layout import POOLED
from prom_service.reports.rounding import EVERYTHING, WITHHELD
from prom_service.reports.statistics import LIMITS, funnel_limits

SMALLEST_RANKED = 30
RESPONSE_TO_RANK = 0.6
"""Below either a unit is not compared; 60 % is what registries ask for (ISAR), 30 is our own working limit."""
ENDS = ("low_998", "low_95", "high_95", "high_998")
INSIDE, NOT_COMPARED = "inside", "not compared"
JUST = 1e-9
"""A share on a limit lies inside, whatever its last digit."""


def against_limits(shown: pd.DataFrame, *, size: str, share: str, response: str = "") -> pd.DataFrame:
    """Return the table with target, limits, position, rankable and reason for each unit.

    The target is the share of all units together, of each wording by itself. ``response`` names the response rate
    where the share rests on answers.
    """
    sizes, shares = (pd.to_numeric(shown[key], errors="coerce").astype("float64") for key in (size, share))
    total = shown["group"] == EVERYTHING
    wording = shown["wording"] if "wording" in shown else pd.Series("", index=shown.index)
    target, everybody = (wording.map(of[total].set_axis(wording[total])) for of in (shares, sizes))
    limits = _limits(sizes, target)
    known = (limits["low_95"] + shares).notna()
    reason = _reason(shown["group"], sizes, known, shown[response] if response else None)
    reason = reason.mask(sizes >= everybody, "nothing to compare with")
    position = _position(shares, limits).where(reason == "", NOT_COMPARED)
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
    """Compute the limits once for each size and target that occur."""
    pairs = list(zip(sizes, target, strict=True))
    drawn = {pair: _ends(int(pair[0]), pair[1]) for pair in set(pairs) if pair[0] > 0 and pair[1] >= 0}
    return pd.DataFrame([drawn.get(pair, (np.nan,) * 4) for pair in pairs], columns=list(ENDS), index=sizes.index)


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


def _position(shares: pd.Series, limits: pd.DataFrame) -> pd.Series:
    where = {
        "above 99.8 %": shares > limits["high_998"] + JUST,
        "above 95 %": shares > limits["high_95"] + JUST,
        "below 99.8 %": shares < limits["low_998"] - JUST,
        "below 95 %": shares < limits["low_95"] - JUST,
    }
    return pd.Series(np.select(list(where.values()), list(where), INSIDE), index=shares.index)
