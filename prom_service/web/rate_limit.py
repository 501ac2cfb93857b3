"""How often a key may ask: so many requests a minute, each answer saying how many are left.

Each web process counts for itself and in memory: a count in the database would be a write for every read.
"""

import time
from http import HTTPStatus

from flask import Flask, Response, current_app, g
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from werkzeug.exceptions import TooManyRequests

STRANGER_SHARE = 10
"""An address without a good key may try a tenth as often."""


def install(app: Flask) -> None:
    """Count the requests to ``app`` in this process."""
    app.extensions["prom.rate"] = FixedWindowRateLimiter(MemoryStorage())
    app.after_request(_tell)


def count(who: str, *, allowed: int) -> None:
    """Count one request of ``who``; raise ``TooManyRequests`` beyond ``allowed`` in a minute. 0 allows any number."""
    if not allowed:
        return
    limiter: FixedWindowRateLimiter = current_app.extensions["prom.rate"]
    limit = RateLimitItemPerMinute(allowed)
    passed = limiter.hit(limit, who)
    window = limiter.get_window_stats(limit, who)
    wait = max(1, round(window.reset_time - time.time()))
    g.rate = {
        "RateLimit-Limit": str(allowed),
        "RateLimit-Remaining": str(window.remaining),
        "RateLimit-Reset": str(wait),
    }
    if not passed:
        raise TooManyRequests(f"At most {allowed} requests a minute. Try again in {wait} s.", retry_after=wait)


def _tell(response: Response) -> Response:
    """Say how many requests are left; a problem that names a time says it again in ``Retry-After``."""
    response.headers.update(g.get("rate", {}))
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS and "rate" in g:
        response.headers.setdefault("Retry-After", g.rate["RateLimit-Reset"])
    return response
