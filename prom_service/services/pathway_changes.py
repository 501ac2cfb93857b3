"""How a clinic changes a pathway: one person drafts, a second one looks at what it would have flagged and activates.

What is in force changes for whoever is enrolled from then on. An episode keeps the version it started under.
"""

import datetime as dt
import hashlib
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from prom_service.errors import ConflictError, InvalidInputError, NotFoundError
from prom_service.models import Clinic, ClinicPathway, Membership, PathwayActivation, PathwayPreview, User
from prom_service.models.clinic_pathway import NOTE_LENGTH
from prom_service.pathway import definition, variant
from prom_service.pathway.lines import line_of
from prom_service.pathway.shape import Pathway
from prom_service.pathway.toml_table import PathwayDefinitionError
from prom_service.queries.pathways import find_pathway, in_force, refs_in_force
from prom_service.services import pathway_preview
from prom_service.services.pathway_preview import Preview
from prom_service.services.rows import add_or_conflict

DRAFTERS = ("clinician", "clinic_admin")
"""Who may draft and look at previews: what is changed is clinical judgement."""
ACTIVATORS = ("clinic_admin",)
TEXT_LENGTH = 100_000
REF_LENGTH = 100
NUMBERS = {"limit": "visits", "notice": "visits", "days": "messages", "phone_after_days": "messages"}
"""The common numbers that a form may set, and the table of the definition each stands in."""


WHOLE = re.compile(r"[0-9]{1,6}|\[[0-9]{1,6}(, [0-9]{1,6})*\]")


@dataclass(frozen=True)
class Checked:
    """A text that makes sense as a variant: the pathway that ships, and the pathway it says."""

    base: str
    pathway: Pathway


def check(text: str) -> Checked:
    """Return what a text says; raise ``InvalidInputError`` naming the line, the key and what is allowed."""
    if len(text) > TEXT_LENGTH:
        raise InvalidInputError({"text": [f"At most {TEXT_LENGTH} characters; this has {len(text)}."]})
    try:
        pathway = definition.read(text, "")
        shipped = _shipped(pathway)
        variant.refuse_other_plan(pathway, shipped)
    except PathwayDefinitionError as error:
        raise InvalidInputError({"text": [_refusal(text, error)]}) from None
    return Checked(shipped.ref, pathway)


def with_numbers(text: str, numbers: Mapping[str, str]) -> str:
    """Return the text with some of ``NUMBERS`` in it, as TOML writes them; all else stays as it is written."""
    for key, value in numbers.items():
        if not WHOLE.fullmatch(value):
            raise InvalidInputError({key: ["Only whole numbers are allowed here."]})
        place = re.compile(
            rf"(^\[{NUMBERS[key]}\](?:(?!^\[).)*?^{key}[ \t]*=[ \t]*)(\[[^\]\n]*\]|[^\s#]+)", re.MULTILINE | re.DOTALL
        )
        found = place.search(text)
        if found is None:
            raise InvalidInputError({key: [f"The text has no {key} under [{NUMBERS[key]}]; write it there."]})
        text = f"{text[: found.start(2)]}{value}{text[found.end(2) :]}"
    return text


def numbers_of(pathway: Pathway) -> dict[str, Any]:
    """Return the numbers of a pathway that a form may set."""
    return {
        "limit": pathway.visit_limit,
        "notice": pathway.visit_notice,
        "days": pathway.reminder_days,
        "phone_after_days": pathway.phone_after_days,
    }


def draft(
    session: Session, clinic: Clinic, text: str, *, note: str, author_id: uuid.UUID, actor: str, now: dt.datetime
) -> ClinicPathway:
    """Keep a version for good, without putting it in force.

    Raise ``InvalidInputError`` when the text makes no sense or nobody says why, and ``ConflictError`` when the clinic
    has a version with this very text.
    """
    _check_role(session, clinic, author_id, DRAFTERS)
    text = text.replace("\r\n", "\n")
    checked, note = check(text), note.strip()
    if not 0 < len(note) <= NOTE_LENGTH:
        raise InvalidInputError({"note": [f"Say why, in at most {NOTE_LENGTH} characters."]})
    digest = _digest(text)
    same = session.scalar(
        select(ClinicPathway.ref).where(ClinicPathway.clinic_id == clinic.id, ClinicPathway.digest == digest)
    )
    if same is not None:
        raise ConflictError(f"This is {same}, word for word. It can be activated as it is.")
    number = 1 + (session.scalar(_highest(ClinicPathway, clinic, checked.base)) or 0)
    ref = variant.as_version(checked.pathway, clinic=clinic.code, number=number).ref
    if len(ref) > REF_LENGTH:
        raise InvalidInputError({"text": [f"{ref} is longer than {REF_LENGTH} characters."]})
    row = ClinicPathway(
        clinic_id=clinic.id,
        base=checked.base,
        number=number,
        ref=ref,
        text=text,
        digest=digest,
        note=note,
        author_id=author_id,
        actor=actor,
        recorded_at=now,
    )
    add_or_conflict(session, row, "Another version was drafted at this very moment. Try again.")
    return row


def preview(session: Session, version: ClinicPathway, *, now: dt.datetime) -> Preview:
    """Return what a version would have flagged in the last 90 days, beside what is in force; nothing is written."""
    before = in_force(session, version.clinic_id, version.base).pathway
    return pathway_preview.preview(session, version.clinic_id, before, find_pathway(session, version.ref), now=now)


def note_preview(
    session: Session,
    clinic: Clinic,
    version: ClinicPathway,
    seen: Preview,
    *,
    seen_by_id: uuid.UUID,
    actor: str,
    now: dt.datetime,
) -> PathwayPreview:
    """Put on record that somebody saw a preview of the version, and what was seen."""
    _check_role(session, clinic, seen_by_id, DRAFTERS)
    row = PathwayPreview(
        clinic_id=version.clinic_id,
        version_id=version.id,
        digest=version.digest,
        against=seen.in_force.ref,
        seen_by_id=seen_by_id,
        figures=seen.figures(),
        actor=actor,
        recorded_at=now,
    )
    session.add(row)
    session.flush()
    return row


def activate(
    session: Session, clinic: Clinic, version: ClinicPathway, *, by_id: uuid.UUID, actor: str, now: dt.datetime
) -> PathwayActivation:
    """Put a version in force for whoever is enrolled from now on; an earlier one may be put in force anew.

    Raise ``ConflictError`` unless it is done by a second person, who saw the preview of this very text beside what is
    in force now.
    """
    _check_role(session, clinic, by_id, ACTIVATORS)
    if version.author_id == by_id:
        raise ConflictError("Whoever drafted a version cannot activate it: a second person has to.", "two_persons")
    before = refs_in_force(session, clinic.id)[version.base]
    if before == version.ref:
        raise ConflictError(f"{version.ref} is in force already.", "in_force")
    seen = _newest_preview(session, version, by_id, before)
    if seen is None or version.digest != _digest(version.text):
        raise ConflictError(
            f"Look at the preview of {version.ref} beside {before} first; then it can be activated.", "not_previewed"
        )
    row = PathwayActivation(
        clinic_id=clinic.id,
        base=version.base,
        number=1 + (session.scalar(_highest(PathwayActivation, clinic, version.base)) or 0),
        version_id=version.id,
        author_id=version.author_id,
        preview_id=seen.id,
        activated_by_id=by_id,
        actor=actor,
        recorded_at=now,
    )
    add_or_conflict(session, row, "Another version was activated at this very moment. Look at the preview again.")
    return row


def find_staff(session: Session, email: str) -> User:
    """Return the account of this address; raise ``NotFoundError`` otherwise."""
    user = session.scalar(select(User).where(User.email == email.lower(), User.deactivated_at.is_(None)))
    if user is None:
        raise NotFoundError("There is no staff account with this address.")
    return user


def role_at(session: Session, clinic_id: uuid.UUID, user_id: uuid.UUID) -> str | None:
    """Return the role of a user at the clinic; None without one."""
    membership = session.get(Membership, (user_id, clinic_id))
    return membership.role if membership else None


def _check_role(session: Session, clinic: Clinic, user_id: uuid.UUID, roles: Sequence[str]) -> None:
    if role_at(session, clinic.id, user_id) not in roles:
        raise ConflictError(f"This takes the role {' or '.join(roles)} at {clinic.code}.", "role")


def _shipped(pathway: Pathway) -> Pathway:
    try:
        return definition.find(pathway.ref)
    except definition.UnknownPathwayError:
        known = ", ".join(f"{one.key} with version {one.version}" for one in definition.all_pathways())
        raise PathwayDefinitionError("", "key", f"no pathway ships as {pathway.ref}; allowed are {known}") from None


def _refusal(text: str, error: PathwayDefinitionError) -> str:
    """Return the refusal in one sentence, with the line where it can be told."""
    if not error.path:
        return f"The text {error.what}."
    line = line_of(text, error.path)
    return f"{f'Line {line}, ' if line else ''}{error.path}: {error.what}."


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _highest(table: type[ClinicPathway | PathwayActivation], clinic: Clinic, base: str) -> Any:
    return select(func.max(table.number)).where(table.clinic_id == clinic.id, table.base == base)


def _newest_preview(
    session: Session, version: ClinicPathway, seen_by_id: uuid.UUID, against: str
) -> PathwayPreview | None:
    return session.scalar(
        select(PathwayPreview)
        .where(
            PathwayPreview.version_id == version.id,
            PathwayPreview.seen_by_id == seen_by_id,
            PathwayPreview.digest == version.digest,
            PathwayPreview.against == against,
        )
        .order_by(PathwayPreview.id.desc())
        .limit(1)
    )
