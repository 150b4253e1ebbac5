"""The customers that a bench begins with: as if the worker had folded them itself."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import pytest

from bench.peer_quix import fold
from bench.purchases import PARTITIONS
from bench.throughput_rounds import database
from bench.timers import DAYS, crowd
from bench.town import LEAN, Town, begin_at, full, lived, settle, to_come
from models.calendar import day_of
from models.codec import decode_held
from models.customer import CustomerState
from models.events import LogRecord, Read, read_record
from models.policy import policy_from_toml
from models.sketch import from_slots
from streams.chunk import LogIdentity
from streams.log import TopicFacts
from streams.loop import no_records
from streams.memory_store import MemoryStore
from streams.partition import NO_NONCE, Batch, PartitionFold
from streams.partitioner import partition_of
from streams.store import all_states, new_nonce
from streams.topics import LOG

FOLDED, CUSTOMERS = 120, 200
FACTS = TopicFacts("a-topic", PARTITIONS)


@pytest.fixture(scope="module")
def town() -> Town:
    return lived(LEAN, customers=FOLDED, days=DAYS)


def settled(town: Town) -> MemoryStore:
    store = MemoryStore(lambda: 0)
    asyncio.run(settle(store, town, town.customers(CUSTOMERS), FACTS))
    return store


def test_everybody_stands_in_their_partition_with_a_past_of_somebody_who_was_folded(
    town: Town,
) -> None:
    store = settled(town)
    for partition in range(PARTITIONS):
        states = asyncio.run(all_states(store, partition))
        assert all(partition_of(each, PARTITIONS) == partition for each in states)
    pasts = Counter(state.current.purchase_days for _, state in town.customers(CUSTOMERS))
    assert pasts == Counter(
        held.current.purchase_days
        for partition in range(PARTITIONS)
        for packed in asyncio.run(all_states(store, partition)).values()
        if isinstance(held := decode_held(packed), CustomerState)
    )


def test_the_sketches_count_everybody_who_has_bought_and_the_population_is_in_force(
    town: Town,
) -> None:
    store = settled(town)
    wholes = [asyncio.run(store.load(each, (), NO_NONCE)).whole for each in range(PARTITIONS)]
    counts = [from_slots(each.sketch).counts for each in wholes if each is not None]
    bought = sum(state.contribution is not None for _, state in town.customers(CUSTOMERS))
    assert sum(each["n"] for each in counts) == bought
    assert all(each is not None and each.population for each in wholes)


def test_a_worker_goes_on_from_there(town: Town) -> None:
    store = settled(town)
    asyncio.run(begin_at(store, dict.fromkeys(range(PARTITIONS), 7), FACTS))
    mine = [each for each in to_come(CUSTOMERS, 60, DAYS) if partition_of(each.customer_id, 4) == 0]
    header = {"kind": b"purchase"}
    records = [
        LogRecord(0, 7 + n, each.occurred_at_ms, each.customer_id.encode(), each.value, header)
        for n, each in enumerate(mine)
    ]
    identity = LogIdentity("bench", FACTS.topic_id, PARTITIONS, 0)
    fold_ = PartitionFold(identity, town.policy, store, no_records, no_bodies, new_nonce)
    assert asyncio.run(fold_.handle(Batch(7, 7 + len(records), records))) is None
    assert fold_.tally["events"] == len(records)


async def no_bodies(_digest: str):  # type: ignore[no-untyped-def]
    raise LookupError


def test_purchases_to_come_are_events_of_one_day_a_tenth_of_a_second_apart(town: Town) -> None:
    purchases = to_come(CUSTOMERS, 100)
    read = [
        read_record(
            LogRecord(0, n, each.occurred_at_ms, None, each.value, {"kind": b"purchase"}), LOG
        )
        for n, each in enumerate(purchases)
    ]
    assert all(isinstance(each, Read) for each in read)
    assert len({json.loads(each.value)["event_id"] for each in purchases}) == 100
    assert purchases[1].occurred_at_ms - purchases[0].occurred_at_ms == 100
    assert len({day_of(each.occurred_at_ms, town.policy.timezone) for each in purchases}) == 1


def test_all_on_means_thirty_rules_and_lean_none() -> None:
    assert len(policy_from_toml(full()).segments) == 30
    assert not policy_from_toml(LEAN).segments


def test_the_crowd_of_a_midnight_has_its_deadline_then_and_nobody_else_has_an_earlier_one(
    town: Town,
) -> None:
    who = crowd(town)
    customers = dict(who.customers(due=5, pending=20))
    due = [state.next_deadline_ms for name, state in customers.items() if name.startswith("due")]
    assert due == [who.midnight_ms] * 5
    assert len(customers) == 20
    assert all(
        (state.next_deadline_ms or 0) > who.midnight_ms
        for name, state in customers.items()
        if not name.startswith("due")
    )


def test_a_database_is_another_one_of_the_same_redis() -> None:
    assert database("redis://127.0.0.1:7000/0", 12) == "redis://127.0.0.1:7000/12"


class Held:
    def __init__(self) -> None:
        self.held: dict[str, object] = {}

    def get(self, name: str, default: object) -> object:
        return self.held.get(name, default)

    def set(self, name: str, value: object) -> None:
        self.held[name] = value


def test_the_peer_adds_up_what_a_customer_bought() -> None:
    state = Held()
    fold({"amount_minor": 50, "occurred_at": "2024-01-01"}, state)
    sums = fold({"amount_minor": 50, "occurred_at": "2024-01-02"}, state)
    assert sums == {"count": 2, "spend_minor": 100, "last_at": "2024-01-02"}
