"""Where reading begins, while a rebalance gives and takes partitions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import IllegalStateError
from aiokafka.record.default_records import DefaultRecordBatch
from faust.types import TP
from redis.utils import HIREDIS_AVAILABLE

from streams.topics import DEAD_LETTERS, INPUTS, LOG
from streams.transport import Consumer

HELD_AT = 100  # where reading of partition 0 begins


class Held(Consumer):
    """A consumer without Faust and Kafka: it holds what a test says and notes its seeks."""

    def __init__(self, *partitions: int) -> None:
        self.held = {TP(LOG, each) for each in partitions}
        self.sought: list[tuple[int, int]] = []
        self.asked: list[list[int]] = []
        self.refusals: list[BaseException] = []
        self.meanwhile: list[Iterable[int]] = []  # of the log, held after each question
        self._fetched_to, self._sought = {}, set()
        self._seeking = asyncio.Lock()
        self.transport: Any = SimpleNamespace(
            topics=frozenset({LOG, INPUTS}), resume_at=self._resume_at, refused=self._refused
        )

    async def _resume_at(self, assigned: list[TP]) -> dict[TP, int]:
        self.asked.append([tp.partition for tp in assigned])
        await asyncio.sleep(0.01)
        if self.meanwhile:
            self.held = {TP(LOG, each) for each in self.meanwhile.pop(0)}
        return {tp: HELD_AT + tp.partition for tp in assigned}

    async def _refused(self, error: BaseException) -> None:
        self.refusals.append(error)

    def assignment(self) -> set[TP]:
        return self.held

    async def seek(self, partition: Any, offset: int) -> None:
        if partition not in self.held:
            raise IllegalStateError(f"No current assignment for partition {partition}")
        self.sought.append((partition.partition, offset))

    def highwater(self, tp: TP) -> int:
        assert tp in self.held, "Partition is not assigned"
        return 7

    async def position(self, tp: TP) -> int | None:
        if tp not in self.held:
            raise IllegalStateError(f"Partition {tp} is not assigned")
        return 7


async def test_a_partition_taken_away_while_the_store_is_asked_is_left_alone() -> None:
    consumer = Held(0, 1, 2, 3)
    consumer.meanwhile = [{0, 1}]
    await consumer.perform_seek()
    assert consumer.asked == [[0, 1, 2, 3], [0, 1]]  # the second closes the lanes of 2 and 3
    assert consumer.sought[-2:] == [(0, 100), (1, 101)]
    assert consumer.refusals == []


async def test_a_partition_given_while_the_store_is_asked_is_sought_too() -> None:
    consumer = Held(0)
    consumer.meanwhile = [{0, 1}]
    await consumer.perform_seek()
    assert consumer.sought[-2:] == [(0, 100), (1, 101)]


async def test_all_taken_away_while_the_store_is_asked_closes_every_lane() -> None:
    consumer = Held(0, 1)
    consumer.meanwhile = [()]
    await consumer.perform_seek()
    assert consumer.asked[-1] == []


async def test_every_topic_whose_offsets_the_store_keeps_is_sought_and_no_other() -> None:
    consumer = Held()
    consumer.held = {TP(LOG, 1), TP(INPUTS, 0), TP(DEAD_LETTERS, 2)}
    await consumer.perform_seek()
    assert consumer._fetched_to == {TP(LOG, 1): HELD_AT + 1, TP(INPUTS, 0): HELD_AT}
    assert consumer.sought == [(1, HELD_AT + 1), (0, HELD_AT)]


async def test_partitions_of_the_same_number_are_read_to_their_ends_each_by_itself() -> None:
    consumer = Held()
    consumer.held = {TP(LOG, 0), TP(INPUTS, 0)}
    await consumer.perform_seek()
    consumer._fetched_to[TP(INPUTS, 0)] = HELD_AT + 5
    assert await consumer.has_read_to_end(TP(LOG, 0), HELD_AT)
    assert not await consumer.has_read_to_end(TP(INPUTS, 0), HELD_AT)


async def test_two_seeks_at_once_come_one_after_the_other() -> None:
    consumer = Held(0, 1, 2, 3)
    consumer.meanwhile = [{0}]
    await asyncio.gather(consumer.perform_seek(), consumer.perform_seek())
    assert consumer.asked == [[0, 1, 2, 3], [0], [0]]


async def test_a_partition_that_is_held_no_more_is_not_read_to_its_end() -> None:
    consumer = Held(0)
    await consumer.perform_seek()
    assert await consumer.has_read_to_end(TP(LOG, 0), HELD_AT)
    assert not await consumer.has_read_to_end(TP(LOG, 1), HELD_AT)


async def test_a_fetch_still_on_its_way_is_not_read_to_its_end() -> None:
    consumer = Held(0)
    await consumer.perform_seek()
    consumer._fetched_to[TP(LOG, 0)] = HELD_AT + 5
    assert not await consumer.has_read_to_end(TP(LOG, 0), HELD_AT)
    assert await consumer.has_read_to_end(TP(LOG, 0), HELD_AT + 5)


def test_records_are_parsed_and_answers_of_redis_read_in_c() -> None:
    assert DefaultRecordBatch.__module__ == "aiokafka.record._crecords.default_records"
    assert HIREDIS_AVAILABLE


class Stands(Held):
    """One whose reading stands somewhere, or which does not say where."""

    def __init__(self, position: int | None, end: int | None) -> None:
        super().__init__(0)
        self.stands, self.end = position, end

    def highwater(self, tp: TP) -> Any:
        super().highwater(tp)
        return self.end

    async def position(self, tp: TP) -> int | None:
        await super().position(tp)
        if self.stands is None:
            raise TimeoutError
        return self.stands


@pytest.mark.parametrize(
    ("fetched_to", "position", "end", "lag"),
    [
        (107, 107, 107, 0),
        (107, 109, 109, 0),  # two markers behind the last record
        (107, 107, 112, 5),
        (110, 110, 112, 5),  # three are fetched and not folded
        (107, None, 112, 5),
        (107, 110, 109, 0),  # what is known of the end is of the fetch before
        (107, 107, None, None),
    ],
    ids=["all", "markers", "unread", "on its way", "no answer", "stale", "end unknown"],
)
async def test_lag_is_what_is_not_in_the_store_and_never_below_nothing(
    fetched_to: int, position: int | None, end: int | None, lag: int | None
) -> None:
    consumer = Stands(position, end)
    consumer._fetched_to[TP(LOG, 0)] = fetched_to
    assert await consumer.lag(TP(LOG, 0), 107) == lag


async def test_the_lag_of_a_partition_that_is_held_no_more_is_not_known() -> None:
    assert await Stands(7, 7).lag(TP(LOG, 1), 7) is None


class Waits(Held):
    """Faust waits until nothing is unacknowledged; `order` is what happens meanwhile."""

    should_stop = False

    def __init__(self, *, stopping: bool) -> None:
        super().__init__(0)
        self.order: list[str] = []
        self._unacked_messages: Any = {"a fetch"}
        self.diag: Any = SimpleNamespace(set_flag=str, unset_flag=str)
        self.log: Any = SimpleNamespace(dev=lambda *_: None)
        self.app: Any = SimpleNamespace(should_stop=stopping)
        self.transport.let_go = self._let_go

    def _let_go(self) -> None:
        self.order.append("let go")
        self._unacked_messages.clear()

    async def commit(self, *_: Any, **__: Any) -> bool:
        return True

    async def commit_and_end_transactions(self) -> None:
        self.order.append("done")

    async def _wait_for_ack(self, timeout: float) -> None:  # noqa: ASYNC109 - Faust's signature
        self.order.append("waited")
        self._unacked_messages.clear()


async def test_before_partitions_change_hands_what_was_handed_over_is_let_go_of_not_waited_for() -> (
    None
):
    consumer = Waits(stopping=False)
    await consumer.wait_empty()
    assert consumer.order == ["let go", "done"]


async def test_a_worker_that_stops_finishes_what_it_has_in_hand() -> None:
    consumer = Waits(stopping=True)
    await consumer.wait_empty()
    assert consumer.order == ["waited", "done"]
