"""Partitions of a source's topic keep in step by event time: who is ahead waits, who is behind goes on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest

from models.adapters import normalise, sources_from_toml
from models.codec import decode_held
from models.customer import CustomerState
from models.events import LogRecord
from models.policy import policy_from_preset
from streams.in_step import InStep, Span
from streams.loop import Loop
from streams.messages import rfc3339
from streams.normalising import Place, SourceFold, Stand, span_of
from streams.partition import Batch
from streams.partitioner import partition_of
from streams.store import OutboxRow
from tests.streams.lanes import until
from tests.support.story import DAY_MS, noon

SHOP = sources_from_toml('[sources.shop]\nsource = "shopify"\n')["shop"]
PARTITIONS, DAYS, CUSTOMERS = 3, 120, 5


def at(first_day: int, last_day: int) -> Span:
    return Span(noon(first_day), noon(last_day))


async def test_who_is_ahead_waits_until_who_is_behind_has_come_near() -> None:
    step, story = InStep(), list[str]()

    async def ahead() -> None:
        with step.reading(0):
            await step.turn(0, at(20, 21))
            story.append("ahead")

    with step.reading(1):
        await step.turn(1, at(0, 30))  # furthest behind: never waits, whatever it holds
        waiting = asyncio.create_task(ahead())
        for day in (2, 13):
            await asyncio.sleep(0)
            await step.turn(1, at(day, day))
            story.append(f"behind {day}")
        await step.turn(1, at(14, 14))  # within a week
        await until(waiting.done)
    assert story == ["behind 2", "behind 13", "ahead"]


async def test_nobody_waits_for_a_partition_that_has_nothing_in_hand() -> None:
    step = InStep()
    with step.reading(1):
        await step.turn(1, at(0, 0))
    with step.reading(0):
        await step.turn(0, at(300, 300))


async def test_who_is_given_up_is_not_waited_for() -> None:
    step = InStep()

    async def stuck(partition: int, day: int) -> None:
        with step.reading(partition):
            await step.turn(partition, at(day, day))
            await asyncio.Event().wait()

    behind = asyncio.create_task(stuck(1, 0))
    await asyncio.sleep(0)
    ahead = asyncio.create_task(stuck(2, 50))
    await asyncio.sleep(0)
    behind.cancel()
    ahead.cancel()  # while it waits
    await asyncio.gather(behind, ahead, return_exceptions=True)
    with step.reading(0):
        await step.turn(0, at(300, 300))


@pytest.mark.parametrize(("one", "other"), [(at(0, 90), at(0, 90)), (at(0, 90), at(5, 6))])
async def test_somebody_always_goes_on_however_long_the_spans(one: Span, other: Span) -> None:
    step, done = InStep(), list[int]()

    async def goes(partition: int, span: Span) -> None:
        with step.reading(partition):
            await step.turn(partition, span)
            done.append(partition)

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(goes(0, one))
        group.create_task(goes(1, other))
    assert sorted(done) == [0, 1]


class Log:
    """Kafka and the offsets in one: rows go into the log of a loop, slowly or fast."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def send(self, rows: Sequence[OutboxRow]) -> int:
        for each in rows:
            partition = partition_of((each.key or b"").decode(), self._loop.partitions)
            self._loop.append(partition, each.value, dict(each.headers)["kind"].decode())
        return len(rows)

    async def stand(self, topic: str, partition: int) -> Stand:
        return Stand()

    async def move(self, topic: str, partition: int, stand: Stand) -> None:
        await asyncio.sleep(0.0 if partition else 0.01)  # one partition is slower than the others


async def no_gap(_partition: int, _start: int, _end: int) -> bool:
    return False


async def bought(steps: Sequence[InStep]) -> dict[str, int]:
    """Purchases that count, of months of orders that were keyed by order, one partition read slowly."""
    loop = Loop(policy_from_preset("grocery"), 2)
    log = Log(loop)
    topic: list[list[LogRecord]] = [[] for _ in range(PARTITIONS)]
    for number in range(DAYS * CUSTOMERS):
        records = topic[number % PARTITIONS]
        value = order(number, number % CUSTOMERS, noon(0) + number * DAY_MS // CUSTOMERS)
        records.append(LogRecord(0, len(records), 0, None, value, {}))
    async with asyncio.TaskGroup() as group:
        for partition, records in enumerate(topic):
            place = Place("main", "shop", "orders", "", partition)
            fold = SourceFold(place, SHOP, log, log, no_gap, 0, steps[partition])
            group.create_task(fold.handle(Batch(0, len(records), records)))
    await loop.settle()
    held = {id_: decode_held(packed) for id_, packed in (await loop.states()).items()}
    return {id_: purchases(each) for id_, each in held.items()}


async def test_months_of_orders_keyed_by_order_leave_no_purchase_too_late() -> None:
    assert await bought([InStep()] * PARTITIONS) == dict.fromkeys("01234", DAYS)
    out_of_step = await bought([InStep() for _ in range(PARTITIONS)])
    assert max(out_of_step.values()) < DAYS  # so it is the step that does it


def purchases(state: object) -> int:
    assert isinstance(state, CustomerState)
    return state.current.purchases


def order(number: int, customer_id: int, at_ms: int) -> bytes:
    return json.dumps(
        {
            "id": number,
            "created_at": rfc3339(at_ms),
            "currency": "USD",
            "total_price": "10.00",
            "customer": {"id": customer_id},
            "line_items": [],
        }
    ).encode()


def test_what_is_no_event_has_no_span_and_the_others_hold_all_of_theirs() -> None:
    early, late = (order(1, 1, noon(day)) for day in (3, 9))
    outcomes = [each for body in (late, early) for each in normalise("shop", SHOP, body, {})]
    assert span_of(outcomes) == at(3, 9)
    assert span_of(normalise("shop", SHOP, b"nonsense", {})) is None
