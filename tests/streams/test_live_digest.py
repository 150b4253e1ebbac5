"""The digest of what serves: held against what was folded, and refused while anything moves."""

from __future__ import annotations

import asyncio

import pytest

from streams.digest import differences
from streams.live_digest import OfLive, StillMoving, of_live
from streams.log import Record
from streams.loop import Loop
from streams.memory_store import MemoryStore
from streams.partition import Batch
from streams.store import OutboxRow
from streams.topics import ALERTS, CHANGES
from tests.streams.fake_broker import FakeBroker
from tests.streams.recorded_town import KEYED, POLICY, digest_of, history, town


def stood(rows: list[OutboxRow], first: int = 0) -> list[Record]:
    return [
        Record(first + place, 0, row.key, row.value, row.headers) for place, row in enumerate(rows)
    ]


def broker(effects: list[OutboxRow], first: int = 0) -> FakeBroker:
    """With the output topics as a relay left them that died once, and sent some rows again."""
    changes = [each for each in effects if each.topic == CHANGES]
    alerts = [each for each in effects if each.topic == ALERTS]
    twice = [*changes[:40], *changes[20:]]
    others = OutboxRow(CHANGES, b"x", b"", [("source.namespace", b"another"), ("ce_id", b"x")])
    return FakeBroker({CHANGES: [stood([others, *twice], first)], ALERTS: [stood(alerts)]})


def asked(loop: Loop, inspector: FakeBroker) -> OfLive:
    async def answer() -> OfLive:
        await loop.store.set_partitions(loop.partitions)
        return await of_live(loop.store, inspector, "loop")

    return asyncio.run(answer())


def test_what_serves_has_the_digest_of_what_was_folded() -> None:
    loop = town()
    found = asked(loop, broker(loop.effects))
    assert differences(found.digest, digest_of(loop)) == []
    assert found.offsets == tuple(map(len, loop.log))
    assert found.aged_out == ()


def test_topics_that_have_lost_their_beginning_are_named() -> None:
    loop = town()
    assert asked(loop, broker(loop.effects, first=7)).aged_out == (CHANGES,)


def test_effects_that_wait_to_be_sent_are_no_rest() -> None:
    store = MemoryStore(lambda: 0)
    loop = Loop(POLICY, 1, store, pseudonyms=KEYED, keeps_log=True)
    for each in history()[:3]:
        loop.append(0, each.value, each.kind)
    asyncio.run(_folded(loop))
    with pytest.raises(StillMoving, match=r"partition 0: \d effects wait to be sent; stop"):
        asked(loop, broker([]))


async def _folded(loop: Loop) -> None:
    """Without a relay."""
    assert await loop.folds[0].handle(Batch(0, 3, loop.log[0])) is None


def test_states_that_are_being_written_are_no_rest() -> None:
    loop = Loop(POLICY, 1, pseudonyms=KEYED)

    class Busy(FakeBroker):
        def facts(self, topic: str):  # type: ignore[no-untyped-def]
            asyncio.run(self._go_on())
            return super().facts(topic)

        async def _go_on(self) -> None:
            await loop.tick(1_704_110_400_000)

    with pytest.raises(StillMoving, match="states are being written"):
        asked(loop, Busy({CHANGES: [[]], ALERTS: [[]]}))
