"""Which store serves: who is told, what may be built beside it, and what may go."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

import pytest
import redis.asyncio as aioredis

from models.codec import SCHEMA_VERSION
from streams import serving
from streams.keys import Keys
from streams.log import Extent, LogInspector, TopicFacts
from streams.processes import Children, _Outboxes
from streams.rebuild_plan import Plan, drop, make_plan
from streams.redis_store import RedisStore, connect
from streams.refusal import Refused
from streams.serving import ATTENDED_FOR_MS, Follower, Moved, Stores, attended_key
from streams.settings import Settings
from streams.store import LEARNER, Change, Meta, OutboxRow, StoreUnavailable
from streams.topics import CHANGES
from tests.support.terminal import NOWHERE, Terminal

ROW = OutboxRow(CHANGES, b"c", b"{}", [])
FACTS = TopicFacts("topic-1", 2)


@pytest.fixture
async def client(valkey_url: str) -> AsyncIterator[aioredis.Redis]:
    async with connect(valkey_url) as one:
        yield one


class Broker(LogInspector):
    """Says of every topic what it is told to say."""

    def __init__(self, facts: TopicFacts = FACTS, end: int = 100) -> None:
        self._facts, self._end = facts, end

    def facts(self, topic: str) -> TopicFacts:
        return self._facts

    def extents(self, topic: str, partitions: Sequence[int]) -> Mapping[int, Extent]:  # type: ignore[override]
        return {each: Extent(0, self._end) for each in partitions}


class Endings:
    """How often, and why, a worker was ended."""

    def __init__(self) -> None:
        self.errors: list[BaseException] = []

    async def end(self, error: BaseException) -> None:
        self.errors.append(error)


async def begun(client: aioredis.Redis, store: str, offset: int = 10, *rows: OutboxRow) -> None:
    """A store of two partitions that some records were folded into."""
    kept = RedisStore(client, store)
    meta = Meta(offset, b"n", 1, "topic-1", 2, SCHEMA_VERSION)
    for partition in (0, 1):
        await kept.apply(partition, Meta(), Change(meta, {}, rows))
    await kept.set_partitions(2)


def settings(namespace: str, to: str) -> Settings:
    return Settings.model_validate({"namespace": namespace, "store": to})


# The pointer.


async def test_an_installation_that_never_moved_serves_itself(
    client: aioredis.Redis, namespace: str
) -> None:
    assert await serving.stores(client, namespace) == Stores(namespace)
    assert not await serving.is_installation(client, namespace)


async def test_a_switch_names_the_store_and_the_one_before_and_ends_the_building(
    client: aioredis.Redis, namespace: str
) -> None:
    two, three = f"{namespace}-2", f"{namespace}-3"
    assert await serving.begin(client, namespace, two) == two
    assert await serving.begin(client, namespace, three) == two
    assert await serving.stores(client, namespace) == Stores(namespace, "", two)
    await serving.switch(client, namespace, two)
    assert await serving.stores(client, namespace) == Stores(two, namespace)
    await serving.forget(client, namespace, two)  # it serves
    await serving.forget(client, namespace, namespace)
    assert await serving.stores(client, namespace) == Stores(two)


async def test_redis_that_is_away_is_a_store_that_is_away() -> None:
    async with connect(f"redis://{NOWHERE}/0") as client:
        with pytest.raises(StoreUnavailable):
            await serving.serving(client, "main")


# Workers follow.


async def test_a_worker_notes_that_it_is_there_until_another_store_serves(
    client: aioredis.Redis, namespace: str
) -> None:
    endings = Endings()
    follower = Follower(client, namespace, namespace, endings.end)
    assert not await serving.attended(client, namespace)
    await follower.look()
    assert await serving.attended(client, namespace)
    assert 0 < await client.pttl(attended_key(namespace)) <= ATTENDED_FOR_MS
    assert endings.errors == []
    await serving.switch(client, namespace, f"{namespace}-2")
    await follower.look()
    (error,) = endings.errors
    assert isinstance(error, Moved)
    assert str(error) == (
        f"the installation has moved to {namespace}-2; start this worker again, it will go on there"
    )


async def test_a_worker_is_not_ended_because_redis_is_away() -> None:
    endings = Endings()
    async with connect(f"redis://{NOWHERE}/0") as client:
        await Follower(client, "main", "main", endings.end).look()
    assert endings.errors == []


async def test_the_relay_has_the_store_before_first_then_the_one_that_serves(
    client: aioredis.Redis, namespace: str
) -> None:
    outboxes = _Outboxes(client, settings(namespace, ""), partitions=1)
    places = [0, LEARNER]
    assert [place for _, place in await outboxes.now()] == places
    two = f"{namespace}-2"
    await RedisStore(client, two).set_partitions(3)  # more than there were when the relay started
    await serving.switch(client, namespace, two)
    found = await outboxes.now()
    assert [place for _, place in found] == [*places, 0, 1, 2, LEARNER]
    stores = [store for store, _ in found]
    assert all(isinstance(store, RedisStore) for store in stores)
    metas = [store.keys(0).meta for store in stores if isinstance(store, RedisStore)]
    assert metas == [Keys(name, 0).meta for name in (namespace, namespace, *[two] * 4)]


def test_children_of_one_kind_are_told_apart() -> None:
    children = Children({}, ["--no-such-option"])
    children.start("worker", "relay", "worker")
    assert list(children.stop()) == ["worker", "relay", "worker 2"]


# What may be built.


async def test_a_store_may_be_built_beside_one_that_serves(
    client: aioredis.Redis, namespace: str
) -> None:
    await begun(client, namespace)
    two = f"{namespace}-2"
    plan = await make_plan(settings(namespace, two), client, Broker())
    assert plan == Plan(namespace, namespace, two, 2, alone=False)
    await serving.begin(client, namespace, two)
    await begun(client, two)  # stopped half way: the same again
    assert await make_plan(settings(namespace, two), client, Broker()) == plan


async def test_on_a_log_with_more_partitions_it_is_built_alone(
    client: aioredis.Redis, namespace: str
) -> None:
    await begun(client, namespace)
    wider = Broker(TopicFacts("topic-1", 4))
    plan = await make_plan(settings(namespace, f"{namespace}-2"), client, wider)
    assert (plan.alone, plan.places) == (True, [0, 1, 2, 3, LEARNER])


async def test_nothing_is_built_where_nothing_serves(
    client: aioredis.Redis, namespace: str
) -> None:
    with pytest.raises(Refused, match="holds nothing yet"):
        await make_plan(settings(namespace, f"{namespace}-2"), client, Broker())


@pytest.mark.parametrize(
    "broker", [Broker(TopicFacts("topic-2", 2)), Broker(end=9)], ids=["another topic", "shorter"]
)
async def test_nothing_is_built_beside_the_fold_of_another_log(
    client: aioredis.Redis, namespace: str, broker: Broker
) -> None:
    await begun(client, namespace)
    with pytest.raises(Refused, match=r"not a fold of this log.*point namespace at an empty one"):
        await make_plan(settings(namespace, f"{namespace}-2"), client, broker)


async def test_the_store_that_serves_is_not_built_over(
    client: aioredis.Redis, namespace: str
) -> None:
    await begun(client, namespace)
    with pytest.raises(Refused, match="name another one"):
        await make_plan(settings(namespace, namespace), client, Broker())


async def test_what_another_installation_holds_is_not_built_over(
    client: aioredis.Redis, namespace: str
) -> None:
    await begun(client, namespace)
    await begun(client, f"{namespace}-b")
    await serving.switch(client, f"{namespace}-c", f"{namespace}-d")
    for to in (f"{namespace}-b", f"{namespace}-c"):
        with pytest.raises(Refused, match=f"{to} holds something that is not of {namespace}"):
            await make_plan(settings(namespace, to), client, Broker())


async def test_one_rebuild_is_ended_before_the_next(client: aioredis.Redis, namespace: str) -> None:
    await begun(client, namespace)
    two, three = f"{namespace}-2", f"{namespace}-3"
    await serving.begin(client, namespace, two)
    with pytest.raises(Refused, match=f"segmenter rebuild --to {two}; or .* --drop {two}"):
        await make_plan(settings(namespace, three), client, Broker())
    await serving.switch(client, namespace, two)
    with pytest.raises(Refused, match=f"run first: segmenter rebuild --drop {namespace}$"):
        await make_plan(settings(namespace, three), client, Broker())


# What may go.


async def test_the_store_before_goes_and_nothing_else_does(
    client: aioredis.Redis, namespace: str
) -> None:
    two = f"{namespace}-2"
    await begun(client, namespace)
    await begun(client, two)
    await begun(client, f"{namespace}x")
    await serving.switch(client, namespace, two)
    others = {*await client.keys(f"seg:*{two}*"), *await client.keys(f"seg:*{namespace}x*")}
    dropped = await drop(client, namespace, namespace)
    assert dropped.keys == 3  # two metas and the number of partitions
    assert {*await client.keys(f"seg:*{namespace}*")} == {
        *others,
        serving.serving_key(namespace).encode(),
    }
    assert await serving.stores(client, namespace) == Stores(two)


async def test_a_rebuild_given_up_half_way_goes_with_all_that_waits_in_it(
    client: aioredis.Redis, namespace: str
) -> None:
    two = f"{namespace}-2"
    await begun(client, namespace)
    await serving.begin(client, namespace, two)
    await begun(client, two, 5, ROW)
    assert (await drop(client, namespace, two)).keys == 5
    assert await serving.stores(client, namespace) == Stores(namespace)


async def test_a_store_whose_effects_wait_stays(client: aioredis.Redis, namespace: str) -> None:
    await begun(client, namespace, 10, ROW, ROW)
    await serving.switch(client, namespace, f"{namespace}-2")
    with pytest.raises(Refused, match=f"4 effects of {namespace} wait for the relay"):
        await drop(client, namespace, namespace)
    assert await client.exists(Keys(namespace, 0).outbox)


async def test_neither_the_serving_store_nor_a_strangers_goes(
    client: aioredis.Redis, namespace: str
) -> None:
    await begun(client, f"{namespace}-b")
    with pytest.raises(Refused, match="can't be dropped"):
        await drop(client, namespace, namespace)
    with pytest.raises(Refused, match="knows no store"):
        await drop(client, namespace, f"{namespace}-b")


# The command.


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "say one of --to STORE, --drop STORE"),
        (("--to", "a", "--drop", "b"), "say one of --to STORE, --drop STORE"),
        (("--to", "Main 2"), "command line: store: String should match pattern"),
    ],
)
def test_a_rebuild_says_what_it_was_not_told(options: tuple[str, ...], said: str) -> None:
    ran = Terminal({}).run("rebuild", *options)
    assert (ran.exit_code, ran.out) == (2, "")
    assert said in ran.err


def test_a_store_is_dropped_from_the_command_line(valkey_url: str, namespace: str) -> None:
    terminal = Terminal({"SEGMENTER_REDIS_URL": valkey_url, "SEGMENTER_NAMESPACE": namespace})
    ran = terminal.run("rebuild", "--drop", namespace)
    assert (ran.exit_code, ran.out) == (1, "")
    assert f"{namespace} is the store that serves {namespace}; it can't be dropped" in ran.err
