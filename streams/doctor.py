"""`segmenter doctor`: is everything as it must be, and if not, what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from kafka.errors import KafkaError
from redis.asyncio import Redis
from redis.exceptions import RedisClusterException, RedisError, ResponseError

from models.policy import Policy, PolicyError
from streams.belonging import why_refused
from streams.connections import NotLetIn
from streams.doctor_check import NAMES, Check
from streams.doctor_cluster import dead_letters, examine_cluster
from streams.doctor_redis import clock, of_redis
from streams.doctor_sources import examine_sources
from streams.doctor_told import examine_told, keys_file
from streams.log import Extent, KafkaUnavailable, LogInspector, TopicFacts, TopicMissing
from streams.partitioner import partition_of
from streams.policies import in_force
from streams.redis_store import RedisStore, connect
from streams.serving import serving
from streams.settings import Settings
from streams.store import Meta, StoreUnavailable
from streams.topics import INPUTS, LOG, TOPICS, Topic
from streams.wall import wall_ms

MAX_LAG = 10_000
MAX_WAIT_MS = 300_000  # of a row of the outbox; the relay sends within a second
TAIL_RECORDS = 100
__all__ = ["NAMES", "Check", "examine"]


class _OfKafka(NamedTuple):
    """What Kafka told: checks, and what the states are held against.

    Attributes:
        checks: so far.
        facts: of the log; None: not known.
        extents: of its partitions.
        inputs: of the learner's topic.
    """

    checks: list[Check]
    facts: TopicFacts | None = None
    extents: Mapping[int, Extent] = MappingProxyType({})
    inputs: Extent | None = None


async def examine(
    settings: Settings, given: Policy, sources: Mapping[str, str] = MappingProxyType({})
) -> list[Check]:
    """Look at broker, topics, Redis, partitions, lag, policy and clock; never raises for what is down.

    Args:
        settings: where the parts are.
        given: the file's policy.
        sources: that are read from Kafka: topic → name.
    """
    client = connect(settings.redis_url.get_secret_value())
    try:
        store = await _store_of(client, settings)
        kafka = await asyncio.to_thread(_examine_kafka, settings, store)
        return [
            *kafka.checks,
            *await _examine_redis(client, settings, given, kafka, store),
            *(await _sources(client, settings, sources) if kafka.facts is not None else []),
            *keys_file(settings.api_keys_file),
        ]
    finally:
        await client.aclose()


async def _sources(client: Redis, settings: Settings, sources: Mapping[str, str]) -> list[Check]:
    return await examine_sources(client, settings.namespace, settings.brokers, sources)


async def _store_of(client: Redis, settings: Settings) -> str:
    """The one that serves; "" if Redis can't say."""
    try:
        return settings.store or await serving(client, settings.namespace)
    except StoreUnavailable:
        return ""


def _examine_kafka(settings: Settings, store: str) -> _OfKafka:
    inspector = LogInspector(settings.brokers)
    checks: list[Check] = []
    try:
        facts = inspector.facts(LOG)
        checks += [_partitions(each, inspector.facts(each.name), facts) for each in TOPICS]
        checks.append(_log_config(inspector.config(LOG)))
        checks += examine_cluster(settings, store)
        checks.append(_partitioner(inspector, facts.partitions))
        checks.append(dead_letters(inspector, facts.partitions))
        extents = inspector.extents(LOG, range(facts.partitions))
        return _OfKafka(checks, facts, extents, inspector.extents(INPUTS, [0])[0])
    except TopicMissing as error:
        return _OfKafka([*checks, Check.bad("topics", str(error), "segmenter topics create")])
    except (KafkaUnavailable, KafkaError) as error:
        start = f"start Kafka at {settings.bootstrap_servers}, or set SEGMENTER_BOOTSTRAP_SERVERS"
        refused = isinstance(error.__cause__, NotLetIn)
        remedy = "docs/kafka-security.md, When you are not let in" if refused else start
        broker = Check.bad("broker", str(error), remedy)
        return _OfKafka([*checks, broker])


def _partitions(topic: Topic, found: TopicFacts, log: TopicFacts) -> Check:
    name, has = f"topic {topic.name}", found.partitions
    wanted = topic.partitions or log.partitions
    says = f"{has} partition{'s' if has != 1 else ''}"
    if has == wanted:
        return Check.good(name, says)
    return Check.bad(
        name,
        says,
        f"make it anew with {wanted}"
        if topic.partitions
        else f"give it as many partitions as {LOG} has: {wanted}",
    )


def _log_config(config: dict[str, str]) -> Check:
    stamped, kept = config.get("message.timestamp.type"), config.get("retention.ms")
    if stamped is None and kept is None:
        return Check.good("log settings", "the broker does not tell its topics' settings")
    cleanup = config.get("cleanup.policy", "delete")
    right = stamped == "LogAppendTime" and kept == "-1" and cleanup == "delete"
    return Check(
        "log settings",
        right,
        f"message.timestamp.type={stamped}, retention.ms={kept}, cleanup.policy={cleanup}",
        ""
        if right
        else "set message.timestamp.type=LogAppendTime, retention.ms=-1 and cleanup.policy=delete "
        f"on {LOG}",
    )


def _partitioner(inspector: LogInspector, partitions: int) -> Check:
    tails = inspector.tail(LOG, range(partitions), TAIL_RECORDS)
    keys = [
        (partition, record.key.decode("utf-8", "replace"))
        for partition, records in tails.items()
        for record in records
        if record.key is not None  # control records have none
    ]
    astray = sum(partition_of(key, partitions) != partition for partition, key in keys)
    return Check(
        "partitioner",
        not astray,
        f"{astray} of the newest {len(keys)} records are in another partition than murmur2 of the "
        "key",
        "use Kafka's default partitioner (librdkafka: partitioner=murmur2_random); until then such "
        "records are sent on"
        if astray
        else "",
    )


async def _examine_redis(
    client: Redis, settings: Settings, given: Policy, kafka: _OfKafka, name: str
) -> list[Check]:
    try:
        nodes = _nodes(await client.info())
        config = await _config(client)
        seconds, micros = await client.time()
    except (RedisError, RedisClusterException, OSError) as error:
        return [
            Check.bad("redis", f"does not answer: {error}", "start it, or set SEGMENTER_REDIS_URL")
        ]
    checks = [
        check._replace(found=f"{where}{check.found}")
        for where, node in nodes.items()
        for check in of_redis(node, config)
    ]
    checks += [clock(seconds + micros / 1e6), _hash_key(settings)]
    if kafka.facts is not None:
        store, key_id = RedisStore(client, name), settings.pseudonyms.key_id
        checks += await _examine_partitions(store, kafka.facts, kafka.extents, key_id)
        checks.append(await _policy(store, given))
        checks += await examine_told(client, store, settings, given, kafka.inputs)
    return checks


def _nodes(info: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What each node says of itself, by where it is; a server is one node, and needs no name."""
    if "redis_version" in info:
        return {"": info}
    return {f"{where}: ": node for where, node in info.items()}


async def _config(client: Redis) -> dict[str, str]:
    try:
        found = await client.config_get("maxmemory-policy")
    except ResponseError:  # managed Redis may forbid CONFIG
        return {}
    return {_text(key): _text(value) for key, value in found.items()}


def _hash_key(settings: Settings) -> Check:
    key_id = settings.pseudonyms.key_id
    without = "none: who holds the hashes of erasures.v1 and of the sample can find ids by trying"
    return Check.good("hash key", key_id or f"{without}; see SEGMENTER_HASH_KEY, docs/erasure.md")


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


async def _policy(store: RedisStore, given: Policy) -> Check:
    """Whether one policy is in force everywhere, and whether it is the file's."""
    try:
        found = await in_force(store, given)
    except (StoreUnavailable, PolicyError) as error:
        return Check.bad("policy", str(error), "segmenter policy history")
    numbers = sorted({each.number for each in found})
    if len(numbers) > 1:
        told = ", ".join(map(str, numbers))
        remedy = "wait until all partitions are read, or publish it again: segmenter policy publish"
        return Check.bad("policy", f"partitions have numbers {told} in force", remedy)
    if not numbers or not numbers[0]:
        return Check.good("policy", f"of the workers' own files; this one is {given.version}")
    if found[0].policy.version == given.version:
        return Check.good("policy", f"number {numbers[0]}, as in the file")
    differs = f"number {numbers[0]}; the file has another, {given.version}"
    return Check.good("policy", f"{differs}: see segmenter policy diff")


async def _examine_partitions(
    store: RedisStore, facts: TopicFacts, extents: Mapping[int, Extent], key_id: str
) -> list[Check]:
    checks: list[Check] = []
    lag = outbox = live = oldest_ms = 0
    try:
        for partition, extent in extents.items():
            loaded = await store.load(partition, ())
            meta: Meta = loaded.meta
            refusal = why_refused(meta, facts, extent, partition, key_id=key_id)
            if refusal is not None:
                checks.append(
                    Check.bad(f"partition {partition}", refusal, "the workers refuse, too")
                )
            lag += max(0, extent.end - meta.offset)
            outbox += loaded.outbox_rows
            live += await store.live(partition) is not None
            oldest_ms = max(oldest_ms, await _waits_ms(store, partition))
    except StoreUnavailable as error:
        return [Check.bad("states", str(error), "see redis")]
    behind = lag > MAX_LAG
    checks.append(
        Check("lag", not behind, f"{lag:,} records", "start more workers" if behind else "")
    )
    checks.append(
        Check(
            "workers",
            live == len(extents),
            f"{live} of {len(extents)} partitions are read to their end by an owner",
            ""
            if live == len(extents)
            else "segmenter run worker; if one runs: it is still reading, or the source is silent",
        )
    )
    checks.append(
        Check.of(
            "outbox",
            f"{outbox:,} rows",
            "segmenter run relay" if outbox > MAX_LAG else "",
        )
    )
    aged = oldest_ms > MAX_WAIT_MS
    remedy = "segmenter run relay; if one runs, its log says what it waits for" if aged else ""
    checks.append(Check.of("outbox age", f"the oldest row waits {oldest_ms / 1000:,.0f} s", remedy))
    return checks


async def _waits_ms(store: RedisStore, partition: int) -> int:
    """For how long the oldest row of an outbox has waited; its id begins with when it was written."""
    rows = await store.outbox(partition, 1)
    return max(0, wall_ms() - int(rows[0][0].split(b"-")[0])) if rows else 0
