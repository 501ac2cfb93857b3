"""What a clinician of the simulation writes down of a visit: not always, and seldom everything."""

import random

from prom_service.pathway.shape import EDUCATION_TOPICS
from prom_service.simulation.cohort import Person

DOCUMENTED = 0.7
"""Share of the visits of which anything is written down."""
EXERCISES = {
    "exercise_load": "12 kg",
    "repetitions": "8 to 10",
    "sets": "3",
    "time_under_tension": "4 s up, 4 s down",
    "rest": "90 s between sets, a day between sessions",
    "sessions_per_week": "3",
    "progression": "more load once 10 repetitions are easy",
}
INTERVENTIONS = ("strengthening, movement reeducation", "strengthening", "movement reeducation, manual therapy")
ONLY_STRETCHED = 0.06
"""Share of the people with whom nothing else is done."""
MEDICATION = {"none": 0.45, "paracetamol": 0.25, "ibuprofen": 0.25, "codeine": 0.05}
IMAGING = {"none": 0.6, "x-ray": 0.25, "MRI": 0.15}


def documentation_of(person: Person, number: int) -> dict[str, str]:
    """Return what is documented of the person's visit of this number, counted from 0; drugs and images at the first."""
    draw = random.Random(f"{person.noise}:documentation:{number}")  # noqa: S311
    if draw.random() >= DOCUMENTED:
        return {}
    if random.Random(f"{person.noise}:stretching").random() < ONLY_STRETCHED:  # noqa: S311
        return {"interventions": "stretching"}
    thorough = draw.random() < 0.15
    written = {part: said for part, said in EXERCISES.items() if thorough or draw.random() < 0.4}
    written["interventions"] = draw.choice(INTERVENTIONS)
    if topics := [topic for topic in EDUCATION_TOPICS if draw.random() < 0.25]:
        written["education"] = ", ".join(topics)
    if number == 0:
        written["medication"] = draw.choices(tuple(MEDICATION), tuple(MEDICATION.values()))[0]
        written["imaging"] = draw.choices(tuple(IMAGING), tuple(IMAGING.values()))[0]
    return written
