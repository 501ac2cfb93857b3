"""Care that went on after improvement, and after a finding that nobody reviewed; every number counted by hand."""

import datetime as dt
import random
from itertools import pairwise

import pytest

from prom_service.models import Episode
from prom_service.pathway.rules import find_findings, judge_episode
from prom_service.queries.facts import load_episodes
from prom_service.reports import ReportQuery, make_report
from tests.reports.builders import Record, instant
from tests.reports.cohort import AS_OF, CLOSED, START
from tests.reports.recount.continued import recount
from tests.reports.recount.figures import assert_same, named_by, plain_rows
from tests.reports.recount.record import READ

IMPROVED_ON = START + dt.timedelta(days=42)
RAISED = instant(START + dt.timedelta(days=44))


@pytest.fixture
def clinic(record):
    return record.clinic(record.organisation())


def day(number: int) -> dt.date:
    return START + dt.timedelta(days=number)


def tables(session, clinic, **changes: object):
    values = {"from_on": dt.date(2026, 1, 1), "to_on": dt.date(2026, 7, 1), "as_of": AS_OF, **changes}
    return make_report(session, "utilization", ReportQuery((clinic.id,), None, **values)).tables


def improved(record: Record, clinic, *visit_days: int, wording: str = "official", **details: object):
    """An episode whose improvement was demonstrated on day 42, with a visit on each of these days."""
    episode = record.episode(clinic, START, **details)
    record.answers(episode, "baseline", instant(START), value=40.0, wording=wording)
    record.answers(episode, "6-weeks", instant(IMPROVED_ON), value=60.0, wording=wording)
    record.visits({day(number): RAISED for number in visit_days}, episode)
    return episode


def test_visits_after_improvement_are_those_dated_after_its_day(session, record, clinic):
    improved(record, clinic, 1, 41, 42, **CLOSED)  # None after.
    improved(record, clinic, 1, 43, **CLOSED)  # One.
    improved(record, clinic, 43, 44, 50, 60, **CLOSED)  # Four.
    improved(record, clinic, 50, 51)  # Two so far.
    improved(record, clinic, 50, wording="own", **CLOSED)
    record.episode(clinic, START, visits=9, **CLOSED)  # Nothing demonstrated.

    found = tables(session, clinic)

    # Closed, official: 0 1 4 visits, median 1, 75th percentile at rank 1.5 from 0: (1 + 4) / 2.
    columns = ["wording", "episodes", "demonstrated", "closed", "visits_closed", "median", "percentile_75", "open"]
    assert found["visits_after_improvement"][[*columns, "visits_open"]].to_numpy().tolist() == [
        ["official", 6, 4, 3, 5, 1.0, 2.5, 1, 2],
        ["provisional wording", 6, 1, 1, 1, 1.0, 1.0, 0, 0],
    ]
    each = found["visits_after_improvement_each"]
    assert each[["visits", "wording", "closed", "open"]].to_numpy().tolist() == [
        [0, "official", 1, 0],
        [1, "official", 1, 0],
        [2, "official", 0, 1],
        [3, "official", 0, 0],
        [4, "official", 1, 0],
        [0, "provisional wording", 0, 0],
        [1, "provisional wording", 1, 0],
        [2, "provisional wording", 0, 0],
        [3, "provisional wording", 0, 0],
        [4, "provisional wording", 0, 0],
    ]


def test_only_counted_visits_follow_an_improvement(session, record, clinic):
    episode = improved(record, clinic)
    record.visit(day(50), episode, format="group")
    record.visit(day(51), episode, status="no_show")

    assert tables(session, clinic)["visits_after_improvement"]["visits_open"].tolist() == [0]


def test_a_group_in_which_nothing_was_demonstrated_says_so(session, record, clinic):
    improved(record, clinic, 50, side="left")
    record.episode(clinic, START, side="right")

    found = tables(session, clinic, group_by="side")["visits_after_improvement"]

    assert found[["group", "episodes", "demonstrated"]].to_numpy().tolist() == [
        ["All", 2, 1],
        ["left", 1, 1],
        ["right", 1, 0],
    ]


def test_visits_of_an_activity_report_after_improvement_are_all_of_the_episode(session, record, clinic):
    improved(record, clinic, 1, 43, 80)

    found = tables(session, clinic, basis="activity", from_on=day(1), to_on=day(2))

    assert found["visits_after_improvement"]["visits_open"].tolist() == [2]


def test_visits_without_review_run_from_the_flag_to_its_review(session, record, clinic):
    never = record.episode(clinic, START)
    record.flag(never, "non_responder", "6-weeks", RAISED)
    record.visits({day(number): RAISED for number in (44, 45, 50)}, never)  # Two after day 44.
    looked = record.episode(clinic, START, **CLOSED)
    record.flag(looked, "deterioration", "6-weeks", RAISED)
    record.visits({day(number): RAISED for number in (45, 46, 60)}, looked)  # Two before day 50.
    record.visit(day(50), looked, reassessed=True)
    resolved = record.episode(clinic, START, **CLOSED)
    record.step(record.flag(resolved, "non_responder", "6-weeks", RAISED), "resolved", instant(day(45)), reason="other")
    record.visit(day(46), resolved)  # Resolved the day before.
    unseen = record.episode(clinic, START, **CLOSED)
    record.flag(unseen, "non_responder", "6-weeks", RAISED)
    record.step(record.flag(unseen, "non_responder", "3-months", RAISED), "acknowledged", RAISED)

    found = tables(session, clinic)["visits_without_review"]

    assert found.drop(columns=["group", "share"]).to_numpy().tolist() == [
        ["6-weeks", "official", 4, 2, 2, 1, 1, 2, 2],
        ["3-months", "official", 1, 0, 1, 0, 0, 0, 0],
    ]
    assert found["share"].tolist() == [0.5, 1.0]


def test_a_visit_after_two_flags_is_one_visit_and_both_have_to_be_reviewed(session, record, clinic):
    episode = record.episode(clinic, START)
    first = record.flag(episode, "non_responder", "6-weeks", RAISED)
    record.step(first, "resolved", instant(day(50)), reason="contacted")
    record.flag(episode, "deterioration", "6-weeks", instant(day(55)))
    record.visits({day(number): RAISED for number in (46, 52, 56)}, episode)

    # Day 46 before the first was resolved, day 56 after the second was raised; day 52 between them.
    row = tables(session, clinic)["visits_without_review"].iloc[0]
    assert (row.flagged, row.reviewed, row.visits_unreviewed) == (1, 0, 2)


def test_flags_stand_as_they_did_at_the_instant(session, record, clinic):
    episode = record.episode(clinic, START)
    flag = record.flag(episode, "non_responder", "6-weeks", RAISED)
    record.step(flag, "resolved", instant(day(60)), reason="contacted")
    other = record.flag(record.episode(clinic, START), "non_responder", "6-weeks", instant(day(70)))
    record.step(other, "superseded", instant(day(80)), reason="new_basis")

    def standing(on: int) -> list[list[int]]:
        found = tables(session, clinic, as_of=instant(day(on)))["visits_without_review"]
        return found.loc[found["checkpoint"] == "6-weeks", ["flagged", "reviewed"]].to_numpy().tolist()

    assert [standing(on) for on in (43, 59, 60, 75, 81)] == [[[0, 0]], [[1, 0]], [[1, 1]], [[2, 1]], [[1, 1]]]


def turns(record: Record, episode: Episode, *days: int, kind: str = "non_responder") -> None:
    """A flag raised on the first of these days that takes the place of the last on each of the others."""
    flag = record.flag(episode, kind, "6-weeks", instant(day(days[0])))
    for number in days[1:]:
        record.step(flag, "superseded", instant(day(number)), reason="new_basis")
        flag = record.flag(episode, kind, "6-weeks", instant(day(number)))


def unreviewed(session, clinic, **changes: object) -> tuple[int, int]:
    """Episodes with a finding at 6 weeks that nobody reviewed, and their visits since."""
    row = tables(session, clinic, **changes)["visits_without_review"].iloc[0]
    return row.unreviewed, row.visits_unreviewed


def test_a_finding_that_moves_to_another_answer_waits_since_it_was_first_flagged(session, record, clinic):
    episode = record.episode(clinic, START)
    turns(record, episode, 44, 50, 50, 60)
    for number in (44, 45, 50, 55, 61):
        record.visit(day(number), episode)

    assert unreviewed(session, clinic) == (1, 4)
    assert [unreviewed(session, clinic, as_of=instant(day(on))) for on in (47, 53, 61)] == [(1, 1), (1, 2), (1, 3)]


def test_a_review_ends_the_wait_of_a_finding_that_moved(session, record, clinic):
    episode = record.episode(clinic, START, **CLOSED)
    turns(record, episode, 44, 50)
    record.visits({day(number): RAISED for number in (45, 46, 51, 70)}, episode)
    record.visit(day(60), episode, reassessed=True)

    row = tables(session, clinic)["visits_without_review"].iloc[0]

    assert (row.reviewed, row.visits_before_review) == (1, 3)


@pytest.mark.parametrize("reassessed_on", [44, 45, 50, 51])
def test_a_reassessment_between_two_flags_of_a_finding_begins_the_wait_anew(session, record, clinic, reassessed_on):
    episode = record.episode(clinic, START)
    turns(record, episode, 44, 50)
    record.visits({day(number): RAISED for number in (46, 52)}, episode)
    record.visit(day(reassessed_on), episode, reassessed=True)

    row = tables(session, clinic)["visits_without_review"].iloc[0]

    # On the day of the first flag nobody could know of it; after that of the second it is the second's own review.
    waits = {44: (0, 2), 45: (0, 1), 50: (0, 1), 51: (1, 1)}
    assert (row.reviewed, row.visits_unreviewed + row.visits_before_review) == waits[reassessed_on]


def test_a_finding_that_was_gone_meanwhile_waits_since_it_came_back(session, record, clinic):
    episode = record.episode(clinic, START)
    gone = record.flag(episode, "non_responder", "6-weeks", RAISED)
    record.step(gone, "superseded", instant(day(50)), reason="no_longer_applies")
    record.flag(episode, "non_responder", "6-weeks", instant(day(51)))
    record.visits({day(number): RAISED for number in (46, 52)}, episode)

    assert unreviewed(session, clinic) == (1, 1)


def test_a_flag_of_another_kind_or_checkpoint_gives_its_finding_no_longer_wait(session, record, clinic):
    episode = record.episode(clinic, START)
    for kind, checkpoint in (("non_responder", "6-weeks"), ("deterioration", "3-months")):
        other = record.flag(episode, kind, checkpoint, RAISED)
        record.step(other, "superseded", instant(day(50)), reason="no_longer_applies")
    record.flag(episode, "deterioration", "6-weeks", instant(day(50)))
    record.visits({day(number): RAISED for number in (46, 52)}, episode)

    assert unreviewed(session, clinic) == (1, 1)


@pytest.mark.parametrize("seed", range(3))
def test_the_report_counts_the_visits_of_the_flag_that_says_nobody_reviewed(session, record, clinic, seed):
    chance, now = random.Random(seed), instant(START + dt.timedelta(days=150))
    said = []
    for _ in range(12):
        episode = record.episode(clinic, START)
        turned = sorted(chance.choices(range(43, 60), k=chance.randint(1, 4)))
        flags = [record.flag(episode, "non_responder", "6-weeks", instant(day(turned[0])))]
        for _, number in pairwise(turned):
            record.step(flags[-1], "superseded", instant(day(number), hour=chance.choice((12, 12, 11))), reason="")
            flags.append(record.flag(episode, "non_responder", "6-weeks", instant(day(number))))
        for number in chance.sample(range(43, 70), k=4):
            record.visit(day(number), episode, reassessed=chance.random() < 0.2)
        [loaded] = load_episodes(session, [episode.id])
        found = find_findings(loaded.facts, now=now, judgements=judge_episode(loaded.facts))
        said += [one.evidence["visits_since"] for one in found if one.kind == "continued_without_review"]

    assert unreviewed(session, clinic, as_of=now) == (len(said), sum(said))
    assert 3 < len(said) < 12
    rows = plain_rows(session, READ)
    for as_of in (instant(day(50)), instant(day(55), 18), now):
        counted = tables(session, clinic, as_of=as_of)["visits_without_review"]
        found = {"visits_without_review": named_by(counted, ["group", "checkpoint", "wording"])}
        assert_same(found, recount(rows, first=START, after=day(1), as_of=as_of))


def test_only_findings_that_ask_for_a_review_are_waited_for(session, record, clinic):
    episode = record.episode(clinic, START)
    for kind, checkpoint in (("not_assessable", "6-weeks"), ("deterioration", "12-months"), ("survey_missed", "")):
        record.flag(episode, kind, checkpoint, RAISED)

    assert tables(session, clinic)["visits_without_review"]["flagged"].tolist() == [0, 0]
