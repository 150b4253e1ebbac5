"""Drawings for the documentation: shapes in, one SVG out, readable on a light page and on a dark one.

A drawing has a ground of its own and takes the reader's colour scheme; where a page is set to the other
one, it is a light card on a dark page, or the reverse, and its contrast stays. No script, no font, nothing
from elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from types import MappingProxyType

LIGHT: Mapping[str, str] = MappingProxyType(
    {
        "ground": "#ffffff",
        "ink": "#1b1f24",
        "soft": "#57606a",
        "rule": "#d0d7de",
        "prospect": "#6e7781",
        "new": "#0969da",
        "active": "#1a7f37",
        "dormant": "#a35200",
        "churned": "#a40e26",
        "other": "#8250df",
    }
)
DARK: Mapping[str, str] = MappingProxyType(
    {
        "ground": "#16191d",
        "ink": "#e6edf3",
        "soft": "#9aa4af",
        "rule": "#3d444d",
        "prospect": "#9aa4af",
        "new": "#58a6ff",
        "active": "#3fb950",
        "dormant": "#e0963d",
        "churned": "#ff7b72",
        "other": "#bc8cff",
    }
)


class Drawing:
    """One picture.

    Args:
        width, height: in pixels.
        title: what it shows, for those who hear it read.
    """

    def __init__(self, width: int, height: int, title: str) -> None:
        self.width, self.height, self.title = width, height, title
        self._parts: list[str] = []

    def text(
        self, x: float, y: float, words: str, colour: str = "ink", at: str = "start", size: int = 14
    ) -> None:
        """Words on one line; `at` is start, middle or end."""
        where = f'x="{x:g}" y="{y:g}" text-anchor="{at}" font-size="{size}"'
        self._parts.append(f'<text {where} class="{colour}">{escape(words)}</text>')

    def box(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """A frame with round corners, on the ground."""
        where = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6"'
        self._parts.append(f'<rect {where} class="ground line-{colour}" stroke-width="1.5"/>')

    def bar(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """A filled bar."""
        where = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
        self._parts.append(f'<rect {where} class="{colour}"/>')

    def dot(self, x: float, y: float, radius: float, colour: str, opacity: float = 1.0) -> None:
        """A filled circle."""
        where = f'cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"'
        seen = "" if opacity == 1.0 else f' opacity="{opacity:g}"'
        self._parts.append(f'<circle {where} class="{colour}"{seen}/>')

    def path(
        self,
        points: Sequence[tuple[float, float]],
        colour: str = "soft",
        *,
        arrow: bool = False,
        dashes: str = "",
        width: float = 1.5,
    ) -> None:
        """A line through points; with an arrow's head at its end."""
        way = "M" + " L".join(f"{x:.1f},{y:.1f}" for x, y in points)
        more = f' stroke-dasharray="{dashes}"' if dashes else ""
        more += ' marker-end="url(#head)"' if arrow else ""
        self._parts.append(
            f'<path d="{way}" class="way line-{colour}" stroke-width="{width:g}"{more}/>'
        )

    def svg(self) -> str:
        """The file."""
        size = (
            f'viewBox="0 0 {self.width} {self.height}" width="{self.width}" height="{self.height}"'
        )
        head = (
            '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
            'orient="auto"><path d="M0,0 L8,4 L0,8 z" class="soft"/></marker>'
        )
        ground = f'<rect width="{self.width}" height="{self.height}" rx="8" class="ground"/>'
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="system-ui, sans-serif">',
            f"<title>{escape(self.title)}</title>",
            f"<style>{_style()}</style>",
            f"<defs>{head}</defs>",
            ground,
            *self._parts,
            "</svg>",
        ]
        return "\n".join(lines) + "\n"


def _style() -> str:
    dark = "".join(_rules(DARK))
    return f".way{{fill:none}}{''.join(_rules(LIGHT))}@media (prefers-color-scheme: dark){{{dark}}}"


def _rules(palette: Mapping[str, str]) -> list[str]:
    return [
        f".{name}{{fill:{colour}}}.line-{name}{{stroke:{colour}}}"
        for name, colour in palette.items()
    ]
