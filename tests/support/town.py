"""An installation in miniature for one person: ids, merges, erasures, and records on their way.

Every id has a log of its own and an outbox of its own, and a plan says which log is read on, or
which outbox is relayed, next: so every order in which things can meet can be had.
"""

from __future__ import annotations

from base64 import b64encode
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from hypothesis import strategies as st

from models.alerts import changes_in
from models.customer import Alias, CustomerState
from models.effects import PublishChange
from models.erasure import Mark
from models.events import (
    ADDRESSEE,
    EVENT_ID,
    Erasure,
    Kind,
    LogRecord,
    Merge,
    Profile,
    Purchase,
    Read,
    Refund,
    Rejected,
    Transfer,
    read_record,
)
from models.identity import Met, SentOn, meet
from models.policy import Policy
from models.step import advance
from tests.support.histories import crowded_histories
from tests.support.story import GROCERY, HOUR_MS, apart_from_arrival

A, B, C, D = "anna", "bea", "cleo", "dora"
PATIENCE = 20_000  # records read; more would be a record that goes round for ever
KINDS = {
    Purchase: Kind.PURCHASE,
    Refund: Kind.REFUND,
    Profile: Kind.PROFILE,
    Erasure: Kind.ERASURE,
    Merge: Kind.MERGE,
    Transfer: Kind.TRANSFER,
}


def moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at_ms)


def merge(
    one: str, into: str, at_ms: int, event_id: str = "", *, unless_taken: bool = False
) -> Read:
    event = Merge(customer_id=one, occurred_at=moment(at_ms), into=into, unless_taken=unless_taken)
    return Read(event, event_id or f"{one}>{into}", at_ms)


def erase(customer_id: str, at_ms: int, event_id: str = "gone") -> Read:
    return Read(Erasure(customer_id=customer_id, occurred_at=moment(at_ms)), event_id, at_ms)


def transfer(
    to: str,
    merged: str,
    at_ms: int,
    packed: bytes | None,
    event_id: str = "t",
    via: Iterable[str] = (),
) -> Read:
    state = None if packed is None else b64encode(packed)
    event = Transfer(
        customer_id=to, occurred_at=moment(at_ms), merged_id=merged, state=state, via=tuple(via)
    )
    return Read(event, event_id, at_ms)


def of(customer_id: str, read: Read) -> Read:
    """The same event of somebody else."""
    return read._replace(event=read.event.model_copy(update={"customer_id": customer_id}))


class Posted(NamedTuple):
    """A record on its way."""

    customer_id: str
    kind: bytes
    value: bytes
    event_id: str


class Town:
    """Every id with a log of its own; see above.

    Args:
        policy: the rules in force.
        twice: whether every record is delivered twice.
    """

    def __init__(self, policy: Policy = GROCERY, *, twice: bool = False) -> None:
        self._policy, self._twice = policy, twice
        self.held: dict[str, CustomerState | Alias] = {}
        self.marks: dict[str, Mark] = {}
        self.effects: list[PublishChange] = []
        self.rejected: list[Rejected] = []
        self.met: list[Met] = []
        self._logs: dict[str, deque[Posted]] = {}
        self._outboxes: dict[str, deque[Posted]] = {}
        self._clocks: dict[str, int] = {}
        self._read = 0

    def write(self, *reads: Read) -> None:
        """Events as producers send them, each to the log of its id."""
        for read in reads:
            value = read.event.model_dump_json(exclude_none=True).encode()
            kind = KINDS[type(read.event)].encode()
            self._append(Posted(read.event.customer_id, kind, value, read.event_id))

    def turn(self, plan: Sequence[int]) -> None:
        """Read and relay as planned: of each number, the lowest bit says which, the others where."""
        for turn in plan:
            self._turn(turn)

    def live(self, plan: Sequence[int] | None = None) -> Town:
        """Read and relay as planned, then until nothing moves any more."""
        self.turn(plan or ())
        while any(self._logs.values()) or any(self._outboxes.values()):
            for turn in range(2 * len(self._logs)):
                self._turn(turn)
            assert self._read < PATIENCE, "a record goes round for ever"
        return self

    def tell(self, *reads: Read) -> Town:
        """One event after the other, with all that follows from it."""
        for read in reads:
            self.write(read)
            self.live()
        return self

    def _append(self, posted: Posted) -> None:
        self._outboxes.setdefault(posted.customer_id, deque())
        log = self._logs.setdefault(posted.customer_id, deque())
        log.extend([posted] * (1 + self._twice))

    def _turn(self, turn: int) -> None:
        if not self._logs:
            return
        ids = sorted(self._logs)
        who = ids[turn // 2 % len(ids)]
        if turn % 2 and self._outboxes[who]:
            self._append(self._outboxes[who].popleft())
        elif self._logs[who]:
            self._meet(who, self._logs[who].popleft())

    def _meet(self, who: str, posted: Posted) -> None:
        headers = {
            "kind": posted.kind,
            EVENT_ID: posted.event_id.encode(),
            ADDRESSEE: posted.customer_id.encode(),
        }
        read = read_record(LogRecord(0, 0, 2**45, None, posted.value, headers), "log")
        assert isinstance(read, Read), read
        self._read += 1
        clock_ms = self._clocks[who] = max(self._clocks.get(who, 0), read.at_ms)
        mark = self.marks.get(who)
        through_ms = -1 if mark is None else mark.through_ms
        met = meet(who, self.held.get(who), read, through_ms, clock_ms, self._policy, None)
        self.held.pop(who, None)
        if met.held is not None:
            self.held[who] = met.held
        if met.mark is not None:
            through_ms = max(through_ms, met.mark.through_ms)
            self.marks[who] = met.mark._replace(through_ms=through_ms)
        self._outboxes[who].extend(_posted(each, posted) for each in met.sent)
        self.effects += changes_in(met.effects)
        self.rejected += [met.rejected] if met.rejected else []
        self.met.append(met)

    def root(self, customer_id: str) -> str:
        """Whom a name stands for."""
        for _ in self.held:
            held = self.held.get(customer_id)
            if not isinstance(held, Alias):
                break
            customer_id = held.into
        return customer_id

    def person(self, customer_id: str) -> CustomerState:
        """Who is known by a name."""
        held = self.held[self.root(customer_id)]
        assert isinstance(held, CustomerState)
        return held

    def as_of(self, customer_id: str, until_ms: int) -> CustomerState:
        """The person, once time has passed, apart from names and from how it became known."""
        state, _ = advance(customer_id, self.person(customer_id), until_ms, self._policy, None)
        return apart_from_arrival(state)._replace(names={})

    @property
    def persons(self) -> list[str]:
        """The ids that something is known by."""
        return sorted(id_ for id_, held in self.held.items() if isinstance(held, CustomerState))

    @property
    def aliases(self) -> dict[str, str]:
        """Names and where they point."""
        return {id_: held.into for id_, held in self.held.items() if isinstance(held, Alias)}


def _posted(sent: SentOn, posted: Posted) -> Posted:
    if sent.kind is None:
        return posted._replace(customer_id=sent.customer_id, event_id=sent.event_id)
    assert sent.value is not None
    return Posted(sent.customer_id, sent.kind.encode(), sent.value, sent.event_id)


def others_of(customer_id: str, state: CustomerState) -> list[str]:
    """Their other names."""
    return sorted({*state.names} - {customer_id})


class Story(NamedTuple):
    """Events of several ids with merges among them, as they arrive, and how far reading comes between.

    Attributes:
        chapters: reads, and the turns that follow them; None: everything comes to rest.
        until_ms: after all of them, event time.
    """

    chapters: list[tuple[Read, list[int] | None]]
    until_ms: int

    def live(self, town: Town) -> Town:
        for read, turns in self.chapters:
            town.write(read)
            town.live(turns) if turns is None else town.turn(turns)
        return town.live()

    @property
    def events(self) -> list[Read]:
        """All but the merges and the erasures."""
        reads = [read for read, _ in self.chapters]
        return [each for each in reads if not isinstance(each.event, Merge | Erasure)]


PAIR, CHAIN = [(A, B)], [(A, B), (B, C)]
RING_2, RING_3 = [(A, B), (B, A)], [(A, B), (B, C), (C, A)]
SHAPES = (
    PAIR,
    CHAIN,
    [(A, B), (C, B)],
    [(A, B), (C, D), (B, D)],
    RING_2,
    RING_3,
    [(B, A), (A, C), (C, B)],
    [(D, A), *RING_3],
    [(A, B), (A, C), (B, C)],
    [(A, B), (C, D), (B, C), (D, A)],
)
shapes = st.sampled_from(SHAPES)
pauses = st.none() | st.lists(st.integers(0, 15), max_size=6)


@st.composite
def stories(draw: st.DrawFn, shape: Sequence[tuple[str, str]], asked: Sequence[str] = ()) -> Story:
    """A crowded history spread over ids, with merges anywhere in between, later than all of it."""
    ids, events = ids_of(shape), draw(crowded_histories(at_most=6))
    until_ms = max(each.at_ms for each in events) + HOUR_MS
    reads = [of(draw(st.sampled_from(ids)), each) for each in events]
    late = [merge(one, into, until_ms + place) for place, (one, into) in enumerate(shape)]
    until_ms += len(late)
    for read in (*late, *(erase(each, until_ms, f"erase {each}") for each in asked)):
        reads.insert(draw(st.integers(0, len(reads))), read)
    return Story([(read, draw(pauses)) for read in reads], until_ms)


def ids_of(shape: Sequence[tuple[str, str]]) -> list[str]:
    return sorted({id_ for pair in shape for id_ in pair})
