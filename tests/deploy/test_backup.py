"""Redis falls back to what it was: by a restored snapshot, by a replica that is promoted.

The runbook's own commands do it, on servers of this file's own. Whatever was lost with Redis stands in the
log, so what comes out is what one fold of the log gives.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from streams.doctor_redis import replicas
from streams.local import HOST
from streams.redis_store import RedisStore, connect
from tests.real_parts import REDIS, RealParts
from tests.streams.logbook import (
    CUSTOMERS,
    DAY_MS,
    PARTITION,
    START_MS,
    Contents,
    Logbook,
    contents,
    fold_of,
    folded,
)
from tests.support.installation import wait_until
from tests.support.own_redis import answers, redis_in
from tests.support.runbook import run, step


def a_year() -> Logbook:
    """Purchases of all customers, and time that passes between them."""
    log = Logbook()
    for month in range(12):
        for place, customer_id in enumerate(CUSTOMERS[month % 3 :]):
            log.purchase(customer_id, START_MS + (30 * month + place) * DAY_MS)
        log.tick(START_MS + (30 * month + 29) * DAY_MS)
    return log


async def fold(url: str, namespace: str, log: Logbook, end: int | None = None) -> Contents:
    """Fold the log on from where Redis stands, as a worker that has just been started."""
    async with connect(url) as client:
        store = RedisStore(client, namespace)
        offset = (await store.load(PARTITION, ())).meta.offset
        assert await fold_of(log, store).handle(log.batch(offset, end)) is None
        return await contents(store)


async def replication_of(url: str) -> str:
    """What doctor says of it."""
    async with connect(url) as client:
        return replicas(await client.info()).found


@pytest.fixture
def here(real_parts: RealParts, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a shell, beside a Redis."""
    real_parts.need(REDIS.name)
    with redis_in(tmp_path / "redis") as told:
        yield {**os.environ, **told}


async def test_a_restored_snapshot_comes_to_what_a_redis_that_was_never_away_holds(
    here: dict[str, str], tmp_path: Path, namespace: str
) -> None:
    log = a_year()
    half = log.end // 2
    then = await fold(here["REDIS"], namespace, log, half)
    run(step("backup"), here, tmp_path)
    never_away = await fold(here["REDIS"], namespace, log)
    assert never_away == await contents(await folded(log))
    run(step("restore"), here, tmp_path)
    assert await fold(here["REDIS"], namespace, log, half) == then != never_away
    assert await fold(here["REDIS"], namespace, log) == never_away
    # What is written now survives the next restart, without the snapshot.
    run(
        'redis-cli -u "$REDIS" SHUTDOWN && redis-server "$REDIS_CONF" --daemonize yes',
        here,
        tmp_path,
    )
    client = redis.Redis.from_url(here["REDIS"])
    wait_until(lambda: answers(client))
    client.close()
    assert await fold(here["REDIS"], namespace, log) == never_away


async def test_a_promoted_replica_that_lacks_the_last_writes_is_given_them_from_the_log(
    here: dict[str, str], tmp_path: Path, namespace: str
) -> None:
    log = a_year()
    half = log.end // 2
    then = await fold(here["REDIS"], namespace, log, half)
    with redis_in(tmp_path / "replica") as other:
        shell = {**here, "REPLICA": other["REDIS"]}
        run(step("replica"), shell, tmp_path)
        run('redis-cli -u "$REDIS" WAIT 1 10000', shell, tmp_path)
        assert [await replication_of(each["REDIS"]) for each in (here, other)] == [
            "primary, 1 replica in step",
            f"a replica of {HOST}:{here['REDIS_PORT']}, which takes no writes",
        ]
        run(step("promote"), shell, tmp_path)
        assert (await replication_of(other["REDIS"])).startswith("primary, without a replica")
        lost_with_the_primary = await fold(here["REDIS"], namespace, log)
        assert await fold(other["REDIS"], namespace, log, half) == then != lost_with_the_primary
        assert await fold(other["REDIS"], namespace, log) == lost_with_the_primary
