"""Bodies of populations and policies, found by their digest in a topic that may be behind the log."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Sequence
from typing import cast

import pytest
from kafka import KafkaProducer

from models.population import CorruptPopulation, Population, digest_of, encode_population
from streams.bodies import Bodies, BodyMissing, population_bodies
from streams.brokers import Brokers
from streams.log import LogInspector, Record
from streams.topics import POPULATIONS, TOPICS
from tests.streams.drawn import populations


def one_of_a_kind() -> Population:
    """One that no other test has published."""
    return populations(0)._replace(customers=secrets.randbelow(2**40))


def digest(population: Population) -> str:
    return digest_of(encode_population(population))


def publish(servers: str, *published: Population) -> None:
    producer = KafkaProducer(bootstrap_servers=servers)
    for each in published:
        producer.send(POPULATIONS, encode_population(each), digest(each).encode()).get(10)
    producer.close()


@pytest.fixture
def bodies(bootstrap_servers: str) -> Bodies[Population]:
    inspector = LogInspector(Brokers(bootstrap_servers))
    inspector.create(TOPICS, 2, 1)
    return population_bodies(inspector)


async def test_a_body_is_found_by_its_digest(
    bodies: Bodies[Population], bootstrap_servers: str
) -> None:
    first, second, third = (one_of_a_kind() for _ in range(3))
    publish(bootstrap_servers, first, second, third)
    assert await bodies(digest(second)) == second
    assert await bodies(digest(first)) == first


async def test_one_that_is_not_there_is_missed_by_its_digest_and_topic(
    bodies: Bodies[Population], bootstrap_servers: str
) -> None:
    publish(bootstrap_servers, one_of_a_kind())
    missing = digest(one_of_a_kind())
    with pytest.raises(BodyMissing) as caught:
        await bodies(missing)
    assert str(caught.value) == (
        f"the log names {missing}, but populations.v1 does not hold it; restore that topic"
    )


async def test_a_body_that_arrives_later_is_found_then(
    bodies: Bodies[Population], bootstrap_servers: str
) -> None:
    late = one_of_a_kind()
    with pytest.raises(BodyMissing):
        await bodies(digest(late))
    publish(bootstrap_servers, late)
    assert await bodies(digest(late)) == late


class Topic:
    """What the topic holds, and how often it was read."""

    def __init__(self, *values: bytes | None) -> None:
        self.values = list(values)
        self.reads = self.read_whole = 0

    def read_all(self, topic: str) -> list[Record]:
        self.read_whole += 1
        return self.tail(topic, [0], len(self.values))[0]

    def tail(self, topic: str, partitions: Sequence[int], count: int) -> dict[int, list[Record]]:
        assert (topic, partitions) == (POPULATIONS, [0])
        self.reads += 1
        records = [Record(n, 0, b"", value, ()) for n, value in zip(itertools.count(), self.values)]
        return {0: records[-count:]}

    def bodies(self) -> Bodies[Population]:
        return population_bodies(cast(LogInspector, self))


async def test_a_body_is_read_once_for_all_partitions() -> None:
    first, second = populations(0), populations(1)
    topic = Topic(encode_population(first), encode_population(second))
    bodies = topic.bodies()
    assert [await bodies(digest(each)) for each in (first, second, first)] == [first, second, first]
    assert topic.reads == 1


async def test_a_new_one_is_found_among_the_newest_and_the_topic_is_not_read_as_a_whole() -> None:
    many = [one_of_a_kind() for _ in range(30)]
    topic = Topic(*(encode_population(each) for each in many[:20]))
    bodies = topic.bodies()
    for newest in range(20, 30):
        topic.values.append(encode_population(many[newest]))
        assert await bodies(digest(many[newest])) == many[newest]
    assert topic.read_whole == 0


async def test_old_ones_are_read_all_at_once() -> None:
    many = [one_of_a_kind() for _ in range(30)]
    topic = Topic(*(encode_population(each) for each in many))
    bodies = topic.bodies()
    assert [await bodies(digest(each)) for each in many] == many
    assert topic.read_whole == 1


async def test_a_record_without_a_body_is_passed_over() -> None:
    bodies = Topic(None, encode_population(populations(0))).bodies()
    assert await bodies(digest(populations(0))) == populations(0)


async def test_a_body_is_known_by_its_content_whatever_key_it_bears() -> None:
    forged = encode_population(populations(1))
    with pytest.raises(BodyMissing):
        await Topic(forged).bodies()(digest(populations(0)))


async def test_a_body_that_is_none_is_no_reason_to_wait() -> None:
    nonsense = b"{}"
    with pytest.raises(CorruptPopulation):
        await Topic(nonsense).bodies()(digest_of(nonsense))
