"""Who may come in: every route says so, or the application does not start.

A route's policy is a scope (``episodes:read``), ``any key``, or a word for a room that has its own door:
``link`` (the unguessable path is the proof), ``secret`` (one shared with a program), ``staff`` (a log-in), ``public``.
A route of the staff names the roles it admits as well.
"""

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, current_app, g, request
from sqlalchemy.orm import Session
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from prom_service import tenancy
from prom_service.models.api_key import SCOPES
from prom_service.models.user import ROLES
from prom_service.services import access
from prom_service.web import rate_limit
from prom_service.web.context import prom

ANY_KEY = "any key"
POLICIES = (*SCOPES, ANY_KEY, "link", "secret", "staff", "public")
LONGEST_KEY = 200
View = TypeVar("View", bound=Callable[..., Any])
KEY_USE_NOTED_EVERY = dt.timedelta(hours=1)


class UnguardedRouteError(Exception):
    """Some routes do not say who may use them."""


def install(app: Flask) -> None:
    """Make room for what each part of ``app`` says of itself; static files are public."""
    app.extensions["prom.policies"] = {"static": "public"}
    app.extensions["prom.keys_noted"] = {}


def admit(session: Session, scope: str) -> None:
    """Set the principal of the request and let it in to its clinics; 401 without a good key, 403 without ``scope``."""
    holder = access.authenticate_key(session, _bearer_key(), secret=prom.settings.secret, now=prom.now())
    if holder is None:
        allowed = max(prom.settings.api_rate_limit // rate_limit.STRANGER_SHARE, bool(prom.settings.api_rate_limit))
        rate_limit.count(f"address {request.remote_addr}", allowed=allowed)
        raise _unauthorized("The key is unknown, revoked or has expired.")
    _count_once(holder)
    if scope not in (ANY_KEY, *holder.scopes):
        raise Forbidden(f"This key lacks the scope {scope}.")
    g.principal = holder
    g.reach = access.clinics_of(session, holder)
    tenancy.enter(session, g.reach)


def _count_once(holder: access.Principal) -> None:
    """Count the request: a route that admits its caller twice counts it once."""
    if "rate" not in g:
        rate_limit.count(f"key {holder.key_id}", allowed=prom.settings.api_rate_limit)


def note_use() -> None:
    """Note when the key of this request was last used; this process asks the database once an hour and key."""
    noted: dict[uuid.UUID, dt.datetime] = current_app.extensions["prom.keys_noted"]
    holder, now = g.get("principal"), prom.now()
    if holder is None or now - noted.get(holder.key_id, dt.datetime.min.replace(tzinfo=dt.UTC)) < KEY_USE_NOTED_EVERY:
        return
    with prom.transaction() as session:
        access.note_key_use(session, holder.key_id, now=now)
    noted[holder.key_id] = now


def declare(view: Callable[..., Any], policy: str) -> None:
    """Say who may use ``view``; an unknown policy is refused at once, when the module is imported."""
    if policy not in POLICIES:
        raise UnguardedRouteError(f"{view.__name__}: {policy!r} is no policy; known are {', '.join(POLICIES)}")
    view.policy = policy  # type: ignore[attr-defined]


def admits(*roles: str) -> Callable[[View], View]:
    """Say which roles at a clinic open a page of the staff for that clinic; an unknown one is refused at once."""
    unknown = set(roles) - set(ROLES)
    if unknown or not roles:
        raise UnguardedRouteError(f"{unknown or 'none'}: no roles; known are {', '.join(ROLES)}")

    def declare_roles(view: View) -> View:
        view.roles = frozenset(roles)  # type: ignore[attr-defined]
        return view

    return declare_roles


def roles_of(app: Flask, endpoint: str) -> frozenset[str]:
    """Return the roles that open ``endpoint``: none unless it names them."""
    roles: frozenset[str] = getattr(app.view_functions[endpoint], "roles", frozenset())
    return roles


def policy_of(app: Flask, endpoint: str) -> str | None:
    """Return who may use ``endpoint``: as its view says, else as its blueprint was registered, else None."""
    declared = getattr(app.view_functions[endpoint], "policy", None)
    rooms: dict[str, str] = app.extensions["prom.policies"]
    return declared or rooms.get(endpoint.rpartition(".")[0] or endpoint)


def check_every_route(app: Flask) -> None:
    """Raise ``UnguardedRouteError`` naming the routes without a policy, and those of the staff without roles."""
    open_doors = [rule.rule for rule in app.url_map.iter_rules() if not _is_guarded(app, rule.endpoint)]
    if open_doors:
        raise UnguardedRouteError(f"no policy or no roles for {', '.join(sorted(open_doors))}")


def _is_guarded(app: Flask, endpoint: str) -> bool:
    policy = policy_of(app, endpoint)
    return policy is not None and (policy != "staff" or bool(roles_of(app, endpoint)))


def _bearer_key() -> str:
    authorization = request.authorization
    if authorization is None or authorization.type != "bearer" or not authorization.token:
        raise _unauthorized("Send your key as: Authorization: Bearer <key>.")
    if len(authorization.token) > LONGEST_KEY:
        raise _unauthorized("This is not a key of this service.")
    return authorization.token


def _unauthorized(detail: str) -> Unauthorized:
    return Unauthorized(detail, www_authenticate=WWWAuthenticate("bearer", {"realm": "prom"}))
