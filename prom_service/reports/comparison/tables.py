"""Units side by side, and responders beside non-responders. Pure functions on the frames of ``extract``."""

import math

import numpy as np
import pandas as pd

from prom_service.reports.cells import by_group, with_total

WORDINGS = {"official": "official", "own": "provisional wording"}
AGES = {18: "under 30", 30: "30 to 39", 40: "40 to 49", 50: "50 to 59", 60: "60 to 69", 70: "70 or older"}
SEXES = ("female", "male", "other", "unknown")
DECIMALS = 1
"""Means and deviations are given as far as they are read: more digits would tell how many people they rest on."""


def units(cells: pd.DataFrame) -> pd.DataFrame:
    """Count by unit its episodes, who was due, eligible and responded, and its closed episodes over the limit."""
    frame = with_total(cells)
    reached = {
        "due": frame["due"],
        "eligible": frame["eligible"],
        "responded": frame["responded"],
        "judged": frame["wording"] != "",
        "closed": frame["closed"],
        "over": frame["closed"] & frame["over"],
    }
    counts = pd.DataFrame({name: frame["episodes"].where(so, 0) for name, so in reached.items()})
    return by_group(pd.concat([frame[["group", "episodes"]], counts], axis="columns"), ["group"])


def share_improved(cells: pd.DataFrame) -> pd.DataFrame:
    """Count by wording and unit who was judged and who improved; every unit under each wording that occurs.

    ``not_judged`` are the eligible with no judgement in any wording: ``everyone`` is the judged of this wording with
    them, and ``at_best`` would have improved if they all had.
    """
    sides = units(cells)[["group", "eligible", "responded", "judged"]].rename(columns={"judged": "in_all"})
    frame = with_total(cells)
    parts = []
    for wording in [one for one in WORDINGS if (cells["wording"] == one).any()] or ["official"]:
        judged = frame["episodes"].where(frame["wording"] == wording, 0)
        counts = frame[["group"]].assign(judged=judged, improved=judged.where(frame["improved"], 0))
        parts.append(sides.merge(by_group(counts, ["group"]), on="group").assign(wording=WORDINGS[wording]))
    table = pd.concat(parts, ignore_index=True)
    table["not_judged"] = table["eligible"] - table["in_all"]
    table["everyone"] = table["judged"] + table["not_judged"]
    table["at_best"] = table["improved"] + table["not_judged"]
    return table.drop(columns="in_all")


def responders_by_category(people: pd.DataFrame) -> pd.DataFrame:
    """Count responders and non-responders by age band and sex, each beside all of them."""
    ages = people[people["characteristic"] == "age"]
    bands = np.searchsorted(list(AGES), ages["value"], side="right") - 1
    banded = ages.assign(category=np.array(list(AGES.values()))[bands.clip(0)], characteristic="age band")
    frame = pd.concat([banded, people[people["characteristic"] == "sex"]])
    grid = [("age band", band) for band in AGES.values()] + [("sex", sex) for sex in SEXES]
    index = pd.MultiIndex.from_tuples(grid, names=["characteristic", "category"])
    table = _by_response(frame, list(index.names), index)
    return table.assign(
        all_responders=table.groupby("characteristic")["responders"].transform("sum"),
        all_non_responders=table.groupby("characteristic")["non_responders"].transform("sum"),
    )


def responders_by_mean(people: pd.DataFrame) -> pd.DataFrame:
    """Give number, mean and standard deviation of age, visits and baseline scores, of those who answered and not."""
    rows = []
    measured = people[people["characteristic"] != "sex"]
    for (characteristic, category), cells in measured.groupby(["characteristic", "category"]):
        row = {"characteristic": characteristic, "measure": category}
        for side, responded in (("responders", True), ("non_responders", False)):
            one = cells[cells["responded"] == responded]
            mean, deviation = mean_and_deviation(one["value"], one["episodes"])
            row |= {side: int(one["episodes"].sum()), f"mean_{side}": mean, f"deviation_{side}": deviation}
        rows.append(row)
    sides = [f"{key}{side}" for side in ("responders", "non_responders") for key in ("", "mean_", "deviation_")]
    return pd.DataFrame(rows, columns=["characteristic", "measure", *sides])


def mean_and_deviation(values: pd.Series, counts: pd.Series) -> tuple[float, float]:
    """Return mean and standard deviation (n - 1) of values that occur so often; missing where there are too few."""
    number = int(counts.sum())
    if number == 0:
        return math.nan, math.nan
    mean = math.fsum(values * counts) / number
    if number == 1:
        return round(mean, DECIMALS), math.nan
    spread = math.fsum((values - mean) ** 2 * counts) / (number - 1)
    return round(mean, DECIMALS), round(math.sqrt(spread), DECIMALS)


def _by_response(frame: pd.DataFrame, keys: list[str], index: pd.MultiIndex) -> pd.DataFrame:
    counts = frame.assign(
        responders=frame["episodes"].where(frame["responded"], 0),
        non_responders=frame["episodes"].where(~frame["responded"], 0),
    )
    return counts.groupby(keys)[["responders", "non_responders"]].sum().reindex(index, fill_value=0).reset_index()
