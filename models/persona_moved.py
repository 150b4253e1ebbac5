"""Which numbers of a card have moved since a persona was written of them.

    Card + the one that was written of ──► held: rows that hardly moved stay as they were

A number has moved if it is further from what was written than `moved` allows; a row is taken over whole
once one of its numbers has moved, so what a sentence says together was true together.

Enters: cards. Leaves: a card. Forbidden here: words for people, what is said of the numbers.
"""

from __future__ import annotations

from typing import Any, TypeVar

from models.persona_card import Card, Favourite, Measure, Movement, Size, Trait

MOVES = 0.10  # of what was written; surveys of neighbouring days differ by less, a season by more
SHARE_MOVES = (0.005, 0.02)  # a share: 10 % of it as well, but between half a point and two points
SCORE_MOVES = 0.15  # standard deviations: as far as a statement begins above where it ends
LEAST_UNIT = 0.5  # of days and counts: half of one is no movement, however few they are
Row = TypeVar("Row", Size, Movement, Measure, Favourite, Trait)


def held(card: Card, written: Card) -> Card:
    """The card with each row as it was written, unless one of its numbers has moved since."""
    measures = {each.name: each for each in written.measures}
    favourites = {(each.dimension, each.label): each for each in written.favourites}
    traits = {(each.attribute, each.value): each for each in written.traits}
    return Card(
        card.segment,
        card.currency,
        _held(card.size, written.size),
        _held(card.movement, written.movement),
        tuple(_held(each, measures.get(each.name)) for each in card.measures),
        tuple(
            _held(each, favourites.get((each.dimension, each.label))) for each in card.favourites
        ),
        tuple(_held(each, traits.get((each.attribute, each.value))) for each in card.traits),
    )


def _held(row: Row, written: Row | None) -> Row:
    if written is None or row_moved(row, written):
        return row
    return written


def row_moved(row: Row, written: Row) -> bool:
    """Whether a number of a row has moved since it was written."""
    now, then = _telling(row), _telling(written)
    if bool(now.get("mean", 1)) != bool(then.get("mean", 1)):
        return True  # from nothing to something, however little
    unit = getattr(row, "unit", "count")
    return any(moved(value, then[name], _kind(name, unit)) for name, value in now.items())


def _telling(row: Any) -> dict[str, float]:
    """Its numbers; of comings and goings alone what is left of them."""
    numbers = {name: value for name, value in row._asdict().items() if not isinstance(value, str)}
    return {"net_share": row.net_share} if isinstance(row, Movement) else numbers


def _kind(field: str, unit: str) -> str:
    """How a number of a row is measured."""
    if field in {"mean", "base_mean"}:
        return unit
    if field.endswith("share"):
        return "share"
    kinds = {"score": "score", "known": "count", "customers": "count", "spend_minor": "money"}
    return kinds.get(field, "ratio")


def moved(value: float, written: float, kind: str) -> bool:
    """Whether a number is so far from what was written that the text must follow.

    Args:
        value: now.
        written: what the text was written of.
        kind: count, days, money (minor units), share, score, or ratio.

    >>> moved(54, 50, "count"), moved(56, 50, "count"), moved(0.028, 0.025, "share")
    (False, True, False)
    """
    return abs(value - written) > allowed(written, kind)


def allowed(written: float, kind: str) -> float:
    """How far a number may go without having moved; see `moved`."""
    part = MOVES * abs(written)
    if kind == "score":
        return SCORE_MOVES
    if kind == "share":
        return min(max(part, SHARE_MOVES[0]), SHARE_MOVES[1])
    return max(part, LEAST_UNIT) if kind in {"count", "days"} else part
