"""The door to the rules: every kind has one, time alone changes findings at known instants, closing stops it."""

import json
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from prom_service.pathway.definition import FLAG_KINDS
from prom_service.pathway.evidence import judge_episode
from prom_service.pathway.facts import EpisodeFacts, SafetyFacts
from prom_service.pathway.rules import RULES, find_findings, next_assessment_at
from tests.pathway.builders import ENROLLED_AT, answers, at, episode, findings, flag, visit, visits

LATER = ENROLLED_AT + timedelta(days=365)
SYMPTOM = SafetyFacts("administration-6-weeks", "6-weeks", "R1", "emergency", ENROLLED_AT, ever_yes=True, now_yes=True)
NOT_IMPROVED = answers(ihot=41, groc=0, content=0)


def test_every_kind_of_flag_has_one_rule_of_its_name():
    assert tuple(rule.__name__ for rule in RULES) == FLAG_KINDS


def test_every_kind_of_flag_can_be_found():
    troubled = [
        episode({"6-weeks": NOT_IMPROVED}, safety=(SYMPTOM,), visits=visits(15)),
        episode(
            {"baseline": answers(ihot=40), "6-weeks": NOT_IMPROVED, "3-months": answers(ihot=20)}, visits=visits(12)
        ),
        episode({"baseline": answers(ihot=None)}, flags=(flag("non_responder", ENROLLED_AT),)),
    ]

    found = {finding.kind for facts in troubled for finding in all_findings(facts, LATER)}

    assert found == set(FLAG_KINDS)


def test_an_episode_that_goes_well_raises_nothing():
    well = answers(ihot=60, nprs=2, groc=5, content=1)
    facts = episode(
        {"baseline": answers(ihot=40, nprs=6), "6-weeks": well, "3-months": well}, visits=visits(14, every=6)
    )

    assert not all_findings(facts, LATER)


def test_an_episode_has_one_finding_at_most_for_each_kind_and_checkpoint():
    facts = episode(
        {"6-weeks": NOT_IMPROVED, "3-months": answers(ihot=None)},
        safety=(SYMPTOM,),
        visits=visits(20),
        flags=(flag("non_responder", ENROLLED_AT), flag("deterioration", ENROLLED_AT, flag_id="flag-2")),
    )

    keys = [(finding.kind, finding.checkpoint) for finding in all_findings(facts, LATER)]

    assert len(keys) == len(set(keys))


def test_evidence_is_json_and_guidance_is_there_for_every_finding():
    facts = episode({"6-weeks": NOT_IMPROVED}, safety=(SYMPTOM,), visits=visits(15), background=("R11",))

    for finding in all_findings(facts, LATER):
        assert json.loads(json.dumps(dict(finding.evidence), allow_nan=False)) == finding.evidence
        assert facts.pathway.guidance[finding.guidance_key].text


def test_every_finding_carries_the_versions_it_was_made_under():
    facts = episode({}, visits=visits(15), safety=(SYMPTOM,), flags=(flag("non_responder", ENROLLED_AT),))

    for kind in ("visits_over_threshold", "red_flag_symptom", "continued_without_review"):
        [finding] = findings(facts, kind)
        assert (finding.evidence["pathway"], finding.evidence["rule_version"]) == ("hip-related-pain-1", "1")


def test_a_closed_episode_raises_nothing_from_time_and_still_judges_late_answers():
    responses = {"baseline": answers(ihot=40), "3-months": NOT_IMPROVED}
    closed_at = at(episode({}), "3-months").target_at + timedelta(days=1)

    facts = episode(responses, closed_at=closed_at, flags=(flag("non_responder", closed_at),))

    assert {finding.kind for finding in all_findings(facts, LATER)} == {"survey_missed", "non_responder"}
    assert [finding.checkpoint for finding in findings(facts, "survey_missed")] == ["6-weeks"]
    assert next_assessment_at(facts, now=closed_at) is None


def test_visits_count_after_closing_too():
    facts = episode({}, closed_at=ENROLLED_AT, visits=visits(15))

    assert findings(facts, "visits_over_threshold")


def test_the_next_assessment_is_the_first_instant_that_could_change_anything():
    facts = episode({"baseline": answers(ihot=40)})

    assert next_assessment_at(facts, now=ENROLLED_AT) == at(facts, "6-weeks").late_after


def test_an_early_answer_is_assessed_again_at_its_target():
    facts = episode({"baseline": answers(ihot=40), "6-weeks": NOT_IMPROVED})
    window = at(facts, "6-weeks")

    assert next_assessment_at(facts, now=window.opens_at) == window.target_at
    assert next_assessment_at(facts, now=window.target_at) == at(facts, "3-months").late_after


def test_a_missed_baseline_is_assessed_again_on_its_phone_day():
    facts = episode({})
    window = at(facts, "baseline")

    assert next_assessment_at(facts, now=ENROLLED_AT) == window.late_after
    assert next_assessment_at(facts, now=window.late_after) == window.phone_from


def test_a_window_that_is_open_is_settled_when_it_has_passed_and_looked_at_then():
    waiting = episode({}, states=dict.fromkeys(("baseline", "6-weeks", "3-months"), "open"))

    assert next_assessment_at(waiting, now=ENROLLED_AT) is None


def test_an_episode_closed_at_the_very_instant_is_still_assessed_for_it():
    window = at(episode({}), "baseline")

    closed_then = episode({}, closed_at=window.late_after)
    closed_before = episode({}, closed_at=window.late_after - timedelta(seconds=1))

    assert next_assessment_at(closed_then, now=ENROLLED_AT) == window.late_after
    assert next_assessment_at(closed_before, now=ENROLLED_AT) is None


def test_an_unreviewed_flag_is_assessed_again_after_its_fourteen_days():
    responses = {key: answers(ihot=40) for key in ("baseline", "6-weeks", "3-months")}
    raised_at = datetime(2026, 6, 20, tzinfo=UTC)

    live = episode(responses, flags=(flag("non_responder", raised_at),))
    resolved = episode(responses, flags=(flag("non_responder", raised_at, status="resolved"),))
    of_no_kind_to_review = episode(responses, flags=(flag("survey_missed", raised_at),))
    seen_since = (visit("visit-1", date(2026, 6, 22), reassessed=True),)
    reassessed = episode(responses, flags=(flag("non_responder", raised_at),), visits=seen_since)

    assert next_assessment_at(live, now=raised_at) == raised_at + timedelta(days=14)
    assert next_assessment_at(resolved, now=raised_at) is None
    assert next_assessment_at(of_no_kind_to_review, now=raised_at) is None
    assert next_assessment_at(reassessed, now=raised_at) is None


responses = st.sampled_from(
    [
        None,
        answers(ihot=40),
        answers(ihot=20, groc=-4),
        answers(ihot=55, late=True),
        answers(ihot=None),
        answers(partial=True),
    ]
)
days = st.integers(-20, 200)
moments = st.builds(lambda day, second: ENROLLED_AT + timedelta(days=day, seconds=second), days, st.integers(0, 86_399))
flags = st.builds(
    flag,
    st.sampled_from(["non_responder", "deterioration", "survey_missed"]),
    moments,
    status=st.sampled_from(["open", "resolved"]),
)
visit_lists = st.lists(
    st.builds(
        lambda day, seen: visit(f"visit-{day}", date(2026, 3, 2) + timedelta(days=day), reassessed=seen),
        days,
        st.booleans(),
    ),
    max_size=18,
)


@given(
    given_responses=st.fixed_dictionaries(dict.fromkeys(("baseline", "6-weeks", "3-months"), responses)),
    states=st.dictionaries(
        st.sampled_from(["baseline", "6-weeks", "3-months"]), st.sampled_from(["not_asked", "missed", "open"])
    ),
    more=st.fixed_dictionaries(
        {
            "flags": st.lists(flags, max_size=2).map(tuple),
            "visits": visit_lists.map(tuple),
            "closed_at": st.none() | moments,
        }
    ),
    now=moments,
    later=st.timedeltas(timedelta(0), timedelta(days=220)),
)
def test_nothing_changes_by_time_before_the_next_assessment(given_responses, states, more, now, later):
    answered = {key: response for key, response in given_responses.items() if response}
    facts = episode(answered, states=states, **more)

    due_at = next_assessment_at(facts, now=now)

    last = now + later if due_at is None else min(now + later, due_at - timedelta(microseconds=1))
    assert all_findings(facts, last) == all_findings(facts, now)


def all_findings(facts: EpisodeFacts, now: datetime):
    return find_findings(facts, now=now, judgements=judge_episode(facts))
