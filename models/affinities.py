"""The part of a survey that tells what is bought together: in the base, in each segment, and by whom next.

    members, one by one ──► Affinities ──► BoughtTogether: plain, small, to be kept with a survey

Enters: members, each once. Leaves: the best pairs of each segment, and what was learned of next categories.
Forbidden here: customer ids, names, the store, the clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, get_args

from models.affinity import (
    Affinity,
    Catalogue,
    category_days,
    ever_together,
    next_catalogue,
    together,
)
from models.daybook import is_key
from models.member import YEAR_DAYS, Member
from models.next_category import NextCategory, decode_next, encode_next, learned
from models.pairs import By, Pair, Ranked, pairs
from models.sight import PURCHASE_DAYS

KEPT_PAIRS = 20  # of a segment, by each ranking
BYS: tuple[By, ...] = get_args(By)


class BoughtTogether(NamedTuple):
    """What a survey keeps of affinity.

    Attributes:
        base: ranking → the best pairs of everybody.
        segments: segment → likewise.
        next: of each category what speaks for it.
        catalogue: label keys, the most bought first: what the next survey counts by name.
    """

    base: Mapping[By, Ranked]
    segments: Mapping[str, Mapping[By, Ranked]]
    next: NextCategory
    catalogue: tuple[bytes, ...]


class Affinities:
    """See the module; changed in place.

    Args:
        first: label keys that are counted by name in any case: those of the survey before.

    Attributes:
        base: of everybody.
        segments: name → of who is in it.
    """

    def __init__(self, first: Iterable[bytes] = ()) -> None:
        self.catalogue = Catalogue(first)
        self.base = Affinity(self.catalogue)
        self.ever = Affinity(self.catalogue)
        self.segments: dict[str, Affinity] = {}

    def take(self, member: Member) -> None:
        """Count a customer, who must not come twice."""
        days = category_days(member.sight, YEAR_DAYS)
        one = together(days, member.sight.sum(PURCHASE_DAYS, YEAR_DAYS), self.catalogue)
        self.base.add(one)
        self.ever.add(ever_together(days, self.catalogue))
        for segment in dict.fromkeys(member.segments.values()):
            group = self.segments.get(segment)
            if group is None:
                group = self.segments[segment] = Affinity(self.catalogue)
            group.add(one)

    def told(self, n: int = KEPT_PAIRS) -> BoughtTogether:
        """What is worth keeping: n pairs of each segment, by each ranking."""
        ranked = {name: _ranked(group, self.base, n) for name, group in self.segments.items()}
        catalogue = tuple(next_catalogue(self.base).places)
        return BoughtTogether(
            _ranked(self.base, self.base, n), ranked, learned(self.ever), catalogue
        )


def _ranked(group: Affinity, base: Affinity, n: int) -> dict[By, Ranked]:
    return {by: pairs(group, base, n, by) for by in BYS}


def encode_together(told: BoughtTogether) -> list[object]:
    """Plain lists, for `decode_together`."""
    segments = {name: _plain(ranked) for name, ranked in told.segments.items()}
    catalogue = [each.hex() for each in told.catalogue]
    return [_plain(told.base), segments, encode_next(told.next), catalogue]


def _plain(ranked: Mapping[By, Ranked]) -> dict[str, list[object]]:
    return {
        by: [[[each.one.hex(), each.other.hex(), *each[2:]] for each in found.pairs], *found[1:]]
        for by, found in ranked.items()
    }


def decode_together(plain: Any) -> BoughtTogether:
    """The reverse.

    Raises:
        ValueError: it is none.
    """
    try:
        base, segments, known, catalogue = plain
        by_segment = {name: _rankings(each) for name, each in segments.items()}
        keys = tuple(_key(each) for each in catalogue)
        return BoughtTogether(_rankings(base), by_segment, decode_next(known), keys)
    except (TypeError, AttributeError, KeyError, ValueError) as error:
        raise ValueError(f"not what was bought together: {error}") from error


def _rankings(plain: Any) -> dict[By, Ranked]:
    return {by: _ranking(*plain[by]) for by in BYS}


def _ranking(rows: Any, shopping_days: int, at_most: int, certain: bool) -> Ranked:
    found = tuple(Pair(_key(one), _key(other), *told) for one, other, *told in rows)
    return Ranked(found, shopping_days, at_most, certain)


def _key(plain: str) -> bytes:
    key = bytes.fromhex(plain)
    if not is_key(key):
        raise ValueError(f"{plain!r:.40} is no label")
    return key
