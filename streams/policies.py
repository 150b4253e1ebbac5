"""Policies on their way: published into the log, read back, and which one is in force.

    segmenter policy publish ──► policies.v1 (body) ──► customer-events.v1, every partition (record)

The body is written before the records that name it. Publishing is not atomic over partitions: if it
is cut short, some have the new policy and others do not; publish again, with a new number. Where two
publish at the same moment, the first one in `policies.v1` has the number.

Blocks: producing and reading for at most `SEND_TIMEOUT_S` each.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from kafka import KafkaProducer
from kafka.errors import KafkaError

from models.events import Kind, encode_policy_published
from models.policy import Policy
from models.policy_record import (
    PublishedPolicy,
    decode_published,
    encode_published,
)
from streams.brokers import Brokers
from streams.connections import opened
from streams.log import Extent, KafkaUnavailable, LogInspector
from streams.store import Store
from streams.topics import LOG, POLICIES

SEND_TIMEOUT_S = 30.0
POLL_S = 0.1


async def policies_in(store: Store) -> frozenset[bytes | None]:
    """The different ones in force in a store's partitions, encoded; most of the time they are one.

    Raises:
        StoreUnavailable.
    """
    numbers = range(await store.partitions())
    return frozenset(await asyncio.gather(*(store.policy(each) for each in numbers)))


class NoSuchPolicy(LookupError):
    """No policy of that number was published."""


class NotInForceYet(RuntimeError):
    """It stands in the log, but not every partition's worker has read it in time."""


class PassedOver(RuntimeError):
    """A worker has read it, and did not take it over."""


def publications(inspector: LogInspector) -> list[PublishedPolicy]:
    """All that were published, by number; of two with one number the first. Blocks.

    Raises:
        PolicyError: one can't be read: this version is older than who wrote it.
        KafkaUnavailable, TopicMissing.
    """
    inspector.facts(POLICIES)
    found: dict[int, PublishedPolicy] = {}
    for each in inspector.read_all(POLICIES):
        if each.value:
            published = decode_published(each.value)
            found.setdefault(published.number, published)
    return [found[number] for number in sorted(found)]


def publication(found: Sequence[PublishedPolicy], number: int) -> PublishedPolicy:
    """The one of a number.

    Raises:
        NoSuchPolicy: names those that there are.
    """
    for each in found:
        if each.number == number:
            return each
    known = f"1 to {found[-1].number}" if found else "none yet"
    raise NoSuchPolicy(f"no policy {number} was published; there are: {known}")


def publish(
    brokers: Brokers,
    policy: Policy,
    *,
    now_ms: int,
    note: str = "",
    silent: bool = False,
) -> PublishedPolicy:
    """Write a policy into the log; it comes into force partition by partition as it is read back.

    Args:
        brokers: of the cluster.
        policy: what is to hold.
        now_ms: wall clock.
        note: why, in words; kept in the history.
        silent: leave the changes of membership that it brings untold.

    Raises:
        KafkaUnavailable: some of it may have been written; publish again.
        TopicMissing.
    """
    inspector = LogInspector(brokers)
    partitions = inspector.facts(LOG).partitions
    known = publications(inspector)
    number = known[-1].number + 1 if known else 1
    published = PublishedPolicy(number, policy, now_ms, note, silent)
    body = encode_published(published)
    published = published._replace(body=body)
    try:
        with opened(KafkaProducer, brokers, acks="all") as producer:
            key = f"{number}/{published.digest}"
            producer.send(POLICIES, value=body, key=key.encode()).get(SEND_TIMEOUT_S)
            if publication(publications(inspector), number).digest != published.digest:
                raise KafkaUnavailable(
                    f"somebody else has published policy {number} at the same moment; look at it "
                    "(segmenter policy diff), then publish again"
                )
            _send_records(producer, published, range(partitions))
    except KafkaError as error:
        raise KafkaUnavailable(
            f"Kafka at {brokers}: {error or type(error).__name__}; policy {number} may not have "
            "reached every partition: publish it again"
        ) from error
    return published


def tell_again(brokers: Brokers, partitions: Iterable[int]) -> None:
    """Write the records of all that was published, in order, into partitions that were added since.

    Idempotent: what a partition has, or what can't follow there, is passed over.

    Raises:
        KafkaUnavailable: call again.
        TopicMissing, PolicyError.
    """
    added, known = list(partitions), publications(LogInspector(brokers))
    try:
        with opened(KafkaProducer, brokers, acks="all") as producer:
            for each in known:
                _send_records(producer, each, added)
    except KafkaError as error:
        raise KafkaUnavailable(f"Kafka at {brokers}: {error or type(error).__name__}") from error


def _send_records(
    producer: KafkaProducer, published: PublishedPolicy, partitions: Iterable[int]
) -> None:
    """One record into each partition; whoever reads one finds the body."""
    value = encode_policy_published(published.number, published.digest)
    headers = [("kind", Kind.POLICY.value.encode())]
    sent = [producer.send(LOG, value=value, partition=each, headers=headers) for each in partitions]
    for each in sent:
        each.get(SEND_TIMEOUT_S)


async def in_force(store: Store, given: Policy) -> list[PublishedPolicy]:
    """The policy in force in each partition.

    Args:
        store: the one that serves.
        given: the file's; it holds where none was published.

    Raises:
        PolicyError, StoreUnavailable.
    """
    bodies = [await store.policy(each) for each in range(await store.partitions())]
    return [
        PublishedPolicy(0, given) if each is None else decode_published(each) for each in bodies
    ]


async def newest_in_force(store: Store, given: Policy) -> PublishedPolicy:
    """The newest policy that any partition has taken over; the file's if none has."""
    found = await in_force(store, given)
    return max(found, key=lambda each: each.number, default=PublishedPolicy(0, given))


async def taken_over(
    store: Store,
    published: PublishedPolicy,
    ends: Mapping[int, Extent],
    wait_s: float,
    progress: Callable[[int], None],
    poll_s: float = POLL_S,
) -> None:
    """Wait until every partition has a policy in force, or a newer one.

    Args:
        store: the one that serves.
        published: which.
        ends: of the log's partitions, as they were once it had been written.
        wait_s: at most so long.
        progress: told how many have.
        poll_s: between two looks.

    Raises:
        PassedOver: a worker has read its record and did not take it over.
        NotInForceYet: nobody has read it in time.
        PolicyError, StoreUnavailable.
    """
    give_up_s = time.monotonic() + wait_s
    while True:
        found = await in_force(store, published.policy)
        behind = [place for place, each in enumerate(found) if each.number < published.number]
        done = len(found) - len(behind)
        progress(done)
        if found and not behind:
            return
        for partition in behind:
            await _require_unread(store, partition, published.number, ends)
        if time.monotonic() >= give_up_s:
            raise NotInForceYet(
                f"policy {published.number} is published, and in force in {done} of {len(ends)} "
                f"partitions; the others follow when a worker reads on; see segmenter doctor"
            )
        await asyncio.sleep(poll_s)


async def _require_unread(
    store: Store, partition: int, number: int, ends: Mapping[int, Extent]
) -> None:
    """Whoever stands behind the record, and has not the policy, will never have it."""
    read_to = (await store.load(partition, ())).meta.offset
    packed = await store.policy(partition)  # asked after the offset: both are written at once
    now = 0 if packed is None else decode_published(packed).number
    if partition in ends and read_to >= ends[partition].end and now < number:
        raise PassedOver(
            f"partition {partition} has not taken policy {number} over: it can't follow the one in "
            f"force there ({now or 'the own file of the workers'}); the worker's log says why"
        )
