"""Nine episodes of one clinic, small enough to count by hand. All questions about them are asked as of 1 July 2026.

| | clinician | started | visits | closed | 3 months |
| --- | --- | --- | --- | --- | --- |
| 1 | A | 10 Jan | 10, one shared with 9 | yes | emailed once, answered: improved |
| 2 | A | 10 Jan | 14 | yes | emailed twice, answered late: not improved |
| 3 | A | 10 Jan | 15 | yes | emailed once, answered: improved |
| 4 | B | 10 Jan | 20 | yes | emailed once, left unfinished but scored: worse |
| 5 | B | 10 Jan | 6 | yes | no email, answered on paper under our own wording: uncertain |
| 6 | B | 10 Jan | 16 | no | emailed twice, never started |
| 7 | A | 15 Jun | 3 | no | window opens in September: not yet due |
| 8 | B | 10 Jan | 2 | yes | withdrew in February |
| 9 | A | 10 Jan | 12, one shared with 1 | no | emailed once, answered, but the baseline came late |

Beside them, none of it counted: a group visit, a missed and a voided one of episode 1, an episode started in
December, and one of another clinic. The 3-month window of 10 January passes on 9 May (10 April and 29 days).
"""

import datetime as dt
from dataclasses import dataclass

from prom_service.models import Clinic, Episode, Organisation
from prom_service.reports import ReportQuery
from tests.reports.builders import Record, instant

AS_OF = instant(dt.date(2026, 7, 1), 0)
START = dt.date(2026, 1, 10)
TARGET = dt.date(2026, 4, 10)
CLOSED = {"closed_on": dt.date(2026, 6, 1)}


@dataclass(frozen=True)
class Cohort:
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
        if changes.get("audience") == "quality":
            values |= {"clinic_ids": (), "organisation_id": self.organisation.id}
        return ReportQuery(**{**values, **changes})


def a_cohort(record: Record) -> Cohort:
    """Write the nine episodes and what must not be counted."""
    organisation = record.organisation()
    clinic = record.clinic(organisation)
    episodes = {
        1: record.episode(clinic, START, visits=9, clinician="A", **CLOSED),
        2: record.episode(clinic, START, visits=14, clinician="A", **CLOSED),
        3: record.episode(clinic, START, visits=15, clinician="A", **CLOSED),
        4: record.episode(clinic, START, visits=20, clinician="B", **CLOSED),
        5: record.episode(clinic, START, visits=6, clinician="B", **CLOSED),
        6: record.episode(clinic, START, visits=16, clinician="B"),
        7: record.episode(clinic, dt.date(2026, 6, 15), visits=3, clinician="A"),
        8: record.episode(clinic, START, visits=2, clinician="B", **CLOSED),
        9: record.episode(clinic, START, visits=11, clinician="A"),
    }
    record.visit(dt.date(2026, 2, 20), episodes[1], episodes[9])
    for number in (1, 2, 3, 4, 5):
        record.answers(episodes[number], "baseline", instant(START), wording="own" if number == 5 else "official")
    record.answers(episodes[9], "baseline", instant(START + dt.timedelta(days=10)))
    _emails(record, episodes)
    _three_months(record, episodes)
    _withdraw(record, episodes[8])
    _not_counted(record, organisation, clinic, episodes[1])
    return Cohort(organisation, clinic, episodes)


def _emails(record: Record, episodes: dict[int, Episode]) -> None:
    for number in (1, 2, 3, 4, 6, 9):
        record.email(episodes[number], "3-months", 0, instant(TARGET))
    for number in (2, 6):
        record.email(episodes[number], "3-months", 1, instant(TARGET + dt.timedelta(days=3)))


def _three_months(record: Record, episodes: dict[int, Episode]) -> None:
    soon, late = instant(TARGET + dt.timedelta(days=1)), instant(dt.date(2026, 5, 12))
    outcomes = {
        1: ("improved", soon, {}),
        2: ("not_improved", late, {}),
        3: ("improved", soon, {}),
        4: ("worse", soon, {"partial": True}),
        5: ("uncertain", soon, {"mode": "paper", "wording": "own"}),
        9: ("not_assessable", soon, {}),
    }
    for number, (outcome, at, how) in outcomes.items():
        response = record.answers(episodes[number], "3-months", at, **how)
        record.judged(episodes[number], response, outcome, wording=how.get("wording", "official"))


def _withdraw(record: Record, episode: Episode) -> None:
    for timepoint in ("6-weeks", "3-months"):
        administration = record.administration(episode, timepoint)
        administration.state = "cancelled"
        administration.cancelled_at = instant(dt.date(2026, 2, 1))
        administration.cancelled_reason = "withdrawn"
    record.session.flush()


def _not_counted(record: Record, organisation: Organisation, clinic: Clinic, episode: Episode) -> None:
    record.visit(dt.date(2026, 3, 1), episode, format="group")
    record.visit(dt.date(2026, 3, 2), episode, status="no_show")
    record.void(record.visit(dt.date(2026, 3, 3), episode), instant(dt.date(2026, 3, 4)))
    record.episode(clinic, dt.date(2025, 12, 31), visits=30, clinician="A")
    record.episode(record.clinic(organisation, "south"), START, visits=30, clinician="A")
