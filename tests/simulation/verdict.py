"""What a run came to, held against the oracle: its log folded by one process that nothing befalls."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import NamedTuple

from models.codec import decode_held
from models.customer import CustomerState
from models.erasure import Mark
from models.events import LogRecord
from models.lifecycle import State
from models.segments import segments_by_kind
from streams.memory_store import MemoryStore
from streams.partition import Batch
from streams.store import LEARNER, MAX_CUSTOMERS, Meta, OutboxRow, Store, Whole, all_members
from streams.topics import ALERTS, CHANGES, DEAD_LETTERS, INPUTS, LOG
from tests.simulation.processes import Core, Surroundings, fold_of
from tests.simulation.stepping import finished
from tests.simulation.world import World

ALL_ROWS = 1_000_000
MUTED = (CHANGES, ALERTS, DEAD_LETTERS, INPUTS)  # what a relay marks, and never sends again


NOBODY: Mapping[str, Mark] = {}
NAMES = ("ce_id", "event-id", "customer-id", "kind", "source.partition", "source.offset")


class Wrong(AssertionError):
    """A run came to something else than its log says."""


class Held(NamedTuple):
    """All that a store holds of a place, but the nonce and what waits in the outbox."""

    meta: Meta
    states: dict[str, bytes]
    due: list[list[str]]
    next_due_ms: int | None
    members: dict[str, list[str]]
    history: dict[str, list[bytes]]
    whole: Whole | None


def judge(world: World, store: Store, places: Sequence[int], *, counts_doubles: bool) -> None:
    """Compare stores and topics.

    Args:
        world: with the log and all that left.
        store: at rest.
        places: whose logs were read.
        counts_doubles: not if two relays were at work at once, which send things twice.

    Raises:
        Wrong.
    """
    oracles = {place: _oracle(world, store, place) for place in places}
    expected = [row for place, oracle in oracles.items() for row in _rows(oracle, place)]
    if any(len(births) > 1 for births in world.births.values()):
        _compare_names(world, expected, places)  # bodies tell of the erased, or do not
        return
    _compare_topics(world, expected, counts_doubles=counts_doubles)
    once = {row for row, often in Counter(expected).items() if row.topic == LOG and often == 1}
    for place, oracle in oracles.items():
        if place != LEARNER:
            _compare_known(world, place, oracle, once)


def _oracle(world: World, store: Store, place: int) -> Store:
    """The log folded from the beginning that this store had; all beginnings know the same people.

    A store that was wiped is born with the marks of those who were erased by then.
    """
    records = world.logs[place].records
    ids = {each.key.decode() for each in records if each.key}
    oracles = [folded(world, place, records, marks) for marks in world.births[place]]
    found, rights = held(store, place, ids), [held(oracle, place, ids) for oracle in oracles]
    if found not in rights:
        _compare(f"place {place}", found, rights[-1])
    if place != LEARNER:
        known = [_known(right.states) for right in rights]
        if any(each != known[0] for each in known):
            raise Wrong(f"place {place}: a rebuild that knows the erased gives other customers")
    return oracles[rights.index(found)]


def folded(
    world: World, place: int, records: Sequence[LogRecord], marks: Mapping[str, Mark] = NOBODY
) -> Store:
    """A fresh store that was given records in one batch."""
    oracle = MemoryStore(wall_ms=lambda: 0)
    around = Surroundings(Random(0), world, lambda _: oracle, Core(), 0.0, Counter())
    if records:
        batch = Batch(0, records[-1].offset + 1, records)
        finished(fold_of(place, around, oracle, marks).handle(batch))
    return oracle


def held(store: Store, place: int, ids: Iterable[str]) -> Held:
    """Ask for everything; for the history of those ids and of all who are there."""
    loaded = finished(store.load(place, (), b"another nonce"))
    states = _states(store, place)
    moments = sorted({at_ms - early for at_ms in _deadlines(place, states) for early in (0, 1)})
    return Held(
        loaded.meta._replace(nonce=b""),
        states,
        [sorted(finished(store.due(place, at_ms, MAX_CUSTOMERS)).states) for at_ms in moments],
        finished(store.next_due_ms(place)),
        _members(store, place, states),
        {id_: sorted(finished(store.history(place, id_))) for id_ in {*ids, *states}},
        loaded.whole,
    )


def _members(store: Store, place: int, states: dict[str, bytes]) -> dict[str, list[str]]:
    """Of each segment that anybody is, or might be, in."""
    held = {} if place == LEARNER else {id_: decode_held(each) for id_, each in states.items()}
    places = {id_: segments_by_kind(id_, each).values() for id_, each in held.items()}
    known = {f"lifecycle/{each.value}" for each in State}
    known |= {name for names in places.values() for name in names}
    found = {each: sorted(finished(all_members(store, place, each))) for each in sorted(known)}
    should: dict[str, list[str]] = {each: [] for each in found}
    for id_, names in places.items():
        for name in names:
            should[name].append(id_)
    if found != {name: sorted(ids) for name, ids in should.items()}:
        raise Wrong(f"place {place}: members {found} instead of {should}")
    return found


def _states(store: Store, place: int) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    cursor = 0
    while True:
        loaded = finished(store.walk(place, cursor, MAX_CUSTOMERS))
        found.update(loaded.states)
        cursor = loaded.cursor
        if not cursor:
            return dict(sorted(found.items()))


def _deadlines(place: int, states: dict[str, bytes]) -> set[int]:
    if place == LEARNER:
        return set()
    held = map(decode_held, states.values())
    due = {each.next_deadline_ms for each in held if isinstance(each, CustomerState)}
    return {each for each in due if each is not None}


def _rows(store: Store, place: int) -> list[OutboxRow]:
    rows = finished(store.outbox(place, ALL_ROWS))
    return [row._replace(headers=tuple(row.headers)) for _, row in rows]


def _compare(what: str, found: Held, expected: Held) -> None:
    for name, one, other in zip(Held._fields, found, expected, strict=True):
        if one != other:
            raise Wrong(f"{what}: {name}: {str(one)[:500]} instead of {str(other)[:500]}")


def _compare_known(world: World, place: int, oracle: Store, once: set[OutboxRow]) -> None:
    """What a relay writes into the log again, after a rollback, adds nothing to anybody.

    But for those who were other names of somebody who was erased.
    """
    written_once = {(row.key, row.value, row.headers) for row in once}
    records = world.logs[place].records
    kept, met = [], set()
    for record in records:
        name = (record.key, record.value, tuple(record.headers.items()))
        if name not in met or name not in written_once:
            kept.append(record)
        met.add(name)
    if len(kept) < len(records):
        without = folded(world, place, kept)
        found, right = (_known(_states(each, place)) for each in (oracle, without))
        for id_ in (found.keys() | right.keys()) - _names_of_the_erased(records):
            if found.get(id_) != right.get(id_):
                raise Wrong(f"place {place}: what was sent again has changed {id_}")


def _names_of_the_erased(records: Sequence[LogRecord]) -> set[str]:
    """Ids that were other names of somebody who was erased.

    What was sent on by way of such a name is, sent again later, about whoever has that id now:
    nothing says any more that it had been passed on. See docs/reliability.md.
    """
    bodies = [each.value or b"" for each in records if each.headers.get("kind") == b"erasure"]
    return {json.loads(each)["customer_id"] for each in bodies if b"through_ms" in each}


def _known(states: dict[str, bytes]) -> dict[str, object]:
    """What is known of customers, whenever they were last looked at."""
    known: dict[str, object] = {}
    for id_, packed in states.items():
        one = decode_held(packed)
        if isinstance(one, CustomerState):
            ledger = one.current
            sums = (ledger.purchases, ledger.spent_minor, ledger.refunded_minor)
            known[id_] = (sums, ledger.last_purchase_ms, one.names, one.attributes)
        else:
            known[id_] = one
    return known


def _compare_topics(world: World, expected: list[OutboxRow], *, counts_doubles: bool) -> None:
    sent, due = Counter(world.wire), Counter(expected)
    if lost := due.keys() - sent.keys():
        raise Wrong(f"lost: {lost}")
    if invented := sent.keys() - due.keys():
        raise Wrong(f"invented: {invented}")
    doubled = sum(often - due[row] for row, often in sent.items() if row.topic in MUTED)
    if counts_doubles and doubled > world.unacknowledged:
        raise Wrong(f"{doubled} rows twice, {world.unacknowledged} unacknowledged")
    if _stories(world.wire) != _stories(expected):
        raise Wrong("a customer's effects in another order")


def _compare_names(world: World, expected: list[OutboxRow], places: Sequence[int]) -> None:
    """Nothing lost, and nothing that no beginning gives; by what names a row, not by its body."""
    sent = {_name(row) for row in world.wire}
    could = {
        _name(row)
        for place in places
        for marks in world.births[place]
        for row in _rows(folded(world, place, world.logs[place].records, marks), place)
    }
    if lost := {_name(row) for row in expected} - sent:
        raise Wrong(f"lost: {lost}")
    if invented := sent - could:
        raise Wrong(f"invented: {invented}")


def _name(row: OutboxRow) -> tuple[object, ...]:
    headers = dict(row.headers)
    return row.topic, row.partition, row.key, *(headers.get(name) for name in NAMES)


def _stories(rows: Iterable[OutboxRow]) -> dict[object, list[OutboxRow]]:
    """Each customer's effects, and alerts, as a reader has them who drops what they have seen."""
    stories: dict[object, list[OutboxRow]] = {}
    for row in dict.fromkeys(rows):
        if row.topic in {CHANGES, ALERTS}:
            stories.setdefault((row.topic, row.key), []).append(row)
    return stories
