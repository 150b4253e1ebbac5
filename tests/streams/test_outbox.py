"""The relay: effects leave in order, nothing is lost, and what was not acknowledged goes again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest

from streams.memory_store import MemoryStore
from streams.metrics import RelayMeter
from streams.outbox import (
    IDLE_PAUSE_S,
    TROUBLE_PAUSE_S,
    Moved,
    _pause_s,
    relay,
    relay_all,
    relay_once,
)
from streams.store import Change, OutboxRow, StoreUnavailable
from streams.topics import CHANGES, DEAD_LETTERS, LOG
from tests.streams.lanes import until
from tests.streams.logbook import ASTRAY, CUSTOMERS, PARTITION, START_MS, Logbook, fold_of

PARTITIONS = 2


def row(name: str, topic: str = CHANGES) -> OutboxRow:
    return OutboxRow(topic, b"c1", name.encode(), [("ce_id", name.encode())])


ABCDE = [row(name) for name in "abcde"]


class FakeSender:
    """Notes what it is given; each answer says how many of them were acknowledged.

    Args:
        answers: for the first calls; after them all is acknowledged.
    """

    def __init__(self, *answers: int) -> None:
        self.calls: list[list[OutboxRow]] = []
        self._answers = list(answers)

    def send(self, rows: Sequence[OutboxRow]) -> int:
        self.calls.append(list(rows))
        return self._answers.pop(0) if self._answers else len(rows)


class Outbox(MemoryStore):
    """A store that is unavailable at first, and says stop when nothing waits any more."""

    def __init__(self, *errors: StoreUnavailable) -> None:
        super().__init__(wall_ms=lambda: 0)
        self.errors = list(errors)
        self.asked: list[int] = []
        self.stop = asyncio.Event()

    async def fill(self, partition: int, rows: Sequence[OutboxRow]) -> None:
        meta = (await self.load(partition, ())).meta
        written = meta._replace(offset=meta.offset + 1, nonce=b"n%d" % meta.offset)
        assert await self.apply(partition, meta, Change(written, {}, rows))

    async def outbox(self, partition: int, count: int) -> list[tuple[bytes, OutboxRow]]:
        if self.errors:
            raise self.errors.pop(0)
        self.asked.append(partition)
        found = await super().outbox(partition, count)
        waiting = [await super(Outbox, self).outbox(each, 1) for each in range(PARTITIONS)]
        if not any(waiting):
            self.stop.set()
        return found

    async def waiting(self, partition: int = 0) -> list[OutboxRow]:
        return [each for _, each in await super().outbox(partition, 1_000)]


@pytest.fixture
def store() -> Outbox:
    return Outbox()


async def test_rows_leave_oldest_first_and_are_gone_from_the_store(store: Outbox) -> None:
    await store.fill(0, ABCDE)
    sender = FakeSender()
    assert (await relay_once(store, 0, sender)).sent == {CHANGES: 5}
    assert sender.calls == [ABCDE]
    assert await store.waiting() == []


async def test_an_empty_outbox_is_not_sent(store: Outbox) -> None:
    sender = FakeSender()
    assert (await relay_once(store, 0, sender)).sent == {}
    assert sender.calls == []


async def test_of_rows_sent_half_way_the_first_not_acknowledged_and_all_behind_it_stay(
    store: Outbox,
) -> None:
    await store.fill(0, ABCDE)
    sender = FakeSender(2)
    assert (await relay_once(store, 0, sender)).sent == {CHANGES: 2}
    assert await store.waiting() == ABCDE[2:]
    assert (await relay_once(store, 0, sender)).sent == {CHANGES: 3}
    assert sender.calls == [ABCDE, ABCDE[2:]]
    assert await store.waiting() == []


async def test_rows_of_which_none_was_acknowledged_all_stay(store: Outbox) -> None:
    await store.fill(0, ABCDE)
    assert (await relay_once(store, 0, FakeSender(0))).sent == {}
    assert await store.waiting() == ABCDE


async def test_rows_written_while_others_are_sent_wait_for_their_turn(store: Outbox) -> None:
    await store.fill(0, ABCDE[:2])
    late = ABCDE[2:]

    class Meanwhile(FakeSender):
        def send(self, rows: Sequence[OutboxRow]) -> int:
            asyncio.run_coroutine_threadsafe(store.fill(0, late), loop).result(10)
            return super().send(rows)

    loop = asyncio.get_running_loop()
    assert (await relay_once(store, 0, Meanwhile())).sent == {CHANGES: 2}
    assert await store.waiting() == late


async def test_a_relay_that_dies_before_it_deletes_sends_again_and_loses_nothing() -> None:
    class DiesOnce(Outbox):
        dead = False

        async def outbox_delete(self, partition: int, row_ids: Sequence[bytes]) -> None:
            if self.dead:
                await super().outbox_delete(partition, row_ids)
                return
            self.dead = True
            raise StoreUnavailable("gone between sending and deleting")

    store, sender = DiesOnce(), FakeSender()
    await store.fill(0, ABCDE)
    with pytest.raises(StoreUnavailable):
        await relay_once(store, 0, sender)
    assert await store.waiting() == ABCDE
    await relay_once(store, 0, sender)
    assert sender.calls == [ABCDE, ABCDE]
    assert await store.waiting() == []


async def test_every_partition_is_relayed_until_the_relay_is_stopped(store: Outbox) -> None:
    await store.fill(0, ABCDE[:3])
    await store.fill(1, ABCDE[3:])
    sender = FakeSender()
    assert await relay(store, range(PARTITIONS), sender, store.stop) == {CHANGES: 5}
    assert sender.calls == [ABCDE[:3], ABCDE[3:]]


async def test_only_the_places_it_is_given_are_relayed(store: Outbox) -> None:
    await store.fill(0, ABCDE[:3])
    await store.fill(1, ABCDE[3:])
    sender = StopsAtOnce(store)
    assert await relay(store, [1], sender, store.stop) == {CHANGES: 2}
    assert await store.waiting() == ABCDE[:3]


class StopsAtOnce(FakeSender):
    """Says stop at its first call, so that the round under way is the last."""

    def __init__(self, store: Outbox, *answers: int) -> None:
        super().__init__(*answers)
        self._stop = store.stop

    def send(self, rows: Sequence[OutboxRow]) -> int:
        self._stop.set()
        return super().send(rows)


@pytest.mark.parametrize("acknowledged", [5, 0], ids=["all is sent", "nothing can be sent"])
async def test_every_outbox_is_asked_once_a_round(store: Outbox, acknowledged: int) -> None:
    await store.fill(0, ABCDE)
    await relay(store, range(PARTITIONS), StopsAtOnce(store, acknowledged), store.stop)
    assert store.asked == [0, 1]


async def test_one_look_tells_how_many_wait_and_what_was_sent_of_them(store: Outbox) -> None:
    await store.fill(0, ABCDE)
    assert await relay_once(store, 0, FakeSender(0)) == Moved(5, Counter())
    assert await relay_once(store, 0, FakeSender(2)) == Moved(5, Counter({CHANGES: 2}))
    assert await relay_once(store, 1, FakeSender()) == Moved(0, Counter())


@pytest.mark.parametrize(
    ("moved", "pause_s"),
    [
        ([Moved(0, Counter()), Moved(0, Counter())], IDLE_PAUSE_S),
        ([Moved(5, Counter()), Moved(0, Counter())], TROUBLE_PAUSE_S),
        ([Moved(5, Counter()), Moved(1, Counter({CHANGES: 1}))], 0.0),
    ],
    ids=["idle", "stuck", "moving"],
)
def test_the_relay_rests_briefly_when_idle_and_long_when_stuck(
    moved: Sequence[Moved], pause_s: float
) -> None:
    assert _pause_s(moved) == pause_s


async def test_a_relay_told_to_stop_before_it_began_sends_nothing(store: Outbox) -> None:
    await store.fill(0, ABCDE)
    store.stop.set()
    sender = FakeSender()
    assert await relay(store, range(PARTITIONS), sender, store.stop) == {}
    assert (sender.calls, await store.waiting()) == ([], ABCDE)


async def test_the_relay_outlives_a_store_that_is_away() -> None:
    store = Outbox(StoreUnavailable("Redis: connection refused"))
    await store.fill(0, ABCDE)
    sender = FakeSender()
    assert await relay(store, range(PARTITIONS), sender, store.stop) == {CHANGES: 5}
    assert sender.calls == [ABCDE]


async def test_a_relay_that_waits_for_the_store_stops_when_it_is_told() -> None:
    store = Outbox(*[StoreUnavailable("down for good")] * 100)
    stop = asyncio.Event()
    task = asyncio.create_task(relay(store, range(PARTITIONS), FakeSender(), stop))
    await until(lambda: len(store.errors) < 100)
    stop.set()
    async with asyncio.timeout(5):
        assert await task == {}


async def test_a_sender_that_keeps_failing_half_way_sends_each_row_at_last_and_in_order(
    store: Outbox,
) -> None:
    await store.fill(0, ABCDE)
    sender = FakeSender(1, 0, 2, 0, 0, 1)
    assert await relay(store, range(PARTITIONS), sender, store.stop) == {CHANGES: 5}
    assert [call[0] for call in sender.calls] == [ABCDE[n] for n in (0, 1, 1, 3, 3, 3, 4)]


async def measured(store: Outbox, sender: FakeSender) -> RelayMeter:
    """What is told of a relay that stops when nothing waits any more."""
    meter = RelayMeter()

    async def both() -> list[tuple[Outbox, int]]:
        return [(store, place) for place in range(PARTITIONS)]

    await relay_all(both, sender, store.stop, meter)
    return meter


async def test_rounds_that_found_rows_are_timed_and_waiting_is_told_by_its_cause() -> None:
    store = Outbox(StoreUnavailable("Redis: connection refused"))
    await store.fill(0, ABCDE)
    meter = await measured(store, FakeSender(0, 2))
    ask = meter.registry.get_sample_value
    waits = [ask("segmenter_relay_waits_total", {"cause": each}) for each in ("redis", "kafka")]
    assert waits == [1, 1]
    assert ask("segmenter_relay_round_seconds_count") == 3
    assert (ask("segmenter_relay_round_timestamp_seconds") or 0) > 1_700_000_000


async def test_what_was_found_in_the_last_round_is_told(store: Outbox) -> None:
    await store.fill(0, ABCDE)
    await store.fill(1, ABCDE[:2])
    meter = await measured(store, StopsAtOnce(store))
    assert meter.registry.get_sample_value("segmenter_relay_waiting_rows") == 7


async def test_what_became_of_a_log_leaves_for_three_topics() -> None:
    log, store = Logbook(), Outbox()
    log.purchase(CUSTOMERS[0], START_MS)
    log.append(b"\xff", START_MS, key="c1")
    log.purchase(ASTRAY, START_MS)
    assert await fold_of(log, store).handle(log.batch()) is None
    sender = FakeSender()
    moved = await relay_once(store, PARTITION, sender)
    assert moved.sent == {CHANGES: 1, DEAD_LETTERS: 1, LOG: 1}
    (sent,) = sender.calls
    assert [(each.topic, each.key) for each in sent] == [
        (CHANGES, CUSTOMERS[0].encode()),
        (DEAD_LETTERS, b"c1"),
        (LOG, ASTRAY.encode()),
    ]
