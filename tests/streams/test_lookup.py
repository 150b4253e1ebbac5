"""Looking customers up: as of now where reading is at the end, else as of what was read."""

from __future__ import annotations

import pytest

from streams.lookup import Found, Lookup, NothingYet, as_json
from streams.memory_store import MemoryStore
from streams.store import Live
from tests.streams.drawn import populations
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

WHO, OTHER, THIRD, *_ = CUSTOMERS
LATER_MS = START_MS + 400 * DAY_MS  # whoever last bought at START_MS would be churned by now
TTL_MS = 10_000
WANTED = (
    *("customer_id", "lifecycle", "flags", "lifecycle_since", "next_deadline", "silence_days"),
    *("cadence_days", "purchase_days", "purchases", "net_spend_minor", "currency"),
    *("first_purchase_at", "last_purchase_at", "segments", "partition", "offset", "sequence"),
)


class Clock:
    """A wall clock that is put, not waited for."""

    now_ms = START_MS

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> MemoryStore:
    return MemoryStore(clock)


async def looking(store: MemoryStore, log: Logbook) -> Lookup:
    """A lookup on a store that holds the log."""
    await store.set_partitions(PARTITIONS)
    assert await fold_of(log, store).handle(log.batch()) is None
    return Lookup(store, POLICY)


async def found(look: Lookup, customer_id: str, now_ms: int) -> Found:
    one = await look.customer(customer_id, now_ms)
    assert one is not None
    return one


def one_purchase() -> Logbook:
    log = Logbook()
    log.purchase(WHO, START_MS + 10 * HOUR_MS, amount_minor=1_250, event_id="e1")
    return log


def lifecycle(one: Found) -> str:
    return one.state.standing.lifecycle.value


async def test_a_backlog_shows_nobody_as_gone_however_old_it_is(store: MemoryStore) -> None:
    look = await looking(store, one_purchase())
    one = await found(look, WHO, LATER_MS)
    assert (lifecycle(one), one.live) == ("new", False)
    assert one.as_of_ms == START_MS + 10 * HOUR_MS
    assert as_json(one, POLICY)["silence_days"] == 0


async def test_once_reading_is_at_the_end_silence_counts_up_to_now(store: MemoryStore) -> None:
    look = await looking(store, one_purchase())
    await store.set_live(PARTITION, Live(source_delay_ms=0), TTL_MS)
    one = await found(look, WHO, START_MS + 20 * DAY_MS)
    assert (lifecycle(one), one.state.standing.flags) == ("new", ("overdue",))
    assert (one.live, one.as_of_ms) == (True, START_MS + 20 * DAY_MS)
    assert as_json(one, POLICY)["silence_days"] == 20
    assert lifecycle(await found(look, WHO, LATER_MS)) == "churned"


async def test_a_source_that_runs_late_is_silent_later(store: MemoryStore) -> None:
    look = await looking(store, one_purchase())
    await store.set_live(PARTITION, Live(source_delay_ms=390 * DAY_MS), TTL_MS)
    one = await found(look, WHO, LATER_MS)
    assert (lifecycle(one), one.as_of_ms) == ("new", START_MS + 10 * DAY_MS)


async def test_an_owner_that_has_gone_quiet_is_no_longer_believed(
    store: MemoryStore, clock: Clock
) -> None:
    look = await looking(store, one_purchase())
    await store.set_live(PARTITION, Live(source_delay_ms=0), TTL_MS)
    clock.now_ms += TTL_MS
    assert lifecycle(await found(look, WHO, LATER_MS)) == "new"


async def test_another_partitions_owner_says_nothing_of_this_one(store: MemoryStore) -> None:
    look = await looking(store, one_purchase())
    await store.set_live(PARTITION + 1, Live(source_delay_ms=0), TTL_MS)
    assert not (await found(look, WHO, LATER_MS)).live


async def test_time_never_goes_back_behind_the_partitions_clock(store: MemoryStore) -> None:
    log = one_purchase()
    log.purchase(OTHER, START_MS + 30 * DAY_MS)
    look = await looking(store, log)
    await store.set_live(PARTITION, Live(source_delay_ms=0), TTL_MS)
    one = await found(look, WHO, START_MS)
    assert one.as_of_ms == START_MS + 30 * DAY_MS
    assert lifecycle(one) == "dormant"


async def test_looking_writes_nothing(store: MemoryStore) -> None:
    look = await looking(store, one_purchase())
    await store.set_live(PARTITION, Live(source_delay_ms=0), TTL_MS)
    before = await store.load(PARTITION, [WHO])
    assert lifecycle(await found(look, WHO, LATER_MS)) == "churned"
    assert await store.load(PARTITION, [WHO]) == before
    assert (await look.sizes())["new"] == 1


async def test_a_customer_in_json(store: MemoryStore) -> None:
    log = one_purchase()
    log.event("profile", WHO, START_MS + 11 * HOUR_MS, attributes={"tier": "gold", "gone": None})
    look = await looking(store, log)
    told = as_json(await found(look, WHO, LATER_MS), POLICY)
    assert set(WANTED) <= set(told)
    assert told == {
        "customer_id": WHO,
        "names": [],
        "lifecycle": "new",
        "flags": [],
        "lifecycle_since": "2017-01-01T10:00:00.000Z",
        "next_deadline": "2017-01-14T00:00:00.000Z",
        "next_deadline_brings": "overdue",
        "silence_days": 0,
        "cadence_days": 6.3,
        "limits_days": {"overdue_days": 12, "dormant_days": 25, "churned_days": 63},
        "purchase_days": 1,
        "purchases": 1,
        "net_spend_minor": 1_250,
        "currency": "USD",
        "first_purchase_at": "2017-01-01T10:00:00.000Z",
        "last_purchase_at": "2017-01-01T10:00:00.000Z",
        "attributes": {"tier": "gold"},
        "unknown_attributes": [],
        "age_band": None,
        "engagement": {},
        "satisfaction": None,
        "rfm": None,
        "population": None,
        "segments": ["lifecycle/new"],
        "as_of": "2017-01-01T11:00:00.000Z",
        "live": False,
        "partition": PARTITION,
        "offset": 2,
        "sequence": 1,
    }


async def test_once_a_population_is_in_force_groups_are_shown_in_every_scheme_as_of_the_moment(
    store: MemoryStore,
) -> None:
    log = one_purchase()
    log.population(populations(0))
    look = await looking(store, log)
    told = as_json(await found(look, WHO, LATER_MS), POLICY)
    assert told["population"] == 1
    assert told["rfm"] == {
        "quintile": {"recency": 5, "frequency": 1, "monetary": 3, "group": "new"},
        "klaviyo": {"recency": 3, "frequency": 1, "monetary": 2, "group": "recent"},
        "braze": {"recency": 3, "frequency": 0, "monetary": 2, "group": "promising"},
        "china8": {"recency": 1, "frequency": 0, "monetary": 1, "group": "important_development"},
    }
    await store.set_live(PARTITION, Live(source_delay_ms=0), TTL_MS)
    later = as_json(await found(look, WHO, START_MS + 20 * DAY_MS), POLICY)["rfm"]
    assert later["quintile"] == {
        "recency": 1,
        "frequency": 1,
        "monetary": 3,
        "group": "dormant",
    }


async def test_a_prospect_is_one_where_a_scheme_has_a_group_for_them(
    store: MemoryStore,
) -> None:
    log = Logbook()
    log.event("profile", WHO, START_MS, attributes={"tier": "gold"})
    log.population(populations(0))
    look = await looking(store, log)
    told = as_json(await found(look, WHO, LATER_MS), POLICY)
    prospect = {"recency": 0, "frequency": 0, "monetary": 0, "group": "prospects"}
    assert (told["rfm"], told["population"]) == ({"quintile": prospect}, 1)
    assert await look.populations() == [None, populations(0), None, None]


async def test_a_prospect_has_attributes_but_no_purchases_no_rhythm_and_no_deadline(
    store: MemoryStore,
) -> None:
    log = Logbook()
    log.event("profile", WHO, START_MS, attributes={"tier": "gold"})
    told = as_json(await found(await looking(store, log), WHO, LATER_MS), POLICY)
    assert told["lifecycle"] == "prospect"
    assert told["lifecycle_since"] == "2017-01-01T00:00:00.000Z"
    assert (told["purchases"], told["purchase_days"], told["net_spend_minor"]) == (0, 0, 0)
    nothing = ("next_deadline", "silence_days", "cadence_days", "limits_days")
    assert [told[key] for key in (*nothing, "first_purchase_at", "last_purchase_at")] == [None] * 6
    assert set(WANTED) <= set(told)


async def test_who_is_silent_for_good_has_no_next_deadline(store: MemoryStore) -> None:
    look = await looking(store, one_purchase())
    await store.set_live(PARTITION, Live(source_delay_ms=0), TTL_MS)
    told = as_json(await found(look, WHO, LATER_MS), POLICY)
    assert (told["lifecycle"], told["next_deadline"]) == ("churned", None)
    assert told["lifecycle_since"] == "2017-03-06T00:00:00.000Z"


async def test_history_is_told_oldest_first(store: MemoryStore) -> None:
    log = one_purchase()
    log.tick(START_MS + 100 * DAY_MS)
    log.purchase(WHO, START_MS + 101 * DAY_MS)
    look = await looking(store, log)
    told = [(each["sequence"], each["type"], each["reason"]) for each in await look.history(WHO)]
    assert told == [
        (1, "lifecycle.changed", "purchase"),
        (2, "lifecycle.changed", "silence"),
        (3, "lifecycle.changed", "silence"),
        (4, "lifecycle.changed", "silence"),
        (5, "lifecycle.changed", "purchase"),
        (6, "customer.won_back", "purchase"),
    ]
    assert await look.history(OTHER) == []


async def test_sizes_count_the_customers_of_all_partitions_by_state(store: MemoryStore) -> None:
    log = one_purchase()
    log.tick(START_MS + 100 * DAY_MS)
    log.purchase(OTHER, START_MS + 101 * DAY_MS)
    log.event("profile", THIRD, START_MS + 101 * DAY_MS, attributes={"tier": "gold"})
    look = await looking(store, log)
    assert await look.sizes() == {
        "prospect": 1,
        "new": 1,
        "active": 0,
        "dormant": 0,
        "churned": 1,
    }
    assert [meta.offset for meta in await look.metas()] == [0, 4, 0, 0]


async def test_nobody_is_known_by_an_id_that_never_bought(store: MemoryStore) -> None:
    look = await looking(store, one_purchase())
    assert await look.customer(OTHER, LATER_MS) is None
    assert await look.customer("somebody in another partition", LATER_MS) is None


async def test_before_any_worker_has_begun_the_answer_says_what_to_run(store: MemoryStore) -> None:
    look = Lookup(store, POLICY)
    for ask in (look.customer(WHO, LATER_MS), look.history(WHO), look.sizes(), look.metas()):
        with pytest.raises(NothingYet, match="run: segmenter run all"):
            await ask


async def test_a_person_is_found_by_another_name_and_shown_by_the_one_that_stays(
    store: MemoryStore,
) -> None:
    log = one_purchase()
    log.event("transfer", WHO, START_MS + 12 * HOUR_MS, merged_id=OTHER)
    log.event("merge", OTHER, START_MS + 12 * HOUR_MS, into=WHO)
    look = await looking(store, log)
    one = await found(look, OTHER, LATER_MS)
    assert (one.customer_id, one.asked_for, one.state.current.purchases) == (WHO, OTHER, 1)
    told = as_json(one, POLICY)
    assert (told["customer_id"], told["names"]) == (WHO, [OTHER])


async def test_while_a_transfer_is_under_way_nobody_is_found(store: MemoryStore) -> None:
    log = Logbook()
    log.purchase(OTHER, START_MS)
    log.event("merge", OTHER, START_MS, into=WHO)
    look = await looking(store, log)
    assert await look.customer(OTHER, LATER_MS) is None


async def test_names_that_form_a_ring_for_a_moment_are_nobodys(store: MemoryStore) -> None:
    log = Logbook()
    log.event("merge", WHO, START_MS, into=OTHER)
    log.event("merge", OTHER, START_MS, into=WHO)
    look = await looking(store, log)
    assert await look.customer(WHO, LATER_MS) is None
    assert (await look.sizes())["prospect"] == 0
