"""The processes of an installation, each a coroutine that the run drives step by step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from random import Random
from typing import Any, NamedTuple, cast

from models.erasure import Mark
from models.policy_record import PublishedPolicy
from models.population import Population
from streams.chunk import LogIdentity
from streams.lane import Fold
from streams.learning import LearnerFold
from streams.log import LogInspector
from streams.mute import TAILS, MutingSender, read_marks
from streams.outbox import Sender, relay_once
from streams.partition import Batch, PartitionFold, Seek
from streams.store import LEARNER, Store, StoreUnavailable
from tests.simulation.policies import GIVEN
from tests.simulation.stepping import point
from tests.simulation.world import NAMESPACE, World
from tests.streams.logbook import new_nonce

FETCH = 8  # records at most


class Core:
    """How production keeps its promise; mutants break it in one place each."""

    def start(self, stored: int, committed: int) -> int:
        """Where a new owner begins to read; Kafka's committed offset is a hint."""
        return stored

    def store(self, server: Store, start: int) -> Store:
        """The store of an owner who begins there."""
        return server

    def gap(self, has_records: bool) -> bool:
        """What the probe of a gap answers."""
        return has_records


class Surroundings(NamedTuple):
    """What a process finds when it starts.

    Attributes:
        rng: the run's.
        world: Kafka.
        store: as an owner reaches it who begins at this offset.
        core: sound, or a mutant.
        mishaps: share of fetches after which the reader is elsewhere than it should be.
        met: what was met so far, by name.
    """

    rng: Random
    world: World
    store: Callable[[int], Store]
    core: Core
    mishaps: float
    met: Counter[str]


def fold_of(
    place: int, around: Surroundings, store: Store, marks: Mapping[str, Mark] | None = None
) -> PartitionFold | LearnerFold:
    """The fold of a partition of the log, or the learner's, as production builds it."""
    world = around.world
    identity = LogIdentity(NAMESPACE, "topic-1", world.partitions, max(place, 0))

    async def records_exist(_partition: int, start: int, end: int) -> bool:
        await point()
        return around.core.gap(world.logs[place].has_records(start, end))

    async def body(digest: str) -> Population:
        await point()
        return world.bodies[digest]

    async def born_with() -> Mapping[str, Mark]:
        await point()
        return world.erased(identity) if marks is None else marks

    async def policy(digest: str) -> PublishedPolicy:
        await point()
        return world.policies[digest]

    if place == LEARNER:
        return LearnerFold(identity, GIVEN, store, records_exist, new_nonce, policies=policy)
    return PartitionFold(identity, GIVEN, store, records_exist, body, new_nonce, born_with, policy)


async def own(place: int, around: Surroundings) -> None:
    """Read a partition to its end and on; now and then the reader goes astray."""
    rng, log = around.rng, around.world.logs[place]
    stored = await _patiently(lambda: _stored(around.store(0), place))
    position = around.core.start(stored, rng.randint(0, log.end))
    store = around.store(position)
    fold = fold_of(place, around, store)
    fold.tally = around.met
    while True:
        batch = log.fetch(position, rng.randint(1, FETCH))
        if batch is None:
            stored = await _patiently(lambda: _stored(store, place))
            if stored < fold.store_offset:  # the store has lost what was folded
                position = stored
            await point()
            continue
        position = batch.next_offset
        seek = await _handled(fold, batch)
        if seek is not None:
            position = seek.offset
        elif rng.random() < around.mishaps:
            position = max(0, position + rng.choice((-3, -1, 1, 2, 4)))


async def _stored(store: Store, place: int) -> int:
    return (await store.load(place, ())).meta.offset


async def _handled(fold: Fold, batch: Batch) -> Seek | None:
    return cast("Seek | None", await _patiently(lambda: fold.handle(batch)))


async def _patiently(call: Callable[[], Any]) -> Any:
    while True:
        try:
            return await call()
        except StoreUnavailable:
            await point()


async def relay(around: Surroundings) -> None:
    """Move what waits in the outboxes, mute what was published before this process began."""
    world, store = around.world, around.store(0)
    marks = read_marks(cast(LogInspector, world), TAILS)
    sender = MutingSender(cast(Sender, world), marks)
    while True:
        for place in world.logs:
            muted = sender.muted
            await _patiently(partial(relay_once, store, place, sender))
            around.met["muted"] += sender.muted - muted
        await point()
