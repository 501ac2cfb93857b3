"""How a clinic changes a pathway: who may, what is asked first, and for whom it counts."""

import uuid
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from prom_service.errors import ConflictError, InvalidInputError
from prom_service.models import Clinic, ClinicPathway, Episode, Flag, PathwayActivation, Patient, User
from prom_service.pathway.definition import UnknownPathwayError, all_pathways, text_of
from prom_service.pathway.replay import replay
from prom_service.pathway.shape import Pathway
from prom_service.queries.history import histories
from prom_service.queries.pathways import find_pathway, find_version, in_force, known_pathways, refs_in_force
from prom_service.runtime import Runtime
from prom_service.services import (
    administrations,
    assessment,
    enrolment,
    flags,
    pathway_changes,
    standing,
    submission,
    visits,
)
from prom_service.services.visits import VisitDetails
from tests import builders
from tests.fakes import Clock

BASE = "hip-related-pain-1"
FIRST = f"{BASE}@northside.1"


class Board:
    """A clinic with a clinician who drafts and two administrators."""

    def __init__(self, runtime: Runtime, clock: Clock) -> None:
        self.runtime, self.clock = runtime, clock
        with runtime.transaction() as session:
            self.clinic: Clinic = builders.a_clinic(session, now=clock.now(), code="northside")
        self.author = self.member("clinician")
        self.admin, self.other_admin = self.member("clinic_admin"), self.member("clinic_admin")

    def member(self, role: str) -> User:
        with self.runtime.transaction() as session:
            return builders.a_colleague(session, self.clinic, now=self.clock.now(), role=role)

    def draft(self, old: str = "limit = 14", new: str = "limit = 10", *, by: User | None = None) -> str:
        text = text_of(BASE)
        assert old in text
        return self.draft_text(text.replace("notice = 12", "notice = 9").replace(old, new, 1), by=by)

    def draft_text(self, text: str, *, note: str = "Agreed on Monday.", by: User | None = None) -> str:
        with self.runtime.transaction() as session:
            author = (by or self.author).id
            row = pathway_changes.draft(
                session, self.clinic, text, note=note, author_id=author, actor="test", now=self.clock.now()
            )
            return row.ref

    def preview(self, ref: str, *, by: User | None = None) -> None:
        with self.runtime.transaction() as session:
            version = find_version(session, self.clinic.id, ref)
            seen = pathway_changes.preview(session, version, now=self.clock.now())
            seen_by = (by or self.admin).id
            pathway_changes.note_preview(
                session, self.clinic, version, seen, seen_by_id=seen_by, actor="test", now=self.clock.now()
            )

    def activate(self, ref: str, *, by: User | None = None) -> None:
        with self.runtime.transaction() as session:
            version = find_version(session, self.clinic.id, ref)
            pathway_changes.activate(
                session, self.clinic, version, by_id=(by or self.admin).id, actor="test", now=self.clock.now()
            )

    def put_in_force(self, ref: str) -> None:
        self.preview(ref)
        self.activate(ref)

    def enrol(self, pathway: str = BASE) -> Episode:
        with self.runtime.transaction() as session:
            return builders.an_episode(session, self.clinic, now=self.clock.now(), pathway=pathway)

    def visit(self, episode: Episode, times: int) -> list[str]:
        """The kinds of flags after so many visits."""
        with self.runtime.transaction() as session:
            episode = session.get_one(Episode, episode.id)
            details = VisitDetails(self.clock.now().date())
            entries = [(episode, f"{episode.id}-{number}", details) for number in range(times)]
            visits.record_visits(session, entries, actor="test", now=self.clock.now())
            return list(session.scalars(sa.select(Flag.kind).where(Flag.episode_id == episode.id)))


@pytest.fixture
def board(runtime: Runtime, clock: Clock) -> Board:
    return Board(runtime, clock)


def test_a_version_in_force_counts_for_who_is_enrolled_from_then_on_and_for_nobody_before(board: Board) -> None:
    before = board.enrol()

    board.put_in_force(board.draft())
    after = board.enrol()

    assert (before.pathway, after.pathway) == (BASE, FIRST)
    assert after.pathway_key == before.pathway_key
    assert board.visit(before, 11) == []
    assert board.visit(after, 11) == ["visits_over_threshold"]


def test_an_episode_keeps_its_version_when_another_is_activated(board: Board) -> None:
    board.put_in_force(board.draft())
    first = board.enrol()
    board.put_in_force(board.draft(new="limit = 20"))
    second = board.enrol()

    assert (first.pathway, second.pathway) == (FIRST, f"{BASE}@northside.2")
    assert board.visit(first, 11) == ["visits_over_threshold"]
    assert board.visit(second, 11) == ["visits_near_threshold"]


def test_a_draft_alone_changes_nothing(board: Board) -> None:
    board.preview(board.draft())

    assert board.enrol().pathway == BASE


def test_another_clinic_is_not_touched(board: Board) -> None:
    board.put_in_force(board.draft())
    with board.runtime.transaction() as session:
        elsewhere = builders.a_clinic(session, now=board.clock.now())
        episode = builders.an_episode(session, elsewhere, now=board.clock.now())
        assert episode.pathway == BASE
        with pytest.raises(InvalidInputError, match="Unknown"):
            builders.an_episode(session, elsewhere, now=board.clock.now(), pathway=FIRST)


def test_a_version_is_enrolled_on_by_its_own_name_only_while_it_is_in_force(board: Board) -> None:
    board.put_in_force(board.draft())
    assert board.enrol(FIRST).pathway == FIRST
    board.put_in_force(board.draft(new="limit = 20"))

    with pytest.raises(InvalidInputError, match=f"Unknown. Allowed are {BASE}"):
        board.enrol(FIRST)


def test_a_clinic_goes_back_by_activating_an_earlier_version_anew(board: Board) -> None:
    board.put_in_force(board.draft())
    board.put_in_force(board.draft(new="limit = 20"))
    board.put_in_force(FIRST)

    with board.runtime.reading() as session:
        assert refs_in_force(session, board.clinic.id)[BASE] == FIRST
        assert in_force(session, board.clinic.id, BASE).pathway.visit_limit == 10
        assert [one.ref for one in known_pathways(session, [board.clinic.id])][3:] == [FIRST, f"{BASE}@northside.2"]


def test_who_drafted_cannot_activate(board: Board) -> None:
    ref = board.draft(by=board.admin)
    board.preview(ref)

    with pytest.raises(ConflictError, match="a second person"):
        board.activate(ref)


def test_the_database_refuses_an_activation_by_the_author(board: Board) -> None:
    ref = board.draft(by=board.admin)
    with board.runtime.transaction() as session:
        version = find_version(session, board.clinic.id, ref)
        seen = pathway_changes.note_preview(
            session,
            board.clinic,
            version,
            pathway_changes.preview(session, version, now=board.clock.now()),
            seen_by_id=board.admin.id,
            actor="test",
            now=board.clock.now(),
        )

    with pytest.raises(IntegrityError, match="two_persons"):
        _write_activation(board, version, seen.id, author_id=board.admin.id, by_id=board.admin.id)


@pytest.mark.parametrize("author", ["another", "true"])
def test_the_database_refuses_another_author_and_a_preview_that_somebody_else_saw(board: Board, author: str) -> None:
    ref = board.draft(by=board.admin)
    with board.runtime.transaction() as session:
        version = find_version(session, board.clinic.id, ref)
        figures = pathway_changes.preview(session, version, now=board.clock.now())
        by = {"another": board.admin, "true": board.author}[author]
        seen = pathway_changes.note_preview(
            session, board.clinic, version, figures, seen_by_id=by.id, actor="test", now=board.clock.now()
        )
    claimed = {"another": board.author.id, "true": board.admin.id}[author]

    by_id = {"another": board.admin.id, "true": board.other_admin.id}[author]

    with pytest.raises(IntegrityError):
        _write_activation(board, version, seen.id, author_id=claimed, by_id=by_id)


def _write_activation(
    board: Board, version: ClinicPathway, preview_id: uuid.UUID, *, author_id: uuid.UUID, by_id: uuid.UUID
) -> None:
    with board.runtime.transaction() as session:
        session.add(
            PathwayActivation(
                clinic_id=board.clinic.id,
                base=BASE,
                number=1,
                version_id=version.id,
                author_id=author_id,
                preview_id=preview_id,
                activated_by_id=by_id,
                actor="test",
                recorded_at=board.clock.now(),
            )
        )


def test_who_activates_must_have_seen_the_preview_beside_what_is_in_force_now(board: Board) -> None:
    first, second = board.draft(), board.draft(new="limit = 20")
    board.preview(second, by=board.other_admin)
    with pytest.raises(ConflictError, match="Look at the preview"):
        board.activate(second)
    board.preview(second)
    board.put_in_force(first)

    with pytest.raises(ConflictError, match=f"beside {first} first"):
        board.activate(second)


def test_what_is_in_force_cannot_be_activated_again(board: Board) -> None:
    board.put_in_force(board.draft())
    board.preview(FIRST)

    with pytest.raises(ConflictError, match="in force already"):
        board.activate(FIRST)


@pytest.mark.parametrize(("role", "may_draft"), [("clinician", True), ("quality_analyst", False), ("operator", False)])
def test_a_clinician_may_draft_and_only_an_administrator_activates(board: Board, role: str, may_draft: bool) -> None:
    member = board.member(role)
    if may_draft:
        board.draft(by=member)
    else:
        with pytest.raises(ConflictError, match="clinician or clinic_admin"):
            board.draft(by=member)
        with pytest.raises(ConflictError, match="clinician or clinic_admin"):
            board.preview(board.draft(), by=member)
    ref = board.draft(new="limit = 20")

    with pytest.raises(ConflictError, match="takes the role clinic_admin"):
        board.activate(ref, by=member)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            text_of(BASE).replace("limit = 14", "limit = 0"),
            "Line 16, visits.limit: must be a whole number of at least 1.",
        ),
        (text_of(BASE).replace("notice = 12", "notice = 15"), "Line 17, visits.notice: must not exceed the limit."),
        (text_of(BASE).replace("limit = 14", "limit = 14\nmost = 3"), "Line 17, visits.most: is not a key known here."),
        (
            text_of(BASE).replace("late_days_after = 15", "late_days_after = 16"),
            "Line 40, timepoints[1].late_days_after",
        ),
        (text_of(BASE).replace("[visits]", "[visits"), "is not TOML"),
        (
            text_of(BASE).replace('version = "1"', 'version = "7"'),
            "no pathway ships as hip-related-pain-7; allowed are",
        ),
        ("x" * 100_001, "At most 100000 characters; this has 100001."),
    ],
)
def test_a_text_that_makes_no_sense_is_refused_by_line_and_key(board: Board, text: str, said: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        board.draft_text(text)

    assert said in refused.value.errors["text"][0]


@pytest.mark.parametrize("note", ["", "  ", "x" * 1001])
def test_a_draft_says_why(board: Board, note: str) -> None:
    with pytest.raises(InvalidInputError, match="Say why"):
        board.draft_text(text_of(BASE).replace("limit = 14", "limit = 13"), note=note)


def test_the_same_text_is_one_version(board: Board) -> None:
    board.draft()

    with pytest.raises(ConflictError, match=f"This is {FIRST}, word for word"):
        board.draft()


def test_common_numbers_are_set_in_the_text_and_all_else_stays_as_it_is_written() -> None:
    text = pathway_changes.with_numbers(text_of(BASE), {"limit": "16", "notice": "15", "days": "[0, 5]"})

    assert pathway_changes.check(text).pathway.visit_limit == 16
    assert text == text_of(BASE).replace("limit = 14", "limit = 16").replace("notice = 12", "notice = 15").replace(
        "days = [0, 3, 7, 12]", "days = [0, 5]"
    )


@pytest.mark.parametrize("pathway", all_pathways(), ids=lambda pathway: pathway.ref)
@pytest.mark.parametrize(
    ("key", "value"), [("limit", "30"), ("notice", "11"), ("days", "[0]"), ("phone_after_days", "20")]
)
def test_each_common_number_has_its_place_in_each_pathway_that_ships(pathway: Pathway, key: str, value: str) -> None:
    changed = pathway_changes.check(pathway_changes.with_numbers(text_of(pathway.ref), {key: value})).pathway

    assert str(pathway_changes.numbers_of(changed)[key]).strip("(),") == value.strip("[]")


def test_a_number_whose_place_is_gone_is_named() -> None:
    with pytest.raises(InvalidInputError, match=r"The text has no limit under \[visits\]"):
        pathway_changes.with_numbers(text_of(BASE).replace("limit = 14", "most = 14"), {"limit": "16"})


def test_a_symptom_raised_to_an_emergency_is_urgent_for_who_is_enrolled_on_it(board: Board) -> None:
    board.put_in_force(board.draft("[anchors]", '[safety]\nemergency = ["R9"]\n\n[anchors]'))
    episode = board.enrol()

    with board.runtime.transaction() as session:
        episode = session.get_one(Episode, episode.id)
        baseline = builders.the_administration(session, episode, "baseline")
        answers = builders.changed(builders.complete_answers(baseline, episode), "safety-1.0", R9=1)
        submission.submit(session, baseline, answers=answers, now=board.clock.now())
        flag = session.scalars(sa.select(Flag).where(Flag.episode_id == episode.id)).one()

    assert flag.severity == "urgent"
    assert flag.evidence["symptoms"][0]["tier"] == "emergency"
    assert flag.evidence["pathway"] == FIRST


def test_a_preview_of_a_clinic_without_episodes_says_so(board: Board) -> None:
    ref = board.draft()
    with board.runtime.reading() as session:
        version = find_version(session, board.clinic.id, ref)
        seen = pathway_changes.preview(session, version, now=board.clock.now())

    assert seen.episodes == seen.draft.flags == 0
    assert "rests on nothing" in seen.cautions[0]


def test_a_preview_of_few_episodes_says_that_they_are_too_few_and_since_when(board: Board) -> None:
    episode = board.enrol()
    board.clock.advance(days=30)
    board.visit(episode, 11)
    ref = board.draft()
    with board.runtime.reading() as session:
        seen = pathway_changes.preview(session, find_version(session, board.clinic.id, ref), now=board.clock.now())

    assert (seen.episodes, seen.patients, seen.responses) == (1, 1, 0)
    assert [(one.kind, one.episode_id) for one in seen.gained_flags] == [("visits_over_threshold", str(episode.id))]
    assert "Too little data: 1 course of care and 0 responses." in seen.cautions[0]
    assert "enrolled on 2 Mar 2026: less than 90 days" in seen.cautions[1]


def test_who_is_not_named_is_no_clinician_of_a_preview(board: Board) -> None:
    with board.runtime.transaction() as session:
        for clinician in ("AB", ""):
            episode = builders.an_episode(session, board.clinic, now=board.clock.now(), clinician=clinician)
            builders.visited(session, episode, 15, now=board.clock.now())
    ref = board.draft()

    with board.runtime.reading() as session:
        seen = pathway_changes.preview(session, find_version(session, board.clinic.id, ref), now=board.clock.now())

    flags = seen.in_force.clinicians
    assert set(flags) == {"AB", ""}
    assert (seen.clinicians, seen.unnamed) == (1, 1)
    assert seen.in_force.per_clinician_and_week == flags["AB"]
    assert f"{flags['AB']:.1f})" in seen.headline
    assert "with 1 clinician (1 course of care with no clinician named)" in seen.basis


def test_a_pathway_that_nobody_keeps_is_not_found(board: Board) -> None:
    with board.runtime.reading() as session, pytest.raises(UnknownPathwayError, match="no pathway"):
        find_pathway(session, f"{BASE}@northside.9")


def test_the_replay_follows_visits_taken_back_and_brought_back_and_what_staff_resolved(board: Board) -> None:
    """What the simulation never does: voids, restorations, corrections, a withdrawal, a late close."""
    episode = board.enrol()
    steps = (
        lambda session: builders.visited(session, held(session), 15, now=board.clock.now()),
        lambda session: visits.void_visit(session, held(session), f"{episode.external_id}-14", **who(board)),
        lambda session: visits.record_visit(
            session, held(session), f"{episode.external_id}-14", VisitDetails(board.clock.now().date()), **who(board)
        ),
        lambda session: resolve(session, "visits_over_threshold"),
        lambda session: visits.void_visit(session, held(session), f"{episode.external_id}-3", **who(board)),
        lambda session: visits.record_visit(
            session,
            held(session),
            f"{episode.external_id}-4",
            VisitDetails(board.clock.now().date(), format="group"),
            **who(board),
        ),
        lambda session: builders.visited(session, held(session), 18, now=board.clock.now()),
        lambda session: administrations.close_late(session, now=board.clock.now(), limit=50),
        lambda session: standing.withdraw(session, session.get_one(Patient, episode.patient_id), **who(board)),
        lambda session: enrolment.close_episode(
            session, held(session), closed_on=board.clock.now().date(), reason="done", **who(board)
        ),
    )

    def held(session: Session) -> Episode:
        return session.get_one(Episode, episode.id)

    def resolve(session: Session, kind: str) -> None:
        flag = session.scalars(sa.select(Flag).where(Flag.kind == kind, Flag.status == "open")).one()
        flags.resolve(session, flag, "reassessed", **who(board))

    really, again = lived(board, steps)

    assert {kind for kind, *_ in really} == {
        "baseline_missing",
        "survey_missed",
        "visits_near_threshold",
        "visits_over_threshold",
    }
    assert again == really


def test_the_replay_follows_a_death_that_was_taken_back(board: Board) -> None:
    """What still holds is flagged again: the visits, and not the silence after the death."""
    episode = board.enrol()

    def patient(session: Session) -> Patient:
        return session.get_one(Patient, episode.patient_id)

    steps = (
        lambda session: builders.visited(session, session.get_one(Episode, episode.id), 15, now=board.clock.now()),
        lambda session: standing.mark_deceased(session, patient(session), **who(board)),
        lambda session: assessment.assess_episodes(session, [episode.id], now=board.clock.now()),
        lambda session: standing.resume(session, patient(session), note="Wrong patient", **who(board)),
    )
    really, again = lived(board, steps)

    assert [(kind, on.isoformat()) for kind, _, _, on in really] == [
        ("visits_over_threshold", "2026-03-04"),
        ("visits_over_threshold", "2026-03-10"),
    ]
    assert again == really


def lived(board: Board, steps: Sequence[Callable[[Session], object]]) -> tuple[list[Any], list[Any]]:
    """Take a step every two days; return the flags that were raised, and those of the replay."""
    began = board.clock.now()
    for step in steps:
        board.clock.advance(days=2)
        with board.runtime.transaction() as session:
            step(session)
    with board.runtime.reading() as session:
        really = sorted(
            (flag.kind, flag.checkpoint, flag.found_basis, flag.raised_at.date())
            for flag in session.scalars(sa.select(Flag))
        )
        [history] = histories(session, board.clinic.id, "hip-related-pain", since=began)
        again = replay(history, find_pathway(session, BASE), until=board.clock.now())
    return really, sorted((one.kind, one.checkpoint, one.basis, one.at.date()) for one in again)


def who(board: Board) -> dict[str, Any]:
    return {"actor": "test", "now": board.clock.now()}
