"""However a log is cut, shared or interrupted: the states and effects of a single-threaded replay."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.population import encode_population
from streams.partition import Seek
from streams.store import Store
from tests.streams.drawn import (
    Crash,
    ShortWalks,
    crashing,
    cuts,
    fallen_silent,
    finished,
    interleaved,
    logs,
    shared,
    turns_of_two,
    walked_logs,
    written,
)
from tests.streams.logbook import (
    PARTITION,
    Contents,
    Logbook,
    contents,
    cut,
    fold_of,
    memory,
    reference,
    told,
)

thoroughly = settings(max_examples=400, deadline=None)
briefly = settings(max_examples=200, deadline=None)


def short_walks() -> ShortWalks:
    return ShortWalks(wall_ms=lambda: 0)


async def record_by_record(log: Logbook) -> Contents:
    store = memory()
    fold = fold_of(log, store)
    for record in log.records:
        assert await fold.handle(log.batch(record.offset, record.offset + 1)) is None
    await fold.handle(log.batch(log.end))
    return await contents(store)


async def in_batches(log: Logbook, lengths: list[tuple[int, int]]) -> Contents:
    store = memory()
    fold = fold_of(log, store)
    for batch in cut(log, lengths):
        assert await fold.handle(batch) is None
    return await contents(store)


def agrees(found: Contents, log: Logbook) -> None:
    expected = reference(log)
    assert found.states == expected.states
    assert [told(row) for row in found.rows] == expected.told
    assert (found.meta.offset, found.meta.clock_ms) == (log.end, expected.clock_ms)
    assert found.whole.sketch == expected.sketch.slots()
    packed = expected.population and encode_population(expected.population)
    assert found.whole.population == packed


@thoroughly
@given(log=logs, lengths=cuts)
def test_any_cut_into_batches_gives_the_same_store_as_record_by_record(
    log: Logbook, lengths: list[tuple[int, int]]
) -> None:
    found = finished(in_batches(log, lengths))
    assert found == finished(record_by_record(log))
    agrees(found, log)


@briefly
@given(log=logs | walked_logs, one=cuts, other=cuts, turns=turns_of_two)
def test_two_owners_interleaved_at_random_give_what_one_would_have_given(
    log: Logbook, one: list[tuple[int, int]], other: list[tuple[int, int]], turns: list[int]
) -> None:
    shared_by_two(log, one, other, turns)


def shared_by_two(
    log: Logbook, one: list[tuple[int, int]], other: list[tuple[int, int]], turns: list[int]
) -> None:
    store = short_walks()

    async def own(lengths: list[tuple[int, int]]) -> None:
        fold = fold_of(log, shared(store))
        for batch in cut(log, lengths):
            await fold.handle(batch)  # a zombie: it goes on whatever it is told

    interleaved([own(one), own(other)], turns)
    agrees(finished(contents(store)), log)


@pytest.mark.parametrize(
    "log",
    [written([("purchase", 0, 24, 1)] * 4), fallen_silent([([0, 1, 2], 26)])],
    ids=["one customer", "a walk"],
)
def test_an_owner_may_be_overtaken_between_any_two_steps_and_overtake_again(log: Logbook) -> None:
    single_records = [(1, 0)] * log.end
    for first, then, last in product(range(0, 20, 2), range(1, 9), range(0, 20, 2)):
        turns = [0] * first + [1] * then + [0] * last + [1] * 99
        shared_by_two(log, single_records, [], turns)


@briefly
@given(
    log=logs | walked_logs,
    lengths=cuts,
    plan=st.dictionaries(st.integers(0, 40), st.booleans(), max_size=6),
)
def test_a_crash_between_any_two_calls_leaves_no_trace_once_read_again(
    log: Logbook, lengths: list[tuple[int, int]], plan: dict[int, bool]
) -> None:
    store = short_walks()
    doomed = crashing(store, plan)
    while finished(store.load(PARTITION, [])).meta.offset < log.end:
        try:
            finished(_from_the_stored_offset(log, store, doomed, lengths))
        except Crash:
            continue
    agrees(finished(contents(store)), log)


async def _from_the_stored_offset(
    log: Logbook, store: Store, doomed: Store, lengths: list[tuple[int, int]]
) -> None:
    position = (await store.load(PARTITION, [])).meta.offset
    fold = fold_of(log, doomed)
    for length, _ in [*lengths, (log.end, 0)]:
        end = min(log.end, position + length)
        assert await fold.handle(log.batch(position, end)) is None
        position = end


@briefly
@given(log=logs, jumps=st.lists(st.integers(0, 30), min_size=1, max_size=12))
def test_a_reader_that_skips_records_is_sent_back_and_loses_none(
    log: Logbook, jumps: list[int]
) -> None:
    async def read() -> Contents:
        store = memory()
        fold = fold_of(log, store)
        for jump in jumps:
            start = min(jump, log.end)
            before = (await store.load(PARTITION, [])).meta.offset
            answer = await fold.handle(log.batch(start, min(start + 3, log.end)))
            if await log.records_exist(PARTITION, before, start):
                assert answer == Seek(before)
                assert (await store.load(PARTITION, [])).meta.offset == before
            else:
                assert answer is None
        position = (await store.load(PARTITION, [])).meta.offset
        assert await fold.handle(log.batch(position)) is None
        return await contents(store)

    agrees(finished(read()), log)
