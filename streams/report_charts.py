"""Charts of a report as SVG: lines over time, bars by week, curves over a setting.

Enters: numbers and names. Leaves: markup that needs no script; what a chart shows is told in words, too,
by the table beside it. Forbidden here: files, policies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from math import ceil, floor, log10
from typing import NamedTuple

WIDTH, HEIGHT = 320, 150
LEFT, RIGHT, TOP, BOTTOM = 40, 8, 14, 18
TICKS = 4
MOST_X_LABELS = 3
NAME_WIDTH, NAME_HEIGHT = 24, 11


class Scale(NamedTuple):
    """Values on a length of the picture.

    Attributes:
        low, high: the values at both ends.
        begin, end: the ends, in units of the picture.
    """

    low: float
    high: float
    begin: float
    end: float

    def at(self, value: float) -> float:
        """Where a value stands."""
        span = (self.high - self.low) or 1
        return self.begin + (value - self.low) / span * (self.end - self.begin)


class Spot(NamedTuple):
    """A point of a grid: its name, and the two things that it trades against each other."""

    name: str
    across: float
    up: float


def nice_step(span: float) -> float:
    """The distance of ticks over a span: 1, 2 or 5 times a power of ten.

    >>> nice_step(37), nice_step(0.09), nice_step(4000)
    (10.0, 0.05, 1000.0)
    """
    if span <= 0:
        return 1.0
    raw = span / TICKS
    power = 10.0 ** floor(log10(raw))
    return next(power * each for each in (1, 2, 5, 10) if power * each >= raw * (1 - 1e-9))


def line_chart(says: str, labels: Sequence[str], a: Sequence[int], b: Sequence[int]) -> str:
    """Two lines over time, from 0.

    Args:
        says: what it shows, for who can't see it.
        labels: of the places, in order; as many as numbers.
        a: numbers of the one policy.
        b: of the other.
    """
    x = Scale(0, max(1, len(labels) - 1), LEFT, WIDTH - RIGHT)
    y = _upwards(max([*a, *b, 1]))
    paths = (
        f'<path class="{name}" d="{_path(x, y, values)}"/>' for name, values in (("a", a), ("b", b))
    )
    return _svg(says, [*_y_axis(y), *_x_labels(x, labels), *paths])


def bar_chart(says: str, labels: Sequence[str], a: Sequence[int], b: Sequence[int]) -> str:
    """Two bars a place, side by side; see `line_chart`."""
    y = _upwards(max([*a, *b, 1]))
    width = (WIDTH - LEFT - RIGHT) / max(1, len(labels))
    x = Scale(0, max(1, len(labels)), LEFT, WIDTH - RIGHT)
    bars = [
        f'<rect class="bar-{name}" x="{x.at(place) + offset * width:.1f}" y="{y.at(count):.1f}" '
        f'width="{0.42 * width:.2f}" height="{y.begin - y.at(count):.1f}"/>'
        for name, offset, values in (("a", 0.06, a), ("b", 0.52, b))
        for place, count in enumerate(values)
        if count
    ]
    return _svg(says, [*_y_axis(y), *_x_labels(x, labels), *bars])


def curve_chart(says: str, labels: Sequence[str], values: Sequence[float | None]) -> str:
    """One value for each point of a grid; None: it is not known there."""
    known = [each for each in values if each is not None]
    x = Scale(0, max(1, len(labels) - 1), LEFT + 6, WIDTH - RIGHT - 6)
    y = _upwards(max([*known, 0]) or 1)
    dots = [
        f'<circle class="dot" cx="{x.at(place):.1f}" cy="{y.at(value):.1f}" r="3"/>'
        for place, value in enumerate(values)
        if value is not None
    ]
    runs = (f'<path class="b" d="{each}"/>' for each in _runs(x, y, values))
    return _svg(says, [*_y_axis(y), *_x_labels(x, labels, len(labels)), *runs, *dots])


def trade_off_chart(says: str, points: Sequence[Spot]) -> str:
    """One thing against another, a dot with its name for each point of a grid, joined in their order."""
    x = _scale(max([each.across for each in points] + [0]) or 1, LEFT + 6, WIDTH - RIGHT - 18)
    y = _upwards(max([each.up for each in points] + [0]) or 1)
    spots = [(x.at(each.across), y.at(each.up), escape(each.name)) for each in points]
    path = "L".join(f"{across:.1f} {up:.1f}" for across, up, _ in spots)
    dots = [f'<circle class="dot" cx="{a:.1f}" cy="{up:.1f}" r="3"/>' for a, up, _ in spots]
    lines = [f'<path class="b" d="M{path}"/>'] if path else []
    return _svg(says, [*_y_axis(y), *_x_axis(x), *lines, *dots, *_names(spots)])


def _names(spots: Sequence[tuple[float, float, str]]) -> Iterator[str]:
    """Of dots beside each other only some: names must not cover each other."""
    named: list[tuple[float, float]] = []
    for across, up, name in spots:
        if all(abs(across - x) > NAME_WIDTH or abs(up - y) > NAME_HEIGHT for x, y in named):
            named.append((across, up))
            at = f'x="{across:.1f}" y="{up - 6:.1f}"'
            yield f'<text class="named" {at} text-anchor="middle">{name}</text>'


def _x_axis(x: Scale) -> Iterator[str]:
    step = nice_step(x.high)
    for count in range(round(x.high / step) + 1):
        at, y = x.at(count * step), HEIGHT - 4
        yield f'<text x="{at:.1f}" y="{y}" text-anchor="middle">{count * step:,.6g}</text>'


def _runs(x: Scale, y: Scale, values: Sequence[float | None]) -> Iterator[str]:
    """A path for each stretch without a gap."""
    points: list[str] = []
    for place, value in enumerate([*values, None]):
        if value is not None:
            points.append(f"{x.at(place):.1f} {y.at(value):.1f}")
        elif points:
            yield f"M{'L'.join(points)}"
            points = []


def _path(x: Scale, y: Scale, values: Sequence[int]) -> str:
    return "M" + "L".join(f"{x.at(n):.1f} {y.at(each):.1f}" for n, each in enumerate(values))


def _upwards(most: float) -> Scale:
    return _scale(most, HEIGHT - BOTTOM, TOP)


def _scale(most: float, begin: float, end: float) -> Scale:
    step = nice_step(most)
    return Scale(0, step * ceil(most / step - 1e-9), begin, end)


def _y_axis(y: Scale) -> Iterator[str]:
    step = nice_step(y.high)
    for count in range(round(y.high / step) + 1):
        at = y.at(count * step)
        yield f'<path class="grid" d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}"/>'
        yield f'<text x="{LEFT - 4}" y="{at + 3:.1f}" text-anchor="end">{count * step:,.6g}</text>'


def _x_labels(x: Scale, labels: Sequence[str], most: int = MOST_X_LABELS) -> Iterator[str]:
    """Some of them, evenly; those at the ends stay within the picture."""
    last = len(labels) - 1
    count = min(most, 8, len(labels))
    for place in sorted({round(each * last / max(1, count - 1)) for each in range(count)}):
        anchor = "start" if place == 0 else "end" if place == last else "middle"
        at, y = x.at(place), HEIGHT - 4
        yield f'<text x="{at:.1f}" y="{y}" text-anchor="{anchor}">{escape(labels[place])}</text>'


def _svg(says: str, parts: Sequence[str]) -> str:
    inside = "".join(parts)
    named = escape(says, quote=True)
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{named}">{inside}</svg>'
