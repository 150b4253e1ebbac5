"""A store built beside another: what is dropped of its outbox, when it may serve, what is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.policy import MOST_REMEMBERED, PolicyError, policy_from_preset, policy_from_toml
from streams.catching_up import ROWS, Alone, Beside, gone
from streams.memory_store import MemoryStore
from streams.mute import Marks, MutingSender
from streams.outbox import relay_once
from streams.rebuild import remembering_policy
from streams.store import LEARNER, Change, OutboxRow, Store
from streams.topics import CHANGES, DEAD_LETTERS, ERASURES, INPUTS, LOG, POPULATIONS
from tests.support.histories import thoroughly

PLACES = (0, LEARNER)
NEVER = 10**9


def effect(offset: int, name: str = "", topic: str = CHANGES) -> OutboxRow:
    """One that the record at this offset has caused."""
    headers = {
        "ce_id": name or f"{topic} of {offset}",
        "source.namespace": "main",
        "source.partition": "0",
        "source.offset": str(offset),
    }
    return OutboxRow(topic, b"c", b"{}", [(key, each.encode()) for key, each in headers.items()])


def sent_on(name: str, topic: str = LOG) -> OutboxRow:
    """A row that does not say which record it comes from."""
    return OutboxRow(topic, b"c", b"{}", [("event-id", name.encode())])


def names(rows: Sequence[OutboxRow]) -> list[str]:
    """Whatever names them."""
    found = [dict(row.headers) for row in rows]
    return [each.get("ce_id", each.get("event-id", b"")).decode() for each in found]


class Kept(MemoryStore):
    """A store that is written to by script, as folds do."""

    def __init__(self) -> None:
        super().__init__(wall_ms=lambda: 0)
        self._nonces = count()

    async def write(self, place: int, offset: int, *rows: OutboxRow) -> None:
        """Effects, and the offset behind them."""
        meta = (await self.load(place, ())).meta
        new = meta._replace(offset=offset, nonce=b"%d" % next(self._nonces))
        assert await self.apply(place, meta, Change(new, {}, rows))

    async def rows(self, place: int = 0) -> list[OutboxRow]:
        """What waits."""
        return [row for _, row in await self.outbox(place, NEVER)]


class Wire:
    """Kafka: takes as many rows at once as it may."""

    def __init__(self, may_take: int = NEVER) -> None:
        self.may_take = may_take
        self.sent: list[OutboxRow] = []

    def send(self, rows: Sequence[OutboxRow]) -> int:
        taken = rows[: self.may_take]
        self.sent += taken
        return len(taken)


# Which of the oldest rows have left another store's outbox.


@pytest.mark.parametrize(
    ("rows", "sent_below", "stands_at", "count"),
    [
        ([], 5, 5, 0),
        ([effect(3), effect(4), effect(5)], 5, 9, 2),
        ([effect(3), effect(5)], 3, 9, 0),
        ([effect(5), effect(5)], 5, 5, 0),  # of a walk under way: the other store's may be as well
        ([sent_on("a")], 5, 9, 0),
        ([sent_on("a")], 5, 5, 1),
        ([sent_on("a"), effect(3), sent_on("b"), effect(6)], 5, 9, 2),
        ([effect(3), sent_on("a"), sent_on("b")], 5, 5, 3),
        ([sent_on("body", POPULATIONS), sent_on("note")], 0, 1, 0),
    ],
)
def test_a_row_is_gone_if_its_record_lies_below_what_was_sent(
    rows: list[OutboxRow], sent_below: int, stands_at: int, count: int
) -> None:
    assert gone(rows, sent_below, stands_at) == count


# Beside a store that serves.


async def test_what_the_other_relay_has_sent_is_dropped_and_what_waits_there_stays() -> None:
    serves, built = Kept(), Kept()
    beside = Beside(serves, built, PLACES)
    await serves.write(0, 6, effect(4), effect(5))
    await built.write(0, 6, effect(2), effect(3), effect(4), effect(5))
    await beside.look()
    assert await built.rows() == [effect(4), effect(5)]
    await relay_once(serves, 0, Wire())
    await beside.look()
    assert await built.rows() == []
    assert beside.dropped == 4


async def test_what_the_serving_store_has_not_reached_stays() -> None:
    serves, built = Kept(), Kept()
    await serves.write(0, 6)
    await built.write(0, 8, effect(5), sent_on("a"), effect(6), sent_on("b"), effect(7))
    await Beside(serves, built, PLACES).look()
    assert names(await built.rows()) == ["a", *names([effect(6)]), "b", *names([effect(7)])]


async def test_while_a_row_without_an_origin_waits_first_nothing_more_counts_as_sent() -> None:
    serves, built = Kept(), Kept()
    beside = Beside(serves, built, PLACES)
    await serves.write(0, 4)
    await beside.look()
    await serves.write(0, 9, sent_on("a"), effect(8))
    await built.write(0, 9, effect(3), effect(7), sent_on("a"), effect(8))
    await beside.look()
    assert names(await built.rows()) == names([effect(7), sent_on("a"), effect(8)])


async def test_the_learners_rows_are_dropped_when_the_other_learner_stands_as_far() -> None:
    serves, built = Kept(), Kept()
    beside = Beside(serves, built, PLACES)
    rows = (sent_on("body", POPULATIONS), sent_on("note"), sent_on("note"))
    await serves.write(LEARNER, 3)
    await built.write(LEARNER, 4, *rows)
    await beside.look()
    assert len(await built.rows(LEARNER)) == 3
    await serves.write(LEARNER, 4)
    await beside.look()
    assert await built.rows(LEARNER) == []


async def test_it_may_serve_where_the_other_one_stood_a_look_ago_in_every_place() -> None:
    serves, built = Kept(), Kept()
    beside = Beside(serves, built, PLACES)
    await serves.write(0, 5)
    await serves.write(LEARNER, 2)
    await built.write(0, 5)
    await built.write(LEARNER, 2)
    assert not (await beside.look()).caught_up  # nobody knows yet whether the other one moves
    await serves.write(0, 7)
    look = await beside.look()
    assert (look.caught_up, look.offsets) == (True, {0: 5, LEARNER: 2})
    assert not (await beside.look()).caught_up
    await built.write(0, 7)
    await serves.write(LEARNER, 3)
    assert (await beside.look()).caught_up
    assert not (await beside.look()).caught_up


async def test_however_many_rows_have_gone_one_look_drops_them() -> None:
    serves, built = Kept(), Kept()
    await serves.write(0, 10)
    await built.write(0, 4, *[effect(3, str(n)) for n in range(2 * ROWS + 1)])
    beside = Beside(serves, built, PLACES)
    await beside.look()
    assert (await built.rows(), beside.dropped) == ([], 2 * ROWS + 1)


# The whole story: two folds, a relay that fails half way, looks, the switch.


class Fold:
    """Writes the effects of a log into a store, script by script; a tick takes several."""

    def __init__(self, log: Sequence[Sequence[Sequence[OutboxRow]]]) -> None:
        self.store = Kept()
        self._scripts = [
            (offset + (number == len(scripts) - 1), rows)
            for offset, scripts in enumerate(log)
            for number, rows in enumerate(scripts)
        ]

    async def step(self) -> bool:
        """One script; False at the end of the log."""
        if not self._scripts:
            return False
        offset, rows = self._scripts.pop(0)
        await self.store.write(0, offset, *rows)
        return True


def _log(kinds: Sequence[int]) -> list[list[list[OutboxRow]]]:
    """Records: an event with no or some effects, a record that is sent on, a tick of some scripts."""
    log: list[list[list[OutboxRow]]] = []
    for offset, kind in enumerate(kinds):
        rows = [effect(offset, f"{offset}.{n}") for n in range(kind)]
        event = [[*rows, effect(offset, f"dead {offset}", DEAD_LETTERS)]]
        walk = [rows, [effect(offset, f"{offset}.walk")], []]
        kinds_of: list[list[list[OutboxRow]]] = [event, [[sent_on(str(offset))]], walk, [[]]]
        log.append(kinds_of[kind])
    return log


@given(
    kinds=st.lists(st.integers(0, 3), min_size=1, max_size=12),
    story=st.lists(st.sampled_from(["old", "old", "new", "new", "relay", "look"]), max_size=60),
    after=st.lists(st.sampled_from(["old", "new", "relay"]), max_size=12),
    may_take=st.integers(1, 4),
    relay_restarts=st.booleans(),
)
@thoroughly
async def test_through_a_switch_every_effect_is_sent_once(
    kinds: list[int], story: list[str], after: list[str], may_take: int, relay_restarts: bool
) -> None:
    log = _log(kinds)
    old, new, wire = Fold(log), Fold(log), Wire(may_take)
    beside, sender = Beside(old.store, new.store, [0]), MutingSender(wire, Marks())

    async def act(name: str, outboxes: Sequence[Store]) -> bool:
        if name == "relay":
            for each in outboxes:
                await relay_once(each, 0, sender)
        elif name == "look":
            return (await beside.look()).caught_up
        else:
            await (old if name == "old" else new).step()
        return False

    for name in story:
        if await act(name, [old.store]):
            break
    else:
        while not await act("look", [old.store]):
            await act("new", [old.store])
    both = [old.store, new.store]
    if relay_restarts:
        marks = Marks()
        for row in wire.sent:
            marks.note(row)
        sender = MutingSender(wire, marks)
    for name in after:
        await act(name, both)
    while await new.step() or await old.store.rows() or await new.store.rows():
        await act("relay", both)
    wanted = [row for scripts in log for rows in scripts for row in rows]
    assert Counter(names([row for row in wire.sent if row.topic != LOG])) == Counter(
        names([row for row in wanted if row.topic != LOG])
    )
    assert set(names(wire.sent)) == set(names(wanted))


# Alone on a log with more partitions.


class Log(Wire):
    """Kafka's log: what is sent stands at its end."""

    def __init__(self, end: int = 0, may_take: int = NEVER) -> None:
        super().__init__(may_take)
        self._end = end

    async def ends(self, _offsets: Mapping[int, int]) -> Mapping[int, int]:
        return {0: self._end + sum(row.topic == LOG for row in self.sent), LEARNER: 0}


async def test_alone_only_records_for_the_log_and_erasures_are_sent() -> None:
    built, wire = Kept(), Log()
    alone = Alone(built, PLACES, wire.ends, wire)
    rows = [effect(0), sent_on("a"), effect(1, topic=INPUTS), sent_on("b", ERASURES), sent_on("c")]
    await built.write(0, 2, *rows)
    await built.write(LEARNER, 1, sent_on("body", POPULATIONS), sent_on("note"))
    await alone.look()
    assert names(wire.sent) == ["a", "b", "c"]
    assert (await built.rows(), await built.rows(LEARNER)) == ([], [])
    assert (alone.sent, alone.dropped) == (3, 4)


async def test_alone_what_kafka_did_not_take_stays_and_is_sent_later() -> None:
    built, wire = Kept(), Log(may_take=1)
    alone = Alone(built, PLACES, wire.ends, wire)
    await built.write(0, 2, effect(0), sent_on("a"), effect(1), sent_on("b"), effect(2))
    await alone.look()
    assert names(await built.rows()) == ["b", *names([effect(2)])]
    await alone.look()
    assert names(wire.sent) == ["a", "b"]
    assert (await built.rows(), alone.dropped) == ([], 3)


async def test_alone_it_may_serve_at_the_end_once_all_that_was_sent_back_is_folded() -> None:
    built, log = Kept(), Log(end=2)
    alone = Alone(built, PLACES, log.ends, log)
    await built.write(0, 2)
    assert not (await alone.look()).caught_up  # nobody has asked yet where the log ends
    assert (await alone.look()).caught_up
    await built.write(0, 2, sent_on("a"))
    assert not (await alone.look()).caught_up
    assert not (await alone.look()).caught_up
    await built.write(0, 3, effect(2))
    assert not (await alone.look()).caught_up
    assert (await alone.look()).caught_up


# The longest memory.


def test_the_longest_memory_changes_nothing_else_and_is_the_longest() -> None:
    policy = policy_from_preset(
        "fashion",
        business={
            "exchange_rates": [{"currency": "EUR", "valid_from": "2024-01-01", "rate": "1.1"}]
        },
        rfm={"published": ["quintile", "braze"]},
    )
    remembering = policy_from_toml(remembering_policy(policy))
    most_of = dict(zip(("remembered_days", "remembered_events"), MOST_REMEMBERED, strict=True))
    assert remembering.time.model_dump(include=set(most_of)) == most_of
    short = {"time": policy.time}
    assert remembering.model_copy(update=short) == policy
    for name, most in most_of.items():
        with pytest.raises(PolicyError):
            policy_from_preset("general", time={name: most + 1})
