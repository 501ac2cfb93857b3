"""What is read in FHIR: one resource by its id, or a page of those that a search finds."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from flask import Response, request
from sqlalchemy import Row
from sqlalchemy.orm import Session

from instruments import all_instruments, find, find_in
from instruments.definition import Instrument
from instruments.interchange import names
from instruments.interchange.fhir_questionnaire import questionnaire
from prom_service.errors import NotFoundError
from prom_service.fhir import answers, bundle, care, flag, patient
from prom_service.fhir.capability import capability_statement
from prom_service.fhir.element import EPISODE_NUMBER, PATIENT_NUMBER, VISIT_NUMBER, Resource, numbers_of
from prom_service.language import DEFAULT, SPOKEN
from prom_service.models import Clinic
from prom_service.queries import search
from prom_service.queries.search import Shelf, Wanted
from prom_service.queries.wording import Words, words_in_force
from prom_service.web import audit, guards
from prom_service.web.api import paging
from prom_service.web.context import own_clinic_id, principal
from prom_service.web.fhir import parameters, room
from prom_service.web.guards import ANY_KEY

EPISODES, FLAGS = "episodes:read", "flags:read"
Written = Callable[[Session, Sequence[Row[Any]]], list[Resource]]


@dataclass(frozen=True)
class Kind:
    """One kind of resource: where its rows are, what they are searched by, and how they are written."""

    shelf: Shelf
    searched_by: tuple[str, ...]
    write: Written
    of: str
    """What a row of it is on record as: the kind of thing in the audit."""
    numbers: str = ""
    """The system of the clinics' own numbers of it."""


def _patients(_session: Session, rows: Sequence[Row[Any]]) -> list[Resource]:
    return [patient.patient(row.Patient, row.updated_at) for row in rows]


def _episodes(_session: Session, rows: Sequence[Row[Any]]) -> list[Resource]:
    return [care.episode_of_care(row.Episode, row.updated_at) for row in rows]


def _encounters(session: Session, rows: Sequence[Row[Any]]) -> list[Resource]:
    served = search.serving(session, own_clinic_id(), [row.Visit.id for row in rows])
    return [care.encounter(row.Visit, row.owner_id, row.updated_at, served.get(row.Visit.id, ())) for row in rows]


def _flags(_session: Session, rows: Sequence[Row[Any]]) -> list[Resource]:
    return [flag.flag(row.Flag, row.owner_id) for row in rows]


def _responses(_session: Session, rows: Sequence[Row[Any]]) -> list[Resource]:
    given = [answers.Given(row.AnswerSet, row.Response, row.Administration, row.owner_id) for row in rows]
    return [answers.questionnaire_response(one, find(one.answers.instrument)) for one in given]


def _observations(session: Session, rows: Sequence[Row[Any]]) -> list[Resource]:
    sets = search.answer_sets(session, own_clinic_id(), [row.Response.id for row in rows])
    written = []
    for row in rows:
        instrument = find(row.Score.instrument)
        asked = instrument.derives_from if row.Score.derived else instrument.ref
        scored = answers.Scored(
            row.Score, row.Response, row.Administration, row.owner_id, *sets[row.Response.id, asked]
        )
        written.append(answers.observation(scored, instrument))
    return written


KINDS: Final[Mapping[str, Kind]] = {
    "Patient": Kind(search.PATIENTS, ("_id", "identifier", "_lastUpdated"), _patients, "patient", PATIENT_NUMBER),
    "EpisodeOfCare": Kind(
        search.EPISODES, ("_id", "patient", "identifier", "date", "_lastUpdated"), _episodes, "episode", EPISODE_NUMBER
    ),
    "Encounter": Kind(
        search.VISITS, ("_id", "patient", "identifier", "date", "_lastUpdated"), _encounters, "visit", VISIT_NUMBER
    ),
    "QuestionnaireResponse": Kind(
        search.RESPONSES,
        ("_id", "patient", "date", "questionnaire", "based-on", "_lastUpdated"),
        _responses,
        "administration",
    ),
    "Observation": Kind(
        search.SCORES, ("_id", "patient", "date", "code", "_lastUpdated"), _observations, "administration"
    ),
    "Flag": Kind(search.FLAGS, ("_id", "patient", "date", "_lastUpdated"), _flags, "flag"),
}
QUESTIONNAIRE_SEARCH: Final = ("url", "version")


def note_about(known: Kind, rows: Sequence[Row[Any]]) -> None:
    """Put on record whose rows are shown; a visit of no episode is nobody's any more."""
    shown: dict[str, Any] = {known.of: [getattr(row, known.of.title()).id for row in rows]}
    audit.about(**shown)
    audit.about(patient={row.owner_id for row in rows} - {None})


def one(session: Session, kind: str, id_: uuid.UUID) -> Resource:
    """Return the clinic's resource; raise ``NotFoundError`` when it is not there, or another clinic's."""
    known = KINDS[kind]
    rows = search.search(session, known.shelf, own_clinic_id(), Wanted(id=id_, limit=1))
    if not rows:
        raise NotFoundError(f"There is no such {kind}.")
    note_about(known, rows)
    return known.write(session, rows)[0]


def wanted(known: Kind, filters: Mapping[str, str], *, after: uuid.UUID | None, limit: int) -> Wanted:
    """Return the rows of the clinic that the filters want; raise with every value that cannot be read."""
    numbers = numbers_of(known.numbers, own_clinic_id())
    return parameters.wanted(filters, numbers=numbers, after=after, limit=limit)


def _page(session: Session, kind: str) -> Resource:
    """Return a page of the clinic's resources that the query of the request wants."""
    known = KINDS[kind]
    asked = paging.requested(parameters.read(request.args, known.searched_by))
    conditions = wanted(known, asked.filters, after=asked.after, limit=asked.probe)
    rows = search.search(session, known.shelf, own_clinic_id(), conditions)
    content, _headers = paging.page(asked, known.write(session, rows))
    note_about(known, rows[: asked.limit])
    audit.about(shown=len(content["items"]))
    links = {"self": request.url}
    if content["next"]:
        links["next"] = f"{request.base_url}?{urlencode({'cursor': content['next'], '_count': asked.limit})}"
    return bundle.searchset(base_address(), content["items"], links)


def base_address() -> str:
    """Return the address under which all resources are."""
    return request.root_url.rstrip("/") + room.PREFIX


def _declare(kind: str, scope: str) -> None:
    """Add the routes that read and search one kind."""

    def show(session: Session, id_: uuid.UUID) -> Resource:
        return one(session, kind, id_)

    def find_page(session: Session) -> Resource:
        return _page(session, kind)

    show.__name__, find_page.__name__ = f"show_{kind}", f"search_{kind}"
    room.read(f"/{kind}/<uuid:id_>", scope=scope)(show)
    room.read(f"/{kind}", scope=scope)(find_page)


for _kind in KINDS:
    _declare(_kind, FLAGS if _kind == "Flag" else EPISODES)


@room.read("/Questionnaire/<code:ref>", scope=ANY_KEY)
def show_questionnaire(session: Session, ref: str) -> Resource:
    """Show a questionnaire in the words in force at the clinic of the key."""
    find(ref)
    return _questionnaire(_words(session), ref)


@room.read("/Questionnaire", scope=ANY_KEY)
def search_questionnaires(session: Session) -> Resource:
    """Find questionnaires by url, with or without a version; all of them are on one page."""
    query = parameters.read(request.args, QUESTIONNAIRE_SEARCH)
    url, _, said = query.get("url", "").partition("|")
    version = query.get("version", said)
    words = _words(session)
    found = [
        _questionnaire(words, instrument.ref)
        for instrument in all_instruments()
        if url in ("", names.url(instrument)) and version in ("", instrument.version)
    ]
    return bundle.searchset(base_address(), found, {"self": request.url})


def show_capabilities() -> Response:
    """Show what can be done under this address; it tells nothing of anybody, so no key is needed."""
    searches = {**{kind: known.searched_by for kind, known in KINDS.items()}, "Questionnaire": QUESTIONNAIRE_SEARCH}
    return room.answer(capability_statement(base_address(), searches, creates=["QuestionnaireResponse"]))


guards.declare(show_capabilities, "public")
room.blueprint.add_url_rule("/metadata", view_func=show_capabilities)


def _words(session: Session) -> Words:
    """Return the words in force at the clinic of the key; a key of no clinic is shown our own."""
    if principal.clinic_id is None:
        return Words(DEFAULT, {})
    return words_in_force(session, principal.clinic_id, session.get_one(Clinic, principal.clinic_id).language)


def _questionnaire(words: Words, ref: str) -> Resource:
    instrument = words.instrument(ref)
    return questionnaire(instrument, translations_of(instrument))


def translations_of(instrument: Instrument) -> list[Instrument]:
    """Return our own words in the other languages we speak; official words are not mixed with them."""
    if instrument.wording != "own":
        return []
    return [find_in(language, instrument.ref) for language in SPOKEN if language != instrument.language]
