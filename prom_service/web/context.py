"""What a request may reach: the runtime it runs under and the program behind it."""

import uuid
from typing import cast

from flask import current_app, g, has_request_context
from werkzeug.local import LocalProxy

from prom_service.runtime import Runtime
from prom_service.services.access import Principal
from prom_service.tenancy import NO_CLINIC, Reach

prom = cast(Runtime, LocalProxy(lambda: current_app.extensions["prom"]))
"""The runtime of the application that serves the present request."""

principal = cast(Principal, LocalProxy(lambda: g.principal))
"""Who holds the key of the present request; set by the guard, so no guarded route runs without one."""


def reach() -> Reach:
    """Return the clinics whose rows the present request sees: none before its door knows who is there."""
    return cast(Reach, g.get("reach", NO_CLINIC))


def own_clinic_id() -> uuid.UUID:
    """Return the clinic of the present key. Only a key of one clinic has the scopes of routes that ask."""
    if principal.clinic_id is None:
        raise LookupError("a key without a clinic reached a route of one clinic")
    return principal.clinic_id


def request_id() -> str:
    """Return the number by which this request is found in the log: random, and the same throughout the request."""
    if "request_id" not in g:
        g.request_id = uuid.uuid4()
    return str(g.request_id)


def request_in_hand() -> str | None:
    """Return the number of the present request, or None outside of one."""
    return request_id() if has_request_context() else None
