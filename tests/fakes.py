"""Stand-ins for what a test must hold in its hand: the time."""

import datetime as dt


class Clock:
    """A clock that stands still until it is told otherwise, and never goes back."""

    def __init__(self, at: dt.datetime) -> None:
        self._now = at.astimezone(dt.UTC)

    def now(self) -> dt.datetime:
        """Return the instant it stands at, in UTC."""
        return self._now

    def advance(self, **duration: float) -> dt.datetime:
        """Move on by ``days``, ``hours``, ``minutes`` or ``seconds`` and return the new instant."""
        return self.move_to(self._now + dt.timedelta(**duration))

    def move_to(self, instant: dt.datetime) -> dt.datetime:
        """Move to a later instant and return it; ValueError for an earlier one."""
        if instant < self._now:
            raise ValueError(f"the clock stands at {self._now:%Y-%m-%d %H:%M}, and does not go back")
        self._now = instant.astimezone(dt.UTC)
        return self._now
