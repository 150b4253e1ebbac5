"""The store's contract: what a partition remembers in Redis, and the fence around it.

`load` and `due` return the partition's `Meta` and the states asked for, read together. `apply`
compares the offset *and* the nonce of that meta with what is stored; on a mismatch it writes
nothing and answers False, otherwise everything in the `Change` is written at once, offset and a
fresh nonce last. Values are absolute, so writing the same change twice is harmless.

The learner of populations keeps its state under the same contract, in a place of its own: the
"partition" `LEARNER`, whose log is `population-inputs.v1` and whose "customers" are named entries.

Two versions keep this contract: `redis_store.RedisStore` and `memory_store.MemoryStore`. One
suite of tests, tests/contracts/test_store.py, holds them equal.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

MAX_CUSTOMERS = 500  # in one script: Lua's unpack and the time others wait set the bound
MAX_BYTES = 1_048_576  # of records in one script
LEARNER = -1  # the place of the learner of populations
HISTORY_SLOTS = 32  # the newest effects of a customer are kept in a ring of this size


def new_nonce() -> bytes:
    """A value never used before, for each write."""
    return secrets.token_bytes(8)


class StoreUnavailable(RuntimeError):
    """The store can't answer or can't write now; trying again later is right."""


class Meta(NamedTuple):
    """What is known of a partition as a whole.

    Attributes:
        offset: the next record of the log to fold; 0 before the first.
        nonce: changes with every write.
        clock_ms: the partition's clock, event time, epoch milliseconds; 0 before the first event.
        topic_id: of the log that these states are a fold of; "" before the first write.
        partitions: how many partitions that log has; 0 before the first write.
        schema: version of the states' encoding; 0 before the first write.
        policy: version of the policy that was last in force.
        population: version of the population in force; 0 before the first.
        closed_day: the end of the last epoch that was closed, ordinal; 0 before the first record.
        key_id: of the key that hashes ids here; "" of none.
    """

    offset: int = 0
    nonce: bytes = b""
    clock_ms: int = 0
    topic_id: str = ""
    partitions: int = 0
    schema: int = 0
    policy: str = ""
    population: int = 0
    closed_day: int = 0
    key_id: str = ""


class Whole(NamedTuple):
    """What belongs to a partition as a whole, beside its meta.

    Attributes:
        sketch: encoded, slot by slot.
        population: the one in force, encoded; None before the first.
        erased: the marks of those who were erased, encoded, by pseudonym.
        movement: customer-day → what moved on it, encoded.
        policy: the one in force, encoded; None before the first that was published.
    """

    sketch: Mapping[str, bytes]
    population: bytes | None
    erased: Mapping[str, bytes] = MappingProxyType({})
    movement: Mapping[str, bytes] = MappingProxyType({})
    policy: bytes | None = None


class Loaded(NamedTuple):
    """Meta and states, read at one moment.

    Attributes:
        meta: of the partition.
        states: encoded, by customer id; who is not known is left out.
        outbox_rows: effects that have not left for Kafka yet.
        whole: None if nothing has been written since the nonce that the caller knew, or if the
            caller did not ask.
        cursor: of a walk: where it goes on; 0 at its end.
    """

    meta: Meta
    states: Mapping[str, bytes]
    outbox_rows: int
    whole: Whole | None = None
    cursor: int = 0


class OutboxRow(NamedTuple):
    """One Kafka message that waits to be sent.

    Attributes:
        topic: where to.
        key: None lets any partition do.
        value: the body.
        headers: in order.
        partition: which one; None: by the key, or by where the row comes from.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    partition: int | None = None


class CustomerWrite(NamedTuple):
    """What becomes of one customer.

    Attributes:
        state: encoded; None removes the customer and all that belongs to them.
        due_ms: next deadline, event time; None: no deadline.
        left: the segments that they are a member of no more.
        entered: the segments that they are a member of now.
        history: (slot, packed effect), slots below `HISTORY_SLOTS`; None forgets what was kept.
    """

    state: bytes | None
    due_ms: int | None
    left: Sequence[str]
    entered: Sequence[str]
    history: Sequence[tuple[int, bytes]] | None = ()


class Change(NamedTuple):
    """All that one script writes.

    Attributes:
        meta: in place of the old one.
        customers: by id; only those that change.
        outbox: in order, behind what waits.
        sketch: slot → encoded; None empties it. Only those that change.
        population: encoded; None leaves the one in force.
        erased: pseudonym → encoded mark, added to those known.
        movement: customer-day → encoded; None forgets it. Only those that change.
        policy: encoded; None leaves the one in force.
    """

    meta: Meta
    customers: Mapping[str, CustomerWrite]
    outbox: Sequence[OutboxRow]
    sketch: Mapping[str, bytes | None] = MappingProxyType({})
    population: bytes | None = None
    erased: Mapping[str, bytes] = MappingProxyType({})
    movement: Mapping[str, bytes | None] = MappingProxyType({})
    policy: bytes | None = None


class Looked(NamedTuple):
    """What a lookup needs, read at one moment.

    Attributes:
        offset: the next record to fold.
        clock_ms: the partition's clock, event time.
        population: version of the one in force; 0 before the first.
        states: encoded, in the order asked for; None: nobody by that id.
        live: the owner's note; None: expired.
    """

    offset: int
    clock_ms: int
    population: int
    states: Sequence[bytes | None]
    live: Live | None


class Members(NamedTuple):
    """Some members of a segment.

    Attributes:
        ids: fewer than were asked for, where somebody has been removed meanwhile.
        cursor: where the list goes on; 0 at its end.
    """

    ids: Sequence[str]
    cursor: int


class Vitals(NamedTuple):
    """A short-lived note by a partition's owner: how well it keeps up.

    Attributes:
        lag: records in the log that are not folded yet.
        freshness_ms: from the log into the store, of the newest record; -1: not known.
        events_total: folded by this owner since it began.
        events_per_s: lately.
    """

    lag: int
    freshness_ms: int
    events_total: int
    events_per_s: float


class Live(NamedTuple):
    """A short-lived note by a partition's owner: it has read the log to its end.

    Attributes:
        source_delay_ms: how far event time runs behind the wall clock.
    """

    source_delay_ms: int


class Newest(NamedTuple):
    """The newest event in any partition, shared by the owners.

    Attributes:
        appended_ms: wall clock of the broker when it was written.
        at_ms: when it happened, event time.
        replayed: a replay has written it.
    """

    appended_ms: int
    at_ms: int
    replayed: bool = False


class Store(Protocol):
    """One namespace of partitions. Every call may raise `StoreUnavailable`."""

    async def load(
        self, partition: int, customer_ids: Sequence[str], known: bytes | None = None
    ) -> Loaded:
        """Meta and the states of these customers, read together.

        With the whole, too, unless the nonce is still the `known` one; None: never.
        """

    async def due(self, partition: int, until_ms: int, limit: int) -> Loaded:
        """Meta and the states of at most `limit` customers whose deadline is at or before it.

        The earliest first, then by the bytes of their ids: states follow from that order, too.
        """

    async def walk(self, partition: int, cursor: int, count: int) -> Loaded:
        """Meta and the states of about `count` customers, and where to go on; begins at 0.

        A walk meets everyone who is there from its beginning to its end, perhaps more than once.
        """

    async def apply(self, partition: int, expected: Meta, change: Change) -> bool:
        """Write it all and answer True, or, if offset or nonce have moved, nothing and False."""

    async def next_due_ms(self, partition: int) -> int | None:
        """The earliest deadline in the partition."""

    async def population(self, partition: int) -> bytes | None:
        """The population in force there, encoded."""

    async def policy(self, partition: int) -> bytes | None:
        """The published policy in force there, encoded; None before the first."""

    async def erased(self, partition: int, pseudonym: str) -> bytes | None:
        """The mark of someone who was erased, encoded."""

    async def history(self, partition: int, customer_id: str) -> list[bytes]:
        """The packed effects that are kept of a customer, in no particular order."""

    async def sizes(self, partition: int, segments: Sequence[str]) -> list[int]:
        """How many members each segment has."""

    async def members(self, partition: int, segment: str, cursor: int, count: int) -> Members:
        """About so many members, at most `count`, and where to go on; begins at 0.

        Who is a member from the first page to the last comes exactly once, in the order in which
        customers were first written, whoever comes or goes meanwhile.
        """

    async def is_member(self, partition: int, segment: str, customer_id: str) -> bool:
        """Whether someone is a member."""

    async def movement(self, partition: int) -> Mapping[str, bytes]:
        """Customer-day → what moved on it, encoded."""

    async def label_names(self, partition: int, keys: Sequence[bytes]) -> Mapping[bytes, str]:
        """Label key → its name, as far as the partition knows it; see `models/label_names.py`."""

    async def look(self, partition: int, customer_ids: Sequence[str]) -> Looked:
        """States and the little else that a lookup needs, read together."""

    async def outbox(self, partition: int, count: int) -> list[tuple[bytes, OutboxRow]]:
        """The oldest rows with their ids, in order."""

    async def outbox_delete(self, partition: int, row_ids: Sequence[bytes]) -> None:
        """Forget rows that have left."""

    async def set_live(self, partition: int, live: Live, ttl_ms: int) -> None:
        """Note that the owner has read to the end; the note expires by itself."""

    async def live(self, partition: int) -> Live | None:
        """That note, unless it has expired."""

    async def set_vitals(self, partition: int, vitals: Vitals, ttl_ms: int) -> None:
        """Note how well the owner keeps up; the note expires by itself."""

    async def vitals(self, partition: int) -> Vitals | None:
        """That note, unless it has expired."""

    async def offer_newest(self, newest: Newest) -> Newest:
        """Share the newest event seen; answers the newest that any owner has shared."""

    async def unfit(self) -> str | None:
        """Why states must not be kept here, and the remedy; None if they may."""

    async def set_partitions(self, partitions: int) -> None:
        """Note how many partitions there are, for those who only look things up."""

    async def partitions(self) -> int:
        """That number; 0 before any worker has begun."""


async def all_members(store: Store, partition: int, segment: str) -> list[str]:
    """Every member of a segment in a partition, in pages of `MAX_CUSTOMERS`.

    Raises:
        StoreUnavailable.
    """
    page = await store.members(partition, segment, 0, MAX_CUSTOMERS)
    found = [*page.ids]
    while page.cursor:
        page = await store.members(partition, segment, page.cursor, MAX_CUSTOMERS)
        found += page.ids
    return found


async def all_states(store: Store, partition: int) -> dict[str, bytes]:
    """Every customer's state of a partition, encoded; a walk in steps of `MAX_CUSTOMERS`.

    Raises:
        StoreUnavailable.
    """
    found: dict[str, bytes] = {}
    cursor = -1
    while cursor:
        loaded = await store.walk(partition, max(0, cursor), MAX_CUSTOMERS)
        found.update(loaded.states)
        cursor = loaded.cursor
    return found
