"""A Redis Cluster in the place of a Redis, and what becomes of calls while its slots move."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
import redis
from redis.exceptions import ConnectionError as RedisConnectionError

from models.erasure import Pseudonyms
from models.policy import policy_from_preset
from streams import serving
from streams.doctor import examine
from streams.feed import Feed, FeedingSender
from streams.keys import Keys
from streams.keys import partitions as partitions_key
from streams.local import HOST, free_port
from streams.redis_shelf import RedisShelf
from streams.redis_store import MAX_CONNECTIONS, RedisStore, connect, connect_blocking
from streams.settings import Settings
from streams.shelf import Line, Put, Stand, Write
from streams.store import Change, CustomerWrite, Loaded, Meta, OutboxRow, StoreUnavailable
from streams.topics import CHANGES, ERASURES
from tests.real_parts import RealParts
from tests.support.redis_cluster import Moving, Node, RedisCluster, wait_until

P = 0
FIRST = Meta(1, b"n1", 1_000, "topic", 4, 8)
SECOND = FIRST._replace(offset=2, nonce=b"n2")
CHANGE = OutboxRow("segment-changes.v1", b"c1", b"{}", (("ce_id", b"1"),))


def written(
    due_ms: int | None, left: tuple[str, ...], entered: tuple[str, ...], state: bytes = b"s"
) -> CustomerWrite:
    return CustomerWrite(state, due_ms, left, entered)


BEGUN = Change(
    FIRST,
    {"ann": written(5, (), ("new",)), "bob": written(9, (), ("active",))},
    [CHANGE],
    {"n": b"1"},
)
# Names only keys that are there, and takes the last out of each segment before another enters it.
TURNED = Change(
    SECOND,
    {
        "ann": written(None, ("new",), ("active",), b"later"),
        "bob": written(11, ("active",), ("new",), b"later"),
    },
    [CHANGE],
    {"n": None, "m": b"2"},
)
AFTER_FIRST = Loaded(FIRST, {"ann": b"s", "bob": b"s"}, 1)
AFTER_SECOND = Loaded(SECOND, {"ann": b"later", "bob": b"later"}, 2)
BOTH = ["ann", "bob"]


@pytest.fixture
def moving(cluster: RedisCluster, namespace: str) -> Iterator[Moving]:
    """The slot of the namespace's partition."""
    one = Moving(cluster, f"{namespace}:{P}")
    yield one
    one.give_up()


@pytest.fixture
def keys(namespace: str) -> Keys:
    return Keys(namespace, P)


async def test_a_change_is_written_whole_or_not_at_all_while_its_slot_moves(
    cluster: RedisCluster, moving: Moving, namespace: str
) -> None:
    async with connect(cluster.url) as client:
        store = RedisStore(client, namespace)
        assert await store.apply(P, Meta(), BEGUN)
        moving.begin()
        with pytest.raises(StoreUnavailable, match=r"^Redis: "):
            await store.apply(P, FIRST, TURNED)
        moving.give_up()
        assert await store.load(P, BOTH) == AFTER_FIRST
        assert await store.sizes(P, ["new", "active"]) == [1, 1]
        assert await store.apply(P, FIRST, TURNED)
        assert await store.load(P, BOTH) == AFTER_SECOND
        assert await store.sizes(P, ["new", "active"]) == [1, 1]


async def test_once_its_slot_has_moved_the_same_client_goes_on_at_the_other_node(
    cluster: RedisCluster, moving: Moving, keys: Keys, namespace: str
) -> None:
    async with connect(cluster.url) as client:
        store = RedisStore(client, namespace)
        assert await store.apply(P, Meta(), BEGUN)
        moving.begin()
        moving.move(keys.meta, keys.outbox)
        for call in (store.load(P, BOTH), store.look(P, BOTH), store.due(P, 10, 5)):
            with pytest.raises(StoreUnavailable):
                await call
        moving.move()
        with pytest.raises(StoreUnavailable):
            await store.apply(P, FIRST, TURNED)
        moving.end()
        assert await store.load(P, BOTH) == AFTER_FIRST
        assert (await store.due(P, 10, 5)).states == {"ann": b"s", "bob": b"s"}
        assert await store.apply(P, FIRST, TURNED)
        assert not await store.apply(P, FIRST, TURNED)
    assert moving.to.said("EXISTS", keys.meta) == 1


async def test_what_one_key_holds_is_told_rightly_or_not_at_all_while_its_slot_moves(
    cluster: RedisCluster, moving: Moving, keys: Keys, namespace: str
) -> None:
    async with connect(cluster.url) as client:
        store = RedisStore(client, namespace)
        assert await store.apply(P, Meta(), BEGUN._replace(population=b"{}"))
        await asyncio.gather(*(store.population(P) for _ in range(4)))  # over several connections
        moving.begin()
        moving.move(keys.population)
        asked = (store.population(P) for _ in range(8))
        found = await asyncio.gather(*asked, return_exceptions=True)
        moving.move()
        moving.end()
        assert [each for each in found if not isinstance(each, StoreUnavailable)] == [
            b"{}" for each in found if not isinstance(each, StoreUnavailable)
        ]
        assert await store.population(P) == b"{}"


async def test_the_shelf_is_written_whole_or_not_at_all_while_its_slot_moves(
    cluster: RedisCluster, namespace: str
) -> None:
    async with connect(cluster.url) as client:
        shelf, moving = RedisShelf(client, namespace), Moving(cluster, f"{namespace}/delivery")
        begun, then = Stand(1, b"n1", "t"), Stand(2, b"n2", "t")
        there: list[Write] = [Put("a", "x", b"1"), Line("q", "x", 5)]
        assert await shelf.write(Stand(0, b"", ""), begun, there)
        moving.begin()
        turned: list[Write] = [
            Put("a", "x", None),
            Put("a", "y", b"2"),
            Line("q", "x", None),
            Line("q", "y", 6),
        ]
        with pytest.raises(StoreUnavailable):
            await shelf.write(begun, then, turned)
        moving.give_up()
        assert (await shelf.stand(), await shelf.everything("a")) == (begun, {"x": b"1"})
        assert await shelf.write(begun, then, turned)
        assert await shelf.due("q", 10, 5) == [("y", 6)]


async def test_a_store_that_is_dropped_leaves_nothing_on_any_node(
    cluster: RedisCluster, namespace: str
) -> None:
    async with connect(cluster.url) as client:
        store, kept = RedisStore(client, namespace), RedisStore(client, f"{namespace}-2")
        for partition in range(12):
            assert await store.apply(partition, Meta(), BEGUN)
            assert await kept.apply(partition, Meta(), BEGUN)
        await store.set_partitions(12)
        assert len({id(cluster.owner(store.keys(each).meta)) for each in range(12)}) == 3
        removed = await serving.remove(client, namespace, [partitions_key(namespace)])
        assert (removed, await store.partitions()) == (12 * 9 + 1, 0)
        for partition in range(12):
            assert await store.load(partition, BOTH) == Loaded(Meta(), {}, 0)
            assert await kept.load(partition, BOTH) == AFTER_FIRST


async def test_more_calls_at_once_than_connections_wait_for_their_turn(
    cluster: RedisCluster, namespace: str
) -> None:
    async with connect(cluster.url) as client:
        store = RedisStore(client, namespace)
        assert await store.apply(P, Meta(), BEGUN)
        loads = (store.load(P, BOTH) for _ in range(5 * MAX_CONNECTIONS))
        sizes = (store.sizes(P, ["new", "active"]) for _ in range(5 * MAX_CONNECTIONS))
        assert set(map(str, await asyncio.gather(*loads))) == {str(AFTER_FIRST)}
        assert await asyncio.gather(*sizes) == [[1, 1]] * 5 * MAX_CONNECTIONS


async def test_a_connection_that_another_closes_is_a_closed_one_and_then_a_new_one(
    cluster: RedisCluster,
) -> None:
    async with connect(cluster.url) as client:
        await client.exists("a")
        node = cast(Any, client).get_node_from_key("a")
        connection = node.acquire_connection()
        both = await asyncio.gather(
            connection.send_command("PING"), connection.disconnect(), return_exceptions=True
        )
        assert [type(each) for each in both] == [RedisConnectionError, type(None)]
        await connection.connect()
        await asyncio.gather(connection.disconnect(), connection.send_command("PING"))
        assert await connection.read_response() == b"PONG"
        node.release(connection)


async def test_one_node_that_may_evict_makes_the_cluster_unfit(
    cluster: RedisCluster, namespace: str
) -> None:
    async with connect(cluster.url) as client:
        store = RedisStore(client, namespace)
        assert await store.unfit() is None
        cluster.primaries[1].client.config_set("maxmemory-policy", "allkeys-lru")
        said = await store.unfit()
        cluster.primaries[1].client.config_set("maxmemory-policy", "noeviction")
    assert said is not None
    assert said.startswith("Redis has maxmemory-policy allkeys-lru, noeviction: an evicted state")


async def test_every_primary_says_how_it_is(cluster: RedisCluster) -> None:
    async with connect(cluster.url) as client:
        told = await client.info("server")
    assert {each["tcp_port"] for each in told.values()} == {each.port for each in cluster.primaries}


async def test_the_doctor_looks_at_every_primary_and_says_which(
    cluster: RedisCluster, bootstrap_servers: str, namespace: str
) -> None:
    given = {"redis_url": cluster.url, "namespace": namespace}
    settings = Settings.model_validate({**given, "bootstrap_servers": bootstrap_servers})
    checks = await examine(settings, policy_from_preset("general"))
    found = [each.found for each in checks if each.name == "redis maxmemory-policy"]
    wanted = {f"{HOST}:{each.port}: noeviction" for each in cluster.primaries}
    assert (len(found), set(found)) == (3, wanted)


class Guarded(Node):
    """A node that has all slots, and talks to nobody without TLS and the password."""

    def _command(self) -> list[str]:
        there, mine = self._directory, [*super()._command(), "--tls-cluster", "yes"]
        mine[mine.index("--port") : mine.index("--port") + 2] = ["--port", "0"]
        files = [
            *("--tls-cert-file", str(there / "cert"), "--tls-key-file", str(there / "key")),
            *("--tls-ca-cert-file", str(there / "cert"), "--tls-auth-clients", "no"),
        ]
        return [*mine, "--tls-port", str(self.port), *files, "--requirepass", "p,w"]


def certified(folder: Path) -> None:
    """A key, and a certificate that it signs itself."""
    made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    named = ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=IP:{HOST}"]
    out = ["-keyout", str(folder / "key"), "-out", str(folder / "cert")]
    subprocess.run(["openssl", *made, *named, *out], check=True, capture_output=True)


async def test_a_cluster_is_reached_by_tls_with_a_password(
    real_parts: RealParts, tmp_path: Path, namespace: str
) -> None:
    certified(tmp_path)
    guarded = Guarded(tmp_path, real_parts.redis_server(), 15_000)
    trusted = f"ssl_ca_certs={tmp_path / 'cert'}"
    guarded.client = redis.Redis.from_url(f"rediss://:p%2Cw@{HOST}:{guarded.port}?{trusted}")
    with guarded:
        guarded.asked("ADDSLOTSRANGE", 0, 16_383)
        wait_until(lambda: guarded.info()["cluster_state"] == "ok")
        url = f"rediss+cluster://:p%2Cw@{HOST}:{guarded.port}?{trusted}"
        async with connect(url) as client:
            store = RedisStore(client, namespace)
            assert await store.apply(P, Meta(), BEGUN)
            assert await store.load(P, BOTH) == AFTER_FIRST
            assert await store.unfit() is None
            assert (await client.info("server"))["tcp_port"] == guarded.port
        blocking = connect_blocking(url)
        assert blocking.exists(Keys(namespace, P).meta) == 1
        blocking.close()


async def test_the_switch_to_another_store_and_back_is_seen_by_all(
    cluster: RedisCluster, namespace: str
) -> None:
    async with connect(cluster.url) as client, connect(cluster.url) as another:
        assert await serving.begin(client, namespace, "next") == "next"
        await serving.switch(client, namespace, "next")
        assert await serving.stores(another, namespace) == serving.Stores("next", namespace, "")


async def test_the_relay_s_feed_is_read_where_it_was_written(
    cluster: RedisCluster, namespace: str
) -> None:
    blocking, pseudonyms = connect_blocking(cluster.url), Pseudonyms(b"key")
    sender = FeedingSender(Taking(), blocking, namespace, pseudonyms)
    told = [change(f"e{each}", f"c{each % 2}") for each in range(4)]
    assert await asyncio.to_thread(sender.send, told) == 4
    async with connect(cluster.url) as client:
        found = await Feed(client, namespace).newest(10)
        assert [orjson.loads(each.json)["id"] for each in found] == ["e3", "e2", "e1", "e0"]
        mark = OutboxRow(ERASURES, b"key/" + pseudonyms.of("c1").encode(), mark_of(pseudonyms), ())
        assert await asyncio.to_thread(sender.send, [mark]) == 1
        found = await Feed(client, namespace).newest(10)
        assert [orjson.loads(each.json)["id"] for each in found] == ["e2", "e0"]
    blocking.close()


class Taking:
    """A Kafka that takes everything."""

    def send(self, rows: Sequence[OutboxRow]) -> int:
        return len(rows)


def change(effect_id: str, customer_id: str) -> OutboxRow:
    headers = [("ce_id", effect_id.encode()), ("ce_type", b"lifecycle.changed"), ("ce_time", b"")]
    return OutboxRow(CHANGES, b"k", orjson.dumps({"customer_id": customer_id}), headers)


def mark_of(pseudonyms: Pseudonyms) -> bytes:
    return orjson.dumps({"key_id": pseudonyms.key_id})


async def test_a_cluster_that_is_away_is_waited_for_by_both_clients(namespace: str) -> None:
    nowhere = f"redis+cluster://{HOST}:{free_port()},{HOST}:{free_port()}"
    async with connect(nowhere, timeout_s=1.0) as client:
        with pytest.raises(StoreUnavailable, match="Redis Cluster cannot be connected"):
            await RedisStore(client, namespace).load(P, [])
        with pytest.raises(StoreUnavailable):
            await serving.serving(client, namespace)
    blocking = connect_blocking(nowhere, timeout_s=1.0)
    sender = FeedingSender(Taking(), blocking, namespace, Pseudonyms(b"key"))
    assert sender.send([change("e1", "c1")]) == 1  # Kafka has it; the feed gets it later
    with pytest.raises(StoreUnavailable):
        sender.send([])
    blocking.close()


async def test_a_single_server_s_setting_on_a_node_of_a_cluster_says_what_to_write(
    cluster: RedisCluster, moving: Moving, namespace: str
) -> None:
    async with connect(moving.to.url) as client:
        with pytest.raises(StoreUnavailable, match=r"write SEGMENTER_REDIS_URL=redis\+cluster://"):
            await RedisStore(client, namespace).load(P, [])


async def test_a_cluster_s_setting_on_a_single_server_says_that_it_is_none(
    redis_url: str, namespace: str
) -> None:
    async with connect(redis_url.replace("redis://", "redis+cluster://")) as client:
        with pytest.raises(StoreUnavailable, match="Cluster mode is not enabled on this node"):
            await RedisStore(client, namespace).load(P, [])
