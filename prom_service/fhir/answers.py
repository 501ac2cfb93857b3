"""What a patient answered as QuestionnaireResponse, and what was made of it as Observation."""

import uuid
from dataclasses import dataclass
from typing import Any, Final

from instruments.definition import Instrument
from instruments.interchange import names
from instruments.interchange.fhir_answers import response_items
from prom_service.fhir.element import (
    RESPONSE,
    Resource,
    concept,
    given,
    instant,
    meta,
    of_episode,
    reference,
    to_administration,
)
from prom_service.models import Administration, AnswerSet, Response, Score

MODE: Final = f"{names.OURS}:mode"
ANSWERED_BY: Final = f"{names.OURS}:answered-by"
TIMEPOINT: Final = f"{names.OURS}:timepoint"
LATE: Final = f"{names.OURS}:late"
SURVEY: Final = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "survey"}
UCUM: Final = "http://unitsofmeasure.org"
UNKNOWN: Final = {"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "unknown"}
PROVISIONAL: Final = "provisional-wording"
TOO_FEW: Final = "Too few answers for a score."


@dataclass(frozen=True)
class Given:
    """Answers to one instrument, with what they belong to."""

    answers: AnswerSet
    response: Response
    administration: Administration
    patient_id: uuid.UUID


@dataclass(frozen=True)
class Scored:
    """One score, with what it belongs to, and the answers it was computed from."""

    score: Score
    response: Response
    administration: Administration
    patient_id: uuid.UUID
    answers_id: uuid.UUID
    wording: str
    """Whether those were given to ``own`` or ``official`` words."""


def questionnaire_response(row: Given, instrument: Instrument) -> Resource:
    """Return the answers. ``amended`` are those of a later, different set, beside which the first stands.

    ``stopped`` is a set that was scored as it was when its window closed.
    """
    response = row.response
    return given(
        resourceType="QuestionnaireResponse",
        id=str(row.answers.id),
        meta=meta(response.recorded_at, _tags(row.answers.wording)),
        language=response.language,
        extension=_extensions(row.administration, response),
        identifier={"system": RESPONSE, "value": str(response.id)},
        basedOn=[to_administration(row.administration.id)],
        questionnaire=names.canonical(instrument),
        status=_status(response, amended="amended", partial="stopped", standing="completed"),
        subject=reference("Patient", row.patient_id),
        authored=instant(response.answered_at),
        source=_source(response, row.patient_id),
        item=response_items(instrument, row.answers.answers),
    )


def observation(row: Scored, instrument: Instrument) -> Resource:
    """Return the score; a missing one says so and why. Its wording is told by a tag and in words."""
    score, response = row.score, row.response
    scale = instrument.scale(score.scale)
    ends = f"{scale.best:g} is best, {scale.worst:g} is worst; {score.answered} of {score.items} items answered."
    return given(
        resourceType="Observation",
        id=str(score.id),
        meta=meta(score.recorded_at, _tags(row.wording)),
        extension=_extensions(row.administration, response),
        basedOn=[to_administration(row.administration.id)],
        status=_status(response, amended="amended", partial="preliminary", standing="final"),
        category=[concept(SURVEY)],
        code=concept(*names.scale_codings(instrument, scale), text=f"{instrument.title}: {scale.title}"),
        subject=reference("Patient", row.patient_id),
        effectiveDateTime=instant(response.answered_at),
        issued=instant(score.recorded_at),
        valueQuantity=None if score.value is None else _quantity(score.value),
        dataAbsentReason=concept(UNKNOWN, text=TOO_FEW) if score.value is None else None,
        note=[{"text": f"{ends} {_said_of(row.wording)}"}],
        method=concept(text=f"Scoring rules {score.engine}{', from a longer questionnaire' if score.derived else ''}"),
        derivedFrom=[reference("QuestionnaireResponse", row.answers_id)],
    )


def _tags(wording: str) -> list[str]:
    return [PROVISIONAL] if wording == "own" else []


def _said_of(wording: str) -> str:
    return "Provisional wording." if wording == "own" else "Official wording."


def _extensions(administration: Administration, response: Response) -> list[Resource]:
    said: list[Resource] = [
        of_episode(administration.episode_id),
        {"url": TIMEPOINT, "valueCode": administration.timepoint},
        {"url": MODE, "valueCode": response.mode},
        {"url": ANSWERED_BY, "valueCode": response.answered_by},
    ]
    return said + ([{"url": LATE, "valueBoolean": True}] if response.late else [])


def _status(response: Response, *, amended: str, partial: str, standing: str) -> str:
    if response.amendment:
        return amended
    return partial if response.partial else standing


def _source(response: Response, patient_id: uuid.UUID) -> Resource | None:
    if response.answered_by == "proxy":
        return {"type": "RelatedPerson", "display": "Someone answered for the patient"}
    return None if response.answered_by == "unknown" else reference("Patient", patient_id)


def _quantity(value: float) -> dict[str, Any]:
    return {"value": value, "unit": "score", "system": UCUM, "code": "{score}"}
