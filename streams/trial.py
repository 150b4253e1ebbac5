"""Policies on trial: several side by side over one pass of a history, in memory.

    records ──► day by day ──┬─► Loop under policy a ──┐
                             └─► Loop under policy b ──┴─► each midnight: `look`

Policies are folded in groups: one here, or several, each in a process of its own (`streams/trial_apart.py`).

Each policy has an installation of its own (`streams/loop.py`), learner included, so it comes to what it
would have come to alone. A record's body is read once for all of them, and policies that learn alike learn
once. What left since the last midnight is drained at each, so memory does not grow with the history.

Enters: policies, records. Leaves: what each policy says as a customer-day begins. Forbidden here: comparing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from models.calendar import day_of, start_of_day_ms
from models.events import LogRecord
from models.policy import Policy
from models.population import Population
from models.segments import ACCOUNTS, all_segments
from streams.alert_notices import Notice, read_notice
from streams.loop import BATCH, Loop
from streams.sources import SourceRecord
from streams.topics import ALERTS, DEAD_LETTERS
from streams.trial_shared import SharedLearning, SharedReading

NAMESPACE = "loop"
PARTITION = 0  # there is one
Look = Callable[[int], Awaitable[bool]]


class Morning(NamedTuple):
    """What one policy says as a customer-day begins.

    Attributes:
        sizes: customers by segment; those of accounts under `account.`.
        notices: of alerts since the last morning, in order.
    """

    sizes: dict[str, int]
    notices: list[Notice]


class Stand(NamedTuple):
    """Where one policy's installation stands.

    Attributes:
        states: everybody's, encoded.
        population: the newest; None before the first.
        unusable: events that became dead letters, by reason.
    """

    states: Mapping[str, bytes]
    population: Population | None
    unusable: Counter[str]


class Group(Protocol):
    """Policies that are folded together; what is asked for with `begin` is answered by `mornings`."""

    async def write(self, records: Sequence[SourceRecord]) -> None:
        """Events of one day, in their order."""

    async def begin(self, day: int) -> None:
        """A customer-day, ordinal, begins."""

    async def mornings(self) -> list[Morning]:
        """What each policy says as it does."""

    async def stand(self) -> list[Stand]:
        """Where each policy's installation stands."""


class Side:
    """One policy's installation.

    Args:
        policy: on trial.
        read: how records are read.
        learn: what barriers do to the learner.

    Attributes:
        unusable: events that became dead letters, by reason.
    """

    def __init__(self, policy: Policy, read: SharedReading, learn: SharedLearning) -> None:
        self.policy = policy
        self.loop = Loop(policy, 1, read=read, arrive=learn)
        self.unusable: Counter[str] = Counter()

    @property
    def population(self) -> Population | None:
        """The newest."""
        return self.loop.populations[-1] if self.loop.populations else None

    async def stand(self) -> Stand:
        """Where everybody stands now."""
        return Stand(await self.loop.states(), self.population, self.unusable)

    async def begin_day(self, day: int) -> Morning:
        """Let time pass up to the beginning of a customer-day, ordinal."""
        await self.loop.tick(start_of_day_ms(day, self.policy.timezone))
        self.loop.forget_populations()
        return Morning(await self._sizes(), self._drained())

    async def _sizes(self) -> dict[str, int]:
        people = list(all_segments(self.policy, self.population))
        names = [*people, *(f"{ACCOUNTS}{each}" for each in people)]
        found = await self.loop.store.sizes(PARTITION, names)
        return {name: size for name, size in zip(names, found, strict=True) if size}

    def _drained(self) -> list[Notice]:
        """The alerts among what has left; the rest is counted, or nobody reads it."""
        notices = []
        for row in self.loop.effects:
            if row.topic == ALERTS:
                record = LogRecord(0, 0, 0, row.key, row.value, dict(row.headers))
                notice = read_notice(record, NAMESPACE)
                notices += [] if notice is None else [notice]
            elif row.topic == DEAD_LETTERS:
                self.unusable[dict(row.headers)["error.reason"].decode()] += 1
        self.loop.effects.clear()
        return notices


class Here:
    """A group in this process.

    Args:
        policies: in order.

    Attributes:
        sides: an installation for each.
    """

    def __init__(self, policies: Sequence[Policy]) -> None:
        read, learn = SharedReading(), SharedLearning()
        self.sides = [Side(each, read, learn) for each in policies]
        self._day = 0

    async def write(self, records: Sequence[SourceRecord]) -> None:
        """See `Group.write`."""
        for record in records:
            for side in self.sides:
                await side.loop.write(record)

    async def begin(self, day: int) -> None:
        """See `Group.begin`."""
        self._day = day

    async def mornings(self) -> list[Morning]:
        """See `Group.mornings`."""
        return [await each.begin_day(self._day) for each in self.sides]

    async def stand(self) -> list[Stand]:
        """See `Group.stand`."""
        return [await each.stand() for each in self.sides]


class Trial:
    """Several policies over one pass.

    Args:
        policies: with one time zone.
        groups: that fold them, in their order; None: one, here.

    Attributes:
        events: records that were read.
        today: the customer-day that has begun, ordinal; None before the first record.
    """

    def __init__(self, policies: Sequence[Policy], groups: Sequence[Group] | None = None) -> None:
        self._zone = policies[0].timezone
        self._groups = [Here(policies)] if groups is None else groups
        self._waiting: list[SourceRecord] = []
        self.events = 0
        self.today: int | None = None

    async def run(self, records: Iterable[SourceRecord], look: Look) -> None:
        """Read everything, in order.

        Args:
            records: by event time.
            look: called as each customer-day after the first begins, the one behind the last
                included; begins it with `mornings`, and answers whether to go on.

        Raises:
            SourceError: a row can't be used.
        """
        for record in records:
            day = day_of(record.occurred_at_ms, self._zone)
            self.today = day if self.today is None else self.today
            while self.today < day:
                self.today += 1
                if not await look(self.today):
                    return
            self._waiting.append(record)
            self.events += 1
            if len(self._waiting) >= BATCH:
                await self._write()
        if self.today is not None:
            self.today += 1
            await look(self.today)

    async def _write(self) -> None:
        for group in self._groups:
            await group.write(self._waiting)
        self._waiting = []

    async def mornings(self, day: int) -> list[Morning]:
        """What each policy says as a day begins."""
        await self._write()
        for group in self._groups:
            await group.begin(day)
        return [each for group in self._groups for each in await group.mornings()]

    async def stands(self) -> list[Stand]:
        """Where each policy's installation stands."""
        return [each for group in self._groups for each in await group.stand()]
