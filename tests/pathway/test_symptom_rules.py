"""Red-flag symptoms: how urgent, on which basis, and what is kept when a yes becomes a no."""

from datetime import UTC, datetime

import pytest

from prom_service.pathway.facts import SafetyFacts
from tests.pathway.builders import episode, findings

RAISED_AT = datetime(2026, 4, 14, 12, tzinfo=UTC)


def symptom(
    item: str, tier: str, *, timepoint: str = "6-weeks", ever: bool = True, now: bool | None = True
) -> SafetyFacts:
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


@pytest.mark.parametrize(
    ("now", "said"), [(True, ""), (False, " Later changed to no: 1."), (None, " Later left open: 1.")]
)
def test_a_yes_changed_to_no_or_left_open_keeps_the_finding_and_records_both(now, said):
    facts = episode({}, safety=(symptom("R1", "emergency", now=now),))

    [finding] = findings(facts, "red_flag_symptom")

    [recorded] = finding.evidence["symptoms"]
    assert recorded["answered_yes_at"] == "2026-04-14T12:00:00+00:00"
    assert recorded["now_yes"] is now
    assert finding.why.rpartition("?”.")[2] == said


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
