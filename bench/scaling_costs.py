"""What a partition costs beside its events: ticks, walks, looks once a second, and the relay's rows.

Some weeks of real purchases (Complete Journey, preset grocery) go through one partition on a real Redis, with a tick
each midnight and a population each week: `Loop` with the store of production. Each control record is timed by
itself: CPU of this process, which does what a worker does, and of Redis. The relay then moves the effects that
came of it to a real Kafka.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, cast

import redis
import redis.asyncio as aioredis

from bench.scaling_learner import running_redis
from models.codec import SCHEMA_VERSION
from models.erasure import Pseudonyms
from models.events import Kind
from models.policy import policy_from_preset
from streams.datasets import DATASETS
from streams.feed import FeedingSender
from streams.log import LogInspector
from streams.loop import Loop, replay
from streams.metrics import RelayMeter
from streams.mute import TAILS, MutingSender, read_marks
from streams.outbox import RELAY_BATCH, KafkaSender, Sender, relay_once
from streams.partition import Batch, PartitionFold, Seek
from streams.redis_store import RedisStore, connect
from streams.store import Change, Live, Loaded, Newest, OutboxRow, Store, Vitals, new_nonce
from streams.topics import CHANGES, TOPICS
from tests.real_parts import KAFKA
from tests.support.apache_kafka import ApacheKafka

DATASET, PRESET = "complete-journey", "grocery"
LOOKED_AT, LOOKS = 64, 20  # partitions, and rounds of looking at them
LIVE_TTL_MS = 10_000


class Spent(NamedTuple):
    """CPU time, seconds."""

    worker_s: float = 0.0
    redis_s: float = 0.0


class Cost(NamedTuple):
    """What one kind of thing costs.

    Attributes:
        what: it is.
        times: how often it was done.
        customers: decoded for it, all times together.
        worker_us: CPU of one time.
        redis_us: likewise, of Redis.
    """

    what: str
    times: int
    customers: int
    worker_us: float
    redis_us: float

    def for_customers_s(self, customers: int) -> float:
        """Of a walk over so many customers, seconds of the worker; scaled."""
        return self.worker_us * self.times * customers / max(1, self.customers) / 1e6


class Costs(NamedTuple):
    """All that was measured.

    Attributes:
        customers: of the partition, at the end.
        state_bytes: encoded, the mean.
        redis_bytes: what Redis uses for each, with all that belongs to them.
        row_bytes: of an effect with its headers, uncompressed.
        wire_bytes: of an effect in Kafka's files, compressed by the relay.
        effects: for one purchase.
        costs: kind by kind.
    """

    customers: int
    state_bytes: float
    redis_bytes: float
    row_bytes: float
    wire_bytes: float
    effects: float
    costs: Sequence[Cost]


class _Meter:
    """Tells how much CPU something takes, here and at Redis."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def now(self) -> Spent:
        said: Any = self._client.info("cpu")
        used = said["used_cpu_user"] + said["used_cpu_sys"]
        return Spent(time.process_time(), float(used))

    def since(self, before: Spent) -> Spent:
        now = self.now()
        return Spent(now.worker_s - before.worker_s, now.redis_s - before.redis_s)


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

    def __init__(self, fold: PartitionFold, store: _Counting, meter: _Meter) -> None:
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
            return "tick, somebody due" if walked else "tick, nobody due"
        if kind == Kind.POPULATION:
            first = not self.times["population, the first"]
            return "population, the first" if first else "population, a later one"
        return kind

    def _note(self, name: str, times: int, walked: int, spent: Spent) -> None:
        known = self.spent[name]
        self.spent[name] = Spent(known.worker_s + spent.worker_s, known.redis_s + spent.redis_s)
        self.times[name] += times
        self.customers[name] += walked

    def costs(self) -> list[Cost]:
        return [
            _cost(name, self.times[name], spent, self.customers[name])
            for name, spent in self.spent.items()
        ]


class _Stepwise(Loop):
    """A loop in which a tick is read by itself."""

    async def tick(self, at_ms: int) -> None:
        await self.settle()
        await super().tick(at_ms)


def _cost(what: str, times: int, spent: Spent, customers: int = 0) -> Cost:
    worker_us, redis_us = (1e6 * each / max(1, times) for each in spent)
    return Cost(what, times, customers, worker_us, redis_us)


async def _folded(store: RedisStore, meter: _Meter, purchases: int) -> tuple[list[Cost], Loop]:
    records = [each for each in DATASETS[DATASET].read() if each.kind == Kind.PURCHASE]
    counting = _Counting(store)
    loop = _Stepwise(policy_from_preset(PRESET), 1, cast(Store, counting))
    timed = _Timed(loop.folds[0], counting, meter)
    loop.folds[0] = cast(PartitionFold, timed)
    await replay(loop, islice(records, purchases))
    clock_ms = (await store.load(0, ())).meta.clock_ms
    for each in range(LOOKS):  # so close together that nothing falls due
        await loop.tick(clock_ms + each)
    return timed.costs(), loop


async def _looked(store: RedisStore, meter: _Meter) -> list[Cost]:
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


async def _repeated(name: str, ask: Callable[[int], Awaitable[None]], meter: _Meter) -> Cost:
    places = range(1_000, 1_000 + LOOKED_AT)
    await asyncio.gather(*map(ask, places))
    before = meter.now()
    for _ in range(LOOKS):
        await asyncio.gather(*map(ask, places))
    return _cost(name, LOOKS * LOOKED_AT, meter.since(before))


async def _relayed(
    store: RedisStore, meter: _Meter, rows: Sequence[OutboxRow], url: str
) -> tuple[Cost, float]:
    """Effects from an outbox to a Kafka of its own; answers the cost and bytes of a row in its files."""
    with tempfile.TemporaryDirectory(prefix="scaling-") as name:
        kafka = KAFKA.make(Path(name))
        assert isinstance(kafka, ApacheKafka)
        with kafka, redis.Redis.from_url(url) as client:
            inspector = LogInspector(kafka.bootstrap_servers)
            inspector.create(TOPICS, 1, 1)
            with closing(KafkaSender(kafka.bootstrap_servers)) as sender:
                feeding = FeedingSender(sender, client, "bench", Pseudonyms())
                chain = MutingSender(feeding, read_marks(inspector, TAILS), RelayMeter())
                spent = await _sent(store, meter, rows, chain)
            return _cost("effect through the relay", len(rows), spent), _kept(name) / len(rows)


async def _sent(
    store: RedisStore, meter: _Meter, rows: Sequence[OutboxRow], chain: Sender
) -> Spent:
    spent = Spent()
    for start in range(0, len(rows), RELAY_BATCH):
        some = rows[start : start + RELAY_BATCH]
        await _put(store, some)
        before = meter.now()
        moved = await relay_once(store, 0, chain)
        assert sum(moved.sent.values()) == len(some)
        took = meter.since(before)
        spent = Spent(spent.worker_s + took.worker_s, spent.redis_s + took.redis_s)
    return spent


def _kept(folder: str) -> int:
    """Bytes of the effects in Kafka's files."""
    return sum(each.stat().st_size for each in Path(folder).rglob(f"{CHANGES}-*/*.log"))


async def _put(store: RedisStore, rows: Sequence[OutboxRow]) -> None:
    before = (await store.load(0, ())).meta
    meta = before._replace(nonce=new_nonce(), schema=SCHEMA_VERSION)
    assert await store.apply(0, before, Change(meta, {}, rows))


async def measured_on(url: str, purchases: int) -> Costs:
    """All of it, on an empty Redis.

    Args:
        url: of it.
        purchases: that are folded.
    """
    async with connect(url) as client:
        with closing(redis.Redis.from_url(url)) as watched:
            return await _measured(client, watched, url, purchases)


async def _measured(
    client: aioredis.Redis, watched: redis.Redis, url: str, purchases: int
) -> Costs:
    store, meter = RedisStore(client, "bench"), _Meter(watched)
    empty = _memory(watched)
    costs, loop = await _folded(store, meter, purchases)
    used, states = _memory(watched) - empty, await loop.states()
    costs += await _looked(store, meter)
    rows = [each for each in loop.effects if each.topic == CHANGES]
    moved, wire_bytes = await _relayed(store, meter, rows, url)
    return Costs(
        len(states),
        sum(map(len, states.values())) / len(states),
        used / len(states),
        sum(map(_size, rows)) / len(rows),
        wire_bytes,
        len(rows) / purchases,
        [*costs, moved],
    )


def _size(row: OutboxRow) -> int:
    headers = sum(len(name) + len(value) for name, value in row.headers)
    return len(row.key or b"") + len(row.value or b"") + headers


def _memory(client: redis.Redis) -> int:
    said: Any = client.info("memory")
    return int(said["used_memory"])


def measure(purchases: int) -> Costs:
    """On a Redis and a Kafka of its own; blocks for a minute or so.

    Raises:
        LocalServerError: one of them is not installed.
    """
    with running_redis() as server:
        return asyncio.run(measured_on(server.url, purchases))
