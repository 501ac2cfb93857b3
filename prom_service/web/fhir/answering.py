"""Taking answers in FHIR: they go the way of all answers, through one validation, one scoring, one submission."""

import datetime as dt
import uuid
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

from flask import Response, request
from marshmallow import ValidationError
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import PreconditionFailed

from instruments.interchange.names import OURS
from prom_service.errors import InvalidInputError
from prom_service.fhir import bundle, outcome
from prom_service.fhir.element import Resource
from prom_service.fhir.incoming import KIND, Occasion, Sent, place, read_response, read_transaction
from prom_service.language import SPOKEN
from prom_service.models import Administration, Episode
from prom_service.queries import directory, search
from prom_service.queries.scores import scores_of
from prom_service.services import answer_window, submission
from prom_service.services.submission import Submission
from prom_service.web import audit
from prom_service.web.api.fields import Day, Instant
from prom_service.web.context import own_clinic_id, principal, prom
from prom_service.web.fhir import parameters, room, routes

WRITE: Final = "episodes:write"
OUTCOME: Final = f"{OURS}:outcome"
CONDITION: Final = "If-None-Exist"
DAY, INSTANT = Day(), Instant()
TOLERANCE: Final = 0.05
"""A score that the sender rounded to one decimal is not a differing one."""


def _one(document: object) -> list[Sent]:
    """Read one response, and put on record whose it is."""
    sent = read_response(document)
    audit.about(administration=[sent.occasion.administration_id])
    return [sent]


def _several(document: object) -> Sequence[Sent]:
    """Read responses that are one set, and put on record whose they are; a condition is for one response only."""
    if CONDITION in request.headers:
        raise InvalidInputError({CONDITION: ["A transaction is taken without a condition only."]})
    sent = read_transaction(document)
    audit.about(administration=[sent[0].occasion.administration_id])
    return sent


@room.create(f"/{KIND}", scope=WRITE, take=_one)
def add_response(session: Session, sent: Sequence[Sent]) -> Response:
    """Take a finished set of answers to one questionnaire of an administration, as staff entry does.

    The same answers again have no effect (200). Scores are computed here; one that the sender computed otherwise is
    named in an outcome inside the answer, and not kept.
    """
    existing = _existing(session)
    if existing is not None:
        found = outcome.issue("information", "informational", "If-None-Exist finds one already; nothing was taken.")
        return room.answer(outcome.of(found), location=f"{routes.base_address()}/{KIND}/{existing}")
    [resource], status = _take(session, sent)
    return room.answer(resource, status, f"{routes.base_address()}/{KIND}/{resource['id']}")


@room.create("/", scope=WRITE, take=_several)
def add_responses(session: Session, sent: Sequence[Sent]) -> Response:
    """Take a finished set of answers to several questionnaires of one administration, as one transaction."""
    resources, status = _take(session, sent)
    return room.answer(bundle.transaction_response(routes.base_address(), resources, str(int(status))))


def _take(session: Session, sent: Sequence[Sent]) -> tuple[list[Resource], HTTPStatus]:
    """Submit the answers as one set, and return each response as it is kept now."""
    administration = directory.find_administration(session, own_clinic_id(), sent[0].occasion.administration_id)
    _check_patient(session, administration, sent[0].occasion)
    submitted = _submit(session, administration, sent)
    kept = search.answer_sets(session, own_clinic_id(), [submitted.response.id])
    scores = scores_of(session, submitted.response.id)
    resources = []
    for one in sent:
        answers_id, _wording = kept[submitted.response.id, one.instrument.ref]
        issues = [*_remarks(submitted), *_differences(one, scores.get(one.instrument.ref, {}))]
        resources.append(_with_outcome(routes.one(session, KIND, answers_id), issues))
    return resources, HTTPStatus.OK if submitted.kind == "same" else HTTPStatus.CREATED


def _existing(session: Session) -> uuid.UUID | None:
    """Return the id of the one response that ``If-None-Exist`` finds; 412 when it finds several, None for none.

    Not the response itself: who may write answers need not be allowed to read them.
    """
    condition = request.headers.get(CONDITION)
    if not condition:
        return None
    kind = routes.KINDS[KIND]
    query = parameters.read(MultiDict(parse_qsl(condition.lstrip("?"))), kind.searched_by)
    filters = {name: value for name, value in query.items() if name not in ("limit", "cursor")}
    if not filters:
        raise InvalidInputError({CONDITION: [f"Must name one of {', '.join(kind.searched_by)}."]})
    wanted = routes.wanted(kind, filters, after=None, limit=2)
    rows = search.search(session, kind.shelf, own_clinic_id(), wanted)
    if len(rows) > 1:
        raise PreconditionFailed("If-None-Exist finds more than one.")
    routes.note_about(kind, rows)
    found: uuid.UUID | None = rows[0].AnswerSet.id if rows else None
    return found


def _check_patient(session: Session, administration: Administration, occasion: Occasion) -> None:
    """Raise when the answers say they are another patient's."""
    patient_id = session.get_one(Episode, administration.episode_id).patient_id
    if occasion.patient_id is not None and occasion.patient_id != str(patient_id):
        raise InvalidInputError({f"{KIND}.subject": ["Is not the patient of this administration."]})


def _submit(session: Session, administration: Administration, sent: Sequence[Sent]) -> Submission:
    occasion = sent[0].occasion
    answered_at = _answered_at(session, administration, occasion)
    try:
        return submission.submit(
            session,
            administration,
            mode=occasion.mode,
            answered_by=occasion.answered_by,
            language=_language(occasion),
            entered_by=principal.actor,
            answers={one.instrument.ref: one.answers for one in sent},
            answered_at=answered_at,
            now=prom.now(),
        )
    except InvalidInputError as error:
        raise InvalidInputError(dict(_placed(sent, error.errors))) from None


def _placed(sent: Sequence[Sent], errors: Mapping[str, list[str]]) -> Iterator[tuple[str, list[str]]]:
    """Yield the errors under the places of the resource that they speak of."""
    elements = {"answers": "item", "answered_at": "authored", **{one.instrument.ref: "questionnaire" for one in sent}}
    for name, problems in errors.items():
        link_ids = [
            name.removeprefix(f"{one.instrument.ref}.") for one in sent if name.startswith(f"{one.instrument.ref}.")
        ]
        yield place(link_ids[0]) if link_ids else f"{KIND}.{elements.get(name, name)}", problems


def _language(occasion: Occasion) -> str | None:
    """Return the language of the answers; None, the patient's, when it is not said or is none that we speak."""
    language = (occasion.language or "").partition("-")[0].lower()
    return language if language in SPOKEN else None


def _answered_at(session: Session, administration: Administration, occasion: Occasion) -> dt.datetime | None:
    """Return the instant that ``authored`` means; a mere day is its noon where the patient lives."""
    said = occasion.authored
    if said is None:
        return None
    try:
        if "T" not in said:
            return answer_window.noon_of(session, administration, DAY.deserialize(said), now=prom.now())
        moment: dt.datetime = INSTANT.deserialize(said)
    except ValidationError as error:
        raise InvalidInputError({f"{KIND}.authored": [str(text) for text in error.messages]}) from None
    return moment


def _remarks(submitted: Submission) -> Iterator[Resource]:
    if submitted.kind == "amendment":
        text = "An earlier set stands; this one is kept beside it as an amendment for the clinic."
        yield outcome.issue("information", "informational", text)


def _differences(sent: Sent, scores: Mapping[str, Mapping[str, Any]]) -> Iterator[Resource]:
    """Yield a warning for every score that the sender computed otherwise."""
    for scale, claim in sent.claims.items():
        value = scores[scale]["value"]
        if value is None or abs(value - claim) > TOLERANCE:
            text = f"The score that was sent of the scale {scale} is not the one computed here, which is kept."
            yield outcome.issue("warning", "business-rule", text, place(f"score.{scale}"))


def _with_outcome(resource: Resource, issues: list[Resource]) -> Resource:
    if not issues:
        return resource
    said = {"url": OUTCOME, "valueReference": {"reference": "#outcome"}}
    return {
        **resource,
        "contained": [outcome.of(*issues, id_="outcome")],
        "extension": [*resource["extension"], said],
    }
