"""An installation of its own for each test, on the session's Kafka and Redis 7.

The topics' names are fixed, so they are deleted behind each test. Real Kafka makes them anew
under another topic id, and forgets the group's offsets with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient

from models.policy import policy_from_preset
from streams.topics import TOPICS
from tests.support.installation import Installation, wait_until

NAMES = {topic.name for topic in TOPICS}
Install = Callable[[int], Installation]


@pytest.fixture
def without_topics(kafka_servers: str) -> Iterator[str]:
    """The servers; topics that a test makes are gone before the next one begins."""
    yield kafka_servers
    with closing(KafkaAdminClient(bootstrap_servers=kafka_servers)) as admin:
        made = sorted(NAMES & set(admin.list_topics()))
        if made:
            admin.delete_topics(made)
        wait_until(lambda: not NAMES & set(admin.list_topics()))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A policy under which two weeks of silence matter, and every day teaches."""
    path = tmp_path / "segmenter.toml"
    path.write_text('preset = "grocery"\n[population]\nepoch = "day"\n', "utf-8")
    return path


@pytest.fixture
def install(without_topics: str, redis_url: str, namespace: str) -> Iterator[Install]:
    """Makes the test's installation, with so many partitions."""
    made: list[Installation] = []

    def installed(partitions: int) -> Installation:
        policy = policy_from_preset("grocery", population={"epoch": "day"})
        made.append(Installation(without_topics, redis_url, namespace, policy, partitions))
        return made[-1]

    yield installed
    for each in made:
        each.close()
