"""The learner's fold: barriers in, populations out, behind a fence of its own.

`population-inputs.v1` has one partition and thus one owner. What the learner remembers stands in
the store's place `LEARNER`, written together with its offset and with the rows that leave: a new
population's body, and the record that brings it into force, for every partition of the log. So a
learner killed at any point goes on where it was, and publishes each population once; after a wipe
it learns the same ones again, and the log ignores what it has.

One record is one script: a barrier is the size of a chunk. Driven by Faust and by tests.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from functools import partial
from operator import index
from typing import NamedTuple

import msgpack

from models.barrier import Barrier, CorruptBarrier, decode_barrier, encode_barrier
from models.codec import SCHEMA_VERSION
from models.events import REPLAY, LogRecord
from models.experience import Experience
from models.experience_codec import decode_experience, encode_experience
from models.learner import Learner, Step, arrived, gave_up
from models.policy import Policy
from models.policy_record import PublishedPolicy
from streams.chunk import LogIdentity
from streams.messages import Source, population_rows
from streams.partition import NO_NONCE, Batch, GapProbe, Policies, Seek, no_policies
from streams.store import LEARNER, Change, CustomerWrite, Meta, OutboxRow, Store

Arrival = Callable[[Learner, Barrier, Policy], Step]
GIVE_UP = "give_up"
_ITSELF = "learner"
_EXPERIENCE = "experience"
_NOBODY = msgpack.packb((0, 0, ()))


class Waiting(NamedTuple):
    """Some partitions have reached the end of an epoch, others have not.

    Attributes:
        as_of_day: the end of the epoch, ordinal.
        since_ms: append time of the barrier with which the waiting began; of the newest input, if
            this fold began later.
    """

    as_of_day: int
    since_ms: int


class _Learned(NamedTuple):
    """What a record came to: the step, by place the policy each barrier names, the one used."""

    step: Step
    digests: dict[tuple[int, int], str]
    policy: Policy


async def _here(learning: Callable[[], _Learned]) -> _Learned:
    return learning()


def _up_to(day: int, digests: Mapping[tuple[int, int], str]) -> list[str]:
    """The policies of each partition's newest barrier up to a day."""
    newest = {partition: digest for (partition, at), digest in sorted(digests.items()) if at <= day}
    return list(newest.values())


class LearnerFold:
    """Folds `population-inputs.v1` into the store.

    Args:
        log: which topic; its `partitions` are those of the customers' log.
        policy: the rules in force until barriers name others.
        store: where the learner's state is kept.
        records_exist: async (partition, from, to) → whether the topic has records in between.
        new_nonce: a value never used before, for each write.
        elsewhere: runs the learning, which takes seconds on a large sample; here if left out.
        policies: async (digest) → the published policy of that digest, which barriers name.
        arrive: what a barrier does to the learner; several folds of the same barriers may share one.

    Attributes:
        tally: what was folded, by kind.
        store_offset: where the store stood when it was last seen from here.
        waiting: what the learner waits for; None if for nothing.
    """

    def __init__(
        self,
        log: LogIdentity,
        policy: Policy,
        store: Store,
        records_exist: GapProbe,
        new_nonce: Callable[[], bytes],
        elsewhere: Callable[[Callable[[], _Learned]], Awaitable[_Learned]] = _here,
        policies: Policies = no_policies,
        arrive: Arrival = arrived,
    ) -> None:
        self._arrive = arrive
        self._policies, self._given = policies, PublishedPolicy(0, policy)
        self._digests: dict[tuple[int, int], str] = {}
        self._elsewhere = elsewhere
        self._log = log
        self._store, self._records_exist, self._new_nonce = store, records_exist, new_nonce
        self._learner, self._nonce = Learner(), NO_NONCE
        self.tally: Counter[str] = Counter()
        self.store_offset = 0
        self.waiting: Waiting | None = None

    async def handle(self, batch: Batch) -> Seek | None:
        """Fold a batch; idempotent. See `PartitionFold.handle`."""
        position = batch.from_offset
        for record in batch.records:
            seek = await self._bring_to(position, record.offset + 1, record)
            if seek is not None:
                return seek
            position = record.offset + 1
        return None

    async def _bring_to(self, start: int, end: int, record: LogRecord) -> Seek | None:
        while True:
            meta = await self._load()
            self.store_offset = meta.offset
            if meta.offset >= end:
                return None
            if meta.offset < start and await self._records_exist(
                self._log.partition, meta.offset, start
            ):
                self.tally["gaps"] += 1
                return Seek(meta.offset)
            if await self._fold(meta, record, end):
                self.store_offset = end
                return None
            self.tally["fenced"] += 1

    async def _load(self) -> Meta:
        """The meta; the learner in memory is as it is in the store."""
        while True:
            loaded = await self._store.load(LEARNER, [_ITSELF])
            if loaded.meta.nonce == self._nonce:
                return loaded.meta
            index = loaded.states.get(_ITSELF, _NOBODY)
            version, as_of_day, known = msgpack.unpackb(index, use_list=False)
            digests = {(partition, day): "".join(named) for partition, day, *named in known}
            places = list(digests)
            names = [_EXPERIENCE, *(_name(place) for place in places)]
            found = await self._store.load(LEARNER, names)
            if found.meta.nonce == loaded.meta.nonce:
                barriers = {place: decode_barrier(found.states[_name(place)]) for place in places}
                packed = found.states.get(_EXPERIENCE)
                experience = Experience() if packed is None else decode_experience(packed)
                self._learner = Learner(version, as_of_day, barriers, experience)
                self._digests = digests
                self._nonce = loaded.meta.nonce

    async def _fold(self, meta: Meta, record: LogRecord, end: int) -> bool:
        before = self._learner
        digest = record.headers.get("policy.digest", b"").decode("ascii", "replace")
        named = {*self._digests.values(), digest} - {""}
        published = {each: await self._policies(each) for each in sorted(named)}
        step, digests, policy = await self._elsewhere(
            partial(self._step, before, record, digest, published)
        )
        place = (self._log.namespace, LEARNER, record.offset, policy.version)
        source = Source(*place, replayed=REPLAY in record.headers)
        rows: list[OutboxRow] = []
        for population in step.populations:
            rows += population_rows(population, self._log.partitions, source)
        new = Meta(
            end,
            self._new_nonce(),
            max(meta.clock_ms, record.timestamp_ms),
            self._log.topic_id,
            1,
            SCHEMA_VERSION,
            policy.version,
            step.learner.version,
            step.learner.as_of_day,
        )
        change = Change(new, dict(_writes(before, step.learner, digests)), rows)
        applied = await self._store.apply(LEARNER, meta, change)
        if applied:
            self._learner, self._digests, self._nonce = step.learner, digests, new.nonce
            self.tally["populations"] += len(step.populations)
            self._note(record.timestamp_ms)
        return applied

    def _step(
        self,
        learner: Learner,
        record: LogRecord,
        digest: str,
        published: Mapping[str, PublishedPolicy],
    ) -> _Learned:
        """What a record of the topic does; those of other installations, and nonsense, nothing.

        An epoch is learned of by the newest policy that was in force where one of its barriers
        comes from: so it does not matter in which order they come, nor who died in between.
        """
        step, policy = Step(learner), self._newest(self._digests.values(), published)
        read = self._read(record)
        if isinstance(read, int):
            policy = self._newest(_up_to(read, self._digests), published)
            return _Learned(gave_up(learner, read, policy), self._digests, policy)
        if read is None:
            return _Learned(step, self._digests, policy)
        place = read.partition, read.as_of_day
        digests = {place: digest, **self._digests}
        policy = self._newest(_up_to(read.as_of_day, digests), published)
        step = self._arrive(learner, read, policy)
        kept = {each: digests[each] for each in step.learner.barriers}
        return _Learned(step, kept, policy)

    def _read(self, record: LogRecord) -> Barrier | int | None:
        """A barrier, the epoch that is given up, or nothing that concerns this installation."""
        if record.headers.get("source.namespace") != self._log.namespace.encode():
            self.tally["others"] += 1
            return None
        try:
            if record.headers.get("kind") == GIVE_UP.encode():
                day = index(json.loads(record.value or b"")["as_of_day"])
                self.tally["given_up"] += 1
                return day
            barrier = decode_barrier(record.value or b"")
        except (CorruptBarrier, ValueError, TypeError, KeyError, RecursionError):
            self.tally["unreadable"] += 1
            return None
        if not 0 <= barrier.partition < self._log.partitions == barrier.partitions:
            self.tally["unreadable"] += 1
            return None
        self.tally["barriers"] += 1
        return barrier

    def _newest(self, digests: Iterable[str], published: Mapping[str, PublishedPolicy]) -> Policy:
        known = (published[each] for each in digests if each)
        return max(known, key=lambda each: each.number, default=self._given).policy

    def _note(self, appended_ms: int) -> None:
        day = self._learner.awaited_day
        if day is None:
            self.waiting = None
        else:  # however many epochs pass meanwhile, it is one wait
            self.waiting = Waiting(day, self.waiting.since_ms if self.waiting else appended_ms)

    async def look(self) -> Meta:
        """Where the store stands, and what the learner waits for there."""
        meta = await self._load()
        self.store_offset = meta.offset
        self._note(meta.clock_ms)
        return meta


def give_up_message(namespace: str, as_of_day: int) -> tuple[bytes, dict[str, bytes]]:
    """Value and headers of the record that ends the waiting for an epoch."""
    headers = {"kind": GIVE_UP.encode(), "source.namespace": namespace.encode()}
    return json.dumps({"as_of_day": as_of_day}).encode(), headers


def _name(place: tuple[int, int]) -> str:
    partition, day = place
    return f"barrier of {partition} on {day}"


def _writes(
    before: Learner, after: Learner, digests: Mapping[tuple[int, int], str]
) -> Iterator[tuple[str, CustomerWrite]]:
    """The entries that have changed; the first one lists the others, each with its policy."""
    if before == after:
        return
    places = [(*place, digests[place]) for place in after.barriers]
    yield _ITSELF, _entry(msgpack.packb((after.version, after.as_of_day, places)))
    if before.experience is not after.experience:
        yield _EXPERIENCE, _entry(encode_experience(after.experience))
    for place, barrier in after.barriers.items():
        if place not in before.barriers:
            yield _name(place), _entry(encode_barrier(barrier))
    for place in before.barriers:
        if place not in after.barriers:
            yield _name(place), _entry(None)


def _entry(packed: bytes | None) -> CustomerWrite:
    return CustomerWrite(packed, None, (), ())
