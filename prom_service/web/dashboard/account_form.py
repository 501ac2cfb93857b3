"""A person's own account: another password, the way to the second factor, and out."""

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from prom_service.errors import InvalidInputError
from prom_service.models import User
from prom_service.models.user import ROLES
from prom_service.services import accounts, staff
from prom_service.services.staff import LogInRefusedError, TooManyTriesError
from prom_service.web import audit, guards
from prom_service.web.context import prom
from prom_service.web.dashboard.blueprint import blueprint, common
from prom_service.web.dashboard.forms import Errors
from prom_service.web.dashboard.staff_session import begin, person


@blueprint.get("/account")
@guards.admits(*ROLES)
def show_account() -> str:
    """Show a person the own account."""
    return _account_page()


@blueprint.post("/account")
@guards.admits(*ROLES)
def change_password() -> Response | tuple[str, int]:
    """Change the password of who knows the old one, and end every other session of the account."""
    new, secret = request.form.get("password", ""), prom.settings.secret
    try:
        _check_repeated(new)
        _check_old_password()
        with audit.writing() as session:
            user = session.get_one(User, person.user_id)
            accounts.set_password(session, user, new, now=prom.now())
            token = staff.open_session(session, user, secret=secret, now=prom.now())
            audit.about(user=[user.id])
    except InvalidInputError as error:
        return _account_page(error.errors), 422
    except LogInRefusedError:
        return _account_page({"old_password": ["This is not your password."]}), 422
    except TooManyTriesError as error:
        return _account_page({"old_password": [str(error)]}), 429
    begin(token)
    flash("Your password is changed. You are logged out everywhere else.")
    return redirect(url_for(".show_account"), code=303)


def _check_repeated(new: str) -> None:
    """Raise ``InvalidInputError`` for a password nobody can be sure to type again; no try is counted for it."""
    errors = staff.faults_of_password(new)
    if not errors and new != request.form.get("again", ""):
        errors["again"] = ["The two are not the same."]
    if errors:
        raise InvalidInputError(errors)


def _check_old_password() -> None:
    """Count the try as one to log in, and take it back once the old password is right."""
    source, secret, now = request.remote_addr or "", prom.settings.secret, prom.now()
    with prom.transaction() as session:
        email = session.get_one(User, person.user_id).email
        staff.count_try(session, email, source=source, secret=secret, now=now)
    with prom.reading() as session:
        staff.verify_password(session, email, request.form.get("old_password", ""))
    with prom.transaction() as session:
        staff.forgive_tries(session, email, source=source, secret=secret, now=now)


def _account_page(errors: Errors | None = None) -> str:
    with prom.reading() as session:
        user = session.get_one(User, person.user_id)
        return render_template("dashboard/account.html", user=user, errors=errors or {}, **common())
