"""A tall picture as columns that fit a sheet of paper, cut where its parts meet."""

import re
from collections.abc import Iterator

from prom_service.reports.drawing import WIDTH

FITS = 430
"""Units: what stands on a sheet below the heading, where a picture is 130 mm wide."""
PLACED = re.compile(r'<g class="(head|part)" data-height="([\d.]+)" transform="translate\(0 [\d.]+\)">')
PLACE = '<g transform="translate(0 {top:g})">{drawn}'
VIEW = re.compile(r'viewBox="[^"]*"')
Piece = tuple[float, str]


def columns(picture: str) -> list[str]:
    """Return the picture as pictures no taller than fits, its head on each; one that fits or has no parts as it is.

    A part that is itself too tall stays whole.
    """
    opening, *found = PLACED.split(picture.removesuffix("</svg>"))
    pieces = [(kind, float(height), drawn) for kind, height, drawn in zip(*[iter(found)] * 3, strict=True)]
    if sum(height for _, height, _ in pieces) <= FITS:
        return [picture]
    head = [(height, drawn) for kind, height, drawn in pieces if kind == "head"]
    parts = [(height, drawn) for kind, height, drawn in pieces if kind == "part"]
    return [_drawn(opening, head + column) for column in _packed(parts, FITS - sum(height for height, _ in head))]


def _packed(parts: list[Piece], room: float) -> Iterator[list[Piece]]:
    """Yield as many parts at a time as find room, at least one."""
    column: list[Piece] = []
    for part in parts:
        if column and sum(height for height, _ in column) + part[0] > room:
            yield column
            column = []
        column.append(part)
    yield column


def _drawn(opening: str, pieces: list[Piece]) -> str:
    tops = [sum(height for height, _ in pieces[:place]) for place in range(len(pieces) + 1)]
    drawn = (PLACE.format(top=top, drawn=drawn) for top, (_, drawn) in zip(tops, pieces, strict=False))
    return VIEW.sub(f'viewBox="0 0 {WIDTH} {tops[-1]:g}"', opening, count=1) + "".join(drawn) + "</svg>"
