"""Customers by number: each has an *ordinal*, the place of their bit in the bitmaps of segments.

    ids of the customers that are written ──► Numbering: those that are known, and new ones in turn
    state ⇄ what stands in Redis: the ordinal, then the state
    a piece of a bitmap ──► the ordinals in it

An ordinal is given when a customer is first written to a partition, is theirs until they are removed, and is
never given again: so whoever reads a bitmap, and the ids a moment later, meets nobody in another's place.
What removed customers leave is one bit in each bitmap; a rebuild numbers everyone anew.

Enters and leaves: plain values. Forbidden here: Redis.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

BLOCK = 128  # ordinals whose ids, or deadlines, share a key: Redis keeps so many in a listpack
MAX_ORDINALS = 2**31  # Redis' largest bitmap has twice as many bits
_PREFIX = 4  # bytes
_SOME = re.compile(rb"[^\0]+", re.DOTALL)
_SET_BITS = [tuple(bit for bit in range(8) if byte & 0x80 >> bit) for byte in range(256)]


class Numbers(NamedTuple):
    """Who has which ordinal, as it stood at one moment.

    Attributes:
        nonce: of that moment.
        given: how many ordinals have ever been given.
        of: id → ordinal; None: nobody by that id, or nobody with an ordinal yet.
    """

    nonce: bytes
    given: int
    of: Mapping[str, int | None]

    def knows(self, customer_ids: Iterable[str]) -> bool:
        """Whether it can be told of all of them."""
        return all(each in self.of for each in customer_ids)


class Numbering:
    """The ordinals of customers that are written together; those who have none get the next ones.

    Args:
        numbers: what is known of all of them.

    Attributes:
        given: how many ordinals have ever been given.
        new: ordinal → id.
    """

    def __init__(self, numbers: Numbers) -> None:
        self._of = dict(numbers.of)
        self.given = numbers.given
        self.new: dict[int, str] = {}

    def taken(self, customer_id: str) -> int | None:
        """The ordinal of somebody who is removed; None: they had none."""
        ordinal, self._of[customer_id] = self._of[customer_id], None
        return ordinal

    def after(self, nonce: bytes) -> Numbers:
        """Who has which ordinal once all of it is written, with that nonce."""
        return Numbers(nonce, self.given, self._of)

    def of(self, customer_id: str) -> int:
        """The ordinal of somebody whose state is written.

        Raises:
            OverflowError: there are no more.
        """
        ordinal = self._of[customer_id]
        if ordinal is not None:
            return ordinal
        if self.given >= MAX_ORDINALS:
            raise OverflowError("all ordinals of this partition are given; run: segmenter rebuild")
        self._of[customer_id] = ordinal = self.given
        self.new[ordinal] = customer_id
        self.given += 1
        return ordinal


def numbered(ordinal: int, state: bytes) -> bytes:
    r"""A state as it stands in Redis.

    >>> numbered(258, b"state")
    b'\x00\x00\x01\x02state'
    """
    return ordinal.to_bytes(_PREFIX, "big") + state


def ordinal_of(stored: bytes | None) -> int | None:
    r"""The reverse, its first half; None of what a store below schema 8 wrote: an array of MessagePack.

    >>> ordinal_of(b"\x00\x00\x01\x02state"), ordinal_of(b"\xdc\x00\x14 and so on"), ordinal_of(None)
    (258, None, None)
    """
    if stored is None or _is_bare(stored):
        return None
    return int.from_bytes(stored[:_PREFIX], "big")


def state_of(stored: bytes | None) -> bytes | None:
    r"""The reverse, its second half.

    >>> state_of(b"\x00\x00\x01\x02state"), state_of(b"\xdc\x00\x14 and so on")
    (b'state', b'\xdc\x00\x14 and so on')
    """
    return stored if stored is None or _is_bare(stored) else stored[_PREFIX:]


def _is_bare(stored: bytes) -> bool:
    """An ordinal has its first bit clear, an array of MessagePack has it set."""
    return len(stored) < _PREFIX or stored[0] >= 0x80


def by_block(ordinals: Iterable[int]) -> dict[int, list[int]]:
    """Block → places in it, in the order given.

    >>> by_block([2, 3, 64, 130])
    {0: [2, 3, 64], 1: [2]}
    """
    blocks: dict[int, list[int]] = {}
    for each in ordinals:
        block, place = divmod(each, BLOCK)
        blocks.setdefault(block, []).append(place)
    return blocks


def ordinals_in(bits: bytes, first: int) -> Iterator[int]:
    r"""The ordinals whose bits are set in a piece of a bitmap, ascending.

    Args:
        bits: the piece; as Redis counts, the first bit of a byte is its highest.
        first: ordinal of its first bit.

    >>> list(ordinals_in(b"\x80\x00\x03", 800))
    [800, 822, 823]
    """
    for some in _SOME.finditer(bits):
        for place, byte in enumerate(some.group(), some.start()):
            for bit in _SET_BITS[byte]:
                yield first + 8 * place + bit
