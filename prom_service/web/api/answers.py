"""How a view answers when there is more to say than the row itself."""

from http import HTTPStatus
from typing import Any

from flask import url_for


def created(row: Any, endpoint: str, **parts: Any) -> tuple[Any, int, dict[str, str]]:
    """Return ``row`` as a thing newly made, with the address under which it is read."""
    return row, HTTPStatus.CREATED, {"Location": url_for(endpoint, **parts)}
