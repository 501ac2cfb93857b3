"""Reading JSON as it was meant: what two readers could understand differently is refused, with the reason.

A plain reader takes ``NaN``, keeps the last of two equal keys and dies of a thousand brackets. Here the sender is told.
"""

import json
import math
import re
from typing import Any, NoReturn

from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from werkzeug.wrappers import Request

from prom_service.errors import InvalidInputError

DEEPEST = 32
LONGEST_NUMBER = 40
"""Digits; no number of this service needs more, and reading very long ones takes long."""
LARGEST_BODY = 256_000
_STRING = re.compile(r'"(?:[^"\\]++|\\.?)*+"?', re.DOTALL)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def read(body: bytes) -> Any:
    """Return the value that ``body`` holds; raise ``BadRequest`` saying what is wrong with it."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        _refuse("the body is not UTF-8")
    _check_depth(text)
    try:
        value = json.loads(
            text,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_short,
            object_pairs_hook=_distinct,
        )
    except json.JSONDecodeError as error:
        _refuse(f"{error.msg} at line {error.lineno}, column {error.colno}")
    if "\\u" in text:  # Only an escape can bring in what UTF-8 and JSON's own rules keep out.
        _check_texts(value)
    return value


class StrictParser(FlaskParser):
    """Reads bodies strictly, refuses query parameters unknown or given twice, and reports errors as the domain does."""

    DEFAULT_UNKNOWN_BY_LOCATION = {}  # noqa: RUF012 (read as a class attribute: each schema decides, and refuses)

    def load_json(self, req: Request, schema: Any) -> Any:
        """Return the body as a value; an empty one is an empty object, so that a body may be optional."""
        body = req.get_data(cache=True)
        if not body:
            return {}
        if not req.is_json:
            raise UnsupportedMediaType("Send the body as application/json.")
        return read(body)

    def load_querystring(self, req: Request, schema: Any) -> Any:
        """Return the query; all but the last of several values of one name would be dropped in silence."""
        query = self._makeproxy(req.args, schema)
        names = [name for name, values in req.args.lists() if len(values) > 1 and name not in query.multiple_keys]
        if names:
            raise InvalidInputError({name: ["May be given once."] for name in names})
        return query

    def handle_error(self, error: Any, req: Request, schema: Any, **_rest: Any) -> NoReturn:
        """Raise what is wrong, one entry per field."""
        raise InvalidInputError({name: texts for place in error.messages.values() for name, texts in flatten(place)})


def flatten(messages: Any, path: str = "") -> list[tuple[str, list[str]]]:
    """Return nested error messages as one entry per field, such as ``answers.S1``."""
    if isinstance(messages, dict):
        inner = ((path if name == "_schema" else f"{path}.{name}".lstrip("."), part) for name, part in messages.items())
        return [entry for name, part in inner for entry in flatten(part, name)]
    return [(path or "body", [str(text) for text in messages])]


def _check_depth(text: str) -> None:
    depth = 0
    for mark in re.findall(r"[\[\]{}]", _STRING.sub("", text)):
        depth += 1 if mark in "[{" else -1
        if depth > DEEPEST:
            _refuse(f"it is nested deeper than {DEEPEST} levels")


def _no_constant(name: str) -> NoReturn:
    _refuse(f"{name} is not a number in JSON")


def _finite(text: str) -> float:
    number = float(text) if len(text) <= LONGEST_NUMBER else math.inf
    if not math.isfinite(number):
        _refuse("a number is too large or too long")
    return number


def _short(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        _refuse("a number is too long")
    return int(text)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        _refuse("a name occurs twice in one object")
    return found


def _check_texts(value: Any) -> None:
    if isinstance(value, str) and _UNSTORABLE.search(value):
        _refuse("a text holds a NUL or half a surrogate pair")
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        for part in value:
            _check_texts(part)


def _refuse(what: str) -> NoReturn:
    raise BadRequest(f"The body cannot be read as JSON: {what}.")
