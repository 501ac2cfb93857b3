"""How the pages of the staff name things."""

import datetime as dt
from zoneinfo import ZoneInfo

from flask import g

KINDS = {
    "red_flag_symptom": "Red-flag symptom",
    "deterioration": "Deterioration",
    "non_responder": "Non-responder",
    "continued_without_review": "Continued without review",
    "visits_over_threshold": "Visits over threshold",
    "visits_near_threshold": "Visits near threshold",
    "not_assessable": "Not assessable",
    "not_scorable": "Not scorable",
    "survey_missed": "Survey missed",
    "baseline_missing": "Baseline missing",
}
CAUSES = {
    "not_sent": "No email was sent",
    "bounced": "The email came back",
    "delivered_never_started": "Delivered, never started",
    "started": "Started, not sent in",
    "partial": "Answered in part",
    "declined": "Declined",
}
PAPERS = {"a4": "PDF for A4", "letter": "PDF for US letter"}
SEVERITY_WORDS = {"urgent": "Urgent", "high": "High", "medium": "Medium", "low": "Low"}
OUTCOMES = {
    "on_track": "On track",
    "not_yet_on_track": "Not yet on track",
    "improved": "Improved",
    "uncertain": "Uncertain",
    "not_improved": "Not improved",
    "worse": "Worse",
    "not_assessable": "Not assessable",
}


def read_in(zone: str) -> None:
    """Let the times of this page be those of ``zone``."""
    g.zone = ZoneInfo(zone)


def words(value: object) -> str:
    """Return a value as staff read it: one decimal, the clinic's time, a code with spaces; a dash for nothing."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.1f}"
    if isinstance(value, dt.datetime):
        return value.astimezone(g.get("zone", dt.UTC)).strftime("%-d %b %Y, %H:%M %Z")
    if isinstance(value, dt.date):
        return value.strftime("%-d %b %Y")
    text = str(value)
    if len(text) >= 19 and text[4] == "-" and text[10] == "T":
        return words(dt.datetime.fromisoformat(text))
    return text.replace("_", " ") if text.islower() else text
