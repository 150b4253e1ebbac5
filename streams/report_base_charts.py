"""Charts of the report on a base as SVG: pies, and bars within the cells of a table.

Enters: shares, colours by the name of their variable. Leaves: markup that needs no script. What a pie shows is
told in words by its label and by the table beside it; a bar only repeats the number in its cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import cos, pi, sin
from typing import NamedTuple

PIE = 120
RADIUS, HOLE = 58.0, 30.0
BAR_WIDTH, BAR_HEIGHT = 56, 8
FEWEST_DEGREES = 0.2  # a slice thinner than that can't be seen


class Slice(NamedTuple):
    """A part of a pie.

    Attributes:
        part: of the whole, 0 to 1.
        colour: the variable of the page that holds it.
    """

    part: float
    colour: str


def pie_chart(says: str, slices: Sequence[Slice]) -> str:
    """A ring, clockwise from the top.

    Args:
        says: what it shows, for who can't see it.
        slices: that add up to 1, or to less.
    """
    begin, drawn = 0.0, []
    for each in slices:
        end = begin + each.part
        if each.part * 360 >= FEWEST_DEGREES:
            style = f'style="fill: var(--{each.colour})"'
            drawn.append(f'<path class="slice" {style} d="{_ring(begin, min(end, 1.0))}"/>')
        begin = end
    size = f'viewBox="0 0 {PIE} {PIE}"'
    return f'<svg class="pie" {size} role="img" aria-label="{escape(says)}">{"".join(drawn)}</svg>'


def _ring(begin: float, end: float) -> str:
    """From one part of the circle to another; the whole of it in two halves."""
    if end - begin > 0.999:
        return _ring(begin, begin + 0.5) + _ring(begin + 0.5, begin + 1)
    large = int(end - begin > 0.5)
    (a, b), (c, d) = (_point(RADIUS, each) for each in (begin, end))
    (e, f), (g, h) = (_point(HOLE, each) for each in (end, begin))
    outer = f"M{a:.2f} {b:.2f}A{RADIUS} {RADIUS} 0 {large} 1 {c:.2f} {d:.2f}"
    return f"{outer}L{e:.2f} {f:.2f}A{HOLE} {HOLE} 0 {large} 0 {g:.2f} {h:.2f}Z"


def _point(radius: float, turn: float) -> tuple[float, float]:
    angle = 2 * pi * turn
    return PIE / 2 + radius * sin(angle), PIE / 2 - radius * cos(angle)


def bar_in_cell(part: float, colour: str) -> str:
    """A bar as long as a part of the longest, 0 to 1; less than nothing has none."""
    length = max(0.0, min(part, 1.0)) * BAR_WIDTH
    size = f'viewBox="0 0 {BAR_WIDTH} {BAR_HEIGHT}"'
    bar = f'<rect style="fill: var(--{colour})" width="{length:.1f}" height="{BAR_HEIGHT}"/>'
    return f'<svg class="bar" {size} aria-hidden="true">{bar}</svg>'
