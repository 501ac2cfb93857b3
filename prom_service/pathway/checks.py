"""What a pathway must hold together to make sense, each refusal naming the key."""

from collections.abc import Collection
from itertools import pairwise

import instruments
from instruments.definition import Scale
from instruments.errors import UnknownInstrumentError
from prom_service.pathway.shape import (
    EDUCATION_TOPICS,
    FLAG_KINDS,
    GROC,
    PASS,
    SAFETY,
    VISIT_FORMATS,
    Pathway,
    Timepoint,
)
from prom_service.pathway.toml_table import Table

FEWEST_DAYS_BETWEEN_MESSAGES = 2  # Never two messages within 48 hours.
MOST_MESSAGES = 4


def check_pathway(pathway: Pathway, table: Table, judged: Collection[str]) -> None:
    """The pathway makes sense as a whole; ``judged`` are the checkpoints its criteria name."""
    _check_timepoints(pathway, table)
    _check_checkpoints(pathway, table, judged)
    _check_messages(pathway, table)
    _check_visits(pathway, table)
    _check_safety(pathway, table)
    _check_guidance(pathway, table)
    _check_education(pathway, table)


def check_instruments(timepoint: Timepoint, table: Table) -> None:
    """Every instrument and scale the timepoint names is known."""
    for key in ("instruments", "optional_instruments"):
        for ref in getattr(timepoint, key):
            _check_instrument(ref, table, key)
    for ref, scale in timepoint.optional_scales:
        if ref not in timepoint.instruments:
            raise table.fault("optional_scales", f"{ref} is not asked here")
        if scale not in {known.key for known in instruments.find(ref).scales}:
            raise table.fault("optional_scales", f"{ref} has no scale {scale!r}")


def check_scale(instrument: str, scale: str, table: Table) -> Scale:
    """The scale of that key, which the instrument has; both are refused by name otherwise."""
    _check_instrument(instrument, table, "instrument")
    scales = {known.key: known for known in instruments.find(instrument).scales}
    if scale not in scales:
        raise table.fault("scale", f"{instrument} has no scale {scale!r}; it has {', '.join(scales)}")
    return scales[scale]


def _check_instrument(ref: str, table: Table, key: str) -> None:
    try:
        instruments.find(ref)
    except UnknownInstrumentError as error:
        raise table.fault(key, f"{ref!r} is not known") from error


def _check_timepoints(pathway: Pathway, table: Table) -> None:
    keys = [timepoint.key for timepoint in pathway.timepoints]
    if len(set(keys)) != len(keys):
        raise table.fault("timepoints", "a key is used twice")
    if not keys or keys[0] != "baseline" or pathway.baseline.offset.span() != (0, 0):
        raise table.fault("timepoints", "the first must be the baseline, on the day the episode starts")
    for this, following in pairwise(pathway.timepoints):
        latest_end = this.offset.span()[1] + this.late_days_after
        earliest_opening = following.offset.span()[0] - following.opens_days_before
        if earliest_opening < latest_end:
            raise table.fault("timepoints", f"the window of {following.key} opens before that of {this.key} ends")


def _check_checkpoints(pathway: Pathway, table: Table, judged: Collection[str]) -> None:
    follow_ups = {timepoint.key for timepoint in pathway.timepoints if timepoint.follow_up}
    for key in judged:
        if key not in follow_ups:
            raise table.fault("measures", f"improved names {key!r}, which is no follow-up timepoint")
    if not pathway.primary or not pathway.checkpoints:
        raise table.fault("measures", "at least one scale needs worse and improved")
    needed_at_start = {primary.measure.instrument for primary in pathway.primary}
    needed_at_start |= {criterion.measure.instrument for criterion in pathway.function}
    _check_asked(pathway.baseline, needed_at_start, table)
    for timepoint in pathway.timepoints:
        if timepoint.is_checkpoint:
            _check_asked(timepoint, {primary.measure.instrument for primary in pathway.primary}, table)
            _check_asked(timepoint, {GROC[0], PASS[0]}, table)
            if len(timepoint.criteria) != len(pathway.primary):
                raise table.fault("measures", f"every primary scale needs its improved at {timepoint.key}")
        elif timepoint.review:
            raise table.fault("timepoints", f"{timepoint.key} has a review but is no checkpoint")
    if pathway.function and not any(_asks_all_function(pathway, timepoint) for timepoint in pathway.checkpoints):
        raise table.fault("function", "no checkpoint asks these scales")


def _asks_all_function(pathway: Pathway, timepoint: Timepoint) -> bool:
    return {criterion.measure.instrument for criterion in pathway.function} <= set(timepoint.instruments)


def _check_asked(timepoint: Timepoint, needed: set[str], table: Table) -> None:
    for ref in sorted(needed - set(timepoint.instruments)):
        raise table.fault("timepoints", f"{timepoint.key} must ask {ref}")


def _check_messages(pathway: Pathway, table: Table) -> None:
    days = pathway.reminder_days
    if not days or days[0] != 0 or len(days) > MOST_MESSAGES:
        raise table.fault("messages.days", f"must begin with day 0 and name at most {MOST_MESSAGES} days")
    if any(later - earlier < FEWEST_DAYS_BETWEEN_MESSAGES for earlier, later in pairwise(days)):
        raise table.fault("messages.days", "must rise by at least two days each")
    if pathway.phone_after_days <= days[-1]:
        raise table.fault("messages.phone_after_days", "must come after the last reminder")


def _check_visits(pathway: Pathway, table: Table) -> None:
    if pathway.visit_notice > pathway.visit_limit:
        raise table.fault("visits.notice", "must not exceed the limit")
    for visit_format in pathway.counted_formats:
        if visit_format not in VISIT_FORMATS:
            raise table.fault("visits.counted_formats", f"{visit_format!r} is not one of {', '.join(VISIT_FORMATS)}")


def _check_safety(pathway: Pathway, table: Table) -> None:
    allowed = [item.code for item in instruments.find(SAFETY).items if item.tier == "same_day"]
    for item in pathway.emergency_items:
        if item not in allowed:
            raise table.fault("safety.emergency", f"{item!r} is not one of the same-day items {', '.join(allowed)}")


def _check_guidance(pathway: Pathway, table: Table) -> None:
    for kind in FLAG_KINDS:
        if kind not in pathway.guidance:
            raise table.fault(f"guidance.{kind}", "is missing")
    keys = {timepoint.key for timepoint in pathway.timepoints}
    for key, guidance in pathway.guidance.items():
        kind, _, checkpoint = key.partition(":")
        if kind not in FLAG_KINDS or (checkpoint and checkpoint not in keys):
            raise table.fault(f"guidance.{key}", "is neither a kind of flag nor a kind and a timepoint")
        for option in guidance.options:
            if not set(option.diagnosis) <= set(pathway.diagnoses):
                raise table.fault(f"guidance.{key}.options", "names a diagnosis this pathway does not list")


def _check_education(pathway: Pathway, table: Table) -> None:
    given = [(education.language, education.topic) for education in pathway.education]
    languages = {"en"} | {language for language, _ in given}
    if sorted(given) != sorted((language, topic) for language in languages for topic in EDUCATION_TOPICS):
        raise table.fault("education", f"each language needs each topic once: {', '.join(EDUCATION_TOPICS)}")
