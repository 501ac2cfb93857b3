"""Scores and changes as staff read them."""

import pytest

from prom_service.web.dashboard.figures import scored, signed


@pytest.mark.parametrize(
    ("value", "instrument", "said"),
    [
        (0.0, "pass-1.0", "not acceptable"),
        (1.0, "pass-1.0", "acceptable"),
        (-2.0, "groc-1.0", "2 worse"),
        (2.0, "groc-1.0", "2 better"),
        (0.0, "groc-1.0", "no change"),
        (47.25, "ihot-12-1.0", "47.2"),
        (None, "pass-1.0", "–"),
    ],
)
def test_what_patients_say_of_their_state_is_said_in_words(value: float | None, instrument: str, said: str) -> None:
    assert scored(value, instrument) == said


def test_a_change_has_a_true_minus() -> None:
    assert (signed(-2.0), signed(1.5)) == ("−2.0", "+1.5")
