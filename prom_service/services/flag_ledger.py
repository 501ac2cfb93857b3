"""The ledger of flags: it makes them say what the rules find, and numbers every event.

Steps are taken in memory and written together, however many flags, episodes and clinics they are of: the submission of
one answer and the sweep of a day write by the same statements.

Nobody waits for another in a circle. Whoever writes flags holds their episodes before, in the order of their ids or
by passing over those that others hold; then come the counters of the clinics, all of them in the order of the clinics'
ids; and after a counter nothing is waited for but the next counter, since the flags belong to episodes that are held.
So of those who hold counters, the one that holds the last in order waits for nobody.
"""

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, insert, inspect, select, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import get_history, set_committed_value
from sqlalchemy.orm.exc import StaleDataError

from prom_service.db import id_among, new_id, update_each
from prom_service.models import Base, Clinic, Episode, Flag, FlagEvent, Patient
from prom_service.pathway import ledger
from prom_service.pathway.rules import Finding
from prom_service.pathway.shape import Pathway
from prom_service.queries.flags import Whose, flag_view
from prom_service.services import audit

RULES = "rules"
"""The actor of every step that no person took."""
ESCALATED_SEVERITIES = ("urgent", "high")
COUNTER = Base.metadata.tables[Clinic.__tablename__]
HELD = (  # In this order, or two writers may wait for each other.
    select(COUNTER.c.id, COUNTER.c.flag_event_count)
    .where(id_among(COUNTER.c.id, "clinics"))
    .order_by(COUNTER.c.id)
    .with_for_update(key_share=True)
)
FLAG = Base.metadata.tables[Flag.__tablename__]
CHANGED = update(FLAG).where(FLAG.c.id == bindparam("flag"), FLAG.c.version == bindparam("before"))
MAY_CHANGE = (
    *("severity", "queue", "status", "why", "evidence", "updated_at", "number", "version"),
    *("assignee_id", "snoozed_until", "escalated_to", "escalate_at"),
    *("resolution", "resolution_note", "resolved_at"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step that a flag has taken and that is not written yet; ``view`` is the flag as it then was."""

    flag: Flag
    patient_id: uuid.UUID
    type: str
    actor: str
    detail: dict[str, Any]
    view: dict[str, Any]


def reconcile(
    whose: Whose, pathway: Pathway, known: Sequence[Flag], findings: Sequence[Finding], *, now: dt.datetime
) -> tuple[list[Flag], list[Step]]:
    """Make the flags of an episode say what ``findings`` say; return all of them, the new ones last, and the steps.

    ``known`` are all flags the episode ever had; the caller holds the episode's row, so nobody else writes them. What
    happens to each is decided by ``ledger.steps``. A new flag names its predecessor; a finding that returns on the
    basis of a superseded one is counted on: ``…#1``.
    """
    flags, taken = list(known), []
    for step in ledger.steps(known, findings):
        match step:
            case ledger.Supersede(flag, reason):
                taken.append(_supersede(flag, whose, reason, now))
            case ledger.Update(flag, finding):
                taken += _update(flag, finding, whose, now)
            case ledger.Raise(finding, alike):
                flags.append(_new_flag(finding, alike, whose, pathway, now))
                taken.append(take(flags[-1], whose, "raised", RULES, {}, now))
    return flags, taken


def take(flag: Flag, whose: Whose, type_: str, actor: str, detail: dict[str, Any], now: dt.datetime) -> Step:
    """Return the step that ends in the flag as it is; it may take another before this one is written."""
    flag.id = flag.id or new_id()
    flag.version = (flag.version or 0) + 1
    flag.updated_at = now
    _keep_escalation(flag, now)
    view = flag_view(flag, whose.patient_number, whose.patient_id, whose.clinician)
    return Step(flag, whose.patient_id, type_, actor, detail, view)


def write(session: Session, steps: Sequence[Step], *, now: dt.datetime) -> None:
    """Number the steps of each clinic in their order, and write flags, events and entries of the audit.

    The numbers come from the clinics' rows, which stay locked until the transaction ends: numbers become visible in
    order and none is skipped, whatever else commits meanwhile.
    """
    if not steps:
        return
    with session.no_autoflush:  # A flag is written once, with its number.
        next_number = _take_numbers(session, steps)
    for step in steps:
        step.flag.number = step.view["number"] = next_number[step.flag.clinic_id]
        next_number[step.flag.clinic_id] += 1
    _write_flags(session, {step.flag.id: step.flag for step in steps}.values())
    session.execute(insert(FlagEvent), [_event(step, now) for step in steps])
    audit.note_all(session, [_act(step) for step in steps], now=now)


def note(
    session: Session,
    flag: Flag,
    episode: Episode,
    patient: Patient,
    type_: str,
    actor: str,
    detail: dict[str, Any],
    now: dt.datetime,
) -> None:
    """Write the flag and its next event."""
    write(session, [take(flag, Whose.of(episode, patient), type_, actor, detail, now)], now=now)


def _write_flags(session: Session, flags: Collection[Flag]) -> None:
    """Write those that are new, and what has changed of the others by one statement: the ORM would send one for each.

    Raises ``StaleDataError`` where another wrote one of them meanwhile, as the ORM does.
    """
    known = [flag for flag in flags if inspect(flag).persistent]
    rows = [
        {"flag": flag.id, "before": _version_on_record(flag), **{name: getattr(flag, name) for name in MAY_CHANGE}}
        for flag in known
    ]
    if rows and session.connection().execute(CHANGED, rows).rowcount != len(rows):
        raise StaleDataError("a flag was changed by somebody else meanwhile")
    for flag in known:
        for name in MAY_CHANGE:
            set_committed_value(flag, name, getattr(flag, name))
    session.add_all(flags)
    session.flush()


def _version_on_record(flag: Flag) -> int:
    was: Sequence[int] = get_history(flag, "version").deleted
    return was[0] if was else flag.version


def _take_numbers(session: Session, steps: Sequence[Step]) -> dict[uuid.UUID, int]:
    """Return the first of the numbers that the steps of each clinic take; its row is held from now on."""
    taken = Counter(step.flag.clinic_id for step in steps)
    before: dict[uuid.UUID, int] = dict(session.execute(HELD, {"clinics": list(taken)}).all())
    update_each(session, COUNTER, [{"id": id_, "flag_event_count": n + taken[id_]} for id_, n in before.items()])
    return {id_: count + 1 for id_, count in before.items()}


def _new_flag(finding: Finding, alike: Sequence[Flag], whose: Whose, pathway: Pathway, now: dt.datetime) -> Flag:
    predecessor = max(alike, key=lambda flag: flag.raised_at, default=None)
    returns = sum(flag.found_basis == finding.basis for flag in alike)
    return Flag(
        clinic_id=whose.clinic_id,
        episode_id=whose.episode_id,
        kind=finding.kind,
        checkpoint=finding.checkpoint,
        basis=f"{finding.basis}#{returns}" if returns else finding.basis,
        severity=finding.severity,
        queue=finding.queue,
        status="open",
        why=finding.why,
        evidence=dict(finding.evidence),
        guidance=_guidance(finding, whose, pathway),
        raised_at=now,
        predecessor_id=predecessor.id if predecessor else None,
    )


def _update(flag: Flag, finding: Finding, whose: Whose, now: dt.datetime) -> list[Step]:
    """Have the flag say what its finding says now; return the step, or none where it says so already."""
    values = {
        "severity": finding.severity,
        "queue": finding.queue,
        "why": finding.why,
        "evidence": dict(finding.evidence),
    }
    if all(getattr(flag, name) == value for name, value in values.items()):
        return []
    if finding.severity == "urgent" != flag.severity:
        # Whoever knew of it, or put it aside, knew of something less grave. Whose it is, it stays.
        flag.status, flag.snoozed_until = "open", None
        flag.escalated_to = flag.escalate_at = None
    for name, value in values.items():
        setattr(flag, name, value)
    return [take(flag, whose, "updated", RULES, {}, now)]


def _supersede(flag: Flag, whose: Whose, reason: str, now: dt.datetime) -> Step:
    flag.status = "superseded"
    flag.snoozed_until = None
    return take(flag, whose, "superseded", RULES, {"reason": reason}, now)


def _keep_escalation(flag: Flag, now: dt.datetime) -> None:
    """Have somebody told of a grave flag that nobody has seen, and nobody of any other."""
    if flag.status != "open" or flag.severity not in ESCALATED_SEVERITIES:
        flag.escalated_to = flag.escalate_at = None
    elif flag.escalated_to is None and flag.escalate_at is None:
        flag.escalate_at = now


def _event(step: Step, now: dt.datetime) -> dict[str, Any]:
    return {
        "clinic_id": step.flag.clinic_id,
        "flag_id": step.flag.id,
        "number": step.view["number"],
        "type": step.type,
        "at": now,
        "actor": step.actor,
        "detail": step.detail,
        "flag": step.view,
        "recorded_at": now,
    }


def _act(step: Step) -> audit.Act:
    whose = {"flag": [step.flag.id], "episode": [step.flag.episode_id], "patient": [step.patient_id]}
    return audit.Act(step.flag.clinic_id, step.actor, f"flag.{step.type}", whose)


def _guidance(finding: Finding, whose: Whose, pathway: Pathway) -> dict[str, Any]:
    shown = pathway.guidance_for(finding.guidance_key, diagnosis=whose.diagnosis)
    texts = [{"text": one.text, "source": one.source, "evidence_status": one.evidence_status} for one in shown]
    return {**texts[0], "options": texts[1:]}
