"""One cell of visits beside outcomes, by the words of its table."""

from dataclasses import dataclass

from prom_service.errors import InvalidInputError

BANDS = ("within", "over")
OUTCOMES = ("improved", "uncertain", "not_improved", "worse", "not_assessable", "not_yet_due")
WORDINGS = ("official", "provisional wording")


@dataclass(frozen=True)
class Cell:
    """A band of visits and an outcome; without ``group`` or ``wording`` those of all.

    Raises ``InvalidInputError``, naming every field that is wrong.
    """

    visits: str | None
    outcome: str | None
    group: str | None = None
    wording: str | None = None

    def __post_init__(self) -> None:
        allowed = {"visits": BANDS, "outcome": OUTCOMES, "wording": (None, *WORDINGS)}
        errors = {
            field: [f"Allowed are {', '.join(filter(None, words))}."]
            for field, words in allowed.items()
            if getattr(self, field) not in words
        }
        if errors:
            raise InvalidInputError(errors)
