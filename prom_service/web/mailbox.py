"""What would have been mailed, in the embedded mode: a list of letters and each letter as its reader would see it.

The letters carry live links, so this room does not exist in production, nor where a real mail server is set.
"""

import datetime as dt
import email
import email.header
import email.policy
import email.utils
import re
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from flask import Blueprint, Response, abort, make_response, render_template, request
from markupsafe import Markup, escape

from prom_service.web.context import prom

blueprint = Blueprint("mailbox", __name__, url_prefix="/dev/mailbox")

SHOWN = 50
"""Letters on one page."""
KEY = re.compile(r"[A-Za-z0-9-]{1,80}")
ADDRESS = re.compile(r"https?://[^\s<>\"]+")
ELSEWHERE = re.compile(r"https?://[^\s<>\"]*?(?=/(?:(?:s|u|confirm|flags)/[\w-]{20}|worklist\b))")
"""The address the service had when a letter was written, in front of what letters lead to; other links stay."""
HEADER_BYTES = 4000
HTML_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
"""Letters carry their styles inline, as mail programs need it."""


@dataclass(frozen=True)
class Envelope:
    """One letter in the list."""

    key: str
    to: str
    subject: str
    at: dt.datetime


@blueprint.before_request
def exist_only_in_embedded_mode() -> None:
    """Answer 404 where letters really leave."""
    if prom.settings.in_production or prom.settings.smtp_url:
        abort(404)


@blueprint.get("")
def list_letters() -> str:
    """Show the newest letters first, or those to one address."""
    wanted = request.args.get("to", "").strip().lower()
    page = request.args.get("page", 1, type=int)
    envelopes = [envelope for envelope in _envelopes() if wanted in envelope.to.lower()]
    last = max(1, -(-len(envelopes) // SHOWN))
    page = min(max(page, 1), last)
    shown = envelopes[(page - 1) * SHOWN : page * SHOWN]
    return render_template(
        "mailbox/list.html", envelopes=shown, total=len(envelopes), wanted=wanted, page=page, last=last
    )


@blueprint.get("/<key>")
def show_letter(key: str) -> str:
    """Show the text of a letter with links that work here."""
    letter = _letter(key)
    part = letter.get_body(("plain",))
    text = _linked(_here(part.get_content() if part else ""))
    return render_template("mailbox/letter.html", key=key, letter=letter, text=text)


@blueprint.get("/<key>/html")
def show_html(key: str) -> Response:
    """Show the HTML of a letter with links that work here."""
    part = _letter(key).get_body(("html",))
    if part is None:
        abort(404)
    response = make_response(_here(part.get_content()))
    response.headers["Content-Security-Policy"] = HTML_POLICY
    return response


def _folder() -> Path:
    return Path(prom.settings.mailbox_dir)


def _files() -> list[Path]:
    return [file for box in ("new", "cur") for file in (_folder() / box).glob("*")]


def _envelopes() -> list[Envelope]:
    """Every letter, the newest first."""
    envelopes = [_envelope(file) for file in _files()]
    return sorted(envelopes, key=lambda envelope: (envelope.at, envelope.key), reverse=True)


def _envelope(file: Path) -> Envelope:
    with file.open("rb") as opened:
        head = opened.read(HEADER_BYTES).partition(b"\n\n")[0]
    headers = email.message_from_bytes(head + b"\n\n", policy=email.policy.compat32)
    at = email.utils.parsedate_to_datetime(headers["Date"])
    subject = str(email.header.make_header(email.header.decode_header(headers["Subject"])))
    return Envelope(file.name.partition(":")[0], headers["To"], subject, at)


def _letter(key: str) -> EmailMessage:
    found = (
        next((file for file in _files() if file.name.partition(":")[0] == key), None) if KEY.fullmatch(key) else None
    )
    if found is None:
        abort(404)
    return email.message_from_bytes(found.read_bytes(), policy=email.policy.default)


def _here(text: str) -> str:
    """Point links to the host and port this is served on, whatever the letter was written for."""
    return ELSEWHERE.sub(request.host_url.rstrip("/"), text)


def _linked(text: str) -> Markup:
    parts = []
    end = 0
    for found in ADDRESS.finditer(text):
        address = escape(found.group())
        parts += [escape(text[end : found.start()]), Markup('<a href="{0}">{0}</a>').format(address)]
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])
