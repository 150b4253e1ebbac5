"""The same random calls on memory and on a server get the same answers."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from typing import Any, NamedTuple

import redis.asyncio as aioredis
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.memory_store import MemoryStore
from streams.redis_store import RedisStore
from streams.store import (
    HISTORY_SLOTS,
    LEARNER,
    Change,
    CustomerWrite,
    Live,
    Loaded,
    Meta,
    Newest,
    OutboxRow,
    Store,
    Vitals,
)

PARTITIONS = (1, 11, LEARNER)
IDS = ("a", "b", "a\x1f1", "\x00", "x\r\ny", "{t}", "🛍️", "Zo\u00eb", "Zoe\u0308", "-inf", "*")
SEGMENTS = ("lifecycle/new", "tier/high", "dormant")
SLOTS = ("n", "since", "r736330", "h00ff", "ş\r\n")
UNKNOWN = b"a nonce that no write has had"
TIMES = st.sampled_from((0, 1, 2, 1_483_264_800_500, 2**53 - 1))
BYTES = st.binary(max_size=12) | st.just(bytes(range(256)))
NUMBERS = st.integers(0, 3) | st.sampled_from((2**53 + 1, 10**18 + 1))


class Wish(NamedTuple):
    """A customer to write; the segments before are filled in when the call is made."""

    state: bytes | None
    due_ms: int | None
    segments: frozenset[str]
    history: tuple[tuple[int, bytes], ...]


class Call(NamedTuple):
    """One call: the store's method and its arguments but the partition."""

    name: str
    partition: int
    args: tuple[Any, ...]


wishes = st.builds(
    Wish,
    st.none() | BYTES,
    st.none() | TIMES,
    st.frozensets(st.sampled_from(SEGMENTS)),
    st.lists(st.tuples(st.integers(0, HISTORY_SLOTS - 1), BYTES), max_size=3).map(tuple),
)
rows = st.builds(
    OutboxRow,
    st.sampled_from(("t", "ş\r\n")),
    st.none() | BYTES,
    st.none() | BYTES,
    st.lists(st.tuples(st.text(max_size=3), BYTES), max_size=2).map(tuple),
    st.none() | st.integers(0, 3),
)
metas = st.builds(
    Meta,
    NUMBERS,
    BYTES,
    NUMBERS,
    st.text(st.characters(codec="utf-8"), max_size=4),
    NUMBERS,
    NUMBERS,
    st.just("policy"),
    NUMBERS,
    NUMBERS,
)
some_ids = st.lists(st.sampled_from(IDS), max_size=6)
applies = st.tuples(
    st.sampled_from(("right", "right", "right", "stale", "nonce", "offset", "any")),
    metas,
    st.dictionaries(st.sampled_from(IDS), wishes, max_size=5),
    st.lists(rows, max_size=3),
    st.dictionaries(st.sampled_from(SLOTS), st.none() | BYTES, max_size=4),
    st.none() | BYTES,
    st.dictionaries(st.sampled_from(("736330", "736331")), st.none() | BYTES, max_size=2),
)
known = st.sampled_from(("now", "now", "stale", "unknown", "none"))


def call(name: str, *args: st.SearchStrategy[Any]) -> st.SearchStrategy[Call]:
    return st.builds(Call, st.just(name), st.sampled_from(PARTITIONS), st.tuples(*args))


calls = st.lists(
    st.one_of(
        call("apply", applies),
        call("apply", applies),
        call("apply", applies),
        call("load", some_ids, known),
        call("load", some_ids, known),
        call("walk", st.integers(1, 12)),
        call("population"),
        call("due", TIMES, st.integers(1, 6)),
        call("next_due_ms"),
        call("history", st.sampled_from(IDS)),
        call("sizes", st.lists(st.sampled_from(SEGMENTS), max_size=3)),
        call(
            "members",
            st.sampled_from(SEGMENTS),
            st.integers(0, 12),
            st.integers(1, 4),
        ),
        call("is_member", st.sampled_from(SEGMENTS), st.sampled_from(IDS)),
        call("movement"),
        call("look", some_ids),
        call(
            "set_vitals",
            st.builds(Vitals, *[st.integers(-1, 9)] * 3, st.floats(0, 9)),
            st.just(60_000),
        ),
        call("vitals"),
        call("outbox", st.integers(1, 5)),
        call("outbox_delete", st.lists(st.integers(0, 5), max_size=3)),
        call("set_live", st.builds(Live, st.integers(-5, 2**53)), st.just(60_000)),
        call("live"),
        call("offer_newest", st.builds(Newest, st.integers(0, 9), st.integers(0, 9))),
    ),
    max_size=30,
)


class Driver:
    """Makes the calls on one store, and remembers what a caller would."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._in: dict[tuple[int, str], frozenset[str]] = {}
        self._stale: dict[int, Meta] = {}

    async def make(self, call: Call) -> object:
        if call.name == "apply":
            return await self._apply(call.partition, *call.args[0])
        if call.name == "load":
            return await self._load(call.partition, *call.args)
        if call.name == "walk":
            return await self._walk(call.partition, *call.args)
        if call.name == "due":
            return await self._due(call.partition, *call.args)
        if call.name == "outbox_delete":
            return await self._delete(call.partition, call.args[0])
        if call.name == "offer_newest":
            return await self._store.offer_newest(*call.args)
        answer = await getattr(self._store, call.name)(call.partition, *call.args)
        if call.name == "history":
            return sorted(answer)
        if call.name == "outbox":
            return _without_ids(answer)
        if isinstance(answer, Loaded):  # the order of customers counts as well
            return answer, list(answer.states)
        return answer

    async def all_there_is(self) -> list[object]:
        """Everything that can be asked."""
        asked = [
            Call(name, partition, args)
            for partition in PARTITIONS
            for name, args in (
                ("load", (IDS, "unknown")),
                ("walk", (500,)),
                ("population", ()),
                ("due", (2**53, 500)),
                ("due", (2, 500)),
                ("sizes", (SEGMENTS,)),
                ("movement", ()),
                ("look", (IDS,)),
                *(("members", (each, 0, 100)) for each in SEGMENTS),
                ("outbox", (1_000,)),
                ("live", ()),
                *(("history", (id_,)) for id_ in IDS),
            )
        ]
        return [await self.make(each) for each in asked]

    async def _load(self, partition: int, ids: Sequence[str], known: str) -> object:
        now = (await self._store.load(partition, [])).meta
        stale = self._stale.get(partition, Meta())
        nonces = {"now": now.nonce, "stale": stale.nonce, "unknown": UNKNOWN, "none": None}
        loaded = await self._store.load(partition, ids, nonces[known])
        return loaded, list(loaded.states)

    async def _walk(self, partition: int, count: int) -> object:
        """A whole walk; in which order, and how often someone is met, is each store's own."""
        first = await self._store.walk(partition, 0, count)
        met, cursor = set(first.states.items()), first.cursor
        while cursor:
            loaded = await self._store.walk(partition, cursor, count)
            met |= set(loaded.states.items())
            cursor = loaded.cursor
        return met, first.meta, first.outbox_rows, first.whole

    async def _due(self, partition: int, until_ms: int, limit: int) -> object:
        """All who are due; which of them come first is each store's own, but for how many."""
        some = await self._store.due(partition, until_ms, limit)
        everybody = await self._store.due(partition, until_ms, len(IDS))
        assert some.states.items() <= everybody.states.items()
        return everybody, len(some.states)

    async def _apply(
        self,
        partition: int,
        fence: str,
        meta: Meta,
        wished: dict[str, Wish],
        rows: list[OutboxRow],
        sketch: dict[str, bytes | None],
        population: bytes | None,
        movement: dict[str, bytes | None],
    ) -> bool:
        now = (await self._store.load(partition, [])).meta
        expected = {
            "right": now,
            "stale": self._stale.get(partition, Meta()),
            "nonce": now._replace(nonce=now.nonce + b"\x00"),
            "offset": now._replace(offset=now.offset + 1),
            "any": meta,
        }[fence]
        written = {
            id_: CustomerWrite(
                wish.state,
                wish.due_ms,
                sorted(self._were(partition, id_) - _wished(wish)),
                sorted(_wished(wish) - self._were(partition, id_)),
                wish.history,
            )
            for id_, wish in wished.items()
        }
        change = Change(meta, written, rows, sketch, population, movement=movement)
        applied = await self._store.apply(partition, expected, change)
        if applied:
            self._stale[partition] = now
            self._in |= {(partition, id_): _wished(wish) for id_, wish in wished.items()}
        return applied

    def _were(self, partition: int, customer_id: str) -> frozenset[str]:
        return self._in.get((partition, customer_id), frozenset())

    async def _delete(self, partition: int, places: list[int]) -> list[OutboxRow]:
        rows = await self._store.outbox(partition, 10)
        ids = [rows[place][0] for place in places if place < len(rows)]
        await self._store.outbox_delete(partition, ids)
        return _without_ids(await self._store.outbox(partition, 10))


def _wished(wish: Wish) -> frozenset[str]:
    return wish.segments if wish.state is not None else frozenset()


def _without_ids(rows: list[tuple[bytes, OutboxRow]]) -> list[OutboxRow]:
    return [
        row._replace(headers=tuple((name, value) for name, value in row.headers)) for _, row in rows
    ]


@settings(max_examples=300, deadline=None)
@given(sequence=calls)
def test_memory_and_server_answer_the_same(
    runner: asyncio.Runner, client: aioredis.Redis, sequence: list[Call]
) -> None:
    async def compare() -> None:
        memory = Driver(MemoryStore(wall_ms=lambda: 0))
        server = Driver(RedisStore(client, secrets.token_hex(8)))
        for each in sequence:
            assert await memory.make(each) == await server.make(each), each
        assert await memory.all_there_is() == await server.all_there_is()

    runner.run(compare())
