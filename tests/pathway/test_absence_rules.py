"""What silence raises: surveys missed and baselines missing."""

from datetime import UTC, datetime, timedelta

import pytest

from prom_service.pathway.evidence import judge_episode
from prom_service.pathway.facts import SafetyFacts
from prom_service.pathway.rules import find_findings
from tests.pathway.builders import ENROLLED_AT, answers, at, episode, findings, visits

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("timepoint", ["baseline", "6-weeks", "3-months"])
def test_an_unanswered_survey_is_missed_when_its_window_has_passed(timepoint):
    facts = episode({})
    late_after = at(facts, timepoint).late_after

    before = {finding.checkpoint for finding in findings(facts, "survey_missed", now=late_after - SECOND)}
    after = {finding.checkpoint: finding for finding in findings(facts, "survey_missed", now=late_after)}

    assert timepoint not in before
    assert after[timepoint].basis == f"administration:administration-{timepoint}"
    assert after[timepoint].queue == "follow_up"


def test_a_missed_survey_weighs_more_from_the_phone_day_on():
    facts = episode({})
    phone_from = at(facts, "baseline").phone_from

    [before] = findings(facts, "survey_missed", now=phone_from - SECOND)
    [after] = findings(facts, "survey_missed", now=phone_from)

    assert (before.severity, after.severity) == ("low", "medium")


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        ("not_sent:address_bounced", "no email was sent (address bounced)."),
        ("bounced", "the email came back."),
        ("delivered_never_started", "the email was delivered, the survey never started."),
        ("started", "the survey was started, too little was answered for a score."),
        ("partial", "the survey was answered in part, too little for a score."),
        ("declined", "the patient declined."),
        (None, "the cause is not known."),
    ],
)
def test_a_missed_survey_says_its_cause(cause, said):
    facts = episode({}, states={"6-weeks": "missed"}, causes={"6-weeks": cause})

    found = {finding.checkpoint: finding for finding in findings(facts, "survey_missed")}

    assert found["6-weeks"].why == f"The 6 weeks survey was not answered in time: {said}"
    assert found["6-weeks"].evidence["cause"] == (cause or "unknown")


@pytest.mark.parametrize("state", ["not_asked", "cancelled"])
def test_a_timepoint_never_asked_raises_nothing(state):
    facts = episode({}, states=dict.fromkeys(("baseline", "6-weeks", "3-months"), state))

    assert not findings(facts, "survey_missed")
    assert not findings(facts, "baseline_missing")


def test_a_late_answer_lifts_the_missed_survey():
    facts = episode({"6-weeks": answers(ihot=40, late=True)})

    assert "6-weeks" not in {finding.checkpoint for finding in findings(facts, "survey_missed")}


def test_a_partial_answer_is_enough_when_a_primary_scale_could_be_scored():
    enough = episode({"6-weeks": answers(nprs=4, psfs=None, partial=True)}, pathway="buttock-nerve-pain-1")
    too_little = episode(
        {"6-weeks": answers(nprs=None, psfs=None, ihot=50, partial=True)}, pathway="buttock-nerve-pain-1"
    )

    assert "6-weeks" not in {finding.checkpoint for finding in findings(enough, "survey_missed")}
    assert [finding.checkpoint for finding in findings(enough, "not_scorable")] == ["6-weeks"]
    assert "6-weeks" in {finding.checkpoint for finding in findings(too_little, "survey_missed")}
    assert not findings(too_little, "not_scorable")


def test_a_complete_answer_without_a_score_is_not_scorable_rather_than_missed():
    facts = episode({"6-weeks": answers(ihot=None)})

    assert "6-weeks" not in {finding.checkpoint for finding in findings(facts, "survey_missed")}
    assert findings(facts, "not_scorable")


def test_a_baseline_is_missing_when_its_window_has_passed():
    facts = episode({})
    late_after = at(facts, "baseline").late_after

    assert not findings(facts, "baseline_missing", now=late_after - SECOND)
    [finding] = findings(facts, "baseline_missing", now=late_after)
    assert (finding.severity, finding.queue, finding.checkpoint) == ("medium", "follow_up", "baseline")
    assert finding.basis == "administration:administration-baseline"


@pytest.mark.parametrize(
    ("baseline", "raised"),
    [
        (answers(ihot=40), False),
        (answers(ihot=40, late=True), False),
        (answers(ihot=None), True),
        (answers(ihot=None, partial=True), True),
    ],
    ids=["in time", "late", "not scorable", "partial"],
)
def test_a_baseline_needs_a_primary_score(baseline, raised):
    assert bool(findings(episode({"baseline": baseline}), "baseline_missing")) == raised


def test_an_episode_closed_before_the_window_passed_misses_nothing():
    facts = episode({})
    late_after = at(facts, "6-weeks").late_after

    closed = episode({}, closed_at=late_after - SECOND)
    closed_later = episode({}, closed_at=late_after)

    assert "6-weeks" not in {finding.checkpoint for finding in findings(closed, "survey_missed")}
    assert "6-weeks" in {finding.checkpoint for finding in findings(closed_later, "survey_missed")}


def test_a_baseline_is_not_missing_in_an_episode_closed_at_once():
    assert not findings(episode({}, closed_at=datetime(2026, 3, 5, tzinfo=UTC)), "baseline_missing")


def test_a_window_that_was_not_settled_yet_is_not_called_missed():
    facts = episode({}, states={"baseline": "started", "6-weeks": "open"})

    assert {finding.checkpoint for finding in findings(facts, "survey_missed")} == {"3-months"}
    assert not findings(facts, "baseline_missing")


def test_of_a_patient_who_has_withdrawn_nothing_is_missed_and_visits_still_count():
    facts = episode({}, participation="withdrawn", visits=visits(15))

    assert not findings(facts, "survey_missed")
    assert not findings(facts, "baseline_missing")
    assert findings(facts, "visits_over_threshold")


def test_of_a_patient_who_has_died_only_a_reported_symptom_is_kept():
    symptom = SafetyFacts("administration-baseline", "baseline", "R1", "emergency", ENROLLED_AT, True, True)
    facts = episode({}, participation="deceased", visits=visits(15), safety=(symptom,))

    found = find_findings(facts, now=ENROLLED_AT + timedelta(days=365), judgements=judge_episode(facts))

    assert [finding.kind for finding in found] == ["red_flag_symptom"]
