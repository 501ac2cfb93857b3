"""What visits raise: the fifteenth, the twelfth, and those that went on without review."""

from datetime import UTC, date, datetime, timedelta

import pytest

from prom_service.pathway.visit_rules import review_instants
from tests.pathway.builders import answers, episode, findings, flag, visit, visits

RAISED_AT = datetime(2026, 4, 14, 12, tzinfo=UTC)
RAISED_ON = RAISED_AT.date()
SECOND = timedelta(seconds=1)
OVER_AND_NEAR = pytest.mark.parametrize(
    ("kind", "number"), [("visits_over_threshold", 15), ("visits_near_threshold", 12)], ids=["over", "near"]
)


@pytest.mark.parametrize("kind", ["non_responder", "deterioration"])
@pytest.mark.parametrize("status", ["open", "acknowledged", "assigned", "snoozed"])
def test_fourteen_days_without_review_are_a_finding_whatever_was_acknowledged(kind, status):
    facts = episode({}, flags=(flag(kind, RAISED_AT, status=status),))

    due_at = RAISED_AT + timedelta(days=14)
    assert not findings(facts, "continued_without_review", now=due_at - SECOND)
    [finding] = findings(facts, "continued_without_review", now=due_at)
    assert (finding.basis, finding.severity, finding.checkpoint) == ("flag:flag-1", "high", "6-weeks")
    assert finding.evidence["flag_id"] == "flag-1"
    assert finding.why == "The finding at 6 weeks has had no recorded review in 14 days, without a visit since."


@pytest.mark.parametrize(
    ("after", "raised"),
    [((1, 2), False), ((1, 2, 3), True), ((0, 1, 2), False), ((-3, -2, -1), False)],
    ids=["two", "three", "one on the day itself", "before"],
)
def test_three_visits_dated_after_the_flag_without_review_are_a_finding(after, raised):
    attended = tuple(visit(f"visit-{days}", RAISED_ON + timedelta(days=days), visit_format="group") for days in after)
    facts = episode({}, flags=(flag("non_responder", RAISED_AT),), visits=attended)

    found = findings(facts, "continued_without_review", now=RAISED_AT + timedelta(days=4))
    assert bool(found) == raised
    assert all("has had no recorded review while care went on (3 visits since)" in finding.why for finding in found)


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


def taken_over(at, **predecessor):
    """A flag, taken over on the spot by another of its kind and checkpoint."""
    first = flag("non_responder", RAISED_AT, **{"status": "superseded", "superseded_at": at, **predecessor})
    return (flag("non_responder", at, flag_id="flag-2"), first)


def test_another_flag_for_the_same_finding_gives_no_more_days():
    facts = episode({}, flags=taken_over(RAISED_AT + timedelta(days=10)))

    due_at = RAISED_AT + timedelta(days=14)
    assert list(review_instants(facts)) == [due_at]
    assert not findings(facts, "continued_without_review", now=due_at - SECOND)
    [finding] = findings(facts, "continued_without_review", now=due_at)
    assert finding.basis == "flag:flag-2"
    assert finding.evidence["raised_at"] == RAISED_AT.isoformat()


@pytest.mark.parametrize(("after", "raised"), [((2, 5), False), ((2, 5, 11), True)], ids=["two", "three"])
def test_another_flag_for_the_same_finding_gives_no_more_visits(after, raised):
    attended = tuple(visit(f"visit-{days}", RAISED_ON + timedelta(days=days)) for days in after)
    facts = episode({}, flags=taken_over(RAISED_AT + timedelta(days=10)), visits=attended)

    assert bool(findings(facts, "continued_without_review", now=RAISED_AT + timedelta(days=12))) == raised


@pytest.mark.parametrize(
    ("predecessor", "visits"),
    [
        ({"superseded_at": RAISED_AT + timedelta(days=5)}, ()),
        ({"status": "resolved", "superseded_at": None}, ()),
        ({"checkpoint": "3-months"}, ()),
        ({}, (visit("visit-1", RAISED_ON + timedelta(days=3), reassessed=True),)),
    ],
    ids=["was gone meanwhile", "was resolved", "of another checkpoint", "was reassessed"],
)
def test_a_finding_that_was_gone_or_reviewed_meanwhile_has_its_time_again(predecessor, visits):
    facts = episode({}, flags=taken_over(RAISED_AT + timedelta(days=10), **predecessor), visits=visits)

    due_at = RAISED_AT + timedelta(days=24)
    assert not findings(facts, "continued_without_review", now=due_at - SECOND)
    assert findings(facts, "continued_without_review", now=due_at)


def test_however_often_the_flag_of_a_finding_changed_it_waits_since_the_first():
    moments = [RAISED_AT + timedelta(days=days) for days in (0, 5, 5, 10)]
    changed = zip(moments[:-1], moments[1:], ("flag-1", "flag-2", "flag-3"), strict=True)
    earlier = tuple(
        flag("deterioration", at, flag_id=name, status="superseded", superseded_at=until) for at, until, name in changed
    )
    facts = episode({}, flags=(*earlier, flag("deterioration", moments[-1], flag_id="flag-4")))

    assert findings(facts, "continued_without_review", now=RAISED_AT + timedelta(days=14))


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


@OVER_AND_NEAR
def test_a_forgotten_earlier_visit_leaves_the_finding_on_the_visit_it_was_raised_for(kind, number):
    raised = flag(kind, RAISED_AT, status="resolved", checkpoint="", basis=f"visit:visit-{number}")
    forgotten = visit("visit-forgotten", visits(1)[0].on)

    [finding] = findings(episode({}, visits=(forgotten, *visits(number)), flags=(raised,)), kind)

    assert finding.basis == raised.basis


@OVER_AND_NEAR
@pytest.mark.parametrize("status", ["resolved", "superseded"])
def test_when_an_earlier_visit_was_taken_back_the_next_one_crosses_the_line_anew(kind, number, status):
    raised = flag(kind, RAISED_AT, status=status, checkpoint="", basis=f"visit:visit-{number}")
    attended = tuple(one for one in visits(number + 1) if one.basis != "visit-3")

    [finding] = findings(episode({}, visits=attended, flags=(raised,)), kind)

    assert finding.basis == f"visit:visit-{number + 1}"
    assert finding.evidence["crossed_on"] == attended[-1].on.isoformat()


@OVER_AND_NEAR
def test_a_forgotten_earlier_visit_in_place_of_one_taken_back_is_no_new_crossing(kind, number):
    raised = flag(kind, RAISED_AT, status="resolved", checkpoint="", basis=f"visit:visit-{number}")
    attended = tuple(one for one in visits(number) if one.basis != "visit-3")
    forgotten = visit("visit-forgotten", visits(1)[0].on)

    [finding] = findings(episode({}, visits=(forgotten, *attended), flags=(raised,)), kind)

    assert finding.basis == raised.basis


@OVER_AND_NEAR
def test_a_live_flag_stays_on_its_visit_while_others_are_taken_back_and_says_which_day_crossed(kind, number):
    raised = flag(kind, RAISED_AT, checkpoint="", basis=f"visit:visit-{number}")
    attended = tuple(one for one in visits(number + 1) if one.basis != "visit-3")

    [finding] = findings(episode({}, visits=attended, flags=(raised,)), kind)

    assert finding.basis == raised.basis
    assert finding.evidence["crossed_on"] == attended[-1].on.isoformat()


def test_a_finding_moves_on_when_the_visit_it_was_raised_for_no_longer_counts():
    raised = flag("visits_over_threshold", RAISED_AT, status="resolved", checkpoint="", basis="visit:visit-15")
    attended = tuple(one for one in visits(17) if one.basis != "visit-15")

    [finding] = findings(episode({}, visits=attended, flags=(raised,)), "visits_over_threshold")

    assert finding.basis == "visit:visit-16"


@pytest.mark.parametrize(("number", "raised"), [(11, False), (12, True), (14, True), (15, False)])
def test_the_twelfth_visit_is_near_the_threshold_and_the_fifteenth_beyond_it(number, raised):
    found = findings(episode({}, visits=visits(number)), "visits_near_threshold")

    assert [(finding.basis, finding.severity, finding.queue) for finding in found] == (
        [("visit:visit-12", "low", "follow_up")] if raised else []
    )


@pytest.mark.parametrize(("score", "raised"), [(53.9, True), (54, False)])
def test_nearing_the_threshold_is_no_finding_once_improvement_is_demonstrated(score, raised):
    facts = episode({"baseline": answers(ihot=40), "6-weeks": answers(ihot=score)}, visits=visits(13))

    assert bool(findings(facts, "visits_near_threshold")) == raised
