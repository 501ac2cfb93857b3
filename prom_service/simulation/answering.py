"""What a person of the simulation answers: the level of the complaint, spread over the items with some noise."""

import random
from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from instruments.definition import Instrument, Item
from prom_service.models import Administration, Episode
from prom_service.services import questions
from prom_service.simulation.cohort import COURSES, TIMEPOINTS, Person

WORST_PAIN = 10
ACTIVITIES = ("Climb the stairs", "Put on socks", "Sit through a film")


def answers_of(
    session: Session, person: Person, administration: Administration, episode: Episode, *, keep: float = 1.0
) -> dict[str, dict[str, Any]]:
    """Return the person's answers at a timepoint; ``keep`` is the share of each instrument that is answered."""
    draw = random.Random(f"{person.noise}:{administration.timepoint}")  # noqa: S311
    level = level_at(person, administration.timepoint)
    answers = {}
    for instrument in questions.instruments_asked(session, administration, episode):
        items = questions.items_asked(instrument, follow_up=administration.sequence > 0)
        given = _answers(person, instrument, items, level, administration.timepoint, draw)
        if any(item.activity for item in items) and not questions.baseline_activities(session, episode, instrument):
            given |= {f"{item}.text": text for item, text in zip(given, ACTIVITIES, strict=True)}
        kept = list(given)[: max(1, round(len(given) * keep))]
        answers[instrument.ref] = {item: given[item] for item in kept}
    return answers


def level_at(person: Person, timepoint: str) -> float:
    """Return how well the person is, from 0 (worst) to 100."""
    course = COURSES[person.course][1]
    gain = {"baseline": 0.0, "6-weeks": course.six_weeks, "3-months": course.three_months}[timepoint]
    draw = random.Random(f"{person.noise}:level:{timepoint}")  # noqa: S311
    noise = draw.gauss(0, course.spread) if timepoint != TIMEPOINTS[0] else 0.0
    return min(97.0, max(3.0, person.level + gain + noise))


def _answers(
    person: Person,
    instrument: Instrument,
    items: Sequence[Item],
    level: float,
    timepoint: str,
    draw: random.Random,
) -> dict[str, Any]:
    gain = level - person.level
    match instrument.key:
        case "safety":
            yes = person.symptoms.get(timepoint, ())
            return {item.code: int(item.code in yes) for item in items}
        case "groc":
            return {"Q1": round(min(7, max(-7, gain / 4.5 + draw.gauss(0, 0.7))))}
        case "pass":
            return {"Q1": int(level + draw.gauss(0, 6) > 62)}
        case "psfs":
            return {f"Q{n}": round(min(10, max(0, level / 10 + draw.gauss(0, 0.5)))) for n in (1, 2, 3)}
        case "nprs":
            return {"Q1": round(min(WORST_PAIN, max(0, (100 - level) / 9 + draw.gauss(0, 0.5))))}
        case "ihot-12" | "ihot-33":
            return {item.code: _ihot(item, level, draw) for item in items}
        case _:
            return {item.code: _coded(item, level, draw) for item in items}


def _ihot(item: Item, level: float, draw: random.Random) -> int | str:
    if item.na_allowed and draw.random() < 0.08:
        return "NA"
    return round(min(100, max(0, level + draw.gauss(0, 7))))


def _coded(item: Item, level: float, draw: random.Random) -> int:
    """A code from the item's range, low for no problem."""
    width = item.maximum - item.minimum
    return item.minimum + round(min(width, max(0, (100 - level) / 100 * width + draw.gauss(0, 0.45))))
