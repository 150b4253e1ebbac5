"""Bodies of populations, found by their digest in a topic that may be behind the log."""

from __future__ import annotations

import itertools
import secrets
from typing import cast

import pytest
from kafka import KafkaProducer

from models.population import CorruptPopulation, Population, digest_of, encode_population
from streams.bodies import Bodies, BodyMissing
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
def bodies(bootstrap_servers: str) -> Bodies:
    inspector = LogInspector(bootstrap_servers)
    inspector.create(TOPICS, 2, 1)
    return Bodies(inspector)


async def test_a_body_is_found_by_its_digest(bodies: Bodies, bootstrap_servers: str) -> None:
    first, second, third = (one_of_a_kind() for _ in range(3))
    publish(bootstrap_servers, first, second, third)
    assert await bodies(digest(second)) == second
    assert await bodies(digest(first)) == first


async def test_one_that_is_not_there_is_missed_by_its_digest_and_topic(
    bodies: Bodies, bootstrap_servers: str
) -> None:
    publish(bootstrap_servers, one_of_a_kind())
    missing = digest(one_of_a_kind())
    with pytest.raises(BodyMissing) as caught:
        await bodies(missing)
    assert str(caught.value) == (
        f"the log names population {missing}, but populations.v1 does not hold it; "
        "restore that topic"
    )


async def test_a_body_that_arrives_later_is_found_then(
    bodies: Bodies, bootstrap_servers: str
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
        self.reads = 0

    def read_all(self, topic: str) -> list[Record]:
        assert topic == POPULATIONS
        self.reads += 1
        return [Record(n, 0, b"", value, ()) for n, value in zip(itertools.count(), self.values)]

    def bodies(self) -> Bodies:
        return Bodies(cast(LogInspector, self))


async def test_a_body_is_read_once_for_all_partitions() -> None:
    first, second = populations(0), populations(1)
    topic = Topic(encode_population(first), encode_population(second))
    bodies = topic.bodies()
    assert [await bodies(digest(each)) for each in (first, second, first)] == [first, second, first]
    assert topic.reads == 1


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
