"""What a clinic may change of a pathway that ships, and what a change says in plain words."""

from collections.abc import Iterator
from dataclasses import replace

from instruments.thresholds import Threshold
from prom_service.pathway.shape import Guidance, Pathway, Timepoint
from prom_service.pathway.toml_table import PathwayDefinitionError

MARK = "@"
FIXED = ("key", "version", "title", "diagnoses", "last_closes_days_after_late")
"""What stays as it ships: episodes are found, pooled and compared by it."""


def refuse_other_plan(variant: Pathway, shipped: Pathway) -> None:
    """Raise PathwayDefinitionError unless the variant differs from what ships only in what a clinic may judge.

    That is the visit limit and notice level, counted formats, reminders, criteria, safety items raised to emergency,
    guidance, education, optional scales, and whether an optional instrument is asked.
    """
    for name in FIXED:
        if getattr(variant, name) != getattr(shipped, name):
            raise _refusal(name, f"must stay {_plain(getattr(shipped, name))}")
    if [one.key for one in variant.timepoints] != [one.key for one in shipped.timepoints]:
        raise _refusal("timepoints", f"must stay {', '.join(one.key for one in shipped.timepoints)}")
    for number, (here, there) in enumerate(zip(variant.timepoints, shipped.timepoints, strict=True)):
        _refuse_other_timepoint(here, there, f"timepoints[{number}].")
    for name in ("primary", "function"):
        here_all, there_all = ([one.measure.key for one in getattr(one, name)] for one in (variant, shipped))
        if here_all != there_all:
            scales = ", ".join(" ".join(key) for key in there_all)
            raise _refusal("measures" if name == "primary" else name, f"the scales must stay {scales}")


def _refuse_other_timepoint(here: Timepoint, there: Timepoint, place: str) -> None:
    for name, key in (
        ("title", "title"),
        ("offset", "target"),
        ("opens_days_before", "opens_days_before"),
        ("late_days_after", "late_days_after"),
        ("early", "early"),
        ("review", "review"),
    ):
        if getattr(here, name) != getattr(there, name):
            raise _refusal(f"{place}{key}", "must stay as it ships")
    asked, allowed = set(here.instruments), {*there.instruments, *there.optional_instruments}
    if not set(there.instruments) <= asked <= allowed:
        optional = ", ".join(there.optional_instruments) or "none"
        held = ", ".join(there.instruments)
        raise _refusal(f"{place}instruments", f"must hold {held}; optional here: {optional}")
    if not set(here.optional_instruments) <= allowed:
        raise _refusal(f"{place}optional_instruments", f"must be among {', '.join(sorted(allowed))}")


def _refusal(path: str, what: str) -> PathwayDefinitionError:
    return PathwayDefinitionError("", path, what)


def as_version(variant: Pathway, *, clinic: str, number: int) -> Pathway:
    """The pathway under the reference its episodes keep, such as ``hip-related-pain-1@northside.2``."""
    return replace(variant, version=f"{variant.version}{MARK}{clinic}.{number}")


def base_of(ref: str) -> str:
    """The pathway that ships of which a reference names a version; itself where it names one that ships."""
    return ref.partition(MARK)[0]


def same_rules(one: Pathway, other: Pathway) -> bool:
    """Whether the two differ in nothing that a rule looks at: at most in texts and in their version."""
    texts = {name: getattr(one, name) for name in ("version", "summary", "guidance", "education")}
    return replace(other, **texts) == one


def differences(before: Pathway, after: Pathway) -> tuple[str, ...]:
    """What changes from one version to another, a plain sentence for each."""
    return tuple(_differences(before, after))


def _differences(before: Pathway, after: Pathway) -> Iterator[str]:
    for label, name in (
        ("Visit limit", "visit_limit"),
        ("Visit notice level", "visit_notice"),
        ("Visits that count", "counted_formats"),
        ("Emails on days", "reminder_days"),
        ("On the phone list after days", "phone_after_days"),
        ("Safety items raised to emergency", "emergency_items"),
        ("Summary", "summary"),
    ):
        yield from _changed(label, getattr(before, name), getattr(after, name))
    yield from _criteria_changed(before, after)
    for here, there in zip(before.timepoints, after.timepoints, strict=True):
        yield from _changed(f"Asked at {here.title}", here.instruments, there.instruments)
        yield from _changed(
            f"Optional scales at {here.title}", *(map(" ".join, one.optional_scales) for one in (here, there))
        )
    yield from _texts_changed(before, after)


def _criteria_changed(before: Pathway, after: Pathway) -> Iterator[str]:
    for old, new in zip(before.primary, after.primary, strict=True):
        title = old.measure.title
        yield from _changed(f"{title}: worse", _row(old.worse), _row(new.worse))
        for label in ("measurement_error", "acceptable_state"):
            rows = (getattr(one.measure, label) for one in (old, new))
            yield from _changed(f"{title}: {label.replace('_', ' ')}", *map(_row, rows))
    for here, there in zip(before.checkpoints, after.checkpoints, strict=True):
        for was, now in zip(here.criteria, there.criteria, strict=True):
            for label in ("improved", "borderline"):
                rows = (" and ".join(map(_row, getattr(one, label))) for one in (was, now))
                yield from _changed(f"{was.measure.title}: {label} at {here.title}", *rows)
    for first, second in zip(before.function, after.function, strict=True):
        title = f"Improvement demonstrated by {first.measure.title}"
        yield from _changed(title, _row(first.change), _row(second.change))
        yield from _changed(f"{title}, with a rating of change of", _row(first.groc), _row(second.groc))
    for anchor in ("improved", "worse", "much_worse"):
        rows = (_row(getattr(one.anchors, anchor)) for one in (before, after))
        yield from _changed(f"Own rating of change that counts as {anchor.replace('_', ' ')}", *rows)


def _texts_changed(before: Pathway, after: Pathway) -> Iterator[str]:
    for key in {**before.guidance, **after.guidance}:
        was, now = before.guidance.get(key), after.guidance.get(key)
        if was != now:
            yield from _changed(f"Guidance {key}", _said(was), _said(now))
            if _said(was) == _said(now):
                yield f"Guidance {key}: its source, status or options change."
    old = {(one.language, one.topic): one for one in before.education}
    new = {(one.language, one.topic): one for one in after.education}
    for language, topic in {**old, **new}:
        if old.get((language, topic)) != new.get((language, topic)):
            yield f"Education on {topic} ({language}): the text changes."


def _changed(label: str, before: object, after: object) -> Iterator[str]:
    old, new = _plain(before), _plain(after)
    if old != new:
        yield f"{label}: {old or 'none'} → {new or 'none'}"


def _said(guidance: Guidance | None) -> str:
    return f"“{guidance.text}”" if guidance else ""


def _row(row: Threshold | None) -> str:
    if row is None:
        return ""
    return f"{row.value:g} {'%' if row.unit == 'percent' else 'points'} ({row.id}, {row.kind.replace('_', ' ')})"


def _plain(value: object) -> str:
    return str(value) if isinstance(value, str | int) else ", ".join(map(str, value))  # type: ignore[call-overload]
