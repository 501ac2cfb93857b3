"""Who is at the keyboard: the cookie, the person behind it, and the clinic that person looks at."""

import uuid
from typing import cast

from flask import current_app, flash, g, redirect, request, session, url_for
from werkzeug.exceptions import Forbidden
from werkzeug.local import LocalProxy
from werkzeug.wrappers import Response

from prom_service.errors import NotFoundError
from prom_service.models.user import ROLES
from prom_service.services import staff
from prom_service.services.staff import StaffPrincipal
from prom_service.web import audit, guards
from prom_service.web.context import prom

TOKEN = "staff"  # noqa: S105 (the name of the place, not the token)
CLINIC = "clinic"
person = cast(StaffPrincipal, LocalProxy(lambda: g.person))
"""Who is logged in; set before every page of the staff."""


def require_log_in() -> Response | None:
    """Set the person of this request, or lead to the log-in page."""
    token = session.get(TOKEN)
    if token:
        with prom.reading() as database:
            found = staff.session_user(database, token, secret=prom.settings.secret, now=prom.now())
        if found is not None:
            g.person = found
            g.reach = _clinics_admitted()
            with prom.transaction() as database:
                staff.note_seen(database, token, secret=prom.settings.secret, now=prom.now())
            return None
    if request.method == "POST":
        flash("Your log-in had ended: what you sent last was not saved.")
    wanted = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("dashboard.show_log_in", next=wanted), code=303)


def begin(token: str) -> None:
    """Put a fresh session into the cookie; nothing of an earlier one stays."""
    session.clear()
    session[TOKEN] = token


def token_in_cookie() -> str:
    """Return the token of the session in the cookie; empty when there is none."""
    return str(session.get(TOKEN, ""))


def end() -> str | None:
    """Empty the cookie and return the token that was in it."""
    token = session.get(TOKEN)
    session.clear()
    return token


def clinics_to_read() -> list[uuid.UUID]:
    """Return the clinics at which the person has a role that this page admits."""
    reach: frozenset[uuid.UUID] = g.get("reach", frozenset())  # None before a page has admitted the person.
    return [clinic for clinic in person.roles if clinic in reach]


def chosen_clinic() -> uuid.UUID:
    """Return the clinic of this request; another clinic than one's own does not exist.

    A form says which clinic its page showed: in another tab the person may have gone on to another one. Where nothing
    is said it is the one last looked at, if this page is open to the person there.
    """
    readable = clinics_to_read()
    if not readable:
        raise Forbidden("Your account has no clinic whose flags it may read.")
    wanted = request.form.get(CLINIC) or request.args.get(CLINIC)
    last = next((clinic for clinic in readable if str(clinic) == session.get(CLINIC)), readable[0])
    try:
        clinic_id = uuid.UUID(wanted) if wanted else last
    except ValueError:
        raise NotFoundError("There is no such clinic.") from None
    if clinic_id not in readable:
        raise NotFoundError("There is no such clinic.")
    g.clinic_id, session[CLINIC] = clinic_id, str(clinic_id)
    audit.about(clinic_id=clinic_id)
    return clinic_id


def _clinics_admitted() -> frozenset[uuid.UUID]:
    """Return the clinics this page may be about; raise ``Forbidden`` when it is not for any role of the person.

    What every role may do, such as logging out, needs no clinic.
    """
    roles = guards.roles_of(current_app, str(request.endpoint))
    clinics = frozenset(clinic for clinic, role in person.roles.items() if role in roles)
    if not clinics and roles != frozenset(ROLES):
        raise Forbidden("This page is not for your role.")
    return clinics
