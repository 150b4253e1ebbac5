"""Which category a customer is likely to begin to buy: small plain numbers, learned of everybody.

For each category the sixteen others are kept that tell most about who buys it, by mutual information, among
those whose buyers buy it more. A customer's categories then speak for it as evidence that is known to
overlap: a naive Bayes of damped log-odds,

    score(a) = log-odds of a + DAMPING · Σ over links b that they buy of log P(b | a) / P(b | not a)

with P of customers who bought a category within the window at all, Laplace-smoothed. DAMPING was chosen on
purchases before those that the figures in docs/affinity.md are of (`bench/affinity.py`).

    everybody's categories ──► Affinity of one "day" a customer ──► NextCategory ──► next_categories(…, bought, n)

Enters: an affinity of one day a customer; later, what one customer buys. Leaves: categories, likeliest
first, and what speaks for each. Forbidden here: customer ids, names, the clock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import log
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.affinity import BUCKETS, Affinity
from models.daybook import is_key

LINKS = 16  # of a category
DAMPING = 0.3  # of evidence that overlaps
MIN_CUSTOMERS = 5  # who buy a category; of fewer nothing is learned
REASONS = 3
_QUANTA = 1_000  # of a weight: whole numbers are alike on every machine
_SMOOTHING = 1.0  # customers who are like all others
Floats = npt.NDArray[np.float64]


class Known(NamedTuple):
    """What is known of the buyers of a category; in thousandths.

    Attributes:
        odds: log-odds that a customer buys it.
        links: label key of another category → by how much buying that speaks for this one.
    """

    odds: int
    links: Mapping[bytes, int]


class Next(NamedTuple):
    """A category that a customer may begin to buy.

    Attributes:
        key: its label.
        score: the higher the likelier; comparable within one customer.
        because: labels that they buy and that speak for it, the strongest first.
    """

    key: bytes
    score: float
    because: tuple[bytes, ...]


NextCategory = Mapping[bytes, Known]


def learned(ever: Affinity) -> NextCategory:
    """What everybody's categories tell of each other.

    Args:
        ever: of all customers, each as one day (`models.affinity.ever_together`).
    """
    both = ever.days()[BUCKETS:, BUCKETS:].astype(float)
    buyers, everybody = both.diagonal().copy(), float(ever.shopping_days)
    keys = list(ever.catalogue.places)
    weight = _evidence(both, buyers, everybody)
    telling = np.where(weight > 0, _information(both, buyers, everybody), 0)
    np.fill_diagonal(telling, 0)
    found: dict[bytes, Known] = {}
    for place in np.flatnonzero(buyers >= MIN_CUSTOMERS):
        best = np.argsort(-telling[:, place], kind="stable")[:LINKS]
        kept = [each for each in best if telling[each, place] > 0]
        links = {keys[each]: round(_QUANTA * weight[each, place]) for each in kept}
        odds = log((buyers[place] + 1) / (everybody - buyers[place] + 1))
        found[keys[place]] = Known(round(_QUANTA * odds), links)
    return found


def _evidence(both: Floats, buyers: Floats, everybody: float) -> Floats:
    """By how much buying the row's category speaks for the column's: log P(row | column) / P(row | not)."""
    share = _SMOOTHING * (buyers / max(everybody, 1))[:, None]
    with_it = (both + share) / (buyers + _SMOOTHING)[None]
    without = (buyers[:, None] - both + share) / (everybody - buyers + _SMOOTHING)[None]
    tiny = np.finfo(float).tiny  # of a category that nobody bought
    found: Floats = np.log(np.maximum(with_it, tiny) / np.maximum(without, tiny))
    return found


def _information(both: Floats, buyers: Floats, everybody: float) -> Floats:
    """Mutual information of who buys each two categories, nats."""
    total = max(everybody, 1.0)
    row, column, joint = buyers[:, None] / total, buyers[None] / total, both / total
    found = np.zeros_like(joint)
    for part, expected in (
        (joint, row * column),
        (row - joint, row * (1 - column)),
        (column - joint, (1 - row) * column),
        (1 - row - column + joint, (1 - row) * (1 - column)),
    ):
        some = (part > 1e-12) & (expected > 0)  # 0 · log 0 is 0
        found += np.where(
            some, part * np.log(np.where(some, part / np.maximum(expected, 1e-300), 1)), 0
        )
    return found


def next_categories(
    known: NextCategory, bought: Collection[bytes], n: int, damping: float = DAMPING
) -> list[Next]:
    """The n categories that a customer is likeliest to begin to buy.

    Args:
        known: as it was learned.
        bought: label keys of the categories that they buy already; those are left out.
        n: how many; fewer if there are not so many.
        damping: of evidence, 0 to 1; 0: by how usual a category is alone.
    """
    owned = frozenset(bought)
    found = [_next(key, each, owned, damping) for key, each in known.items() if key not in owned]
    return sorted(found, key=lambda each: (-each.score, each.key))[:n]


def _next(key: bytes, known: Known, bought: frozenset[bytes], damping: float) -> Next:
    speaks = {each: weight for each, weight in known.links.items() if each in bought}
    strongest = sorted(speaks, key=lambda each: (-speaks[each], each))[:REASONS]
    score = (known.odds + damping * sum(speaks.values())) / _QUANTA
    return Next(key, score, tuple(strongest))


def encode_next(known: NextCategory) -> list[list[object]]:
    """Plain lists: label in hex, odds, then links as label and weight by turns."""
    return [
        [
            key.hex(),
            each.odds,
            [part for link in each.links.items() for part in (link[0].hex(), link[1])],
        ]
        for key, each in known.items()
    ]


def decode_next(plain: object) -> NextCategory:
    """The reverse.

    Raises:
        ValueError: it is none.
    """
    try:
        return dict(_category(row) for row in _list(plain))
    except (TypeError, ValueError) as error:
        raise ValueError(f"not what was learned of next categories: {error}") from error


def _category(row: object) -> tuple[bytes, Known]:
    key, odds, links = _list(row)
    flat = _list(links)
    pairs = zip(flat[::2], flat[1::2], strict=True)
    return _key(key), Known(_whole(odds), {_key(one): _whole(weight) for one, weight in pairs})


def _list(plain: object) -> Sequence[object]:
    if not isinstance(plain, list):
        raise TypeError(f"{plain!r:.40} is no list")
    return plain


def _key(plain: object) -> bytes:
    key = bytes.fromhex(plain) if isinstance(plain, str) else b""
    if not is_key(key):
        raise ValueError(f"{plain!r:.40} is no label")
    return key


def _whole(plain: object) -> int:
    if type(plain) is not int:
        raise TypeError(f"{plain!r:.40} is no whole number")
    return plain
