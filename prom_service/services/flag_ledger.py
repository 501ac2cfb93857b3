"""The ledger of flags: it makes them say what the rules find, and numbers every event."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, update
from sqlalchemy.orm import Session

from prom_service.models import Clinic, Episode, Flag, FlagEvent, Patient
from prom_service.pathway import ledger
from prom_service.pathway.rules import Finding
from prom_service.queries.flags import flag_view
from prom_service.queries.pathways import find_pathway
from prom_service.services import audit

RULES = "rules"
"""The actor of every step that no person took."""
ESCALATED_SEVERITIES = ("urgent", "high")
NEXT_NUMBER = (
    update(Clinic)
    .where(Clinic.id == bindparam("clinic"))
    .values(flag_event_count=Clinic.flag_event_count + 1)
    .returning(Clinic.flag_event_count)
    .execution_options(synchronize_session=False)
)


def reconcile(
    session: Session,
    episode: Episode,
    patient: Patient,
    known: Sequence[Flag],
    findings: Sequence[Finding],
    *,
    now: dt.datetime,
) -> list[Flag]:
    """Make the flags of ``episode`` say what ``findings`` say; return all of them, the new ones last.

    ``known`` are all flags the episode ever had; the caller holds the episode's row, so nobody else writes them. What
    happens to each is decided by ``ledger.steps``. A new flag names its predecessor; a finding that returns on the
    basis of a superseded one is counted on: ``…#1``.
    """
    flags = list(known)
    for step in ledger.steps(known, findings):
        match step:
            case ledger.Supersede(flag, reason):
                _supersede(session, flag, episode, patient, reason, now)
            case ledger.Update(flag, finding):
                _update(session, flag, finding, episode, patient, now)
            case ledger.Raise(finding, alike):
                flags.append(_raise(session, finding, alike, episode, patient, now))
    return flags


def _raise(
    session: Session, finding: Finding, alike: Sequence[Flag], episode: Episode, patient: Patient, now: dt.datetime
) -> Flag:
    predecessor = max(alike, key=lambda flag: flag.raised_at, default=None)
    returns = sum(flag.found_basis == finding.basis for flag in alike)
    flag = Flag(
        clinic_id=episode.clinic_id,
        episode_id=episode.id,
        kind=finding.kind,
        checkpoint=finding.checkpoint,
        basis=f"{finding.basis}#{returns}" if returns else finding.basis,
        severity=finding.severity,
        queue=finding.queue,
        status="open",
        why=finding.why,
        evidence=dict(finding.evidence),
        guidance=_guidance(session, finding, episode),
        raised_at=now,
        updated_at=now,
        number=0,
        predecessor_id=predecessor.id if predecessor else None,
    )
    note(session, flag, episode, patient, "raised", RULES, {}, now)
    return flag


def _update(
    session: Session, flag: Flag, finding: Finding, episode: Episode, patient: Patient, now: dt.datetime
) -> None:
    values = {
        "severity": finding.severity,
        "queue": finding.queue,
        "why": finding.why,
        "evidence": dict(finding.evidence),
    }
    if all(getattr(flag, name) == value for name, value in values.items()):
        return
    if finding.severity == "urgent" != flag.severity:
        # Whoever knew of it, or put it aside, knew of something less grave. Whose it is, it stays.
        flag.status, flag.snoozed_until = "open", None
        flag.escalated_to = flag.escalate_at = None
    for name, value in values.items():
        setattr(flag, name, value)
    note(session, flag, episode, patient, "updated", RULES, {}, now)


def _supersede(session: Session, flag: Flag, episode: Episode, patient: Patient, reason: str, now: dt.datetime) -> None:
    flag.status = "superseded"
    flag.snoozed_until = None
    note(session, flag, episode, patient, "superseded", RULES, {"reason": reason}, now)


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
    """Write the flag and its next event.

    The number comes from the clinic's row, which stays locked until the transaction ends: numbers become visible
    in order and none is skipped, whatever else commits meanwhile.
    """
    flag.number = session.scalars(NEXT_NUMBER, {"clinic": flag.clinic_id}).one()
    flag.updated_at = now
    _keep_escalation(flag, now)
    session.add(flag)
    session.flush()
    session.add(
        FlagEvent(
            clinic_id=flag.clinic_id,
            flag_id=flag.id,
            number=flag.number,
            type=type_,
            at=now,
            actor=actor,
            detail=detail,
            flag=flag_view(flag, patient.external_id, patient.id, episode.clinician),
            recorded_at=now,
        )
    )
    session.flush()
    whose = {"flag": [flag.id], "episode": [flag.episode_id], "patient": [patient.id]}
    audit.note(session, flag.clinic_id, actor=actor, act=f"flag.{type_}", subjects=whose, now=now)


def _keep_escalation(flag: Flag, now: dt.datetime) -> None:
    """Have somebody told of a grave flag that nobody has seen, and nobody of any other."""
    if flag.status != "open" or flag.severity not in ESCALATED_SEVERITIES:
        flag.escalated_to = flag.escalate_at = None
    elif flag.escalated_to is None and flag.escalate_at is None:
        flag.escalate_at = now


def _guidance(session: Session, finding: Finding, episode: Episode) -> dict[str, Any]:
    shown = find_pathway(session, episode.pathway).guidance_for(finding.guidance_key, diagnosis=episode.diagnosis)
    texts = [{"text": one.text, "source": one.source, "evidence_status": one.evidence_status} for one in shown]
    return {**texts[0], "options": texts[1:]}
