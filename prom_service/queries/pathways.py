"""The one place where a pathway is looked up: those that ship, and the versions of a clinic."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session

from prom_service.errors import NotFoundError
from prom_service.models import Clinic, ClinicPathway, PathwayActivation
from prom_service.pathway import definition, variant
from prom_service.pathway.definition import UnknownPathwayError
from prom_service.pathway.shape import Pathway

MOST_READ = 500
READ_HERE = "pathways"
_read: dict[tuple[str, str], Pathway] = {}
"""What was read in this process, by reference and digest: a text never changes."""


@dataclass(frozen=True)
class InForce:
    """The pathway on which a clinic enrols now, with its TOML text."""

    pathway: Pathway
    text: str


def find_pathway(session: Session, ref: str) -> Pathway:
    """Return the pathway of that reference, one that ships or a clinic's; ``UnknownPathwayError`` otherwise."""
    try:
        return definition.find(ref)
    except UnknownPathwayError:
        read: dict[str, Pathway] = session.info.setdefault(READ_HERE, {})
        if ref not in read:
            read[ref] = _find_version(session, ref)
        return read[ref]


def known_pathways(
    session: Session, clinic_ids: Sequence[uuid.UUID] | Select[Any] | None = None
) -> tuple[Pathway, ...]:
    """Return every pathway that an episode may be on: those that ship, then what these clinics (all) ever activated."""
    query = (
        select(ClinicPathway.ref)
        .join(PathwayActivation, PathwayActivation.version_id == ClinicPathway.id)
        .distinct()
        .order_by(ClinicPathway.ref)
    )
    if clinic_ids is not None:
        query = query.where(ClinicPathway.clinic_id.in_(clinic_ids))
    return (*definition.all_pathways(), *(find_pathway(session, ref) for ref in session.scalars(query).all()))


def refs_in_force(session: Session, clinic_id: uuid.UUID) -> Mapping[str, str]:
    """Return, for each pathway that ships, the reference of the version on which the clinic enrols now."""
    newest = (
        select(PathwayActivation.base, func.max(PathwayActivation.number).label("number"))
        .where(PathwayActivation.clinic_id == clinic_id)
        .group_by(PathwayActivation.base)
        .subquery()
    )
    activated = session.execute(
        select(ClinicPathway.base, ClinicPathway.ref)
        .join(PathwayActivation, PathwayActivation.version_id == ClinicPathway.id)
        .join(newest, and_(newest.c.base == PathwayActivation.base, newest.c.number == PathwayActivation.number))
        .where(PathwayActivation.clinic_id == clinic_id)
    )
    versions = {one.ref: one.ref for one in definition.all_pathways()}
    versions.update((row.base, row.ref) for row in activated)
    return versions


def in_force(session: Session, clinic_id: uuid.UUID, base: str) -> InForce:
    """Return what the clinic enrols on under a pathway that ships; ``UnknownPathwayError`` when none ships so."""
    shipped = definition.find(base)
    ref = refs_in_force(session, clinic_id)[shipped.ref]
    if ref == shipped.ref:
        return InForce(shipped, definition.text_of(ref))
    text = session.scalars(select(ClinicPathway.text).where(ClinicPathway.ref == ref)).one()
    return InForce(find_pathway(session, ref), text)


def find_version(session: Session, clinic_id: uuid.UUID, named: str | uuid.UUID) -> ClinicPathway:
    """Return the clinic's version of that reference or id; raise ``NotFoundError`` otherwise."""
    its = ClinicPathway.id == named if isinstance(named, uuid.UUID) else ClinicPathway.ref == named
    found = session.scalar(select(ClinicPathway).where(ClinicPathway.clinic_id == clinic_id, its))
    if found is None:
        raise NotFoundError("There is no such version of a pathway.")
    return found


def list_versions(session: Session, clinic_id: uuid.UUID, base: str | None = None) -> Sequence[ClinicPathway]:
    """Return the clinic's versions, the newest first, of one pathway or of all."""
    query = select(ClinicPathway).where(ClinicPathway.clinic_id == clinic_id)
    if base is not None:
        query = query.where(ClinicPathway.base == base)
    return session.scalars(query.order_by(ClinicPathway.base, ClinicPathway.number.desc())).all()


def list_activations(session: Session, clinic_id: uuid.UUID) -> Sequence[PathwayActivation]:
    """Return the clinic's activations, the newest first: who put which version in force, and when."""
    return session.scalars(
        select(PathwayActivation)
        .where(PathwayActivation.clinic_id == clinic_id)
        .order_by(PathwayActivation.base, PathwayActivation.number.desc())
    ).all()


def read_version(row: ClinicPathway, clinic_code: str) -> Pathway:
    """Return the pathway of a version, under the reference its episodes keep."""
    return variant.as_version(definition.read(row.text, row.ref), clinic=clinic_code, number=row.number)


def _find_version(session: Session, ref: str) -> Pathway:
    found = session.execute(
        select(ClinicPathway.id, ClinicPathway.digest).where(ClinicPathway.ref == ref)
    ).one_or_none()
    if found is None:
        raise UnknownPathwayError(f"There is no pathway {ref!r}.")
    pathway = _read.get((ref, found.digest))
    if pathway is None:
        row, code = session.execute(
            select(ClinicPathway, Clinic.code)
            .join(Clinic, Clinic.id == ClinicPathway.clinic_id)
            .where(ClinicPathway.id == found.id)
        ).one()
        if len(_read) >= MOST_READ:
            _read.clear()
        pathway = _read[ref, found.digest] = read_version(row, code)
    return pathway
