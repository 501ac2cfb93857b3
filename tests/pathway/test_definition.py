"""The pathways that ship, and definitions that are refused with their file and key."""

from importlib.resources import files

import pytest

from prom_service.language import SPOKEN
from prom_service.pathway.definition import (
    FLAG_KINDS,
    PathwayDefinitionError,
    UnknownPathwayError,
    all_pathways,
    find,
    read,
)
from prom_service.pathway.shape import EDUCATION_TOPICS

SHIPPED = (files("prom_service.pathway") / "data" / "hip-related-pain-1.toml").read_text(encoding="utf-8")


def refusal(old: str, new: str, text: str = SHIPPED) -> str:
    assert old in text
    with pytest.raises(PathwayDefinitionError) as refused:
        read(text.replace(old, new, 1), "trial.toml")
    return str(refused.value)


def test_three_pathways_ship_and_hip_related_pain_is_the_default():
    refs = [pathway.ref for pathway in all_pathways()]

    assert refs == ["hip-related-pain-1", "buttock-nerve-pain-1", "hip-osteoarthritis-1"]
    assert find("hip-osteoarthritis-1").title == "Hip osteoarthritis"


def test_an_unknown_pathway_is_not_found():
    with pytest.raises(UnknownPathwayError, match="hip-related-pain-2"):
        find("hip-related-pain-2")


@pytest.mark.parametrize(
    ("ref", "checkpoint", "scale", "improved", "borderline", "worse"),
    [
        ("hip-related-pain-1", "6-weeks", "ihot-12-1.0 total", [7], [], 14),
        ("hip-related-pain-1", "3-months", "ihot-12-1.0 total", [14], [7], 14),
        ("hip-osteoarthritis-1", "6-weeks", "hoos-2.0 pain", [5], [], 10),
        ("hip-osteoarthritis-1", "3-months", "hoos-2.0 pain", [10], [6], 10),
        ("buttock-nerve-pain-1", "6-weeks", "nprs-1.0 total", [1], [], 2),
        ("buttock-nerve-pain-1", "3-months", "nprs-1.0 total", [2, 30], [2, 30], 2),
        ("buttock-nerve-pain-1", "6-weeks", "psfs-1.0 total", [1.3], [], 2.3),
        ("buttock-nerve-pain-1", "3-months", "psfs-1.0 total", [2.3], [], 2.3),
    ],
)
def test_the_criteria_are_the_rows_of_the_registry(ref, checkpoint, scale, improved, borderline, worse):
    criteria = {" ".join(criterion.measure.key): criterion for criterion in find(ref).timepoint(checkpoint).criteria}

    criterion = criteria[scale]

    assert [row.value for row in criterion.improved] == improved
    assert [row.value for row in criterion.borderline] == borderline
    assert criterion.primary.worse.value == worse


def test_each_pathway_counts_fourteen_visits_and_mails_at_most_four_times():
    for pathway in all_pathways():
        assert (pathway.visit_limit, pathway.visit_notice) == (14, 12)
        assert pathway.counted_formats == ("individual", "telehealth")
        assert (pathway.reminder_days, pathway.phone_after_days) == ((0, 3, 7, 12), 14)


def test_hoos_function_in_daily_living_is_never_primary():
    pathway = find("hip-osteoarthritis-1")

    assert [primary.measure.key for primary in pathway.primary] == [("hoos-2.0", "pain")]
    assert {criterion.measure.scale for criterion in pathway.function} == {"adl"}


def test_guidance_of_a_checkpoint_comes_before_that_of_its_kind():
    pathway = find("hip-related-pain-1")

    assert pathway.guidance_key("non_responder", "6-weeks") == "non_responder:6-weeks"
    assert pathway.guidance_key("deterioration", "6-weeks") == "deterioration"


def test_second_line_options_appear_only_under_the_diagnosis_they_belong_to():
    pathway = find("buttock-nerve-pain-1")

    assert len(pathway.guidance_for("non_responder:3-months", diagnosis=None)) == 1
    assert len(pathway.guidance_for("non_responder:3-months", diagnosis="hip fracture")) == 1
    [_, option] = pathway.guidance_for("non_responder:3-months", diagnosis="Deep Gluteal_syndrome ")
    assert option.diagnosis == ("piriformis-syndrome", "deep-gluteal-syndrome")


def test_a_progressive_neurological_deficit_never_waits():
    urgent = "urgent assessment now, never to wait for three months or an injection"

    for pathway in all_pathways():
        assert urgent in pathway.guidance["red_flag_symptom"].text
    for guidance in ("deterioration", "non_responder:6-weeks", "non_responder:3-months"):
        assert urgent in find("buttock-nerve-pain-1").guidance[guidance].text


def test_every_guidance_names_its_source_and_unverified_ones_say_so():
    for pathway in all_pathways():
        assert set(FLAG_KINDS) <= set(pathway.guidance)
        for guidance in pathway.guidance.values():
            assert guidance.source
            assert all(option.evidence_status == "unverified" for option in guidance.options)


@pytest.mark.parametrize("language", SPOKEN)
def test_the_patient_is_told_about_every_education_topic(language: str):
    for pathway in all_pathways():
        assert [education.topic for education in pathway.education if education.language == language] == list(
            EDUCATION_TOPICS
        )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('key = "hip-related-pain"', "key = 3", "trial.toml: key: must be a text"),
        ('title = "Hip-related pain"', "", "trial.toml: title: is missing"),
        (
            "last_closes_days_after_late = 28",
            "last_closes_days_after_late = 28\nmood = 1",
            "trial.toml: mood: is not a key",
        ),
        (
            "opens_days_before = 7",
            "opens_days_before = 35",
            "timepoints: the window of 6-weeks opens before that of baseline ends",
        ),
        (
            "late_days_after = 15",
            "late_days_after = 34",
            "timepoints: the window of 3-months opens before that of 6-weeks ends",
        ),
        (
            "late_days_after = 8",
            "late_days_after = 0",
            "timepoints[0].late_days_after: must be a whole number of at least 1",
        ),
        ("late_days_after = 8", "late_days_after = true", "timepoints[0].late_days_after: must be a whole number"),
        ('key = "baseline"', 'key = "start"', "timepoints: the first must be the baseline"),
        ("target = { days = 0 }", "target = { days = 1 }", "timepoints: the first must be the baseline"),
        ('key = "6-weeks"', 'key = "baseline"', "timepoints: a key is used twice"),
        (
            'key = "3-months"',
            'key = "4-months"',
            "measures: improved names '3-months', which is no follow-up timepoint",
        ),
        ("target = { days = 42 }", "target = { weeks = 6 }", "timepoints[1].target.weeks: is not a key known here"),
        (
            'instruments = ["ihot-12-1.0"',
            'instruments = ["ihot-99-1.0"',
            "timepoints[0].instruments: 'ihot-99-1.0' is not known",
        ),
        (
            'instruments = ["ihot-12-1.0", "nprs-1.0", "safety-1.0"]',
            'instruments = ["nprs-1.0"]',
            "baseline must ask ihot-12-1.0",
        ),
        ('"nprs-1.0", "groc-1.0"', '"nprs-1.0"', "timepoints: 6-weeks must ask groc-1.0"),
        (
            '"ihot-12-total-worse-working"',
            '"ihot-12-made-up"',
            "measures[0].worse: there is no threshold 'ihot-12-made-up'",
        ),
        (
            '"ihot-12-total-worse-working"',
            '"hoos-pain-worse-working"',
            "measures[0].worse: threshold 'hoos-pain-worse-working' belongs to hoos-2.0 pain",
        ),
        (
            '"ihot-12-total-mdc-individual-spanish-2022"',
            '"ihot-12-total-sem-spanish-2022"',
            "measurement_error: threshold 'ihot-12-total-sem-spanish-2022' is a SEM",
        ),
        ('scale = "total"', 'scale = "sum"', "measures[0].scale: ihot-12-1.0 has no scale 'sum'"),
        (
            '"3-months" = ["ihot-12-total-borderline-working"]',
            '"3-months" = ["ihot-12-total-scb-cheng-2025"]',
            "measures[0].borderline.3-months: the borderline band must begin below",
        ),
        (
            '"3-months" = ["ihot-12-total-borderline-working"]',
            '"9-months" = ["ihot-12-total-borderline-working"]',
            "measures[0].borderline.9-months: is not a key known here",
        ),
        (
            '"6-weeks" = ["ihot-12-total-on-track-working"]',
            '"6-weeks" = []',
            "measures[0].improved.6-weeks: needs exactly one row in points",
        ),
        ("days = [0, 3, 7, 12]", "days = [1, 3]", "messages.days: must begin with day 0"),
        ("days = [0, 3, 7, 12]", "days = [0, 1]", "messages.days: must rise by at least two days each"),
        ("days = [0, 3, 7, 12]", "days = [0, 2, 4, 6, 8]", "messages.days: must begin with day 0 and name at most 4"),
        ("days = [0, 3, 7, 12]", "days = [0, -3]", "messages.days: must be a list of whole numbers"),
        (
            "phone_after_days = 14",
            "phone_after_days = 12",
            "messages.phone_after_days: must come after the last reminder",
        ),
        ("notice = 12", "notice = 15", "visits.notice: must not exceed the limit"),
        ('"telehealth"]', '"phone"]', "visits.counted_formats: 'phone' is not one of"),
        ('"telehealth"]', '"individual"]', "visits.counted_formats: names something twice"),
        (
            'worse = "groc-total-worse-working"',
            'worse = "groc-total-improved-hart-2011"',
            "anchors.worse: must lie between",
        ),
        ("early = true", 'early = "yes"', "timepoints[1].early: must be true or false"),
        (
            "within_days = 14",
            "within_days = 0",
            "timepoints[1].review.within_days: must be a whole number of at least 1",
        ),
        ('[guidance."not_scorable"]', '[guidance."not_scored"]', "guidance.not_scorable: is missing"),
        (
            '[guidance."non_responder:6-weeks"]',
            '[guidance."non_responder:9-weeks"]',
            "guidance.non_responder:9-weeks: is neither",
        ),
        ('evidence_status = "consensus"', 'evidence_status = "proven"', "evidence_status: must be one of"),
        (
            'diagnosis = ["acetabular-dysplasia"]',
            'diagnosis = ["gout"]',
            "options: names a diagnosis this pathway does not list",
        ),
        (
            'diagnosis = ["acetabular-dysplasia"]',
            "",
            "guidance.non_responder:3-months.options: each option must name the diagnosis",
        ),
        ('topic = "pain"', 'topic = "sleep"', "education[1].topic: must be one of"),
        ('topic = "pain"', 'topic = "condition"', "education: each language needs each topic once"),
        ('language = "en"', 'language = "es"', "education: each language needs each topic once"),
        ('change = "ihot-12-total-mcii-cheng-2025"', 'change = "x"', "function[0].change: there is no threshold 'x'"),
        (
            '[[function]]\ninstrument = "ihot-12-1.0"',
            '[[function]]\ninstrument = "nprs-1.0"',
            "function[0].scale: nprs-1.0 total is not among the measures",
        ),
        ("[messages] ", "messages = 3\n[messages2] ", "messages: must be a table"),
        ('version = "1"', "version = 1.", "trial.toml: is not TOML"),
        ('version = "1"', "version = 1" + 5000 * "0", "trial.toml: is not TOML"),
        ('version = "1"', "version = " + 5000 * "[", "trial.toml: is not TOML of a pathway: nested too deep"),
    ],
)
def test_a_definition_that_makes_no_sense_is_refused_with_file_and_key(old, new, message):
    assert message in refusal(old, new)


def test_a_window_may_open_on_the_day_the_one_before_it_ends():
    touching = read(SHIPPED.replace("opens_days_before = 7", "opens_days_before = 34", 1), "trial.toml")

    assert touching.timepoint("6-weeks").opens_days_before == 34


def test_a_scale_given_twice_is_refused():
    measure = SHIPPED[SHIPPED.index("[[measures]]") : SHIPPED.index("# Improvement is demonstrated")]

    assert "measures: a scale is given twice" in refusal(measure, measure + measure)


def test_a_primary_scale_without_criteria_at_a_checkpoint_is_refused():
    text = (files("prom_service.pathway") / "data" / "buttock-nerve-pain-1.toml").read_text(encoding="utf-8")

    assert "every primary scale needs its improved at 6-weeks" in refusal(
        '"6-weeks" = ["psfs-total-on-track-working"]', "", text
    )


def test_an_optional_scale_must_exist_and_be_asked():
    text = (files("prom_service.pathway") / "data" / "hip-osteoarthritis-1.toml").read_text(encoding="utf-8")

    assert "hoos-2.0 has no scale 'spirit'" in refusal('"hoos-2.0 qol"', '"hoos-2.0 spirit"', text)
    assert "hagos-1.0 is not asked here" in refusal('"hoos-2.0 qol"', '"hagos-1.0 qol"', text)
    assert "must be an instrument and a scale" in refusal('"hoos-2.0 qol"', '"qol"', text)
