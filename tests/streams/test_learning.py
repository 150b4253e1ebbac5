"""The learner's fold: each population leaves once, whoever dies, whatever stands in the topic."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import count, product
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.barrier import Barrier, encode_barrier
from models.events import LogRecord
from models.policy import policy_from_preset
from models.population import Population, decode_population, digest_of
from models.sketch import Contribution, Sketch
from streams.chunk import LogIdentity
from streams.learning import LearnerFold, Waiting, give_up_message
from streams.memory_store import MemoryStore
from streams.partition import Batch, Seek
from streams.store import LEARNER, Meta, OutboxRow, Store
from streams.topics import LOG, POPULATIONS
from tests.streams.drawn import Crash, Interposed, crashing, finished

MONDAY = 738_886  # 2024-01-01
APPENDED_MS = 1_790_000_000_000
IDENTITY = LogIdentity("test", "topic-1", 2, 0)
RULES = policy_from_preset("general")
_numbers = count()


def slots(partition: int, day: int) -> Mapping[str, bytes]:
    """A sketch of one customer."""
    sketch = Sketch()
    one = Contribution(day, MONDAY - 40, day - 1 - partition, 2, 100 * (day - MONDAY) + partition)
    sketch.renew(f"{partition}/{day}", None, one)
    return sketch.slots()


class Inputs:
    """The learner's topic; a record is appended every second."""

    def __init__(self) -> None:
        self.records: list[LogRecord] = []

    def append(
        self, value: bytes | None, namespace: str | None = "test", kind: str = "barrier"
    ) -> None:
        headers = {"kind": kind.encode()}
        if namespace is not None:
            headers["source.namespace"] = namespace.encode()
        at_ms = APPENDED_MS + 1_000 * len(self.records)
        self.records.append(LogRecord(0, len(self.records), at_ms, None, value, headers))

    def barrier(self, partition: int, week: int, namespace: str = "test", of: int = 2) -> None:
        day = MONDAY + 7 * week
        barrier = Barrier(partition, of, day, slots(partition, day))
        self.append(encode_barrier(barrier), namespace)

    def give_up(self, week: int, namespace: str = "test") -> None:
        value, headers = give_up_message(namespace, MONDAY + 7 * week)
        at_ms = APPENDED_MS + 1_000 * len(self.records)
        self.records.append(LogRecord(0, len(self.records), at_ms, None, value, headers))

    def batch(self, start: int = 0, end: int | None = None) -> Batch:
        end = len(self.records) if end is None else end
        return Batch(start, end, self.records[start:end])

    async def exist(self, partition: int, start: int, end: int) -> bool:
        """The probe of a gap."""
        assert partition == 0
        return any(start <= record.offset < end for record in self.records)


def eventful() -> Inputs:
    """Two weeks together, one with a partition missing; nonsense and others' inputs between."""
    inputs = Inputs()
    inputs.barrier(0, 1)
    inputs.append(b"\xc1")
    inputs.barrier(1, 1)
    inputs.barrier(1, 2, namespace="another")
    inputs.barrier(0, 2)
    inputs.barrier(0, 3)
    inputs.barrier(1, 2)
    inputs.barrier(1, 2)
    inputs.give_up(3)
    inputs.barrier(1, 3)
    inputs.barrier(1, 4)
    inputs.barrier(0, 4)
    return inputs


def memory() -> MemoryStore:
    return MemoryStore(wall_ms=lambda: 0)


def fold_of(inputs: Inputs, store: Store) -> LearnerFold:
    nonces = (b"n%d" % number for number in _numbers)
    return LearnerFold(IDENTITY, RULES, store, inputs.exist, lambda: next(nonces))


def folded(inputs: Inputs, store: Store | None = None) -> tuple[LearnerFold, Store]:
    """All of it in one batch."""
    store = store or memory()
    fold = fold_of(inputs, store)
    assert finished(fold.handle(inputs.batch())) is None
    return fold, store


def rows(store: Store) -> list[OutboxRow]:
    return [row for _, row in finished(store.outbox(LEARNER, 10_000))]


def populations(store: Store) -> list[Population]:
    """The bodies that left."""
    return [decode_population(row.value or b"") for row in rows(store) if row.topic == POPULATIONS]


def meta(store: Store) -> Meta:
    return finished(store.load(LEARNER, [])).meta


def test_the_last_barrier_of_an_epoch_sends_a_body_and_behind_it_a_note_to_every_partition() -> (
    None
):
    inputs = Inputs()
    inputs.barrier(1, 1)
    inputs.barrier(0, 1)
    fold, store = folded(inputs)
    body, *notes = rows(store)
    assert (body.topic, body.partition) == (POPULATIONS, None)
    population = decode_population(body.value or b"")
    assert (population.version, population.as_of_day, population.customers) == (1, MONDAY + 7, 2)
    assert body.key == digest_of(body.value or b"").encode()
    assert dict(body.headers) == {
        "content-type": b"application/json",
        "source.namespace": b"test",
        "source.partition": b"-1",
        "source.offset": b"1",
    }
    assert [(note.topic, note.key, note.partition) for note in notes] == [
        (LOG, None, 0),
        (LOG, None, 1),
    ]
    for note in notes:
        assert json.loads(note.value or b"") == {"version": 1, "digest": body.key.decode()}
        assert list(note.headers) == [("kind", b"population")]
    assert fold.tally == {"barriers": 2, "populations": 1}


def test_what_is_remembered_of_the_topic_moves_with_every_record() -> None:
    inputs = eventful()
    fold, store = folded(inputs)
    assert meta(store)._replace(nonce=b"") == Meta(
        offset=12,
        clock_ms=APPENDED_MS + 11_000,
        topic_id="topic-1",
        partitions=1,
        schema=meta(store).schema,
        policy=RULES.version,
        population=4,
        closed_day=MONDAY + 28,
    )
    assert fold.store_offset == 12
    assert fold.tally == {
        "barriers": 9,
        "populations": 4,
        "unreadable": 1,
        "others": 1,
        "given_up": 1,
    }


def test_populations_are_learned_week_by_week_and_name_who_was_not_waited_for() -> None:
    _, store = folded(eventful())
    told = [
        (each.version, each.as_of_day - MONDAY, each.stale_partitions)
        for each in populations(store)
    ]
    assert told == [(1, 7, ()), (2, 14, ()), (3, 21, (1,)), (4, 28, ())]


def test_barriers_that_nothing_will_be_learned_of_are_not_kept() -> None:
    _, store = folded(eventful())
    kept = finished(store.walk(LEARNER, 0, 100)).states
    assert sorted(kept) == [
        f"barrier of 0 on {MONDAY + 28}",
        f"barrier of 1 on {MONDAY + 28}",
        "experience",
        "learner",
    ]


def test_the_same_topic_gives_the_same_rows_after_a_wipe() -> None:
    inputs = eventful()
    assert rows(folded(inputs)[1]) == rows(folded(inputs)[1])


def test_batches_that_come_again_or_overlap_change_nothing() -> None:
    inputs = eventful()
    fold, store = folded(inputs)
    before = meta(store), rows(store)
    for start, end in [(0, 12), (5, 9), (11, 12), (3, 3)]:
        assert finished(fold.handle(inputs.batch(start, end))) is None
    assert (meta(store), rows(store)) == before


def test_a_fold_begun_anew_goes_on_where_the_store_stands() -> None:
    inputs = eventful()
    store = memory()
    for end in range(1, 13):
        fold = fold_of(inputs, store)
        assert finished(fold.handle(inputs.batch(max(0, end - 3), end))) is None
    assert rows(store) == rows(folded(inputs)[1])


def test_inputs_of_another_installation_do_nothing_but_move_the_offset() -> None:
    inputs = Inputs()
    for partition in (0, 1):
        inputs.barrier(partition, 1, namespace="another")
    inputs.give_up(1, namespace="another")
    inputs.append(encode_barrier(Barrier(0, 2, MONDAY, {})), namespace=None)
    fold, store = folded(inputs)
    assert fold.tally == {"others": 4, "populations": 0}
    assert rows(store) == []
    assert (meta(store).offset, meta(store).closed_day) == (4, 0)


NONSENSE = [
    (None, "barrier"),
    (b"", "barrier"),
    (b"\xc1\xff", "barrier"),
    (encode_barrier(Barrier(0, 2, MONDAY, {"n": b"x"})), "barrier"),
    (encode_barrier(Barrier(0, 2, MONDAY, {"n": b"1"})), "barrier"),
    (encode_barrier(Barrier(0, 3, MONDAY, {})), "barrier"),
    (encode_barrier(Barrier(2, 2, MONDAY, {})), "barrier"),
    (encode_barrier(Barrier(-1, 2, MONDAY, {})), "barrier"),
    (encode_barrier(Barrier(cast(int, "0"), 2, MONDAY, {})), "barrier"),
    (encode_barrier(Barrier(0, 2, cast(int, "monday"), {})), "barrier"),
    (None, "give_up"),
    (b"", "give_up"),
    (b"{", "give_up"),
    (b"[]", "give_up"),
    (b"{}", "give_up"),
    (b"[" * 100_000, "give_up"),
    (b'{"as_of_day": null}', "give_up"),
    (b'{"as_of_day": "738886"}', "give_up"),
    (b'{"as_of_day": 1e999}', "give_up"),
]


@pytest.mark.parametrize(("value", "kind"), NONSENSE)
def test_an_input_that_cannot_be_read_is_counted_and_passed_over(
    value: bytes | None, kind: str
) -> None:
    inputs = Inputs()
    inputs.barrier(0, 1)
    inputs.append(value, kind=kind)
    inputs.barrier(1, 1)
    fold, store = folded(inputs)
    assert fold.tally == {"barriers": 2, "unreadable": 1, "populations": 1}
    assert len(populations(store)) == 1


def test_a_reader_that_skips_inputs_is_sent_back_and_loses_none() -> None:
    inputs = eventful()
    store = memory()
    fold = fold_of(inputs, store)
    assert finished(fold.handle(inputs.batch(0, 2))) is None
    assert finished(fold.handle(inputs.batch(5, 12))) == Seek(2)
    assert meta(store).offset == 2
    assert fold.tally["gaps"] == 1
    assert finished(fold.handle(inputs.batch(2, 12))) is None
    assert rows(store) == rows(folded(inputs)[1])


def test_offsets_without_a_record_are_no_gap() -> None:
    inputs = eventful()
    *_, last = inputs.records
    del inputs.records[8:]
    fold, store = folded(inputs)
    inputs.records.append(last._replace(offset=20))
    assert finished(fold.handle(Batch(15, 25, [inputs.records[-1]]))) is None
    assert (meta(store).offset, fold.tally["gaps"]) == (21, 0)


@pytest.mark.parametrize("overtaken_at", range(12))
def test_whoever_is_overtaken_by_another_owner_writes_nothing_and_takes_over_what_it_did(
    overtaken_at: int,
) -> None:
    inputs, store = eventful(), memory()
    other = fold_of(inputs, store)
    calls = count()

    async def overtake(call: str) -> None:
        if call == "apply" and next(calls) == overtaken_at:
            assert await other.handle(inputs.batch(0, overtaken_at + 1)) is None

    async def nothing(_: str) -> None:
        pass

    fold = fold_of(inputs, cast(Store, Interposed(store, overtake, nothing)))
    assert finished(fold.handle(inputs.batch())) is None
    assert fold.tally["fenced"] == 1
    assert rows(store) == rows(folded(inputs)[1])
    assert finished(other.handle(inputs.batch(overtaken_at + 1))) is None
    assert other.store_offset == 12
    assert rows(store) == rows(folded(inputs)[1])


CALLS = 30  # of an undisturbed run there are fewer


def survived(inputs: Inputs, plan: Mapping[int, bool]) -> list[OutboxRow]:
    """The rows that left although the learner died again and again; see `crashing`."""
    store = memory()
    doomed = crashing(store, plan)
    while (offset := meta(store).offset) < len(inputs.records):
        with suppress(Crash):
            fold = fold_of(inputs, doomed)
            assert finished(fold.handle(inputs.batch(offset))) is None
    return rows(store)


def insisted(inputs: Inputs, plan: Mapping[int, bool]) -> list[OutboxRow]:
    """The rows that left although the store failed; the same fold tried again."""
    store = memory()
    fold = fold_of(inputs, crashing(store, plan))
    while meta(store).offset < len(inputs.records):
        with suppress(Crash):
            assert finished(fold.handle(inputs.batch())) is None
    return rows(store)


@pytest.mark.parametrize("so", [survived, insisted])
def test_a_failure_before_or_after_any_call_of_the_store_leaves_no_trace(
    so: Callable[[Inputs, Mapping[int, bool]], list[OutboxRow]],
) -> None:
    inputs = eventful()
    expected = rows(folded(inputs)[1])
    for call, after in product(range(CALLS), (False, True)):
        assert so(inputs, {call: after}) == expected


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.integers(0, CALLS), st.booleans(), min_size=5, max_size=9))
def test_five_deaths_and_more_leave_no_trace(plan: dict[int, bool]) -> None:
    inputs = eventful()
    assert survived(inputs, plan) == rows(folded(inputs)[1])


def test_it_is_known_since_when_an_epoch_waits_for_somebody() -> None:
    inputs = Inputs()
    inputs.barrier(0, 1)
    inputs.barrier(1, 1)
    inputs.barrier(1, 2)
    inputs.barrier(1, 2)
    store = memory()
    fold = fold_of(inputs, store)
    found = []
    for start in range(4):
        assert finished(fold.handle(inputs.batch(start, start + 1))) is None
        found.append(fold.waiting)
    # Partition 1 has never come at first: nobody may give it up.
    since_the_third = Waiting(MONDAY + 14, APPENDED_MS + 2_000)
    assert found == [None, None, since_the_third, since_the_third]
    inputs.barrier(1, 3)
    assert finished(fold.handle(inputs.batch(4))) is None
    assert fold.waiting == Waiting(MONDAY + 21, APPENDED_MS + 2_000)  # it is the same wait
    inputs.give_up(3)
    assert finished(fold.handle(inputs.batch(5))) is None
    assert fold.waiting is None


def test_an_owner_that_has_just_begun_learns_from_the_store_what_is_waited_for() -> None:
    inputs = Inputs()
    for partition, week in ((0, 1), (1, 1), (0, 2)):
        inputs.barrier(partition, week)
    _, store = folded(inputs)
    fold = fold_of(inputs, store)
    assert finished(fold.look()) == meta(store)
    assert fold.waiting == Waiting(MONDAY + 14, APPENDED_MS + 2_000)
    assert fold.store_offset == 3
    nobody = fold_of(inputs, memory())
    assert finished(nobody.look()) == Meta()
    assert nobody.waiting is None
