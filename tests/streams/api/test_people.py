"""Lists of customers: page by page, while others come and go."""

from __future__ import annotations

import asyncio
import csv
import io
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.codec import encode_held, encode_state
from models.customer import Alias
from models.step import advance
from streams.api.cursors import Place, packed
from streams.api.people import COLUMNS, People
from streams.api.problems import Problem
from streams.api.reads import Reads
from streams.lookup import Lookup
from streams.memory_store import MemoryStore
from streams.partitioner import partition_of
from streams.store import Change, CustomerWrite, Meta
from tests.support.story import CUSTOMER, GROCERY, midnight, noon, profile, purchase, tell, tick

PARTITIONS = 3
IDS = (*(f"c{number}" for number in range(14)), "Zo\u00eb", "客户", "🛍️", "nul\x00", "=1+1", "a b")
NEW, GONE = "lifecycle/new", "lifecycle/dormant"
NOW = tell(*(purchase(f"e{day}", noon(day)) for day in (0, 7, 14, 21)), tick(noon(22))).customer


class Shop:
    """A store of three partitions that customers are written into one by one."""

    def __init__(self) -> None:
        self.store = MemoryStore(lambda: 0)
        reads = Reads(self.store, lambda: 0.0)
        self.people = People(reads, Lookup(reads, GROCERY), GROCERY, lambda: 0)
        self.inside: set[str] = set()

    async def open(self) -> Shop:
        await self.store.set_partitions(PARTITIONS)
        return self

    async def write(self, id_: str, write: CustomerWrite, clock_ms: int = noon(22)) -> None:
        place = partition_of(id_, PARTITIONS)
        meta = (await self.store.load(place, ())).meta
        new = Meta(meta.offset + 1, b"n%d" % meta.offset, clock_ms)
        assert await self.store.apply(place, meta, Change(new, {id_: write}, []))

    async def toggle(self, id_: str) -> None:
        """Let somebody come in, or go."""
        left, entered = ((NEW,), (GONE,)) if id_ in self.inside else ((GONE,), (NEW,))
        await self.write(id_, CustomerWrite(encode_state(NOW), None, left, entered))
        self.inside ^= {id_}

    async def pages(self, limit: int) -> list[list[str]]:
        found, cursor = [], ""
        while True:
            page = await self.people.members(NEW, cursor, limit)
            found.append([each["customer_id"] for each in page["items"]])
            if page["next"] is None:
                return found
            cursor = page["next"]


some = st.sampled_from(IDS)
comings = st.lists(st.lists(some, max_size=4), max_size=12)


@settings(deadline=None)
@given(first=st.sets(some), comings=comings, limit=st.integers(1, 6))
def test_who_is_a_member_from_the_first_page_to_the_last_is_listed_exactly_once(
    runner: asyncio.Runner, first: set[str], comings: list[list[str]], limit: int
) -> None:
    runner.run(_walk(first, comings, limit))


async def _walk(first: set[str], comings: list[list[str]], limit: int) -> None:
    shop, moves = await Shop().open(), iter(comings)
    for id_ in sorted(first):
        await shop.toggle(id_)
    throughout, ever = set(shop.inside), set(shop.inside)
    listed: Counter[str] = Counter()
    cursor: str | None = ""
    while cursor is not None:
        page = await shop.people.members(NEW, cursor, limit)
        listed.update(each["customer_id"] for each in page["items"])
        assert len(page["items"]) <= limit
        cursor = page["next"]
        for id_ in next(moves, ()) if cursor is not None else ():
            await shop.toggle(id_)
            throughout &= shop.inside
            ever |= shop.inside
    assert throughout <= set(listed) <= ever
    assert all(count == 1 for count in listed.values())


async def test_pages_go_through_the_partitions_each_in_the_order_of_their_coming() -> None:
    shop = await Shop().open()
    for id_ in IDS:
        await shop.toggle(id_)
    pages = await shop.pages(limit=3)
    assert [len(each) for each in pages[:-1]] == [3] * (len(pages) - 1)
    expected = [
        id_
        for partition in range(PARTITIONS)
        for id_ in IDS
        if partition_of(id_, PARTITIONS) == partition
    ]
    assert [id_ for page in pages for id_ in page] == expected


async def test_a_segment_of_nobody_is_one_empty_page() -> None:
    assert await (await Shop().open()).pages(limit=3) == [[]]


def cursors() -> Iterator[str]:
    yield from ("x", "!", "é", "W10", "bnVsbA", "ImFiYyI", "e30", "WzAsMSwwXQ", "WzAsbnVsbCwwLDFd")
    yield packed(Place(PARTITIONS))
    yield packed(Place(-1))
    yield packed(Place(0, -1))
    for text in (b"[0,18446744073709551616]", b"[true,0]", b'[0,"x"]', b'[0,"c1",0]', b"[[]]"):
        yield urlsafe_b64encode(text).decode()


@pytest.mark.parametrize("cursor", [*cursors()])
async def test_what_no_list_has_given_is_no_cursor(cursor: str) -> None:
    people = (await Shop().open()).people
    with pytest.raises(Problem, match=r"400 .*: cursor: not one that this list gave"):
        await people.members(NEW, cursor, 1)
    with pytest.raises(Problem, match=r"400 .*: cursor: not one that this list gave"):
        await people.search("", {}, cursor, 1)


async def test_somebody_is_listed_as_they_stand_at_the_moment_of_asking() -> None:
    shop = await Shop().open()
    bought = tell(purchase("e1", noon(0), 1_250)).customer
    await shop.write("c1", CustomerWrite(encode_state(bought), None, (), (NEW,)), midnight(40))
    (told,) = (await shop.people.members(NEW, "", 5))["items"]
    now = advance(CUSTOMER, bought, midnight(40), GROCERY, None)[0]
    assert told == {
        "customer_id": "c1",
        "lifecycle": now.standing.lifecycle.value,
        "flags": [],
        "last_purchase_at": "2024-01-01T12:00:00.000Z",
        "purchase_days": 1,
        "net_spend_minor": 1_250,
        "tier": None,
        "risk": None,
        "own_probability": None,
        "segments": ["lifecycle/dormant"],
    }


# Search.


async def searched(
    people: People, wanted: dict[str, str], prefix: str = "", limit: int = 2
) -> set[str]:
    found: set[str] = set()
    cursor: str | None = ""
    while cursor is not None:
        page = await people.search(prefix, wanted, cursor, limit)
        found |= {each["customer_id"] for each in page["items"]}
        cursor = page["next"]
    return found


async def described(**attributes: str | float | None) -> Shop:
    """One customer whose attributes these are, and somebody else's other name."""
    shop = await Shop().open()
    state = tell(profile("p1", noon(0), **attributes)).customer
    await shop.write("Zo\u00eb", CustomerWrite(encode_state(state), None, (), ()))
    await shop.write("Zorro", CustomerWrite(encode_held(Alias("c1", noon(0))), None, (), ()))
    return shop


async def test_an_attribute_is_searched_as_somebody_writes_it() -> None:
    people = (await described(a="gold", b=True, c=7, d=0.5, e=None)).people
    for name, value in (("a", "gold"), ("b", "true"), ("c", "7"), ("d", "0.5")):
        assert await searched(people, {name: value}) == {"Zo\u00eb"}
    for name, value in (("a", "Gold"), ("b", "True"), ("b", "1"), ("e", "None"), ("f", "")):
        assert await searched(people, {name: value}) == set()
    assert await searched(people, {"a": "gold", "b": "true"}) == {"Zo\u00eb"}
    assert await searched(people, {"a": "gold", "b": "false"}) == set()


@pytest.mark.parametrize("prefix", ["", "Z", "Zo\u00eb", "Zoe\u0308"])
async def test_an_id_is_searched_in_either_spelling_and_another_name_is_nobody(prefix: str) -> None:
    assert await searched((await described()).people, {}, prefix) == {"Zo\u00eb"}


async def test_a_page_of_everybody_is_hardly_longer_than_asked_for() -> None:
    shop = await Shop().open()
    for id_ in IDS:
        await shop.toggle(id_)
    page = await shop.people.search("", {}, "", 2)
    assert (len(page["items"]), page["searched"]) == (2, 2)
    assert await searched(shop.people, {}) == set(IDS)
    assert await searched(shop.people, {}, "c1") == {"c1", "c10", "c11", "c12", "c13"}


# CSV.


async def test_a_csv_file_has_everybody_and_no_formula() -> None:
    shop = await Shop().open()
    odd = ("=1", "+1", "-1", "@a", "\t=1", "\r=1", "\n=1", "\uff1d1", '"=1"', "a,b", "a\nb", "'=1")
    for id_ in (*IDS, *odd):
        await shop.toggle(id_)
    text = b"".join([piece async for piece in shop.people.csv(NEW)]).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert list(rows[0]) == list(COLUMNS)
    listed = {each["customer_id"] for each in rows}
    dangerous = {id_ for id_ in (*IDS, *odd) if id_[0] in "=+-@\t\r\n\uff1d"}
    assert listed == {f"'{id_}" if id_ in dangerous else id_ for id_ in (*IDS, *odd)}
    assert {each["segments"] for each in rows} == {NEW}
