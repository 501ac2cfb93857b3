"""The link of a test email to staff: looking asks, pressing confirms that it arrived."""

from typing import Any

from flask import Blueprint, render_template

from prom_service.errors import NotFoundError
from prom_service.services import escalation
from prom_service.web.context import prom

blueprint = Blueprint("confirm", __name__, url_prefix="/confirm")


@blueprint.get("/<token>")
def ask(token: str) -> Any:
    """Ask whether the email has arrived; a mail scanner that opens the link confirms nothing."""
    with prom.reading() as session:
        alert = escalation.find_test(session, token, secret=prom.settings.secret)
    if alert is None:
        raise NotFoundError("This link is not one of ours.")
    return render_template("dashboard/confirm.html", done=alert.confirmed_at is not None)


@blueprint.post("/<token>")
def confirm(token: str) -> Any:
    """Note that the email has arrived."""
    with prom.transaction() as session:
        alert = escalation.find_test(session, token, secret=prom.settings.secret)
        if alert is None:
            raise NotFoundError("This link is not one of ours.")
        escalation.confirm(alert, now=prom.now())
    return render_template("dashboard/confirm.html", done=True)
