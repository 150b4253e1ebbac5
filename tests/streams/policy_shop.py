"""A small shop on a real broker and a real store, whose worker is a loop over the log.

Six people buy in the first days of 2017, each for a hundred dollars more than the one before; two of
them again in March. It is read up to 1 April 2017.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from models.events import LogRecord
from models.policy import policy_from_preset
from streams.bodies import policy_bodies, population_bodies
from streams.brokers import Brokers
from streams.chunk import LogIdentity
from streams.log import LogInspector
from streams.partition import Batch, PartitionFold
from streams.redis_store import RedisStore, connect
from streams.replay import Publisher
from streams.sources import SourceRecord
from streams.topics import LOG, TOPICS
from tests.real_parts import RealParts
from tests.streams.logbook import DAY_MS, HOUR_MS, START_MS, rfc3339
from tests.support.terminal import Terminal

PARTITIONS = 2
PEOPLE = tuple(f"p{n}" for n in range(1, 7))
LATELY = PEOPLE[3:5]
PRESET = 'preset = "grocery"\n'
RULES = """preset = "grocery"

[segments.vip]
label = "VIP customers"
label_zh = "贵宾"
description = "Whoever is invited."
when = "spend_365d >= 400 and lifecycle == 'active'"

[segments.small]
when = "spend < 250"
"""


class PolicyShop:
    """The shop.

    Args:
        servers: of a broker of its own.
        redis_url: of the store.
        namespace: one that no other test uses.
        folder: where the file is, and `segmenter` runs.
    """

    def __init__(self, servers: str, redis_url: str, namespace: str, folder: Path) -> None:
        self.servers, self.redis_url, self.namespace = servers, redis_url, namespace
        self.file = folder / "segmenter.toml"
        self.given = policy_from_preset("grocery")
        self.inspector = LogInspector(Brokers(servers))
        self.inspector.create(TOPICS, PARTITIONS, 1)
        self.terminal = Terminal(
            {
                "SEGMENTER_BOOTSTRAP_SERVERS": servers,
                "SEGMENTER_REDIS_URL": redis_url,
                "SEGMENTER_NAMESPACE": namespace,
            }
        )

    def write(self, text: str) -> None:
        """What the file says."""
        self.file.write_text(text, "utf-8")

    def open(self) -> None:
        """People buy, and it is read."""
        publisher = Publisher(Brokers(self.servers), PARTITIONS, self.given.timezone)
        publisher.publish(_purchases(), 0.0, lambda _: None)
        publisher.close()
        self.read_on()

    def read_on(self) -> None:
        """Do what a worker does: fold what stands in the log."""
        asyncio.run(self._read_on())

    async def _read_on(self) -> None:
        async with connect(self.redis_url) as client:
            store = RedisStore(client, self.namespace)
            await store.set_partitions(PARTITIONS)
            extents = self.inspector.extents(LOG, range(PARTITIONS))
            for partition, extent in extents.items():
                fold = self._fold(partition, store)
                read_to = (await store.load(partition, ())).meta.offset
                if extent.end > read_to:
                    batch = self._batch(partition, read_to, extent.end)
                    assert await fold.handle(batch) is None

    def _fold(self, partition: int, store: RedisStore) -> PartitionFold:
        return PartitionFold(
            LogIdentity(self.namespace, "", PARTITIONS, partition),
            self.given,
            store,
            _no_records,
            population_bodies(self.inspector),
            _new_nonce,
            policies=policy_bodies(self.inspector),
        )

    def _batch(self, partition: int, start: int, end: int) -> Batch:
        found = self.inspector.tail(LOG, [partition], end - start)[partition]
        return Batch(
            start,
            end,
            [
                LogRecord(partition, r.offset, r.timestamp_ms, r.key, r.value, dict(r.headers))
                for r in found
                if start <= r.offset < end
            ],
        )

    @contextmanager
    def worker(self) -> Iterator[None]:
        """Something that reads on, again and again, as long as the block lasts."""
        stop = threading.Event()

        def work() -> None:
            while not stop.wait(0.01):
                self.read_on()

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(30)

    def profiles(self) -> list[dict[str, Any]]:
        """All profile events of the log."""
        records = self.inspector.tail(LOG, range(PARTITIONS), 10**6)
        return [
            json.loads(each.value or b"")
            for found in records.values()
            for each in found
            if dict(each.headers)["kind"] == b"profile"
        ]


def _purchases() -> Iterator[SourceRecord]:
    days = [(day, who, 10_000 * (day + 1)) for day, who in enumerate(PEOPLE)]
    days += [(80 + number, who, 1_000) for number, who in enumerate(LATELY)]
    for day, who, amount_minor in [*days, (90, "the last", 0)]:
        at_ms = START_MS + day * DAY_MS + HOUR_MS
        money = {"amount_minor": amount_minor, "currency": "USD", "event_id": f"{who}/{day}"}
        body = {"customer_id": who, "occurred_at": rfc3339(at_ms), **money}
        yield SourceRecord("purchase", who, at_ms, json.dumps(body).encode())


_numbers = count()


def _new_nonce() -> bytes:
    return b"n%d" % next(_numbers)


async def _no_records(_partition: int, _start: int, _end: int) -> bool:
    return False


@contextmanager
def opened_shop(
    real_parts: RealParts, folder: Path, redis_url: str, namespace: str
) -> Iterator[PolicyShop]:
    """Its workers began with a file without rules; now there are some in it."""
    with real_parts.broker(folder / "broker") as broker:
        shop = PolicyShop(broker.bootstrap_servers, redis_url, namespace, folder)
        shop.open()
        shop.write(RULES)
        yield shop
