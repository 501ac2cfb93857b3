"""The second step of logging in: the code of an app, and before the first the page that hands the app its secret."""

from collections.abc import Callable
from typing import Any

from flask import g, redirect, render_template, request, url_for
from markupsafe import Markup
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from prom_service.models import User
from prom_service.models.audit import SERVICE
from prom_service.models.user import ROLES
from prom_service.services import second_factor, staff
from prom_service.services.audit import note
from prom_service.services.second_factor import WrongCodeError
from prom_service.services.staff import TooManyTriesError
from prom_service.web import audit, guards
from prom_service.web.context import prom, request_id
from prom_service.web.dashboard.blueprint import blueprint, common
from prom_service.web.dashboard.staff_session import begin, person, token_in_cookie

Answer = Response | str | tuple[str, int]


def begin_log_in(session: Session, user: User, wanted: str) -> Response:
    """Put a session into the cookie of who has shown the password, and lead to what is still wanted or to the pages."""
    secret, now = prom.settings.secret, prom.now()
    if user.codes_since is None and not prom.settings.second_factor_required:
        begin(staff.open_session(session, user, secret=secret, now=now))
        note_step(session, user, "")
        return redirect(inside(wanted), code=303)
    begin(staff.begin_session(session, user, secret=secret, now=now))
    note_step(session, user, "password")
    step = ".show_code" if user.codes_since else ".show_app"
    return redirect(url_for(step, next=wanted or None), code=303)


def note_step(session: Session, user: User, detail: str, *, actor: str | None = None) -> None:
    """Put a step of logging in on record: what was shown for the account, or that it was ``refused``."""
    note(
        session,
        SERVICE,
        actor=actor or f"user:{user.id}",
        act=f"{request.method} {request.url_rule}",
        subjects={"user": [user.id]},
        detail=detail,
        request_id=request_id(),
        now=prom.now(),
    )


@blueprint.get("/login/code")
def show_code() -> Answer:
    """Ask for the code of the app."""
    with prom.reading() as session:
        user = _begun(session)
    return _to_log_in() if user is None else render_template("dashboard/code.html", error=None)


@blueprint.post("/login/code")
def log_in_with_code() -> Answer:
    """Open the session when the code is right and was not used before."""

    def accept(session: Session, user: User, code: str) -> Response:
        shown = second_factor.accept(session, user, code, secret=prom.settings.secret, now=prom.now())
        note_step(session, user, shown)
        _confirm(session, user)
        return redirect(inside(request.args.get("next", "")), code=303)

    return _with_code(_begun, accept, lambda _user, error: render_template("dashboard/code.html", error=error))


@blueprint.get("/login/app")
def show_app() -> Answer:
    """Hand over what the app computes codes from, to who has none yet and needs one to go on."""
    with prom.reading() as session:
        user = _begun(session)
        return _to_log_in() if user is None or user.codes_since else _enrolment(user, None)


@blueprint.post("/login/app")
def set_up_app() -> Answer:
    """Open the session with the first code of the app, and show the recovery codes this once."""

    def accept(session: Session, user: User, code: str) -> str:
        codes = second_factor.enrol(session, user, code, secret=prom.settings.secret, now=prom.now())
        note_step(session, user, "app")
        _confirm(session, user)
        return render_template("dashboard/recovery_codes.html", codes=codes, next=inside(request.args.get("next", "")))

    return _with_code(_begun_without_app, accept, _enrolment)


@blueprint.get("/second-factor")
@guards.admits(*ROLES)
def show_second_factor() -> Answer:
    """Offer codes to who logs in without."""
    with prom.reading() as session:
        user = session.get_one(User, person.user_id)
        if user.codes_since is None:
            return _enrolment(user, None)
        return render_template("dashboard/has_app.html", user=user, **_head())


@blueprint.post("/second-factor")
@guards.admits(*ROLES)
def add_second_factor() -> Answer:
    """Ask this person for codes from now on."""

    def accept(session: Session, user: User, code: str) -> str:
        codes = second_factor.enrol(session, user, code, secret=prom.settings.secret, now=prom.now())
        audit.about(clinic_id=SERVICE, user=[user.id], detail="app")
        audit.note(session)
        return render_template("dashboard/recovery_codes.html", codes=codes, next=url_for(".show_account"), **_head())

    return _with_code(_person_without_app, accept, _enrolment)


for _view in (show_code, log_in_with_code, show_app, set_up_app):
    guards.declare(_view, "public")  # Each asks for a session that has shown the password.


def inside(target: str) -> str:
    """Return ``target`` when it is a page of ours, else the first page: nobody is led elsewhere after logging in."""
    ours = target.startswith("/") and not target.startswith("//") and "\\" not in target and target.isprintable()
    return target if ours else url_for(".home")


def _with_code(
    find: Callable[[Session], User | None],
    accept: Callable[[Session, User, str], Response | str],
    again: Callable[[User, str], str],
) -> Answer:
    """Count the try, then take the code that was sent, or show the form again with what is wrong."""
    secret, now = prom.settings.secret, prom.now()
    with prom.reading() as session:
        user = find(session)
    if user is None:
        return _to_log_in()
    try:
        with prom.transaction() as session:
            staff.count_code_try(session, user, secret=secret, now=now)
        with prom.transaction() as session:
            return accept(session, session.get_one(User, user.id), request.form.get("code", ""))
    except (WrongCodeError, TooManyTriesError) as error:
        if isinstance(error, WrongCodeError):
            with prom.transaction() as session:
                note_step(session, user, "refused")
        return again(user, str(error)), 429 if isinstance(error, TooManyTriesError) else 422


def _confirm(session: Session, user: User) -> None:
    """Give up the session that only asked, and put one that opens the pages into the cookie."""
    secret, now = prom.settings.secret, prom.now()
    staff.close_session(session, token_in_cookie(), secret=secret, now=now)
    begin(staff.open_session(session, user, secret=secret, now=now))


def _begun(session: Session) -> User | None:
    return staff.begun_user(session, token_in_cookie(), secret=prom.settings.secret, now=prom.now())


def _begun_without_app(session: Session) -> User | None:
    user = _begun(session)
    return None if user is None or user.codes_since else user


def _person_without_app(session: Session) -> User | None:
    user = session.get_one(User, person.user_id)
    return None if user.codes_since else user


def _enrolment(user: User, error: str | None) -> str:
    import segno  # Takes as long to load as a page takes to serve, and few requests need it.

    secret = prom.settings.secret
    code = segno.make_qr(second_factor.address_of(user, secret=secret), error="m")
    picture = Markup(code.svg_inline(border=4, omitsize=True))  # noqa: S704 (drawn here)
    key = second_factor.secret_of(user, secret=secret)
    groups = " ".join(key[start : start + 4] for start in range(0, len(key), 4))
    return render_template("dashboard/app.html", picture=picture, key=groups, error=error, **_head())


def _head() -> dict[str, Any]:
    """Return what the head of the page needs: the person, once logged in."""
    return common() if "person" in g else {}


def _to_log_in() -> Response:
    return redirect(url_for(".show_log_in"), code=303)
