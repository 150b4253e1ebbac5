"""A partition folded into a real server holds what one folded in memory holds."""

from __future__ import annotations

import asyncio
import secrets

import redis.asyncio as aioredis
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.redis_store import RedisStore
from streams.store import Store
from tests.streams.drawn import Crash, crashing, cuts, logs
from tests.streams.logbook import (
    DAY_MS,
    PARTITION,
    START_MS,
    Logbook,
    contents,
    customers_in,
    cut,
    fold_of,
    memory,
    reference,
    told,
)

CROWD = customers_in(PARTITION, 1_100)


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
        assert await contents(server) == await contents(here)

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
        assert [told(row) for row in found.rows] == expected.told
        assert found.cells == [0, 0, 0, 0, len(CROWD) - 1]
        assert found.history[CROWD[0]] == []

    runner.run(walk())
