"""A worker needs all of its topics, also those that nobody would assign to it if they were missing."""

from __future__ import annotations

import pytest
from faust.types import TP

from models.policy import policy_from_preset
from streams.app import Worker
from streams.brokers import Brokers
from streams.log import LogInspector, TopicMissing
from streams.memory_store import MemoryStore
from streams.settings import Settings
from streams.topics import LOG, TOPICS

pytestmark = pytest.mark.kafka


async def test_a_worker_without_the_other_topics_says_how_to_make_them(
    without_topics: str, namespace: str
) -> None:
    LogInspector(Brokers(without_topics)).create(
        [each for each in TOPICS if each.name == LOG], 2, 1
    )
    settings = Settings.model_validate(
        {"bootstrap_servers": without_topics, "namespace": namespace}
    )
    worker = Worker(settings, policy_from_preset("grocery"), MemoryStore(lambda: 0))
    with pytest.raises(TopicMissing, match=r"churn-alerts\.v1.*segmenter topics create"):
        await worker.resume_at([TP(LOG, 0)])
