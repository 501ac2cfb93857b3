"""The audit: what is noted is on record with the act, is chained without a gap, and cannot be edited unseen."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from prom_service.models import AuditChain, AuditEntry
from prom_service.models.audit import SERVICE
from prom_service.queries.audit import list_entries
from prom_service.runtime import Runtime
from prom_service.services import audit
from prom_service.services.audit_verification import Verified, verify
from scheduler import jobs
from tests import builders, mailroom
from tests.fakes import Clock

CLINIC = uuid.uuid4()


def an_entry(prom: Runtime, clinic_id: uuid.UUID = CLINIC, act: str = "looked", **said: object) -> None:
    """An entry that is committed."""
    with prom.transaction() as session:
        audit.note(session, clinic_id, actor="command", act=act, subjects={}, now=prom.now(), **said)


def entries(prom: Runtime) -> list[AuditEntry]:
    with prom.reading() as session:
        return list(session.scalars(sa.select(AuditEntry).order_by(AuditEntry.clinic_id, AuditEntry.number)))


def test_a_session_without_the_secret_says_how_to_open_one(runtime: Runtime) -> None:
    with Session(runtime.engine) as bare, pytest.raises(LookupError, match=r"open it with Runtime\.transaction"):
        audit.note(bare, CLINIC, actor="command", act="looked", subjects={}, now=runtime.now())


def verified(prom: Runtime) -> dict[uuid.UUID, Verified]:
    with prom.reading() as session:
        return {one.clinic_id: one for one in verify(session, [], secret=prom.settings.secret)}


def test_an_act_that_does_not_happen_leaves_no_entry(runtime: Runtime) -> None:
    with runtime.transaction() as session:
        audit.note(session, CLINIC, actor="command", act="looked", subjects={}, now=runtime.now())
        session.rollback()

    assert entries(runtime) == []


def test_each_clinic_has_a_chain_of_its_own_without_a_gap(runtime: Runtime, clock: Clock) -> None:
    other = uuid.uuid4()
    for clinic_id in (CLINIC, other, CLINIC, SERVICE, CLINIC, other):
        an_entry(runtime, clinic_id)
        clock.advance(minutes=1)
        jobs.seal_audit(runtime)

    numbers = [(one.clinic_id, one.number) for one in entries(runtime)]

    expected = {CLINIC: 3, other: 2, SERVICE: 1}
    assert set(numbers) == {(clinic, number + 1) for clinic, count in expected.items() for number in range(count)}
    assert all(one.broken is None for one in verified(runtime).values())


def test_more_entries_than_fit_in_one_batch_are_all_sealed(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "SEALED_AT_ONCE", 2)
    for _ in range(5):
        an_entry(runtime)

    assert (jobs.seal_audit(runtime), jobs.seal_audit(runtime)) == (5, 0)
    assert [one.number for one in entries(runtime)] == [1, 2, 3, 4, 5]


def test_a_sealed_entry_takes_no_edit_and_no_second_seal(runtime: Runtime) -> None:
    an_entry(runtime)
    jobs.seal_audit(runtime)

    for change in ("act = 'nothing'", "number = 2", "number = NULL, hash = NULL, sealed_at = NULL"):
        with pytest.raises(DBAPIError, match="a fact is written once"), runtime.transaction() as session:
            session.execute(sa.text(f"UPDATE audit_entry SET {change}"))


def test_an_entry_that_waits_for_its_seal_takes_nothing_but_the_seal(runtime: Runtime) -> None:
    an_entry(runtime)
    sealed = {"number": 1, "hash": "0" * 64, "sealed_at": runtime.now()}

    for change in ({"act": "nothing"}, {"act": "nothing", **sealed}, {"request_id": "x", **sealed}):
        with pytest.raises(DBAPIError, match="a fact is written once"), runtime.transaction() as session:
            session.execute(sa.update(AuditEntry).values(**change))


def test_no_entry_can_be_deleted(runtime: Runtime) -> None:
    an_entry(runtime)
    jobs.seal_audit(runtime)
    an_entry(runtime)

    for which in ("number IS NULL", "number = 1"):
        with pytest.raises(DBAPIError, match="a fact is written once"), runtime.transaction() as session:
            session.execute(sa.text(f"DELETE FROM audit_entry WHERE {which}"))


def test_an_entry_names_the_patient_whose_flag_or_message_it_concerns(runtime: Runtime, clock: Clock) -> None:
    with runtime.transaction() as session:
        episode = builders.an_episode(session, builders.a_clinic(session, now=clock.now()), now=clock.now())
        administration = builders.the_administration(session, episode, "baseline")
        named = {"administration": [administration.id]}
        audit.note_about(session, episode.clinic_id, named, actor="sweep", act="looked", now=clock.now())
        builders.an_episode(session, builders.a_clinic(session, now=clock.now()), now=clock.now())

    with runtime.reading() as session:
        [entry] = list_entries(session, episode.clinic_id, episode.patient_id)

    ids = (f'"administration":["{administration.id}"]', f'"episode":["{episode.id}"]')
    assert entry["subjects"] == f'{{{ids[0]},{ids[1]},"patient":["{episode.patient_id}"]}}'


def test_what_the_rules_flag_and_the_sweep_sends_is_on_record(runtime: Runtime, clock: Clock) -> None:
    from prom_service.services import submission

    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=clock.now())
        episode = builders.an_episode(session, clinic, now=clock.now())
        baseline = builders.the_administration(session, episode, "baseline")
        answers = builders.changed(builders.complete_answers(baseline, episode), "safety-1.0", R9=1)
        submission.submit(session, baseline, answers=answers, now=clock.now())
        builders.an_episode(session, clinic, now=clock.now())
    clock.advance(hours=2)
    jobs.send_due_messages(runtime)
    clock.advance(days=8)
    jobs.close_late_administrations(runtime)

    said = [(one.actor, one.act) for one in sorted(entries(runtime), key=lambda one: one.id)]
    assert said[0] == ("rules", "flag.raised")
    assert {("sweep", "message.sent"), ("sweep", "administration.missed")} <= set(said)


def test_sealers_and_writers_at_once_never_fork_a_chain(runtime: Runtime, full: bool) -> None:
    rounds = 100 if full else 10

    def work(number: int) -> None:
        for _ in range(rounds):
            an_entry(runtime, act=f"looked {number}")
            with runtime.transaction() as session:
                audit.seal(session, clinic_id=CLINIC, now=runtime.now(), limit=3)

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(work, range(4)))
    jobs.seal_audit(runtime)

    [found] = verified(runtime).values()
    assert (found.sealed, found.unsealed, found.broken) == (4 * rounds, 0, None)


def test_a_sealer_leaves_alone_what_another_is_at(postgres_url: str, tmp_path: Path, clock: Clock) -> None:
    with mailroom.mail_runtime(postgres_url, tmp_path, clock) as prom:
        an_entry(prom)
        jobs.seal_audit(prom)
        an_entry(prom)

        with prom.transaction() as first, prom.transaction() as second:
            counts = [audit.seal(one, clinic_id=CLINIC, now=prom.now(), limit=9) for one in (first, second)]

    assert counts == [1, 0]


def test_an_entry_without_its_own_digest_is_found_before_and_after_it_is_sealed(runtime: Runtime) -> None:
    an_entry(runtime)
    with runtime.transaction() as session:
        _forge(session, act="forged")

    before = verified(runtime)[CLINIC].broken
    jobs.seal_audit(runtime)
    after = verified(runtime)[CLINIC].broken

    assert before is not None
    assert after is not None
    assert (before.problem, after.problem) == ("was edited, or was not written by this service",) * 2


def test_a_chain_that_is_shorter_than_its_end_says_is_found(runtime: Runtime) -> None:
    an_entry(runtime)
    jobs.seal_audit(runtime)
    with runtime.transaction() as session:
        session.execute(sa.update(AuditChain).values(number=3))

    broken = verified(runtime)[CLINIC].broken

    assert broken is not None
    assert (broken.number, broken.problem) == (2, "and all behind it, up to 3, are missing")


def _forge(session: Session, **changes: object) -> None:
    """Put a copy of an entry into the table as somebody would who does not have the service's secret."""
    row = dict(session.execute(sa.select(AuditEntry.__table__)).mappings().first() or {})
    session.execute(sa.insert(AuditEntry.__table__), {**row, "id": uuid.uuid4(), **changes})
