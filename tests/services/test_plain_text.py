"""Text is kept as it reads."""

import pytest

from prom_service.services.plain_text import as_kept


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (" Kim ", "Kim"),
        ("Andre\u0301", "Andr\u00e9"),
        ("Kim\u202egnuY\u202c", "KimgnuY"),
        ("\u2066Kim\u2069\u200f\u061c", "Kim"),
        ("Kim\u200dYoung", "Kim\u200dYoung"),
        ("", ""),
    ],
)
def test_text_is_composed_trimmed_and_does_not_turn(given: str, kept: str) -> None:
    assert as_kept(given) == kept
