"""A page that shows the API document and lets one try it. Everything on it comes from this service."""

from pathlib import Path

import swagger_ui_bundle
from flask import Blueprint, Response, render_template, send_from_directory

DESCRIPTION = """\
Follow patients with hip or buttock pain: enrol them, record visits, read scores and flags.

* **Keys.** Send `Authorization: Bearer <key>`. A key belongs to one clinic (a quality key to one organisation) and has
  scopes. What belongs to another clinic does not exist for it: 404.
* **JSON** is read strictly: no NaN, no name twice, no `true` for 1, at most 256 kB and 32 levels deep.
* **Queries** too: a parameter that nobody knows is refused, and one that is given twice.
* **Lists** are `{"items": […], "next": cursor or null}` with a `Link` header. Pass `next` as `cursor`.
* **Changes** by PATCH need `If-Match` with the ETag of what was read. **POST** honours `Idempotency-Key`:
  a request is remembered, with its answer, for 24 hours; after that its key is as good as new.
* **Limits.** `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` (seconds) say how many requests are left to
  the key; beyond them 429, and `Retry-After` says when to come back.
* **Errors** are problem documents (RFC 9457); `errors` names the fields.
* **FHIR R4**: the same keys read patients, episodes, visits, answers, scores and flags under `/fhir`, where answers are
  taken too. This document leaves those routes out: their CapabilityStatement is `GET /fhir/metadata`, without a key.
"""
_ASSETS = next((Path(swagger_ui_bundle.__file__).parent / "vendor").glob("swagger-ui-*"))
_SHOWN = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")
_POLICY = (  # The page draws its icons as data: images; all else as everywhere.
    "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; "
    "connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'"
)

docs = Blueprint("docs", __name__, url_prefix="/api/docs")


@docs.get("")
def show_docs() -> Response:
    """Show the page."""
    response = Response(render_template("api/docs.html"))
    response.headers["Content-Security-Policy"] = _POLICY
    return response


@docs.get("/assets/<any({}):name>".format(", ".join(f"'{name}'" for name in _SHOWN)))
def send_asset(name: str) -> Response:
    """Send one of the files the page is made of."""
    return send_from_directory(_ASSETS, name)
