"""What the relay costs: effects from an outbox in Redis to a Kafka of its own, all that it does on their way."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import redis

from bench.scaling_meter import Cost, Meter, Spent, cost_of
from models.codec import SCHEMA_VERSION
from models.erasure import Pseudonyms
from streams.brokers import Brokers
from streams.feed import FeedingSender
from streams.log import LogInspector
from streams.metrics import RelayMeter
from streams.mute import TAILS, MutingSender, read_marks
from streams.outbox import RELAY_BATCH, KafkaSender, Sender, relay_once
from streams.redis_store import RedisStore
from streams.store import Change, OutboxRow, new_nonce
from streams.topics import CHANGES, TOPICS
from tests.real_parts import KAFKA
from tests.support.apache_kafka import ApacheKafka


async def relayed(
    store: RedisStore, meter: Meter, rows: Sequence[OutboxRow], url: str
) -> tuple[Cost, float]:
    """Effects from an outbox to a Kafka of its own; answers the cost and bytes of a row in its files."""
    with tempfile.TemporaryDirectory(prefix="scaling-") as name:
        kafka = KAFKA.make(Path(name))
        assert isinstance(kafka, ApacheKafka)
        with kafka, redis.Redis.from_url(url) as client:
            inspector = LogInspector(Brokers(kafka.bootstrap_servers))
            inspector.create(TOPICS, 1, 1)
            with closing(KafkaSender(Brokers(kafka.bootstrap_servers))) as sender:
                feeding = FeedingSender(sender, client, "bench", Pseudonyms())
                chain = MutingSender(feeding, read_marks(inspector, TAILS), RelayMeter())
                spent = await _sent(store, meter, rows, chain)
            return cost_of("effect through the relay", len(rows), spent), _kept(name) / len(rows)


async def _sent(store: RedisStore, meter: Meter, rows: Sequence[OutboxRow], chain: Sender) -> Spent:
    spent = Spent()
    for start in range(0, len(rows), RELAY_BATCH):
        some = rows[start : start + RELAY_BATCH]
        await _put(store, some)
        before = meter.now()
        moved = await relay_once(store, 0, chain)
        assert sum(moved.sent.values()) == len(some)
        spent = spent.with_more(meter.since(before))
    return spent


def _kept(folder: str) -> int:
    """Bytes of the effects in Kafka's files."""
    return sum(each.stat().st_size for each in Path(folder).rglob(f"{CHANGES}-*/*.log"))


async def _put(store: RedisStore, rows: Sequence[OutboxRow]) -> None:
    before = (await store.load(0, ())).meta
    meta = before._replace(nonce=new_nonce(), schema=SCHEMA_VERSION)
    assert await store.apply(0, before, Change(meta, {}, rows))
