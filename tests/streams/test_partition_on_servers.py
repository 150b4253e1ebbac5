"""A partition folded into a real server holds what one folded in memory holds."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from itertools import groupby

import redis.asyncio as aioredis
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.redis_store import RedisStore
from streams.store import OutboxRow, Store
from tests.streams.drawn import Crash, crashing, cuts, logs, populations
from tests.streams.logbook import (
    DAY_MS,
    PARTITION,
    START_MS,
    Contents,
    Logbook,
    contents,
    customers_in,
    cut,
    fold_of,
    header,
    memory,
    reference,
    told,
)

CROWD = customers_in(PARTITION, 1_100)


def one_way_round(found: Contents, log: Logbook) -> Contents:
    """With the effects of each population in an order of their own.

    In which order its walk meets customers is the store's affair.
    """
    walks = {str(each.offset) for each in log.records if each.headers.get("kind") == b"population"}

    def of_a_walk(row: OutboxRow) -> str | None:
        offset = header(row, "source.offset")
        return offset if offset in walks else None

    rows: list[OutboxRow] = []
    for walk, together in groupby(found.rows, of_a_walk):
        found_together = list(together)
        rows += found_together if walk is None else sorted(found_together, key=repr)
    return found._replace(rows=rows)


@settings(max_examples=60, deadline=None)
@given(log=logs, lengths=cuts, plan=st.dictionaries(st.integers(0, 40), st.booleans(), max_size=4))
def test_a_log_gives_the_same_store_on_a_server_and_in_memory(
    runner: asyncio.Runner,
    client: aioredis.Redis,
    log: Logbook,
    lengths: list[tuple[int, int]],
    plan: dict[int, bool],
) -> None:
    async def compare() -> None:
        server, here = RedisStore(client, secrets.token_hex(8)), memory()
        await _fold_whatever_crashes(log, crashing(server, plan), lengths)
        assert await fold_of(log, here).handle(log.batch()) is None
        found, expected = await contents(server), await contents(here)
        assert one_way_round(found, log) == one_way_round(expected, log)

    runner.run(compare())


async def _fold_whatever_crashes(
    log: Logbook, doomed: Store, lengths: list[tuple[int, int]]
) -> None:
    for batch in cut(log, lengths):
        while True:
            try:
                assert await fold_of(log, doomed).handle(batch) is None
            except Crash:
                continue
            break


def test_a_crowd_that_falls_silent_is_walked_on_a_server(
    runner: asyncio.Runner, client: aioredis.Redis
) -> None:
    log = Logbook()
    for customer_id in CROWD:
        log.purchase(customer_id, START_MS)
    log.tick(START_MS + 70 * DAY_MS)
    log.event("erasure", CROWD[0], START_MS + 71 * DAY_MS)

    async def walk() -> None:
        server = RedisStore(client, secrets.token_hex(8))
        assert await fold_of(log, server).handle(log.batch()) is None
        found, expected = await contents(server, CROWD), reference(log)
        assert found.states == expected.states
        assert Counter(map(told, found.rows)) == Counter(expected.told)
        assert found.sizes == [0, 0, 0, 0, len(CROWD) - 1]
        assert found.history[CROWD[0]] == []

    runner.run(walk())


def test_a_crowd_is_measured_against_each_new_population_on_a_server(
    runner: asyncio.Runner, client: aioredis.Redis
) -> None:
    log = Logbook()
    for number, customer_id in enumerate(CROWD):
        log.purchase(customer_id, START_MS, amount_minor=10 * number)
    log.tick(START_MS + 7 * DAY_MS)
    silences = populations(3).recency._replace(quintiles=(7, 8, 9, 10))
    log.population(populations(0))
    log.population(populations(3)._replace(recency=silences))
    log.population(populations(2))  # older than the one in force
    log.tick(START_MS + 70 * DAY_MS)

    async def walk() -> None:
        server = RedisStore(client, secrets.token_hex(8))
        assert await fold_of(log, server).handle(log.batch()) is None
        found, expected = await contents(server, CROWD), reference(log)
        assert found.states == expected.states
        assert found.whole.sketch == expected.sketch.slots()
        assert found.meta.population == 4
        assert Counter(map(told, found.rows)) == Counter(expected.told)
        brought = Counter(header(row, "source.offset") for row in found.changes)
        walks = [brought[str(len(CROWD) + number)] for number in (1, 2, 3)]
        each = len(CROWD)  # first an RFM group; then another, a cluster, a tier and a risk band
        assert walks == [each, 4 * each, 0]

    runner.run(walk())
