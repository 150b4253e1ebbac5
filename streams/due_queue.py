"""Who is due in a partition, in an order that no layout changes: the earliest first, then by the bytes of their ids.

The order counts: in which micro-cluster a customer is put depends on who came before. Redis keeps deadlines in blocks,
so all who are due are asked for at once, and then come some at a time; the nonce tells whether that still holds.

Enters and leaves: plain values. Forbidden here: Redis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from streams.store import Change, Meta


class Queue(NamedTuple):
    """Who is due and still waits.

    Attributes:
        nonce: of the partition, when that was so.
        until_ms: the deadlines that were asked for, event time.
        ids: of customers, in order.
        offered: those of them who were handed out last.
    """

    nonce: bytes
    until_ms: int
    ids: Sequence[str]
    offered: Sequence[str] = ()

    def is_answered_by(self, expected: Meta, change: Change) -> bool:
        """Whether a change is what became of those who were handed out, and of nobody else."""
        return self.nonce == expected.nonce and change.customers.keys() <= set(self.offered)

    def after(self, nonce: bytes) -> Queue:
        """Who waits once that is written."""
        return Queue(nonce, self.until_ms, self.ids[len(self.offered) :])


def queued(nonce: bytes, until_ms: int, blocks: Sequence[Sequence[bytes]]) -> Queue:
    """Put everyone who is due in order.

    Args:
        nonce: as in `Queue`.
        until_ms: likewise.
        blocks: as scripts/due.lua answers: of each block its places and deadlines in turns, then its ids.

    >>> queued(b"n", 9, [[b"0", b"7", b"3", b"9"], [b"zoe", b"max"], [b"1", b"7"], [b"ada"]]).ids
    ['ada', 'zoe', 'max']
    """
    pairs = zip(blocks[::2], blocks[1::2], strict=True)
    due = [
        (int(float(ms)), id_)
        for deadlines, ids in pairs
        for ms, id_ in zip(deadlines[1::2], ids, strict=True)
    ]
    return Queue(nonce, until_ms, [id_.decode() for _, id_ in sorted(due)])
