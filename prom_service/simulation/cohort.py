"""The people of the simulation: who they are, how their complaint goes, how they behave. One seed, one cohort.

Courses are drawn around what studies of physiotherapy for these complaints report: an average gain on iHOT and HOOS of
9 to 18 points at 3 months with a standard deviation near 15 (Harris-Hayes 2020, doi:10.1136/bmjsem-2019-000707;
PROHIP, doi:10.7326/M23-3225), and 6 to 10 visits for most. The shares of the courses are our own choice.
"""

import datetime as dt
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

WEEKS = 60
FEWEST = 40
"""With fewer patients not every kind of flag has someone to rest on."""

BOUNCES = "bounce."
"""The embedded mail transport refuses addresses that begin so."""
FIRST_NAMES = (
    "Ada",
    "Ben",
    "Cleo",
    "Dev",
    "Ella",
    "Finn",
    "Grace",
    "Hugo",
    "Iris",
    "Jon",
    "Kim",
    "Leo",
    "Maya",
    "Nils",
)
LAST_NAMES = (
    "Ash",
    "Birch",
    "Cedar",
    "Dale",
    "Elm",
    "Field",
    "Grove",
    "Heath",
    "Ivy",
    "Juniper",
    "Lake",
    "Moor",
    "Reed",
)
PATHWAYS = {
    "hip-related-pain-1": ("hip-related pain", "femoroacetabular impingement", "labral tear"),
    "hip-osteoarthritis-1": ("hip osteoarthritis",),
    "buttock-nerve-pain-1": ("piriformis syndrome", "deep gluteal syndrome", "sciatica"),
}
PATHWAY_SHARES = (0.5, 0.3, 0.2)
SPANISH_EVERY = 9
"""Of so many people one reads Spanish."""


@dataclass(frozen=True)
class Course:
    """How a complaint goes: the gain at 6 weeks and at 3 months in points of 100, its spread, and the usual visits."""

    six_weeks: float
    three_months: float
    spread: float
    visits: tuple[int, int]


COURSES = {
    "improver": (0.44, Course(15, 26, 6, (5, 10))),
    "slow": (0.13, Course(3, 19, 5, (8, 12))),
    "flat": (0.15, Course(1, 3, 4, (6, 11))),
    "worse": (0.06, Course(-10, -18, 4, (4, 9))),
    "late dip": (0.06, Course(13, 2, 4, (6, 10))),
    "over-user": (0.07, Course(5, 12, 5, (15, 18))),
    "quick": (0.08, Course(24, 36, 6, (3, 6))),
    "decline": (0.01, Course(-22, -30, 3, (4, 9))),
}

TIMEPOINTS = ("baseline", "6-weeks", "3-months")


@dataclass(frozen=True)
class Person:
    """One patient with one episode, and everything that person will do.

    ``answers_mail`` says for each timepoint which email is answered (0 is the invitation), None for none of them;
    ``manner`` how: ``complete``, ``unscorable``, ``started``, ``half`` or ``paper``. ``acts`` are days after the start.
    """

    number: int
    clinic: int
    name: str
    email: str
    born_on: dt.date
    sex: str
    side: str
    pathway: str
    diagnosis: str
    clinician: str
    started_on: dt.date
    enrolled_days_before: int
    course: str
    level: float
    answers_mail: Mapping[str, int | None]
    answer_delay_hours: Mapping[str, float]
    visit_days: tuple[int, ...]
    manner: Mapping[str, str] = field(default_factory=dict)
    symptoms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    acts: Mapping[str, int] = field(default_factory=dict)
    reviewed: bool = True
    """Whether the staff look at this person's flags in the course of their days."""
    noise: int = 0
    """Seed of everything this person answers."""
    language: str = "en"


def people(count: int, *, seed: int, today: dt.date) -> list[Person]:
    """Return ``count`` people whose care begins in the last ``WEEKS``, the first of them cast for a part."""
    draw = random.Random(seed)  # noqa: S311 (a synthetic cohort, no secret)
    cast = list(_cast(draw, today))
    return cast + [_person(draw, number, today) for number in range(len(cast), count)]


def _person(draw: random.Random, number: int, today: dt.date, **changes: object) -> Person:
    pathway = draw.choices(tuple(PATHWAYS), PATHWAY_SHARES)[0]
    course = draw.choices(tuple(COURSES), [share for share, _ in COURSES.values()])[0]
    first, last = draw.choice(FIRST_NAMES), draw.choice(LAST_NAMES)
    clinic = draw.choices((0, 1, 2), (0.55, 0.3, 0.15))[0]
    bounced = draw.random() < 0.015
    address = BOUNCES if bounced else ""
    person = Person(
        number=number,
        clinic=clinic,
        name=f"{first} {last}",
        email=f"{address}{first}.{last}.{number}@example.org".lower(),
        born_on=today - dt.timedelta(days=int(draw.triangular(20, 80, 48) * 365.25)),
        sex=draw.choice(("female", "female", "male")),
        side=draw.choice(("left", "right")),
        pathway=pathway,
        diagnosis=draw.choice(PATHWAYS[pathway]),
        clinician=draw.choice("ABC"),
        started_on=today - dt.timedelta(days=draw.randint(4, WEEKS * 7 - 4)),
        enrolled_days_before=draw.choice((0, 1, 2, 3)),
        course=course,
        level=min(70.0, max(15.0, draw.gauss(46, 12))),
        answers_mail=_habits(draw),
        answer_delay_hours={timepoint: draw.expovariate(1 / 5) + 0.1 for timepoint in TIMEPOINTS},
        visit_days=_visit_days(draw, *COURSES[course][1].visits),
        symptoms=_symptoms(draw),
        acts=_acts(draw),
        noise=draw.randrange(2**32),
        language="es" if number % SPANISH_EVERY == 0 else "en",
    )
    person = replace(person, **changes)  # type: ignore[arg-type]
    return replace(person, clinician=f"PT-{person.clinic + 1}{person.clinician}")


def _habits(draw: random.Random) -> dict[str, int | None]:
    """Which email of each timepoint is answered: most people answer one of the first two, a few never do."""
    if draw.random() < 0.03:
        return dict.fromkeys(TIMEPOINTS)
    chances = {"baseline": 0.985, "6-weeks": 0.95, "3-months": 0.93}
    return {
        timepoint: draw.choices((0, 1, 2, 3), (0.62, 0.22, 0.1, 0.06))[0] if draw.random() < chance else None
        for timepoint, chance in chances.items()
    }


def _visit_days(draw: random.Random, fewest: int, most: int) -> tuple[int, ...]:
    count = draw.randint(fewest, most)
    every = max(3, 84 // (count + 1))
    return tuple(sorted({max(0, number * every + draw.randint(-1, 1)) for number in range(count)}))


def _symptoms(draw: random.Random) -> dict[str, tuple[str, ...]]:
    chance = draw.random()
    if chance < 0.008:
        return {draw.choice(TIMEPOINTS): (draw.choice(("R3", "R4", "R6")),)}
    if chance < 0.02:
        return {draw.choice(TIMEPOINTS): ("R10",)}
    return {"baseline": ("R12",)} if chance < 0.08 else {}


def _acts(draw: random.Random) -> dict[str, int]:
    chance = draw.random()
    if chance < 0.02:
        return {"withdraw": draw.randint(10, 80)}
    if chance < 0.025:
        return {"die": draw.randint(20, 90)}
    if chance < 0.035:
        return {"unsubscribe": draw.randint(5, 60)}
    if chance < 0.055:
        return {"pause": draw.randint(20, 60)}
    if chance < 0.12:
        return {"close": draw.randint(50, 88)}
    return {"close": draw.randint(90, 120)} if chance < 0.8 else {}


def _cast(draw: random.Random, today: dt.date) -> Iterator[Person]:
    """People of the first clinic to whom something particular happens; every kind of flag is live at the end."""
    prompt = dict.fromkeys(TIMEPOINTS, 0)
    plain = {
        "clinic": 0,
        "pathway": "hip-related-pain-1",
        "diagnosis": "hip-related pain",
        "level": 45.0,
        "answers_mail": prompt,
        "symptoms": {},
        "acts": {},
        "reviewed": False,
        "enrolled_days_before": 2,
        "language": "en",
    }
    parts: list[tuple[int, dict[str, object]]] = [
        (60, {"course": "improver", "symptoms": {"6-weeks": ("R3",)}}),
        (65, {"course": "improver", "symptoms": {"6-weeks": ("R10",)}}),
        (110, {"course": "decline", "level": 62.0}),
        (112, {"course": "flat"}),
        (75, {"course": "flat", "visit_days": tuple(range(0, 75, 8))}),
        (90, {"course": "over-user", "visit_days": tuple(range(0, 80, 5))}),
        (70, {"course": "flat", "visit_days": tuple(range(0, 65, 5))}),
        (70, {"course": "improver", "answers_mail": {**prompt, "baseline": None}}),
        (72, {"course": "improver", "manner": {"baseline": "late"}}),
        (66, {"course": "improver", "manner": {"6-weeks": "unscorable"}}),
        (80, {"course": "improver", "answers_mail": dict.fromkeys(TIMEPOINTS)}),
        (74, {"course": "improver", "manner": {"6-weeks": "half"}}),
        (88, {"course": "improver", "manner": {"6-weeks": "started"}}),
        (84, {"course": "improver", "manner": {"6-weeks": "paper"}}),
        (64, {"course": "improver", "acts": {"withdraw": 30}}),
        (68, {"course": "improver", "acts": {"die": 33}}),
        (62, {"course": "improver", "acts": {"unsubscribe": 20}}),
        (86, {"course": "slow", "acts": {"pause": 40}}),
    ]
    waiting: list[tuple[int, dict[str, object]]] = [
        (1 + number % 3, {"course": "improver", "answers_mail": dict.fromkeys(TIMEPOINTS)}) for number in range(8)
    ]
    for number, (days, part) in enumerate([*parts, *waiting]):
        person = _person(draw, number, today, started_on=today - dt.timedelta(days=days), **{**plain, **part})
        yield replace(person, email=person.email.removeprefix(BOUNCES))
    number = len(parts) + len(waiting)
    refused = _person(draw, number, today, started_on=today - dt.timedelta(days=58), **{**plain, "course": "improver"})
    yield replace(refused, email=f"{BOUNCES}{number}@example.org")
