"""Visits in all their versions, the episodes they serve, and flags with their events, as rows."""

from collections.abc import Mapping

import numpy as np

from prom_service.models import Clinic, EpisodeVisit, Flag, FlagEvent, Visit, VisitVersion
from prom_service.pathway.shape import VISIT_FORMATS
from prom_service.simulation.population.attended import DOCUMENTED, STATUSES, Attended, shared_visits
from prom_service.simulation.population.bulk import Bulk
from prom_service.simulation.population.care import TIMEPOINTS, Care
from prom_service.simulation.population.care_rows import Ids, clinicians
from prom_service.simulation.population.raised import SEVERITIES, Raised
from prom_service.simulation.population.written import Bools, Ints, at, days, flags, instants


def write_visits(writer: Bulk, clinic: str, ids: Ids, care: Care, visits: Attended) -> list[str]:
    """Write visits, versions and services; return the ids of the visits."""
    visit, count = writer.ids(len(visits)), len(visits)
    versions = 1 + (np.stack(_steps(visits)) >= 0).sum(axis=0)
    still_voided = (visits.voided_at >= 0) & (visits.restored_at < 0)
    writer.add(
        Visit,
        count,
        id=visit,
        clinic_id=clinic,
        external_id=[f"V{index:07}" for index in range(count)],
        **_said(visits, visits.clinician_after, np.arange(count)),
        voided_at=instants(np.where(still_voided, visits.voided_at, -1)),
        restorations=flags(visits.restored_at >= 0),
        number=versions.tolist(),
        recorded_at=instants(visits.recorded),
    )
    _write_versions(writer, clinic, visit, visits)
    writer.add(
        EpisodeVisit,
        count,
        id=writer.ids(count),
        clinic_id=clinic,
        episode_id=at(visits.episode, ids.episode),
        visit_id=visit,
        recorded_at=instants(visits.recorded),
        removed_at=instants(visits.taken_off_at),
    )
    rows, episodes = shared_visits(care, visits)
    moments = np.maximum(visits.recorded[rows], care.enrolled[episodes] + 600)
    writer.add(
        EpisodeVisit,
        len(rows),
        id=writer.ids(len(rows)),
        clinic_id=clinic,
        episode_id=at(episodes, ids.episode),
        visit_id=at(rows, visit),
        recorded_at=instants(moments),
    )
    return visit


def _steps(visits: Attended) -> tuple[Ints, Ints, Ints]:
    """When each further version of a visit was reported, in order; -1 where it never was."""
    return visits.corrected_at, visits.voided_at, visits.restored_at


def _write_versions(writer: Bulk, clinic: str, visit: list[str], visits: Attended) -> None:
    everyone = np.arange(len(visits))
    number = np.ones(len(visits), dtype=np.int64)
    _write_version(writer, clinic, visit, visits, everyone, visits.clinician, number, visits.recorded, voided=False)
    for place, moment in enumerate(_steps(visits)):
        rows = np.flatnonzero(moment >= 0)
        number[rows] += 1
        _write_version(
            writer, clinic, visit, visits, rows, visits.clinician_after, number[rows], moment[rows], voided=place == 1
        )


def _write_version(
    writer: Bulk,
    clinic: str,
    visit: list[str],
    visits: Attended,
    rows: Ints,
    clinician: Ints,
    number: Ints,
    moment: Ints,
    *,
    voided: bool,
) -> None:
    writer.add(
        VisitVersion,
        len(rows),
        id=writer.ids(len(rows)),
        clinic_id=clinic,
        visit_id=at(rows, visit),
        number=number.tolist(),
        voided=int(voided),
        **_said(visits, clinician, rows),
        actor="command",
        recorded_at=instants(moment),
    )


def _said(visits: Attended, clinician: Ints, rows: Ints) -> dict[str, list[str | None] | list[str] | list[int]]:
    return {
        "visited_on": days(visits.on[rows]),
        "clinician": at(clinician[rows], clinicians()),
        "status": at(visits.status[rows], STATUSES),
        "format": at(visits.format[rows], VISIT_FORMATS),
        "reassessed": flags(visits.reassessed[rows]),
        "documentation": at(visits.documentation[rows], DOCUMENTED),
    }


def write_flags(writer: Bulk, clinic: str, ids: Ids, bases: Mapping[str, list[str]], raised: list[Raised]) -> None:
    """Write the flags and their events, numbered in the order in which they happened."""
    opened = np.concatenate([one.found.at for one in raised])
    ended = np.concatenate([one.resolved_at for one in raised])
    resolved = np.flatnonzero(ended >= 0)
    flag = writer.ids(len(opened))
    moments = np.concatenate([opened, ended[resolved]])
    number = np.empty(len(moments), dtype=np.int64)
    number[np.argsort(moments, kind="stable")] = np.arange(1, len(moments) + 1)
    newest = number[: len(opened)].copy()
    newest[resolved] = number[len(opened) :]
    _write_flags(writer, clinic, ids, bases, raised, flag, newest, ended >= 0)
    for type_, rows, numbers, at_ in (
        ("raised", np.arange(len(opened)), number[: len(opened)], opened),
        ("resolved", resolved, number[len(opened) :], ended[resolved]),
    ):
        writer.add(
            FlagEvent,
            len(rows),
            id=writer.ids(len(rows)),
            clinic_id=clinic,
            flag_id=at(rows, flag),
            number=numbers.tolist(),
            type=type_,
            at=instants(at_),
            actor="rules" if type_ == "raised" else "command",
            detail="{}" if type_ == "raised" else '{"reason": "reassessed"}',
            flag="{}",
            recorded_at=instants(at_),
        )
    writer.set(Clinic, clinic, "flag_event_count", len(moments))


def _write_flags(
    writer: Bulk,
    clinic: str,
    ids: Ids,
    bases: Mapping[str, list[str]],
    raised: list[Raised],
    flag: list[str],
    number: Ints,
    ended: Bools,
) -> None:
    place = 0
    for one in raised:
        found, count = one.found, len(one.found.at)
        rows = slice(place, place + count)
        place += count
        closed = ended[rows].tolist()
        writer.add(
            Flag,
            count,
            id=flag[rows],
            clinic_id=clinic,
            episode_id=at(found.episode, ids.episode),
            kind=found.kind,
            checkpoint=[TIMEPOINTS[which] if which >= 0 else "" for which in found.timepoint.tolist()],
            basis=[f"{found.source}:{_dashed(one)}" for one in at(found.basis, bases[found.source])],
            severity=at(found.severity, SEVERITIES),
            queue="follow_up" if found.kind == "survey_missed" else "clinical",
            status=["resolved" if one else "open" for one in closed],
            why="As found by the rules.",
            evidence="{}",
            guidance="{}",
            raised_at=instants(found.at),
            updated_at=instants(np.maximum(found.at, one.resolved_at)),
            number=number[rows].tolist(),
            resolution=["reassessed" if one else None for one in closed],
            resolved_at=instants(one.resolved_at),
            version=1,
        )


def _dashed(key: str) -> str:
    return f"{key[:8]}-{key[8:12]}-{key[12:16]}-{key[16:20]}-{key[20:]}"
