"""The languages in which the service speaks to patients, in its letters and on its pages alike."""

from importlib.resources import files

from prom_service.errors import InvalidInputError
from prom_service.mail import letters

PAGES = files("prom_service") / "web" / "survey" / "texts"
"""One file of texts for each language; read by name only, since the pages belong to a door."""


def _of_pages() -> set[str]:
    return {file.name.removesuffix(".toml") for file in PAGES.iterdir() if file.name.endswith(".toml")}


SPOKEN = tuple(sorted(_of_pages() & set(letters.LANGUAGES)))


def check_spoken(language: str) -> None:
    """Raise ``InvalidInputError`` naming the languages there are when ``language`` is none of them."""
    if language not in SPOKEN:
        raise InvalidInputError({"language": [f"Allowed are {', '.join(SPOKEN)}."]})
