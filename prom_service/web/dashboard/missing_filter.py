"""Which of the missing answers the address asks for."""

from typing import Any

from flask import request
from werkzeug.exceptions import BadRequest

from prom_service.web.dashboard.words import CAUSES


def kept_cause() -> dict[str, Any]:
    """Return the cause asked for, to go into the addresses of links and forms; 400 for one there is not."""
    cause = request.args.get("cause", "")
    if cause and cause not in CAUSES:
        raise BadRequest("The address asks for a cause there is none of. Choose one on the page Missing answers.")
    return {"cause": cause} if cause else {}
