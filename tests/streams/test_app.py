"""A worker opens what it is assigned and closes what is taken away, topic by topic."""

from __future__ import annotations

from pathlib import Path

import pytest
from faust.types import TP

from models.codec import SCHEMA_VERSION
from models.events import LogRecord
from models.policy import policy_from_preset
from streams.app import Worker
from streams.brokers import Brokers
from streams.log import LogInspector
from streams.memory_store import MemoryStore
from streams.partition import Batch
from streams.refusal import Refused
from streams.settings import Settings
from streams.store import LEARNER, Change, Meta
from streams.topics import INPUTS, LOG, TOPICS


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(lambda: 0)


@pytest.fixture
async def worker(
    bootstrap_servers: str, namespace: str, store: MemoryStore, tmp_path: Path
) -> Worker:
    """One on a broker with topics; Faust is not started."""
    LogInspector(Brokers(bootstrap_servers)).create(TOPICS, 2, 1)
    settings = Settings.model_validate(
        {"bootstrap_servers": bootstrap_servers, "namespace": namespace}
    )
    return Worker(settings, policy_from_preset("grocery"), store)


async def test_reading_begins_where_the_store_stands_and_the_lanes_are_open(
    worker: Worker, store: MemoryStore
) -> None:
    assert await worker.resume_at([TP(LOG, 0), TP(LOG, 1)]) == {TP(LOG, 0): 0, TP(LOG, 1): 0}
    assert worker.lane.partitions == [0, 1]


async def test_what_is_assigned_no_more_is_closed(worker: Worker) -> None:
    await worker.resume_at([TP(LOG, 0), TP(LOG, 1)])
    await worker.resume_at([TP(LOG, 1)])
    assert worker.lane.partitions == [1]
    assert await worker.resume_at([]) == {}
    assert worker.lane.partitions == []


async def test_a_worker_that_has_no_partition_of_the_log_asks_nothing_about_it(
    worker: Worker,
) -> None:
    await worker.resume_at([TP(LOG, 0)])
    assert await worker.resume_at([TP("another.topic", 0)]) == {}
    assert worker.lane.partitions == []


async def test_what_is_taken_away_closes_the_partition_of_its_own_topic(worker: Worker) -> None:
    await worker.resume_at([TP(LOG, 0), TP(LOG, 1)])
    await worker._revoked(worker.app, {TP(LOG, 1), TP("another.topic", 0)})
    assert worker.lane.partitions == [0]


async def test_the_owner_of_the_learners_topic_learns_from_where_the_store_stands(
    worker: Worker,
) -> None:
    assert await worker.resume_at([TP(INPUTS, 0), TP(LOG, 1)]) == {TP(LOG, 1): 0, TP(INPUTS, 0): 0}
    assert (worker.lane.partitions, worker.learning.partitions) == ([1], [0])
    assert await worker.resume_at([TP(LOG, 1)]) == {TP(LOG, 1): 0}
    assert (worker.lane.partitions, worker.learning.partitions) == ([1], [])


async def test_partitions_of_the_same_number_are_taken_away_topic_by_topic(worker: Worker) -> None:
    await worker.resume_at([TP(INPUTS, 0), TP(LOG, 0)])
    await worker._revoked(worker.app, {TP(INPUTS, 0)})
    assert (worker.lane.partitions, worker.learning.partitions) == ([0], [])


async def test_what_its_partitions_fold_is_told_by_the_workers_meter(worker: Worker) -> None:
    await worker.resume_at([TP(LOG, 0), TP(INPUTS, 0)])
    fold = worker.lane.fold(0)
    assert fold is not None
    assert await fold.handle(Batch(0, 1, [LogRecord(0, 0, 0, None, None, {})])) is None
    ask = worker.meter.registry.get_sample_value
    assert ask("segmenter_folded_total", {"outcome": "tombstones"}) == 1
    assert ask("segmenter_store_seconds_count", {"call": "apply"}) == 1


async def test_what_was_learned_from_another_topic_is_refused(
    worker: Worker, store: MemoryStore
) -> None:
    learned = Meta(0, b"n1", topic_id="", partitions=7, schema=SCHEMA_VERSION)
    assert await store.apply(LEARNER, Meta(), Change(learned, {}, ()))
    with pytest.raises(Refused, match=r"population-inputs\.v1 has 1 partitions, .* belong to 7"):
        await worker.resume_at([TP(INPUTS, 0)])
    assert worker.learning.partitions == []
