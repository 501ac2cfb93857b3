"""One flag: why it was raised, on which numbers, and every step that is taken with it."""

import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from flask import redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from prom_service.errors import ConflictError, InvalidInputError, NotFoundError, StaleVersionError
from prom_service.models import Clinic, Flag
from prom_service.models.flag import RESOLUTIONS
from prom_service.models.user import READING_ROLES
from prom_service.pathway.dates import start_of_day
from prom_service.services import flags
from prom_service.services.clinics import today_at, zone_of
from prom_service.web import audit, guards
from prom_service.web.context import prom
from prom_service.web.dashboard.blueprint import blueprint, common
from prom_service.web.dashboard.flag_view import flag_view
from prom_service.web.dashboard.staff_session import chosen_clinic, person
from prom_service.web.dashboard.words import ACTORS, MODES, STEPS, read_in
from prom_service.web.dashboard.worklist_filter import kept_filters

NOTE_LENGTH = 1000
FIELDS = {"user_id": "user", "until": "until", "reason": "reason", "note": "note"}
"""Where a fault that a service names stands in the forms."""

Step = Callable[[Session, Flag], Any]


@blueprint.get("/flags/<uuid:flag_id>")
@guards.admits(*READING_ROLES)
def show_flag(flag_id: uuid.UUID) -> str:
    """Show one flag: why, on which numbers, what the pathway advises, and what has been done."""
    return _flag_page(flag_id)


@blueprint.post("/flags/<uuid:flag_id>/acknowledge")
@guards.admits(*READING_ROLES)
def acknowledge(flag_id: uuid.UUID) -> Response | tuple[str, int]:
    """Record that the flag was seen."""
    return _take_step(flag_id, lambda session, flag: flags.acknowledge(session, flag, note=_note(), **_by_whom()))


@blueprint.post("/flags/<uuid:flag_id>/assign")
@guards.admits(*READING_ROLES)
def assign(flag_id: uuid.UUID) -> Response | tuple[str, int]:
    """Give the flag to somebody who may read it."""
    return _take_step(flag_id, lambda session, flag: flags.assign(session, flag, _user(), note=_note(), **_by_whom()))


@blueprint.post("/flags/<uuid:flag_id>/snooze")
@guards.admits(*READING_ROLES)
def snooze(flag_id: uuid.UUID) -> Response | tuple[str, int]:
    """Put the flag aside until the morning of a day; it wakes as open."""
    return _take_step(
        flag_id,
        lambda session, flag: flags.snooze(session, flag, _until(session, flag), note=_note(), **_by_whom()),
    )


@blueprint.post("/flags/<uuid:flag_id>/resolve")
@guards.admits(*READING_ROLES)
def resolve(flag_id: uuid.UUID) -> Response | tuple[str, int]:
    """Close the flag with a reason."""
    return _take_step(
        flag_id, lambda session, flag: flags.resolve(session, flag, _reason(), note=_note(), **_by_whom())
    )


def _by_whom() -> dict[str, Any]:
    return {"actor": person.actor, "now": prom.now()}


def _note() -> str:
    note = request.form.get("note", "").strip()
    if len(note) > NOTE_LENGTH:
        raise InvalidInputError({"note": [f"At most {NOTE_LENGTH} characters; this has {len(note)}."]})
    return note


def _reason() -> str:
    reason = request.form.get("reason", "")
    if reason not in RESOLUTIONS:
        raise InvalidInputError({"reason": ["Choose a reason."]})
    return reason


def _user() -> uuid.UUID:
    try:
        return uuid.UUID(request.form.get("user", ""))
    except ValueError:
        raise InvalidInputError({"user_id": ["Choose who takes it."]}) from None


def _until(session: Session, flag: Flag) -> dt.datetime:
    zone = ZoneInfo(session.get_one(Clinic, flag.clinic_id).time_zone)
    try:
        return start_of_day(dt.date.fromisoformat(request.form.get("until", "")), zone)
    except (ValueError, OverflowError):
        raise InvalidInputError({"until": ["Give the day on which it comes back, such as 2026-03-09."]}) from None


def _take_step(flag_id: uuid.UUID, step: Step) -> Response | tuple[str, int]:
    """Take a step with the flag as it was shown; else show it again with what is wrong, or with what has changed."""
    seen = request.form.get("seen", type=int)
    try:
        with audit.writing() as session:
            flag = flags.find_for_update(session, chosen_clinic(), flag_id)
            if flag is None:
                raise NotFoundError("There is no such flag.")
            if seen is None:
                raise BadRequest("The form is not complete. Load the page again.")
            if flag.number != seen:
                raise StaleVersionError("The flag changed after this page was loaded. Nothing was done.")
            step(session, flag)
    except StaleVersionError as error:
        return _flag_page(flag_id, {"flag": str(error)}, seen=seen), 409
    except ConflictError as error:
        return _flag_page(flag_id, {"flag": str(error)}), 409
    except InvalidInputError as error:
        faults = {FIELDS.get(name, name): " ".join(texts) for name, texts in error.errors.items()}
        return _flag_page(flag_id, faults), 422
    return redirect(url_for(".show_flag", flag_id=flag_id, **kept_filters()), code=303)


def _flag_page(flag_id: uuid.UUID, errors: Mapping[str, str] | None = None, *, seen: int | None = None) -> str:
    """Return the page; what happened to the flag after its event ``seen`` is told apart."""
    with prom.reading() as session:
        view = flag_view(session, chosen_clinic(), flag_id, kept_filters())
    read_in(view["clinic"].time_zone, days=zone_of(view["patient"], view["clinic"]))
    news = [event for event in view["flag"]["history"] if seen is not None and event["number"] > seen]
    tomorrow = today_at(view["clinic"], now=prom.now()) + dt.timedelta(days=1)
    told = {"errors": errors or {}, "news": news, "tomorrow": tomorrow}
    words_used = {"steps": STEPS, "reasons": RESOLUTIONS, "modes": MODES, "actors": ACTORS}
    return render_template("dashboard/flag.html", **view, **told, **words_used, form=request.form, **common())
