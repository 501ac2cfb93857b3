"""In which words a clinic asks: those of its wording packs, else our own in the language, else our own in English."""

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

import instruments
from instruments import wording
from instruments.definition import Instrument
from instruments.errors import WordingError
from prom_service.models import Administration, Clinic, PinnedPack, WordingPack, WordingWithdrawal
from prom_service.queries.pathways import known_pathways
from prom_service.queries.registry import list_languages

OFFICIAL = "official"
MOST_READ = 500
"""Packs kept ready by one process; all are let go when there are more."""
_read: dict[str, Instrument] = {}

# Written once and kept: building a statement costs more than running it.
PACK = (
    WordingPack.id,
    WordingPack.instrument,
    WordingPack.language,
    WordingPack.wording,
    WordingPack.source,
    WordingPack.digest,
    WordingPack.loaded_by,
    WordingPack.recorded_at,
    WordingWithdrawal.recorded_at.label("withdrawn_at"),
)
"""Everything said of a pack but its text, which is long."""
LOADED = (
    select(*PACK)
    .outerjoin(WordingWithdrawal, WordingWithdrawal.pack_id == WordingPack.id)
    .where(WordingPack.clinic_id == bindparam("clinic"))
    .order_by(WordingPack.instrument, WordingPack.language, WordingPack.number)
)
LOADED_IN = LOADED.where(WordingPack.language == bindparam("language"))
PINNED = (
    select(*PACK)
    .join(PinnedPack, PinnedPack.pack_id == WordingPack.id)
    .outerjoin(WordingWithdrawal, WordingWithdrawal.pack_id == WordingPack.id)
    .where(PinnedPack.administration_id == bindparam("administration"), WordingPack.language == bindparam("language"))
)


@dataclass(frozen=True)
class Pack:
    """One loaded pack, and its instrument in the words of the pack."""

    id: uuid.UUID
    digest: str
    source: str
    recorded_at: dt.datetime
    instrument: Instrument


@dataclass(frozen=True)
class Worded:
    """In which words answers were given: ``own`` or ``official``, and of which pack, if any."""

    wording: str
    pack_id: uuid.UUID | None = None


@dataclass(frozen=True)
class Words:
    """The words of one language: packs by the reference of their instrument, our own for all others."""

    language: str
    packs: Mapping[str, Pack]

    def instrument(self, ref: str) -> Instrument:
        """Return the instrument in these words; without any in the language it is in English."""
        if ref in self.packs:
            return self.packs[ref].instrument
        try:
            return instruments.find_in(self.language, ref)
        except WordingError:
            return instruments.find(ref)

    def worded(self, ref: str) -> Worded:
        """Return what is kept of these words with the answers to an instrument."""
        pack = self.packs.get(ref)
        return Worded(self.instrument(ref).wording, pack.id if pack else None)


@dataclass(frozen=True)
class LoadedPack:
    """One pack as the clinic sees it in a list."""

    instrument: str
    language: str
    wording: str
    source: str
    digest: str
    loaded_by: str
    loaded_at: dt.datetime
    withdrawn_at: dt.datetime | None
    in_force: bool


def words_in_force(session: Session, clinic_id: uuid.UUID, language: str, *, at: dt.datetime | None = None) -> Words:
    """Return the words in which the clinic asks in a language: now, or as it did at an instant."""
    rows = session.execute(LOADED_IN, {"clinic": clinic_id, "language": language}).all()
    return _words(session, language, _newest(rows, at).values())


def words_of(session: Session, administration: Administration, language: str) -> Words:
    """Return the words in which an administration is asked: once started, those in force when Start was pressed.

    Who reads on in another language than that of the start gets our own words from there on.
    """
    if administration.started_at is None:
        return words_in_force(session, administration.clinic_id, language)
    pinned = session.execute(PINNED, {"administration": administration.id, "language": language})
    return _words(session, language, pinned)


def list_packs(session: Session, clinic_id: uuid.UUID) -> Sequence[LoadedPack]:
    """Return every pack the clinic ever loaded, by instrument and language, the newest first."""
    rows = session.execute(LOADED, {"clinic": clinic_id}).all()
    in_force = {row.id for row in _newest(rows, None).values()}
    shown = [
        LoadedPack(
            instrument=row.instrument,
            language=row.language,
            wording=row.wording,
            source=row.source,
            digest=row.digest,
            loaded_by=row.loaded_by,
            loaded_at=row.recorded_at,
            withdrawn_at=row.withdrawn_at,
            in_force=row.id in in_force,
        )
        for row in reversed(rows)
    ]
    return sorted(shown, key=lambda pack: (pack.instrument, pack.language))


def list_own_wording(session: Session, clinic: Clinic) -> list[str]:
    """Return what the clinic asks in own words though official ones could be loaded, such as ``hoos-2.0 in es``.

    Every instrument with scores that any pathway asks, in each language in which the clinic asks. Those without scores
    are our own questions: nothing published rests on their words.
    """
    pathways = known_pathways(session, [clinic.id])
    asked = {ref for pathway in pathways for at in pathway.timepoints for ref in at.instruments}
    scored = sorted(ref for ref in asked if instruments.find(ref).scales)
    words = [words_in_force(session, clinic.id, language) for language in list_languages(session, clinic)]
    return [f"{ref} in {one.language}" for one in words for ref in scored if one.instrument(ref).wording != OFFICIAL]


def _newest(rows: Iterable[Any], at: dt.datetime | None) -> dict[tuple[str, str], Any]:
    """Return the packs in force by instrument and language: of each the newest, unless it was withdrawn."""
    newest = {(row.instrument, row.language): row for row in rows if at is None or row.recorded_at <= at}
    return {key: row for key, row in newest.items() if not _is_withdrawn(row, at)}


def _is_withdrawn(row: Any, at: dt.datetime | None) -> bool:
    return row.withdrawn_at is not None and (at is None or row.withdrawn_at <= at)


def _words(session: Session, language: str, rows: Iterable[Any]) -> Words:
    return Words(
        language,
        {
            row.instrument: Pack(row.id, row.digest, row.source, row.recorded_at, _instrument(session, row))
            for row in rows
        },
    )


def _instrument(session: Session, row: Any) -> Instrument:
    """Return the instrument in the words of a pack; a text is fetched and read once in each process."""
    worded = _read.get(row.digest)
    if worded is None:
        text = session.scalars(select(WordingPack.text).where(WordingPack.id == row.id)).one()
        if len(_read) >= MOST_READ:
            _read.clear()
        worded = _read[row.digest] = reworded(text)
    return worded


def reworded(text: str) -> Instrument:
    """Return the instrument in the words of a pack's text; raise ``WordingError`` naming all that is wrong with it."""
    pack = wording.parse(text)
    return wording.apply(instruments.find(pack.instrument), pack)
