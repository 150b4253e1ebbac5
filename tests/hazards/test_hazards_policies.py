"""A policy whose body is not there, or that can't follow; a worker that comes back with another file.

One worker and one relay live through all of it, one test after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from kafka import KafkaProducer

from models.events import encode_policy_published
from models.policy import Policy, policy_from_preset
from models.policy_record import (
    PublishedPolicy,
    decode_published,
    digest_of_policy,
    encode_published,
)
from streams.patience import STOP_WITHIN_S
from streams.policies import publish
from streams.topics import POLICIES
from tests.hazards.houses import House
from tests.real_parts import RealParts
from tests.support.installation import LOG, Installation, wait_until

pytestmark = pytest.mark.slow
WAITS, GOES_ON = '"message": "waiting: ', '"message": "going on"'
PASSED_OVER = "is not taken over: business.timezone is 'UTC' in this log"


def ruled(when: str, **sections: Any) -> Policy:
    return policy_from_preset("grocery", segments={"some": {"when": when}}, **sections)


GIVEN, FIRST, SECOND = ruled("purchases >= 1"), ruled("spend >= 20"), ruled("purchases >= 2")


@pytest.fixture(scope="module")
def house(real_parts: RealParts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    broker = real_parts.broker(folder)
    valkey = real_parts.store(folder)
    with broker, valkey:
        here = Installation(broker.bootstrap_servers, valkey.url, "house", GIVEN)
        one = House(here, folder)
        one.config.write_text(file_of("purchases >= 1"), "utf-8")
        try:
            one.start("worker", "relay")
            one.publish()
            here.wait_until_folded()
            yield one
        finally:
            here.close()


def file_of(when: str) -> str:
    """What a worker is given."""
    return f'preset = "grocery"\n[segments.some]\nwhen = "{when}"\n'


class Shelf:
    """What a test writes by itself, as a publisher that dies half way would."""

    def __init__(self, house: House) -> None:
        self._here = house.here

    def record(self, number: int, digest: str) -> None:
        """The record of a publication, in every partition of the log."""
        value = encode_policy_published(number, digest)
        for partition in range(self._here.partitions):
            self._send(LOG, value, partition)

    def body(self, packed: bytes) -> None:
        """The body that it names."""
        self._send(POLICIES, packed, 0)

    def _send(self, topic: str, value: bytes, partition: int) -> None:
        servers, headers = self._here.settings.bootstrap_servers, [("kind", b"policy")]
        with closing(KafkaProducer(bootstrap_servers=servers)) as to:
            to.send(topic, value=value, partition=partition, headers=headers).get(10)


def publish_in(house: House, policy: Policy) -> PublishedPolicy:
    return publish(house.here.settings.brokers, policy, now_ms=0)


def goes_by(house: House, policy: Policy) -> bool:
    """Whether it is in force in every partition."""
    found = house.here.policies_in_force()
    return all(each is not None and decode_published(each).policy == policy for each in found)


def is_as_it_must_be(house: House) -> None:
    """States, effects, and the members of the rule."""
    house.is_as_it_must_be()
    found, expected = house.here.when_settled()
    assert found.policies == expected.policies
    assert len(found.states) > 10


def test_a_policy_whose_body_is_missing_is_waited_for_and_the_worker_says_so(house: House) -> None:
    shelf, packed = Shelf(house), encode_published(PublishedPolicy(1, FIRST))
    digest = digest_of_policy(packed)
    with house.says(f"{WAITS}the log names {digest}, but {POLICIES} does not hold it; restore"):
        shelf.record(1, digest)
    house.publish()
    assert house.here.policies_in_force() == [None, None]
    with house.says(GOES_ON):
        shelf.body(packed)
    is_as_it_must_be(house)
    assert goes_by(house, FIRST)


def test_a_policy_of_another_timezone_is_passed_over_with_a_warning(house: House) -> None:
    with house.says(PASSED_OVER):
        publish_in(house, ruled("spend >= 1", business={"timezone": "Asia/Tokyo"}))
    house.publish()
    is_as_it_must_be(house)
    assert goes_by(house, FIRST)
    publish_in(house, SECOND)
    wait_until(lambda: goes_by(house, SECOND))
    is_as_it_must_be(house)


def test_a_worker_that_comes_back_with_another_file_keeps_the_published_policy(
    house: House,
) -> None:
    assert goes_by(house, SECOND)
    before = house.here.members()
    assert house.stop("worker", STOP_WITHIN_S) == 0
    house.config.write_text(file_of("purchases < 0"), "utf-8")
    house.start("worker")
    house.publish()
    is_as_it_must_be(house)
    assert goes_by(house, SECOND)
    members = house.here.members()["rule/some"]
    assert members >= before["rule/some"]
    assert len(members) > 2


def test_a_policy_that_cannot_be_read_ends_the_worker_which_says_which_version_can(
    house: House,
) -> None:
    """The last one: nothing goes on behind it, until a newer version reads it."""
    packed = encode_published(PublishedPolicy(9, FIRST)).replace(b'"schema": 1', b'"schema": 2')
    shelf = Shelf(house)
    shelf.body(packed)
    with house.says("a published policy has schema 2, known is 1; run a version at least as new"):
        shelf.record(9, digest_of_policy(packed))
    assert house.ends("worker") == 1
    assert goes_by(house, SECOND)
