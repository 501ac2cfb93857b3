"""What things are called outside: canonical names of ours, and those of HL7 and LOINC that are used here."""

from typing import Final

from instruments.definition import Instrument, Scale

OURS: Final = "urn:prom-service"
"""Names of ours begin here. They name; they are no addresses, so every installation means the same by them."""
QUESTIONNAIRE: Final = f"{OURS}:questionnaire"
ANSWERS: Final = f"{OURS}:answers"
SCALES: Final = f"{OURS}:scale"
FOLLOWUP_TEXT: Final = f"{OURS}:followup-text"
BASELINE_ONLY: Final = f"{OURS}:baseline-only"
WORDING: Final = f"{OURS}:wording"

LOINC: Final = "http://loinc.org"
HL7: Final = "http://hl7.org/fhir/StructureDefinition"
ORDINAL: Final = f"{HL7}/ordinalValue"
TRANSLATION: Final = f"{HL7}/translation"
ITEM_CONTROL: Final = f"{HL7}/questionnaire-itemControl"
ITEM_CONTROLS: Final = "http://hl7.org/fhir/questionnaire-item-control"
SLIDER_STEP: Final = f"{HL7}/questionnaire-sliderStepValue"
ENTRY_FORMAT: Final = f"{HL7}/entryFormat"
LEAST: Final = f"{HL7}/minValue"
MOST: Final = f"{HL7}/maxValue"

VERIFIED_LOINC: Final = frozenset(
    {
        *("72092-0", "72093-8", "72094-6", "72095-3", "72096-1", "72097-9"),  # HOOS: panel and subscales
        "98945-9",  # HOOS-PS: panel
        *("82316-1", "82317-9", "82318-7", "82319-5", "82320-3", "82321-1", "82322-9", "82323-7"),  # HOOS, JR.
    }
)
"""The codes that were checked against a source. A definition may note another; it is not passed on."""


def url(instrument: Instrument) -> str:
    """The canonical name of an instrument, which its versions share."""
    return f"{QUESTIONNAIRE}:{instrument.key}"


def canonical(instrument: Instrument) -> str:
    """The canonical name of this very version."""
    return f"{url(instrument)}|{instrument.version}"


def reference_of(canonical: str, version: str = "") -> str:
    """The reference of an instrument that a canonical name means, such as ``ihot-12-1.0``; it need not exist."""
    name, _, said = canonical.partition("|")
    return f"{name.removeprefix(f'{QUESTIONNAIRE}:')}-{said or version}"


def answer_system(instrument: Instrument) -> str:
    """The system of the codes that answer this version's items; a code is the number that is scored."""
    return f"{ANSWERS}:{instrument.ref}"


def loinc(code: str) -> list[dict[str, str]]:
    """The coding of a LOINC code, in a list; none without a code, or for one that was not checked."""
    return [{"system": LOINC, "code": code}] if code in VERIFIED_LOINC else []


def scale_codings(instrument: Instrument, scale: Scale) -> list[dict[str, str]]:
    """The codings of a score: LOINC's where there is one, and ours."""
    ours = {"system": SCALES, "code": f"{instrument.ref}.{scale.key}", "display": f"{instrument.title}: {scale.title}"}
    return [*loinc(scale.loinc), ours]
