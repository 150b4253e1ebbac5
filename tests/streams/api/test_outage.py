"""Redis goes and comes back: the API says so meanwhile, and goes on by itself."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import httpx
import pytest
import redis

from streams.client import Segmenter
from streams.feed import FeedingSender
from streams.local import LocalStore
from streams.redis_store import RedisStore, connect
from tests.real_parts import VALKEY, RealParts
from tests.support.api_feed import Town
from tests.support.api_house import (
    PARTITIONS,
    Acknowledging,
    Api,
    Shop,
    got,
    path,
    refused,
    settings,
    waited,
)
from tests.support.settled_town import KEYED
from tests.support.story import noon

WHO = "Zo\u00eb/1"
ASKED = (
    *(path(WHO), path(WHO) + "?explain=true", path("nobody"), "/v1/customers", "/v1/overview"),
    *("/v1/segments", "/v1/segments/lifecycle/new/members", "/v1/lifecycle/flows", "/v1/cohorts"),
    *("/v1/changes", "/v1/alerts", "/v1/alerts/report", path(WHO) + "/alerts"),
    "/v1/segments/lifecycle/new/members?for=email&holdout=leave_out",
)


@pytest.fixture
def store(real_parts: RealParts, tmp_path: Path) -> Iterator[LocalStore]:
    """A Valkey of its own, that can be killed and comes back with what it had saved."""
    one = real_parts.server(VALKEY.name, tmp_path)
    assert isinstance(one, LocalStore)
    with one:
        yield one


@pytest.fixture
def api(store: LocalStore, namespace: str) -> Iterator[Api]:
    asyncio.run(_fill(store.url, namespace))
    with Api(settings(namespace, store.url)) as one:
        yield one


async def _fill(url: str, namespace: str) -> None:
    async with connect(url) as client:
        kept = RedisStore(client, namespace)
        await kept.set_partitions(PARTITIONS)
        with redis.Redis.from_url(url) as feeder:
            shop = Shop(kept, FeedingSender(Acknowledging(), feeder, namespace, KEYED))
            shop.buy(WHO, noon(0), "e1")
            await shop.settle()


def kill(store: LocalStore) -> None:
    """As a crash does, but with everything saved."""
    with redis.Redis.from_url(store.url) as client:
        client.save()
    os.kill(store.pid, signal.SIGKILL)
    store.__exit__()  # only waits


def test_redis_goes_and_comes_back_and_the_api_need_not_be_started_again(
    store: LocalStore, api: Api
) -> None:
    with api.asked() as client:
        before = {where: client.get(where).json() for where in ASKED}
        kill(store)
        waited(lambda: client.get("/readyz").status_code == 503, "the outage")
        for where in (*ASKED, "/readyz"):
            answer = _until(client, where, 503)
            assert refused(answer, 503) == "the store does not answer"
            assert answer.headers["retry-after"] == "1"
        batch = client.post("/v1/customers:batchGet", json={"ids": [WHO]})
        assert refused(batch, 503) == "the store does not answer"
        assert got(client.get("/healthz")) == {"status": "ok"}
        with store:
            waited(lambda: client.get("/readyz").status_code == 200, "its end")
            assert {where: client.get(where).json() for where in ASKED} == before


def _until(client: httpx.Client, where: str, status: int) -> httpx.Response:
    """What is remembered for a moment may still be told for that moment."""
    waited(lambda: client.get(where).status_code == status, where)
    return client.get(where)


def test_who_watches_is_told_of_the_trouble_and_goes_on_afterwards(
    store: LocalStore, api: Api, namespace: str
) -> None:
    with redis.Redis.from_url(store.url) as client:
        town = Town(client, namespace, api)
        client.set(f"seg:{namespace}:partitions", PARTITIONS)
        town.tell(3)
        with town.watching(after=town.cursors()[0]) as events:
            (last,) = islice(events, 2, 3)
            assert json.loads(last.text)["sequence"] == 3
            kill(store)
            assert [each.name for each in events] == ["trouble"]
        with store:
            town.tell(2)
            with town.watching(after=last.cursor) as events:
                assert [json.loads(each.text)["sequence"] for each in islice(events, 2)] == [4, 5]


def test_a_client_that_watches_misses_nothing_and_sees_nothing_twice(
    store: LocalStore, api: Api, namespace: str
) -> None:
    seen: list[int] = []

    def watch() -> None:
        with Segmenter(api.url) as segmenter:
            for change in segmenter.stream(last_event_id=first):
                seen.append(change.sequence)
                if change.sequence == 6:
                    return

    with redis.Redis.from_url(store.url) as client:
        town = Town(client, namespace, api)
        first = town.cursors()[0]  # what the purchase brought
        town.tell(3)
        watching = threading.Thread(target=watch)
        watching.start()
        waited(lambda: seen == [1, 2, 3], "the first changes")
        kill(store)
        with store:
            town.tell(3)
            waited(lambda: len(seen) == 6, "the others")
        watching.join(20)
    assert seen == [1, 2, 3, 4, 5, 6]
    assert not watching.is_alive()
