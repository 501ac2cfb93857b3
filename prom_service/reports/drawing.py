"""Plots as SVG text: drawn from the finished tables, so a plot shows what its table shows and nothing more.

400 units wide, so that on a phone a unit is about a pixel. Each has a title and a description for those who do not see
it. A hidden count is not drawn.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from prom_service.reports.rounding import HIDDEN

WIDTH = 400
LEFT, RIGHT = 34, 392
PATTERNS = (
    '<defs><pattern id="{id}-open" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="5" height="5" fill="#fff"/><rect width="2" height="5" fill="#1b5e9e"/></pattern>'
    '<pattern id="{id}-own" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="1.5" height="6" fill="#fff"/></pattern>'
    '<pattern id="{id}-rest" width="4" height="4" patternUnits="userSpaceOnUse">'
    '<rect width="4" height="4" fill="#fff"/><rect width="1" height="1" fill="#767676"/></pattern></defs>'
)


@dataclass(frozen=True)
class Part:
    """A piece of a picture, drawn from its own top, as ``height`` units; no sheet of paper divides it."""

    height: float
    drawn: Iterable[str]


def stacked(name: str, title: str, description: str, parts: Sequence[Part], head: Part | None = None) -> str:
    """Return the picture of the parts, one below the other.

    A tall one stands on paper in columns, each under the ``head``.
    """
    every = [("head", head)] if head else []
    pieces, top = [], 0.0
    for kind, part in [*every, *(("part", part) for part in parts)]:
        placed = f'<g class="{kind}" data-height="{part.height:g}" transform="translate(0 {top:g})">'
        pieces.append(f"{placed}{''.join(part.drawn)}</g>")
        top += part.height
    return svg(name, title, description, int(top), iter(pieces))


def svg(name: str, title: str, description: str, height: int, drawn: Iterator[str]) -> str:
    """Return the picture ``name`` with what is ``drawn``, named and described for those who do not see it."""
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="{name}-title {name}-desc"'
        f' xmlns="http://www.w3.org/2000/svg"><title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-desc">{escape(description)}</desc>{PATTERNS.format(id=name)}{"".join(drawn)}</svg>'
    )


def bar(x: float, y: float, width: float, height: float, fill: str) -> str:
    """Return a filled rectangle; nothing when it has no area."""
    if width <= 0 or height <= 0:
        return ""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}"/>'


def text(x: float, y: float, text: str, anchor: str, kind: str = "tick") -> str:
    """Return a line of text; ``anchor`` says which end of it stands at ``x``."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{escape(text)}</text>'


def legend(entries: Sequence[tuple[str, str]], *, x: float, y: float) -> str:
    """Return a row of little squares with their labels."""
    pieces = []
    for label, paint in entries:
        fill = paint.removeprefix("fill:")
        pieces.append(f'<rect x="{x:.1f}" y="{y - 9}" width="11" height="11" fill="{fill}" stroke="#767676"/>')
        pieces.append(text(x + 16, y, label, "start"))
        x += 107
    return "".join(pieces)


def tick_step(top: int) -> int:
    """Return the smallest round step with which at most five ticks reach ``top``."""
    step = 1
    while top > 5 * step:
        step = step * 5 // 2 if f"{step}"[0] == "2" else step * 2
    return step


def count_drawn(count: Any) -> int:
    """Return a count as it is drawn: a hidden one is not."""
    return 0 if count == HIDDEN else int(count)


def share_text(share: Any) -> str:
    """Return a share in per cent, or the word that stands for it."""
    return str(share) if isinstance(share, str) else f"{share:.0%}".replace("%", "\N{NO-BREAK SPACE}%")
