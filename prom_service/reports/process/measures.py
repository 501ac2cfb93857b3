"""What the process report measures: each with who counts, who meets it, and which way is better."""

from collections.abc import Mapping
from dataclasses import dataclass

from prom_service.pathway.shape import EDUCATION_TOPICS

DOSE = {
    "exercise_load": "load",
    "repetitions": "repetitions",
    "sets": "sets",
    "time_under_tension": "time under tension",
    "rest": "rest between repetitions and sessions",
    "sessions_per_week": "sessions per week",
    "progression": "progression",
}
"""The parts of an exercise prescription, by the field of the visit that documents each."""
WORDS: Mapping[str, tuple[str, ...]] = {
    "strengthening": ("strengthening", "strength training", "resistance training"),
    "movement_reeducation": ("movement reeducation", "movement re-education", "movement retraining"),
    "stretching": ("stretch",),
    **{topic: (topic,) for topic in EDUCATION_TOPICS},
    "opioid": (
        "opioid",
        "opiate",
        "buprenorphine",
        "co-codamol",
        "codeine",
        "dihydrocodeine",
        "fentanyl",
        "hydrocodone",
        "hydromorphone",
        "morphine",
        "oxycodone",
        "tapentadol",
        "tramadol",
    ),
    "mri": ("mri", "magnetic resonance"),
    "none": ("none", "no ", "nil"),
}
"""The words by which an entry of the documentation is known, at its beginning; capitals, blanks and hyphens aside."""
RESEARCH_LIST = "research reporting list (Kemp 2020, doi:10.1136/bjsports-2019-101458), not a clinical mandate"
REVIEW_RULE = "review rule of the pathways: reassess at 6 weeks rather than continue unchanged (working)"
WORKING = "working measure of this service"


@dataclass(frozen=True)
class Measure:
    """One process measure of an episode. ``better`` is ``more`` or ``fewer`` of those who are documented."""

    key: str
    title: str
    applies: str
    documented: str
    met: str
    better: str = "more"
    source: str = WORKING


def words(kind: str) -> str:
    """Return the words by which a kind of entry is known, as a reader is told them."""
    return ", ".join(word.strip() for word in WORDS[kind])


ATTENDED = "Episodes with an attended visit."
DOSED = "Any part of an exercise prescription is documented at a visit."
TREATED = "Interventions are documented at a visit."
TAUGHT = "Education is documented at a visit."
FOUND = "Episodes with a standing non-response finding at 6 weeks."
FLAGGED = "Every one: findings and visits are on record without anybody's documentation."


def _dose() -> tuple[Measure, ...]:
    complete = Measure(
        "exercise_complete",
        "Exercise prescription complete",
        ATTENDED,
        DOSED,
        f"One visit documents every part: {', '.join(DOSE.values())}.",
        source=RESEARCH_LIST,
    )
    parts = (
        Measure(key, f"… with {part}", ATTENDED, DOSED, f"A visit documents the {part}.", source=RESEARCH_LIST)
        for key, part in DOSE.items()
    )
    return complete, *parts


def _education() -> tuple[Measure, ...]:
    every = "A visit documents each of the four topics: " + ", ".join(EDUCATION_TOPICS) + "."
    topics = (
        Measure(f"education_{topic}", f"… {topic}", ATTENDED, TAUGHT, f"A visit documents: {words(topic)}.")
        for topic in EDUCATION_TOPICS
    )
    return Measure("education_complete", "Education on all four topics", ATTENDED, TAUGHT, every), *topics


MEASURES: tuple[Measure, ...] = (
    *_dose(),
    Measure(
        "strengthening",
        "Strengthening delivered",
        ATTENDED,
        TREATED,
        f"A visit documents one of: {words('strengthening')}.",
    ),
    Measure(
        "movement_reeducation",
        "Movement re-education delivered",
        ATTENDED,
        TREATED,
        f"A visit documents one of: {words('movement_reeducation')}.",
    ),
    Measure(
        "stretching_only",
        "Stretching as sole intervention",
        ATTENDED,
        TREATED,
        f"Every documented intervention of every visit is one of: {words('stretching')}.",
        better="fewer",
    ),
    *_education(),
    Measure(
        "opioid_first",
        "Opioid as first-line drug",
        ATTENDED,
        "Medication is documented at a visit, be it that there is none.",
        f"The first day on which a drug is documented, one of them is of: {words('opioid')}.",
        better="fewer",
    ),
    Measure(
        "early_mri",
        "MRI before three months without a recorded red flag",
        "Episodes with an attended visit before three calendar months since the start.",
        "Imaging is documented at such a visit, be it that there is none.",
        f"Such a visit documents one of: {words('mri')}; and no red-flag symptom was on record by its day.",
        better="fewer",
    ),
    Measure(
        "reassessed_after_6_weeks",
        "Reassessed after a 6-week non-response",
        FOUND,
        FLAGGED,
        "At a later visit the clinician reassessed, or the flag was resolved as reassessed.",
        source=REVIEW_RULE,
    ),
    Measure(
        "reviewed_after_6_weeks",
        "Reviewed after a 6-week non-response",
        FOUND,
        FLAGGED,
        "At a later visit the clinician reassessed, or the flag was resolved with whatever reason.",
        source=REVIEW_RULE,
    ),
    Measure(
        "short_programme",
        "Programme shorter than three months",
        "Episodes that started at least three calendar months before the day of the report (as of, UTC).",
        "Every one: start and end are on record without anybody's documentation.",
        "It ended before three calendar months since the start.",
        better="fewer",
        source="at least three months of exercise-based care (Kemp 2020, doi:10.1136/bjsports-2019-101458)",
    ),
    Measure(
        "pathology_excluded",
        "Serious pathology excluded before the first visit",
        ATTENDED,
        "A clinician recorded on which day serious pathology was excluded.",
        "That day is not after the first attended visit.",
        source="rule of this service",
    ),
)
KEYS = tuple(measure.key for measure in MEASURES)
