"""Logging in and out."""

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from prom_service.models.user import ROLES
from prom_service.services import staff
from prom_service.services.staff import LogInRefusedError, TooManyTriesError
from prom_service.web import guards
from prom_service.web.context import prom
from prom_service.web.dashboard.blueprint import blueprint, common
from prom_service.web.dashboard.second_factor import begin_log_in, note_step
from prom_service.web.dashboard.staff_session import end, person


@blueprint.get("/")
@guards.admits(*ROLES)
def home() -> Response | str:
    """Lead to the worklist; who may read none to the reports, or is shown what the account is for."""
    if person.reads:
        return redirect(url_for(".show_worklist"), code=303)
    if person.reports:
        return redirect(url_for(".show_reports"), code=303)
    return render_template("dashboard/home.html", **common())


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
        if isinstance(error, LogInRefusedError):
            _note_refused(email, source)
        status = 429 if isinstance(error, TooManyTriesError) else 422
        form = render_template("dashboard/login.html", next=request.form.get("next", ""), error=str(error), email=email)
        return form, status
    with prom.transaction() as session:
        staff.forgive_tries(session, email, source=source, secret=secret, now=now)
        return begin_log_in(session, user, request.form.get("next", ""))


def _note_refused(email: str, source: str) -> None:
    """Put on record that somebody unknown showed a wrong password for an account there is."""
    with prom.transaction() as session:
        user = staff.account_refused(session, email, source=source, secret=prom.settings.secret, now=prom.now())
        if user is not None:
            note_step(session, user, "refused", actor="unknown")


@blueprint.post("/logout")
@guards.admits(*ROLES)
def log_out() -> Response:
    """End the session on the server, not only in the browser."""
    token = end()
    if token:
        with prom.transaction() as session:
            staff.close_session(session, token, secret=prom.settings.secret, now=prom.now())
    answer = redirect(url_for(".show_log_in"), code=303)
    answer.headers["Clear-Site-Data"] = '"cache", "cookies", "storage"'
    return answer


guards.declare(show_log_in, "public")
guards.declare(log_in, "public")
