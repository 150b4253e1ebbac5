"""Cards for Hypothesis, drawn as bytes: numbers are often just where something begins or ends to be said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st

from models.persona_card import Card, Favourite, Measure, Movement, Size, Trait
from models.persona_moved import allowed, row_moved
from tests.models.persona_cards import BASE

SEGMENTS = ("cluster/1", "cluster/2", "cluster/3")
LABELS = ("Tea", "Rice", "Salt", "Oil", "Milk", "Jam")
T = TypeVar("T")


class Bytes:
    """What was drawn, byte by byte; zeros behind its end."""

    def __init__(self, drawn: bytes) -> None:
        self._left = iter(drawn)

    def one_of(self, some: Sequence[T]) -> T:
        return some[next(self._left, 0) % len(some)]

    def between(self, low: float, high: float, *edges: float) -> float:
        """Half of the time one of the edges, if there are any."""
        byte = next(self._left, 0)
        if edges and byte % 2:
            return edges[byte // 2 % len(edges)]
        return float(f"{low + (high - low) * byte / 255:.4g}")


def _measures(drawn: Bytes) -> tuple[Measure, ...]:
    known = drawn.one_of((400, 60, 25))
    rows = []
    for name, (unit, base) in BASE.items():
        factor = drawn.between(0.2, 2.2, 1.0, 1.25, 1.5, 0.75, 0.5, 0.0, 1.1)
        score = float(f"{(factor - 1) * drawn.one_of((2.0, 1.5)):.4g}")
        rows.append(Measure(name, unit, known, base * factor, base, score))
    return tuple(rows)


def _favourites(drawn: Bytes) -> tuple[Favourite, ...]:
    return tuple(
        Favourite(
            drawn.one_of(("category", "category", "brand")),
            name,
            drawn.between(0.01, 0.6),
            drawn.between(0.5, 3.0, 1.2, 1.3, 2.0),
            drawn.between(0.8, 2.0, 1.0, 1.1),
            drawn.between(0.0, 9.0, 2.0, 3.0),
            drawn.between(0.05, 1.0, 0.2),
            drawn.between(0.5, 2.0),
        )
        for name in LABELS
        if drawn.one_of((True, False))
    )


def _traits(drawn: Bytes) -> tuple[Trait, ...]:
    rows = []
    for attribute in ("age", "region", "sex", "home"):
        for value in ("young", "old"):
            if drawn.one_of((True, False)):
                base, lift = drawn.between(0.05, 0.3), drawn.between(1.1, 3.0, 1.15, 1.25, 2.0)
                evidence = drawn.between(2.0, 9.0, 2.5, 3.0)
                rows.append(Trait(attribute, value, 60, base * lift, base, lift, evidence))
    return tuple(rows)


def _card(segment: str, packed: bytes) -> Card:
    drawn = Bytes(packed)
    customers = drawn.one_of((200, 200, 200, 5, 17, 19, 20, 21))
    size = Size(customers, drawn.between(0.01, 0.9), 1_000_000, drawn.between(0.01, 0.9))
    net = drawn.between(-0.3, 0.3, 0.03, 0.05, -0.05, -0.03)
    rows = _measures(drawn), _favourites(drawn), _traits(drawn)
    return Card(segment, "USD", size, Movement(10, 9, net), *rows)


def _nudged(row: Any, drawn: Bytes) -> Any:
    """The row with each number somewhere within what it may go without having moved."""
    found = {}
    for name, value in row._asdict().items():
        if isinstance(value, str):
            continue
        now = value + drawn.one_of((-0.999, -0.5, 0.0, 0.5, 0.999)) * allowed(
            value, _kind(name, row)
        )
        if type(value) is int:
            now = int(now) if now > value else -int(-now)
        found[name] = now if value or name != "mean" else value
    nearby = row._replace(**found)
    return row if row_moved(nearby, row) else nearby


def _kind(name: str, row: Any) -> str:
    if name in {"mean", "base_mean"}:
        return str(row.unit)
    if name == "score":
        return "score"
    return "share" if name.endswith("share") else "ratio"


def _near(first: Card, packed: bytes) -> Card:
    """A card none of whose numbers has moved since the first one."""
    drawn = Bytes(packed)
    return first._replace(
        size=_nudged(first.size, drawn),
        movement=_nudged(first.movement, drawn),
        measures=tuple(_nudged(each, drawn) for each in first.measures),
        favourites=tuple(_nudged(each, drawn) for each in first.favourites),
        traits=tuple(_nudged(each, drawn) for each in first.traits),
    )


def _survey(packed: bytes) -> tuple[Card, ...]:
    return tuple(
        _card(segment, packed[place :: len(SEGMENTS)]) for place, segment in enumerate(SEGMENTS)
    )


def _history(packed: tuple[bytes, list[bytes]]) -> tuple[tuple[Card, ...], list[tuple[Card, ...]]]:
    first = _survey(packed[0])
    return first, [
        tuple(_near(each, more[place:]) for place, each in enumerate(first)) for more in packed[1]
    ]


_drawn = st.binary(min_size=100, max_size=400)
surveys = _drawn.map(_survey)
# A survey, and a few later on in which no number has moved since the first.
histories = st.tuples(_drawn, st.lists(_drawn, min_size=1, max_size=3)).map(_history)
