"""The routes of the staff. Every form carries a token against forgery and answers with 303."""

import datetime as dt
import uuid
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFProtect
from sqlalchemy import select
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from prom_service.errors import ConflictError, InvalidInputError, NotFoundError
from prom_service.models import Clinic, Flag
from prom_service.models.flag import QUEUES, RESOLUTIONS
from prom_service.queries import directory
from prom_service.queries.amendments import amended_since, amendments_of
from prom_service.queries.flags import find_flag
from prom_service.queries.missing import missing_answers
from prom_service.queries.waiting import waiting_in_episode
from prom_service.queries.worklist import count_live, worklist
from prom_service.services import flags, identity, staff
from prom_service.services.paper_writing import write_paper
from prom_service.services.staff import LogInRefusedError, TooManyTriesError
from prom_service.web import guards, paper
from prom_service.web.context import prom
from prom_service.web.dashboard.episode_view import course_view, episode_view
from prom_service.web.dashboard.staff_session import begin, chosen_clinic, clinics_to_read, end, person, require_log_in
from prom_service.web.dashboard.words import (
    ACTORS,
    CAUSES,
    KINDS,
    MODES,
    OUTCOMES,
    PAPERS,
    PATIENT_CHANGES,
    PHASES,
    SEVERITY_WORDS,
    STATES,
    answered,
    asked,
    explained,
    read_in,
    words,
)
from prom_service.web.problems import Problem

PAGE = 50
NOTE_LENGTH = 1000
AMENDMENTS_LISTED = dt.timedelta(days=28)
"""How long an amendment is listed beside the missing answers; on the page of its course of care it stays for good."""

blueprint = Blueprint("dashboard", __name__)
csrf = CSRFProtect()


def install(app: Flask) -> None:
    """Protect the staff's forms in ``app`` and give its templates their words."""
    app.config.update(
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=urlsplit(prom_base_url(app)).scheme == "https",
        SESSION_COOKIE_NAME="prom_staff",
        WTF_CSRF_CHECK_DEFAULT=False,
        WTF_CSRF_TIME_LIMIT=None,
    )
    csrf.init_app(app)
    app.jinja_env.filters.update(words=words, explained=explained, asked=asked, answered=answered)


def prom_base_url(app: Flask) -> str:
    """Return the address the service is reached at."""
    address: str = app.extensions["prom"].settings.base_url
    return address


@blueprint.before_request
def guard() -> Response | None:
    """Let in who is logged in, and take forms only with their token."""
    if request.method == "POST":
        csrf.protect()
    return None if request.endpoint in ("dashboard.show_log_in", "dashboard.log_in") else require_log_in()


@blueprint.get("/")
def home() -> Response:
    """Lead to the worklist."""
    return redirect(url_for(".show_worklist"), code=303)


@blueprint.get("/login")
def show_log_in() -> str:
    """Show the log-in form."""
    return render_template("dashboard/login.html", next=request.args.get("next", ""), error=None)


@blueprint.post("/login")
def log_in() -> Response | tuple[str, int]:
    """Open a session, or show the form again without saying which of the two entries was wrong."""
    email, password = request.form.get("email", ""), request.form.get("password", "")
    source, secret, now = request.remote_addr or "", prom.settings.secret, prom.now()
    try:
        with prom.transaction() as session:
            staff.count_try(session, email, source=source, secret=secret, now=now)
        with prom.reading() as session:
            user = staff.verify_password(session, email, password)
    except (LogInRefusedError, TooManyTriesError) as error:
        status = 429 if isinstance(error, TooManyTriesError) else 422
        form = render_template("dashboard/login.html", next=request.form.get("next", ""), error=str(error), email=email)
        return form, status
    with prom.transaction() as session:
        staff.forgive_tries(session, email, source=source, secret=secret, now=now)
        begin(staff.open_session(session, user, secret=secret, now=now))
    return redirect(_inside(request.form.get("next", "")), code=303)


@blueprint.post("/logout")
def log_out() -> Response:
    """End the session on the server, not only in the browser."""
    token = end()
    if token:
        with prom.transaction() as session:
            staff.close_session(session, token, secret=prom.settings.secret, now=prom.now())
    answer = redirect(url_for(".show_log_in"), code=303)
    answer.headers["Clear-Site-Data"] = '"cache", "cookies", "storage"'
    return answer


@blueprint.get("/worklist")
def show_worklist() -> str:
    """Show the clinic's live flags, the gravest first."""
    clinic_id = chosen_clinic()
    queue = request.args.get("queue") or None
    if queue is not None and queue not in QUEUES:
        raise BadRequest(f"There is no such queue; there are {', '.join(QUEUES)}.")
    with prom.reading() as session:
        rows = worklist(session, clinic_id, queue=queue, after=_after(), limit=PAGE + 1)
        counts = count_live(session, clinic_id)
        clinics = session.scalars(select(Clinic).where(Clinic.id.in_(clinics_to_read())).order_by(Clinic.name)).all()
        read_in(session.get_one(Clinic, clinic_id).time_zone)
    return render_template(
        "dashboard/worklist.html",
        rows=rows[:PAGE],
        more=f"{rows[PAGE - 1].rank}.{rows[PAGE - 1].flag.id}" if len(rows) > PAGE else None,
        counts=counts,
        queue=queue,
        clinics=clinics,
        clinic_id=clinic_id,
        **_common(),
    )


@blueprint.get("/missing")
def show_missing() -> str:
    """Show whose answers are missing, why, and what to do next; what closes first comes first."""
    clinic_id = chosen_clinic()
    page = max(request.args.get("page", 1, type=int), 1)
    with prom.reading() as session:
        rows = missing_answers(session, clinic_id, now=prom.now())
        amended = amended_since(session, clinic_id, prom.now() - AMENDMENTS_LISTED)
        clinics = session.scalars(select(Clinic).where(Clinic.id.in_(clinics_to_read())).order_by(Clinic.name)).all()
        read_in(session.get_one(Clinic, clinic_id).time_zone)
    return render_template(
        "dashboard/missing.html",
        rows=rows[(page - 1) * PAGE : page * PAGE],
        total=len(rows),
        more=page + 1 if len(rows) > page * PAGE else None,
        amended=amended,
        causes=CAUSES,
        clinics=clinics,
        clinic_id=clinic_id,
        **_common(),
    )


@blueprint.post("/administrations/<uuid:administration_id>/paper")
def print_paper(administration_id: uuid.UUID) -> Response:
    """Hand over what an administration asks as a PDF, with the QR code of a link made for it."""
    with prom.transaction() as session:
        pdf = write_paper(
            session,
            directory.find_administration(session, chosen_clinic(), administration_id),
            prom.settings,
            paper=request.form.get("paper", "a4"),
            issued_by=person.actor,
            now=prom.now(),
        )
    return paper.answer(pdf)


@blueprint.get("/episodes/<uuid:episode_id>")
def show_episode(episode_id: uuid.UUID) -> str:
    """Show a course of care: what was asked, sent and answered, what will be sent, and why something was not."""
    with prom.reading() as session:
        view = episode_view(
            session, chosen_clinic(), episode_id, production=prom.settings.in_production, now=prom.now()
        )
    read_in(view["clinic"].time_zone)
    words_used = {"states": STATES, "phases": PHASES, "modes": MODES, "changes": PATIENT_CHANGES, "actors": ACTORS}
    return render_template("dashboard/episode.html", **view, **words_used, **_common())


@blueprint.post("/administrations/<uuid:administration_id>/unlock")
def unlock(administration_id: uuid.UUID) -> Response:
    """Let a patient who was locked out take the identity check again."""
    with prom.transaction() as session:
        administration = directory.find_administration(session, chosen_clinic(), administration_id)
        identity.unlock(session, administration, actor=person.actor, now=prom.now())
    page = url_for(".show_episode", episode_id=administration.episode_id, _anchor=administration.timepoint)
    return redirect(page, code=303)


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


guards.declare(show_log_in, "public")
guards.declare(log_in, "public")


def show_problem(problem: Problem) -> str:
    """Return the page for what went wrong under the staff's addresses."""
    return render_template("dashboard/problem.html", problem=problem)


def _take_step(flag_id: uuid.UUID, step: Any) -> Response | tuple[str, int]:
    try:
        with prom.transaction() as session:
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
        **_common(),
    )


def _common() -> dict[str, Any]:
    return {
        "person": person,
        "kinds": KINDS,
        "severities": SEVERITY_WORDS,
        "outcomes": OUTCOMES,
        "papers": PAPERS,
        "now": prom.now(),
    }


def _after() -> tuple[int, uuid.UUID] | None:
    text = request.args.get("after")
    if not text:
        return None
    rank, _, flag_id = text.partition(".")
    try:
        return int(rank), uuid.UUID(flag_id)
    except ValueError:
        raise BadRequest("The address of this page is not complete.") from None


def _inside(target: str) -> str:
    """Return ``target`` when it is a page of ours, else the worklist: nobody is led elsewhere after logging in."""
    parts = urlsplit(target)
    ours = target.startswith("/") and not target.startswith("//") and "\\" not in target and not parts.netloc
    return target if ours else url_for(".show_worklist")
