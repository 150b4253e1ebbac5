"""What `segmenter replay file` and `replay topic` do, once their options are understood.

    into memory      a recording, or the log: streams/refolding.py, by partition, on several cores
                     events: streams/event_replay.py, learner and all
    --isolated NAME  the same into a namespace of its own in Redis, to be looked at
    --to-topic       the events into the log, marked as a replay's: streams/replay.py
    --dry-run        everything is read, and what is no event is counted; nothing is folded

Nothing of a replay into memory or an isolated namespace is told to anybody.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from models.calendar import day_of
from models.events import LogRecord, Read, Rejected, read_record
from models.policy import Policy
from streams.aside import aside
from streams.belonging import REPLAY_OF
from streams.collecting import collected_rarely
from streams.digest import Digest
from streams.event_replay import EventReplay, Replayed
from streams.isolated import isolated
from streams.log import LogInspector
from streams.loop import Loop
from streams.messages import rfc3339
from streams.recorded_events import Events
from streams.refold import Asked, Chosen
from streams.refolding import Total, refold, refold_into
from streams.refusal import Refused
from streams.replay import Published, Publisher
from streams.settings import Settings
from streams.snapshot import Snapshots
from streams.sources import SourceError, SourceRecord
from streams.store import Store
from streams.topics import LOG
from streams.wall import wall_ms

Progress = Callable[[int], None]


class Ask(NamedTuple):
    """One replay.

    Attributes:
        events: what is replayed.
        settings: where Kafka and Redis are.
        policy: in force, until the log names another.
        chosen: which part of it, and whose.
        cores: how many processes fold a recording.
        partitions: of events without a log.
        snapshots: a folder; "": none are kept.
    """

    events: Events
    settings: Settings
    policy: Policy
    chosen: Chosen
    cores: int = 1
    partitions: int = 4
    snapshots: str = ""


class Outcome(NamedTuple):
    """What a replay came to.

    Attributes:
        digest: of states, effects and sketches.
        tally: what was folded, by kind.
        populations: learned; None: taken from the recording.
        as_of_ms: event time that it has come to; None: nothing was folded.
    """

    digest: Digest
    tally: Counter[str]
    populations: int | None
    as_of_ms: int | None


class Judged(NamedTuple):
    """What a dry run has found.

    Attributes:
        records: read.
        kinds: how many of each.
        rejected: how many would become dead letters, by reason.
        customers: how many different ones.
        first: event time of the earliest event, RFC 3339; None: there is none.
        last: of the latest one.
    """

    records: int
    kinds: dict[str, int]
    rejected: dict[str, int]
    customers: int
    first: str | None
    last: str | None


def into_memory(ask: Ask, progress: Progress) -> Outcome:
    """Fold it, and keep nothing but the outcome and, if asked for, snapshots; blocks.

    Raises:
        SourceError: the input, or a snapshot, can't be used.
    """
    recording = ask.events.recording
    if recording is None:
        with collected_rarely():
            return _of_replayed(asyncio.run(_events_into(ask, _loop(ask), progress)))
    given = (recording, ask.policy, ask.settings.pseudonyms, ask.chosen)
    return _of_total(refold(Asked(*given, ask.snapshots), ask.cores, progress))


def _loop(ask: Ask, store: Store | None = None) -> Loop:
    """An installation that reads everything now."""
    return Loop(
        *(ask.policy, ask.partitions, store),
        pseudonyms=ask.settings.pseudonyms,
        topic_id=f"{REPLAY_OF}{ask.events.name}",
        appended_ms=max(wall_ms(), _until_ms(ask) or 0),
    )


def into_namespace(ask: Ask, namespace: str, progress: Progress) -> Outcome:
    """Fold it into a namespace of its own in Redis; blocks.

    Raises:
        Refused: an installation has that name, or something was replayed there already.
        SourceError, StoreUnavailable.
    """
    return asyncio.run(_into_namespace(ask, namespace, progress))


async def _into_namespace(ask: Ask, namespace: str, progress: Progress) -> Outcome:
    recording = ask.events.recording
    async with isolated(ask.settings, namespace) as store:
        if await store.partitions():
            raise Refused(
                f"--isolated {namespace}: something was replayed there already; remove it with "
                f"segmenter replay drop {namespace}, or choose another name"
            )
        partitions = recording.head.partitions if recording else ask.partitions
        await store.set_partitions(partitions)
        if recording is None:
            return _of_replayed(await _events_into(ask, _loop(ask, aside(store)), progress))
        topic_id = f"{REPLAY_OF}{recording.head.topic_id}"
        given = (recording, ask.policy, ask.settings.pseudonyms, ask.chosen)
        return _of_total(await refold_into(Asked(*given, topic_id=topic_id), store, progress))


async def _events_into(ask: Ask, loop: Loop, progress: Progress) -> Replayed:
    of = {
        "input": ask.events.name,
        "partitions": loop.partitions,
        "policy": ask.policy.version,
        "customers": ask.chosen.customers and sorted(ask.chosen.customers),
        "since": str(ask.chosen.span.since),
        "hash_key": ask.settings.pseudonyms.key_id,
    }
    snapshots = Snapshots(Path(ask.snapshots), of) if ask.snapshots else None
    until_ms, zone = _until_ms(ask), ask.policy.timezone
    until_day = None if until_ms is None else day_of(until_ms, zone) - 1  # the last that is over
    return await EventReplay(loop, snapshots, progress).run(ask.events.read(), until_day)


def _until_ms(ask: Ask) -> int | None:
    """The moment up to which time goes by; None: no further than the last event."""
    until = ask.chosen.span.until
    return None if until is None else until.at_ms


def _of_replayed(done: Replayed) -> Outcome:
    return Outcome(done.digest, done.tally, done.populations, done.clock_ms or None)


def _of_total(done: Total) -> Outcome:
    clock_ms = max((each.clock_ms for each in done.partitions), default=0)
    return Outcome(done.digest, done.tally, None, clock_ms or None)


def judged(ask: Ask, progress: Progress) -> Judged:
    """Read everything, and say what it is; blocks.

    Raises:
        SourceError: a row can't be read at all.
    """
    kinds, rejected = Counter[str](), Counter[str]()
    customers: set[str] = set()
    times: list[int] = []
    count = 0
    for count, record in enumerate(_records(ask), 1):
        kinds[(record.headers.get("kind") or b"(none)").decode("utf-8", "replace")] += 1
        read = read_record(record, LOG)
        if isinstance(read, Rejected):
            rejected[read.reason] += 1
        elif isinstance(read, Read):
            customers.add(read.event.customer_id)
            times = [min([read.at_ms, *times]), max([read.at_ms, *times])]
        progress(count)
    first, last = map(rfc3339, times) if times else (None, None)
    return Judged(count, dict(kinds), dict(rejected), len(customers), first, last)


def _records(ask: Ask) -> Any:
    recording = ask.events.recording
    if recording is None:
        now_ms = wall_ms()
        return (_as_written(place, each, now_ms) for place, each in enumerate(ask.events.read()))
    partitions = range(recording.head.partitions)
    return (r for each in partitions for r in ask.chosen.of(recording.records(each)))


def _as_written(number: int, each: SourceRecord, at_ms: int) -> LogRecord:
    key, headers = each.customer_id.encode(), {"kind": each.kind.encode()}
    return LogRecord(0, number, at_ms, key, each.value, headers)


def to_topic(ask: Ask, speed: float, progress: Progress) -> Published:
    """Write the events into the log; blocks.

    Raises:
        SourceError: a row can't be used; says how many were written before it.
        KafkaUnavailable, TopicMissing.
    """
    brokers = ask.settings.brokers
    partitions = LogInspector(brokers).facts(LOG).partitions
    publisher = Publisher(brokers, partitions, ask.policy.timezone)
    try:
        return publisher.publish(_telling(ask.events), speed, progress)
    finally:
        publisher.close()


def _telling(events: Events) -> Any:
    """The records; an error among them says how many came before it."""
    count = 0
    try:
        for record in events.read():
            yield record
            count += 1
    except SourceError as error:
        raise SourceError(f"{error}; the {count} events before it were written") from None
