"""Questionnaires for the tests of paper: of any instruments, for nobody or for one patient."""

import datetime as dt
from dataclasses import replace
from typing import Any

import instruments
from instruments.definition import Instrument
from prom_service.paper.questionnaire import Clinic, Occasion, Part, Question, Questionnaire

LINK = f"https://questions.northside.example.org/s/{'a' * 43}"
NORTHSIDE = Clinic(
    name="Northside Clinic",
    phone="+44 20 7946 0000",
    reply_hours="Monday to Friday, 9:00 to 17:00",
    urgent_text="Call 999 now, or go to the nearest emergency department.",
    texts_language="en",
    language="en",
)
OCCASION = Occasion(
    clinic=NORTHSIDE,
    side="left",
    last_day=dt.date(2026, 3, 10),
    late=False,
    patient_number="P1204",
    episode_number="E311",
    timepoint="6-weeks",
    link=LINK,
)


def part_of(instrument: Instrument, activities: tuple[str, ...] = ()) -> Part:
    """All items of an instrument, or those that rate these activities."""
    if not activities:
        return Part(instrument, tuple(Question(item, item.text) for item in instrument.items))
    rated = zip(instrument.items, activities, strict=False)
    return Part(instrument, tuple(Question(item, item.text, activity) for item, activity in rated))


def blank(ref: str, language: str = "en") -> Questionnaire:
    """A questionnaire for anybody."""
    return Questionnaire((part_of(instruments.find_in(language, ref)),), language)


def asked(*refs: str, language: str = "en", clinic: Clinic = NORTHSIDE, **changes: Any) -> Questionnaire:
    """A questionnaire for one patient, of these instruments or of the iHOT-12, the NPRS and the safety questions."""
    wanted = refs or ("ihot-12-1.0", "nprs-1.0", "safety-1.0")
    parts = tuple(part_of(instruments.find_in(language, ref)) for ref in wanted)
    return Questionnaire(parts, language, replace(OCCASION, clinic=clinic, **changes))
