"""Who gets in, and what everybody is told."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from models.events import MAX_VALUE_BYTES
from streams.api.keys import KeyRing
from streams.keys import Keys
from streams.keys import partitions as partitions_key
from streams.ordinals import numbered
from tests.support.api_house import (
    Api,
    House,
    got,
    keys_file,
    nowhere,
    path,
    refused,
    settings,
    waited,
)

SCOPES = ("read", "write", "erase")
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def locked(
    valkey_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[httpx.Client, dict[str, str]]]:
    """A server on a namespace that no worker has begun on, and a key for each scope."""
    file = tmp_path_factory.mktemp("keys") / "keys.jsonl"
    keys = keys_file(file, **{each: [each] for each in SCOPES})
    with (
        Api(settings("front-locked", valkey_url), ring=KeyRing(file)) as api,
        api.asked() as client,
    ):
        yield client, keys


# Method, path, the scope that it needs (none: anybody), and what it answers with that.
TABLE = [
    ("GET", "/v1/overview", "read", 409),
    ("GET", "/v1/customers/c1", "read", 409),
    ("GET", "/v1/customers/c1?explain=true", "read", 409),
    ("GET", "/v1/customers/c1/history", "read", 409),
    ("GET", "/v1/customers/c1/timeline", "read", 409),
    ("GET", "/v1/customers", "read", 409),
    ("GET", "/v1/segments", "read", 409),
    ("GET", "/v1/segments/a/b", "read", 409),
    ("GET", "/v1/segments/a/b/members", "read", 409),
    ("GET", "/v1/segments/a/b/members/c1", "read", 409),
    ("GET", "/v1/lifecycle/sizes", "read", 409),
    ("GET", "/v1/lifecycle/flows", "read", 409),
    ("GET", "/v1/rfm/heatmap", "read", 409),
    ("GET", "/v1/clusters", "read", 409),
    ("GET", "/v1/cohorts", "read", 409),
    ("GET", "/v1/changes", "read", 200),
    ("GET", "/v1/alerts", "read", 200),
    ("GET", "/v1/alerts?customer_id=c1", "read", 409),
    ("GET", "/v1/alerts/report", "read", 200),
    ("GET", "/v1/alerts/0123456789abcdef0123456789abcdef", "read", 404),
    ("GET", "/v1/customers/c1/alerts", "read", 409),
    ("GET", "/v1/segments/a/b/members?holdout=leave_out&for=email", "read", 409),
    ("GET", "/v1/stream?types=x", "read", 400),
    ("GET", "/v1/elsewhere", "read", 404),
    ("POST", "/v1/customers:batchGet", "read", 400),
    ("POST", "/v1/events", "write", 400),
    ("POST", "/v1/ingest/shop", "write", 404),
    ("DELETE", "/v1/customers/c1", "erase", 409),
    ("DELETE", "/v1/customers/a%2Fb", "erase", 409),
    ("GET", "/metrics", "read", 200),
    ("GET", "/healthz", None, 200),
    ("GET", "/readyz", None, 409),
    ("GET", "/openapi.json", None, 200),
    ("GET", "/docs", None, 200),
    ("GET", "/elsewhere", None, 404),
]
each_row = pytest.mark.parametrize(("method", "where", "scope", "status"), TABLE)


@each_row
def test_a_key_opens_what_its_scope_allows_and_nothing_else(
    locked: tuple[httpx.Client, dict[str, str]],
    method: str,
    where: str,
    scope: str | None,
    status: int,
) -> None:
    client, keys = locked
    for name, key in keys.items():
        for headers in ({"X-API-Key": key}, {"Authorization": f"Bearer {key}"}):
            answer = client.request(method, where, headers=headers)
            if scope in (None, name):
                assert answer.status_code == status
            else:
                assert f"lacks the scope {scope}" in refused(answer, 403)
            assert answer.headers["x-content-type-options"] == "nosniff"


@each_row
def test_without_a_key_that_is_known_only_what_is_open_is_answered(
    locked: tuple[httpx.Client, dict[str, str]],
    method: str,
    where: str,
    scope: str | None,
    status: int,
) -> None:
    client, _ = locked
    for headers in ({}, {"X-API-Key": "sk_wrong"}, {"Authorization": "Basic dTpw"}):
        answer = client.request(method, where, headers=headers)
        if scope is None:
            assert answer.status_code == status
        elif answer.status_code != 429:  # who guesses that often is slowed down
            refused(answer, 401)
            assert answer.headers["www-authenticate"].startswith('Bearer realm="segmenter"')


def test_a_key_is_good_under_any_host_name(locked: tuple[httpx.Client, dict[str, str]]) -> None:
    client, keys = locked
    headers = {"X-API-Key": keys["read"], "Host": "shop.example", "Origin": "https://shop.example"}
    assert got(client.get("/v1/changes", headers=headers)) == {"items": []}


# Without keys.


@pytest.mark.parametrize("where", ["/v1/overview", "/v1/customers/%40home", "/", "/metrics"])
def test_without_keys_no_page_of_another_site_gets_in(ask: httpx.Client, where: str) -> None:
    for name, value in (
        ("Host", "shop.example"),
        ("Host", "127.0.0.1.shop.example:8080"),
        ("Host", "192.0.2.7"),
        ("Origin", "https://shop.example"),
        ("Origin", "null"),
    ):
        assert refused(ask.get(where, headers={name: value}), 403).startswith(name.lower())


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]", "127.0.0.9"])
def test_without_keys_this_machine_gets_in_by_any_of_its_names(
    ask: httpx.Client, name: str
) -> None:
    for host in (name, f"{name}:8080"):
        headers = {"Host": host, "Origin": f"http://{host}"}
        assert ask.get("/v1/changes", headers=headers).status_code == 200


# Not too often.


def test_who_asks_too_often_is_told_when_to_come_back(valkey_url: str, namespace: str) -> None:
    with (
        Api(settings(namespace, valkey_url, api_rate_per_s=0.01)) as api,
        api.asked() as client,
    ):
        assert client.get("/v1/changes").status_code == 200
        answer = client.get("/v1/changes")
        assert refused(answer, 429) == "more requests than allowed"
        assert 1 <= int(answer.headers["retry-after"]) <= 100
        assert client.get("/healthz").status_code == 200


def test_a_page_of_a_search_and_a_file_count_as_twenty(valkey_url: str, namespace: str) -> None:
    for where, status in (
        ("/v1/customers?prefix=a", 409),
        ("/v1/segments/a/b/members?format=csv", 409),
        ("/v1/alerts?rule=late", 200),
        ("/v1/alerts/report", 200),
    ):
        with (
            Api(settings(namespace, valkey_url, api_rate_per_s=10.0)) as api,
            api.asked() as client,
        ):
            assert [client.get(where).status_code for _ in range(2)] == [status, 429]


# What is nowhere, too large, or broken.


def test_what_there_is_not_is_a_problem_like_any_other(ask: httpx.Client) -> None:
    refused(ask.get("/v1/"), 404)
    refused(ask.get("/v1/customers/"), 404)
    refused(ask.get("/v1/segments/"), 404)
    refused(ask.get("/static/../../app.py"), 404)
    for method, where in (("PUT", "/v1/events"), ("POST", path("c1")), ("DELETE", "/v1/segments")):
        answer = ask.request(method, where)
        refused(answer, 405)
        assert answer.headers["allow"]


@pytest.mark.parametrize("where", ["/v1/events", "/v1/customers:batchGet"])
def test_more_than_a_megabyte_is_not_read(ask: httpx.Client, where: str) -> None:
    def pieces() -> Iterator[bytes]:
        yield b'{"ids": ["'
        for _ in range(11):
            yield b"x" * 100_000
        yield b'"]}'

    for content in (b"[" + b" " * MAX_VALUE_BYTES, pieces()):
        answer = ask.post(where, content=content, headers=JSON)
        assert refused(answer, 413) == "more than 1000000 bytes"


@pytest.fixture
def broken(valkey_url: str, namespace: str) -> Iterator[Api]:
    """A server on a store in which somebody's state can't be read."""
    with redis.Redis.from_url(valkey_url) as client:
        client.set(partitions_key(namespace), 1)
        keys = Keys(namespace, 0)
        client.hset(keys.customers, "c1", numbered(0, b"nonsense"))
        client.hset(keys.ids(0), "0", "c1")
        client.setbit(keys.members("lifecycle/new"), 0, 1)
    with Api(settings(namespace, valkey_url)) as api:
        yield api


def test_a_fault_of_ours_says_nothing_of_our_insides(
    broken: Api, caplog: pytest.LogCaptureFixture
) -> None:
    with broken.asked() as client:
        for where in (
            path("c1"),
            path("c1") + "?explain=true",
            "/v1/segments/lifecycle/new/members",
        ):
            caplog.clear()
            assert refused(client.get(where), 500) == "see the log of the API process"
            assert "CorruptState" in caplog.text


def test_a_sender_who_goes_away_before_the_end_of_the_body_fills_no_log(
    locked: tuple[httpx.Client, dict[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    client, keys = locked

    def answered() -> int:
        told = client.get("/metrics", headers={"X-API-Key": keys["read"]}).text
        asked = re.findall(
            r'requests_total\{route="/v1/ingest/\{source\}",status="[45]\d\d"\} (\d+)', told
        )
        return sum(map(int, asked))

    before = answered()
    head = f"POST /v1/ingest/shop HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {keys['write']}\r\n"
    with socket.create_connection((client.base_url.host, client.base_url.port)) as sender:
        sender.sendall(f"{head}Content-Length: 100\r\n\r\nabc".encode())
    waited(lambda: answered() == before + 1, "the answer")
    assert [each.getMessage() for each in caplog.records if each.levelname == "ERROR"] == []


def test_a_file_that_breaks_half_way_does_not_look_whole(
    broken: Api, caplog: pytest.LogCaptureFixture
) -> None:
    with broken.asked() as client, pytest.raises(httpx.RemoteProtocolError):
        client.get("/v1/segments/lifecycle/new/members?format=csv")


# Operating.


def test_alive_is_not_ready(valkey_url: str, namespace: str) -> None:
    with Api(settings(namespace, valkey_url)) as api, api.asked() as client:
        assert got(client.get("/healthz")) == {"status": "ok"}
        assert client.head("/healthz").status_code == 200
        refused(client.get("/readyz"), 409)
        with redis.Redis.from_url(valkey_url) as store:
            store.set(partitions_key(namespace), 1)
        assert got(client.get("/readyz")) == {"status": "ready"}


def test_without_a_store_the_process_is_alive_and_not_ready(namespace: str) -> None:
    with Api(settings(namespace, nowhere())) as api, api.asked() as client:
        assert got(client.get("/healthz")) == {"status": "ok"}
        answer = client.get("/readyz")
        assert refused(answer, 503) == "the store does not answer"
        assert answer.headers["retry-after"] == "1"


def test_metrics_count_requests_by_route_and_never_by_whom_they_are_about(
    house: House,
) -> None:
    with Api(house.settings) as api, api.asked() as client:
        for where in (path("@home"), path("@home") + "?explain=true", path("secret"), "/secret"):
            client.get(where)
        client.get("/v1/segments/lifecycle/active/members/secret")
        text = client.get("/metrics").text
    counted = {
        line.partition("{")[2].rpartition("}")[0]: float(line.split()[-1])
        for line in text.splitlines()
        if line.startswith("segmenter_api_requests_total{")
    }
    route = "/v1/customers/{customer_id}"
    members = "/v1/segments/{kind}/{group}/members/{customer_id}"
    assert counted == {
        f'route="{route}",status="200"': 2,
        f'route="{route}",status="404"': 1,
        'route="other",status="404"': 1,
        f'route="{members}",status="404"': 1,
    }
    assert "secret" not in text
    assert 'segmenter_api_portraits{outcome="miss"} 1.0' in text


def test_the_documents_name_no_other_site(ask: httpx.Client, tmp_path: Path) -> None:
    page = ask.get("/docs")
    assert page.status_code == 200
    assert "https://" not in page.text.replace("https://fastapi.tiangolo.com", "")
    document: dict[str, Any] = got(ask.get("/openapi.json"))
    assert document["openapi"].startswith("3.1")
    assert got(ask.get("/openapi.json")) == document
