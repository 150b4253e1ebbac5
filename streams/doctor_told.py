"""What `segmenter doctor` sees of what leaves and of what is learned: learner, surveys, endpoints, files.

Enters: what stands in Redis and in the files of keys and endpoints. Leaves: checks. Forbidden here:
writing, and showing a key, a secret or a URL.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import redis.asyncio as aioredis

from models.calendar import iso_date
from models.policy import Policy
from models.population import CorruptPopulation, decode_population, is_stale
from models.survey_codec import UnreadableSurvey
from streams.alert_reads import AlertReads, EndpointSeen
from streams.api.keys import KeysError, listed
from streams.clock import source_is_silent
from streams.doctor_check import Check
from streams.endpoints import load_endpoints
from streams.kept_survey import kept_head
from streams.keys import newest as newest_key
from streams.log import Extent
from streams.redis_shelf import RedisShelf
from streams.redis_store import RedisStore
from streams.settings import Settings, SettingsError
from streams.store import LEARNER, Newest, StoreUnavailable
from streams.unavailable import or_unavailable
from streams.wall import wall_ms

MAX_SURVEY_AGE_MS = 86_400_000
MAX_INPUTS = 1_000  # barriers that wait; a partition sends one an epoch


async def examine_told(
    client: aioredis.Redis,
    store: RedisStore,
    settings: Settings,
    given: Policy,
    inputs: Extent | None,
) -> list[Check]:
    """Look at what is learned and told.

    Args:
        client: of Redis.
        store: that serves.
        settings: name the files.
        given: the file's policy.
        inputs: extent of the learner's topic; None: not known.
    """
    try:
        return [
            await _source(client, settings.namespace, given),
            await _population(store, given),
            *([await _learner(store, inputs)] if inputs is not None else []),
            await _survey(client, settings.namespace),
            *await _endpoints(client, settings),
        ]
    except StoreUnavailable as error:
        return [Check.bad("states", str(error), "see redis")]


async def _source(client: aioredis.Redis, namespace: str, given: Policy) -> Check:
    names: list[str] = list(Newest._fields)
    with or_unavailable():
        asked: Any = client.hmget(newest_key(namespace), names)
        appended, at, replayed = [int(each or 0) for each in await asked]
    if not appended:
        return Check.good("source", "no event yet")
    now_ms = wall_ms()
    found = f"the newest event came {_hours(now_ms - appended)} ago"
    silent = source_is_silent(now_ms, Newest(appended, at, bool(replayed)), given)
    remedy = "look at what feeds the log: nobody ages while it is silent" if silent else ""
    return Check.of("source", found, remedy)


def _hours(span_ms: int) -> str:
    return f"{span_ms / 3_600_000:,.1f} h"


async def _population(store: RedisStore, given: Policy) -> Check:
    """Whether the population in force is of the last epoch that partitions have closed."""
    closed, packed = [], []
    for partition in range(await store.partitions()):
        closed.append((await store.load(partition, ())).meta.closed_day)
        packed.append(await store.population(partition))
    try:
        found = [decode_population(each) for each in packed if each is not None]
    except CorruptPopulation as error:
        return Check.bad("population", str(error), "segmenter rebuild --to NAME")
    if not found:
        return Check.good("population", "none yet: one is learned when an epoch has ended")
    oldest = min(found, key=lambda each: each.version)
    versions = sorted({each.version for each in found})
    told = f"version {versions[-1]}, of {iso_date(max(each.as_of_day for each in found))}"
    if len(versions) > 1:
        told += f"; partitions have {', '.join(map(str, versions))}"
    stale = is_stale(oldest, max(closed), given)
    remedy = "more than an epoch is missing: see owners and learner" if stale else ""
    return Check.of("population", told, remedy)


async def _learner(store: RedisStore, inputs: Extent) -> Check:
    behind = max(0, inputs.end - (await store.load(LEARNER, ())).meta.offset)
    remedy = "look at the log of the worker that owns population-inputs.v1"
    return Check.of("learner", f"{behind:,} inputs wait", remedy if behind > MAX_INPUTS else "")


async def _survey(client: aioredis.Redis, namespace: str) -> Check:
    try:
        head = await kept_head(client, namespace)
    except UnreadableSurvey as error:
        return Check.bad("survey", str(error), "segmenter segments survey")
    if head is None:
        return Check.good(
            "survey", "none yet: segmenter run surveyor takes one after each population"
        )
    age_ms = wall_ms() - head.taken_at_ms
    remedy = "segmenter run surveyor" if age_ms > MAX_SURVEY_AGE_MS else ""
    return Check.of("survey", f"taken {_hours(age_ms)} ago", remedy)


async def _endpoints(client: aioredis.Redis, settings: Settings) -> list[Check]:
    if not settings.endpoints_file:
        return []
    try:
        names = list(load_endpoints(settings.endpoints_file))
    except SettingsError as error:
        return [Check.bad("endpoints file", str(error), "segmenter alerts endpoints")]
    seen = await AlertReads(RedisShelf(client, settings.namespace)).endpoints(names)
    return [Check.good("endpoints file", f"{len(names)} endpoints"), endpoints(seen)]


def endpoints(seen: list[EndpointSeen]) -> Check:
    """How those do that alerts are sent to."""
    faults = [fault for each in seen if (fault := _fault(each))]
    found = "; ".join(faults) or f"{len(seen)} take alerts"
    return Check.of("endpoints", found, "deploy/runbook.md, endpoints" if faults else "")


def _fault(seen: EndpointSeen) -> str:
    health = seen.health
    if health.disabled_why:
        return f"{seen.name} is disabled, {seen.waiting} alerts wait"
    if health.failures_in_a_row and seen.waiting:
        return f"{seen.name} failed {health.failures_in_a_row} times in a row, {seen.waiting} wait"
    return f"{seen.name} has {seen.dead} dead alerts" if seen.dead else ""


def keys_file(path: str) -> list[Check]:
    """Whether the API's keys can be read; nothing, if everybody may ask without one."""
    if not path:
        return []
    try:
        found = listed(Path(path))
    except KeysError as error:
        return [Check.bad("keys file", str(error), "segmenter keys list")]
    remedy = "segmenter keys create NAME --scopes read" if not found else ""
    return [Check.of("keys file", f"{len(found)} keys", remedy)]
