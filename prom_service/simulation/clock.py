"""The clock of the simulation: it stands still while something is done, and jumps to what is due next."""

import datetime as dt


class MovingClock:
    """An instant that only moves forward."""

    def __init__(self, start: dt.datetime) -> None:
        self.instant = start

    def now(self) -> dt.datetime:
        """Return the simulated instant."""
        return self.instant

    def move_to(self, instant: dt.datetime) -> None:
        """Jump to ``instant``; an earlier one changes nothing."""
        self.instant = max(self.instant, instant)
