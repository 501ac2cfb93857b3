"""The answers of one questionnaire, item by item, beside those of the start."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import render_template

import instruments
from instruments.activities import TEXT
from instruments.answer import NotApplicable
from instruments.definition import Instrument, Item
from instruments.direction import higher_is_better
from prom_service.models import Clinic
from prom_service.models.user import READING_ROLES
from prom_service.pathway.shape import SAFETY
from prom_service.queries import directory
from prom_service.queries.amendments import changes_of, told
from prom_service.queries.answers import GivenAnswers, baseline_of, responses_of, standing_of, start_of
from prom_service.queries.scores import scores_of
from prom_service.services.clinics import zone_of
from prom_service.services.questions import items_asked
from prom_service.web import guards
from prom_service.web.context import prom
from prom_service.web.dashboard.blueprint import blueprint, common, pathway_of
from prom_service.web.dashboard.patient_words import ANSWERED_BY_WORDS, LANGUAGES
from prom_service.web.dashboard.staff_session import chosen_clinic
from prom_service.web.dashboard.words import ACTORS, MODES, answered, question_of, read_in

TIERS = {"emergency": "Emergency", "same_day": "Same day", "background": "Background"}
YES = 1


@dataclass(frozen=True)
class Answer:
    """One item as it was answered. ``kind`` tells apart ``given``, ``skipped`` and ``not_applicable``."""

    code: str
    question: str
    activity: str
    kind: str
    value: int | None
    said: str
    before: str | None
    """What was said at the start; None where that cannot be compared."""
    change: str | None
    """``better``, ``worse`` or ``same`` than at the start, or ``another`` activity."""


@dataclass(frozen=True)
class Answers:
    """One instrument with its answers."""

    ref: str
    title: str
    wording: str
    items: tuple[Answer, ...]


@dataclass(frozen=True)
class Symptom:
    """A safety item that was answered yes."""

    tier: str
    question: str
    new: bool
    """Not yet said at the start."""


@blueprint.get("/administrations/<uuid:administration_id>/answers")
@guards.admits(*READING_ROLES)
def show_answers(administration_id: uuid.UUID) -> str:
    """Show the answers that stand, safety first, each beside the start; amendments are shown with what they change."""
    with prom.reading() as session:
        administration = directory.find_administration(session, chosen_clinic(), administration_id)
        episode = directory.find_episode(session, administration.clinic_id, administration.episode_id)
        clinic = session.get_one(Clinic, administration.clinic_id)
        given = responses_of(session, administration)
        standing = standing_of(given)
        start = None
        if administration.sequence:
            start = baseline_of(responses_of(session, start_of(session, clinic.id, episode.id)))
        changes = changes_of(session, [one.response for one in given])
        scores = scores_of(session, standing.response.id) if standing else {}
    read_in(clinic.time_zone, days=zone_of(episode.patient, clinic))
    follow_up = administration.sequence > 0
    pathway = pathway_of(episode)
    return render_template(
        "dashboard/answers.html",
        administration=administration,
        episode=episode,
        title=pathway.timepoint(administration.timepoint).title,
        standing=standing,
        start=start,
        symptoms=symptoms(standing, start, follow_up=follow_up) if standing else [],
        asked_safety=bool(standing and SAFETY in standing.answers),
        parts=[_answers(ref, standing, start, follow_up=follow_up) for ref in standing.answers] if standing else [],
        scores=_titled(scores),
        follow_up=follow_up,
        amendments=[told(one.response, changes) for one in given if one.response.id in changes],
        tiers=TIERS,
        modes=MODES,
        actors=ACTORS,
        answered_by=ANSWERED_BY_WORDS,
        languages=LANGUAGES,
        **common(),
    )


def symptoms(standing: GivenAnswers, start: GivenAnswers | None, *, follow_up: bool) -> list[Symptom]:
    """Return what was answered yes among the safety items, the most urgent first."""
    said = standing.answers.get(SAFETY, {})
    before = start.answers.get(SAFETY, {}) if start else {}
    found = [
        Symptom(
            item.tier, question_of(item, follow_up=follow_up), new=start is not None and before.get(item.code) != YES
        )
        for item in instruments.find(SAFETY).items
        if said.get(item.code) == YES
    ]
    return sorted(found, key=lambda symptom: list(TIERS).index(symptom.tier))


def compared(instrument: Instrument, item: Item, before: Any, now: Any) -> str | None:
    """Return how an answer compares with that of the start, by the item's good end; None where nothing compares."""
    better = higher_is_better(instrument, item)
    if better is None or type(before) is not int or type(now) is not int:
        return None
    if before == now:
        return "same"
    return "better" if (now > before) == better else "worse"


def _answers(ref: str, standing: GivenAnswers, start: GivenAnswers | None, *, follow_up: bool) -> Answers:
    instrument = instruments.find(ref)
    given = standing.answers[ref]
    before = start.answers.get(ref, {}) if start else {}
    rows = tuple(
        _answer(instrument, item, given, before, follow_up=follow_up)
        for item in items_asked(instrument, follow_up=follow_up)
        if not item.activity or given.get(item.code + TEXT)
    )
    return Answers(ref, instrument.title, standing.wording[ref], rows)


def _answer(
    instrument: Instrument, item: Item, given: Mapping[str, Any], before: Mapping[str, Any], *, follow_up: bool
) -> Answer:
    value = given.get(item.code)
    another = before and given.get(item.code + TEXT) != before.get(item.code + TEXT)
    before = {} if another else before
    kind = "skipped" if value is None else "not_applicable" if value == NotApplicable.NA else "given"
    return Answer(
        code=item.code,
        question=question_of(item, follow_up=follow_up),
        activity=given.get(item.code + TEXT) or "",
        kind=kind,
        value=value if kind == "given" else None,
        said=answered(value, instrument.ref, item.code),
        before=answered(before[item.code], instrument.ref, item.code) if item.code in before else None,
        change="another" if another else compared(instrument, item, before.get(item.code), value),
    )


def _titled(scores: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"ref": ref, "title": instruments.find(ref).scale(key).title, **score}
        for ref, of_ref in scores.items()
        for key, score in of_ref.items()
    ]
