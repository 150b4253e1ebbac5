"""The shelf's contract, on memory, Valkey and Redis 7 alike."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio as aioredis
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.local import LocalStore
from streams.memory_shelf import MemoryShelf
from streams.redis_shelf import RedisShelf
from streams.redis_store import connect
from streams.shelf import MAX_AT_MS, MAX_WRITES, Line, Put, Shelf, Stand, Write
from streams.store import StoreUnavailable
from tests.conftest import MEMORY
from tests.real_parts import RealParts

NOW_MS = 1_790_000_000_000
HOSTILE = (
    "",
    "\x00",
    "a\x00",
    "a\x1fb",
    "x\r\ny",
    "{t}",
    "-inf",
    "(",
    "*",
    "Zoe\u0308",
    "🛍️",
    "\uffff",
)
COUNTED = itertools.count(1)


@pytest.fixture
async def shelf(store_url: str, namespace: str) -> AsyncIterator[Shelf]:
    """An empty shelf of each kind."""
    if store_url == MEMORY:
        yield MemoryShelf()
        return
    async with connect(store_url) as client:
        yield RedisShelf(client, namespace)


def new_nonce() -> bytes:
    return b"nonce %d" % next(COUNTED)


async def write(shelf: Shelf, *writes: Write) -> Stand:
    """On top of what stands there."""
    before = await shelf.stand()
    after = Stand(before.offset + 1, new_nonce(), "topic")
    assert await shelf.write(before, after, writes)
    return after


async def test_an_empty_shelf_stands_at_the_beginning_and_holds_nothing(shelf: Shelf) -> None:
    assert await shelf.stand() == Stand(0, b"", "")
    assert await shelf.get("bodies", ["a", "b"]) == [None, None]
    assert await shelf.get("bodies", []) == []
    assert await shelf.everything("bodies") == {}
    assert await shelf.due("queue", MAX_AT_MS, 10) == []
    assert await shelf.newest("queue", None, 10) == []
    assert await shelf.newest("queue", (NOW_MS, "a"), 10) == []
    assert await shelf.length("queue") == 0


async def test_what_is_written_stands_there_byte_for_byte(shelf: Shelf) -> None:
    stand = await write(shelf, Put("bodies", "a", bytes(range(256))), Line("queue", "a", NOW_MS))
    assert await shelf.stand() == stand == Stand(1, stand.nonce, "topic")
    assert await shelf.get("bodies", ["b", "a", "a"]) == [
        None,
        bytes(range(256)),
        bytes(range(256)),
    ]
    assert await shelf.due("queue", NOW_MS, 10) == [("a", NOW_MS)]


async def test_a_stand_is_kept_however_its_parts_look(shelf: Shelf) -> None:
    stand = Stand(2**53 + 1, bytes(range(256)), "ş{}\r\n")
    assert await shelf.write(Stand(), stand, ())
    assert await shelf.stand() == stand
    assert await shelf.write(stand, Stand(0, b"", ""), ())


async def test_none_takes_out_what_is_there_and_what_is_not(shelf: Shelf) -> None:
    await write(shelf, Put("bodies", "a", b"1"), Put("bodies", "b", b"2"), Line("queue", "a", 5))
    gone = Put("bodies", "a", None), Put("bodies", "never", None), Line("queue", "a", None)
    await write(shelf, *gone, Line("queue", "never", None), Line("none", "never", None))
    assert await shelf.everything("bodies") == {"b": b"2"}
    assert await shelf.length("queue") == 0


async def test_the_last_of_several_writes_to_one_place_counts(shelf: Shelf) -> None:
    await write(
        shelf, Put("h", "a", b"1"), Put("h", "a", None), Line("z", "a", 1), Line("z", "a", 2)
    )
    assert await shelf.everything("h") == {}
    assert await shelf.due("z", 9, 9) == [("a", 2)]
    await write(
        shelf, Put("h", "a", None), Put("h", "a", b"2"), Line("z", "a", 3), Line("z", "a", None)
    )
    assert await shelf.everything("h") == {"a": b"2"}
    assert await shelf.due("z", 9, 9) == []


async def test_due_are_the_first_up_to_a_moment_by_moment_and_then_by_their_bytes(
    shelf: Shelf,
) -> None:
    same = sorted(HOSTILE, key=str.encode)
    later = [Line("queue", each, NOW_MS) for each in HOSTILE]
    await write(
        shelf, *later, Line("queue", "z first", NOW_MS - 1), Line("queue", "a last", NOW_MS + 1)
    )
    assert await shelf.due("queue", NOW_MS - 2, 100) == []
    assert await shelf.due("queue", NOW_MS - 1, 100) == [("z first", NOW_MS - 1)]
    assert [each for each, _ in await shelf.due("queue", NOW_MS, 100)] == ["z first", *same]
    assert [each for each, _ in await shelf.due("queue", MAX_AT_MS, 3)] == ["z first", *same[:2]]
    assert await shelf.due("queue", MAX_AT_MS, 0) == []


async def test_who_is_put_elsewhere_in_line_stands_there_alone(shelf: Shelf) -> None:
    await write(shelf, Line("queue", "a", 5), Line("queue", "b", 6))
    await write(shelf, Line("queue", "a", 7))
    await write(shelf, Line("queue", "a", 5))
    await write(shelf, Line("queue", "a", 7), Line("queue", "b", 6))
    assert await shelf.due("queue", 9, 9) == [("b", 6), ("a", 7)]
    assert await shelf.due("queue", 9, 1) == [("b", 6)]
    assert await shelf.length("queue") == 2


@pytest.mark.parametrize("count", [1, 2, 5, 100])
async def test_page_by_page_the_newest_come_first_and_each_of_them_once(
    shelf: Shelf, count: int
) -> None:
    lines = {each: NOW_MS + place // 4 for place, each in enumerate(HOSTILE)}
    await write(shelf, *(Line("dead", *each) for each in lines.items()))
    found: list[tuple[str, int]] = []
    while page := await shelf.newest("dead", _place(found), count):
        assert len(page) <= count
        found += page
    assert found == sorted(
        lines.items(), key=lambda line: (line[1], line[0].encode()), reverse=True
    )


async def test_a_page_goes_on_where_the_last_one_ended_though_that_member_has_left(
    shelf: Shelf,
) -> None:
    await write(shelf, *(Line("dead", f"{number:04}", 7) for number in range(2_500)))
    await write(shelf, Line("dead", "newer", 8), Line("dead", "older", 6))
    assert await shelf.newest("dead", (7, "0003"), 2) == [("0002", 7), ("0001", 7)]
    await write(shelf, Line("dead", "0003", None), Line("dead", "0002", 9))
    assert await shelf.newest("dead", (7, "0003"), 3) == [("0001", 7), ("0000", 7), ("older", 6)]
    assert await shelf.newest("dead", (7, "0002"), 3) == [("0001", 7), ("0000", 7), ("older", 6)]
    assert await shelf.newest("dead", (7, "1500x"), 2) == [("1500", 7), ("1499", 7)]
    assert await shelf.newest("dead", (6, "a"), 9) == []


async def test_everything_of_a_large_hash_is_read(shelf: Shelf) -> None:
    fields = {f"alert {number}": b"%d" % number for number in range(5_000)}
    await write(shelf, *(Put("sending:crm", *each) for each in fields.items()))
    assert await shelf.everything("sending:crm") == fields
    assert await shelf.get("sending:crm", list(fields)) == list(fields.values())


async def test_as_much_as_one_script_may_write_is_written_and_taken_out_in_one(
    shelf: Shelf,
) -> None:
    ids = [f"{number:05}" for number in range(MAX_WRITES // 2)]
    await write(
        shelf, *(Put("h", each, b"") for each in ids), *(Line("z", each, 1) for each in ids)
    )
    assert await shelf.length("z") == len(await shelf.everything("h")) == MAX_WRITES // 2
    await write(shelf, *(Put("h", each, None) for each in ids), *(Line("z", e, None) for e in ids))
    assert await shelf.length("z") == len(await shelf.everything("h")) == 0


@pytest.mark.parametrize("at_ms", [-MAX_AT_MS, -1, 0, MAX_AT_MS - 1, MAX_AT_MS])
async def test_a_moment_is_kept_to_the_millisecond(shelf: Shelf, at_ms: int) -> None:
    await write(shelf, Line("queue", "a", at_ms))
    assert await shelf.due("queue", MAX_AT_MS, 9) == [("a", at_ms)]
    assert await shelf.newest("queue", None, 9) == [("a", at_ms)]


@pytest.mark.parametrize(
    "bad",
    [
        [Line("queue", "a", MAX_AT_MS + 1)],
        [Line("queue", "a", -MAX_AT_MS - 1)],
        [Put("stand", "offset", b"7")],
        [Line("stand", "offset", 7)],
        [Put("h", str(number), b"") for number in range(MAX_WRITES + 1)],
    ],
    ids=["too late", "too early", "the stand", "the stand in line", "too many"],
)
async def test_what_no_script_could_carry_out_is_refused_before_anything_is_written(
    shelf: Shelf, bad: list[Write]
) -> None:
    stand = await write(shelf, Put("h", "a", b"1"))
    with pytest.raises(ValueError, match=r"at most|beyond|another"):
        await shelf.write(stand, stand._replace(nonce=b"n"), [Put("h", "a", b"2"), *bad])
    assert (await shelf.stand(), await shelf.everything("h")) == (stand, {"a": b"1"})


@pytest.mark.parametrize("moved", ["offset", "nonce", "both"])
async def test_a_zombies_write_is_refused_and_changes_nothing(shelf: Shelf, moved: str) -> None:
    zombies = await write(shelf, Put("h", "a", b"1"), Line("z", "a", 1))
    offset = zombies.offset + (moved != "nonce")
    new = Stand(offset, zombies.nonce if moved == "offset" else new_nonce(), "topic")
    assert await shelf.write(zombies, new, [Put("h", "b", b"new owner")])
    late = [Put("h", "a", None), Put("h", "c", b"zombie")]
    later = [Line("z", "a", None), Line("z", "c", 2)]
    assert not await shelf.write(zombies, Stand(9, new_nonce(), "topic"), [*late, *later])
    assert await shelf.stand() == new
    assert await shelf.everything("h") == {"a": b"1", "b": b"new owner"}
    assert await shelf.due("z", 9, 9) == [("a", 1)]


async def test_of_two_who_took_the_same_stand_one_writes(shelf: Shelf) -> None:
    stand = await write(shelf)
    both = [shelf.write(stand, Stand(5, new_nonce()), [Put("h", name, b"")]) for name in "ab"]
    assert sorted(await asyncio.gather(*both)) == [False, True]
    assert len(await shelf.everything("h")) == 1


def _place(found: Sequence[tuple[str, int]]) -> tuple[int, str] | None:
    return (found[-1][1], found[-1][0]) if found else None


# --- random calls ---

names = st.sampled_from(("a", "b", "", "\x00", "x\r\ny", "🛍️", "Zo\u00eb"))
moments = st.sampled_from((-1, 0, 1, 2, NOW_MS, MAX_AT_MS))
puts = st.builds(Put, st.sampled_from(("h", "g")), names, st.none() | st.binary(max_size=3))
lines = st.builds(Line, st.sampled_from(("y", "z")), names, st.none() | moments)
fences = st.sampled_from(("right", "right", "right", "stale", "nonce", "offset"))
stands = st.builds(
    Stand, st.integers(0, 3) | st.just(2**53 + 1), st.binary(max_size=2), st.just("t")
)
a_write = st.tuples(st.just("write"), fences, stands, st.lists(puts | lines, max_size=8))
queues = st.sampled_from(("y", "z"))
calls = st.one_of(
    a_write,
    a_write,
    st.tuples(st.just("stand")),
    st.tuples(st.just("get"), st.sampled_from(("h", "g")), st.lists(names, max_size=4)),
    st.tuples(st.just("everything"), st.sampled_from(("h", "g"))),
    st.tuples(st.just("due"), queues, moments, st.integers(0, 5)),
    st.tuples(st.just("newest"), queues, st.none() | st.tuples(moments, names), st.integers(1, 5)),
    st.tuples(st.just("length"), queues),
)


class Driver:
    """Makes the calls on one shelf, and remembers what a caller would."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf, self._stale = shelf, Stand()

    async def make(self, name: str, *args: Any) -> object:
        return await (self._write(*args) if name == "write" else getattr(self._shelf, name)(*args))

    async def _write(self, fence: str, new: Stand, writes: list[Write]) -> bool:
        now = await self._shelf.stand()
        expected = {
            "right": now,
            "stale": self._stale,
            "nonce": now._replace(nonce=now.nonce + b"\x00"),
            "offset": now._replace(offset=now.offset + 1),
        }[fence]
        self._stale = now
        return await self._shelf.write(expected, new, writes)

    async def all_there_is(self) -> list[object]:
        hashes = [await self._shelf.everything(each) for each in "hg"]
        return [hashes, [await self._shelf.due(each, MAX_AT_MS, 99) for each in "yz"]]


@settings(deadline=None, max_examples=120)
@given(sequence=st.lists(calls, max_size=25))
def test_memory_and_server_answer_the_same(
    runner: asyncio.Runner, client: aioredis.Redis, sequence: list[tuple[Any, ...]]
) -> None:
    async def compare() -> None:
        memory, server = Driver(MemoryShelf()), Driver(RedisShelf(client, secrets.token_hex(8)))
        for each in sequence:
            assert await memory.make(*each) == await server.make(*each), each
        assert await memory.all_there_is() == await server.all_there_is()

    runner.run(compare())


# --- trouble ---


@pytest.fixture
def server(real_parts: RealParts, server_name: str, tmp_path: Path) -> Iterator[LocalStore]:
    """One that may be ruined."""
    own = real_parts.server(server_name, tmp_path)
    assert isinstance(own, LocalStore)
    with own:
        yield own


async def test_a_server_that_is_away_is_unavailable_to_every_call(server: LocalStore) -> None:
    async with connect(server.url) as client:
        shelf = RedisShelf(client, "ns")
        stand = await write(shelf, Line("z", "a", 1))
        server.__exit__()
        for call in (
            shelf.stand,
            lambda: shelf.get("h", ["a"]),
            lambda: shelf.everything("h"),
            lambda: shelf.due("z", 9, 9),
            lambda: shelf.newest("z", None, 9),
            lambda: shelf.newest("z", (9, "a"), 9),
            lambda: shelf.length("z"),
            lambda: shelf.write(stand, Stand(2), [Put("h", "a", b"1")]),
        ):
            with pytest.raises(StoreUnavailable, match="Redis: "):
                await call()


async def test_a_full_server_writes_nothing_new_but_what_was_delivered_can_be_taken_out(
    server: LocalStore,
) -> None:
    async with connect(server.url) as client:
        shelf = RedisShelf(client, "ns")
        stand = await write(shelf, Put("bodies", "a", b"1"), Line("queue", "a", 1))
        new = stand._replace(nonce=new_nonce())
        await client.config_set("maxmemory", 1)
        refused: list[list[Write]] = [[Put("bodies", "b", b"2")], [Line("queue", "b", 2)], []]
        for each in refused:
            with pytest.raises(StoreUnavailable, match="used memory"):
                await shelf.write(stand, new, each)
        assert await shelf.stand() == stand
        assert await shelf.everything("bodies") == {"a": b"1"}
        assert await shelf.write(stand, new, [Put("health", "crm", b"1"), Line("queue", "a", None)])
        assert await shelf.length("queue") == 0
        assert await shelf.everything("health") == {"crm": b"1"}
        await client.config_set("maxmemory", 0)
        await write(shelf, Put("bodies", "b", b"2"))


async def test_namespaces_are_apart_and_every_key_of_one_has_its_hash_tag(
    server: LocalStore,
) -> None:
    async with connect(server.url) as client:
        one, other = RedisShelf(client, "one"), RedisShelf(client, "other")
        await write(one, Put("bodies", "{a}", b"1"), Line("queue:crm", "{a}", 1))
        assert await other.stand() == Stand()
        assert await other.everything("bodies") == {}
        names = ("stand", "bodies", "queue:crm")
        found: Any = await client.keys("*")
        assert {each.decode() for each in found} == {f"seg:{{one/delivery}}:{n}" for n in names}
