"""Where the names of marked units are written, so that they can be read."""

from collections.abc import Iterator, Sequence

LONGEST = 18
ACROSS, DOWN = 6.2, 12
"""Roughly the size of a character."""
Label = tuple[float, float, str, str]
Box = tuple[float, float, float, float]


def labels(
    marks: Sequence[tuple[float, float, str]], *, left: float, right: float, top: float, bottom: float
) -> list[Label]:
    """Return x, y, text and anchor of each name that finds room; earlier marks come first.

    A name stands beside, above or below its mark, within the frame and clear of the other marks and names.
    """
    taken = [_around(x, y) for x, y, _ in marks]
    written = []
    for x, y, name in marks:
        for label in _places(x, y, _cut(name)):
            box = _box(label)
            inside = box[0] >= left and box[2] <= right and box[1] >= top and box[3] <= bottom
            if inside and not any(_meet(box, other) for other in taken):
                taken.append(box)
                written.append(label)
                break
    return written


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


def _places(x: float, y: float, name: str) -> Iterator[Label]:
    for down in (4, -8, 18):
        yield x + 8, y + down, name, "start"
        yield x - 8, y + down, name, "end"
    yield x, y - 9, name, "middle"
    yield x, y + 18, name, "middle"


def _around(x: float, y: float) -> Box:
    return x - 5, y - 5, x + 5, y + 5


def _box(label: Label) -> Box:
    x, y, name, anchor = label
    wide = len(name) * ACROSS
    start = {"start": x, "end": x - wide, "middle": x - wide / 2}[anchor]
    return start, y - DOWN + 2, start + wide, y + 2


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
