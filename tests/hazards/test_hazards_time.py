"""A source that is late, or quiet: nobody is called gone by our fault."""

from __future__ import annotations

import json

import pytest

from streams.store import Newest
from streams.wall import wall_ms
from tests.hazards.keepers import Keeper
from tests.streams.lanes import Store
from tests.streams.logbook import CUSTOMERS, DAY_MS, PARTITION, START_MS, contents

HOUR_MS = 3_600_000


async def a_customer_silent_for_20_days() -> Keeper:
    """Overdue after 12; in another partition something was bought just now."""
    here = Keeper(Store())
    here.log.purchase(CUSTOMERS[0], wall_ms() - 20 * DAY_MS)
    await here.fold()
    await here.store.offer_newest(Newest(wall_ms(), wall_ms()))
    return here


async def test_no_tick_is_written_before_a_backlog_is_read_to_its_end() -> None:
    here = await a_customer_silent_for_20_days()
    here.kafka.end = 5_000  # hours of records; the customer's next purchase may be among them
    await here.look()
    assert here.kafka.ticks == []
    here.kafka.end = here.kafka.position
    await here.look()
    (tick,) = here.kafka.ticks
    assert wall_ms() - json.loads(tick)["at_ms"] < HOUR_MS


async def test_no_tick_is_written_while_the_source_is_silent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    here = Keeper(Store())
    here.log.purchase(CUSTOMERS[0], wall_ms() - 20 * DAY_MS)
    await here.fold()
    await here.watch_for(60)
    assert here.kafka.ticks == []
    assert [each.getMessage() for each in caplog.records] == [
        "source_silent: no event in any partition; time stands still"
    ]


async def test_first_start_on_an_old_topic_ages_nobody_beyond_its_own_time() -> None:
    """Events of 2017, written just now: the source runs years late, and so does the clock."""
    here = Keeper(Store())
    for day in range(3):
        here.log.purchase(CUSTOMERS[day], START_MS + day * DAY_MS, wall_ms())
    await here.fold()
    await here.watch_for(60)
    said = [json.loads(tick)["at_ms"] for tick in here.kafka.ticks]
    newest_ms = START_MS + 2 * DAY_MS
    assert newest_ms <= min(said) <= max(said) < newest_ms + HOUR_MS  # a week was over: no more
    found = await contents(here.store)
    assert set(found.lifecycles.values()) == {"new"}
    assert found.meta.clock_ms == newest_ms
    live = await here.store.live(PARTITION)
    assert live is not None
    assert live.source_delay_ms > 365 * DAY_MS
