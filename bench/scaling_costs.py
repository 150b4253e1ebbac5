"""What a partition costs beside its events: ticks, walks, a survey, looks once a second, and the relay's rows.

Some weeks of purchases go through one partition on a real Redis, with a tick each midnight and a population each
week: `Loop` with the store of production. Each control record is timed by itself: CPU of this process, which does
what a worker does, and of Redis. The relay then moves the effects that came of it to a real Kafka.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from typing import Any, NamedTuple, cast

import redis
import redis.asyncio as aioredis

from bench.scaling_learner import running_redis
from bench.scaling_meter import Cost, Meter, Spent, cost_of
from bench.scaling_relay import relayed
from bench.scaling_shops import Shop
from models.events import Kind
from models.policy import Policy
from models.policy_record import PublishedPolicy
from streams.collecting import collected_rarely
from streams.loop import Loop, replay
from streams.outbox import relay_once
from streams.partition import Batch, PartitionFold, Seek
from streams.redis_store import RedisStore, connect
from streams.sources import SourceRecord
from streams.store import Live, Loaded, Newest, OutboxRow, Store, Vitals
from streams.surveying import take_survey
from streams.topics import CHANGES

DUE, FIRST, LATER = "tick, somebody due", "population, the first", "population, a later one"
OF_THE_LOG = {Kind.PURCHASE.value, DUE, FIRST, LATER}
LOOKED_AT, LOOKS = 64, 20  # partitions, and rounds of looking at them
LIVE_TTL_MS = 10_000


class Costs(NamedTuple):
    """All that was measured.

    Attributes:
        customers: of the partition, at the end.
        state_bytes: encoded, the mean.
        redis_bytes: what Redis uses for each, with all that belongs to them.
        row_bytes: of an effect with its headers, uncompressed.
        wire_bytes: of an effect in Kafka's files, compressed by the relay.
        effects: for one purchase.
        purchases: folded.
        costs: kind by kind.
    """

    customers: int
    state_bytes: float
    redis_bytes: float
    row_bytes: float
    wire_bytes: float
    effects: float
    purchases: int
    costs: Sequence[Cost]

    @property
    def all_in(self) -> Cost:
        """A purchase with its share of all ticks and walks."""
        folded = [each for each in self.costs if each.what in OF_THE_LOG]
        worker_us = sum(each.worker_us * each.times for each in folded) / self.purchases
        redis_us = sum(each.redis_us * each.times for each in folded) / self.purchases
        return Cost("purchase, all in", self.purchases, 0, worker_us, redis_us)


class _Counting:
    """The store, which counts customers that walks bring; its outbox is emptied as by a relay."""

    def __init__(self, store: Store) -> None:
        self._store, self.walked = store, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def due(self, partition: int, until_ms: int, limit: int) -> Loaded:
        return self._count(await self._store.due(partition, until_ms, limit))

    async def walk(self, partition: int, cursor: int, count: int) -> Loaded:
        return self._count(await self._store.walk(partition, cursor, count))

    def _count(self, loaded: Loaded) -> Loaded:
        self.walked += len(loaded.states)
        return loaded


class _Timed:
    """A fold that tells what each kind of record costs."""

    def __init__(self, fold: PartitionFold, store: _Counting, meter: Meter) -> None:
        self._fold, self._store, self._meter = fold, store, meter
        self.spent: defaultdict[str, Spent] = defaultdict(Spent)
        self.times: Counter[str] = Counter()
        self.customers: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fold, name)

    async def handle(self, batch: Batch) -> Seek | None:
        kinds = {each.headers["kind"].decode() for each in batch.records}
        walked, before = self._store.walked, self._meter.now()
        seek = await self._fold.handle(batch)
        spent, walked = self._meter.since(before), self._store.walked - walked
        if len(kinds) == 1:
            self._note(self._name(kinds.pop(), walked), len(batch.records), walked, spent)
        return seek

    def _name(self, kind: str, walked: int) -> str:
        if kind == Kind.TICK:
            return DUE if walked else "tick, nobody due"
        if kind == Kind.POPULATION:
            return LATER if self.times[FIRST] else FIRST
        return kind

    def _note(self, name: str, times: int, walked: int, spent: Spent) -> None:
        self.spent[name] = self.spent[name].with_more(spent)
        self.times[name] += times
        self.customers[name] += walked

    def costs(self) -> list[Cost]:
        return [
            cost_of(name, self.times[name], spent, self.customers[name])
            for name, spent in self.spent.items()
        ]


class _Stepwise(Loop):
    """A loop in which a tick is read by itself."""

    async def tick(self, at_ms: int) -> None:
        await self.settle()
        await super().tick(at_ms)


async def _folded(
    store: RedisStore, meter: Meter, policy: Policy, records: Sequence[SourceRecord]
) -> tuple[list[Cost], Loop]:
    counting = _Counting(store)
    loop = _Stepwise(policy, 1, cast(Store, counting))
    timed = _Timed(loop.folds[0], counting, meter)
    loop.folds[0] = cast(PartitionFold, timed)
    await replay(loop, records)
    clock_ms = (await store.load(0, ())).meta.clock_ms
    for each in range(LOOKS):  # so close together that nothing falls due
        await loop.tick(clock_ms + each)
    return timed.costs(), loop


async def _surveyed(store: RedisStore, meter: Meter, policy: Policy, customers: int) -> Cost:
    await store.set_partitions(1)
    held, before = [PublishedPolicy(0, policy)], meter.now()
    taken = await take_survey(store, held, (await store.load(0, ())).meta.clock_ms)
    assert taken.survey.base.customers == customers
    return cost_of("survey", 1, meter.since(before), customers)


async def _looked(store: RedisStore, meter: Meter) -> list[Cost]:
    """What an owner asks of its partitions once a second, as `Timekeeper` does, and a relay of outboxes.

    Without the questions to Kafka's client, which answers from memory.
    """

    async def look(place: int) -> None:
        await store.load(place, ())
        await store.offer_newest(Newest(0, 0))
        await store.next_due_ms(place)
        await store.set_live(place, Live(0), LIVE_TTL_MS)
        await store.set_vitals(place, Vitals(0, 0, 0, 0.0), LIVE_TTL_MS)

    async def ask(place: int) -> None:
        await relay_once(store, place, cast(Any, None))

    names = {"look of the owner": look, "empty outbox of the relay": ask}
    return [await _repeated(name, what, meter) for name, what in names.items()]


async def _repeated(name: str, ask: Callable[[int], Awaitable[None]], meter: Meter) -> Cost:
    places = range(1_000, 1_000 + LOOKED_AT)
    await asyncio.gather(*map(ask, places))
    before = meter.now()
    for _ in range(LOOKS):
        await asyncio.gather(*map(ask, places))
    return cost_of(name, LOOKS * LOOKED_AT, meter.since(before))


async def measured_on(url: str, shop: Shop, purchases: int) -> Costs:
    """All of it, on an empty Redis.

    Args:
        url: of it.
        shop: whose purchases.
        purchases: how many are folded.
    """
    records = list(shop.records(purchases))
    async with connect(url) as client:
        with closing(redis.Redis.from_url(url)) as watched:
            return await _measured(client, watched, url, shop.policy, records)


async def _measured(
    client: aioredis.Redis,
    watched: redis.Redis,
    url: str,
    policy: Policy,
    records: Sequence[SourceRecord],
) -> Costs:
    store, meter = RedisStore(client, "bench"), Meter(watched)
    empty = _memory(watched)
    costs, loop = await _folded(store, meter, policy, records)
    used, states = _memory(watched) - empty, await loop.states()
    costs.append(await _surveyed(store, meter, policy, len(states)))
    costs += await _looked(store, meter)
    rows = [each for each in loop.effects if each.topic == CHANGES]
    moved, wire_bytes = await relayed(store, meter, rows, url)
    return Costs(
        len(states),
        sum(map(len, states.values())) / len(states),
        used / len(states),
        sum(map(_size, rows)) / len(rows),
        wire_bytes,
        len(rows) / len(records),
        len(records),
        [*costs, moved],
    )


def _size(row: OutboxRow) -> int:
    headers = sum(len(name) + len(value) for name, value in row.headers)
    return len(row.key or b"") + len(row.value or b"") + headers


def _memory(client: redis.Redis) -> int:
    said: Any = client.info("memory")
    return int(said["used_memory"])


def measure(shop: Shop, purchases: int) -> Costs:
    """On a Redis and a Kafka of its own; blocks for a minute or so.

    Raises:
        LocalServerError: one of them is not installed.
    """
    with running_redis() as server, collected_rarely():  # as a worker is
        return asyncio.run(measured_on(server.url, shop, purchases))
