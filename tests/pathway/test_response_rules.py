"""What a response raises, at the edge where it begins."""

from dataclasses import replace
from datetime import timedelta

import pytest

from prom_service.pathway.dates import Offset
from prom_service.pathway.definition import find
from tests.pathway.builders import answers, at, episode, findings

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("score", "groc", "severity"),
    [
        (36.001, None, None),
        (36, None, "medium"),
        (36, -2, "medium"),
        (36, -3, "high"),
        (32.79, None, "medium"),
        (32.78, None, "high"),
        (50, -4, None),
        (50, -5, "medium"),
        (64, -5, "medium"),
        (None, -5, "medium"),
        (None, -4, None),
    ],
)
def test_a_worsening_is_high_when_the_patient_feels_it_or_it_exceeds_measurement_error(score, groc, severity):
    facts = episode({"baseline": answers(ihot=50), "6-weeks": answers(ihot=score, groc=groc, content=0)})

    found = findings(facts, "deterioration")

    assert [finding.severity for finding in found] == ([severity] if severity else [])


@pytest.mark.parametrize(("groc", "raised"), [(-2, False), (-3, True)])
def test_a_fall_without_room_to_fall_further_is_a_deterioration_when_the_patient_feels_worse(groc, raised):
    facts = episode({"baseline": answers(ihot=10), "3-months": answers(ihot=9, groc=groc, content=0)})

    found = findings(facts, "deterioration")

    assert [finding.severity for finding in found] == (["high"] if raised else [])


def test_a_worsening_of_pain_has_no_known_measurement_error_and_says_so():
    facts = episode(
        {"baseline": answers(nprs=5, psfs=5, ihot=50), "6-weeks": answers(nprs=7, psfs=5, ihot=50)},
        pathway="buttock-nerve-pain-1",
    )

    [finding] = findings(facts, "deterioration")

    assert finding.severity == "medium"
    assert finding.why == (
        "Possibly worse, measurement error not known: Pain (0 to 10) 2.0 points worse. Ask, or repeat within 2 weeks."
    )
    assert finding.evidence["threshold"]["id"] == "nprs-total-worse-working"
    assert finding.evidence["measurement_error"] is None


def test_a_late_baseline_is_no_baseline_to_worsen_from():
    facts = episode({"baseline": answers(ihot=50, late=True), "6-weeks": answers(ihot=20, groc=-3)})

    assert not findings(facts, "deterioration")


def test_deterioration_takes_the_place_of_the_non_responder_of_the_same_response_only():
    facts = episode(
        {
            "baseline": answers(ihot=50),
            "6-weeks": answers(ihot=50, groc=-5, content=0),
            "3-months": answers(ihot=50, groc=0, content=0),
        }
    )

    assert [finding.checkpoint for finding in findings(facts, "deterioration")] == ["6-weeks"]
    assert [finding.checkpoint for finding in findings(facts, "non_responder")] == ["3-months"]


def test_deterioration_is_found_at_once_also_before_the_target_day():
    facts = episode({"baseline": answers(ihot=50), "6-weeks": answers(ihot=30)})

    assert findings(facts, "deterioration", now=at(facts, "6-weeks").opens_at)


def test_deterioration_is_found_at_a_follow_up_that_is_no_checkpoint():
    final = find("hip-related-pain-1").timepoint("3-months")
    half_year = replace(final, key="6-months", title="6 months", offset=Offset(months=6), criteria=())
    longer = replace(find("hip-related-pain-1"), timepoints=(*find("hip-related-pain-1").timepoints, half_year))

    facts = episode({"baseline": answers(ihot=50), "6-months": answers(ihot=36, groc=-3)}, pathway=longer)

    [finding] = findings(facts, "deterioration")
    assert (finding.checkpoint, finding.severity, finding.evidence["judged"]) == ("6-months", "high", None)
    assert not findings(facts, "non_responder")


def test_deterioration_keeps_the_numbers_it_rests_on():
    facts = episode({"baseline": answers(ihot=50), "6-weeks": answers(ihot=30, groc=-4, content=0)})

    [finding] = findings(facts, "deterioration")

    assert finding.basis == "response:response-6-weeks"
    assert finding.evidence["change"] == -20
    assert finding.evidence["baseline"]["value"] == 50
    assert finding.evidence["threshold"]["id"] == "ihot-12-total-worse-working"
    assert finding.evidence["measurement_error"]["value"] == 17.22
    assert finding.evidence["groc"] == -4
    assert finding.evidence["judged"] == "worse"
    assert finding.evidence["rule_version"]


@pytest.mark.parametrize(
    ("timepoint", "score", "groc", "severity"),
    [
        ("6-weeks", 46.9, 0, "medium"),
        ("6-weeks", 47, 0, None),
        ("3-months", 46.9, 0, "high"),
        ("3-months", 47, 0, "low"),
        ("3-months", 47, 3, None),
        ("3-months", 54, 0, None),
    ],
)
def test_a_checkpoint_without_improvement_is_found_by_how_late_and_how_sure_it_is(timepoint, score, groc, severity):
    facts = episode({"baseline": answers(ihot=40), timepoint: answers(ihot=score, groc=groc, content=0)})

    found = findings(facts, "non_responder")

    assert [(finding.checkpoint, finding.severity) for finding in found] == (
        [(timepoint, severity)] if severity else []
    )


def test_disagreeing_anchors_are_a_low_finding_at_both_checkpoints():
    agreeing = answers(ihot=41, groc=3, content=1)
    facts = episode({"baseline": answers(ihot=40), "6-weeks": agreeing, "3-months": agreeing})

    assert [finding.severity for finding in findings(facts, "non_responder")] == ["low", "low"]


def test_a_non_responder_is_not_found_before_the_target():
    facts = episode({"baseline": answers(ihot=40), "6-weeks": answers(ihot=40, groc=0, content=0)})
    target_at = at(facts, "6-weeks").target_at

    assert not findings(facts, "non_responder", now=target_at - SECOND)
    assert findings(facts, "non_responder", now=target_at)


def test_a_late_answer_is_judged_at_its_own_checkpoint():
    facts = episode({"baseline": answers(ihot=40), "3-months": answers(ihot=40, groc=0, content=0, late=True)})

    [finding] = findings(facts, "non_responder")

    assert finding.checkpoint == "3-months"
    assert finding.evidence["current"]["late"] is True


def test_the_reason_of_a_non_responder_says_what_to_do_and_why():
    facts = episode(
        {
            "baseline": answers(ihot=40),
            "6-weeks": answers(ihot=43, groc=1, content=0),
            "3-months": answers(ihot=43, groc=1, content=0),
        }
    )

    early, late = findings(facts, "non_responder")

    assert early.why == (
        "Not yet improving, reassess rather than continue unchanged:"
        " iHOT-12 is 3.0 points better since the start; on track needs at least 7 points."
    )
    assert late.why == (
        "No important improvement, decide on the next step:"
        " iHOT-12 is 3.0 points better since the start; improved needs at least 14 points."
    )
    assert (early.guidance_key, late.guidance_key) == ("non_responder:6-weeks", "non_responder:3-months")


@pytest.mark.parametrize(
    ("baseline", "raised"),
    [(None, True), (answers(ihot=40, late=True), True), (answers(ihot=None), True), (answers(ihot=40), False)],
    ids=["missing", "late", "not scored", "in time"],
)
def test_a_checkpoint_without_a_usable_baseline_is_not_assessable(baseline, raised):
    given = {"baseline": baseline} if baseline else {}
    facts = episode({**given, "6-weeks": answers(ihot=40, groc=2, content=1)})

    found = findings(facts, "not_assessable")

    assert [(finding.severity, finding.checkpoint) for finding in found] == ([("medium", "6-weeks")] if raised else [])
    assert not raised or not findings(facts, "non_responder")


@pytest.mark.parametrize(
    ("groc", "content", "said"),
    [
        (4, 1, "rating of change +4, present state acceptable"),
        (-1, 0, "rating of change -1, present state not acceptable"),
        (None, None, "no rating of change, acceptable state not answered"),
    ],
)
def test_a_checkpoint_not_assessable_shows_the_patients_own_account(groc, content, said):
    facts = episode({"3-months": answers(ihot=40, groc=groc, content=content)})

    [finding] = findings(facts, "not_assessable")

    assert finding.why.endswith(f"By the patient's own account: {said}.")
    assert finding.evidence["groc"] == groc
    assert finding.evidence["pass"] == (None if content is None else content == 1)


def test_a_score_missing_at_the_checkpoint_alone_is_not_the_baselines_fault():
    facts = episode({"baseline": answers(ihot=40), "6-weeks": answers(ihot=None)})

    assert not findings(facts, "not_assessable")


def test_one_primary_scale_with_a_baseline_is_enough_to_judge_by():
    facts = episode(
        {"baseline": answers(nprs=6, psfs=None), "3-months": answers(nprs=6, psfs=5, groc=0, content=0)},
        pathway="buttock-nerve-pain-1",
    )

    assert not findings(facts, "not_assessable")
    [finding] = findings(facts, "non_responder")
    assert finding.evidence["missing_scales"] == ["psfs-1.0 total"]
    assert "not judged: Patient-specific function" in finding.why


def test_own_wording_is_called_provisional():
    own = replace(answers(ihot=40), wordings={})
    facts = episode({"baseline": own, "3-months": replace(answers(ihot=40, groc=0, content=0), wordings={})})

    [finding] = findings(facts, "non_responder")

    assert finding.why.endswith("(provisional wording).")
    assert (finding.evidence["wording"], finding.evidence["provisional_wording"]) == ("own", True)


def test_a_change_of_wording_between_two_answers_is_called_mixed_and_provisional():
    facts = episode({"baseline": replace(answers(ihot=40), wordings={}), "3-months": answers(ihot=40, groc=0)})

    [finding] = findings(facts, "non_responder")

    assert (finding.evidence["wording"], finding.evidence["provisional_wording"]) == ("mixed", True)


@pytest.mark.parametrize("timepoint", ["baseline", "6-weeks", "3-months"])
def test_a_response_without_a_primary_score_is_not_scorable(timepoint):
    [finding] = findings(episode({timepoint: answers(ihot=None, nprs=4)}), "not_scorable")

    assert (finding.checkpoint, finding.basis) == (timepoint, f"response:response-{timepoint}")
    assert (finding.severity, finding.queue) == ("low", "follow_up")
    assert finding.evidence["missing"] == ["iHOT-12"]


def test_each_missing_primary_scale_is_named():
    facts = episode({"6-weeks": answers(nprs=None, psfs=4, ihot=None)}, pathway="buttock-nerve-pain-1")

    [finding] = findings(facts, "not_scorable")

    assert finding.evidence["missing"] == ["Pain (0 to 10)"]


def test_a_response_with_its_primary_score_is_scorable():
    assert not findings(episode({"6-weeks": answers(ihot=0, nprs=None)}), "not_scorable")
