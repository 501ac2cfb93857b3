"""The door for what mail providers report: one address for each, a shared secret, and nothing else may enter.

Each report is a transaction of its own and a repetition has no effect, so a document may be posted again as a whole.
"""

import hmac
import logging
from typing import Any

from flask import Blueprint, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import NotFound, Unauthorized

from prom_service import tenancy
from prom_service.mail.providers import READERS, confirmation_address
from prom_service.services import delivery
from prom_service.web.api import strict_json
from prom_service.web.context import prom
from prom_service.web.json_provider import json_response

log = logging.getLogger(__name__)

SECRET_HEADER = "X-Prom-Hook-Secret"  # noqa: S105 (the name of a header)
LARGEST_BODY = 512_000
"""Bytes; a notification of 256 kB, escaped inside an envelope, at most doubles."""

blueprint = Blueprint("mail_hook", __name__, url_prefix="/hooks/mail")


@blueprint.post("/<provider>")
def take_reports(provider: str) -> Any:
    """Put on record what the provider reports, and say how much of it was news."""
    reader = READERS.get(provider)
    if reader is None or not prom.settings.mail_hook_secret:
        raise NotFound
    _check_secret()
    request.max_content_length = LARGEST_BODY
    document = strict_json.read(request.get_data())
    address = confirmation_address(document) if provider == "ses" else None
    if address is not None:  # Whoever runs the service decides: nothing is fetched because it was posted.
        log.warning("a subscription of Amazon SNS waits; to confirm it, open %s", address)
        return json_response({"reports": 0, "news": 0})
    reports = list(reader(document))
    news = 0
    for report in reports:
        with prom.transaction() as session:
            tenancy.enter_every_clinic(session)
            news += delivery.record_report(session, report, now=prom.now())
    log.info("%s posted %d delivery reports; %d were news", provider, len(reports), news)
    return json_response({"reports": len(reports), "news": news})


def _check_secret() -> None:
    """Raise ``Unauthorized`` unless the secret came in our header or as the password of basic authentication."""
    authorization = request.authorization
    password = authorization.password if authorization and authorization.type == "basic" else None
    given = request.headers.get(SECRET_HEADER) or password or ""
    if not hmac.compare_digest(given.encode(), prom.settings.mail_hook_secret.encode()):
        raise Unauthorized("The secret is not right.", www_authenticate=WWWAuthenticate("basic", {"realm": "prom"}))
