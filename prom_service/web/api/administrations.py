"""Administrations: entering answers for a patient, handing over a link or a questionnaire on paper, sending now."""

import datetime as dt
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from prom_service.errors import InvalidInputError
from prom_service.models import Administration, Episode, Message, Patient
from prom_service.queries import directory
from prom_service.queries.scores import scores_of, wordings_of
from prom_service.services import answer_window, messages, paper_writing, submission
from prom_service.services.handed_link import hand_link
from prom_service.web import paper
from prom_service.web.api.blueprint import ApiBlueprint
from prom_service.web.api.schemas.administration import (
    LinkSchema,
    PaperQuery,
    RequestedMessageSchema,
    ResponseSchema,
    StaffEntrySchema,
)
from prom_service.web.context import own_clinic_id, principal, prom

WRITE = "episodes:write"

administrations = ApiBlueprint("administrations", "One timepoint of one episode: answers, links, paper, sending.")


@administrations.post(
    "/administrations/<uuid:administration_id>/responses",
    scope=WRITE,
    body=StaffEntrySchema(),
    answer=ResponseSchema(),
    status=HTTPStatus.CREATED,
    or_status=HTTPStatus.OK,
)
def add_response(session: Session, body: Mapping[str, Any], administration_id: uuid.UUID) -> Any:
    """Enter answers a patient gave on paper, by phone or at the desk. They are scored, judged and flagged at once.

    Answers given before the patient withdrew or died, or the episode was closed, are taken afterwards too. The same
    answers again have no effect (200); different ones after a complete set are kept as an amendment.
    """
    administration = directory.find_administration(session, own_clinic_id(), administration_id)
    try:
        submitted = submission.submit(
            session,
            administration,
            mode=body["mode"],
            answered_by=body["answered_by"],
            entered_by=principal.actor,
            answers=body["answers"],
            answered_at=_answered_at(session, administration, body),
            wording=body["wording"],
            now=prom.now(),
        )
    except InvalidInputError as error:
        raise InvalidInputError({_as_sent(name, body): texts for name, texts in error.errors.items()}) from None
    response = submitted.response
    names = ("id", "administration_id", "mode", "answered_by", "answered_at", "recorded_at", "late")
    shown = {name: getattr(response, name) for name in names}
    shown |= {"kind": submitted.kind, "wording": wordings_of(session, response.id)}
    shown |= {"scores": scores_of(session, response.id)}
    return shown, HTTPStatus.OK if submitted.kind == "same" else HTTPStatus.CREATED


@administrations.post(
    "/administrations/<uuid:administration_id>/links",
    scope=WRITE,
    answer=LinkSchema(),
    status=HTTPStatus.CREATED,
    shown_once=True,
)
def add_link(session: Session, administration_id: uuid.UUID) -> dict[str, Any]:
    """Make a survey link for the tablet at the desk. It is shown in this answer and nowhere else."""
    administration = directory.find_administration(session, own_clinic_id(), administration_id)
    url = hand_link(session, administration, prom.settings, issued_by=principal.actor, now=prom.now())
    return {"url": url, "closes_at": administration.closes_at}


@administrations.post(
    "/administrations/<uuid:administration_id>/paper",
    scope=WRITE,
    query=PaperQuery(),
    answer=paper.DESCRIPTION,
    media_type=paper.MEDIA_TYPE,
    status=HTTPStatus.CREATED,
    shown_once=True,
)
def add_paper(session: Session, query: Mapping[str, Any], administration_id: uuid.UUID) -> Response:
    """Draw the questionnaire for paper, with the QR code of a survey link made for it. It is in this answer only.

    What comes back on paper is entered with `POST /administrations/{id}/responses`, by the codes beside the questions.
    """
    administration = directory.find_administration(session, own_clinic_id(), administration_id)
    pdf = paper_writing.write_paper(
        session,
        administration,
        prom.settings,
        paper=query["paper"],
        issued_by=principal.actor,
        now=prom.now(),
    )
    return paper.answer(pdf, HTTPStatus.CREATED)


@administrations.post("/administrations/<uuid:administration_id>/send", scope=WRITE, answer=RequestedMessageSchema())
def send_now(session: Session, administration_id: uuid.UUID) -> Message:
    """Send the next message now, or at the next moment at which the patient may be mailed."""
    administration = directory.find_administration(session, own_clinic_id(), administration_id)
    return messages.send_now(session, administration, actor=principal.actor, now=prom.now())


def _whose(session: Session, administration: Administration) -> tuple[Episode, Patient]:
    episode = session.get_one(Episode, administration.episode_id)
    return episode, session.get_one(Patient, episode.patient_id)


def _answered_at(session: Session, administration: Administration, body: Mapping[str, Any]) -> dt.datetime | None:
    """Return the instant of the answers; of a mere date it is noon."""
    if "answered_on" not in body:
        return body.get("answered_at")
    return answer_window.noon_of(session, administration, body["answered_on"], now=prom.now())


def _as_sent(name: str, body: Mapping[str, Any]) -> str:
    """Return where in the body that is which the service calls ``name``: an answer goes by its instrument alone."""
    if name == "answered_at" and "answered_on" in body:
        return "answered_on"
    return name if name.partition(".")[0] in body else f"answers.{name}"
