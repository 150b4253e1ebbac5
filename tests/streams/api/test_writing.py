"""Events and erasures over HTTP: checked, then written into the log."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import redis
from kafka import KafkaConsumer, TopicPartition

from streams.brokers import Brokers
from streams.connections import opened
from streams.feed import FeedingSender
from streams.local import free_port
from streams.log import LogInspector, Record, read_until
from streams.loop import APPENDED_MS
from streams.partitioner import partition_of
from streams.redis_store import RedisStore, connect
from streams.topics import LOG, TOPICS
from tests.support.api_house import (
    HASH_KEY,
    PARTITIONS,
    PATIENCE_S,
    Acknowledging,
    Api,
    Shop,
    got,
    path,
    refused,
    settings,
)
from tests.support.settled_town import KEYED

BOUGHT: dict[str, Any] = {
    "kind": "purchase",
    "event_id": "order-1/paid",
    "customer_id": "Zoe\u0308 🛍️/1",
    "occurred_at": "2026-01-01T10:00:00+01:00",
    "amount_minor": 1_250,
    "currency": "USD",
    "our_own": {"field": [1.5, None]},
}
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def log(bootstrap_servers: str) -> LogInspector:
    inspector = LogInspector(Brokers(bootstrap_servers))
    inspector.create(TOPICS, PARTITIONS, 1)
    return inspector


@pytest.fixture(scope="module")
def api(bootstrap_servers: str, valkey_url: str, log: LogInspector) -> Iterator[Api]:
    with redis.Redis.from_url(valkey_url) as client:
        client.set("seg:writing:partitions", PARTITIONS)
    given = settings("writing", valkey_url, bootstrap_servers=bootstrap_servers)
    with Api(given) as one:
        yield one


@pytest.fixture
def ask(api: Api) -> Iterator[httpx.Client]:
    with api.asked() as client:
        yield client


def record_at(servers: str, partition: int, offset: int) -> Record:
    """What stands there."""
    place = TopicPartition(LOG, partition)
    with opened(KafkaConsumer, Brokers(servers)) as consumer:
        consumer.assign([place])
        consumer.seek(place, offset)
        ((_, record),) = read_until(consumer, {place: offset + 1})
    return record


# Events.


def test_an_event_stands_in_the_log_as_a_producer_would_have_written_it(
    ask: httpx.Client, bootstrap_servers: str, log: LogInspector
) -> None:
    told = got(ask.post("/v1/events", json=BOUGHT), 202)
    assert set(told) == {"event_id", "partition", "offset"}
    record = record_at(bootstrap_servers, told["partition"], told["offset"])
    assert record.key == "Zo\u00eb 🛍️/1".encode()
    assert record.headers == (("kind", b"purchase"),)
    body = {name: each for name, each in BOUGHT.items() if name != "kind"}
    assert json.loads(record.value or b"") == body
    partitions = log.facts(LOG).partitions
    assert told["partition"] == partition_of("Zo\u00eb 🛍️/1", partitions)


def test_the_same_event_sent_again_has_the_same_id(ask: httpx.Client) -> None:
    one, other = (got(ask.post("/v1/events", json=BOUGHT), 202) for _ in range(2))
    assert one["event_id"] == other["event_id"] == "order-1/paid"
    assert one["offset"] < other["offset"]


@pytest.mark.parametrize("given", [{}, {"event_id": None}])
def test_an_event_without_an_id_is_given_one_that_stands_in_the_log(
    ask: httpx.Client, bootstrap_servers: str, given: dict[str, Any]
) -> None:
    nameless = {name: each for name, each in BOUGHT.items() if name != "event_id"}
    told = got(ask.post("/v1/events", json={**nameless, **given}), 202)
    record = record_at(bootstrap_servers, told["partition"], told["offset"])
    assert json.loads(record.value or b"")["event_id"] == told["event_id"]
    assert len(told["event_id"]) > 20


@pytest.mark.parametrize(
    "event",
    [
        {"kind": "refund", "amount_minor": 5, "currency": "USD", "order_id": "o1"},
        {"kind": "profile", "attributes": {"region": "north"}},
        {"kind": "engagement", "type": "survey", "score": 4.5},
        {"kind": "merge", "into": "somebody else"},
    ],
)
def test_what_may_be_written_is_written(
    ask: httpx.Client, bootstrap_servers: str, event: dict[str, Any]
) -> None:
    whole = {"customer_id": "c1", "occurred_at": "2026-01-01T10:00:00Z", **event}
    told = got(ask.post("/v1/events", json=whole), 202)
    record = record_at(bootstrap_servers, told["partition"], told["offset"])
    assert record.headers == (("kind", event["kind"].encode()),)


DEEP = b'{"kind": "purchase", "deep": ' + b"[" * 600 + b"]" * 600 + b"}"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"\xff", "not_json"),
        (b'{"a": NaN}', "not_json"),
        (b'{"a": "\\ud800"}', "not_json"),
        (b"[" * 5_000, "not_json"),
        (b"[]", "invalid"),
        (b'"purchase"', "invalid"),
        (b'{"kind": "purchase"}', "invalid"),
        (DEEP, "invalid"),
        (json.dumps({**BOUGHT, "customer_id": "x" * 257}).encode(), "invalid"),
        (json.dumps({**BOUGHT, "amount_minor": "12"}).encode(), "invalid"),
        (json.dumps({**BOUGHT, "occurred_at": "2999-01-01T00:00:00Z"}).encode(), "future"),
    ],
)
def test_what_would_be_a_dead_letter_is_refused_with_the_same_reason(
    ask: httpx.Client, body: bytes, reason: str
) -> None:
    answer = ask.post("/v1/events", content=body, headers=JSON)
    refused(answer, 422)
    assert answer.json()["reason"] == reason


@pytest.mark.parametrize(
    "kind", [None, "", "tick", "erasure", "population", "transfer", 7, ["purchase"], {}]
)
def test_a_kind_that_nobody_may_write_is_refused(ask: httpx.Client, kind: object) -> None:
    answer = ask.post("/v1/events", json={**BOUGHT, "kind": kind})
    assert refused(answer, 400).startswith("kind: must be one of purchase, refund,")


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_what_a_form_of_another_site_could_send_is_refused(ask: httpx.Client, kind: str) -> None:
    answer = ask.post("/v1/events", content=json.dumps(BOUGHT), headers={"content-type": kind})
    assert refused(answer, 400).startswith("content-type: ")


def test_without_kafka_nothing_is_written_and_everything_else_works(
    valkey_url: str, namespace: str
) -> None:
    away = settings(namespace, valkey_url, bootstrap_servers=f"127.0.0.1:{free_port()}")
    with Api(away) as api, api.asked() as client:
        for _ in range(2):
            answer = client.post("/v1/events", json=BOUGHT)
            assert refused(answer, 503) == "the log does not answer"
            assert answer.headers["retry-after"] == "1"
        assert client.get("/v1/changes").status_code == 200


# Erasures.


def test_an_erasure_that_no_worker_has_acted_on_stands_in_the_log(
    ask: httpx.Client, bootstrap_servers: str, log: LogInspector
) -> None:
    told = got(ask.delete(path("a/b")), 202)
    assert told["status"] == "pending"
    place = partition_of("a/b", log.facts(LOG).partitions)
    record = log.tail(LOG, [place], 1)[place][0]
    assert (record.key, record.headers) == (b"a/b", (("kind", b"erasure"),))
    assert json.loads(record.value or b"")["customer_id"] == "a/b"


def test_what_is_erased_is_gone_everywhere_and_the_receipt_does_not_say_who_it_was(
    bootstrap_servers: str, valkey_url: str, namespace: str, log: LogInspector
) -> None:
    given = settings(namespace, valkey_url, bootstrap_servers=bootstrap_servers)
    with Api(given, erase_wait_s=PATIENCE_S) as api:
        asyncio.run(_erase(api, valkey_url, namespace, log))


async def _erase(api: Api, valkey_url: str, namespace: str, log: LogInspector) -> None:
    """A worker folds by hand what the API writes."""
    who, other = "anna/1", "bea"
    now_ms = APPENDED_MS - 5_000
    async with (
        connect(valkey_url) as client,
        httpx.AsyncClient(base_url=api.url, timeout=PATIENCE_S) as asked,
    ):
        store = RedisStore(client, namespace)
        await store.set_partitions(PARTITIONS)
        with redis.Redis.from_url(valkey_url) as feeder:
            shop = Shop(store, FeedingSender(Acknowledging(), feeder, namespace, KEYED))
            shop.buy(who, now_ms - 2_000, "e1")
            shop.buy(other, now_ms - 2_000, "e2")
            shop.put("merge", "card", now_ms - 1_000, into=who, event_id="e3")
            await shop.settle()
            assert got(await asked.get(path("card")))["customer_id"] == who
            assert len(got(await asked.get("/v1/changes"))["items"]) >= 2
            deleting = asyncio.ensure_future(asked.delete(path("card")))
            shop.put("erasure", "card", now_ms, **await _erasure("card", log))
            await shop.settle()
            receipt = got(await deleting)
            assert receipt["pseudonym"] == KEYED.of(who)
            assert receipt["removed"]["purchases"] == 1
            assert not {who, "card"} & set(json.dumps(receipt).split('"'))
            for name in (who, "card"):
                refused(await asked.get(path(name)), 404)
                refused(await asked.get(path(name) + "/history"), 404)
            changes = got(await asked.get("/v1/changes"))["items"]
            assert [(each["customer_id"], each["type"]) for each in changes] == [
                (other, "lifecycle.changed")
            ]
            members = got(await asked.get("/v1/segments/lifecycle/new/members"))["items"]
            assert [each["customer_id"] for each in members] == [other]
            assert got(await asked.get(path(other)))["purchases"] == 1


async def _erasure(who: str, log: LogInspector) -> dict[str, Any]:
    """The fields of the newest erasure of somebody, once it stands in the log."""
    place = partition_of(who, log.facts(LOG).partitions)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            for record in (await asyncio.to_thread(log.tail, LOG, [place], 1))[place]:
                body: dict[str, Any] = json.loads(record.value or b"{}")
                if body.get("customer_id") == who:
                    return {"event_id": body["event_id"]}


def test_the_settings_of_the_house_have_the_key_of_its_fold() -> None:
    given = settings("main", "redis://127.0.0.1:1/0")
    assert given.hash_key.get_secret_value() == HASH_KEY
    assert given.pseudonyms.of("anna") == KEYED.of("anna")
