"""What a clinic may change of a pathway, and how a change and a refusal are told."""

import pytest

from prom_service.pathway.definition import PathwayDefinitionError, find, read, text_of
from prom_service.pathway.lines import line_of
from prom_service.pathway.variant import as_version, base_of, differences, refuse_other_plan, same_rules

REF = "hip-related-pain-1"
TEXT = text_of(REF)
OWN_ROW = """
[[working]]
id = "ihot-12-total-on-track-northside"
instrument = "ihot-12-1.0"
scale = "total"
value = 10
note = "Agreed by the clinicians of the clinic."
"""


def changed(old: str, new: str, ref: str = REF):
    text = text_of(ref)
    assert old in text
    return read(text.replace(old, new, 1), "trial")


def refusal(old: str, new: str, ref: str = REF) -> str:
    with pytest.raises(PathwayDefinitionError) as refused:
        refuse_other_plan(changed(old, new, ref), find(ref))
    return str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("limit = 14", "limit = 18", ["Visit limit: 14 → 18"]),
        ("notice = 12", "notice = 10", ["Visit notice level: 12 → 10"]),
        (
            'counted_formats = ["individual", "telehealth"]',
            'counted_formats = ["individual"]',
            ["Visits that count: individual, telehealth → individual"],
        ),
        ("days = [0, 3, 7, 12]", "days = [0, 4]", ["Emails on days: 0, 3, 7, 12 → 0, 4"]),
        ("phone_after_days = 14", "phone_after_days = 20", ["On the phone list after days: 14 → 20"]),
        (
            '"6-weeks" = ["ihot-12-total-on-track-working"]',
            '"6-weeks" = ["ihot-12-total-mcii-cheng-2025"]',
            [
                "iHOT-12: improved at 6 weeks: 7 points (ihot-12-total-on-track-working, working) → "
                "14 points (ihot-12-total-mcii-cheng-2025, MCII)"
            ],
        ),
        (
            "[anchors]",
            '[safety]\nemergency = ["R9"]\n\n[anchors]',
            ["Safety items raised to emergency: none → R9"],
        ),
        ('title = "Your hip"', 'title = "Your hip and you"', ["Education on condition (en): the text changes."]),
        (
            'text = "Too few answers for a score. Ask',
            'text = "Too few. Ask',
            [
                "Guidance not_scorable: “Too few answers for a score. Ask for the missing answers at the next visit or"
                " by phone.” → “Too few. Ask for the missing answers at the next visit or by phone.”"
            ],
        ),
    ],
)
def test_what_a_clinic_may_judge_is_taken_and_said_in_plain_words(old, new, said):
    variant = changed(old, new)

    refuse_other_plan(variant, find(REF))

    assert list(differences(find(REF), variant)) == said


def test_a_clinic_s_own_number_is_a_working_row_with_its_note():
    variant = read(
        TEXT.replace(
            '"6-weeks" = ["ihot-12-total-on-track-working"]', '"6-weeks" = ["ihot-12-total-on-track-northside"]'
        )
        + OWN_ROW,
        "trial",
    )
    row = variant.timepoint("6-weeks").criteria[0].improved[0]

    assert (row.value, row.kind, row.verified) == (10, "working", False)
    assert row.note == "Agreed by the clinicians of the clinic."


def test_an_optional_instrument_may_be_asked():
    old = 'instruments = ["nprs-1.0", "psfs-1.0", "ihot-12-1.0", "safety-1.0"]\noptional_instruments = ["s-lanss-1.0"]'
    new = old.replace('"safety-1.0"]', '"safety-1.0", "s-lanss-1.0"]').replace(
        '\noptional_instruments = ["s-lanss-1.0"]', ""
    )
    variant = changed(old, new, "buttock-nerve-pain-1")

    refuse_other_plan(variant, find("buttock-nerve-pain-1"))

    assert "s-lanss-1.0" in variant.baseline.instruments


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('key = "hip-related-pain"', 'key = "hip"', "key: must stay hip-related-pain"),
        ('title = "Hip-related pain"', 'title = "Hips"', "title: must stay Hip-related pain"),
        ("late_days_after = 15", "late_days_after = 20", "timepoints[1].late_days_after: must stay as it ships"),
        ("within_days = 14,", "within_days = 28,", "timepoints[1].review: must stay as it ships"),
        (
            'instruments = ["ihot-12-1.0", "nprs-1.0", "safety-1.0"]',
            'instruments = ["ihot-12-1.0", "safety-1.0"]',
            "timepoints[0].instruments: must hold ihot-12-1.0, nprs-1.0, safety-1.0; optional here: none",
        ),
        (
            'instruments = ["ihot-12-1.0", "nprs-1.0", "safety-1.0"]',
            'instruments = ["ihot-12-1.0", "nprs-1.0", "safety-1.0", "hoos-ps-1.0"]',
            "timepoints[0].instruments: must hold",
        ),
    ],
)
def test_what_episodes_are_found_and_compared_by_stays_as_it_ships(old, new, said):
    assert said in refusal(old, new)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[anchors]", '[safety]\nemergency = ["R11"]\n\n[anchors]', "'R11' is not one of the same-day items R9, R10"),
        ("[anchors]", '[safety]\nemergency = ["R1"]\n\n[anchors]', "'R1' is not one of the same-day items R9, R10"),
        (
            '"6-weeks" = ["ihot-12-total-on-track-working"]',
            '"6-weeks" = ["ihot-12-total-pass-cheng-2025"]',
            "is a PASS, not MIC or MCII",
        ),
        (
            '"ihot-12-total-borderline-working"]',
            '"made-up"]',
            "there is no threshold 'made-up'; of this scale there are",
        ),
        (
            "[anchors]",
            OWN_ROW.replace("value = 10", "value = 101") + "[anchors]",
            "more than the scale can change: 100",
        ),
        ("[anchors]", OWN_ROW.replace("value = 10", "value = 0") + "[anchors]", "must be a number above 0"),
        ("[anchors]", OWN_ROW.replace("value = 10", "value = nan") + "[anchors]", "must be a number above 0"),
        (
            "[anchors]",
            OWN_ROW.replace("on-track-northside", "on-track-working") + "[anchors]",
            "'ihot-12-total-on-track-working' is used already",
        ),
        ("[anchors]", OWN_ROW + OWN_ROW + "[anchors]", "'ihot-12-total-on-track-northside' is used already"),
    ],
)
def test_a_tier_is_only_raised_and_a_number_must_be_one_of_its_scale(old, new, said):
    with pytest.raises(PathwayDefinitionError) as refused:
        changed(old, new)

    assert said in str(refused.value)


def test_a_version_is_named_by_clinic_and_number_and_keeps_the_key():
    version = as_version(find(REF), clinic="northside", number=2)

    assert version.ref == "hip-related-pain-1@northside.2"
    assert version.key == find(REF).key
    assert base_of(version.ref) == base_of(REF) == REF


def test_texts_alone_leave_the_rules_as_they_are():
    texts = as_version(changed('title = "Your hip"', 'title = "Your hip and you"'), clinic="northside", number=1)

    assert same_rules(find(REF), texts)
    assert not same_rules(find(REF), changed("limit = 14", "limit = 18"))


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("visits.limit", "limit = 14"),
        ("timepoints[1].late_days_after", "late_days_after = 15"),
        ("timepoints[1].review.within_days", "review = { within_days = 14, within_visits = 3 }"),
        ("measures[0].improved.3-months", '"3-months" = ["ihot-12-total-mcii-cheng-2025"]'),
        ("guidance.non_responder:6-weeks.text", 'text = "Not yet improving'),
        ("guidance.non_responder:3-months.options[1].diagnosis", 'diagnosis = ["acetabular-dysplasia"]'),
        ("visits.missing", "[visits]"),
    ],
)
def test_a_key_is_found_on_the_line_it_is_written_on(path, written):
    line = line_of(TEXT, path)

    assert line is not None
    assert TEXT.splitlines()[line - 1].startswith(written)


def test_a_key_that_is_nowhere_has_no_line():
    assert line_of(TEXT, "nothing") is None
