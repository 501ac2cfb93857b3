"""Instruments: what is asked, how it is scored, blank on paper, and scoring without storing anything."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from instruments import Instrument, Item, all_instruments, check_answers, find, score, thresholds
from prom_service.errors import InvalidInputError
from prom_service.language import DEFAULT
from prom_service.models import Clinic
from prom_service.queries.wording import Words, words_in_force
from prom_service.services.paper_writing import write_blank
from prom_service.web import paper
from prom_service.web.api import paging
from prom_service.web.api.blueprint import ApiBlueprint
from prom_service.web.api.schemas.instrument import (
    AnswersSchema,
    BlankPaperQuery,
    InstrumentSchema,
    InstrumentShortSchema,
    ScoresSchema,
    WordsQuery,
)
from prom_service.web.context import principal
from prom_service.web.guards import ANY_KEY
from prom_service.web.json_provider import json_response

instruments = ApiBlueprint("instruments", "Questionnaires and their scores.")


@instruments.get("/instruments", scope=ANY_KEY, answer=paging.page_of(InstrumentShortSchema))
def list_instruments(session: Session) -> dict[str, Any]:
    """List the instruments in the words in force at the clinic; all of them, on one page."""
    words = _words(session)
    return {"items": [words.instrument(one.ref) for one in all_instruments()], "next": None}


@instruments.get("/instruments/<code:ref>", scope=ANY_KEY, query=WordsQuery(), answer=InstrumentSchema())
def show_instrument(session: Session, query: Mapping[str, Any], ref: str) -> dict[str, Any]:
    """Show an instrument: items, scales, the rule for missing answers, direction, licence, wording, thresholds.

    The words are those in which the clinic's patients are asked: its wording pack, or else our own.
    """
    find(ref)
    words = _words(session, query.get("language"))
    instrument = words.instrument(ref)
    plain = ("ref", "title", "recall", "intro", "source", "licence", "wording", "language", "scales")
    return {
        **{name: getattr(instrument, name) for name in plain},
        "wording_pack": words.packs.get(ref),
        "derives_from": instrument.derives_from or None,
        "na_text": instrument.na_text or None,
        "items": [_item(item) for item in instrument.items],
        "thresholds": thresholds.for_instrument(ref),
    }


@instruments.get(
    "/instruments/<code:ref>/paper",
    scope=ANY_KEY,
    query=BlankPaperQuery(),
    answer=paper.DESCRIPTION,
    media_type=paper.MEDIA_TYPE,
)
def show_paper(session: Session, query: Mapping[str, Any], ref: str) -> Response:
    """Draw a blank questionnaire for paper, in the words in force at the clinic.

    It says nothing of a clinic or patient, and holds no link.
    """
    return paper.answer(write_blank(_words(session, query.get("language")), ref, paper=query["paper"]))


@instruments.compute("/instruments/<code:ref>/score", scope=ANY_KEY, body=AnswersSchema(), answer=ScoresSchema())
def score_answers(body: Mapping[str, Any], ref: str) -> Response:
    """Score a set of answers. Nothing is stored. A missing score has the value null."""
    instrument = find(ref)
    _check(instrument, body["answers"])
    scores = {key: asdict(one) for key, one in score(instrument, body["answers"]).items()}
    return json_response({"instrument": ref, "scores": scores})


def _words(session: Session, language: str | None = None) -> Words:
    """Return the words in force at the clinic of the key; a key of no clinic is shown our own."""
    if principal.clinic_id is None:
        return Words(language or DEFAULT, {})
    language = language or session.get_one(Clinic, principal.clinic_id).language
    return words_in_force(session, principal.clinic_id, language)


def _check(instrument: Instrument, answers: Mapping[str, Any]) -> None:
    errors = check_answers(instrument, answers).errors
    if errors:
        raise InvalidInputError({f"answers.{item}": [problem] for item, problem in errors.items()})


def _item(item: Item) -> dict[str, Any]:
    plain = ("code", "text", "section", "kind", "minimum", "maximum", "na_allowed", "activity", "baseline_only")
    worded = ("followup_text", "low_label", "high_label", "tier")
    return {
        **{name: getattr(item, name) for name in plain},
        **{name: getattr(item, name) or None for name in worded},
        "options": [{"code": code, "text": text} for code, text in item.choices],
    }
