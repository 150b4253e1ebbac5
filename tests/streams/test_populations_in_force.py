"""Which population record of the log brings a population into force, and which is passed over."""

from __future__ import annotations

import json

from models.calendar import day_of
from models.events import encode_population_learned
from models.population import Population, decode_population, digest_of, encode_population
from streams.memory_store import MemoryStore
from streams.partition import PartitionFold
from streams.store import Change, Meta
from streams.topics import CHANGES
from tests.streams.drawn import populations
from tests.streams.logbook import (
    CUSTOMERS,
    DAY_MS,
    IDENTITY,
    PARTITION,
    POLICY,
    START_MS,
    Logbook,
    contents,
    fold_of,
    memory,
)

TODAY = day_of(START_MS, POLICY.timezone)


def bought() -> Logbook:
    log = Logbook()
    for customer in CUSTOMERS:
        log.purchase(customer, START_MS)
    return log


def as_of(day: int, version: int = 1) -> Population:
    return populations(0)._replace(version=version, as_of_day=TODAY + day)


async def in_force(log: Logbook) -> tuple[int, int]:
    """The version in force, and how many records were passed over."""
    store = memory()
    fold = fold_of(log, store)
    assert await fold.handle(log.batch()) is None
    meta = (await store.load(PARTITION, ())).meta
    return meta.population, fold.tally["populations_passed_over"]


async def test_the_newer_day_is_in_force_whatever_the_numbers_say() -> None:
    log = bought()
    log.population(as_of(0, version=365))
    log.population(as_of(1, version=2))
    log.population(as_of(0, version=365))
    assert await in_force(log) == (2, 1)


async def test_a_population_that_says_nothing_of_today_is_passed_over() -> None:
    log = bought()
    log.tick(START_MS + 30 * DAY_MS)
    log.population(as_of(7, version=1))
    assert await in_force(log) == (0, 1)
    log.population(as_of(29, version=4))
    assert await in_force(log) == (4, 1)


async def test_a_record_that_names_another_population_than_it_says_is_passed_over() -> None:
    log = bought()
    log.population(as_of(0, version=1))
    digest = digest_of(encode_population(as_of(0, version=1)))
    log.append(encode_population_learned(99, digest), START_MS, "population")
    assert await in_force(log) == (1, 1)


class CountingWrites(MemoryStore):
    """A store that counts its writes."""

    writes = 0

    async def apply(self, partition: int, expected: Meta, change: Change) -> bool:
        self.writes += 1
        return await super().apply(partition, expected, change)


async def test_customers_whom_a_population_leaves_as_they_are_are_not_written() -> None:
    log = bought()
    log.population(as_of(0, version=1))
    log.population(as_of(1, version=2))
    store = CountingWrites(wall_ms=lambda: 0)
    assert await fold_of(log, store).handle(log.batch()) is None
    assert store.writes == 4  # purchases; a walk and its record; a record
    groups = [row for row in (await contents(store)).rows if row.topic == CHANGES]
    assert len(groups) == 2 * len(CUSTOMERS)


async def test_a_population_learned_before_an_upgrade_is_passed_over_when_the_log_is_folded_anew() -> (
    None
):
    log = bought()
    log.population(as_of(0, version=1))
    old = json.dumps({**json.loads(encode_population(as_of(0, version=1))), "schema": 1}).encode()

    async def of_an_older_schema(_digest: str) -> Population:
        return decode_population(old)

    store = memory()
    fold = PartitionFold(
        IDENTITY, POLICY, store, log.records_exist, of_an_older_schema, lambda: b"1"
    )
    assert await fold.handle(log.batch()) is None
    assert fold.tally["populations_passed_over"] == 1
    assert (await store.load(PARTITION, ())).meta.population == 0
