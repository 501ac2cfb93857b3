"""The registry of thresholds: every number has its provenance."""

import pytest

from instruments import thresholds
from instruments.errors import DefinitionError, UnknownThresholdError

ALL = thresholds.all_thresholds()


@pytest.mark.parametrize(
    ("threshold_id", "value", "kind", "verified"),
    [
        ("ihot-12-total-mcii-cheng-2025", 14, "MCII", True),
        ("ihot-12-total-pass-cheng-2025", 63, "PASS", True),
        ("ihot-12-total-on-track-working", 7, "working", False),
        ("ihot-12-total-borderline-working", 7, "working", False),
        ("ihot-12-total-worse-working", 14, "working", False),
        ("hoos-pain-on-track-working", 5, "working", False),
        ("hoos-pain-mic-high-prohip", 10, "MIC", False),
        ("hoos-pain-mic-low-prohip", 6, "MIC", False),
        ("hoos-pain-worse-working", 10, "working", False),
        ("hoos-adl-improved-working", 12.5, "working", False),
        ("hoos-adl-improved-with-groc-working", 10, "working", False),
        ("nprs-total-on-track-working", 1, "working", False),
        ("nprs-total-mcii-salaffi-2004", 2, "MCII", True),
        ("nprs-total-improved-percent-working", 30, "working", False),
        ("nprs-total-worse-working", 2, "working", False),
        ("psfs-total-on-track-working", 1.3, "working", False),
        ("psfs-total-mic-medium-abbott-2014", 2.3, "MIC", True),
        ("psfs-total-worse-working", 2.3, "working", False),
    ],
)
def test_the_numbers_of_the_pathways_are_registered(threshold_id: str, value: float, kind: str, verified: bool) -> None:
    row = thresholds.find(threshold_id)

    assert (row.value, row.kind, row.verified) == (value, kind, verified)


@pytest.mark.parametrize("row", ALL, ids=lambda row: row.id)
def test_every_number_says_where_it_comes_from(row: thresholds.Threshold) -> None:
    assert all((row.population, row.treatment, row.timepoint, row.method, row.citation, row.note))
    assert row.doi.startswith("10.") or not row.doi
    assert row.id == row.id.lower()
    assert row.id.startswith(row.instrument.rsplit("-", 1)[0])


def test_an_unknown_threshold_is_refused_by_name() -> None:
    with pytest.raises(UnknownThresholdError, match="ihot-12-total-mcii"):
        thresholds.find("ihot-12-total-mcii")


@pytest.mark.parametrize(
    ("ref", "scale", "value"),
    [
        ("ihot-12-1.0", "total", 17.22),
        ("hoos-2.0", "pain", 26.2),
        ("hoos-2.0", "adl", 12.0),
        ("hagos-1.0", "qol", 33.8),
    ],
)
def test_the_measurement_error_is_the_larger_published_one(ref: str, scale: str, value: float) -> None:
    row = thresholds.measurement_error(ref, scale)

    assert row is not None
    assert (row.kind, row.value) == ("MDC_individual", value)


@pytest.mark.parametrize("ref", ["nprs-1.0", "psfs-1.0"])
def test_where_no_measurement_error_is_published_there_is_none(ref: str) -> None:
    assert thresholds.measurement_error(ref, "total") is None


SOUND = """
[[studies]]
citation = "A paper"
doi = "10.1/x"
population = "adults"
treatment = "none"
timepoint = "once"
method = "anchor"
note = "Seen."
rows = [
    { id = "one", instrument = "ihot-12-1.0", scale = "total", kind = "MIC", value = 9, verified = true },
]
"""


def test_a_row_takes_over_what_its_study_says() -> None:
    row = thresholds.parse(SOUND)["one"]

    assert (row.citation, row.unit, row.value) == ("A paper", "points", 9.0)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('kind = "MIC"', 'kind = "MOC"', "kind is unknown"),
        ("value = 9", "value = -9", "a change must be above 0"),
        ('kind = "MIC", value = 9', 'kind = "PASS", value = 101', "must lie on the scale"),
        ('kind = "MIC"', 'kind = "working"', "our own row cannot be verified"),
        ("verified = true", "verified = 1", "true or false"),
        (", verified = true", "", "wrong or missing key"),
        ("value = 9", 'value = 9, unit = "metres"', "unit is unknown"),
        ("value = 9", "value = 9, colour = 1", "wrong or missing key"),
        ("ihot-12-1.0", "ihot-11-1.0", "wrong or missing key"),
        ('scale = "total"', 'scale = "pain"', "wrong or missing key"),
        (
            "]",
            '  { id = "one", instrument = "ihot-12-1.0", scale = "total", kind = "MIC", value = 9, verified = true } ]',
            "twice",
        ),
    ],
)
def test_a_row_that_contradicts_itself_is_refused(old: str, new: str, problem: str) -> None:
    place = SOUND.rindex(old)
    text = SOUND[:place] + SOUND[place:].replace(old, new, 1)

    with pytest.raises(DefinitionError, match=problem) as refused:
        thresholds.parse(text, file="thresholds.toml")

    assert str(refused.value).startswith("thresholds.toml: one: ")
