"""One flag: why it was raised, on which numbers, and every step that is taken with it."""

import uuid
from typing import Any

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from prom_service.errors import ConflictError, InvalidInputError, NotFoundError
from prom_service.models import Clinic, Flag
from prom_service.models.flag import RESOLUTIONS
from prom_service.queries import directory
from prom_service.queries.amendments import amendments_of
from prom_service.queries.flags import find_flag
from prom_service.queries.waiting import waiting_in_episode
from prom_service.services import flags
from prom_service.web import audit
from prom_service.web.context import prom
from prom_service.web.dashboard.blueprint import blueprint, common
from prom_service.web.dashboard.episode_view import course_view
from prom_service.web.dashboard.staff_session import chosen_clinic, person
from prom_service.web.dashboard.words import read_in

NOTE_LENGTH = 1000


@blueprint.get("/flags/<uuid:flag_id>")
def show_flag(flag_id: uuid.UUID) -> str:
    """Show one flag: why, on which numbers, what the pathway advises, and what has been done."""
    return _flag_page(flag_id, errors={})


@blueprint.post("/flags/<uuid:flag_id>/acknowledge")
def acknowledge(flag_id: uuid.UUID) -> Response | tuple[str, int]:
    """Record that the flag was seen."""
    return _take_step(
        flag_id, lambda session, flag: flags.acknowledge(session, flag, actor=person.actor, now=prom.now())
    )


@blueprint.post("/flags/<uuid:flag_id>/resolve")
def resolve(flag_id: uuid.UUID) -> Response | tuple[str, int]:
    """Close the flag with a reason."""
    reason, note = request.form.get("reason", ""), request.form.get("note", "").strip()
    if len(note) > NOTE_LENGTH:
        return _flag_page(flag_id, errors={"note": f"At most {NOTE_LENGTH} characters; this has {len(note)}."}), 422
    if reason not in RESOLUTIONS:
        return _flag_page(flag_id, errors={"reason": "Choose a reason."}), 422
    return _take_step(
        flag_id,
        lambda session, flag: flags.resolve(session, flag, reason, note=note, actor=person.actor, now=prom.now()),
    )


def _take_step(flag_id: uuid.UUID, step: Any) -> Response | tuple[str, int]:
    try:
        with audit.writing() as session:
            flag: Flag | None = flags.find_for_update(session, chosen_clinic(), flag_id)
            if flag is None:
                raise NotFoundError("There is no such flag.")
            step(session, flag)
    except ConflictError as error:
        return _flag_page(flag_id, errors={"flag": str(error)}), 409
    except InvalidInputError as error:
        return _flag_page(flag_id, errors={name: " ".join(texts) for name, texts in error.errors.items()}), 422
    return redirect(url_for(".show_flag", flag_id=flag_id), code=303)


def _flag_page(flag_id: uuid.UUID, errors: dict[str, str]) -> str:
    with prom.reading() as session:
        view = find_flag(session, chosen_clinic(), flag_id)
        episode = directory.find_episode(session, chosen_clinic(), uuid.UUID(view["episode_id"]))
        course = course_view(session, episode)
        amendments = amendments_of(session, episode.id)
        waiting = waiting_in_episode(session, episode.id, now=prom.now())
        read_in(session.get_one(Clinic, episode.clinic_id).time_zone)
    return render_template(
        "dashboard/flag.html",
        flag=view,
        amendments=amendments,
        waiting=waiting,
        errors=errors,
        reasons=RESOLUTIONS,
        **course,
        **common(),
    )
