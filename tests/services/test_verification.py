"""Verification finds what is not as it is computed, and nothing else."""

import math
from collections.abc import Iterator

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

import instruments
from prom_service.db import new_id
from prom_service.models import AnswerSet, Base, ClinicPathway, EpisodeVisit, Judgement, Score, Visit
from prom_service.runtime import Runtime
from prom_service.services import submission, verification, visits
from prom_service.services.verification import Difference
from prom_service.services.visits import VisitDetails
from tests import builders
from tests.fakes import Clock


@pytest.fixture
def lived(runtime: Runtime, clock: Clock) -> Runtime:
    """A service in which one patient answered a whole HOOS and one a baseline and six weeks later."""
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=clock.now())
        short = builders.an_episode(session, clinic, now=clock.now())
        long = builders.an_episode(session, clinic, now=clock.now(), pathway="hip-osteoarthritis-1")
    for episode, timepoint, later in ((short, "baseline", 0), (long, "baseline", 0), (short, "6-weeks", 42)):
        clock.advance(days=later)
        with runtime.transaction() as session:
            administration = builders.the_administration(session, episode, timepoint)
            answers = builders.complete_answers(administration, episode)
            if episode is long:
                codes = instruments.find("hoos-2.0").item_codes
                answers["hoos-2.0"] = {code: number % 5 for number, code in enumerate(codes)}
            submission.submit(session, administration, answers=answers, now=clock.now())
    return runtime


def differences(runtime: Runtime) -> list[Difference]:
    def all_of(session: Session) -> Iterator[Difference]:
        for verify in (verification.verify_scores, verification.verify_judgements):
            for batch in verify(session):
                yield from batch.differences

    with runtime.reading() as session:
        return list(all_of(session))


def spoil(runtime: Runtime, table: type[Base], only: dict[str, object], **changes: object) -> None:
    """Put changed rows in the place of those on record, as a wrong restore would: the tables refuse an update."""
    with runtime.transaction() as session:
        rows = session.execute(select(table.__table__).filter_by(**only)).mappings().all()
        session.execute(delete(table).filter_by(**only))
        session.execute(insert(table), [{**row, **changes} for row in rows])


def test_what_the_service_computed_is_found_as_it_was_stored(lived: Runtime) -> None:
    with lived.reading() as session:
        counts = [verification.count_responses(session), verification.count_episodes(session)]
        both = (verification.verify_scores, verification.verify_judgements)
        checked = [sum(batch.checked for batch in verify(session)) for verify in both]

    assert counts == checked == [3, 2]
    assert differences(lived) == []


def test_batches_of_one_find_the_same(lived: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "RESPONSES_AT_ONCE", 1)
    monkeypatch.setattr(verification, "EPISODES_AT_ONCE", 1)

    with lived.reading() as session:
        batches = [*verification.verify_scores(session), *verification.verify_judgements(session)]

    assert [(batch.checked, batch.differences) for batch in batches] == [(1, ())] * 5


def test_a_score_off_by_the_last_bit_differs(lived: Runtime) -> None:
    with lived.reading() as session:
        pain = session.scalars(select(Score).filter_by(instrument="hoos-2.0", scale="pain")).one()
    spoil(lived, Score, {"id": pain.id}, value=math.nextafter(pain.value, 100))

    found = differences(lived)

    assert found == [Difference("score", pain.response_id, "hoos-2.0 pain", "value differs")]


def test_a_score_that_went_missing_differs(lived: Runtime) -> None:
    spoil(lived, Score, {"instrument": "hoos-2.0"}, value=None)

    found = [one for one in differences(lived) if one.kind == "score"]

    assert [one.problem for one in found] == ["value differs"] * 5


def test_a_score_that_is_lost_and_one_too_many_are_named(lived: Runtime) -> None:
    with lived.transaction() as session:
        session.execute(delete(Score).where(Score.instrument == "nprs-1.0"))
    spoil(lived, Score, {"instrument": "groc-1.0"}, scale="invented")

    found = {(one.place, one.problem) for one in differences(lived)}

    assert ("nprs-1.0 total", "is not on record") in found
    assert ("groc-1.0 total", "is not on record") in found
    assert ("groc-1.0 invented", "is on record, and nothing gives it") in found


def test_a_derived_score_that_says_it_was_asked_differs(lived: Runtime) -> None:
    spoil(lived, Score, {"derived": True}, derived=False)

    places = {one.place.split()[0] for one in differences(lived)}

    assert places == {"hoos-12-1.0", "hoos-ps-1.0", "hoos-jr-1.0"}


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ({"codes": b"\x07"}, {("answers", "the codes are not the answers'")}),
        ({"answers": {"Q1": 7}}, {("answers", "the codes are not the answers'"), ("score", "value differs")}),
        (
            {"answers": {"Q1": 99}},
            {("answers", "an answer is not allowed"), ("score", "is on record, and nothing gives it")},
        ),
        (
            {"instrument": "unheard-of-1.0"},
            {("answers", "the instrument is unknown"), ("score", "is on record, and nothing gives it")},
        ),
    ],
)
def test_answers_and_their_codes_must_agree(
    lived: Runtime, changes: dict[str, object], problems: set[tuple[str, str]]
) -> None:
    spoil(lived, AnswerSet, {"instrument": "nprs-1.0"}, **changes)

    found = differences(lived)

    assert {(one.kind, one.problem) for one in found} == problems


@pytest.mark.parametrize(
    ("column", "value"), [("outcome", "worse"), ("reason", "?"), ("evidence", {}), ("rule_version", "0")]
)
def test_a_judgement_that_the_rules_do_not_give_differs(lived: Runtime, column: str, value: object) -> None:
    spoil(lived, Judgement, {}, **{column: value})

    found = differences(lived)

    assert [(one.kind, one.place, one.problem) for one in found] == [("judgement", "6-weeks", f"{column} differs")]


def test_a_judgement_that_is_lost_is_named(lived: Runtime) -> None:
    with lived.transaction() as session:
        session.execute(delete(Judgement))

    found = differences(lived)

    assert [(one.place, one.problem) for one in found] == [("6-weeks", "is not on record")]


def test_only_the_judgement_in_force_is_compared(lived: Runtime) -> None:
    with lived.transaction() as session:
        row = dict(session.execute(select(Judgement.__table__)).mappings().one())
        session.execute(insert(Judgement), {**row, "id": new_id(), "number": 2})
    spoil(lived, Judgement, {"number": 1}, outcome="worse")

    assert differences(lived) == []


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ({}, []),
        ({"text": "key = 1"}, ["the digest is not the text's", "the text makes no sense any more"]),
        ({"digest": "0" * 64}, ["the digest is not the text's"]),
        ({"number": 2}, ["the text is that of another version"]),
    ],
)
def test_a_version_of_a_pathway_must_be_the_text_that_was_drafted(
    runtime: Runtime, clock: Clock, changes: dict[str, object], problems: list[str]
) -> None:
    with runtime.transaction() as session:
        version = builders.a_draft(
            session, builders.a_clinic(session, now=clock.now()), {"limit": "20"}, now=clock.now()
        )
    spoil(runtime, ClinicPathway, {"id": version.id}, **changes)

    with runtime.reading() as session:
        [batch] = verification.verify_pathways(session)

    assert [one.problem for one in batch.differences] == problems
    assert {one.place for one in batch.differences} <= {version.ref}


def test_a_visit_that_counts_where_it_was_and_where_it_was_moved_to_is_found(runtime: Runtime, clock: Clock) -> None:
    details = VisitDetails(visited_on=clock.now().date())
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=clock.now())
        patient = builders.a_patient(session, clinic, now=clock.now())
        left, right = (
            builders.an_episode(session, clinic, patient, side=side, now=clock.now()) for side in ("left", "right")
        )
        for number, side in (("moved", left), ("of both", left), ("of both", right), ("back", left), ("back", left)):
            visits.record_visit(session, side, number, details, actor="test", now=clock.now())
            clock.advance(minutes=1)
            if number != "of both":
                visits.void_visit(session, side, number, actor="test", now=clock.now())
        clock.advance(minutes=1)
        visits.record_visit(session, right, "moved", details, actor="test", now=clock.now())
        visits.record_visit(session, left, "back", details, actor="test", now=clock.now())
        clock.advance(minutes=1)
        visits.record_visit(session, right, "back", details, actor="test", now=clock.now())
        moved = session.scalars(select(Visit).where(Visit.external_id == "moved")).one()
    with runtime.reading() as session:
        [before] = verification.verify_visits(session)

    with runtime.transaction() as session:
        of_moved = EpisodeVisit.visit_id == moved.id
        session.execute(update(EpisodeVisit).where(of_moved).values(removed_at=None))
    with runtime.reading() as session:
        [after] = verification.verify_visits(session)

    assert (before.checked, before.differences) == (3, ())
    problem = "counts here too, where it was voided before it was moved"
    assert after.differences == (Difference("visit", left.id, str(moved.id), problem),)
