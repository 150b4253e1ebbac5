"""What the passing of time makes an owner write, once a second, and when it holds its hand."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import faust
import pytest
from aiokafka.errors import KafkaConnectionError
from faust.types import TP

from models.barrier import Barrier, encode_barrier
from models.events import LogRecord
from models.policy import Policy, policy_from_preset
from models.sketch import Contribution, Sketch
from streams.chunk import LogIdentity
from streams.lane import Lane
from streams.learning import LearnerFold
from streams.memory_store import MemoryStore
from streams.store import LEARNER, Change, Live, Loaded, Meta, Newest
from streams.timekeeper import Timekeeper
from streams.topics import INPUTS, LOG
from streams.wall import wall_ms
from tests.streams.lanes import FakeFetch, Watched, down, until
from tests.streams.logbook import (
    CUSTOMERS,
    DAY_MS,
    PARTITION,
    POLICY,
    Logbook,
    contents,
    header,
    memory,
    new_nonce,
)

MINUTE_MS = 60_000
HERE, LEARNING = TP(LOG, PARTITION), TP(INPUTS, 0)
MONDAY = 736_330  # the end of an epoch
IMPATIENT = policy_from_preset("grocery", population={"wait_minutes": 30})


class Sent(NamedTuple):
    """A record as the producer was given it."""

    tp: TP
    value: bytes
    headers: dict[str, bytes]


class Kafka:
    """The consumer and the producer of a Faust app, without one."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.unread: set[TP] = set()  # more of them stands in the log
        self.asked: list[tuple[TP, int]] = []
        self.failure: Exception | None = None

    async def has_read_to_end(self, tp: TP, folded_to: int) -> bool:
        self.asked.append((tp, folded_to))
        return tp not in self.unread

    async def send_and_wait(
        self,
        topic: str,
        key: bytes | None,
        value: bytes,
        partition: int,
        timestamp: float | None,
        headers: dict[str, bytes],
    ) -> None:
        assert (key, timestamp) == (None, None)
        if self.failure is not None:
            raise self.failure
        self.sent.append(Sent(TP(topic, partition), value, headers))


class Owner:
    """A worker with its lanes, its store and its timekeeper; Kafka is given by hand."""

    def __init__(self, store: MemoryStore | None = None, policy: Policy = POLICY) -> None:
        self.store = store or memory()
        self.policy = policy
        self.kafka, self.watched, self.log = Kafka(), Watched(), Logbook()
        self.learning: Lane[LearnerFold] = Lane(self.watched._read_again, self.watched._crash)
        self.inputs: list[LogRecord] = []
        self.keeper = Timekeeper(
            cast(faust.App, SimpleNamespace(consumer=self.kafka, producer=self.kafka)),
            self.store,
            policy,
            "main",
            self.watched.lane,
            self.learning,
            self.watched._read_again,
            self.watched._crash,
        )

    async def fold(self) -> None:
        """Open the partition and fold what stands in its log."""
        if PARTITION not in self.watched.lane.partitions:
            self.watched.open(self.log, self.store)
        if self.log.records:
            await self.watched.lane.put(FakeFetch(self.log.records))
        await self.watched.done()

    async def read_back(self) -> None:
        """Whatever was written to the partition stands in its log and is folded."""
        for each in self.kafka.sent:
            assert each.tp == HERE
            self.log.append(each.value, wall_ms(), each.headers["kind"].decode())
        self.kafka.sent.clear()
        await self.fold()

    async def learn(self, *barriers: tuple[int, int, int]) -> None:
        """Barriers come: each of a partition, on a day, at a moment of the wall clock."""
        if not self.learning.partitions:
            identity = LogIdentity("main", "topic-2", 2, 0)
            fold = LearnerFold(identity, self.policy, self.store, nothing_between, new_nonce)
            self.learning.open(0, fold)
        for partition, day, at_ms in barriers:
            value = encode_barrier(Barrier(partition, 2, day, sketched(partition)))
            self._input(value, {"kind": b"barrier", "source.namespace": b"main"}, at_ms)
        await self._learn()

    async def learn_back(self) -> None:
        """Whatever was written to the learner's topic is folded."""
        for each in self.kafka.sent:
            assert each.tp == LEARNING
            self._input(each.value, each.headers, wall_ms())
        self.kafka.sent.clear()
        await self._learn()

    def _input(self, value: bytes, headers: dict[str, bytes], at_ms: int) -> None:
        self.inputs.append(LogRecord(0, len(self.inputs), at_ms, None, value, headers))

    async def _learn(self) -> None:
        await self.learning.put(FakeFetch(self.inputs, 0))
        await until(lambda: self.learning.idle(0))


def sketched(partition: int) -> dict[str, bytes]:
    """The sketch of a partition with one customer."""
    sketch = Sketch()
    once = Contribution(MONDAY - 3, MONDAY - 9, MONDAY - 5, 2, 5_000)
    sketch.renew(CUSTOMERS[partition], None, once)
    return sketch.slots()


async def nothing_between(_partition: int, _start: int, _end: int) -> bool:
    return False


@pytest.fixture
def owner() -> Owner:
    return Owner()


async def somewhere_something_happened(owner: Owner, delay_ms: int = 0) -> None:
    """Another partition has seen an event just now."""
    await owner.store.offer_newest(Newest(wall_ms(), wall_ms() - delay_ms))


async def test_before_the_first_event_of_any_partition_no_tick_is_written_and_nothing_is_missed(
    owner: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    await owner.fold()
    await owner.keeper.keep_time()
    assert owner.kafka.sent == []
    assert caplog.records == []  # a source that never spoke has not fallen silent
    assert await owner.store.live(PARTITION) is None


async def test_an_empty_partition_is_ticked_once_so_that_it_takes_part_in_epochs(
    owner: Owner,
) -> None:
    await owner.fold()
    await somewhere_something_happened(owner, delay_ms=3 * DAY_MS)
    before_ms = wall_ms()
    await owner.keeper.keep_time()
    (tick,) = owner.kafka.sent
    assert (tick.tp, tick.headers) == (HERE, {"kind": b"tick"})
    assert before_ms <= json.loads(tick.value)["at_ms"] + 3 * DAY_MS <= wall_ms()
    await owner.read_back()
    assert (await contents(owner.store)).meta.closed_day > 0
    await owner.keeper.keep_time()
    assert owner.kafka.sent == []


async def test_the_end_of_an_epoch_is_told_to_the_log_although_nobody_is_due(owner: Owner) -> None:
    long_ago_ms = wall_ms() - 8 * DAY_MS
    owner.log.purchase(CUSTOMERS[0], long_ago_ms)
    await owner.fold()
    await somewhere_something_happened(owner)
    before_ms = wall_ms()
    assert (await owner.store.next_due_ms(PARTITION) or 0) > before_ms
    await owner.keeper.keep_time()
    (tick,) = owner.kafka.sent
    assert before_ms <= json.loads(tick.value)["at_ms"] <= wall_ms()
    await owner.read_back()
    (barrier,) = [row for row in (await contents(owner.store)).rows if row.topic == INPUTS]
    assert header(barrier, "kind") == "barrier"
    await owner.keeper.keep_time()
    assert owner.kafka.sent == []


async def test_within_an_epoch_no_tick_is_written_while_nobody_is_due(owner: Owner) -> None:
    owner.log.purchase(CUSTOMERS[0], wall_ms())
    await owner.fold()
    await owner.keeper.keep_time()
    assert owner.kafka.sent == []
    assert owner.kafka.asked == [(HERE, 1)]


async def test_a_deadline_is_told_to_the_log_when_it_has_come(owner: Owner) -> None:
    owner.log.purchase(CUSTOMERS[0], wall_ms() - 20 * DAY_MS)
    owner.log.purchase(CUSTOMERS[1], wall_ms() - 20 * DAY_MS)
    await owner.fold()
    await somewhere_something_happened(owner)
    await owner.keeper.keep_time()
    await owner.read_back()
    flags = {(await contents(owner.store)).state(id_).standing.flags for id_ in CUSTOMERS[:2]}
    assert flags == {("overdue",)}


async def test_nothing_is_told_to_a_partition_that_is_not_read_to_its_end(owner: Owner) -> None:
    owner.log.purchase(CUSTOMERS[0], wall_ms() - 20 * DAY_MS)
    await owner.fold()
    await somewhere_something_happened(owner)
    owner.kafka.unread = {HERE}
    await owner.keeper.keep_time()
    assert owner.kafka.sent == []
    assert await owner.store.live(PARTITION) is None


async def test_read_to_the_end_the_owner_notes_how_late_the_source_is(owner: Owner) -> None:
    now_ms = wall_ms()
    owner.log.purchase(CUSTOMERS[0], now_ms - DAY_MS, appended_ms=now_ms)
    await owner.fold()
    await owner.keeper.keep_time()
    assert await owner.store.live(PARTITION) == Live(DAY_MS)


async def test_a_source_that_has_fallen_silent_makes_time_stand_still_and_says_so_once(
    owner: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    owner.log.purchase(CUSTOMERS[0], wall_ms() - 20 * DAY_MS)
    await owner.fold()
    await owner.keeper.keep_time()
    await owner.keeper.keep_time()
    assert owner.kafka.sent == []
    said = "source_silent: no event in any partition; time stands still"
    assert [each.getMessage() for each in caplog.records] == [said]
    await somewhere_something_happened(owner)
    await owner.keeper.keep_time()
    assert len(owner.kafka.sent) == 1
    assert caplog.records[-1].getMessage() == "source_silent: over"


async def test_a_store_that_has_lost_what_was_folded_is_given_it_again(owner: Owner) -> None:
    owner.log.purchase(CUSTOMERS[0], wall_ms() - 20 * DAY_MS)
    await owner.fold()
    await somewhere_something_happened(owner)
    meta = (await owner.store.load(PARTITION, ())).meta
    assert await owner.store.apply(PARTITION, meta, Change(Meta(), {}, ()))
    await owner.keeper.keep_time()
    assert (owner.watched.read_again, owner.kafka.sent) == (1, [])


class Away(MemoryStore):
    """A store that can't be reached when one partition is asked for."""

    def __init__(self, error: Exception) -> None:
        super().__init__(lambda: 0)
        self.error = error
        self.away = False

    async def load(self, partition: int, *asked: Any) -> Loaded:
        if self.away and partition == PARTITION:
            raise self.error
        return await super().load(partition, *asked)


async def an_owner_of_two_topics(error: Exception) -> Owner:
    """Both have something to write; the store can't be asked about the log's partition."""
    store = Away(error)
    owner = Owner(store, IMPATIENT)
    await owner.fold()
    await somewhere_something_happened(owner)
    await owner.learn((0, MONDAY, 0), (1, MONDAY, 0), (0, MONDAY + 7, 1))
    store.away = True
    await owner.keeper.keep_time()
    return owner


async def test_while_the_store_is_away_time_stands_still_there_and_goes_on_elsewhere() -> None:
    owner = await an_owner_of_two_topics(down())
    assert [each.tp for each in owner.kafka.sent] == [LEARNING]
    assert owner.watched.crashes == []


async def test_an_error_that_waiting_cannot_mend_ends_the_worker() -> None:
    broken = ValueError("a meta of another planet")
    owner = await an_owner_of_two_topics(broken)
    assert owner.watched.crashes == [broken]


async def test_while_kafka_is_away_nothing_is_lost_but_time(owner: Owner) -> None:
    await owner.fold()
    await somewhere_something_happened(owner)
    owner.kafka.failure = KafkaConnectionError("no broker")
    await owner.keeper.keep_time()
    owner.kafka.failure = None
    await owner.keeper.keep_time()
    assert [each.tp for each in owner.kafka.sent] == [HERE]
    assert owner.watched.crashes == []


async def waiting(minutes: int) -> Owner:
    """For so long one partition has waited for the other at the end of an epoch."""
    owner = Owner(policy=IMPATIENT)
    now_ms = wall_ms()
    early_ms = now_ms - 500 * MINUTE_MS
    late = (0, MONDAY + 7, now_ms - minutes * MINUTE_MS)
    await owner.learn((0, MONDAY, early_ms), (1, MONDAY, early_ms), late)
    return owner


async def test_a_partition_is_waited_for_as_long_as_the_policy_says() -> None:
    owner = await waiting(minutes=29)
    await owner.keeper.keep_time()
    assert owner.kafka.sent == []
    assert owner.kafka.asked == [(LEARNING, 3)]


async def test_after_that_the_owner_of_the_learner_writes_that_it_is_given_up() -> None:
    owner = await waiting(minutes=31)
    await owner.keeper.keep_time()
    (given_up,) = owner.kafka.sent
    assert given_up.tp == LEARNING
    assert given_up.headers == {"kind": b"give_up", "source.namespace": b"main"}
    assert json.loads(given_up.value) == {"as_of_day": MONDAY + 7}
    await owner.learn_back()
    assert (await owner.store.load(LEARNER, ())).meta.population == 2
    await owner.keeper.keep_time()
    assert owner.kafka.sent == []


async def test_nobody_is_given_up_before_the_learners_topic_is_read_to_its_end() -> None:
    owner = await waiting(minutes=31)
    owner.kafka.unread = {LEARNING}
    await owner.keeper.keep_time()
    assert owner.kafka.sent == []


async def test_nobody_is_given_up_when_nobody_is_waited_for() -> None:
    owner = Owner(policy=IMPATIENT)
    await owner.learn((0, MONDAY, 0), (1, MONDAY, 0))
    await owner.keeper.keep_time()
    assert owner.kafka.sent == []


async def test_a_partition_that_has_never_come_is_not_given_up_however_long_it_takes() -> None:
    owner = Owner(policy=IMPATIENT)
    await owner.learn((0, MONDAY, 0), (0, MONDAY + 7, 1))
    await owner.keeper.keep_time()
    assert owner.kafka.sent == []


async def test_a_learner_whose_store_has_lost_what_was_folded_is_given_it_again() -> None:
    owner = await waiting(minutes=31)
    meta = (await owner.store.load(LEARNER, ())).meta
    assert await owner.store.apply(LEARNER, meta, Change(Meta(), {}, ()))
    await owner.keeper.keep_time()
    assert (owner.watched.read_again, owner.kafka.sent) == (1, [])
