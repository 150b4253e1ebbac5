"""From schema 7 and before, which listed members otherwise or not at all: all are listed before the next record.

A store of schema 4 is made of one of today's: the states are packed as they were then, nobody is a
member of anything, and nothing has moved. On a server nobody has an ordinal, and the sets are there that
schemas 4 to 7 had: of lifecycle states, of members and of deadlines.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from base64 import b64decode
from itertools import count
from typing import Any, NamedTuple, cast

import msgpack
import pytest
import redis.asyncio as aioredis
from hypothesis import given, settings
from hypothesis import strategies as st

from models.codec import SCHEMA_VERSION, decode_held, decode_state
from models.customer import Alias, CustomerState
from models.daybook import Daybook
from models.segments import all_segments, segments_of
from streams.keys import NUMBERED
from streams.memory_store import MemoryStore
from streams.ordinals import state_of
from streams.partition import Batch
from streams.redis_store import RedisStore
from streams.store import Change, CustomerWrite, Meta, OutboxRow, Store, all_members
from streams.topics import LOG
from tests.streams.drawn import (
    Crash,
    Interposed,
    ShortWalks,
    crashing,
    cuts,
    finished,
    interleaved,
    logs,
    populations,
    shared,
    turns_of_two,
)
from tests.streams.logbook import (
    CUSTOMERS,
    DAY_MS,
    HOUR_MS,
    PARTITION,
    POLICY,
    START_MS,
    Logbook,
    contents,
    customers_in,
    cut,
    fold_of,
    folded,
)
from tests.support.older_states import fields_of_schema_7

briefly = settings(max_examples=150, deadline=None)
CROWD = customers_in(PARTITION, 700)  # three steps of a walk on a server


class Known(NamedTuple):
    """What must be the same, listed late or from the beginning."""

    meta: Meta
    held: dict[str, CustomerState | Alias]
    due: list[list[str]]
    history: dict[str, list[bytes]]
    rows: list[OutboxRow]
    sketch: dict[str, bytes]
    members: dict[str, list[str]]


async def known(store: Store, ids: tuple[str, ...] = CUSTOMERS) -> Known:
    found = await contents(store, ids)
    return Known(
        found.meta,
        {id_: without_days(decode_held(packed)) for id_, packed in found.states.items()},
        found.due,
        found.history,
        [without_days_of(row) for row in found.rows],
        dict(found.whole.sketch),
        await members(store),
    )


def without_days_of(row: OutboxRow) -> OutboxRow:
    """What is known of somebody travels in a transfer."""
    body = json.loads(row.value or b"{}") if row.topic == LOG else {}
    if not body.get("state"):
        return row
    state = without_days(decode_state(b64decode(body["state"])))
    return row._replace(value=json.dumps({**body, "state": str(state)}).encode())


async def members(store: Store) -> dict[str, list[str]]:
    """Of every segment that has any, in the order of their ids: a listing gives another one."""
    names = all_segments(POLICY, populations(3))
    found = {each: await all_members(store, PARTITION, each) for each in names}
    return {name: sorted(ids, key=str.encode) for name, ids in found.items() if ids}


def in_states(held: dict[str, CustomerState | Alias]) -> dict[str, list[str]]:
    """Who must be listed by which segment."""
    found: dict[str, list[str]] = {}
    for id_ in sorted(held, key=str.encode):
        one = held[id_]
        for name in segments_of(one) if isinstance(one, CustomerState) else ():
            found.setdefault(name, []).append(id_)
    return found


async def make_schema_4(store: Store, ids: tuple[str, ...] = CUSTOMERS) -> None:
    """Rewrite what stands in a store as schema 4 wrote it."""
    loaded = await store.load(PARTITION, ids)
    before = loaded.meta
    written = {id_: as_in_schema_4(packed) for id_, packed in loaded.states.items()}
    movement = dict.fromkeys(await store.movement(PARTITION))
    meta = before._replace(schema=4, nonce=b"written by an older version")
    assert await store.apply(PARTITION, before, Change(meta, written, (), movement=movement))
    assert await members(store) == {}


def as_in_schema_4(packed: bytes) -> CustomerWrite:
    """Days were not written down, and there were no rules."""
    held = decode_held(packed)
    if isinstance(held, Alias):
        return CustomerWrite(msgpack.packb([4, *msgpack.unpackb(packed)[1:]]), None, (), ())
    _, *fields = fields_of_schema_7(held)
    events = [event[:10] for event in fields[5]]
    older = msgpack.packb([4, *fields[:5], events, *fields[6:12]])
    return CustomerWrite(older, held.next_deadline_ms, segments_of(held), ())


def without_days(held: CustomerState | Alias) -> CustomerState | Alias:
    """What an older version had of somebody."""
    if isinstance(held, Alias):
        return held
    current, settled = (each._replace(book=Daybook()) for each in (held.current, held.settled))
    events = tuple(each._replace(margin_minor=0, labels=b"") for each in held.remembered)
    return held._replace(current=current, settled=settled, remembered=events)


async def upgraded_at(log: Logbook, offset: int, store: MemoryStore) -> MemoryStore:
    """The store of a partition whose worker is replaced at that offset."""
    assert await fold_of(log, store).handle(log.batch(0, offset)) is None
    await make_schema_4(store)
    return store


def short_walks() -> ShortWalks:
    return ShortWalks(wall_ms=lambda: 0)


def with_more_to_come(log: Logbook) -> Logbook:
    log.tick(START_MS + 2_000 * DAY_MS)
    return log


def some_town() -> Logbook:
    """Three customers in several segments each, one of them overdue, and an alias."""
    log = Logbook()
    for number, who in enumerate(CUSTOMERS):
        log.purchase(who, START_MS + number * HOUR_MS, amount_minor=900 * (number + 1))
    log.population(populations(3))
    log.event("merge", CUSTOMERS[3], START_MS + DAY_MS, into=CUSTOMERS[0])
    log.tick(START_MS + 13 * DAY_MS)
    return log


upgrades = st.tuples(logs.map(with_more_to_come), st.integers(0, 24)).filter(
    lambda pair: any(each.offset < pair[1] < pair[0].end for each in pair[0].records)
)


@briefly
@given(upgrade=upgrades, lengths=cuts)
def test_a_store_of_schema_4_comes_to_what_a_fold_from_the_beginning_gives(
    upgrade: tuple[Logbook, int], lengths: list[tuple[int, int]]
) -> None:
    log, offset = upgrade

    async def fold_on() -> Known:
        store = await upgraded_at(log, offset, short_walks())
        fold = fold_of(log, store)
        for batch in cut(log, lengths):
            assert await fold.handle(batch) is None
        return await known(store)

    found = finished(fold_on())
    assert found == finished(known(finished(folded(log))))
    assert found.members == in_states(found.held)
    assert found.meta.schema == SCHEMA_VERSION == 8


@briefly
@given(
    upgrade=upgrades,
    plan=st.dictionaries(st.integers(0, 40), st.booleans(), max_size=6),
)
def test_a_listing_that_is_cut_short_is_begun_again(
    upgrade: tuple[Logbook, int], plan: dict[int, bool]
) -> None:
    log, offset = upgrade
    store = finished(upgraded_at(log, offset, short_walks()))
    doomed = crashing(store, plan)
    while finished(store.load(PARTITION, [])).meta.offset < log.end:
        try:
            finished(fold_of(log, doomed).handle(log.batch()))
        except Crash:
            continue
    assert finished(known(store)) == finished(known(finished(folded(log))))


@pytest.mark.parametrize("took_effect", [False, True])
def test_a_crash_at_each_call_in_turn_leaves_no_trace(took_effect: bool) -> None:
    log = with_more_to_come(some_town())
    expected = finished(known(finished(folded(log))))
    for call in count():
        store = finished(upgraded_at(log, log.end - 1, short_walks()))
        try:
            finished(fold_of(log, crashing(store, {call: took_effect})).handle(log.batch()))
        except Crash:
            finished(fold_of(log, store).handle(log.batch()))
            assert finished(known(store)) == expected
            continue
        break
    assert call > 10  # load, then a walk of three steps with an apply each, then the tick's own


@briefly
@given(upgrade=upgrades, one=cuts, other=cuts, turns=turns_of_two)
def test_two_owners_who_both_list_everyone_give_what_one_would_have_given(
    upgrade: tuple[Logbook, int],
    one: list[tuple[int, int]],
    other: list[tuple[int, int]],
    turns: list[int],
) -> None:
    log, offset = upgrade
    store = finished(upgraded_at(log, offset, short_walks()))

    async def own(lengths: list[tuple[int, int]]) -> None:
        fold = fold_of(log, shared(store))
        for batch in cut(log, lengths):
            await fold.handle(batch)

    interleaved([own(one), own(other)], turns)
    assert finished(known(store)) == finished(known(finished(folded(log))))


def test_nothing_is_folded_before_everyone_is_listed() -> None:
    log = with_more_to_come(some_town())
    offset = log.end - 1
    store = finished(upgraded_at(log, offset, short_walks()))
    before = finished(known(store))
    schemas: list[int] = []

    async def look(call: str) -> None:
        if call != "apply":
            return
        now = await known(store)
        schemas.append(now.meta.schema)
        if now.meta.schema == 4:
            assert now.meta.offset == offset
            assert now.held == before.held
        else:
            assert now.members == in_states(now.held)

    async def nothing(_: str) -> None:
        return

    watched = cast(Store, Interposed(store, nothing, look))
    assert finished(fold_of(log, watched).handle(log.batch(offset))) is None
    listing, *folding = [schemas[:3], *schemas[3:]]
    assert listing == [4, 4, 8]  # five ids, two a step
    assert set(folding) == {8}
    assert len(folding) >= 2


def test_an_owner_who_is_overtaken_while_listing_takes_nothing_back() -> None:
    log = with_more_to_come(some_town())
    store = finished(upgraded_at(log, log.end - 1, short_walks()))
    walks = 0
    schemas: list[int] = []

    async def overtake(call: str) -> None:
        nonlocal walks
        walks += call == "walk"
        if call == "walk" and walks == 2:
            assert await fold_of(log, store).handle(log.batch()) is None

    async def look(_: str) -> None:
        schemas.append((await store.load(PARTITION, [])).meta.schema)

    slow = cast(Store, Interposed(store, overtake, look))
    assert finished(fold_of(log, slow).handle(log.batch())) is None
    assert schemas == sorted(schemas)
    assert schemas[-1] == 8
    assert finished(known(store)) == finished(known(finished(folded(log))))


def test_a_batch_that_brings_nothing_new_lists_nobody() -> None:
    log = some_town()
    store = finished(upgraded_at(log, log.end, short_walks()))
    assert finished(fold_of(log, store).handle(log.batch())) is None
    assert finished(store.load(PARTITION, [])).meta.schema == 4


def test_a_partition_of_schema_4_without_a_customer_is_raised_too() -> None:
    log = Logbook()
    log.tick(START_MS)
    store = finished(upgraded_at(log, log.end, short_walks()))
    log.purchase(CUSTOMERS[0], START_MS)
    assert finished(fold_of(log, store).handle(log.batch(1))) is None
    assert finished(store.load(PARTITION, [])).meta.schema == 8
    assert finished(members(store)) == {"lifecycle/new": [CUSTOMERS[0]]}


def test_what_moved_before_the_upgrade_is_not_made_up() -> None:
    log = with_more_to_come(some_town())
    store = finished(upgraded_at(log, log.end - 1, short_walks()))
    log.purchase(CUSTOMERS[0], START_MS + 2_000 * DAY_MS)
    finished(fold_of(log, store).handle(Batch(log.end - 2, log.end - 1, log.records[-2:-1])))
    days = [int(day) for day in finished(store.movement(PARTITION))]
    assert min(days) > 736_330 + 13  # START_MS and the last tick before the upgrade


def a_crowd() -> Logbook:
    log = Logbook()
    for number, customer_id in enumerate(CROWD):
        log.purchase(customer_id, START_MS, amount_minor=10 * number)
    log.population(populations(3))
    log.event("merge", CROWD[7], START_MS + DAY_MS, into=CROWD[8])
    log.tick(START_MS + 13 * DAY_MS)
    return log


async def lay_out_as_before_schema_8(client: aioredis.Redis, store: RedisStore) -> list[str]:
    """Without ordinals, with everything that is to go; answers its keys."""
    keys = store.keys(PARTITION)
    stored: Any = await client.hgetall(keys.customers)
    bare = {id_: state_of(each) for id_, each in stored.items()}
    await client.delete(*await client.keys(f"{keys.meta.removesuffix('meta')}*:*"))
    await client.hdel(keys.meta, NUMBERED)
    await client.hset(keys.customers, mapping=cast(Any, bare))
    older = [*keys.older]
    for id_, packed in bare.items():
        held = decode_held(packed or b"")
        if isinstance(held, CustomerState):
            await client.zadd(keys.older[0], {id_: held.next_deadline_ms or 0})
            for segment in segments_of(held):
                older.append(keys.older_segment(segment))
                await client.zadd(older[-1], {id_: 0})
    for cell in keys.older[1:]:
        await client.sadd(cell, *CROWD[:300])
    return [*dict.fromkeys(older)]


@pytest.mark.parametrize("took_effect", [False, True])
def test_on_a_server_it_is_listed_however_often_it_dies_and_what_was_before_is_gone(
    runner: asyncio.Runner, client: aioredis.Redis, took_effect: bool
) -> None:
    namespace, ids = secrets.token_hex(8), tuple(CROWD)
    log = a_crowd()
    store = RedisStore(client, namespace)

    async def upgrade() -> None:
        assert await fold_of(log, store).handle(log.batch()) is None
        await make_schema_4(store, ids)
        older = await lay_out_as_before_schema_8(client, store)
        upgraded = RedisStore(client, namespace)
        log.tick(START_MS + 26 * DAY_MS)
        for call in count():
            doomed = crashing(upgraded, {call: took_effect})
            schema = (await upgraded.load(PARTITION, [])).meta.schema
            assert bool(await client.exists(*older)) == (schema == 4)
            try:
                await fold_of(log, doomed).handle(log.batch(log.end - 1))
            except Crash:
                continue
            break
        assert call > 6
        found, expected = await known(upgraded, ids), await known(await folded(log), ids)
        assert found._replace(rows=[]) == expected._replace(rows=[])
        assert found.meta.schema == 8
        assert len(found.members["lifecycle/dormant"]) > 600

    runner.run(upgrade())
