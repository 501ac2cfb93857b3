"""Pathways, read from ``data``: one TOML file per version, refused with the file and the key when it makes no sense.

Once an episode was started under a version it never changes; a change is a new version.
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType

from instruments.errors import UnknownThresholdError
from instruments.thresholds import Threshold, for_instrument
from instruments.thresholds import find as find_threshold
from prom_service.errors import NotFoundError
from prom_service.pathway.checks import check_instruments, check_pathway, check_scale
from prom_service.pathway.dates import Offset
from prom_service.pathway.shape import (
    EDUCATION_TOPICS,
    EVIDENCE_STATUSES,
    FLAG_KINDS,
    GROC,
    Anchors,
    Criterion,
    Education,
    FunctionCriterion,
    Guidance,
    Measure,
    Pathway,
    Primary,
    Review,
    Timepoint,
)
from prom_service.pathway.toml_table import PathwayDefinitionError, Table

__all__ = [
    "FLAG_KINDS",
    "Criterion",
    "Guidance",
    "Measure",
    "Pathway",
    "PathwayDefinitionError",
    "Timepoint",
    "UnknownPathwayError",
    "all_pathways",
    "find",
    "read",
    "text_of",
]

DEFAULT = "hip-related-pain-1"
CHANGES = ("MIC", "MCII", "SCB", "SEM", "MDC_individual", "MDC_group", "working")
"""Kinds of rows that are an amount of change; the others are places on a scale."""
Rows = Callable[[str], Threshold]
"""Finds a threshold row by its id; raises UnknownThresholdError."""


class UnknownPathwayError(NotFoundError):
    """No pathway has this reference."""


def find(ref: str) -> Pathway:
    """The pathway of that reference; UnknownPathwayError when there is none."""
    pathway = _shipped().get(ref)
    if pathway is None:
        raise UnknownPathwayError(f"There is no pathway {ref!r}; known are {', '.join(_shipped())}.")
    return pathway


def text_of(ref: str) -> str:
    """The TOML text of a pathway that ships; UnknownPathwayError when there is none of that reference."""
    return (files(__package__) / "data" / f"{find(ref).ref}.toml").read_text(encoding="utf-8")


def all_pathways() -> tuple[Pathway, ...]:
    """Every pathway that ships, the default first."""
    return tuple(_shipped().values())


def read(text: str, name: str) -> Pathway:
    """The pathway written in a TOML text; PathwayDefinitionError names the file and the key that make no sense."""
    try:
        values = tomllib.loads(text)
    except RecursionError as error:
        raise PathwayDefinitionError(name, "", "is not TOML of a pathway: nested too deep") from error
    except ValueError as error:  # A TOMLDecodeError, or a number longer than Python reads.
        raise PathwayDefinitionError(name, "", f"is not TOML ({error})") from error
    return _pathway(Table(name, values))


@lru_cache
def _shipped() -> Mapping[str, Pathway]:
    folder = files(__package__) / "data"
    texts = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.name.endswith(".toml")}
    pathways = [read(text, name) for name, text in texts.items()]
    pathways.sort(key=lambda pathway: (pathway.ref != DEFAULT, pathway.ref))
    return MappingProxyType({pathway.ref: pathway for pathway in pathways})


def _pathway(table: Table) -> Pathway:
    rows = _working_rows(table)
    listed = tuple(_measure(place, rows) for place in table.tables("measures"))
    measures = {measure.key: measure for measure, _ in listed}
    if len(measures) != len(listed):
        raise table.fault("measures", "a scale is given twice")
    primary, criteria = _criteria(listed, rows)
    timepoints = tuple(_timepoint(place, criteria) for place in table.tables("timepoints"))
    messages, visits, safety = table.table("messages"), table.table("visits"), table.table("safety")
    pathway = Pathway(
        key=table.text("key"),
        version=table.text("version"),
        title=table.text("title"),
        summary=table.text("summary"),
        timepoints=timepoints,
        primary=primary,
        function=tuple(_function(place, measures, rows) for place in table.tables("function")),
        anchors=_anchors(table.table("anchors"), rows),
        reminder_days=messages.wholes("days"),
        phone_after_days=messages.whole("phone_after_days", at_least=1),
        last_closes_days_after_late=table.whole("last_closes_days_after_late", at_least=0),
        visit_limit=visits.whole("limit", at_least=1),
        visit_notice=visits.whole("notice", at_least=1),
        counted_formats=visits.texts("counted_formats"),
        diagnoses=table.texts("diagnoses"),
        guidance=MappingProxyType(dict(_guidance_entries(table.table("guidance")))),
        education=tuple(map(_education, table.tables("education"))),
        emergency_items=safety.texts("emergency", ()),
    )
    for place in (messages, visits, safety, table):
        place.finish()
    check_pathway(pathway, table, criteria)
    return pathway


def _working_rows(table: Table) -> Rows:
    """The rows of the registry, and beside them those the definition gives itself: numbers of its own, marked so."""
    own: dict[str, Threshold] = {}
    for place in table.tables("working"):
        row = _working_row(place)
        if row.id in own or _registered(row.id):
            raise place.fault("id", f"{row.id!r} is used already")
        own[row.id] = row
    return lambda row_id: own.get(row_id) or find_threshold(row_id)


def _working_row(table: Table) -> Threshold:
    instrument, scale = table.text("instrument"), table.text("scale")
    found = check_scale(instrument, scale, table)
    row = Threshold(
        id=table.text("id"),
        instrument=instrument,
        scale=scale,
        kind="working",
        value=table.number("value", above=0),
        unit=table.one_of("unit", ("points", "percent"), default="points"),
        population=table.text("population", "not stated"),
        treatment="",
        timepoint="",
        method="judgement of the clinic",
        citation="",
        doi="",
        verified=False,
        note=table.text("note"),
    )
    width = 100 if row.unit == "percent" else found.maximum - found.minimum
    if row.value > width:
        raise table.fault("value", f"is more than the scale can change: {width:g}")
    table.finish()
    return row


def _registered(row_id: str) -> bool:
    try:
        find_threshold(row_id)
    except UnknownThresholdError:
        return False
    return True


def _measure(table: Table, rows: Rows) -> tuple[Measure, Table]:
    instrument, scale = table.text("instrument"), table.text("scale")
    found = check_scale(instrument, scale, table)
    measure = Measure(
        instrument=instrument,
        scale=scale,
        title=table.text("title"),
        best=float(found.best),
        worst=float(found.worst),
        measurement_error=_optional_row(
            table, "measurement_error", (instrument, scale), rows, kinds=("MDC_individual",)
        ),
        acceptable_state=_optional_row(table, "acceptable_state", (instrument, scale), rows, kinds=("PASS",)),
    )
    return measure, table


def _criteria(
    measures: Iterable[tuple[Measure, Table]], rows: Rows
) -> tuple[tuple[Primary, ...], dict[str, list[Criterion]]]:
    """The primary scales (those that name a worsening) and, for each checkpoint, their criteria."""
    primary: list[Primary] = []
    criteria: dict[str, list[Criterion]] = {}
    for measure, table in measures:
        improved, borderline = table.table("improved"), table.table("borderline")
        if table.has("worse"):
            primary.append(Primary(measure, _row(table, "worse", table.text("worse"), measure.key, rows, CHANGES)))
            for checkpoint in improved.keys():  # noqa: SIM118 (a Table is not a dict)
                criterion = _criterion(primary[-1], checkpoint, improved, borderline, rows)
                criteria.setdefault(checkpoint, []).append(criterion)
        for place in (improved, borderline, table):
            place.finish()
    return tuple(primary), criteria


def _criterion(primary: Primary, checkpoint: str, improved: Table, borderline: Table, rows: Rows) -> Criterion:
    key = primary.measure.key
    needed = tuple(_row(improved, checkpoint, row, key, rows, CHANGES) for row in improved.texts(checkpoint))
    band = tuple(_row(borderline, checkpoint, row, key, rows, CHANGES) for row in borderline.texts(checkpoint, ()))
    if [row.unit for row in needed].count("points") != 1:
        raise improved.fault(checkpoint, "needs exactly one row in points, by which the headroom is measured")
    ceiling = {row.unit: row.value for row in needed}
    if any(row.value > ceiling.get(row.unit, 0) for row in band) or (len(needed) == 1 and band == needed):
        raise borderline.fault(checkpoint, "the borderline band must begin below the improvement")
    return Criterion(primary, needed, band)


def _timepoint(table: Table, criteria: Mapping[str, list[Criterion]]) -> Timepoint:
    key = table.text("key")
    target, review = table.table("target"), table.table("review")
    timepoint = Timepoint(
        key=key,
        title=table.text("title"),
        offset=Offset(target.whole("days", at_least=0, default=0), target.whole("months", at_least=0, default=0)),
        opens_days_before=table.whole("opens_days_before", at_least=0),
        late_days_after=table.whole("late_days_after", at_least=1),
        instruments=table.texts("instruments"),
        optional_instruments=table.texts("optional_instruments", ()),
        optional_scales=tuple(_scale_name(table, name) for name in table.texts("optional_scales", ())),
        criteria=tuple(criteria.get(key, ())),
        early=table.truth("early", default=False),
        review=_review(review) if table.has("review") else None,
    )
    for place in (target, review, table):
        place.finish()
    check_instruments(timepoint, table)
    return timepoint


def _review(table: Table) -> Review:
    return Review(table.whole("within_days", at_least=1), table.whole("within_visits", at_least=1))


def _scale_name(table: Table, name: str) -> tuple[str, str]:
    instrument, _, scale = name.partition(" ")
    if not scale:
        raise table.fault("optional_scales", f"{name!r} must be an instrument and a scale")
    return instrument, scale


def _function(table: Table, measures: Mapping[tuple[str, str], Measure], rows: Rows) -> FunctionCriterion:
    key = table.text("instrument"), table.text("scale")
    if key not in measures:
        raise table.fault("scale", f"{' '.join(key)} is not among the measures")
    criterion = FunctionCriterion(
        measure=measures[key],
        change=_row(table, "change", table.text("change"), key, rows, CHANGES),
        groc=_optional_row(table, "groc", GROC, rows, kinds=("cutoff", "working")),
    )
    table.finish()
    return criterion


def _anchors(table: Table, rows: Rows) -> Anchors:
    anchors = Anchors(*(_row(table, key, table.text(key), GROC, rows) for key in ("improved", "worse", "much_worse")))
    if not anchors.much_worse.value < anchors.worse.value < 0 < anchors.improved.value:
        raise table.fault("worse", "must lie between much_worse and 0, and improved above 0")
    table.finish()
    return anchors


def _row(
    table: Table, key: str, row_id: str, scale: tuple[str, str], rows: Rows, kinds: tuple[str, ...] = ()
) -> Threshold:
    """The threshold row of that id, refused unless it belongs to the scale and is of one of the kinds, where named."""
    try:
        row = rows(row_id)
    except UnknownThresholdError as error:
        known = ", ".join(one.id for one in for_instrument(scale[0]) if one.scale == scale[1])
        raise table.fault(key, f"there is no threshold {row_id!r}; of this scale there are {known}") from error
    if (row.instrument, row.scale) != scale:
        raise table.fault(key, f"threshold {row_id!r} belongs to {row.instrument} {row.scale}")
    if kinds and row.kind not in kinds:
        raise table.fault(key, f"threshold {row_id!r} is a {row.kind}, not {' or '.join(kinds)}")
    return row


def _optional_row(
    table: Table, key: str, scale: tuple[str, str], rows: Rows, *, kinds: tuple[str, ...]
) -> Threshold | None:
    return _row(table, key, table.text(key), scale, rows, kinds) if table.has(key) else None


def _guidance_entries(table: Table) -> Iterable[tuple[str, Guidance]]:
    for key, place in table.named():
        options = tuple(map(_guidance, place.tables("options")))
        if not all(option.diagnosis for option in options):
            raise place.fault("options", "each option must name the diagnosis it belongs to")
        yield key, _guidance(place, options)


def _guidance(table: Table, options: tuple[Guidance, ...] = ()) -> Guidance:
    guidance = Guidance(
        text=table.text("text"),
        source=table.text("source"),
        evidence_status=table.text("evidence_status"),
        diagnosis=table.texts("diagnosis", ()),
        options=options,
    )
    if guidance.evidence_status not in EVIDENCE_STATUSES:
        raise table.fault("evidence_status", f"must be one of {', '.join(EVIDENCE_STATUSES)}")
    table.finish()
    return guidance


def _education(table: Table) -> Education:
    education = Education(**{key: table.text(key) for key in ("topic", "language", "title", "text", "source")})
    if education.topic not in EDUCATION_TOPICS:
        raise table.fault("topic", f"must be one of {', '.join(EDUCATION_TOPICS)}")
    table.finish()
    return education
