"""The wording packs of a clinic: loading and withdrawing them, and keeping an administration in its first words."""

import datetime as dt
import hashlib
from collections.abc import Iterable

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

import instruments
from instruments import wording
from prom_service.errors import InvalidInputError, NotFoundError
from prom_service.models import Administration, Clinic, PinnedPack, WordingPack, WordingWithdrawal
from prom_service.queries.wording import OFFICIAL, words_in_force
from prom_service.services.clinics import check_official_wording_kept
from prom_service.services.languages import check_spoken
from prom_service.services.rows import add_or_conflict

SOURCE_LENGTH = 200


def load_pack(session: Session, clinic: Clinic, text: str, *, actor: str, now: dt.datetime) -> tuple[WordingPack, bool]:
    """Put a pack in force for whoever starts from now on; return it, and whether it was not in force before.

    Raise ``WordingError`` naming everything that keeps the text from wording its whole instrument, and
    ``ConflictError`` for own words where the clinic went live on official ones.
    """
    pack = wording.parse(text)
    reworded = wording.apply(instruments.find(pack.instrument), pack)
    if reworded.wording != OFFICIAL and reworded.scales:
        check_official_wording_kept(clinic)
    check_spoken(pack.language)
    if not 0 < len(pack.source.strip()) <= SOURCE_LENGTH:
        raise InvalidInputError({"source": [f"Say where the words come from in at most {SOURCE_LENGTH} characters."]})
    newest = _newest(session, clinic, pack.instrument, pack.language)
    digest = hashlib.sha256(text.encode()).hexdigest()
    if newest is not None and newest.digest == digest and not _is_withdrawn(session, newest):
        return newest, False
    loaded = WordingPack(
        clinic_id=clinic.id,
        instrument=pack.instrument,
        language=pack.language,
        number=newest.number + 1 if newest else 1,
        wording=pack.wording,
        source=pack.source.strip(),
        text=text,
        digest=digest,
        loaded_by=actor,
        recorded_at=now,
    )
    add_or_conflict(session, loaded, f"Another pack for {pack.instrument} was loaded at this very moment.")
    return loaded, True


def withdraw_pack(
    session: Session, clinic: Clinic, instrument: str, language: str, *, actor: str, now: dt.datetime
) -> WordingPack:
    """Take the pack in force out of force and return it: whoever starts from now on is asked in our own words."""
    newest = _newest(session, clinic, instrument, language)
    if newest is None or _is_withdrawn(session, newest):
        raise NotFoundError(f"No pack for {instrument} in {language} is in force at {clinic.code}.")
    if newest.wording == OFFICIAL and instruments.find(instrument).scales:
        check_official_wording_kept(clinic)
    withdrawal = WordingWithdrawal(clinic_id=clinic.id, pack_id=newest.id, actor=actor, recorded_at=now)
    add_or_conflict(session, withdrawal, "The pack was withdrawn at this very moment.")
    return newest


def pin_packs(
    session: Session, administration: Administration, asked: Iterable[str], language: str, *, now: dt.datetime
) -> None:
    """Keep an administration that is being started in the words now in force, to its end."""
    words = words_in_force(session, administration.clinic_id, language)
    session.add_all(
        PinnedPack(
            clinic_id=administration.clinic_id,
            administration_id=administration.id,
            instrument=ref,
            pack_id=words.packs[ref].id,
            recorded_at=now,
        )
        for ref in asked
        if ref in words.packs
    )


def _newest(session: Session, clinic: Clinic, instrument: str, language: str) -> WordingPack | None:
    return session.scalar(
        select(WordingPack)
        .where(
            WordingPack.clinic_id == clinic.id, WordingPack.instrument == instrument, WordingPack.language == language
        )
        .order_by(WordingPack.number.desc())
        .limit(1)
    )


def _is_withdrawn(session: Session, pack: WordingPack) -> bool:
    return bool(session.scalar(select(exists().where(WordingWithdrawal.pack_id == pack.id))))
