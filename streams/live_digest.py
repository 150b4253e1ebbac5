"""The digest of what serves: of the states in Redis, and of the effects in the output topics.

To be held against the digest of a replay of the same log, up to the offsets that it names. It holds only where
nothing moves: no state is written meanwhile, and no effect waits. Effects that have aged out of their topics can't be
counted; then only states and sketches can be compared, and that is said.

Blocks for as long as the output topics take to read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import NamedTuple

from streams.digest import Digest, Told, digest_of, each_once
from streams.log import LogInspector
from streams.refusal import Refused
from streams.store import Loaded, OutboxRow, Store
from streams.topics import ALERTS, CHANGES


class OfLive(NamedTuple):
    """What serves.

    Attributes:
        digest: of all partitions.
        offsets: where each stands.
        aged_out: output topics that no longer begin at their first record.
    """

    digest: Digest
    offsets: tuple[int, ...]
    aged_out: tuple[str, ...]


class StillMoving(Refused):
    """States are still being written, or effects wait to be sent."""


async def of_live(store: Store, inspector: LogInspector, namespace: str) -> OfLive:
    """Read everything.

    Args:
        store: the one that serves.
        inspector: of the cluster.
        namespace: of the installation.

    Raises:
        StillMoving, StoreUnavailable, KafkaUnavailable, TopicMissing.
    """
    partitions = range(await store.partitions())
    before = [await store.load(each, ()) for each in partitions]
    told, aged_out = await asyncio.to_thread(_told, inspector, namespace.encode())
    digest = await digest_of(store, partitions, told)
    after = [await store.load(each, ()) for each in partitions]
    _require_rest(before, after)
    return OfLive(digest, tuple(each.meta.offset for each in before), aged_out)


def _require_rest(before: list[Loaded], after: list[Loaded]) -> None:
    for partition, (one, other) in enumerate(zip(before, after, strict=True)):
        waiting = other.outbox_rows
        if one.meta.nonce != other.meta.nonce or waiting:
            why = f"{waiting} effects wait to be sent" if waiting else "states are being written"
            raise StillMoving(
                f"partition {partition}: {why}; stop the producers, wait until segmenter doctor "
                "says that nothing is left to read, stop the workers, and ask again"
            )


def _told(inspector: LogInspector, namespace: bytes) -> tuple[Told, tuple[str, ...]]:
    told, aged_out = Told(), []
    for topic in (CHANGES, ALERTS):
        extents = inspector.extents(topic, range(inspector.facts(topic).partitions))
        if any(extent.start for extent in extents.values()):
            aged_out.append(topic)
        for row in each_once(_rows(inspector, topic, namespace)):
            told.add(row)
    return told, tuple(aged_out)


def _rows(inspector: LogInspector, topic: str, namespace: bytes) -> Iterator[OutboxRow]:
    """What an installation has sent there, in the order of each partition."""
    extents = inspector.extents(topic, range(inspector.facts(topic).partitions))
    for _, each in inspector.iter_between(topic, extents, "read_uncommitted"):
        if dict(each.headers).get("source.namespace") == namespace:
            yield OutboxRow(topic, each.key, each.value, each.headers)
