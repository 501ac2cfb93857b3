"""What the patient's pages say, one file of texts per language."""

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

from flask import request

from prom_service.language import DEFAULT, SPOKEN, Texts, read_texts


def find(language: str) -> Texts:
    """Return the texts of ``language``, or the English ones when there are none."""
    return _all().get(language) or _all()[DEFAULT]


def find_for_stranger() -> Texts:
    """Return the texts for somebody unknown: in the language of the page before, or the browser's, or in English."""
    return find(request.args.get("language") or request.accept_languages.best_match(SPOKEN, DEFAULT))


@lru_cache
def _all() -> Mapping[str, Texts]:
    return read_texts(files(__package__))
