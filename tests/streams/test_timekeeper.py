"""What the passing of time makes an owner write, once a second, and when it holds its hand."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError

from models.calendar import day_of
from models.policy import policy_from_preset
from streams.memory_store import MemoryStore
from streams.store import LEARNER, Change, Live, Loaded, Meta, Newest, Vitals
from streams.topics import INPUTS
from streams.wall import wall_ms
from tests.streams.drawn import populations
from tests.streams.lanes import down
from tests.streams.logbook import (
    CUSTOMERS,
    DAY_MS,
    PARTITION,
    POLICY,
    contents,
    header,
)
from tests.streams.owners import HERE, LEARNING, MONDAY, Owner

MINUTE_MS = 60_000
IMPATIENT = policy_from_preset("grocery", population={"wait_minutes": 30})


@pytest.fixture
def owner() -> Owner:
    return Owner()


async def somewhere_something_happened(owner: Owner, delay_ms: int = 0) -> None:
    """Another partition has seen an event just now."""
    await owner.store.offer_newest(Newest(wall_ms(), wall_ms() - delay_ms))


async def test_before_the_first_event_of_any_partition_no_tick_is_written_and_nothing_is_missed(
    owner: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    await owner.fold()
    await owner.keeper.keep_time()
    assert owner.kafka.sent == []
    assert caplog.records == []  # a source that never spoke has not fallen silent
    assert await owner.store.live(PARTITION) is None


async def test_an_empty_partition_is_ticked_once_so_that_it_takes_part_in_epochs(
    owner: Owner,
) -> None:
    await owner.fold()
    await somewhere_something_happened(owner, delay_ms=3 * DAY_MS)
    before_ms = wall_ms()
    await owner.keeper.keep_time()
    (tick,) = owner.kafka.sent
    assert (tick.tp, tick.headers) == (HERE, {"kind": b"tick"})
    assert before_ms <= json.loads(tick.value)["at_ms"] + 3 * DAY_MS <= wall_ms()
    await owner.read_back()
    assert (await contents(owner.store)).meta.closed_day > 0
    await owner.keeper.keep_time()
    assert owner.kafka.sent == []


async def test_the_end_of_an_epoch_is_told_to_the_log_although_nobody_is_due(owner: Owner) -> None:
    long_ago_ms = wall_ms() - 8 * DAY_MS
    owner.log.purchase(CUSTOMERS[0], long_ago_ms)
    await owner.fold()
    await somewhere_something_happened(owner)
    before_ms = wall_ms()
    assert (await owner.store.next_due_ms(PARTITION) or 0) > before_ms
    await owner.keeper.keep_time()
    (tick,) = owner.kafka.sent
    assert before_ms <= json.loads(tick.value)["at_ms"] <= wall_ms()
    await owner.read_back()
    (barrier,) = [row for row in (await contents(owner.store)).rows if row.topic == INPUTS]
    assert header(barrier, "kind") == "barrier"
    await owner.keeper.keep_time()
    assert owner.kafka.sent == []


async def test_within_an_epoch_no_tick_is_written_while_nobody_is_due(owner: Owner) -> None:
    owner.log.purchase(CUSTOMERS[0], wall_ms())
    await owner.fold()
    await owner.keeper.keep_time()
    assert owner.kafka.sent == []
    assert owner.kafka.asked == [(HERE, 1)]


async def test_a_deadline_is_told_to_the_log_when_it_has_come(owner: Owner) -> None:
    owner.log.purchase(CUSTOMERS[0], wall_ms() - 20 * DAY_MS)
    owner.log.purchase(CUSTOMERS[1], wall_ms() - 20 * DAY_MS)
    await owner.fold()
    await somewhere_something_happened(owner)
    await owner.keeper.keep_time()
    await owner.read_back()
    flags = {(await contents(owner.store)).state(id_).standing.flags for id_ in CUSTOMERS[:2]}
    assert flags == {("overdue",)}


async def test_nothing_is_told_to_a_partition_that_is_not_read_to_its_end(owner: Owner) -> None:
    owner.log.purchase(CUSTOMERS[0], wall_ms() - 20 * DAY_MS)
    await owner.fold()
    await somewhere_something_happened(owner)
    owner.kafka.unread = {HERE}
    await owner.keeper.keep_time()
    assert owner.kafka.sent == []
    assert await owner.store.live(PARTITION) is None


async def test_read_to_the_end_the_owner_notes_how_late_the_source_is(owner: Owner) -> None:
    now_ms = wall_ms()
    owner.log.purchase(CUSTOMERS[0], now_ms - DAY_MS, appended_ms=now_ms)
    await owner.fold()
    await owner.keeper.keep_time()
    assert await owner.store.live(PARTITION) == Live(DAY_MS)


async def test_a_source_that_has_fallen_silent_makes_time_stand_still_and_says_so_once(
    owner: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    owner.log.purchase(CUSTOMERS[0], wall_ms() - 20 * DAY_MS)
    await owner.fold()
    await owner.keeper.keep_time()
    await owner.keeper.keep_time()
    assert owner.kafka.sent == []
    said = "source_silent: no event in any partition; time stands still"
    assert [each.getMessage() for each in caplog.records] == [said]
    await somewhere_something_happened(owner)
    await owner.keeper.keep_time()
    assert len(owner.kafka.sent) == 1
    assert caplog.records[-1].getMessage() == "source_silent: over"


async def test_a_store_that_has_lost_what_was_folded_is_given_it_again(owner: Owner) -> None:
    owner.log.purchase(CUSTOMERS[0], wall_ms() - 20 * DAY_MS)
    await owner.fold()
    await somewhere_something_happened(owner)
    meta = (await owner.store.load(PARTITION, ())).meta
    assert await owner.store.apply(PARTITION, meta, Change(Meta(), {}, ()))
    await owner.keeper.keep_time()
    assert (owner.watched.read_again, owner.kafka.sent) == (1, [])


async def test_how_a_partition_is_doing_is_told_and_noted_for_lookups(owner: Owner) -> None:
    now_ms = wall_ms()
    owner.log.purchase(CUSTOMERS[0], now_ms - DAY_MS, appended_ms=now_ms)
    await owner.fold()
    owner.kafka.lag_records = 0
    await owner.keeper.keep_time()
    assert await owner.store.vitals(PARTITION) == Vitals(0, -1, 1, 0.0)
    names = ("lag_records", "live", "deadline_overdue_seconds", "population_version")
    assert [owner.told(name) for name in names] == [0, 1, 0, 0]
    assert owner.told("outbox_rows") == 1
    assert 0 <= (owner.told("watermark_lag_seconds") or 0) < 60  # as the source's time goes
    assert (owner.told("looked_timestamp_seconds") or 0) >= now_ms // 1000


async def test_in_a_backlog_what_is_overdue_is_told_though_no_tick_is_written(owner: Owner) -> None:
    owner.log.purchase(CUSTOMERS[0], wall_ms() - 20 * DAY_MS)
    await owner.fold()
    await somewhere_something_happened(owner)
    owner.kafka.unread, owner.kafka.lag_records = {HERE}, 7
    await owner.keeper.keep_time()
    overdue_days = (owner.told("deadline_overdue_seconds") or 0) / 86_400
    assert 7 <= overdue_days <= 9  # due after twelve days of silence
    assert (owner.told("live"), owner.told("lag_records")) == (0, 7)
    assert await owner.store.vitals(PARTITION) == Vitals(7, -1, 1, 0.0)


async def test_while_time_stands_still_nothing_is_overdue(owner: Owner) -> None:
    owner.log.purchase(CUSTOMERS[0], wall_ms() - 20 * DAY_MS)
    await owner.fold()
    await owner.keeper.keep_time()
    assert (owner.told("live"), owner.told("deadline_overdue_seconds")) == (0, 0)
    ask = owner.meter.registry.get_sample_value
    assert ask("segmenter_source_silent") == 1
    await somewhere_something_happened(owner)
    await owner.keeper.keep_time()
    assert ask("segmenter_source_silent") == 0


async def test_a_lag_that_is_not_known_is_not_noted(owner: Owner) -> None:
    owner.log.purchase(CUSTOMERS[0], wall_ms())
    await owner.fold()
    owner.kafka.lag_records = None
    await owner.keeper.keep_time()
    assert await owner.store.vitals(PARTITION) is None
    assert (owner.told("lag_records"), owner.told("live")) == (None, 1)


async def test_a_population_in_force_is_looked_at_once(owner: Owner) -> None:
    owner.log.purchase(CUSTOMERS[0], wall_ms())
    learned = populations(0)._replace(version=4, as_of_day=day_of(wall_ms(), POLICY.timezone))
    owner.log.population(learned)
    await owner.fold()
    await owner.keeper.keep_time()
    assert owner.meter.population == learned
    assert owner.told("population_version") == 4


class Away(MemoryStore):
    """A store that can't be reached when one partition is asked for."""

    def __init__(self, error: Exception) -> None:
        super().__init__(lambda: 0)
        self.error = error
        self.away = False

    async def load(self, partition: int, *asked: Any) -> Loaded:
        if self.away and partition == PARTITION:
            raise self.error
        return await super().load(partition, *asked)


async def an_owner_of_two_topics(error: Exception) -> Owner:
    """Both have something to write; the store can't be asked about the log's partition."""
    store = Away(error)
    owner = Owner(store, IMPATIENT)
    await owner.fold()
    await somewhere_something_happened(owner)
    await owner.learn((0, MONDAY, 0), (1, MONDAY, 0), (0, MONDAY + 7, 1))
    store.away = True
    await owner.keeper.keep_time()
    return owner


async def test_while_the_store_is_away_time_stands_still_there_and_goes_on_elsewhere() -> None:
    owner = await an_owner_of_two_topics(down())
    assert [each.tp for each in owner.kafka.sent] == [LEARNING]
    assert owner.watched.crashes == []


async def test_while_the_store_is_away_the_lag_is_told_all_the_same() -> None:
    store = Away(down())
    owner = Owner(store)
    await owner.fold()
    store.away, owner.kafka.lag_records = True, 41
    await owner.keeper.keep_time()
    assert (owner.told("lag_records"), owner.told("looked_timestamp_seconds")) == (41, None)


async def test_an_error_that_waiting_cannot_mend_ends_the_worker() -> None:
    broken = ValueError("a meta of another planet")
    owner = await an_owner_of_two_topics(broken)
    assert owner.watched.crashes == [broken]


async def test_while_kafka_is_away_nothing_is_lost_but_time(owner: Owner) -> None:
    await owner.fold()
    await somewhere_something_happened(owner)
    owner.kafka.failure = KafkaConnectionError("no broker")
    await owner.keeper.keep_time()
    owner.kafka.failure = None
    await owner.keeper.keep_time()
    assert [each.tp for each in owner.kafka.sent] == [HERE]
    assert owner.watched.crashes == []


async def waiting(minutes: int) -> Owner:
    """For so long one partition has waited for the other at the end of an epoch."""
    owner = Owner(policy=IMPATIENT)
    now_ms = wall_ms()
    early_ms = now_ms - 500 * MINUTE_MS
    late = (0, MONDAY + 7, now_ms - minutes * MINUTE_MS)
    await owner.learn((0, MONDAY, early_ms), (1, MONDAY, early_ms), late)
    return owner


async def test_a_partition_is_waited_for_as_long_as_the_policy_says() -> None:
    owner = await waiting(minutes=29)
    await owner.keeper.keep_time()
    assert owner.kafka.sent == []
    assert owner.kafka.asked == [(LEARNING, 3)]


async def test_after_that_the_owner_of_the_learner_writes_that_it_is_given_up() -> None:
    owner = await waiting(minutes=31)
    await owner.keeper.keep_time()
    (given_up,) = owner.kafka.sent
    assert given_up.tp == LEARNING
    assert given_up.headers == {"kind": b"give_up", "source.namespace": b"main"}
    assert json.loads(given_up.value) == {"as_of_day": MONDAY + 7}
    await owner.learn_back()
    assert (await owner.store.load(LEARNER, ())).meta.population == 2
    await owner.keeper.keep_time()
    assert owner.kafka.sent == []


async def test_nobody_is_given_up_before_the_learners_topic_is_read_to_its_end() -> None:
    owner = await waiting(minutes=31)
    owner.kafka.unread = {LEARNING}
    await owner.keeper.keep_time()
    assert owner.kafka.sent == []


async def test_nobody_is_given_up_when_nobody_is_waited_for() -> None:
    owner = Owner(policy=IMPATIENT)
    await owner.learn((0, MONDAY, 0), (1, MONDAY, 0))
    await owner.keeper.keep_time()
    assert owner.kafka.sent == []


async def test_a_partition_that_has_never_come_is_not_given_up_however_long_it_takes() -> None:
    owner = Owner(policy=IMPATIENT)
    await owner.learn((0, MONDAY, 0), (0, MONDAY + 7, 1))
    await owner.keeper.keep_time()
    assert owner.kafka.sent == []


async def test_a_learner_whose_store_has_lost_what_was_folded_is_given_it_again() -> None:
    owner = await waiting(minutes=31)
    meta = (await owner.store.load(LEARNER, ())).meta
    assert await owner.store.apply(LEARNER, meta, Change(Meta(), {}, ()))
    await owner.keeper.keep_time()
    assert (owner.watched.read_again, owner.kafka.sent) == (1, [])
