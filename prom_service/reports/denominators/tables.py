"""Honest denominators: from every episode down to those that can be judged, and why each other one is left out.

Pure functions on the ``timepoints`` and ``attempts`` frames of ``denominators.extract``.
"""

import numpy as np
import pandas as pd

from prom_service.reports.cells import by_group, with_total

KEYS = ["group", "sequence", "timepoint"]


def denominators(timepoints: pd.DataFrame) -> pd.DataFrame:
    """Count the episodes at each step, by group and timepoint. Windows still open are *not yet due*, nothing else."""
    frame = with_total(timepoints)
    eligible = frame["due"] & (frame["excluded"] == "")
    steps = {
        "episodes": frame["due"] | ~frame["due"],
        "not_yet_due": ~frame["due"],
        "due": frame["due"],
        "excluded": frame["due"] & (frame["excluded"] != ""),
        "eligible": eligible,
        "invited": eligible & frame["invited"],
        "delivered": eligible & frame["delivered"],
        "started": eligible & frame["started"],
        "complete": eligible & frame["answered"] & ~frame["partial"],
        "partial": eligible & frame["partial"],
        "late": eligible & frame["late"],
        "scorable": eligible & frame["scorable"],
        "with_baseline": eligible & frame["with_baseline"],
    }
    counts = pd.DataFrame({name: frame["episodes"].where(reached, 0) for name, reached in steps.items()})
    return by_group(pd.concat([frame[KEYS], counts], axis="columns"), KEYS).drop(columns="sequence")


def left_out(timepoints: pd.DataFrame) -> pd.DataFrame:
    """Count the episodes that fall out, by the first step not reached and the reason.

    With those that have score and baseline they add up to all episodes of the timepoint.
    """
    frame = with_total(timepoints)
    refused = np.where(frame["declined"], "declined", "")
    falls = (
        (~frame["due"], "due", "not_yet_due"),
        (frame["excluded"] != "", "eligible", frame["excluded"]),
        (~frame["invited"], "invited", _or(refused, "not_invited")),
        (~frame["delivered"], "delivered", _or(refused, "not_delivered")),
        (~frame["started"], "started", _or(refused, "not_started")),
        (~frame["answered"], "complete", _or(refused, "not_finished")),
        (~frame["scorable"], "scorable", "too_few_answers"),
        (
            ~frame["with_baseline"],
            "with_baseline",
            np.select(
                [frame["baseline"] == "late", frame["baseline"] == "none"],
                ["baseline_late", "no_baseline"],
                "not_comparable",
            ),
        ),
    )
    where, steps, reasons = zip(*falls, strict=True)
    frame["place"] = np.select(where, range(len(falls)), -1)
    frame["step"] = np.select(where, steps, "")
    frame["reason"] = np.select(where, [np.asarray(reason, dtype=object) for reason in reasons], "")
    missing = frame.loc[frame["place"] >= 0, [*KEYS, "place", "step", "reason", "episodes"]]
    return by_group(missing, [*KEYS, "place", "step", "reason"]).drop(columns=["sequence", "place"])


def response_by_channel(timepoints: pd.DataFrame) -> pd.DataFrame:
    """Count what came in by each channel beside all that were eligible and due."""
    frame = timepoints[timepoints["due"] & (timepoints["excluded"] == "")]
    keys = ["sequence", "timepoint"]
    eligible = by_group(frame[[*keys, "episodes"]], keys).rename(columns={"episodes": "eligible"})
    answered = frame.loc[frame["answered"], [*keys, "mode", "episodes"]]
    counts = by_group(answered.sort_values([*keys, "mode"]), [*keys, "mode"])
    counts = counts.rename(columns={"mode": "channel", "episodes": "answered"})
    return counts.merge(eligible, on=keys).drop(columns="sequence")


def response_by_attempt(attempts: pd.DataFrame) -> pd.DataFrame:
    """Put the attempts into the order of the timepoints."""
    return attempts.sort_values(["sequence", "attempt"], ignore_index=True).drop(columns="sequence")


def _or(first: np.ndarray, otherwise: str) -> np.ndarray:
    return np.where(first == "", otherwise, first)


def make_tables(timepoints: pd.DataFrame, attempts: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return every table of this part by the name of its layout."""
    return {
        "denominators": denominators(timepoints),
        "left_out": left_out(timepoints),
        "response_by_attempt": response_by_attempt(attempts),
        "response_by_channel": response_by_channel(timepoints),
    }
