"""Holding patients and clinics to the languages the service speaks, in its letters and on its pages alike."""

from prom_service import language as languages
from prom_service.errors import InvalidInputError

SPOKEN = tuple(languages.SPOKEN)


def check_spoken(language: str) -> None:
    """Raise ``InvalidInputError`` naming the languages there are when ``language`` is none of them."""
    if language not in SPOKEN:
        raise InvalidInputError({"language": [f"Allowed are {', '.join(SPOKEN)}."]})
