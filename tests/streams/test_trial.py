"""Policies side by side come to what each comes to alone; a body is read once; memory stays."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cache

from models.barrier import Barrier
from models.calendar import start_of_day_ms
from models.codec import decode_state
from models.events import EVENT_ID, LogRecord, Read
from models.learner import Learner, Step, arrived
from models.policy import Policy, policy_from_preset
from models.segments import segments_of
from streams.alert_notices import Notice, Raised
from streams.loop import BATCH, Loop
from streams.sources import SourceRecord
from streams.topics import LOG
from streams.trial import Here, Morning, Stand, Trial
from streams.trial_shared import SharedLearning, SharedReading
from tests.streams.shoppers_file import bought_by, shoppers

ALERTS = {"rules": {"overdue": {"on": "customer.overdue", "cool_down_days": 0}}}
EVENTS = 450


def policy(**lifecycle: object) -> Policy:
    return policy_from_preset("grocery", alerts=ALERTS, lifecycle=lifecycle, clusters={"k": 4})


A, B = policy(), policy(overdue={"cycles": 1, "min_days": 5}, new_days=10)


async def tried(policies: Sequence[Policy]) -> tuple[Here, list[list[Morning]]]:
    group, seen = Here(policies), list[list[Morning]]()
    trial = Trial(policies, [group])

    async def look(day: int) -> bool:
        seen.append(await trial.mornings(day))
        return True

    await trial.run(list(shoppers())[:EVENTS], look)
    return group, seen


@cache
def both() -> tuple[Here, list[list[Morning]]]:
    return asyncio.run(tried([A, B]))


def alone(rules: Policy) -> dict[str, bytes]:
    async def lived() -> dict[str, bytes]:
        loop = Loop(rules, 1)

        async def midnight(day: int) -> None:
            await loop.tick(start_of_day_ms(day, rules.timezone))

        last = await loop.replay(list(shoppers())[:EVENTS], midnight)
        assert last is not None
        await midnight(last + 1)
        return await loop.states()

    return asyncio.run(lived())


def test_each_policy_comes_to_the_same_states_as_alone() -> None:
    trial, _ = both()
    states = [asyncio.run(each.loop.states()) for each in trial.sides]
    assert states == [alone(A), alone(B)]
    assert states[0] != states[1]


def test_sizes_are_those_counted_from_the_states() -> None:
    trial, seen = both()
    for side, last in zip(trial.sides, seen[-1], strict=True):
        counted: dict[str, int] = {}
        for packed in asyncio.run(side.loop.states()).values():
            for segment in segments_of(decode_state(packed)):
                counted[segment] = counted.get(segment, 0) + 1
        assert last.sizes == counted
        assert len(counted) > 10


def test_alerts_come_on_the_mornings_after_they_were_raised() -> None:
    _, seen = both()
    a, b = (
        [each for morning in seen for each in raised(morning[policy].notices)] for policy in (0, 1)
    )
    assert len(b) > len(a) > 0
    assert len(set(b)) == len(b)


def raised(notices: Sequence[Notice]) -> list[str]:
    return [each.record.alert_id for each in notices if isinstance(each, Raised)]


def test_nothing_that_has_been_looked_at_is_kept() -> None:
    trial, _ = both()
    for side in trial.sides:
        assert side.loop.effects == []
        assert side.loop.log == [[]]
        assert len(side.loop.populations) == 1


def test_a_look_that_has_seen_enough_ends_it() -> None:
    async def first_week() -> Trial:
        trial, seen = Trial([A]), list[int]()

        async def look(day: int) -> bool:
            seen.append(day)
            await trial.mornings(day)
            return len(seen) < 7

        await trial.run(shoppers(), look)
        assert len(seen) == 7
        return trial

    assert 0 < asyncio.run(first_week()).events < EVENTS


def test_what_can_not_be_used_is_counted() -> None:
    strange = SourceRecord("purchase", "c1", 1_700_000_000_000, b"{}")

    async def one() -> list[Stand]:
        trial = Trial([A, B])

        async def look(day: int) -> bool:
            await trial.mornings(day)
            return True

        await trial.run([strange], look)
        return await trial.stands()

    found = [each.unusable for each in asyncio.run(one())]
    assert found == [{"invalid": 1}, {"invalid": 1}]


def in_log(offset: int, value: bytes, **headers: bytes) -> LogRecord:
    return LogRecord(0, offset, 1_800_000_000_000, None, value, {"kind": b"purchase", **headers})


def test_a_body_with_an_id_is_read_once() -> None:
    read, value = SharedReading(), bought_by("ada", 1_700_000_000_000, 500).value
    first = read(in_log(1, value), LOG)
    assert isinstance(first, Read)
    assert read(in_log(9, value), LOG) is first


def test_what_depends_on_its_place_is_read_each_time() -> None:
    read, value = SharedReading(), bought_by("ada", 1_700_000_000_000, 500).value
    nameless = value.replace(b'"event_id": "ada/1700000000000", ', b"")
    one, other = (read(in_log(offset, nameless), LOG) for offset in (1, 2))
    sent_on = read(in_log(3, nameless, **{EVENT_ID: b"elsewhere"}), LOG)
    assert isinstance(one, Read)
    assert isinstance(other, Read)
    assert isinstance(sent_on, Read)
    assert len({one.event_id, other.event_id, sent_on.event_id}) == 3


def test_only_the_newest_bodies_are_kept() -> None:
    read = SharedReading()
    values = [bought_by(f"c{n}", 1_700_000_000_000, 500).value for n in range(3 * BATCH)]
    firsts = [read(in_log(n, value), LOG) for n, value in enumerate(values)]
    assert read(in_log(0, values[-1]), LOG) is firsts[-1]
    assert read(in_log(0, values[0]), LOG) is not firsts[0]


def test_policies_that_differ_in_alerts_alone_learn_once() -> None:
    learned_under: list[Policy] = []

    def learn(learner: Learner, barrier: Barrier, rules: Policy) -> Step:
        learned_under.append(rules)
        return arrived(learner, barrier, rules)

    shared, barriers = SharedLearning(learn), [Barrier(0, 1, day, {}) for day in (738_893, 738_900)]
    unalerted = policy_from_preset("grocery", clusters={"k": 4})
    learners = [Learner(), Learner(), Learner()]
    for barrier in barriers:
        steps = [
            shared(*each) for each in zip(learners, [barrier] * 3, [A, unalerted, B], strict=True)
        ]
        assert steps[0] is steps[1]
        assert [each.learner.as_of_day for each in steps] == [barrier.as_of_day] * 3
        learners = [each.learner for each in steps]
    assert learned_under == [A, B, A, B]


def test_who_learns_with_others_comes_to_the_same_as_alone() -> None:
    unalerted = policy_from_preset("grocery", clusters={"k": 4})
    trial, _ = asyncio.run(tried([A, unalerted]))
    assert asyncio.run(trial.sides[1].loop.states()) == alone(unalerted)
