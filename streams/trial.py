"""Policies on trial: several side by side over one pass of a history, in memory.

    records ──► day by day ──┬─► Loop under policy a ──┐
                             └─► Loop under policy b ──┴─► each midnight: `look`

Each policy has an installation of its own (`streams/loop.py`), learner included, so it comes to what it
would have come to alone. A record's body is read once for all of them, and policies that learn alike learn
once. What left since the last midnight is drained at each, so memory does not grow with the history.

Enters: policies, records. Leaves: what each policy says as a customer-day begins. Forbidden here: comparing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from models.barrier import Barrier
from models.calendar import day_of, start_of_day_ms
from models.events import Control, LogRecord, Read, Rejected, Tombstone, read_record
from models.learner import Learner, Step, arrived
from models.policy import Policy
from models.population import Population
from models.segments import ACCOUNTS, all_segments
from streams.alert_notices import Notice, read_notice
from streams.learning import Arrival
from streams.loop import BATCH, Loop
from streams.sources import SourceRecord
from streams.topics import ALERTS, DEAD_LETTERS

NAMESPACE = "loop"
PARTITION = 0  # there is one
Look = Callable[[int], Awaitable[bool]]


class SharedReading:
    """Reads each body once, however many logs it stands in.

    Only what has an id of its own and says nothing in its headers but its kind: all else may be read
    otherwise in another place of another log. The newest bodies are kept, a batch or two.
    """

    def __init__(self) -> None:
        self._newest: dict[tuple[bytes, bytes], Read] = {}
        self._older: dict[tuple[bytes, bytes], Read] = {}

    def __call__(self, record: LogRecord, topic: str) -> Read | Control | Tombstone | Rejected:
        """See `read_record`."""
        kind, value = record.headers.get("kind"), record.value
        if kind is None or value is None or len(record.headers) > 1:
            return read_record(record, topic)
        known = self._newest.get((kind, value)) or self._older.get((kind, value))
        if known is not None:
            return known
        read = read_record(record, topic)
        if isinstance(read, Read) and read.event.event_id is not None:
            self._keep((kind, value), read)
        return read

    def _keep(self, place: tuple[bytes, bytes], read: Read) -> None:
        if len(self._newest) > BATCH:
            self._newest, self._older = {}, self._newest
        self._newest[place] = read


class SharedLearning:
    """Learns once of the same barriers, for as many policies as learn alike.

    What was learned so far must be the very same, and so must all of the policy but rules and
    alerts, which the learner does not ask for.

    Args:
        arrive: what a barrier does to the learner.
    """

    def __init__(self, arrive: Arrival = arrived) -> None:
        self._arrive = arrive
        self._newest: list[_Learned] = []

    def __call__(self, learner: Learner, barrier: Barrier, policy: Policy) -> Step:
        """See `models.learner.arrived`."""
        told = _told_to_the_learner(policy)
        for each in self._newest:
            same = each.learner is learner or each.learner == learner == Learner()
            if same and each.barrier == barrier and each.told == told:
                return each.step
        step = self._arrive(learner, barrier, policy)
        self._newest = [
            *(each for each in self._newest if each.barrier.as_of_day == barrier.as_of_day),
            _Learned(learner, barrier, told, step),
        ]
        return step


class _Learned(NamedTuple):
    learner: Learner
    barrier: Barrier
    told: Mapping[str, object]
    step: Step


def _told_to_the_learner(policy: Policy) -> Mapping[str, object]:
    names = Policy.model_fields.keys() - {"preset", "segments", "alerts", "calendar", "playbook"}
    return {name: getattr(policy, name) for name in names}


class Morning(NamedTuple):
    """What one policy says as a customer-day begins.

    Attributes:
        sizes: customers by segment; those of accounts under `account.`.
        notices: of alerts since the last morning, in order.
    """

    sizes: dict[str, int]
    notices: list[Notice]


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

    async def begin_day(self, day: int) -> Morning:
        """Let time pass up to the beginning of a customer-day, ordinal."""
        await self.loop.tick(start_of_day_ms(day, self.policy.timezone))
        del self.loop.populations[:-1]
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


class Trial:
    """Several policies over one pass.

    Args:
        policies: with one time zone.

    Attributes:
        sides: an installation for each.
        events: records that were read.
        today: the customer-day that has begun, ordinal; None before the first record.
    """

    def __init__(self, policies: Sequence[Policy]) -> None:
        read, learn = SharedReading(), SharedLearning()
        self.sides = [Side(each, read, learn) for each in policies]
        self._zone = policies[0].timezone
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
            for side in self.sides:
                await side.loop.write(record)
            self.events += 1
        if self.today is not None:
            self.today += 1
            await look(self.today)

    async def mornings(self, day: int) -> list[Morning]:
        """What each policy says as a day begins."""
        return [await each.begin_day(day) for each in self.sides]
