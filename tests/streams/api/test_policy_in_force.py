"""The API answers by the policy that is in force in the store, not by its file."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import redis

from models.accounts import is_account
from models.policy import Policy
from models.policy_record import PublishedPolicy, encode_published, policy_as_json
from streams.feed import FeedingSender
from streams.keys import Keys
from streams.redis_store import RedisStore, connect
from streams.serving import serving_key
from tests.support.api_house import (
    PARTITIONS,
    PLAIN_POLICY,
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

WHO = "ada"


def with_rules(**rules: str) -> Policy:
    segments = {name: {"when": when, "label": name.upper()} for name, when in rules.items()}
    return Policy.model_validate({**policy_as_json(PLAIN_POLICY), "segments": segments})


BUYERS = with_rules(buyers="purchases >= 1", many="purchases >= 100")
ODD = with_rules(odd="purchases == 1")


class Town:
    """A store in which somebody has bought, and policies that come into force."""

    def __init__(self, client: redis.Redis, namespace: str) -> None:
        self.client, self.namespace = client, namespace

    def adopts(self, packed: bytes, *partitions: int, store: str = "") -> None:
        for each in partitions or range(PARTITIONS):
            self.client.set(Keys(store or self.namespace, each).policy, packed)

    def publishes(self, number: int, policy: Policy, *partitions: int) -> None:
        self.adopts(encode_published(PublishedPolicy(number, policy)), *partitions)


@pytest.fixture
def town(valkey_url: str, namespace: str) -> Iterator[Town]:
    asyncio.run(_filled(valkey_url, namespace, PLAIN_POLICY))
    with redis.Redis.from_url(valkey_url) as client:
        yield Town(client, namespace)


async def _filled(url: str, namespace: str, policy: Policy, **attributes: Any) -> None:
    async with connect(url) as client:
        store = RedisStore(client, namespace)
        await store.set_partitions(PARTITIONS)
        with redis.Redis.from_url(url) as feeder:
            shop = Shop(store, FeedingSender(Acknowledging(), feeder, namespace, KEYED), policy)
            if attributes:
                shop.put("profile", WHO, noon(0), attributes=attributes)
            shop.buy(WHO, noon(0), "e1")
            await shop.settle()


@pytest.fixture
def api(town: Town, valkey_url: str) -> Iterator[Api]:
    with Api(settings(town.namespace, valkey_url), PLAIN_POLICY) as one:
        yield one


@pytest.fixture
def client(api: Api) -> Iterator[httpx.Client]:
    with api.asked() as one:
        yield one


def in_force(client: httpx.Client) -> tuple[int, str]:
    policy = got(client.get("/v1/overview"))["policy"]
    return policy["number"], policy["version"]


def rules(client: httpx.Client) -> list[str]:
    items = got(client.get("/v1/segments"))["items"]
    return [each["name"] for each in items if each["kind"] == "rule"]


def test_at_first_it_is_the_files(client: httpx.Client) -> None:
    assert in_force(client) == (0, PLAIN_POLICY.version)
    assert rules(client) == []


def test_what_is_in_force_before_the_server_starts_is_answered_by_from_the_first_question(
    town: Town, valkey_url: str
) -> None:
    town.publishes(3, BUYERS)
    with Api(settings(town.namespace, valkey_url), PLAIN_POLICY) as api, api.asked() as client:
        assert in_force(client) == (3, BUYERS.version)


def test_a_policy_that_comes_into_force_is_answered_by_within_moments(
    town: Town, client: httpx.Client
) -> None:
    tag = client.get(path(WHO)).headers["etag"]
    town.publishes(1, BUYERS)
    waited(lambda: in_force(client) == (1, BUYERS.version), "policy 1")
    assert rules(client) == ["rule/buyers", "rule/many"]
    assert got(client.get("/v1/segments/rule/buyers"))["label"]["en"] == "BUYERS"
    town.publishes(2, ODD)
    waited(lambda: in_force(client) == (2, ODD.version), "policy 2")
    assert rules(client) == ["rule/odd"]
    refused(client.get("/v1/segments/rule/buyers"), 404)
    same = client.get(path(WHO), headers={"If-None-Match": tag})
    assert same.status_code == 304  # nothing that is told of them has changed


def test_the_newest_that_any_partition_has_taken_over_counts(
    town: Town, client: httpx.Client
) -> None:
    town.publishes(5, ODD)
    town.publishes(6, BUYERS, 1)
    waited(lambda: in_force(client)[0] == 6, "policy 6")
    town.publishes(6, BUYERS)
    assert got(client.get("/readyz")) == {"status": "ready"}
    assert in_force(client) == (6, BUYERS.version)


UNREADABLE = {
    "newer": json.dumps({"schema": 99}).encode(),
    "rule": encode_published(PublishedPolicy(9, BUYERS)).replace(b"purchases", b"purchuses"),
    "noise": b"\xff\x00",
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_one_that_cannot_be_read_is_logged_and_the_one_before_stays(
    town: Town, client: httpx.Client, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    town.publishes(1, BUYERS)
    waited(lambda: in_force(client)[0] == 1, "policy 1")
    with caplog.at_level(logging.ERROR, "streams.api.parts"):
        town.adopts(UNREADABLE[kind], 1)
        waited(lambda: client.get("/readyz").status_code == 503, "the trouble")
    assert refused(client.get("/readyz"), 503).startswith("the policy in force: ")
    (line,) = {each.getMessage() for each in caplog.records}
    assert line.startswith("the policy in force can't be used here: ")
    assert in_force(client) == (1, BUYERS.version)
    assert got(client.get(path(WHO)))["purchases"] == 1
    assert got(client.get("/healthz")) == {"status": "ok"}
    town.publishes(2, ODD)
    waited(lambda: client.get("/readyz").status_code == 200, "its end")
    assert in_force(client)[0] == 2


def test_another_store_has_its_own(town: Town, client: httpx.Client, valkey_url: str) -> None:
    town.publishes(1, BUYERS)
    waited(lambda: in_force(client)[0] == 1, "policy 1")
    other = f"{town.namespace}-2"
    asyncio.run(_filled(valkey_url, other, PLAIN_POLICY))
    town.client.hset(serving_key(town.namespace), "store", other)
    waited(lambda: in_force(client)[0] == 0, "the other store")
    town.client.hset(serving_key(town.namespace), "store", town.namespace)
    waited(lambda: in_force(client)[0] == 1, "the first store")


# Accounts.


def test_a_company_is_listed_beside_the_people_and_told_why_it_is_where(
    valkey_url: str, namespace: str
) -> None:
    policy = with_rules(buyers="purchases >= 1", vips="profile.vip")
    asyncio.run(_filled(valkey_url, namespace, policy, account_id="acme", vip=True))
    with Api(settings(namespace, valkey_url), policy) as api, api.asked() as client:
        told = got(client.get("/v1/segments"))
        sizes = {each["name"]: (each["size"], each["share"]) for each in told["items"]}
        assert told["customers"] == 1
        assert sizes["lifecycle/new"] == sizes["account.lifecycle/new"] == (1, 1.0)
        assert "account.rule/vips" not in sizes  # of which there are none
        (account,) = got(client.get("/v1/segments/account.rule/buyers/members"))["items"]
        assert is_account(account["customer_id"])
        told = got(client.get(path(account["customer_id"]), params={"explain": "true"}))
        assert told["segments"] == ["account.lifecycle/new", "account.rule/buyers"]
        assert [each["segment"] for each in told["rules"]] == ["account.rule/buyers"]
        one = got(client.get("/v1/segments/account.rule/buyers"))
        assert (one["when"], one["size"]) == ("purchases >= 1", 1)
        by = got(client.get("/v1/segments/account.rule/buyers/breakdown?by=lifecycle"))
        assert by["items"] == [{"value": "new", "customers": 1, "share": 1.0}]
        member = f"/v1/segments/account.rule/buyers/members/{account['customer_id']}"
        assert got(client.get(member))["member"]
