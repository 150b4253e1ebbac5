"""Webhooks of sources over HTTP: who may send, what is answered, what then stands in Kafka."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck
from hypothesis import settings as bounded
from schemathesis import Case
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection

from models.adapters import Outcome, normalise, sources_from_toml
from models.events import MAX_VALUE_BYTES
from streams.api import ingest
from streams.api.app import documented_app
from streams.api.keys import KeyRing
from streams.brokers import Brokers
from streams.local import free_port
from streams.log import LogInspector, Record
from streams.partitioner import partition_of
from streams.source_config import Sources
from streams.topics import DEAD_LETTERS, LOG, TOPICS
from tests.support.api_house import PARTITIONS, Api, got, keys_file, refused, settings

SECRET, OTHER = b"shpss_a-secret", b"shpss_another"
NOW_MS = 1_772_359_200_000  # 2026-03-01T10:00:00Z
ORDER: dict[str, Any] = {
    "id": 7,
    "created_at": "2026-03-01T09:00:00Z",
    "processed_at": "2026-03-01T09:00:00Z",
    "currency": "USD",
    "total_price": "49.90",
    "customer": {"id": 1228},
    "line_items": [],
    "financial_status": "paid",
}
CHARGE: dict[str, Any] = {
    "id": "evt_1",
    "type": "charge.succeeded",
    "livemode": True,
    "created": NOW_MS // 1000 - 60,
    "data": {
        "object": {
            "id": "ch_1",
            "object": "charge",
            "created": NOW_MS // 1000 - 60,
            "amount": 1999,
            "amount_captured": 1999,
            "captured": True,
            "paid": True,
            "currency": "eur",
            "customer": "cus_1",
        }
    },
}
VISIT = {
    "type": "page",
    "messageId": "m1",
    "userId": "u1",
    "timestamp": "2026-03-01T09:00:00Z",
    "properties": {},
}


def shopify(body: bytes, secret: bytes = SECRET, topic: str = "orders/create") -> dict[str, str]:
    """The headers that Shopify sends."""
    signature = base64.b64encode(hmac.digest(secret, body, hashlib.sha256)).decode()
    return {"X-Shopify-Topic": topic, "X-Shopify-Hmac-Sha256": signature}


def stripe(body: bytes, secret: bytes = SECRET, at_s: int = NOW_MS // 1000) -> dict[str, str]:
    """Those of Stripe."""
    signed = hmac.new(secret, b"%d." % at_s + body, "sha256").hexdigest()
    return {"Stripe-Signature": f"t={at_s},v1={signed}"}


def segment(body: bytes, secret: bytes = SECRET) -> dict[str, str]:
    """Those of Segment."""
    return {"X-Signature": hmac.new(secret, body, "sha1").hexdigest()}


SIGNING: dict[str, tuple[dict[str, Any], Callable[..., dict[str, str]], str]] = {
    "shop": (ORDER, shopify, "shopify:order:7"),
    "pay": (CHARGE, stripe, "stripe:charge:ch_1"),
    "site": (VISIT, segment, "segment:message:m1"),
}
DOCUMENT = schemathesis.openapi.from_dict(documented_app().openapi(), config=SchemathesisConfig())
INGEST = DOCUMENT.include(path="/v1/ingest/{source}")
each_signing = pytest.mark.parametrize("name", sorted(SIGNING))


def sources(secrets: Path) -> Sources:
    """Three that sign, and two that do not."""
    signing = {"shop": "shopify", "pay": "stripe", "site": "segment"}
    tables = [
        f'[sources.{name}]\nsource = "{kind}"\nsecret_file = "{secrets}"\n'
        for name, kind in signing.items()
    ]
    unsigned = {"unsigned-shop": "shopify", "web": "ga4"}
    tables += [f'[sources.{name}]\nsource = "{kind}"\n' for name, kind in unsigned.items()]
    return sources_from_toml("".join(tables))


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("secrets") / "secrets"
    file.write_bytes(SECRET + b"\n")
    return file


@pytest.fixture(scope="module")
def log(bootstrap_servers: str) -> LogInspector:
    inspector = LogInspector(Brokers(bootstrap_servers))
    inspector.create(TOPICS, PARTITIONS, 1)
    return inspector


@pytest.fixture(scope="module")
def locked(
    bootstrap_servers: str,
    valkey_url: str,
    log: LogInspector,
    secrets: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Api, dict[str, str]]]:
    """A server with keys, as it may listen beyond this machine."""
    file = tmp_path_factory.mktemp("keys") / "keys.jsonl"
    keys = keys_file(file, **{each: [each] for each in ("read", "write")}, both=["write", "erase"])
    given = settings("ingesting", valkey_url, bootstrap_servers=bootstrap_servers)
    with Api(given, ring=KeyRing(file), clock=lambda: NOW_MS, sources=sources(secrets)) as api:
        yield api, keys


@pytest.fixture
def ask(locked: tuple[Api, dict[str, str]]) -> Iterator[httpx.Client]:
    """Without a key."""
    with locked[0].asked() as client:
        yield client


@pytest.fixture
def keys(locked: tuple[Api, dict[str, str]]) -> dict[str, str]:
    return locked[1]


def newest(
    log: LogInspector, topic: str, partitions: Sequence[int], count: int = 1
) -> list[Record]:
    return [each for found in log.tail(topic, partitions, count).values() for each in found]


def dead_letters(log: LogInspector) -> list[Record]:
    """All there are."""
    return newest(log, DEAD_LETTERS, range(log.facts(DEAD_LETTERS).partitions), 10_000)


def post(
    client: httpx.Client, name: str, body: bytes, headers: dict[str, str], key: str | None = None
) -> httpx.Response:
    asked = {"content-type": "application/json", **headers}
    if key is not None:
        asked["X-API-Key"] = key
    return client.post(f"/v1/ingest/{name}", content=body, headers=asked)


@each_signing
def test_who_signs_needs_no_key_and_the_event_stands_in_the_log(
    ask: httpx.Client, log: LogInspector, name: str
) -> None:
    event, sign, event_id = SIGNING[name]
    body = json.dumps(event).encode()
    told = got(post(ask, name, body, sign(body)), 202)
    (first, *_) = told["events"]
    assert (told["written"], told["dead_letters"]) == (1, 0)
    assert (first["outcome"], first["event_id"]) == ("written", event_id)
    customer_id = {"shop": "1228", "pay": "cus_1", "site": "u1"}[name]
    place = partition_of(customer_id, log.facts(LOG).partitions)
    (record,) = newest(log, LOG, [place])
    assert (record.key, record.headers) == (
        customer_id.encode(),
        (("kind", first["kind"].encode()),),
    )
    assert json.loads(record.value or b"")["event_id"] == event_id


@each_signing
def test_a_wrong_signature_is_401_counted_and_nothing_is_written(
    locked: tuple[Api, dict[str, str]], ask: httpx.Client, log: LogInspector, name: str
) -> None:
    event, sign, _ = SIGNING[name]
    body, before = json.dumps(event).encode(), log.extents(LOG, [0, 1])
    wrong: list[dict[str, str]] = [sign(body, OTHER), sign(body + b" "), {}]
    for headers in wrong:
        answer = post(ask, name, body, headers)
        if answer.status_code != 429:  # who guesses that often is slowed down
            assert refused(answer, 401).startswith(f"source {name}: ")
            assert SECRET.decode() not in answer.text
    assert log.extents(LOG, [0, 1]) == before
    registry = locked[0].front._parts().meter.registry
    labels = {"source": name, "outcome": "bad_signature"}
    assert (registry.get_sample_value("segmenter_ingested_total", labels) or 0) >= 3


def test_a_key_does_not_stand_in_for_a_signature(ask: httpx.Client, keys: dict[str, str]) -> None:
    answer = post(ask, "shop", json.dumps(ORDER).encode(), {}, keys["write"])
    assert answer.status_code in {401, 429}


def test_who_guesses_signatures_is_slowed_down_and_the_shop_is_not(
    ask: httpx.Client,
) -> None:
    body = json.dumps(ORDER).encode()
    statuses = [post(ask, "shop", body, shopify(body, OTHER)).status_code for _ in range(30)]
    assert set(statuses) <= {401, 429}
    assert 429 in statuses
    assert post(ask, "shop", body, shopify(body)).status_code == 202


def test_an_old_stripe_signature_is_refused(ask: httpx.Client) -> None:
    body = json.dumps(CHARGE).encode()
    answer = post(ask, "pay", body, stripe(body, at_s=NOW_MS // 1000 - 301))
    assert answer.status_code in {401, 429}


def test_a_secret_rotates_without_a_restart(ask: httpx.Client, secrets: Path) -> None:
    body = json.dumps(ORDER).encode()
    secrets.write_bytes(OTHER + b"\n" + SECRET + b"\n")
    for secret in (SECRET, OTHER):
        assert post(ask, "shop", body, shopify(body, secret)).status_code == 202
    secrets.write_bytes(SECRET + b"\n")
    assert post(ask, "shop", body, shopify(body, OTHER)).status_code in {401, 429}
    assert post(ask, "shop", body, shopify(body, SECRET)).status_code == 202


def test_a_source_that_does_not_sign_or_has_no_secret_needs_a_key_that_may_write(
    ask: httpx.Client, keys: dict[str, str]
) -> None:
    body = json.dumps(ORDER).encode()
    for name in ("unsigned-shop", "web"):
        assert post(ask, name, body, shopify(body)).status_code in {401, 429}
        assert "lacks the scope write" in refused(post(ask, name, body, {}, keys["read"]), 403)
    headers = {"X-Shopify-Topic": "orders/create"}
    assert got(post(ask, "unsigned-shop", body, headers, keys["write"]), 202)["written"] == 1


def test_who_may_not_erase_cannot_have_somebody_erased_by_a_webhook(
    ask: httpx.Client, keys: dict[str, str], log: LogInspector
) -> None:
    redact = {"shop_id": 1, "customer": {"id": 1228}, "orders_to_redact": []}
    body, headers = json.dumps(redact).encode(), {"X-Shopify-Topic": "customers/redact"}
    before = log.extents(LOG, [0, 1])
    answer = post(ask, "unsigned-shop", body, headers, keys["write"])
    assert "lacks the scope erase" in refused(answer, 403)
    assert log.extents(LOG, [0, 1]) == before
    told = got(post(ask, "shop", body, shopify(body, topic="customers/redact")), 202)
    assert [each["kind"] for each in told["events"]] == ["erasure"]


def test_an_unknown_source_is_404_and_named_are_those_that_are_known(
    ask: httpx.Client, keys: dict[str, str]
) -> None:
    assert post(ask, "nobody", b"{}", {}).status_code in {401, 429}
    answer = post(ask, "nobody", b"{}", {}, keys["write"])
    assert refused(answer, 404) == "there is no source 'nobody'"
    assert answer.json()["remedy"] == "sources are: shop, pay, site, unsigned-shop, web"


def test_what_cannot_be_used_is_a_dead_letter_as_it_came_and_is_answered_202(
    ask: httpx.Client, log: LogInspector
) -> None:
    order = {**ORDER, "total_price": "12.345", "note": "x" * 70_000}  # no other copy is kept
    body, before = json.dumps(order).encode(), len(dead_letters(log))
    told = got(post(ask, "shop", body, shopify(body)), 202)
    assert (told["written"], told["dead_letters"]) == (0, 1)
    (refusal,) = (each for each in told["events"] if each["outcome"] == "dead_letter")
    assert refusal["reason"] == "invalid"
    assert "total_price" in refusal["detail"]
    found = dead_letters(log)
    assert len(found) == before + 1
    (letter,) = [each for each in found if each.value == body]
    assert dict(letter.headers) == {
        "x-shopify-topic": b"orders/create",
        "error.reason": b"invalid",
        "error.detail": refusal["detail"].encode(),
        "source.name": b"shop",
        "source.topic": b"/v1/ingest/shop",
        "source.namespace": b"ingesting",
    }


def test_while_a_long_body_is_read_others_are_answered(
    ask: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, goes_on = threading.Event(), threading.Event()

    def slow(*given: Any) -> tuple[Outcome, ...]:
        began.set()
        assert goes_on.wait(20)
        return normalise(*given)

    monkeypatch.setattr(ingest, "normalise", slow)
    body = json.dumps(
        {**VISIT, "event": "none of ours", "type": "track", "x": "x" * 70_000}
    ).encode()
    with ThreadPoolExecutor() as pool:
        sent = pool.submit(post, ask, "site", body, segment(body))
        assert began.wait(20)
        got(ask.get("/healthz", timeout=5))
        goes_on.set()
        assert got(sent.result(), 202)["ignored"] == 1


def test_a_body_that_is_too_long_is_413(ask: httpx.Client) -> None:
    body = b" " * (MAX_VALUE_BYTES + 1)
    refused(post(ask, "shop", body, shopify(body)), 413)


def test_what_a_form_of_another_site_could_send_is_refused_of_who_does_not_sign(
    ask: httpx.Client, keys: dict[str, str]
) -> None:
    headers = {"content-type": "text/plain", "X-API-Key": keys["write"]}
    answer = ask.post("/v1/ingest/web", content=b"{}", headers=headers)
    assert refused(answer, 400).startswith("content-type: ")


@pytest.mark.parametrize("name", ["shop", "unsigned-shop"])
def test_without_kafka_the_sender_is_asked_to_come_again(
    valkey_url: str, namespace: str, secrets: Path, name: str
) -> None:
    away = settings(namespace, valkey_url, bootstrap_servers=f"127.0.0.1:{free_port()}")
    body = json.dumps(ORDER).encode()
    with Api(away, sources=sources(secrets), clock=lambda: NOW_MS) as api, api.asked() as client:
        answer = post(client, name, body, shopify(body))
        assert refused(answer, 503) == "the log does not answer"
        assert answer.headers["retry-after"] == "1"


def test_without_keys_only_a_signature_lets_somebody_in_from_elsewhere(
    bootstrap_servers: str, valkey_url: str, log: LogInspector, secrets: Path
) -> None:
    given = settings("tunnelled", valkey_url, bootstrap_servers=bootstrap_servers)
    body, elsewhere = json.dumps(ORDER).encode(), {"Host": "hooks.example.com"}
    with Api(given, sources=sources(secrets), clock=lambda: NOW_MS) as api, api.asked() as client:
        assert post(client, "shop", body, {**shopify(body), **elsewhere}).status_code == 202
        assert post(client, "unsigned-shop", body, elsewhere).status_code == 403


@INGEST.parametrize()
@bounded(
    max_examples=15,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_documented_whatever_a_source_sends(
    case: Case[Any], locked: tuple[Api, dict[str, str]]
) -> None:
    case.path_parameters = {"source": "web"}  # so none is a wrong name any more
    case.call_and_validate(
        locked[0].url,
        headers={"X-API-Key": locked[1]["both"]},
        excluded_checks=[ignored_auth, negative_data_rejection],
    )
