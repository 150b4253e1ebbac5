"""One partition, batch by batch: gaps, ticks and their walks, a full outbox, a backlog."""

from __future__ import annotations

from datetime import datetime
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.policy import policy_from_preset
from streams.memory_store import MemoryStore
from streams.partition import MAX_OUTBOX_ROWS, OutboxFull, Seek
from streams.store import Change, Meta, OutboxRow, Store
from tests.streams.drawn import Crash, Interposed, crashing, finished
from tests.streams.logbook import (
    CUSTOMERS,
    DAY_MS,
    HOUR_MS,
    PARTITION,
    START_MS,
    Contents,
    Logbook,
    contents,
    customers_in,
    fold_of,
    folded,
    header,
    memory,
    reference,
    told,
)

C1, C2, C3, *_ = CUSTOMERS
CROWD = customers_in(PARTITION, 1_200)


def crowded_log(tick_day: int = 26) -> Logbook:
    """1,200 customers buy once; 26 days later they are overdue and dormant."""
    log = Logbook()
    for customer_id in CROWD:
        log.purchase(customer_id, START_MS)
    log.tick(START_MS + tick_day * DAY_MS)
    return log


def noting(store: Store, notes: list[Meta]) -> Store:
    """Notes the meta that stands in the store before each write."""

    async def before(name: str) -> None:
        if name == "apply":
            notes.append((await store.load(PARTITION, [])).meta)

    async def after(_: str) -> None: ...

    return cast(Store, Interposed(store, before, after))


async def position(store: Store) -> int:
    return (await store.load(PARTITION, [])).meta.offset


async def test_skipped_records_send_the_reader_back_and_nothing_is_written() -> None:
    log, store = Logbook(), memory()
    log.purchase(C1, START_MS)
    log.purchase(C2, START_MS)
    log.purchase(C3, START_MS)
    fold = fold_of(log, store)
    assert await fold.handle(log.batch(0, 1)) is None
    before = await contents(store)
    assert await fold.handle(log.batch(2, 3)) == Seek(1)
    assert await contents(store) == before
    assert fold.tally["gaps"] == 1


async def test_a_gap_without_records_is_passed_over() -> None:
    log, store = Logbook(), memory()
    log.purchase(C1, START_MS)
    log.skip()
    log.skip()
    log.purchase(C2, START_MS)
    fold = fold_of(log, store)
    assert await fold.handle(log.batch(0, 1)) is None
    assert await fold.handle(log.batch(3, 4)) is None
    assert (await contents(store)).lifecycles == {C1: "new", C2: "new"}
    assert await position(store) == 4


async def test_a_batch_of_nothing_but_holes_moves_the_offset() -> None:
    log, store = Logbook(), memory()
    log.skip()
    log.skip()
    assert await fold_of(log, store).handle(log.batch()) is None
    assert await position(store) == 2


async def test_a_store_that_was_rolled_back_sends_the_reader_back() -> None:
    log, store = Logbook(), memory()
    log.purchase(C1, START_MS)
    log.purchase(C2, START_MS)
    log.purchase(C3, START_MS)
    fold = fold_of(log, store)
    assert await fold.handle(log.batch(0, 2)) is None
    meta = (await store.load(PARTITION, [])).meta
    await store.apply(PARTITION, meta, Change(meta._replace(offset=1, nonce=b"old"), {}, ()))
    assert await fold.handle(log.batch(2, 3)) == Seek(1)


async def test_a_batch_that_is_done_already_changes_nothing() -> None:
    log, store = Logbook(), memory()
    log.purchase(C1, START_MS)
    log.tick(START_MS + 26 * DAY_MS)
    fold = fold_of(log, store)
    await fold.handle(log.batch())
    before = await contents(store)
    nonce = (await store.load(PARTITION, [])).meta.nonce
    assert await fold.handle(log.batch()) is None
    assert await fold.handle(log.batch(1)) is None
    assert await contents(store) == before
    assert (await store.load(PARTITION, [])).meta.nonce == nonce


async def test_a_batch_larger_than_a_script_is_written_in_several() -> None:
    log, store, notes = Logbook(), memory(), list[Meta]()
    for customer_id in CROWD:
        log.purchase(customer_id, START_MS)
    for hour in range(2_500):
        log.purchase(C1, START_MS + hour * HOUR_MS // 10)
    assert await fold_of(log, noting(store, notes)).handle(log.batch()) is None
    assert len(notes) >= 5
    found = await contents(store, CROWD)
    assert found.states == reference(log).states
    assert found.state(C1).current.purchases == 2_501


async def test_a_tick_walks_its_customers_in_several_scripts_and_moves_no_offset_until_the_end() -> (
    None
):
    log, store, notes = crowded_log(), memory(), list[Meta]()
    assert await fold_of(log, store).handle(log.batch(0, log.end - 1)) is None
    assert await fold_of(log, noting(store, notes)).handle(log.batch(log.end - 1)) is None
    assert [meta.offset for meta in notes] == [log.end - 1] * 4
    assert {meta.clock_ms for meta in notes} == {START_MS}
    assert len({meta.nonce for meta in notes}) == 4
    found = await contents(store, CROWD)
    assert set(found.lifecycles.values()) == {"dormant"}
    assert found.states == reference(log).states
    assert [told(row) for row in found.rows] == reference(log).told
    assert (found.meta.offset, found.meta.clock_ms) == (log.end, START_MS + 26 * DAY_MS)


@pytest.mark.parametrize("took_effect", [False, True])
@pytest.mark.parametrize("call", range(10))
async def test_a_walk_cut_short_is_taken_up_where_it_ended(call: int, took_effect: bool) -> None:
    log, store = crowded_log(), memory()
    await fold_of(log, store).handle(log.batch(0, log.end - 1))
    tick = log.batch(log.end - 1)
    with pytest.raises(Crash):
        await fold_of(log, crashing(store, {call: took_effect})).handle(tick)
    if (call, took_effect) != (9, True):  # the last one writes the offset
        assert await position(store) == log.end - 1
    assert await fold_of(log, store).handle(tick) is None
    found = await contents(store, CROWD)
    assert [told(row) for row in found.rows] == reference(log).told


async def test_too_many_waiting_effects_make_the_worker_wait() -> None:
    log, store = Logbook(), memory()
    log.purchase(C1, START_MS)
    await _fill_outbox(store, MAX_OUTBOX_ROWS + 1)
    with pytest.raises(OutboxFull, match="100001 effects"):
        await fold_of(log, store).handle(log.batch())
    assert await position(store) == 0
    rows = await store.outbox(PARTITION, 1)
    await store.outbox_delete(PARTITION, [row_id for row_id, _ in rows])
    assert await fold_of(log, store).handle(log.batch()) is None


async def test_a_walk_waits_for_the_relay_as_well() -> None:
    log, store = crowded_log(), memory()
    fold = fold_of(log, store)
    await fold.handle(log.batch(0, log.end - 1))
    await _fill_outbox(store, MAX_OUTBOX_ROWS - len(CROWD))
    with pytest.raises(OutboxFull):
        await fold.handle(log.batch(log.end - 1))
    assert (await store.load(PARTITION, [])).outbox_rows <= MAX_OUTBOX_ROWS + 2 * 500
    await store.outbox_delete(PARTITION, [id_ for id_, _ in await store.outbox(PARTITION, 50_000)])
    assert await fold.handle(log.batch(log.end - 1)) is None
    assert (await contents(store, CROWD)).states == reference(log).states


async def _fill_outbox(store: MemoryStore, rows: int) -> None:
    meta = (await store.load(PARTITION, [])).meta
    waiting = [OutboxRow("segment-changes.v1", b"c", b"{}", ())] * rows
    await store.apply(PARTITION, meta, Change(meta._replace(nonce=b"full"), {}, waiting))


visits_of_three = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 90)), min_size=1, max_size=20
)
BACKLOG = CUSTOMERS[:3]


@settings(max_examples=400, deadline=None)
@given(visits=visits_of_three)
def test_a_backlog_however_old_churns_nobody_before_it_is_read(
    visits: list[tuple[int, int]],
) -> None:
    """Only a customer's own return proves that they had been away."""
    log, day = Logbook(), 0
    returns: dict[str, list[int]] = {id_: [] for id_ in BACKLOG}
    for who, days in visits:
        day += days
        customer_id, at_ms = BACKLOG[who], START_MS + day * DAY_MS
        log.purchase(customer_id, at_ms, START_MS + 4_000 * DAY_MS)
        returns[customer_id].append(at_ms)
    found = finished(_folded(log))
    assert set(found.lifecycles.values()) <= {"new", "active"}
    for row in found.rows:
        at_ms, who_id = _happened_ms(row), header(row, "ce_subject")
        assert who_id is not None
        assert at_ms <= max(returns[who_id])


@settings(max_examples=300, deadline=None)
@given(days=st.lists(st.integers(0, 40), min_size=1, max_size=8))
def test_with_ticks_in_place_deadlines_fire_stamped_with_themselves(days: list[int]) -> None:
    log, day = Logbook(), 0
    log.purchase(C1, START_MS + 5 * HOUR_MS)
    for passed in days:
        day += passed
        log.tick(START_MS + day * DAY_MS)
    found = finished(_folded(log))
    overdue, dormant, churned = 13, 26, 64  # who bought once is dormant before the 28 new days end
    expected = [START_MS + at * DAY_MS for at in (overdue, dormant, churned) if at <= day]
    assert [_happened_ms(row) for row in found.changes[1:]] == expected


async def _folded(log: Logbook) -> Contents:
    return await contents(await folded(log))


def _happened_ms(row: OutboxRow) -> int:
    text = header(row, "ce_time")
    assert text is not None
    return round(datetime.fromisoformat(text).timestamp() * 1000)


async def test_a_customer_in_fixed_mode_is_called_dormant_at_the_midnight_after_the_limit() -> None:
    policy = policy_from_preset("grocery", lifecycle={"mode": "fixed"})
    log = Logbook()
    log.purchase(C1, START_MS + 23 * HOUR_MS)
    log.tick(START_MS + 29 * DAY_MS - 1)
    before = await contents(await folded(log, policy))
    log.tick(START_MS + 29 * DAY_MS)
    after = await contents(await folded(log, policy))
    assert (before.lifecycles[C1], after.lifecycles[C1]) == ("new", "dormant")
    assert after.state(C1).lifecycle_since_ms == START_MS + 29 * DAY_MS
