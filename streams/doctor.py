"""`segmenter doctor`: is everything as it must be, and if not, what to do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from redis.exceptions import RedisError

from models.policy import Policy, PolicyError
from streams.belonging import why_refused
from streams.log import Extent, KafkaUnavailable, LogInspector, TopicFacts, TopicMissing
from streams.partitioner import partition_of
from streams.policies import in_force
from streams.redis_store import RedisStore, connect
from streams.serving import serving
from streams.settings import Settings
from streams.store import Meta, StoreUnavailable
from streams.topics import LOG, TOPICS, Topic

MAX_SKEW_S = 5.0
MAX_LAG = 10_000
TAIL_RECORDS = 100


class Check(NamedTuple):
    """One thing looked at.

    Attributes:
        name: of the thing.
        ok: whether it is as it must be.
        found: what it is.
        remedy: what to do, if it is not.
    """

    name: str
    ok: bool
    found: str
    remedy: str = ""

    @classmethod
    def bad(cls, name: str, found: str, remedy: str) -> Self:
        """Something to mend."""
        return cls(name, ok=False, found=found, remedy=remedy)

    @classmethod
    def good(cls, name: str, found: str) -> Self:
        """Something as it must be."""
        return cls(name, ok=True, found=found)


async def examine(settings: Settings, given: Policy) -> list[Check]:
    """Look at broker, topics, Redis, partitions, lag, policy and clock; never raises for what is down.

    Args:
        settings: where the parts are.
        given: the file's policy.
    """
    inspector = LogInspector(settings.bootstrap_servers)
    kafka, facts, extents = await asyncio.to_thread(_examine_kafka, inspector, settings)
    return kafka + await _examine_redis(settings, given, facts, extents)


def _examine_kafka(
    inspector: LogInspector, settings: Settings
) -> tuple[list[Check], TopicFacts | None, dict[int, Extent]]:
    checks: list[Check] = []
    facts: TopicFacts | None = None
    try:
        for topic in TOPICS:
            found = inspector.facts(topic.name)
            if topic.name == LOG:
                facts = found
            checks.append(_partitions(topic, found, facts))
        assert facts is not None
        checks.append(_log_config(inspector.config(LOG)))
        checks.append(_partitioner(inspector, facts.partitions))
        return checks, facts, inspector.extents(LOG, range(facts.partitions))
    except TopicMissing as error:
        return [*checks, Check.bad("topics", str(error), "segmenter topics create")], None, {}
    except KafkaUnavailable as error:
        broker = Check.bad(
            "broker",
            str(error),
            f"start Kafka at {settings.bootstrap_servers}, or set SEGMENTER_BOOTSTRAP_SERVERS",
        )
        return [*checks, broker], None, {}


def _partitions(topic: Topic, found: TopicFacts, log: TopicFacts | None) -> Check:
    name, has = f"topic {topic.name}", found.partitions
    wanted = topic.partitions or (log or found).partitions
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
    settings: Settings, given: Policy, facts: TopicFacts | None, extents: dict[int, Extent]
) -> list[Check]:
    client = connect(settings.redis_url.get_secret_value())
    try:
        memory = await client.config_get("maxmemory-policy", "appendonly")
        seconds, micros = await client.time()
    except (RedisError, OSError) as error:
        return [
            Check.bad("redis", f"does not answer: {error}", "start it, or set SEGMENTER_REDIS_URL")
        ]
    else:
        checks = [*_redis_settings(memory), _clock(seconds + micros / 1e6), _hash_key(settings)]
        if facts is not None:
            name = settings.store or await serving(client, settings.namespace)
            key_id = settings.pseudonyms.key_id
            store = RedisStore(client, name)
            checks += await _examine_partitions(store, facts, extents, key_id)
            checks.append(await _policy(store, given))
        return checks
    finally:
        await client.aclose()


def _redis_settings(config: Mapping[Any, Any]) -> list[Check]:
    text = {_text(key): _text(value) for key, value in config.items()}
    policy, aof = text.get("maxmemory-policy", "?"), text.get("appendonly", "?")
    return [
        Check(
            "redis maxmemory-policy",
            policy == "noeviction",
            policy,
            ""
            if policy == "noeviction"
            else "CONFIG SET maxmemory-policy noeviction: an evicted "
            "state would be a lost customer",
        ),
        Check.good(
            "redis appendonly",
            aof
            if aof == "yes"
            else f"{aof}: after a crash the log is folded again from the last "
            "snapshot, or from its beginning",
        ),
    ]


def _hash_key(settings: Settings) -> Check:
    key_id = settings.pseudonyms.key_id
    without = "none: who holds the hashes of erasures.v1 and of the sample can find ids by trying"
    return Check.good("hash key", key_id or f"{without}; see SEGMENTER_HASH_KEY, docs/erasure.md")


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _clock(redis_s: float) -> Check:
    skew_s = abs(time.time() - redis_s)
    return Check(
        "clock",
        skew_s <= MAX_SKEW_S,
        f"{skew_s:.1f} s from Redis's",
        "" if skew_s <= MAX_SKEW_S else "synchronise the machines' clocks (NTP)",
    )


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
    store: RedisStore, facts: TopicFacts, extents: dict[int, Extent], key_id: str
) -> list[Check]:
    checks: list[Check] = []
    lag = outbox = live = 0
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
    stuck = outbox > MAX_LAG
    checks.append(
        Check("outbox", not stuck, f"{outbox:,} rows", "segmenter run relay" if stuck else "")
    )
    return checks
