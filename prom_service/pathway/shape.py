"""The shape of a pathway: what is asked when, what counts as improved, and what the clinic and the patient are told."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from instruments.thresholds import Threshold
from prom_service.pathway.dates import Offset

FLAG_KINDS = (
    "red_flag_symptom",
    "deterioration",
    "non_responder",
    "continued_without_review",
    "visits_over_threshold",
    "visits_near_threshold",
    "not_assessable",
    "not_scorable",
    "survey_missed",
    "baseline_missing",
)
VISIT_FORMATS = ("individual", "group", "telehealth")
EVIDENCE_STATUSES = ("consensus", "published", "working", "administrative", "unverified")
EDUCATION_TOPICS = ("condition", "pain", "activity", "recovery")
SAFETY = "safety-1.0"
GROC = ("groc-1.0", "total")
PASS = ("pass-1.0", "total")


@dataclass(frozen=True, slots=True)
class Measure:
    """One scale that is judged or shown, with the rows that say how far it can be trusted.

    ``measurement_error`` is the smallest change detectable in one person (MDC individual); None when none is known.
    ``acceptable_state`` is the published PASS score: shown beside the score, it never decides.
    """

    instrument: str
    scale: str
    title: str
    best: float
    worst: float
    measurement_error: Threshold | None
    acceptable_state: Threshold | None

    @property
    def key(self) -> tuple[str, str]:
        """Instrument reference and scale key."""
        return self.instrument, self.scale


@dataclass(frozen=True, slots=True)
class Primary:
    """A scale by which response is judged, and the worsening (a positive amount) that counts as worse."""

    measure: Measure
    worse: Threshold


@dataclass(frozen=True, slots=True)
class Criterion:
    """What improved means for one primary scale at one checkpoint.

    Improved needs every row of ``improved`` (points, and per cent of the baseline where named). Short of that, any one
    row of ``borderline`` reached puts the change in the borderline band; without rows there is no band.
    """

    primary: Primary
    improved: tuple[Threshold, ...]
    borderline: tuple[Threshold, ...]

    @property
    def measure(self) -> Measure:
        """The scale judged."""
        return self.primary.measure

    @property
    def improved_points(self) -> Threshold:
        """The row of ``improved`` in points of the scale: it measures the headroom."""
        return next(row for row in self.improved if row.unit == "points")


@dataclass(frozen=True, slots=True)
class FunctionCriterion:
    """The full 3-month criterion of a function scale; with ``groc`` it counts only if GROC reaches that too."""

    measure: Measure
    change: Threshold
    groc: Threshold | None


@dataclass(frozen=True, slots=True)
class Anchors:
    """How far the patient's own rating of change (GROC, -7 to +7) must go to count; amounts are positive."""

    improved: Threshold
    worse: Threshold
    much_worse: Threshold


@dataclass(frozen=True, slots=True)
class Review:
    """How long a finding of a checkpoint may go without review before that is itself a finding."""

    within_days: int
    within_visits: int


@dataclass(frozen=True, slots=True)
class Timepoint:
    """A planned moment. Its window is half-open in local dates: from ``opens_days_before`` the target day up to,
    but not including, ``late_days_after`` it; later answers are labelled late.
    """

    key: str
    title: str
    offset: Offset
    opens_days_before: int
    late_days_after: int
    instruments: tuple[str, ...]
    optional_instruments: tuple[str, ...]
    optional_scales: tuple[tuple[str, str], ...]
    criteria: tuple[Criterion, ...]
    early: bool
    review: Review | None

    @property
    def is_checkpoint(self) -> bool:
        """Whether response is judged here."""
        return bool(self.criteria)

    @property
    def follow_up(self) -> bool:
        """Whether this comes after the baseline."""
        return self.key != "baseline"


@dataclass(frozen=True, slots=True)
class Guidance:
    """What a clinician is told beside a finding, where it comes from, and how firm that is.

    With ``diagnosis``, it is shown only when the clinician recorded one of these diagnoses.
    """

    text: str
    source: str
    evidence_status: str
    diagnosis: tuple[str, ...] = ()
    options: tuple["Guidance", ...] = ()


@dataclass(frozen=True, slots=True)
class Education:
    """One education topic for the patient, in plain words and without promises."""

    topic: str
    language: str
    title: str
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Pathway:
    """A versioned plan of care: timepoints, criteria, limits, guidance."""

    key: str
    version: str
    title: str
    summary: str
    timepoints: tuple[Timepoint, ...]
    primary: tuple[Primary, ...]
    function: tuple[FunctionCriterion, ...]
    anchors: Anchors
    reminder_days: tuple[int, ...]
    phone_after_days: int
    last_closes_days_after_late: int
    visit_limit: int
    visit_notice: int
    counted_formats: tuple[str, ...]
    diagnoses: tuple[str, ...]
    guidance: Mapping[str, Guidance] = field(repr=False)
    education: tuple[Education, ...] = field(repr=False)
    emergency_items: tuple[str, ...] = ()
    """Same-day safety items that are an emergency here. No tier is ever lowered."""

    @property
    def ref(self) -> str:
        """The reference episodes keep, e.g. ``hip-osteoarthritis-1``."""
        return f"{self.key}-{self.version}"

    @property
    def baseline(self) -> Timepoint:
        """The timepoint every change counts from."""
        return self.timepoints[0]

    @property
    def checkpoints(self) -> tuple[Timepoint, ...]:
        """The timepoints at which response is judged, in order."""
        return tuple(timepoint for timepoint in self.timepoints if timepoint.is_checkpoint)

    def timepoint(self, key: str) -> Timepoint:
        """The timepoint of that key."""
        for timepoint in self.timepoints:
            if timepoint.key == key:
                return timepoint
        raise KeyError(key)

    def tier(self, item: str, tier: str) -> str:
        """How urgent a yes to a safety item is here; ``tier`` is what its instrument says."""
        return "emergency" if item in self.emergency_items else tier

    def guidance_key(self, kind: str, checkpoint: str) -> str:
        """The key of the guidance for a finding: its own for that checkpoint when there is one, else the kind's."""
        exact = f"{kind}:{checkpoint}"
        return exact if exact in self.guidance else kind

    def guidance_for(self, key: str, *, diagnosis: str | None) -> tuple[Guidance, ...]:
        """The guidance under a key, then the options that belong to the diagnosis on record; none without one."""
        general = self.guidance[key]
        recorded = plain(diagnosis or "")
        return general, *(option for option in general.options if recorded in map(plain, option.diagnosis))


def plain(diagnosis: str) -> str:
    """The diagnosis as it is compared: lower case, words joined by single hyphens."""
    return "-".join(diagnosis.casefold().replace("_", " ").replace("-", " ").split())
