"""An installation on a Redis Cluster, one of whose nodes dies: worker, relay and API go on by themselves.

Its replica had lost sight of it before, so what was written last is gone: the states of its partition stand at an
older offset, and are folded from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from redis.exceptions import RedisClusterException, RedisError

from models.policy import policy_from_preset
from streams.keys import Keys
from streams.local import free_port
from streams.redis_store import RedisStore, connect
from streams.store import Change, CustomerWrite, Loaded, Meta, StoreUnavailable
from tests.hazards.houses import House
from tests.real_parts import RealParts
from tests.support.installation import CHANGES, Installation, wait_until
from tests.support.redis_cluster import RedisCluster

pytestmark = pytest.mark.slow
NODE_TIMEOUT_MS = 3_000
FIRST = Meta(1, b"n1", 1_000, "topic", 4, 8)
SECOND = FIRST._replace(offset=2, nonce=b"n2")
T = TypeVar("T")
THIRD = FIRST._replace(offset=3, nonce=b"n3")


class OnCluster(Installation):
    """One whose store may be without an answer for a while."""

    def is_settled(self) -> bool:
        try:
            return super().is_settled()
        except (RedisError, RedisClusterException):
            return False


@pytest.fixture(scope="module")
def own_cluster(
    real_parts: RealParts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisCluster]:
    """One whose first node may be killed."""
    folder, server = tmp_path_factory.mktemp("own-cluster"), real_parts.redis_server()
    with RedisCluster(
        folder, server, replica=True, spare=True, timeout_ms=NODE_TIMEOUT_MS
    ) as running:
        yield running


def spread(cluster: RedisCluster, name: str) -> str:
    """A namespace whose first partition is on the first node, and whose second is on another."""
    names = (f"{name}-{each}" for each in range(1_000))
    return next(each for each in names if _is_spread(cluster, each))


def _is_spread(cluster: RedisCluster, namespace: str) -> bool:
    first, second = (cluster.owner(f"{namespace}:{each}") for each in (0, 1))
    return first is cluster.primaries[0] and second is not first


@pytest.fixture
def house(own_cluster: RedisCluster, without_topics: str, tmp_path: Path) -> Iterator[House]:
    namespace = spread(own_cluster, "house")
    policy = policy_from_preset("grocery")
    here = OnCluster(without_topics, own_cluster.url, namespace, policy)
    here.settings = here.settings.model_copy(update={"api_port": free_port()})
    try:
        yield House(here, tmp_path)
    finally:
        here.close()


async def test_a_slot_on_its_way_to_a_node_that_has_none_is_waited_for(
    own_cluster: RedisCluster,
) -> None:
    namespace = spread(own_cluster, "moves")
    keys, spare, from_ = Keys(namespace, 0), own_cluster.spare, own_cluster.primaries[0]
    slot = int(from_.asked("KEYSLOT", keys.meta))
    async with connect(own_cluster.url) as client:
        store = RedisStore(client, namespace)
        assert await store.load(0, []) == Loaded(Meta(), {}, 0)
        spare.asked("SETSLOT", slot, "IMPORTING", from_.id())
        from_.asked("SETSLOT", slot, "MIGRATING", spare.id())
        for call in (store.population(0), store.load(0, [])):
            with pytest.raises(StoreUnavailable):
                await call
        for each in (spare, from_):
            each.asked("SETSLOT", slot, "STABLE")
        assert await store.load(0, []) == Loaded(Meta(), {}, 0)


def test_states_equal_the_fold_of_the_log_though_a_node_dies_and_its_last_writes_are_lost(
    own_cluster: RedisCluster, house: House, runner: asyncio.Runner
) -> None:
    here, node, replica = house.here, own_cluster.primaries[0], own_cluster.replica
    client = connect(own_cluster.url, timeout_s=2.0)
    fenced = RedisStore(client, spread(own_cluster, "fenced"))
    house.start("worker", "relay", "api")
    house.publish()
    assert runner.run(fenced.apply(0, Meta(), of(FIRST, b"first")))
    here.wait_until_folded()
    here.wait_until_relayed()
    wait_until(lambda: replica.client.dbsize() == node.client.dbsize())
    replica.cut_off()
    assert runner.run(fenced.apply(0, FIRST, of(SECOND, b"second")))
    before = here.offsets()
    house.publish()
    here.wait_until_folded()
    here.wait_until_relayed()
    assert here.offsets()[0] > before[0]

    with house.says("waiting: Redis"), house.says("relay: waiting: Redis", "relay"):
        node.kill()
        house.publish()
    house.is_as_it_must_be()
    sent = [each["ce_id"] for each in here.published(CHANGES)]
    assert len(sent) == len(set(sent))  # what had been sent before is not sent again
    assert replica.client.info("replication")["role"] == "master"
    assert at_last(runner, lambda: fenced.load(0, ["ann"])) == Loaded(FIRST, {"ann": b"first"}, 0)
    assert not runner.run(fenced.apply(0, SECOND, of(THIRD, b"third")))
    assert runner.run(fenced.apply(0, FIRST, of(THIRD, b"third")))
    runner.run(client.aclose())
    the_api_answers(here)


def at_last(runner: asyncio.Runner, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What a call answers; like a lane it is patient with connections of before."""
    answers: list[T] = []

    def answered() -> bool:
        try:
            answers.append(runner.run(call()))
        except StoreUnavailable:
            return False
        return True

    wait_until(answered)
    return answers[0]


def of(meta: Meta, state: bytes) -> Change:
    """Somebody's state, and nothing else."""
    return Change(meta, {"ann": CustomerWrite(state, None, (), ("new",))}, ())


def the_api_answers(here: Installation) -> None:
    """It knows everybody, on whichever node they are, once it has noticed what happened."""
    everybody = sorted(each.decode() for each in here.states())
    with httpx.Client(base_url=f"http://127.0.0.1:{here.settings.api_port}") as asked:

        def answers(path: str) -> bool:
            return asked.get(path).status_code == 200

        for id_ in everybody[-20:]:
            wait_until(partial(answers, f"/v1/customers/{id_}"))
        wait_until(partial(answers, "/v1/segments"))
        segments: Any = asked.get("/v1/segments").json()["items"]
        listed = sum(each["size"] for each in segments if each["name"].startswith("lifecycle/"))
        assert listed == len(everybody)
