"""Errors of the domain, each named after what went wrong. The doors turn them into answers."""


class PromError(Exception):
    """Something the caller asked for cannot be done; the message may be shown to the caller."""


class NotFoundError(PromError):
    """The thing named does not exist, or belongs to another clinic: the two look the same from outside."""


class GoneError(PromError):
    """The thing named was there and is kept no longer."""


class ConflictError(PromError):
    """The request contradicts what is already recorded; ``reason`` is a code for programs, where there is one.

    ``errors`` says of a field what contradicts it, where it is one.
    """

    def __init__(self, message: str, reason: str | None = None, errors: dict[str, list[str]] | None = None) -> None:
        self.reason = reason
        self.errors = errors or {}
        super().__init__(message)


class StaleVersionError(PromError):
    """The caller changed an older version than the one on record."""


class InvalidInputError(PromError):
    """What was sent cannot be accepted; ``errors`` says for each field what is wrong and what is allowed."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        self.errors = errors
        super().__init__("; ".join(f"{field}: {' '.join(texts)}" for field, texts in errors.items()))
