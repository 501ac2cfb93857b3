"""Every finding of the clinical queue, at the edge where it begins."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from prom_service.pathway.facts import SafetyFacts
from tests.pathway.builders import ENROLLED_AT, answers, at, episode, findings, flag, visit, visits

RAISED_AT = datetime(2026, 4, 14, 12, tzinfo=UTC)
RAISED_ON = RAISED_AT.date()
SECOND = timedelta(seconds=1)


def symptom(item: str, tier: str, *, timepoint: str = "6-weeks", ever: bool = True, now: bool = True) -> SafetyFacts:
    return SafetyFacts(f"administration-{timepoint}", timepoint, item, tier, RAISED_AT, ever, now)


@pytest.mark.parametrize(
    ("symptoms", "background", "severity"),
    [
        ([symptom("R1", "emergency")], (), "urgent"),
        ([symptom("R9", "same_day")], (), "high"),
        ([symptom("R9", "same_day")], ("R11",), "urgent"),
        ([symptom("R9", "same_day"), symptom("R3", "emergency")], (), "urgent"),
    ],
)
def test_an_emergency_symptom_is_urgent_and_a_same_day_one_only_with_a_background_factor(
    symptoms, background, severity
):
    facts = episode({}, safety=tuple(symptoms), background=background)

    [finding] = findings(facts, "red_flag_symptom", now=RAISED_AT)

    assert (finding.severity, finding.queue, finding.checkpoint) == (severity, "clinical", "6-weeks")


def test_a_symptom_counts_before_the_questionnaire_is_finished():
    facts = episode({}, safety=(symptom("R1", "emergency"),), states={"6-weeks": "started"})

    assert findings(facts, "red_flag_symptom", now=RAISED_AT)


@pytest.mark.parametrize(
    "safety",
    [(), (symptom("R1", "emergency", ever=False, now=False),), (symptom("R11", "background"),)],
    ids=["none", "never yes", "background alone"],
)
def test_no_symptom_and_a_background_factor_alone_raise_nothing(safety):
    assert not findings(episode({}, safety=safety, background=("R11",)), "red_flag_symptom")


def test_a_yes_changed_to_no_keeps_the_finding_and_records_both():
    facts = episode({}, safety=(symptom("R1", "emergency", now=False),))

    [finding] = findings(facts, "red_flag_symptom")

    [recorded] = finding.evidence["symptoms"]
    assert recorded["answered_yes_at"] == "2026-04-14T12:00:00+00:00"
    assert recorded["now_yes"] is False
    assert "Later changed to no: 1." in finding.why


def test_a_further_symptom_is_a_new_basis_and_a_changed_answer_is_not():
    first = episode({}, safety=(symptom("R9", "same_day"),))
    changed = episode({}, safety=(symptom("R9", "same_day", now=False),))
    further = episode({}, safety=(symptom("R9", "same_day"), symptom("R1", "emergency")))

    bases = [findings(facts, "red_flag_symptom")[0].basis for facts in (first, changed, further)]

    assert bases == ["administration:administration-6-weeks:R9"] * 2 + ["administration:administration-6-weeks:R1,R9"]


def test_symptoms_of_two_questionnaires_are_two_findings():
    facts = episode({}, safety=(symptom("R1", "emergency", timepoint="baseline"), symptom("R1", "emergency")))

    assert [finding.checkpoint for finding in findings(facts, "red_flag_symptom")] == ["baseline", "6-weeks"]


def test_the_reason_names_three_symptoms_and_counts_the_rest():
    facts = episode({}, safety=tuple(symptom(f"R{number}", "emergency") for number in range(1, 6)))

    [finding] = findings(facts, "red_flag_symptom")

    assert finding.why.count("“") == 3
    assert "and 2 more" in finding.why


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
    assert "measurement error not known" in finding.why
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
        " iHOT-12 changed by +3.0 points since the start; on track needs at least 7 points."
    )
    assert late.why == (
        "No important improvement, decide on the next step:"
        " iHOT-12 changed by +3.0 points since the start; improved needs at least 14 points."
    )
    assert (early.guidance_key, late.guidance_key) == ("non_responder:6-weeks", "non_responder:3-months")


@pytest.mark.parametrize("kind", ["non_responder", "deterioration"])
@pytest.mark.parametrize("status", ["open", "acknowledged", "assigned", "snoozed"])
def test_fourteen_days_without_review_are_a_finding_whatever_was_acknowledged(kind, status):
    facts = episode({}, flags=(flag(kind, RAISED_AT, status=status),))

    due_at = RAISED_AT + timedelta(days=14)
    assert not findings(facts, "continued_without_review", now=due_at - SECOND)
    [finding] = findings(facts, "continued_without_review", now=due_at)
    assert (finding.basis, finding.severity, finding.checkpoint) == ("flag:flag-1", "high", "6-weeks")
    assert finding.evidence["flag_id"] == "flag-1"


@pytest.mark.parametrize(
    ("after", "raised"),
    [((1, 2), False), ((1, 2, 3), True), ((0, 1, 2), False), ((-3, -2, -1), False)],
    ids=["two", "three", "one on the day itself", "before"],
)
def test_three_visits_dated_after_the_flag_without_review_are_a_finding(after, raised):
    attended = tuple(visit(f"visit-{days}", RAISED_ON + timedelta(days=days), visit_format="group") for days in after)
    facts = episode({}, flags=(flag("non_responder", RAISED_AT),), visits=attended)

    assert bool(findings(facts, "continued_without_review", now=RAISED_AT + timedelta(days=4))) == raised


@pytest.mark.parametrize(("days", "raised"), [(-1, True), (0, True), (1, False)])
def test_a_reassessment_dated_after_the_flag_is_a_review(days, raised):
    reassessed = visit("visit-1", RAISED_ON + timedelta(days=days), reassessed=True)
    facts = episode({}, flags=(flag("non_responder", RAISED_AT),), visits=(reassessed,))

    assert bool(findings(facts, "continued_without_review")) == raised


def test_the_day_of_a_flag_is_the_local_one():
    just_before_midnight_utc = datetime(2026, 4, 14, 23, 30, tzinfo=UTC)
    reassessed = visit("visit-1", date(2026, 4, 15), reassessed=True)
    facts = episode({}, flags=(flag("non_responder", just_before_midnight_utc),), visits=(reassessed,))

    assert findings(facts, "continued_without_review")


@pytest.mark.parametrize(
    "other",
    [
        flag("non_responder", RAISED_AT, status="resolved"),
        flag("non_responder", RAISED_AT, status="superseded"),
        flag("non_responder", RAISED_AT, checkpoint="3-months"),
        flag("survey_missed", RAISED_AT),
    ],
    ids=["resolved", "superseded", "another checkpoint", "another kind"],
)
def test_only_a_live_finding_of_the_early_checkpoint_awaits_review(other):
    assert not findings(episode({}, flags=(other,)), "continued_without_review")


def test_of_two_unreviewed_flags_the_first_is_named():
    first = flag("non_responder", RAISED_AT, flag_id="flag-9")
    second = flag("deterioration", RAISED_AT + timedelta(days=1), flag_id="flag-1")

    [finding] = findings(episode({}, flags=(second, first)), "continued_without_review")

    assert finding.basis == "flag:flag-9"


@pytest.mark.parametrize(("number", "raised"), [(14, False), (15, True), (16, True)])
def test_the_fifteenth_visit_is_over_the_threshold(number, raised):
    found = findings(episode({}, visits=visits(number)), "visits_over_threshold")

    assert [finding.basis for finding in found] == (["visit:visit-15"] if raised else [])


def test_visits_over_the_threshold_are_named_administrative():
    [finding] = findings(episode({}, visits=visits(15)), "visits_over_threshold")

    assert finding.severity == "high"
    assert "administrative threshold, not a clinical limit" in finding.why
    assert (finding.evidence["counted"], finding.evidence["limit"]) == (15, 14)


@pytest.mark.parametrize(("score", "severity"), [(53.9, "high"), (54, "low")])
def test_visits_over_the_threshold_weigh_less_once_improvement_is_demonstrated(score, severity):
    facts = episode({"baseline": answers(ihot=40), "6-weeks": answers(ihot=score)}, visits=visits(15))

    [finding] = findings(facts, "visits_over_threshold")

    assert finding.severity == severity


def test_improvement_stays_demonstrated_after_a_later_dip():
    facts = episode(
        {"baseline": answers(ihot=40), "6-weeks": answers(ihot=60), "3-months": answers(ihot=45)}, visits=visits(15)
    )

    [finding] = findings(facts, "visits_over_threshold")

    assert finding.severity == "low"


@pytest.mark.parametrize(("visit_format", "counts"), [("individual", True), ("telehealth", True), ("group", False)])
def test_only_individual_and_telehealth_visits_count_unless_the_pathway_says_otherwise(visit_format, counts):
    attended = (*visits(14), visit("visit-x", date(2026, 6, 1), visit_format=visit_format))

    found = findings(episode({}, visits=attended), "visits_over_threshold")

    assert [finding.basis for finding in found] == (["visit:visit-x"] if counts else [])


def test_the_crossing_visit_is_the_fifteenth_by_date_whatever_was_recorded_first():
    attended = visits(15)

    [finding] = findings(episode({}, visits=attended[::-1]), "visits_over_threshold")

    assert finding.basis == "visit:visit-15"


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


def test_every_finding_carries_the_versions_it_was_made_under():
    facts = episode(
        {}, visits=visits(15), safety=(symptom("R1", "emergency"),), flags=(flag("non_responder", ENROLLED_AT),)
    )

    for kind in ("visits_over_threshold", "red_flag_symptom", "continued_without_review"):
        [finding] = findings(facts, kind)
        assert (finding.evidence["pathway"], finding.evidence["rule_version"]) == ("hip-related-pain-1", "1")
