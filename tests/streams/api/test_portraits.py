"""A customer is rendered once, and shown until something changes: never longer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.api.portraits import KEPT, Portraits, Shown, as_told
from streams.api.reads import Reads
from streams.lookup import Lookup
from streams.memory_store import MemoryStore
from streams.partition import PartitionFold
from streams.store import Live, Looked
from tests.streams.drawn import logs, populations
from tests.streams.logbook import (
    CUSTOMERS,
    DAY_MS,
    HOUR_MS,
    PARTITION,
    PARTITIONS,
    POLICY,
    START_MS,
    Logbook,
    fold_of,
)

WHO, OTHER, *_ = CUSTOMERS
TTL_MS = 3 * HOUR_MS


def standing_still() -> float:
    """A monotonic clock under which whatever is remembered is remembered for ever."""
    return 0.0


class Clock:
    """A wall clock that is put, not waited for."""

    now_ms = START_MS

    def __call__(self) -> int:
        return self.now_ms


class Place:
    """A partition that is folded record by record, and portraits of its customers."""

    def __init__(self, log: Logbook) -> None:
        self.clock, self.log = Clock(), log
        self.store = MemoryStore(self.clock)
        self.portraits = self.anew()
        self._fold: PartitionFold | None = None
        self._read_to = 0

    def anew(self, kept: int = KEPT) -> Portraits:
        reads = Reads(self.store, standing_still)
        return Portraits(reads, Lookup(reads, POLICY), POLICY, self.clock, kept)

    async def read(self, until: int | None = None) -> None:
        """Fold what has been written since."""
        await self.store.set_partitions(PARTITIONS)
        self._fold = self._fold or fold_of(self.log, self.store)
        end = self.log.end if until is None else until
        assert await self._fold.handle(self.log.batch(self._read_to, end)) is None
        self._read_to = end

    async def shown(self, customer_id: str = WHO) -> Shown:
        one = await self.portraits.of(customer_id)
        assert one is not None
        return one

    async def told(self, customer_id: str = WHO) -> dict[str, Any]:
        body: dict[str, Any] = json.loads((await self.shown(customer_id)).body)
        return body

    async def live(self, delay_ms: int = 0) -> None:
        await self.store.set_live(PARTITION, Live(delay_ms), TTL_MS)


def one_purchase() -> Logbook:
    log = Logbook()
    log.purchase(WHO, START_MS + 10 * HOUR_MS)
    return log


@pytest.fixture
async def place() -> Place:
    one = Place(one_purchase())
    await one.read()
    return one


turns = st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=1, max_size=12)


@settings(deadline=None)
@given(log=logs, turns=turns)
def test_a_portrait_never_shows_what_is_not_there_any_more(
    runner: asyncio.Runner, log: Logbook, turns: list[tuple[int, bool]]
) -> None:
    runner.run(_compare(Place(log), turns))


async def _compare(place: Place, turns: list[tuple[int, bool]]) -> None:
    for number, record in enumerate(place.log.records):
        hours, live = turns[number % len(turns)]
        await place.read(record.offset + 1)
        place.clock.now_ms = max(place.clock.now_ms, record.timestamp_ms) + hours * HOUR_MS // 4
        if live:
            await place.live()
        fresh = place.anew()
        for each in CUSTOMERS:
            assert await place.portraits.of(each) == await fresh.of(each)


async def test_what_is_shown_is_what_a_lookup_tells(place: Place) -> None:
    lookup = Lookup(place.store, POLICY)
    found = await lookup.customer(WHO, place.clock())
    assert found is not None
    found = await lookup.with_favourites(found)
    assert await place.told() == json.loads(json.dumps(as_told(found, POLICY)))


async def test_a_portrait_is_shown_again_with_the_moment_of_asking(place: Place) -> None:
    place.clock.now_ms = START_MS + 11 * HOUR_MS
    await place.live()
    first = await place.told()
    place.clock.now_ms += HOUR_MS
    again = await place.told()
    assert (place.portraits.hits, place.portraits.misses) == (1, 1)
    assert (first.pop("as_of"), again.pop("as_of")) == (
        "2017-01-01T11:00:00.000Z",
        "2017-01-01T12:00:00.000Z",
    )
    assert first == again


async def test_a_new_purchase_is_seen_at_once_and_changes_the_tag(place: Place) -> None:
    before = await place.shown()
    place.log.purchase(WHO, START_MS + 12 * HOUR_MS)
    await place.read()
    after = await place.shown()
    assert json.loads(after.body)["purchases"] == 2
    assert before.etag != after.etag


async def test_somebody_elses_purchase_changes_the_offset_but_not_the_tag(place: Place) -> None:
    before = await place.shown()
    place.log.purchase(OTHER, START_MS + 10 * HOUR_MS)
    await place.read()
    after = await place.shown()
    assert [json.loads(each.body)["offset"] for each in (before, after)] == [1, 2]
    assert before.etag == after.etag
    assert place.portraits.hits == 1


async def test_after_midnight_another_day_of_silence_is_told(place: Place) -> None:
    place.clock.now_ms = START_MS + 24 * HOUR_MS - 1
    await place.live()
    assert (await place.told())["silence_days"] == 0
    place.clock.now_ms += 1
    assert (await place.told())["silence_days"] == 1


async def test_once_a_deadline_has_passed_it_is_told(place: Place) -> None:
    deadline_ms = START_MS + 13 * DAY_MS
    place.clock.now_ms = deadline_ms - 1
    await place.live()
    assert (await place.told())["flags"] == []
    place.clock.now_ms = deadline_ms
    told = await place.told()
    assert (told["flags"], told["lifecycle"]) == (["overdue"], "new")


async def test_when_the_owner_goes_quiet_time_goes_back_to_the_partitions_clock(
    place: Place,
) -> None:
    place.clock.now_ms = START_MS + 20 * DAY_MS
    await place.live()
    assert (await place.told())["flags"] == ["overdue"]
    place.clock.now_ms += TTL_MS
    told = await place.told()
    assert (told["flags"], told["live"], told["silence_days"]) == ([], False, 0)


async def test_another_population_is_seen_at_once_even_if_nobodys_state_changes(
    place: Place,
) -> None:
    for version in (1, 2):
        place.log.population(populations(version)._replace(clusters=None))
        await place.read()
        told = await place.told()
        assert told["population"] == populations(version).version
        assert told["rfm"]["klaviyo"] == (await _fresh(place))["rfm"]["klaviyo"]


async def _fresh(place: Place) -> dict[str, Any]:
    shown = await place.anew().of(WHO)
    assert shown is not None
    told: dict[str, Any] = json.loads(shown.body)
    return told


async def test_a_population_that_comes_while_the_older_one_is_being_read_is_not_missed() -> None:
    place = Place(one_purchase())

    class Slow(MemoryStore):
        """Takes its time: meanwhile another population comes into force, and somebody looks."""

        async def population(self, partition: int) -> bytes | None:
            packed = await super().population(partition)
            if place.log.end == 2:
                place.log.population(populations(2))
                await place.read()
                await place.portraits.of(WHO)
            return packed

    place.store = Slow(place.clock)
    place.portraits = place.anew()
    place.log.population(populations(1))
    await place.read()
    await place.portraits.of(WHO)
    assert (await place.told())["population"] == populations(2).version


async def test_who_is_erased_is_gone_at_once(place: Place) -> None:
    await place.shown()
    place.log.event("erasure", WHO, START_MS + 11 * HOUR_MS)
    await place.read()
    assert await place.portraits.of(WHO) is None


async def test_who_becomes_another_name_is_shown_as_whom_they_are(place: Place) -> None:
    assert "asked_for" not in await place.told()
    place.log.event("transfer", OTHER, START_MS + 12 * HOUR_MS, merged_id=WHO)
    place.log.event("merge", WHO, START_MS + 12 * HOUR_MS, into=OTHER)
    await place.read()
    told = await place.told()
    assert (told["customer_id"], told["asked_for"], told["names"]) == (OTHER, WHO, [WHO])
    assert (await place.told(OTHER)).get("asked_for") is None


async def test_no_more_portraits_are_kept_than_there_is_room_for(place: Place) -> None:
    place.portraits = place.anew(kept=2)
    for each in CUSTOMERS[1:3]:
        place.log.purchase(each, START_MS + 10 * HOUR_MS)
    await place.read()
    for each in CUSTOMERS[:3]:
        await place.shown(each)
    await place.shown(CUSTOMERS[0])
    assert (place.portraits.hits, place.portraits.misses) == (0, 4)
    await place.shown(CUSTOMERS[2])
    assert place.portraits.hits == 1


# What many ask for at once is asked for once.


class Counting(MemoryStore):
    """Counts looks, and fails those that it is told to."""

    looks = 0
    error: Exception | None = None

    async def look(self, partition: int, customer_ids: Any) -> Looked:
        self.looks += 1
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return await super().look(partition, customer_ids)


async def test_lookups_at_the_same_moment_are_one_call_and_each_has_its_own_answer() -> None:
    store = Counting(lambda: 0)
    await store.set_partitions(PARTITIONS)
    log = one_purchase()
    assert await fold_of(log, store).handle(log.batch()) is None
    reads = Reads(store)
    found = await asyncio.gather(
        *(reads.look(PARTITION, [each]) for each in (WHO, OTHER, WHO)), reads.look(0, [WHO])
    )
    states = [each.states[0] for each in found]
    assert states[0] is not None
    assert states == [states[0], None, states[0], None]
    assert store.looks == 2


async def test_an_error_is_told_to_all_who_wait_and_to_nobody_later() -> None:
    store = Counting(lambda: 0)
    store.error, reads = RuntimeError("away"), Reads(store)
    answers = await asyncio.gather(
        *(reads.look(PARTITION, [each]) for each in (WHO, OTHER)), return_exceptions=True
    )
    assert answers == [store.error] * 2
    store.error = None
    assert (await reads.look(PARTITION, [WHO])).states == (None,)


async def test_who_goes_away_meanwhile_leaves_the_others_their_answer() -> None:
    reads = Reads(Counting(lambda: 0))
    one, other = (asyncio.ensure_future(reads.look(PARTITION, [each])) for each in (WHO, OTHER))
    await asyncio.sleep(0)
    one.cancel()
    assert list((await other).states) == [None]


class Held:
    """A store whose answer about one customer waits until it is let go."""

    def __init__(self, store: MemoryStore, customer_id: str) -> None:
        self._store, self._customer_id = store, customer_id
        self.go, self.asked = asyncio.Event(), asyncio.Event()
        self.go.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def look(self, partition: int, ids: Sequence[str]) -> Looked:
        if self._customer_id in ids:
            self.asked.set()
            await self.go.wait()
        return await self._store.look(partition, ids)


async def test_who_is_pushed_out_while_the_store_is_asked_is_shown_all_the_same(
    place: Place,
) -> None:
    place.log.purchase(OTHER, START_MS + 10 * HOUR_MS)
    await place.read()
    store = Held(place.store, WHO)
    reads = cast(Reads, store)
    portraits = Portraits(reads, Lookup(reads, POLICY), POLICY, place.clock, kept=1)
    first = await portraits.of(WHO)
    store.go.clear()
    store.asked.clear()
    again = asyncio.create_task(portraits.of(WHO))
    await store.asked.wait()
    assert await portraits.of(OTHER) is not None
    store.go.set()
    assert await again == first
