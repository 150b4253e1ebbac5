"""What Redis answers, as values of `streams/store.py`. No I/O."""

from __future__ import annotations

from collections.abc import Sequence

import msgpack

from streams.store import Meta, OutboxRow, Whole

PLACES = 2**40  # of a hash, at most: HSCAN's cursor is below the number of its buckets


def cursor_of(place: int, giver: int) -> int:
    """Where a walk goes on: below `PLACES` HSCAN's cursor, above it which process gave it, of 24 bits.

    >>> cursor_of(5, 1) == PLACES + 5, cursor_of(0, 1)
    (True, 0)
    """
    return place and giver * PLACES + place


def row_of(packed: bytes) -> OutboxRow:
    """A row of the outbox."""
    return OutboxRow(*msgpack.unpackb(packed, use_list=False))


def meta_of(fields: Sequence[bytes | None]) -> Meta:
    """`Meta`, of the values of `META_FIELDS`; None: nothing was written yet."""
    offset, nonce, clock_ms, topic_id, partitions, schema, *others = fields
    policy, population, closed, key_id = others
    return Meta(
        int(offset or 0),
        nonce or b"",
        int(clock_ms or 0),
        (topic_id or b"").decode(),
        int(partitions or 0),
        int(schema or 0),
        (policy or b"").decode(),
        int(population or 0),
        int(closed or 0),
        (key_id or b"").decode(),
    )


def whole_of(
    slots: Sequence[bytes],
    population: bytes | None,
    erased: Sequence[bytes],
    movement: Sequence[bytes],
    policy: bytes | None,
) -> Whole:
    """`Whole`, of hashes as they come: field, value, field, value."""
    return Whole(_by_name(slots), population, _by_name(erased), _by_name(movement), policy)


def _by_name(fields: Sequence[bytes]) -> dict[str, bytes]:
    names = (name.decode() for name in fields[::2])
    return dict(zip(names, fields[1::2], strict=True))
