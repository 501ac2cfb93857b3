"""What is asked at an administration, and whether answers to it are good ones."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

import instruments
from instruments.activities import TEXT, name_keys
from instruments.answer import NotApplicable
from instruments.definition import Instrument, Item
from prom_service.errors import InvalidInputError
from prom_service.models import Administration, AnswerSet, Episode, Response
from prom_service.pathway.shape import Pathway
from prom_service.queries.pathways import find_pathway
from prom_service.services.scoring import Checked

TEXT_LENGTH = 100

Answers = Mapping[str, Mapping[str, object]]
"""Instrument reference → item code → whole number, ``"NA"``, the text of an activity under ``<item>.text``, or None."""


def instruments_asked(session: Session, administration: Administration, episode: Episode) -> tuple[Instrument, ...]:
    """Return the instruments of this timepoint, in the order of the pathway."""
    timepoint = find_pathway(session, episode.pathway).timepoint(administration.timepoint)
    return tuple(instruments.find(ref) for ref in timepoint.instruments)


def with_tiers(instrument: Instrument, pathway: Pathway) -> Instrument:
    """Return the instrument, its items as urgent as the pathway says."""
    if not pathway.emergency_items or not any(item.tier for item in instrument.items):
        return instrument
    raised = pathway.emergency_items
    items = (replace(item, tier="emergency") if item.code in raised else item for item in instrument.items)
    return replace(instrument, items=tuple(items))


def items_asked(instrument: Instrument, *, follow_up: bool) -> tuple[Item, ...]:
    """Return the items asked at a baseline or a follow-up; background questions are asked once."""
    return tuple(item for item in instrument.items if not (follow_up and item.baseline_only))


def baseline_activities(session: Session, episode: Episode, instrument: Instrument) -> dict[str, str]:
    """Return the activities the patient named at baseline, by item; later timepoints rate the same ones.

    They are those of the baseline from which change counts: one in time stands before any late one.
    """
    if not any(item.activity for item in instrument.items):
        return {}
    answers = session.scalar(
        select(AnswerSet.answers)
        .join(Response, Response.id == AnswerSet.response_id)
        .join(Administration, Administration.id == Response.administration_id)
        .where(
            Administration.episode_id == episode.id,
            Administration.sequence == 0,
            Response.amendment.is_(False),
            AnswerSet.instrument == instrument.ref,
        )
        .order_by(Response.late, Response.number.desc())
        .limit(1)
    )
    named = {item.code: (answers or {}).get(item.code + TEXT) for item in instrument.items}
    return {code: text for code, text in named.items() if text}


def check(session: Session, administration: Administration, episode: Episode, answers: Answers) -> Checked:
    """Return the answers by instrument with codes and activity texts; raise with every bad one named."""
    asked = {instrument.ref: instrument for instrument in instruments_asked(session, administration, episode)}
    errors: dict[str, list[str]] = {
        ref: [f"Not asked here. Asked are {', '.join(asked)}."] for ref in answers if ref not in asked
    }
    checked: dict[Instrument, dict[str, Any]] = {}
    for ref, instrument in asked.items():
        given = answers.get(ref, {})
        texts = {key: value for key, value in given.items() if key.endswith(TEXT)}
        codes = instruments.check_answers(instrument, {key: given[key] for key in given.keys() - texts.keys()})
        errors |= {f"{ref}.{item}": [message] for item, message in codes.errors.items()}
        known = baseline_activities(session, episode, instrument) if administration.sequence else {}
        errors |= {f"{ref}.{key}": problem for key, problem in _text_problems(instrument, texts, known).items()}
        if administration.sequence:
            errors |= {
                f"{ref}.{item.code}": ["Asked at the baseline only."]
                for item in instrument.items
                if item.baseline_only and item.code in codes.codes
            }
        checked[instrument] = _plain(codes.codes) | _activities(instrument, codes.codes, texts, known)
        errors |= {
            f"{ref}.{item.code}": ["This activity was not named."]
            for item in instrument.items
            if item.activity and item.code in codes.codes and item.code + TEXT not in checked[instrument]
        }
    if errors:
        raise InvalidInputError(errors)
    return checked


def _plain(codes: Mapping[str, Any]) -> dict[str, Any]:
    return {item: str(code) if isinstance(code, NotApplicable) else code for item, code in codes.items()}


def _activities(
    instrument: Instrument, codes: Mapping[str, Any], texts: Mapping[str, object], known: Mapping[str, str]
) -> dict[str, str]:
    """Return the names that belong to the set: those of the baseline, rated or not, and new ones that are rated."""
    rated = {key: text for key, text in texts.items() if text and key.removesuffix(TEXT) in codes}
    keys = name_keys(instrument)
    return {key: str(text).strip() for key, text in rated.items() if key in keys} | {
        item + TEXT: text for item, text in known.items()
    }


def _text_problems(
    instrument: Instrument, texts: Mapping[str, object], known: Mapping[str, str]
) -> dict[str, list[str]]:
    allowed = name_keys(instrument)
    problems = {}
    for key, text in texts.items():
        if key not in allowed:
            problems[key] = ["No activity is named here."]
        elif text is not None and (not isinstance(text, str) or len(text) > TEXT_LENGTH or not text.isprintable()):
            problems[key] = [f"A text of at most {TEXT_LENGTH} characters is allowed."]
        elif text and known and known.get(key.removesuffix(TEXT)) != text:
            problems[key] = ["Later timepoints rate the activities named at baseline."]
    return problems
