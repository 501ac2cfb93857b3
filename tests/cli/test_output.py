"""What a command shows on a terminal of how far it is."""

import io
import sys

import pytest

from prom_service.cli import output


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_the_per_cent_that_are_told_and_in_the_end_all(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)

    with output.showing("utilization") as told:
        for progress in (14, 70, 80):
            told(progress)

    places = [shown.getvalue().find(f" {progress}%") for progress in (0, 14, 70, 80, 100)]
    assert places == sorted(places)
    assert places[0] > 0
