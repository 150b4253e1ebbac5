"""A customer as they stood at a moment of the past: their part of the log, folded up to it.

A store keeps how people stand, and their newest changes; what was before stands in the log. So the
partition is read from its beginning, only this customer's events and the control records are folded, and
folding ends where the partition's clock would pass the moment. What came to light later is not known yet
then. Populations and policies are those that were in force.

Whoever was erased since is nobody, at any time before.

Blocks: for as long as it takes to read the partition up to there, about 30 µs a record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from models.calendar import day_of
from models.codec import decode_held
from models.customer import Alias, CustomerState
from models.erasure import Pseudonyms
from models.events import LogRecord, Read, Tick, read_record
from models.policy import Policy
from models.policy_record import decode_published
from models.population import decode_population
from models.sight import Sight
from models.step import advance
from streams.favourites import Names, liked
from streams.lookup import MAX_NAMES_FOLLOWED, Found
from streams.memory_store import MemoryStore
from streams.partitioner import partition_of
from streams.recording import NotARecording, Recording
from streams.refold import Asked, Chosen, Refold
from streams.topics import LOG

PROGRESS_EVERY = 1_000


class Then(NamedTuple):
    """What was known at the moment.

    Attributes:
        found: the customer; None: nobody was known by that id, or they were erased since.
        policy: in force then.
    """

    found: Found | None
    policy: Policy


class _Until:
    """A recording that ends where a partition's clock would pass a moment."""

    def __init__(self, recording: Recording, at_ms: int, progress: Callable[[int], None]) -> None:
        self.name, self.head, self._recording = recording.name, recording.head, recording
        self._at_ms, self._progress = at_ms, progress
        self.bodies = recording.bodies
        self.clock_ms = 0  # of the partition that was read last, at the moment or at the log's end

    def records(self, partition: int, from_offset: int = 0) -> Iterator[LogRecord]:
        """See `Recording.records`."""
        self.clock_ms = 0
        for count, record in enumerate(self._recording.records(partition, from_offset), 1):
            clock_ms = self._moves_to_ms(record)
            if clock_ms > self._at_ms:
                self.clock_ms = self._at_ms
                return
            self.clock_ms = max(self.clock_ms, clock_ms)
            yield record
            if count % PROGRESS_EVERY == 0:
                self._progress(count)

    def _moves_to_ms(self, record: LogRecord) -> int:
        """The event time that the clock stands at or behind after it; 0: it does not move it."""
        match read_record(record, LOG):
            case Read(event=event, at_ms=at_ms):
                home = partition_of(event.customer_id, self.head.partitions) == record.partition
                return min(at_ms, record.timestamp_ms) if home else 0
            case Tick(at_ms=at_ms):
                return at_ms
            case _:
                return 0


async def customer_then(
    recording: Recording,
    customer_id: str,
    at_ms: int,
    policy: Policy,
    pseudonyms: Pseudonyms,
    progress: Callable[[int], None],
) -> Then:
    """Fold what is needed.

    Args:
        recording: of the whole log.
        customer_id: in normal form; another name of somebody is followed.
        at_ms: event time; behind the log's end they are shown as of that.
        policy: of the file, in force until the log names another.
        pseudonyms: with the installation's hash key.
        progress: called now and then with the number of records read.

    Raises:
        SourceError: the recording can't be used.
        KafkaUnavailable: the log is read from the broker, and that is away.
    """
    if any(start for start, _ in recording.head.extents):
        raise NotARecording(
            f"{recording.name} does not begin where the log began: what was before is not known; give "
            "a recording of the whole log"
        )
    asked_for = customer_id
    until = _Until(recording, at_ms, progress)
    for _ in range(MAX_NAMES_FOLLOWED):
        partition = partition_of(customer_id, recording.head.partitions)
        store, chosen = MemoryStore(lambda: 0), Chosen(customers=frozenset({customer_id}))
        asked = Asked(until, policy, pseudonyms, chosen, forgets=True)
        done = await Refold(asked, partition, store).run(lambda _count: None)
        packed = (await store.load(partition, [customer_id])).states.get(customer_id)
        published = await store.policy(partition)
        then = decode_published(published).policy if published else policy
        if packed is None:
            return Then(None, then)
        held = decode_held(packed)
        if not isinstance(held, Alias):
            shown = await _shown(store, partition, customer_id, held, until.clock_ms, then)
            return Then(shown._replace(asked_for=asked_for, offset=done.next_offset), then)
        customer_id = held.into
    return Then(None, policy)


async def _shown(
    store: MemoryStore,
    partition: int,
    customer_id: str,
    state: CustomerState,
    at_ms: int,
    policy: Policy,
) -> Found:
    body = await store.population(partition)
    population = None if body is None else decode_population(body)
    state, _ = advance(customer_id, state, at_ms, policy, population)
    packed = (await store.load(partition, [customer_id])).states[customer_id]
    found = Found(
        *(customer_id, customer_id, state, at_ms, False, partition, 0, population, packed)
    )
    sight = Sight(state, day_of(at_ms, policy.timezone), policy)
    return found._replace(favourites=await liked(sight, Names(store), partition))
