"""Ten episodes whose scores at the start and at 3 months can be counted by hand. Asked as of 1 July 2026.

| | iHOT-12 | change | pain 0 to 10 | acceptable | |
| --- | --- | --- | --- | --- | --- |
| 1 | 50 → 64 | 14 | 6 → 4 | yes | |
| 2 | 30.3 → 44.3 | 14, held as 13.999999999999996 | 0 → 0 | no | |
| 3 | 30 → 60 | 30 | 3 → 2 | yes | |
| 4 | 80 → 60 | −20 | | no | |
| 5 | 100 → 100 | 0 | | yes | |
| 6 | 20 → 0 | −20 | | | |
| 7 | 50 → 60 | 10 | | | the baseline in our own wording |
| 8 | 40 → 70 | | | | the baseline came late |
| 9 | 40 → none | | | | too few answers at 3 months |
| 10 | 40 → 90 | | | | started on 1 April: the window of 3 months is still open |

Clinician A has the odd ones, B the even ones.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from prom_service.models import AnswerSet, Clinic, Episode, Organisation, Response, Score
from prom_service.reports import ReportQuery
from tests.reports.builders import Record, instant

AS_OF = instant(dt.date(2026, 7, 1), 0)
OFFICIAL = "official"
START, TARGET = dt.date(2026, 1, 10), dt.date(2026, 4, 10)
HIP = {
    1: (50.0, 64.0),
    2: (30.3, 44.3),
    3: (30.0, 60.0),
    4: (80.0, 60.0),
    5: (100.0, 100.0),
    6: (20.0, 0.0),
    7: (50.0, 60.0),
    8: (40.0, 70.0),
    9: (40.0, None),
    10: (40.0, 90.0),
}
PAIN = {1: (6.0, 4.0), 2: (0.0, 0.0), 3: (3.0, 2.0)}
ACCEPTABLE = {1: 1.0, 2: 0.0, 3: 1.0, 4: 0.0, 5: 1.0}


@dataclass(frozen=True)
class Outcomes:
    organisation: Organisation
    clinic: Clinic
    episodes: dict[int, Episode]

    def query(self, **changes: object) -> ReportQuery:
        values = {
            "clinic_ids": (self.clinic.id,),
            "organisation_id": None,
            "from_on": dt.date(2026, 1, 1),
            "to_on": dt.date(2026, 7, 1),
            "as_of": AS_OF,
        }
        return ReportQuery(**{**values, **changes})


def ten_episodes(record: Record, code: str = "north", numbers: Iterable[int] = HIP) -> Outcomes:
    """Write the ten episodes, in this order."""
    organisation = record.organisation()
    clinic = record.clinic(organisation, code)
    episodes = {number: _episode(record, clinic, number) for number in numbers}
    return Outcomes(organisation, clinic, episodes)


def also_scored(
    record: Record, response: Response, instrument: str, value: float, *, scale: str = "total", wording: str = OFFICIAL
) -> None:
    """Add a score of one more scale to a response."""
    shared = {"clinic_id": response.clinic_id, "response_id": response.id, "instrument": instrument}
    record.session.add(AnswerSet(**shared, wording=wording, answers={}, codes=b""))
    record.session.add(
        Score(
            **shared,
            episode_id=response.episode_id,
            scale=scale,
            value=value,
            answered=1,
            items=1,
            engine="1",
            recorded_at=response.recorded_at,
        )
    )
    record.session.flush()


def _episode(record: Record, clinic: Clinic, number: int) -> Episode:
    started_on = dt.date(2026, 4, 1) if number == 10 else START
    episode = record.episode(clinic, started_on, clinician="A" if number % 2 else "B")
    before, after = HIP[number]
    given = instant(started_on + dt.timedelta(days=10 if number == 8 else 0))
    wording = "own" if number == 7 else "official"
    baseline = record.answers(episode, "baseline", given, value=before, wording=wording)
    later = dt.date(2026, 6, 28) if number == 10 else TARGET
    response = record.answers(episode, "3-months", instant(later), value=after)
    if number in PAIN:
        also_scored(record, baseline, "nprs-1.0", PAIN[number][0])
        also_scored(record, response, "nprs-1.0", PAIN[number][1])
    if number in ACCEPTABLE:
        also_scored(record, response, "pass-1.0", ACCEPTABLE[number])
    return episode
