"""Asking for a person to be forgotten, or for two ids to be one: written, acted on, told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer
from pydantic import SecretStr

from models.codec import encode_held
from models.customer import Alias, CustomerState
from models.erasure import Mark, Pseudonyms, Removed, encode_mark
from models.policy import policy_from_preset
from streams.brokers import Brokers
from streams.log import KafkaUnavailable
from streams.lookup import NothingYet
from streams.memory_store import MemoryStore
from streams.partitioner import partition_of
from streams.persons import NotYet, OnePerson, Persons, Receipt
from streams.processes import as_environment
from streams.store import Change, CustomerWrite, Meta
from streams.topics import ERASURES, LOG, TOPICS
from tests.real_parts import RealParts
from tests.support.installation import Installation, wait_until
from tests.support.oracle import messages
from tests.support.story import noon
from tests.support.terminal import NOWHERE, Terminal

KEYED = Pseudonyms(b"a secret")
ADA, ABEL, NOBODY = "ada@example.org", "abel@example.org", "nobody@example.org"


async def store_with(**held: CustomerState | Alias) -> MemoryStore:
    """A store of one partition that holds these."""
    store = MemoryStore(lambda: 0)
    await store.set_partitions(1)
    writes = {id_: CustomerWrite(encode_held(each), None, (), ()) for id_, each in held.items()}
    assert await store.apply(0, Meta(), Change(Meta(1, b"n1", key_id=KEYED.key_id), writes, ()))
    return store


async def test_before_any_worker_has_begun_nothing_is_asked_for() -> None:
    persons = Persons(MemoryStore(lambda: 0), Brokers(NOWHERE), KEYED)
    with pytest.raises(NothingYet, match="segmenter run all"):
        await persons.erase("a")
    with pytest.raises(NothingYet, match="segmenter run all"):
        await persons.merge("a", "b")


async def test_who_is_one_person_already_is_not_merged_again() -> None:
    store = await store_with(a=Alias("b", 1), b=Alias("c", 2), c=CustomerState(1, names={"a": 1}))
    for one, into in (("a", "b"), ("a", "c"), ("c", "b")):
        with pytest.raises(OnePerson):
            await Persons(store, Brokers(NOWHERE), KEYED).merge(one, into)


async def test_without_kafka_it_says_that_asking_again_does_no_harm() -> None:
    persons = Persons(await store_with(), Brokers(NOWHERE), KEYED)
    with pytest.raises(KafkaUnavailable, match="ask again, asking twice does no harm"):
        await persons.erase("a")


async def test_if_no_worker_acts_it_says_where_the_request_stands(bootstrap_servers: str) -> None:
    from streams.log import LogInspector

    LogInspector(Brokers(bootstrap_servers)).create(TOPICS, 4, 1)
    persons = Persons(await store_with(), Brokers(bootstrap_servers), KEYED, wait_s=0.2)
    with pytest.raises(NotYet, match=r"stands in the log \(partition \d, offset \d+\)"):
        await persons.erase("a")


def test_a_receipt_says_what_was_removed_and_not_whose_it_was() -> None:
    removed = Removed(True, 3, 2, 1, True, 1)  # noqa: FBT003
    receipt = Receipt(KEYED.of("a"), "erasure-1", 0, 7, Mark(noon(0), "e", removed))
    assert receipt.as_json() == {
        "pseudonym": KEYED.of("a"),
        "event_id": "erasure-1",
        "log": {"partition": 0, "offset": 7},
        "erased_through": "2024-01-01T12:00:00.000Z",
        "removed": {
            "state": True,
            "purchases": 3,
            "remembered": 2,
            "attributes": 1,
            "in_sketch": True,
            "names": 1,
        },
    }
    assert encode_mark(receipt.mark)


@pytest.fixture
def here(real_parts: RealParts, tmp_path: Path, namespace: str) -> Iterator[Installation]:
    """An installation with a hash key, whose worker and relay run."""
    broker = real_parts.broker(tmp_path)
    valkey = real_parts.store(tmp_path)
    config = tmp_path / "segmenter.toml"
    config.write_text('preset = "grocery"\n', "utf-8")
    with broker, valkey:
        policy = policy_from_preset("grocery")
        one = Installation(broker.bootstrap_servers, valkey.url, namespace, policy)
        one.settings = one.settings.model_copy(update={"hash_key": SecretStr("a secret")})
        try:
            for command in ("worker", "relay"):
                one.start(command, config)
            yield one
        finally:
            one.close()


def buy(here: Installation, customer_id: str, event_id: str) -> None:
    """A purchase, long ago."""
    body = {
        "customer_id": customer_id,
        "occurred_at": "2024-01-01T12:00:00Z",
        "event_id": event_id,
        "amount_minor": 1_000,
        "currency": "USD",
    }
    producer: Any = KafkaProducer(bootstrap_servers=here.settings.bootstrap_servers)
    producer.send(
        LOG,
        key=customer_id.encode(),
        value=json.dumps(body).encode(),
        headers=[("kind", b"purchase")],
    ).get(10)
    producer.close()


def stored(here: Installation, partition: int) -> dict[bytes, bytes]:
    """Everything that Redis holds of a partition, key by key, as it would be dumped."""
    return {
        key: here.redis.dump(key) or b""
        for key in here.redis.scan_iter(f"seg:{{{here.settings.namespace}:{partition}}}:*")
    }


@pytest.mark.slow
def test_two_ids_are_merged_looked_up_by_either_and_erased_by_the_other(
    here: Installation, tmp_path: Path
) -> None:
    assert [partition_of(each, 2) for each in (ADA, ABEL)] == [0, 1]
    config = str(tmp_path / "segmenter.toml")
    terminal = Terminal(as_environment(here.settings))

    def run(*words: str) -> Any:
        ran = terminal.run("--config", config, "customer", *words, "--json")
        assert (ran.exit_code, ran.err) == (0, "")
        return ran.json

    buy(here, ADA, "p1")
    buy(here, ABEL, "p2")
    wait_until(lambda: len(here.states()) == 2)
    merged = run("merge", ABEL, ADA)
    assert (merged["customer_id"], merged["names"]) == (ADA, [ABEL])
    again = terminal.run("--config", config, "customer", "merge", ABEL, ADA)
    assert (again.exit_code != 0, "the same person's already" in again.err) == (True, True)

    found = run("get", ABEL)
    assert (found["customer_id"], found["purchases"], found["names"]) == (ADA, 2, [ABEL])

    receipt = run("erase", ABEL)
    assert receipt["pseudonym"] == KEYED.of(ADA)
    assert receipt["removed"] == {
        "state": True,
        "purchases": 2,
        "remembered": 2,
        "attributes": 0,
        "in_sketch": True,
        "names": 1,
    }
    wait_until(lambda: here.states() == {})
    here.wait_until_relayed()
    for name in (ADA, ABEL):
        assert terminal.run("--config", config, "customer", "get", name).exit_code == 3

    marks = list(messages(here.settings.bootstrap_servers, ERASURES))
    named = {each.key.decode().rpartition("/")[2] for each in marks}
    assert named == {KEYED.of(each) for each in (ADA, ABEL)}
    assert not any(b"example" in each.value for each in marks)
    for partition in (0, 1):
        for key, dumped in stored(here, partition).items():
            if not key.endswith(b":outbox"):  # a stream's nodes go when their last row does
                assert b"example" not in key + dumped

    nobody = run("erase", NOBODY)
    assert nobody["removed"]["state"] is False
