"""How the pages of the staff name things."""

import datetime as dt
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from flask import g

import instruments
from instruments.answer import NotApplicable
from instruments.definition import Item
from prom_service.services.contact import EXPLANATIONS
from prom_service.web.context import prom

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
    "not_me": "Not meant for whoever opened the link",
    "identity_locked": "Identity check locked",
}
STATES = {
    "planned": "Not open yet",
    "open": "Open, not started",
    "started": "Started, not sent in",
    "completed": "Answered",
    "partial": "Answered in part",
    "missed": "Not answered in time",
    "not_asked": "Not asked",
    "cancelled": "Cancelled",
}
PHASES = {
    "planned": "Will be sent",
    "deferred": "Put off",
    "claimed": "Being sent",
    "committing": "Being sent",
    "sent": "Sent",
    "assumed_sent": "Probably sent, and not sent again",
    "failed": "Refused by the mail server",
    "cancelled": "Not sent",
}
MODES = {"web": "By the link", "desk": "At the desk", "paper": "On paper", "phone": "By phone"}
PATIENT_CHANGES = {
    "registered": "Registered",
    "address_changed": "Email address changed",
    "details_changed": "Name, date of birth, sex or language changed",
    "bounced": "Email address refused for good",
    "not_me": "Whoever opened a link said that it was not for them",
    "unsubscribed": "Pressed the stop link",
    "resubscribed": "May be emailed again",
    "paused": "Follow-up paused",
    "resumed": "Follow-up resumed",
    "withdrawn": "Withdrew",
    "deceased": "Recorded as deceased",
    "identity_locked": "Identity check locked after five wrong tries",
    "identity_unlocked": "Identity check unlocked",
}
ACTORS = {
    "patient": "by the link of an email",
    "sweep": "by this service",
    "command": "by whoever runs this service",
    "key": "by a program of the clinic",
    "user": "by staff",
}
UNNAMED = {"rules": "the rules", "user": "a former colleague", "command": "whoever runs this service"}
"""Who takes steps with flags and has no name of their own on record."""
PAPERS = {"a4": "PDF for A4", "letter": "PDF for US letter"}
STEPS = {
    "raised": "Raised",
    "updated": "Changed by new answers or visits",
    "acknowledged": "Acknowledged",
    "assigned": "Assigned",
    "escalated": "Escalated",
    "snoozed": "Snoozed",
    "reopened": "Woken from its snooze",
    "resolved": "Resolved",
    "superseded": "Superseded",
}
"""What happened to a flag."""
QUEUE_WORDS = {"clinical": "Clinical", "follow_up": "Follow-up"}
IDENTITY_CHECK_WORDS = {
    "none": "Nothing is asked",
    "year": "The year of birth",
    "date": "The date of birth",
}
"""What is asked before answers of an earlier day are shown again."""
TIMEPOINTS = {"baseline": "Start"}
"""How the patients' own lists name a timepoint whose key is not its title but for a hyphen."""
SETTINGS = {
    "name": "name",
    "phone": "phone",
    "weekend_mail": "emails at weekends",
    "identity_check": "check of identity",
    "show_trend": "scores over time",
}
"""What the settings of a clinic are called, but for its texts."""
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


def explained(code: str) -> str:
    """Return in words what a reason or a cause means; a mail server's code stays as it is."""
    kind, _, reason = code.partition(":")
    if code in EXPLANATIONS or kind not in CAUSES:
        return EXPLANATIONS.get(code, words(code))
    return f"{CAUSES[kind]}: {explained(reason)}" if reason else f"{CAUSES[kind]}."


def asked(item: str, ref: str, *, follow_up: bool) -> str:
    """Return the question behind an item code of instrument ``ref``, as it is put at the start or at a follow-up."""
    code, _, names = item.partition(".")
    question = question_of(instruments.find(ref).item(code), follow_up=follow_up)
    return f"The activity itself: {question}" if names else question


def question_of(item: Item, *, follow_up: bool) -> str:
    """Return an item's question: some are put in other words at a follow-up."""
    return item.followup_text if follow_up and item.followup_text else item.text


def answered(value: object, ref: str, item: str) -> str:
    """Return an answer as the patient saw it: an option by its text, and a word for what is open."""
    if value is None:
        return "no answer"
    if value == NotApplicable.NA:
        return "does not apply"
    choices = () if "." in item else instruments.find(ref).item(item).choices
    return next((text for code, text in choices if code == value), str(value))


def by(actor: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Return who took a step: a colleague by name, a program with whom it spoke for, or this service."""
    number, person = actor["id"], actor.get("on_behalf_of")
    kind = number.partition(":")[0]
    named = f"the program {names.get(number, 'of the clinic')}" if kind == "key" else names.get(number)
    said = named or UNNAMED.get(kind, kind)
    return f"{person.get('name') or person.get('id')}, by {said}" if person else said


def age(instant: dt.datetime | str | None, zone: dt.tzinfo | None = None) -> str:
    """Return how long ago an instant was, or in how long it will be, in its largest unit; a dash for none.

    Days are those of ``zone``; without one, of the page.
    """
    if not instant:
        return "–"
    at = dt.datetime.fromisoformat(instant) if isinstance(instant, str) else instant
    passed = prom.now() - at
    length = abs(passed)
    if length >= dt.timedelta(days=1):
        return days_between(at, prom.now(), zone)
    units = (("h", dt.timedelta(hours=1)), ("min", dt.timedelta(minutes=1)))
    largest = next(((length // size, name) for name, size in units if length >= size), None)
    if largest is None:
        return "just now" if passed >= dt.timedelta() else "in a moment"
    number, name = largest
    return f"{number} {name} ago" if passed > dt.timedelta() else f"in {number} {name}"


def timepoint(key: str) -> str:
    """Return the title of a timepoint, such as ``6 weeks``."""
    return TIMEPOINTS.get(key, key.replace("-", " "))


def days_between(at: dt.datetime, now: dt.datetime, zone: dt.tzinfo | None = None) -> str:
    """Return in words how many days lie between, by the calendar of ``zone``; without one, by the clinic's."""
    zone = zone or g.get("zone", dt.UTC)
    return span((now.astimezone(zone).date() - at.astimezone(zone).date()).days)


def span(days: int) -> str:
    """Return in words how many days have passed, or have yet to."""
    if days == 0:
        return "today"
    length = "1 day" if abs(days) == 1 else f"{abs(days)} days"
    return f"{length} ago" if days > 0 else f"in {length}"


def read_in(zone: str, *, days: ZoneInfo | None = None) -> None:
    """Let the times of this page be those of ``zone``, and its days those of ``days``: of the patient it is about."""
    g.zone = ZoneInfo(zone)
    g.days = days or g.zone


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
