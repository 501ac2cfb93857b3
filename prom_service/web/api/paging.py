"""Lists in pages. A cursor names the last row shown and carries the filters of its list.

Pages follow the id, not a row count: rows added meanwhile shift nothing, no row is shown twice, and page ten thousand
costs what page one costs.
"""

import base64
import hmac
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import request
from marshmallow import Schema, fields

from prom_service.errors import InvalidInputError
from prom_service.services.tokens import digest
from prom_service.web.api.fields import Strict, Text, WholeNumber
from prom_service.web.context import prom

DEFAULT_LIMIT = 50
LARGEST_LIMIT = 100
_MAC_LENGTH = 32


class PageQuery(Strict):
    """What every list takes; a list with filters adds them."""

    limit = WholeNumber(
        least=1, most=LARGEST_LIMIT, load_default=DEFAULT_LIMIT, metadata={"description": "Rows on a page."}
    )
    cursor = Text(longest=2000, metadata={"description": "`next` of the page before; it carries the filters."})


@dataclass(frozen=True)
class PageRequest:
    """Which page is wanted: rows beyond ``after`` that meet ``filters``, at most ``limit``."""

    filters: Mapping[str, Any]
    after: uuid.UUID | None
    limit: int

    @property
    def probe(self) -> int:
        """One row more than the page holds, to learn whether another follows."""
        return self.limit + 1


def page_of(item: type[Schema]) -> Schema:
    """Return the schema of a page of ``item``."""
    columns: dict[str, fields.Field[Any]] = {
        "items": fields.List(fields.Nested(item), required=True),
        "next": fields.String(required=True, allow_none=True, metadata={"description": "Cursor of the next page."}),
    }
    return Schema.from_dict(columns, name=f"{item.__name__.removesuffix('Schema')}Page")()


def requested(query: Mapping[str, Any]) -> PageRequest:
    """Return the page that ``query`` asks for; a cursor is refused beside filters other than its own."""
    filters = {name: str(value) for name, value in query.items() if name not in ("limit", "cursor")}
    if "cursor" not in query:
        return PageRequest(filters, None, query["limit"])
    carried, after = _open(query["cursor"])
    if filters and filters != carried:
        raise InvalidInputError({"cursor": ["Belongs to a list with other filters."]})
    return PageRequest(carried, after, query["limit"])


def page(wanted: PageRequest, rows: Sequence[Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the page made of ``rows``, of which there are up to ``wanted.probe``, and its headers."""
    shown = list(rows[: wanted.limit])
    cursor = _seal(wanted.filters, _id(shown[-1])) if len(rows) > wanted.limit else None
    if cursor is None:
        return {"items": shown, "next": None}, {}
    address = f"{request.base_url}?{urlencode({'cursor': cursor, 'limit': wanted.limit})}"
    return {"items": shown, "next": cursor}, {"Link": f'<{address}>; rel="next"'}


def _id(row: Any) -> uuid.UUID | str:
    found: uuid.UUID | str = row["id"] if isinstance(row, dict) else row.id
    return found


def _seal(filters: Mapping[str, str], after: uuid.UUID | str) -> str:
    content = json.dumps([dict(filters), str(after)], separators=(",", ":"))
    return base64.urlsafe_b64encode(f"{_mac(content)}{content}".encode()).decode().rstrip("=")


def _open(cursor: str) -> tuple[dict[str, str], uuid.UUID]:
    """Return what a cursor of this very list holds. It is sealed, so its content needs no checking."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except ValueError:
        text = ""
    mac, content = text[:_MAC_LENGTH], text[_MAC_LENGTH:]
    if not hmac.compare_digest(mac.encode(), _mac(content).encode()):
        raise InvalidInputError({"cursor": ["Not a cursor of this list."]})
    filters, after = json.loads(content)
    return filters, uuid.UUID(after)


def _mac(content: str) -> str:
    return digest(f"{request.endpoint} {content}", purpose="cursor", secret=prom.settings.secret)[:_MAC_LENGTH]
