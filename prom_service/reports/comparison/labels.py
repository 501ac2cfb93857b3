"""Where the names of marked units are written, so that they can be read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LONGEST = 18
ACROSS, ABOVE, BELOW = 6.4, 9, 3
"""Roughly the width of a character, and how far it reaches from the line it stands on."""
STEPS = range(9)
Box = tuple[float, float, float, float]
Mark = tuple[float, float, str, int]
"""x and y of a mark, its name, and where there is most room for it: -1 above, 1 below."""


@dataclass(frozen=True)
class Label:
    """A name, and the point of its line that is nearest to the mark (``x`` and ``foot``)."""

    x: float
    y: float
    name: str
    anchor: str
    foot: float

    def box(self) -> Box:
        """Return the rectangle that it fills."""
        wide = len(self.name) * ACROSS
        start = {"start": self.x, "end": self.x - wide, "middle": self.x - wide / 2}[self.anchor]
        return start, self.y - ABOVE, start + wide, self.y + BELOW


def labels(marks: Sequence[Mark], others: Sequence[tuple[float, float]], *, frame: Box) -> list[tuple[Mark, Label]]:
    """Return the marks whose names find room within the frame, and where; earlier ones come first.

    A name is clear of every mark, of the other names and of the lines that lead to them.
    """
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in others]
    names: list[Box] = []
    written = []
    for mark in marks:
        for label in _places(*mark):
            box, line = label.box(), _line(mark, label)
            if _within(box, frame) and not _meets(box, taken) and not _meets(line, names):
                taken += [box, line]
                names.append(box)
                written.append((mark, label))
                break
    return written


def _line(mark: Mark, label: Label) -> Box:
    return min(mark[0], label.x), min(mark[1], label.foot), max(mark[0], label.x) + 1, max(mark[1], label.foot) + 1


def _places(x: float, y: float, name: str, side: int) -> Iterator[Label]:
    """Beside the mark, then farther and farther away from the middle."""
    short = name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"
    yield Label(x + 7, y + 4, short, "start", y)
    yield Label(x - 7, y + 4, short, "end", y)
    for step in STEPS:
        foot = y + side * (8 + 13 * step)
        line = foot - BELOW if side < 0 else foot + ABOVE
        for anchor, along in (("middle", 0), ("start", 4), ("end", -4), ("start", 20), ("end", -20)):
            yield Label(x + along, line, short, anchor, foot)


def _within(box: Box, frame: Box) -> bool:
    return box[0] >= frame[0] and box[1] >= frame[1] and box[2] <= frame[2] and box[3] <= frame[3]


def _meets(one: Box, others: Sequence[Box]) -> bool:
    return any(one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3] for other in others)
