"""Fields as strict as the JSON they come from: a yes is not a one, and a date is a date one could have lived."""

import datetime as dt
import re
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from prom_service.queries.instants import FAR, is_far
from prom_service.services.plain_text import as_kept
from prom_service.web.context import prom

LARGEST = 2**31 - 1
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_WHOLE = re.compile(r"0|-?[1-9]\d{0,9}", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})", re.ASCII | re.IGNORECASE)
_ON_ONE_LINE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]*")


class Strict(Schema):
    """A body or a query in which an unknown name is an error."""

    class Meta:
        """Written out, so that the API document says it too."""

        unknown = RAISE


class WholeNumber(fields.Integer):
    """A whole number between bounds; not a boolean, not a float, and in a query plain ASCII digits."""

    def __init__(self, *, least: int = 0, most: int = LARGEST, **options: Any) -> None:
        super().__init__(strict=True, validate=validate.Range(least, most), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> int:
        if isinstance(value, str) and _WHOLE.fullmatch(value):
            return int(value)
        if type(value) is not int:
            raise self.make_error("invalid")
        return value


class YesNo(fields.Boolean):
    """true or false and nothing that merely looks like it."""

    truthy = {"true"}  # noqa: RUF012 (marshmallow reads it as a class attribute)
    falsy = {"false"}  # noqa: RUF012

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> bool:
        return value if isinstance(value, bool) else super()._deserialize(str(value), attr, data, **options)


class Text(fields.String):
    """Text on one line, trimmed and in composed form (NFC), without marks that turn its direction.

    It is no longer than ``longest`` as it is sent, and as it is kept.
    """

    default_error_messages = {"control": "Must not hold control characters."}  # noqa: RUF012

    def __init__(
        self, *, longest: int = 200, shortest: int = 0, metadata: dict[str, Any] | None = None, **options: Any
    ) -> None:
        documented = {"pattern": f"^{_ON_ONE_LINE.pattern}$", **(metadata or {})}
        super().__init__(validate=validate.Length(shortest, longest), metadata=documented, **options)
        self._check_as_sent = validate.Length(max=longest)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        text = super()._deserialize(value, attr, data, **options)
        self._check_as_sent(text)
        if not _ON_ONE_LINE.fullmatch(text):
            raise self.make_error("control")
        return as_kept(text)


class ByName(fields.Dict):
    """An object of values by name. What is wrong with a value stands under its name alone."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        try:
            return super()._deserialize(value, attr, data, **options)  # type: ignore[no-untyped-call]
        except ValidationError as error:
            wrong = error.messages
            if isinstance(wrong, dict):  # By ``key`` and ``value`` then, which nobody has sent.
                wrong = {name: [*parts.get("key", ()), *parts.get("value", ())] for name, parts in wrong.items()}
            raise ValidationError(wrong) from None


class Day(fields.Date):
    """A date written YYYY-MM-DD, no further from the present than could be meant."""

    default_error_messages = {  # noqa: RUF012
        "invalid": "Must be a date written YYYY-MM-DD.",
        "early": "Must be {earliest} or later.",
        "late": "Must be {latest} or earlier.",
    }

    def __init__(self, *, years_back: int = 10, days_ahead: int = 1, **options: Any) -> None:
        super().__init__(format="iso", **options)
        self.years_back, self.days_ahead = years_back, days_ahead

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> dt.date:
        if not isinstance(value, str) or not _DAY.fullmatch(value):
            raise self.make_error("invalid")
        day: dt.date = super()._deserialize(value, attr, data, **options)
        today = prom.now().date()
        earliest = dt.date(today.year - self.years_back, 1, 1)
        latest = today + dt.timedelta(days=self.days_ahead)
        if day < earliest:
            raise self.make_error("early", earliest=earliest)
        if day > latest:
            raise self.make_error("late", latest=latest)
        return day


class Instant(fields.AwareDateTime):
    """An instant as RFC 3339 writes it, with its offset, no further from the present than could be meant."""

    default_error_messages = {  # noqa: RUF012
        "invalid": "Must be an instant with offset, such as 2026-03-02T09:00:00+00:00.",
        "invalid_awareness": "Must carry an offset, such as +00:00.",
        "range": FAR,
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(format="iso", **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> dt.datetime:
        if not isinstance(value, str) or not _INSTANT.fullmatch(value):
            raise self.make_error("invalid")
        instant: dt.datetime = super()._deserialize(value.upper(), attr, data, **options)
        if is_far(instant, prom.now()):
            raise self.make_error("range")
        return instant.astimezone(dt.UTC)
