"""Five episodes whose baseline was typed in from paper after the answers at 6 weeks and 3 months to the PSFS alone.

Those rate *Stairs* and *Socks*. So do the baselines of the first two; the third and fourth name one of them, the fifth
a third activity beside them.
"""

import datetime as dt

from prom_service.reports import ReportQuery
from tests.reports.builders import Record, instant

START = dt.date(2026, 1, 10)
BEFORE = (("Stairs", "Socks"), ("Socks", "Stairs"), ("Stairs",), ("Socks",), ("Stairs", "Socks", "Sit"))


def of_other_activities(record: Record) -> ReportQuery:
    """Write the five and return the question about them."""
    clinic = record.clinic(record.organisation())
    days = {"baseline": START, "6-weeks": START + dt.timedelta(days=42), "3-months": START + dt.timedelta(days=90)}
    for named in BEFORE:
        episode = record.episode(clinic, START, visits=1)
        episode.pathway, episode.pathway_key = "buttock-nerve-pain-1", "buttock-nerve-pain"
        for timepoint, day in days.items():
            first = timepoint == "baseline"
            recorded_on = days["3-months"] + dt.timedelta(days=7) if first else day
            response = record.response(episode, timepoint, instant(day), recorded_at=instant(recorded_on))
            record.asked(response, "psfs-1.0", "official", named if first else ("Stairs", "Socks"))
            record.score(response, "psfs-1.0", "total", 3 if first else 7)
    return ReportQuery((clinic.id,), None, START, days["6-weeks"], instant(dt.date(2026, 7, 1)))
