"""What `segmenter doctor` sees of the topics that sources write, and of how far they have been read.

Enters: which source has which topic, what brokers and Redis answer. Leaves: a check. Forbidden here:
writing anything, and reading a record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import redis.asyncio as aioredis

from streams.brokers import Brokers
from streams.doctor_check import Check
from streams.log import Extent, KafkaUnavailable, LogInspector, TopicFacts, TopicMissing
from streams.normalising import Place, RedisOffsets, Stand, why_refused
from streams.store import StoreUnavailable

MAX_SOURCE_LAG = 10_000
NAME = "sources"


async def examine_sources(
    client: aioredis.Redis, namespace: str, brokers: Brokers, by_topic: Mapping[str, str]
) -> list[Check]:
    """Look at each source that has a topic; nothing, if none has.

    Args:
        client: of Redis.
        namespace: of the installation.
        brokers: of Kafka.
        by_topic: topic → name of its source.
    """
    inspector, offsets = LogInspector(brokers), RedisOffsets(client, namespace)
    return [
        await _examined(inspector, offsets, namespace, name, topic)
        for topic, name in by_topic.items()
    ]


async def _examined(
    inspector: LogInspector, offsets: RedisOffsets, namespace: str, name: str, topic: str
) -> Check:
    try:
        facts = await asyncio.to_thread(inspector.facts, topic)
        numbers = range(facts.partitions)
        extents = await asyncio.to_thread(inspector.extents, topic, numbers)
        stands = {each: await offsets.stand(topic, each) for each in numbers}
    except TopicMissing:
        remedy = f"make the topic, or correct sources.{name}.topic"
        return Check.bad(NAME, f"{name}: topic {topic} does not exist", remedy)
    except (KafkaUnavailable, StoreUnavailable) as error:
        return Check.bad(NAME, str(error), "see broker and redis")
    return of_source(namespace, name, topic, facts, extents, stands)


def of_source(
    namespace: str,
    name: str,
    topic: str,
    facts: TopicFacts,
    extents: Mapping[int, Extent],
    stands: Mapping[int, Stand],
) -> Check:
    """Whether a source's topic is read, and all of it.

    Args:
        namespace: of the installation.
        name: of the source.
        topic: its topic.
        facts: of the topic.
        extents: of its partitions.
        stands: where reading stands in each.
    """
    lag = expired = 0
    for partition, extent in extents.items():
        stand = stands[partition]
        place = Place(namespace, name, topic, facts.topic_id, partition)
        if (refusal := why_refused(stand, place, facts, extent)) is not None:
            return Check.bad(NAME, refusal, "the normaliser refuses, too")
        read = extent.start if stand.offset is None else stand.offset
        expired += max(0, extent.start - read)
        lag += extent.end - max(read, extent.start)
    told = f"{name}: {lag:,} records wait"
    if expired:
        remedy = f"raise the retention of {topic}, and fetch what is missing from the source"
        return Check.bad(NAME, f"{told}, {expired:,} offsets have expired unread", remedy)
    return Check.of(NAME, told, "segmenter run normaliser" if lag > MAX_SOURCE_LAG else "")
