"""What was generated, for people and for scripts.

Enters: a population, counts, figures. Leaves: text or JSON. Forbidden here: files, drawing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table

from models.amounts import money
from models.bgnbd import BgNbd
from models.gamma_gamma import GammaGamma
from streams.generating.making import Count
from streams.generating.observing import Figures
from streams.generating.population import Population
from streams.replay import Published


class Likeness(NamedTuple):
    """The same figures twice; `generated` has no customers if nobody bought."""

    name: str
    file: Figures
    generated: Figures | None


class Summary(NamedTuple):
    """What a command has done.

    Attributes:
        population: that was made.
        made: what came of it.
        where: the file, or the topic.
        published: with its ticks; None: into a file.
        likeness: None: it was to be like nothing.
    """

    population: Population
    made: Count
    where: str
    published: Published | None
    likeness: Likeness | None


def summary_as_json(summary: Summary) -> dict[str, Any]:
    """As `--json` prints it."""
    population, count = summary.population, summary.made
    told: dict[str, Any] = {
        "written_to": summary.where,
        "seed": population.seed,
        "start": population.start.isoformat(),
        "days": population.days,
        **{name: getattr(count, name) for name in count.__slots__},
        "hot": population.hot,
    }
    if summary.published is not None:
        told["ticks"] = summary.published.ticks
    if summary.likeness is not None:
        name, file, generated = summary.likeness
        told["like"] = {
            "file": name,
            "fitted": _figures(file),
            "generated": None if generated is None else _figures(generated),
        }
    return told


def _figures(figures: Figures) -> dict[str, Any]:
    return {
        name: value._asdict() if isinstance(value, BgNbd | GammaGamma) else value
        for name, value in figures._asdict().items()
    }


def summary_shown(summary: Summary) -> RenderableType:
    """For a terminal."""
    population, count = summary.population, summary.made
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in _lines(summary):
        table.add_row(name, value)
    last = population.end - timedelta(days=1)
    head = (
        f"{count.events:,} events of {count.customers:,} customers in {summary.where}, "
        f"from {population.start} to {last}, seed {population.seed}"
    )
    shown: list[RenderableType] = [head, "", table]
    if summary.likeness is not None:
        shown += ["", _likeness(summary.likeness)]
    return Group(*shown)


def _lines(summary: Summary) -> Iterator[tuple[str, str]]:
    count, currency = summary.made, summary.population.currency
    yield "purchases", f"{count.purchases:,}"
    yield "spent", money(count.spent_minor, currency)
    yield "still customers at the end", f"{count.still_there:,}"
    yield "refunds", f"{count.refunds:,}"
    yield "profiles", f"{count.profiles:,}"
    yield "read late", f"{count.late:,}"
    yield "read twice", f"{count.duplicates:,}"
    yield "hot customers", f"{summary.population.hot:,}"
    if summary.published is not None:
        yield "ticks", f"{summary.published.ticks:,}"


def _likeness(likeness: Likeness) -> Table:
    table = Table(box=None, pad_edge=False)
    for name, side in (("", "left"), (likeness.name, "right"), ("generated", "right")):
        table.add_column(name, justify="right" if side == "right" else "left")
    found = list(_rows(likeness.file))
    made = [None] * len(found) if likeness.generated is None else list(_rows(likeness.generated))
    for (name, value), other in zip(found, made, strict=True):
        table.add_row(name, _number(value), _number(None if other is None else other[1]))
    return table


def _rows(figures: Figures) -> Iterator[tuple[str, float | None]]:
    for name, value in figures._asdict().items():
        if name not in ("purchasing", "spend"):
            yield name.replace("_", " "), value
    for title, model, fields in (
        ("BG/NBD", figures.purchasing, ("r", "alpha", "a", "b")),
        ("Gamma-Gamma", figures.spend, ("p", "q", "v")),
    ):
        for field in fields:
            yield f"{title} {field}", None if model is None else getattr(model, field)


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return (
        f"{value:,}"
        if isinstance(value, int)
        else f"{value:,.4g}"
        if value < 1000
        else f"{value:,.0f}"
    )
