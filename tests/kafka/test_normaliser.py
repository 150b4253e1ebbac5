"""Events of a source's topic, brought into the log by processes that are killed on the way."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from faust.types import TP
from kafka import KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient

from models.codec import decode_held
from models.customer import CustomerState
from streams.keys import source_offsets
from streams.log import TopicMissing
from streams.normaliser_app import NormaliserWorker, require_topics
from streams.normalising import RedisOffsets, Stand
from streams.redis_store import connect
from streams.refusal import Refused
from streams.source_config import load_sources
from streams.topics import Topic
from tests.kafka.conftest import Install
from tests.support.installation import DEAD_LETTERS, Installation, kill, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
LOG_PARTITIONS, SOURCE_PARTITIONS = 2, 3
CUSTOMERS, POISON = 100, 7  # of a customer fewer than are remembered


class Sums(NamedTuple):
    """What one customer's orders add up to."""

    purchases: int
    spent_minor: int


class Shop:
    """A shop that writes its webhooks into a topic of its own, keyed by order.

    Args:
        here: the installation.
        folder: for its configuration and the logs.
    """

    def __init__(self, here: Installation, folder: Path) -> None:
        self.here, self._folder = here, folder
        self.topic = f"orders-of-{here.settings.namespace}"
        self._make()
        servers = here.settings.bootstrap_servers
        self._producer = KafkaProducer(bootstrap_servers=servers, linger_ms=20)
        self.config = folder / "segmenter.toml"
        self.config.write_text(
            f'preset = "grocery"\n[sources.shop]\nsource = "shopify"\ntopic = "{self.topic}"\n',
            "utf-8",
        )
        self._started = self._written = 0
        self.sums: Counter[tuple[str, str]] = Counter()

    def sells(self, orders: int) -> None:
        """So many more orders, and one in twenty of them sent twice."""
        for number in range(self._written, self._written + orders):
            customer_id, minor = str(number % CUSTOMERS), 100 + number
            self.sums[customer_id, "purchases"] += 1
            self.sums[customer_id, "spent_minor"] += minor
            for _ in range(2 if number % 20 == 0 else 1):
                self._send(b"%d" % number, _order(number, customer_id, minor))
        self._written += orders
        self._producer.flush()

    def breaks(self, records: int) -> None:
        """So many records that nobody can use."""
        for number in range(records):
            self._send(None, b"\xff not an order %d" % number)
        self._producer.flush()

    def _send(self, key: bytes | None, value: bytes) -> None:
        headers = [("X-Shopify-Topic", b"orders/create")]
        self._producer.send(self.topic, value, key, headers)

    def normaliser(self) -> Any:
        """Start one; in a group of its own it need not wait until a dead one is missed."""
        self._started += 1
        settings = self.here.settings.model_copy(update={"group": f"group{self._started}"})
        log = self._folder / f"normaliser{self._started}.log"
        return self.here.start("normaliser", self.config, log, settings)

    def read_to(self) -> int:
        """How many offsets of the topic are behind the normaliser."""
        key = source_offsets(self.here.settings.namespace, self.topic)
        found: Any = self.here.redis.hvals(key)
        return sum(int(each.split()[0]) for each in found)

    def ends(self) -> int:
        """How many there are."""
        extents = self.here.inspector.extents(self.topic, range(SOURCE_PARTITIONS))
        return sum(each.end for each in extents.values())

    def make_anew(self) -> None:
        """Delete the topic, and make another of that name."""
        with self._admin() as admin:
            admin.delete_topics([self.topic])
        wait_until(lambda: not self._is_there())
        self._make()

    def _make(self) -> None:
        self.here.inspector.create([Topic(self.topic, {}, SOURCE_PARTITIONS)], 1, 1)
        wait_until(self._is_there)  # the broker tells of it a moment later

    def _is_there(self) -> bool:
        try:
            return bool(self.here.inspector.facts(self.topic))
        except TopicMissing:
            return False

    def expire(self, partition: int, before: int) -> None:
        """What retention does to old records."""
        with self._admin() as admin:
            admin.delete_records({TopicPartition(self.topic, partition): before})

    def _admin(self) -> Any:
        return closing(KafkaAdminClient(bootstrap_servers=self.here.settings.bootstrap_servers))

    def close(self) -> None:
        """Leave nothing behind."""
        self._producer.close()
        with self._admin() as admin:
            admin.delete_topics([self.topic])


def _order(number: int, customer_id: str, minor: int) -> bytes:
    day, minute = divmod(number, 1_440)
    order = {
        "id": number,
        "created_at": f"2026-03-{day + 1:02}T{minute // 60:02}:{minute % 60:02}:00Z",
        "currency": "USD",
        "total_price": f"{minor // 100}.{minor % 100:02}",
        "customer": {"id": int(customer_id)},
        "line_items": [],
    }
    return json.dumps(order).encode()


@pytest.fixture
def shop(install: Install, tmp_path: Path) -> Iterator[Shop]:
    one = Shop(install(LOG_PARTITIONS), tmp_path)
    yield one
    one.here.close()
    one.close()


def test_each_customers_sums_are_right_though_the_normaliser_was_killed(shop: Shop) -> None:
    worker = shop.here.start("worker", shop.config, shop.config.with_name("worker.log"))
    first = shop.normaliser()
    shop.sells(1_500)
    wait_until(lambda: shop.read_to() > 0)
    first.send_signal(signal.SIGSTOP)  # in the middle, wherever that is
    shop.breaks(POISON)
    shop.sells(1_000)
    kill(first)
    assert 0 < shop.read_to() < shop.ends()
    second = shop.normaliser()
    wait_until(lambda: shop.read_to() == shop.ends())
    shop.here.wait_until_folded()
    assert sums(shop.here) == told(shop)
    letters = shop.here.published(DEAD_LETTERS)
    assert len(letters) >= POISON
    assert {each["error.reason"] for each in letters} == {b"not_utf8"}
    for each in (second, worker):
        each.send_signal(signal.SIGTERM)
        assert each.wait(60) == 0


def sums(here: Installation) -> dict[str, Sums]:
    """As they stand in Redis."""
    found = {}
    for id_, packed in here.states().items():
        state = decode_held(packed)
        assert isinstance(state, CustomerState)
        found[id_.decode()] = Sums(state.current.purchases, state.current.spent_minor)
    return found


def told(shop: Shop) -> dict[str, Sums]:
    """As the shop has sold."""
    return {
        customer_id: Sums(count, shop.sums[customer_id, "spent_minor"])
        for (customer_id, what), count in shop.sums.items()
        if what == "purchases"
    }


@pytest.fixture
async def offsets(shop: Shop) -> AsyncIterator[RedisOffsets]:
    """Those of the shop's installation."""
    settings = shop.here.settings
    async with connect(settings.redis_url.get_secret_value()) as client:
        yield RedisOffsets(client, settings.namespace)


async def test_a_topic_that_was_made_anew_is_refused_until_it_is_rewound(
    shop: Shop, offsets: RedisOffsets
) -> None:
    topic = shop.topic
    worker = NormaliserWorker(shop.here.settings, load_sources(shop.config), offsets=offsets)
    both = [TP(topic, 0), TP(topic, 2)]
    assert await worker.resume_at(both) == dict.fromkeys(both, 0)
    await offsets.move(topic, 0, Stand(0, shop.here.inspector.facts(topic).topic_id))
    assert await worker.resume_at(both) == dict.fromkeys(both, 0)
    shop.make_anew()
    with pytest.raises(Refused, match=r"deleted and made again; .* segmenter sources rewind shop"):
        await worker.resume_at(both)
    await offsets.forget(topic)
    assert await worker.resume_at(both) == dict.fromkeys(both, 0)
    await worker.resume_at([])
    assert [lane.partitions for lane in worker.lanes.values()] == [[]]


async def test_what_expired_unread_is_counted_and_reading_goes_on_behind_it(
    shop: Shop, offsets: RedisOffsets, caplog: pytest.LogCaptureFixture
) -> None:
    topic = shop.topic
    shop.sells(30)
    end = shop.here.inspector.extents(topic, [1])[1].end
    await offsets.move(topic, 1, Stand(1))
    shop.expire(1, end)
    worker = NormaliserWorker(shop.here.settings, load_sources(shop.config), offsets=offsets)
    assert await worker.resume_at([TP(topic, 1)]) == {TP(topic, 1): end}
    assert f"was read to 1 and now begins at {end}" in caplog.text
    fold = worker.lanes[topic].fold(1)
    assert fold is not None
    assert fold.tally["expired"] == end - 1
    await worker.resume_at([])


def test_a_topic_that_is_not_there_is_named_with_its_source(shop: Shop) -> None:
    sources = load_sources(shop.config)
    require_topics(shop.here.inspector, sources)
    missing = {"till": sources["shop"].model_copy(update={"topic": "tills"})}
    with pytest.raises(TopicMissing, match=r"source till: topic 'tills' does not exist; create it"):
        require_topics(shop.here.inspector, missing)
