"""Writes a population, clinic by clinic, all in one transaction."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
from sqlalchemy.engine import Engine

from prom_service.models import Clinic, Organisation
from prom_service.simulation.population import care_rows, response_rows, visit_rows
from prom_service.simulation.population.answers import draw_answers, standing
from prom_service.simulation.population.attended import draw_visits
from prom_service.simulation.population.bulk import Bulk, bulk
from prom_service.simulation.population.care import FOLLOWED_DAYS, draw_care
from prom_service.simulation.population.judged import judge
from prom_service.simulation.population.raised import raise_flags
from prom_service.simulation.population.scored import DEPTHS, answer_sets, scale_values
from prom_service.simulation.population.written import DAY, day_of, iso

ZONES = ("Europe/London", "America/New_York", "Europe/Madrid", "America/Los_Angeles")


@dataclass(frozen=True)
class Size:
    """How large a population: so many ``episodes`` over so many ``clinics``, the last of them known on ``until``.

    ``depth`` is ``everything`` that is asked, or ``primary``: only the scales by which the pathways judge.
    """

    episodes: int = 5_000
    clinics: int = 12
    seed: int = 1
    until: dt.date = dt.date(2026, 1, 1)
    depth: str = "everything"

    def __post_init__(self) -> None:
        if not 1 <= self.clinics <= self.episodes:
            raise ValueError("clinics: from 1 to the number of episodes")
        if self.depth not in DEPTHS:
            raise ValueError(f"depth: one of {', '.join(DEPTHS)}")

    def of_clinic(self, number: int) -> int:
        """Return how many episodes a clinic has."""
        return (number + 1) * self.episodes // self.clinics - number * self.episodes // self.clinics


def write_population(engine: Engine, size: Size) -> int:
    """Write the population into empty tables; return the number of rows. All of it is there afterwards, or nothing."""
    with bulk(engine, seed=size.seed) as writer:
        organisation = writer.ids(1)[0]
        writer.add(
            Organisation,
            1,
            id=[organisation],
            name="National group (synthetic)",
            rounding_key=f"{size.seed:064x}",
            created_at=_founded(size),
        )
        for number in range(size.clinics):
            _write_clinic(writer, size, organisation, number)
        return writer.rows


def _write_clinic(writer: Bulk, size: Size, organisation: str, number: int) -> None:
    rng, zone = np.random.default_rng([size.seed, number]), ZONES[number % len(ZONES)]
    clinic = writer.ids(1)[0]
    _add_clinic(writer, size, organisation, clinic, number)
    care = draw_care(rng, size.of_clinic(number), zone, day_of(size.until))
    answers = draw_answers(rng, care)
    visits = draw_visits(rng, care)
    sets = list(answer_sets(rng, care, answers, size.depth))
    stands = standing(care, answers)
    judged = judge(care, answers, stands, scale_values(sets, len(answers)))
    ids = care_rows.write_care(writer, clinic, number, care)
    asked = care_rows.write_administrations(writer, clinic, ids, care, answers, stands)
    care_rows.write_messages(writer, clinic, rng, care, answers, asked)
    responses = response_rows.write_responses(writer, clinic, ids, asked, answers)
    response_rows.write_sets(writer, clinic, number, ids, responses, answers, sets)
    response_rows.write_judgements(writer, clinic, number, ids, responses, care, answers, judged)
    attended = visit_rows.write_visits(writer, clinic, ids, care, visits)
    bases = {"response": responses, "visit": attended, "administration": asked}
    visit_rows.write_flags(writer, clinic, ids, bases, list(raise_flags(rng, care, answers, stands, judged, visits)))


def _add_clinic(writer: Bulk, size: Size, organisation: str, clinic: str, number: int) -> None:
    writer.add(
        Clinic,
        1,
        id=[clinic],
        organisation_id=organisation,
        code=f"clinic-{number + 1:04}",
        name=f"Clinic {number + 1}",
        time_zone=ZONES[number % len(ZONES)],
        language="en",
        phone="1",
        reply_hours="Monday to Friday, 9:00 to 17:00",
        urgent_text="Call for help.",
        weekend_mail=1,
        identity_check="year",
        show_trend=0,
        flag_event_count=0,
        created_at=_founded(size),
    )


def _founded(size: Size) -> str:
    return iso((day_of(size.until) - FOLLOWED_DAYS - 30) * DAY).replace("T", " ")[:19] + ".000000"
