"""Policies published into a real log, and waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.events import Kind
from models.policy import policy_from_preset, policy_from_toml
from models.policy_record import PublishedPolicy, encode_published
from streams import policies
from streams.brokers import Brokers
from streams.log import Extent, KafkaUnavailable, LogInspector, TopicMissing
from streams.memory_store import MemoryStore
from streams.policies import (
    NoSuchPolicy,
    NotInForceYet,
    PassedOver,
    in_force,
    newest_in_force,
    publication,
    publications,
    publish,
    taken_over,
)
from streams.store import Change, Meta
from streams.topics import LOG, POLICIES, TOPICS
from tests.real_parts import RealParts
from tests.streams.policy_shop import PARTITIONS, RULES
from tests.support.terminal import NOWHERE

GIVEN = policy_from_preset("grocery")
NEW = policy_from_toml(RULES)
NOTHING = PublishedPolicy(0, GIVEN)


@pytest.fixture
def bare_broker(real_parts: RealParts, tmp_path: Path) -> Iterator[str]:
    broker = real_parts.broker(tmp_path / "broker")
    with broker:
        yield broker.bootstrap_servers


@pytest.fixture
def servers(bare_broker: str) -> str:
    LogInspector(Brokers(bare_broker)).create(TOPICS, PARTITIONS, 1)
    return bare_broker


def test_a_policy_is_published_as_a_body_and_a_record_in_every_partition(servers: str) -> None:
    inspector = LogInspector(Brokers(servers))
    published = publish(Brokers(servers), NEW, now_ms=1_000, note="why", silent=True)
    (body,) = inspector.read_all(POLICIES)
    assert body.value == encode_published(published)
    assert body.key == f"1/{published.digest}".encode()
    records = inspector.tail(LOG, range(PARTITIONS), 10)
    assert [[dict(r.headers)["kind"].decode() for r in each] for each in records.values()] == [
        [Kind.POLICY.value]
    ] * PARTITIONS
    assert publications(inspector)[0] == published
    assert (published.number, published.note, published.silent) == (1, "why", True)


def test_numbers_count_on_and_one_that_was_not_published_is_refused(servers: str) -> None:
    inspector = LogInspector(Brokers(servers))
    with pytest.raises(NoSuchPolicy, match="no policy 1 was published; there are: none yet"):
        publication(publications(inspector), 1)
    numbers = [publish(Brokers(servers), each, now_ms=0).number for each in (GIVEN, NEW, GIVEN)]
    assert numbers == [1, 2, 3]
    found = publications(inspector)
    assert publication(found, 2).policy == NEW
    with pytest.raises(NoSuchPolicy, match="no policy 4 was published; there are: 1 to 3"):
        publication(found, 4)


def test_of_two_who_publish_at_the_same_moment_the_second_is_told(
    servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have read that there is none before either has written."""
    first = publish(Brokers(servers), GIVEN, now_ms=0)
    told: Iterator[list[PublishedPolicy]] = iter([[]])
    asked = policies.publications
    monkeypatch.setattr(policies, "publications", lambda ask: next(told, asked(ask)))
    with pytest.raises(KafkaUnavailable, match="somebody else has published policy 1"):
        publish(Brokers(servers), NEW, now_ms=0)
    inspector = LogInspector(Brokers(servers))
    assert asked(inspector) == [first]
    records = inspector.tail(LOG, range(PARTITIONS), 10)
    assert [len(each) for each in records.values()] == [1] * PARTITIONS


def test_without_its_topic_nothing_is_published(bare_broker: str) -> None:
    inspector = LogInspector(Brokers(bare_broker))
    inspector.create([each for each in TOPICS if each.name != POLICIES], PARTITIONS, 1)
    with pytest.raises(TopicMissing, match=r"policies\.v1"):
        publish(Brokers(bare_broker), NEW, now_ms=0)


def test_a_broker_that_is_down_is_told() -> None:
    with pytest.raises(KafkaUnavailable):
        publish(Brokers(NOWHERE), NEW, now_ms=0)


class Partitions:
    """A store of some partitions, in which policies come into force by hand."""

    def __init__(self, partitions: int = 2) -> None:
        self.store = MemoryStore(lambda: 0)
        self._metas = [Meta()] * partitions

    async def begin(self) -> None:
        await self.store.set_partitions(len(self._metas))

    async def read(self, partition: int, offset: int, taken: PublishedPolicy | None = None) -> None:
        before = self._metas[partition]
        after = before._replace(offset=offset, nonce=b"n%d" % offset)
        policy = None if taken is None else encode_published(taken)
        assert await self.store.apply(partition, before, Change(after, {}, (), policy=policy))
        self._metas[partition] = after


ONE, TWO = PublishedPolicy(1, GIVEN), PublishedPolicy(2, NEW)
ENDS = {0: Extent(0, 5), 1: Extent(0, 5)}


async def test_until_one_is_published_that_of_the_file_is_in_force() -> None:
    shop = Partitions()
    assert await in_force(shop.store, GIVEN) == []
    assert await newest_in_force(shop.store, GIVEN) == NOTHING
    await shop.begin()
    assert await in_force(shop.store, GIVEN) == [NOTHING, NOTHING]


async def test_each_partition_takes_over_by_itself_and_the_newest_is_told() -> None:
    shop = Partitions()
    await shop.begin()
    await shop.read(1, 1, TWO)
    found = await in_force(shop.store, GIVEN)
    assert [each.number for each in found] == [0, 2]
    assert (await newest_in_force(shop.store, GIVEN)).policy == NEW


async def test_it_is_waited_until_the_last_partition_has_taken_over() -> None:
    shop, told = Partitions(), list[int]()
    await shop.begin()

    def progress(done: int) -> None:
        told.append(done)
        if done < PARTITIONS:  # a worker reads on between two looks
            reading.append(asyncio.ensure_future(shop.read(done, 5, TWO)))

    reading: list[asyncio.Future[None]] = []
    await taken_over(shop.store, TWO, ENDS, 60, progress, poll_s=0)
    assert sorted({*told}) == [0, 1, 2]


async def test_a_newer_one_that_came_meanwhile_is_as_good() -> None:
    shop = Partitions(1)
    await shop.begin()
    await shop.read(0, 9, TWO)
    await taken_over(shop.store, ONE, {0: Extent(0, 5)}, 0, lambda _: None)


async def test_when_nobody_reads_it_says_where_it_is_in_force() -> None:
    shop = Partitions()
    await shop.begin()
    await shop.read(0, 5, TWO)
    with pytest.raises(NotInForceYet, match="policy 2 is published, and in force in 1 of 2"):
        await taken_over(shop.store, TWO, ENDS, 0, lambda _: None)


async def test_one_that_a_worker_has_read_and_not_taken_over_is_told_at_once() -> None:
    shop = Partitions()
    await shop.begin()
    await shop.read(0, 5, ONE)
    with pytest.raises(PassedOver, match=r"partition 0 has not taken policy 2 over.* \(1\)"):
        await taken_over(shop.store, TWO, ENDS, 60, lambda _: None)
