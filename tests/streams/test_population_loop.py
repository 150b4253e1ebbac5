"""The whole loop over real purchases: the same whatever the partitions, and exact.

Some households of Complete Journey and some customers of CDNOW, for a few months each.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from itertools import takewhile
from typing import NamedTuple

import pytest

from models.codec import decode_state
from models.customer import CustomerState
from models.experience import Lesson
from models.membership import CLUSTER
from models.policy import Policy, policy_from_preset
from models.population import Population, decode_population, learned
from models.sketch import Contribution, Sketch, merged
from streams.chunk import LogIdentity
from streams.datasets import DATASETS
from streams.learning import LearnerFold
from streams.loop import Loop, no_records, replayed
from streams.memory_store import MemoryStore
from streams.partition import Batch
from streams.sources import SourceRecord
from streams.store import LEARNER, OutboxRow, Store
from streams.topics import CHANGES, POPULATIONS
from tests.streams.drawn import Crash, crashing, finished

DAY_MS = 86_400_000


class Slice(NamedTuple):
    """A part of a data set: every so manieth customer, for so many days."""

    dataset: str
    preset: str
    one_in: int
    days: int

    @property
    def policy(self) -> Policy:
        return policy_from_preset(self.preset, clusters={"k": 4})  # to choose k takes long


JOURNEY = Slice("complete-journey", "grocery", one_in=12, days=84)
CDNOW = Slice("cdnow", "general", one_in=48, days=126)
both = pytest.mark.parametrize("part", [JOURNEY, CDNOW], ids=["complete-journey", "cdnow"])


@cache
def records(part: Slice) -> list[SourceRecord]:
    """Profiles and purchases in order."""
    everything = DATASETS[part.dataset].read()
    first = next(everything)
    until_ms = first.occurred_at_ms // DAY_MS * DAY_MS + part.days * DAY_MS
    found = [first, *takewhile(lambda each: each.occurred_at_ms < until_ms, everything)]
    return [each for each in found if not int(each.customer_id) % part.one_in]


def run(part: Slice, partitions: int) -> Loop:
    return replayed(part.policy, partitions, records(part))


@cache
def known_run(part: Slice, partitions: int) -> Loop:
    """Looked at by several tests."""
    return run(part, partitions)


def states(loop: Loop) -> dict[str, bytes]:
    return asyncio.run(loop.states())


def sketches(loop: Loop) -> list[dict[str, bytes]]:
    return [each.slots() for each in asyncio.run(loop.sketches())]


CLUSTER_CHANGED = b"cluster.changed"


def told(loop: Loop, *leave_out: bytes) -> dict[str, list[bytes]]:
    """Ids of the effects in their order, customer by customer; those of some types left out."""
    assert {row.topic for row in loop.effects} == {CHANGES}
    found: defaultdict[str, list[tuple[int, bytes]]] = defaultdict(list)
    for body, row in ((json.loads(row.value or b""), row) for row in loop.effects):
        headers = dict(row.headers)
        if headers["ce_type"] not in leave_out:
            found[body["customer_id"]].append((body["sequence"], headers["ce_id"]))
    return {customer_id: [id_ for _, id_ in sorted(each)] for customer_id, each in found.items()}


def apart_from_clusters(loop: Loop) -> dict[str, CustomerState]:
    """States without what depends on who shares a partition, or how often that was announced."""
    found = {}
    for customer_id, packed in states(loop).items():
        state = decode_state(packed)
        groups = {kind: group for kind, group in state.groups.items() if kind != CLUSTER}
        contribution = state.contribution and state.contribution._replace(slot=0)
        found[customer_id] = state._replace(sequence=0, groups=groups, contribution=contribution)
    return found


@both
def test_two_runs_over_one_log_agree_in_every_byte(part: Slice) -> None:
    one, other = known_run(part, 4), run(part, 4)
    assert one.populations == other.populations
    assert one.effects == other.effects
    assert states(one) == states(other)
    assert sketches(one) == sketches(other)
    assert [each.value for each in one.inputs] == [each.value for each in other.inputs]


def apart(population: Population) -> Population:
    """Without clusters."""
    measured = population.measured._replace(clusters_drifted_day=None)
    return population._replace(clusters=None, measured=measured)


@both
@pytest.mark.parametrize("partitions", [1, 16])
def test_any_number_of_partitions_gives_the_same_but_for_clusters_which_are_alike(
    part: Slice, partitions: int
) -> None:
    four, other = known_run(part, 4), run(part, partitions)
    assert [apart(each) for each in other.populations] == [apart(each) for each in four.populations]
    assert apart_from_clusters(other) == apart_from_clusters(four)
    assert told(other, CLUSTER_CHANGED) == told(four, CLUSTER_CHANGED)
    total, total_of_four = (merged(asyncio.run(loop.sketches())).slots() for loop in (other, four))
    assert total == total_of_four


@both
def test_a_population_is_learned_every_week_and_moves_customers(part: Slice) -> None:
    loop = known_run(part, 4)
    assert [each.version for each in loop.populations] == list(range(1, len(loop.populations) + 1))
    days = [each.as_of_day for each in loop.populations]
    assert days == list(range(days[0], days[0] + 7 * len(days), 7))
    assert len(days) >= part.days // 7
    assert {day % 7 for day in days} == {1}  # Mondays
    assert {each.stale_partitions for each in loop.populations} == {()}
    kinds = {
        (dict(row.headers)["ce_type"], json.loads(row.value or b"")["reason"])
        for row in loop.effects
    }
    assert {(b"rfm.changed", why) for why in ("purchase", "silence", "population_updated")} <= kinds
    learned_kinds = {kind for kind, _ in kinds}
    assert {CLUSTER_CHANGED, b"value_tier.changed", b"risk.changed"} <= learned_kinds


class Shopper:
    """A customer's purchases until now, added up in the plainest way."""

    def __init__(self) -> None:
        self.days: set[int] = set()
        self.spend_minor = 0

    def contribution(self) -> Contribution:
        return Contribution(0, min(self.days), max(self.days), len(self.days), self.spend_minor)


def counted_by_hand(part: Slice, as_of_days: list[int]) -> list[Population]:
    """The populations of these midnights, learned of purchases added up without any of the loop."""
    shoppers: defaultdict[str, Shopper] = defaultdict(Shopper)
    purchases = [each for each in records(part) if each.kind == "purchase"]
    found: list[Population] = []
    for version, as_of_day in enumerate(as_of_days, start=1):
        while purchases and (day := day_of(purchases[0])) < as_of_day:
            record = purchases.pop(0)
            shopper = shoppers[record.customer_id]
            shopper.days.add(day)
            shopper.spend_minor += json.loads(record.value)["amount_minor"]
        sketch = Sketch()
        for customer_id, shopper in shoppers.items():
            sketch.renew(customer_id, None, shopper.contribution())
        found.append(learned(sketch, version, as_of_day))
    return found


def day_of(record: SourceRecord) -> int:
    return datetime.fromtimestamp(record.occurred_at_ms / 1000, UTC).toordinal()


@both
def test_each_population_is_that_of_all_purchases_before_its_midnight(part: Slice) -> None:
    found = known_run(part, 4).populations
    nothing_learned = {name: Population._field_defaults[name] for name in Lesson._fields}
    counted = [each._replace(**nothing_learned) for each in found]
    assert counted == counted_by_hand(part, [each.as_of_day for each in found])


def learner_of(loop: Loop, store: Store, nonces: list[int]) -> LearnerFold:
    def new_nonce() -> bytes:
        nonces.append(0)
        return b"%d" % len(nonces)

    identity = LogIdentity("loop", "", loop.partitions, 0)
    return LearnerFold(identity, loop.policy, store, no_records, new_nonce)


def rows_learned(loop: Loop, plan: dict[int, bool]) -> tuple[list[OutboxRow], int]:
    """What leaves a learner that dies by plan, see `crashing`; and how often it died."""
    store = MemoryStore(lambda: 0)
    doomed = crashing(store, plan)
    nonces: list[int] = []
    begun = 0
    while (offset := finished(store.load(LEARNER, [])).meta.offset) < len(loop.inputs):
        begun += 1
        with suppress(Crash):
            batch = Batch(offset, len(loop.inputs), loop.inputs[offset:])
            assert finished(learner_of(loop, doomed, nonces).handle(batch)) is None
    return [row for _, row in finished(store.outbox(LEARNER, 10**6))], begun - 1


@both
def test_a_learner_that_dies_five_times_publishes_each_population_once(part: Slice) -> None:
    loop = known_run(part, 4)
    undisturbed, _ = rows_learned(loop, {})
    plan = {5: True, 21: False, 40: True, 43: False, 90: True}
    rows, deaths = rows_learned(loop, plan)
    assert deaths == 5
    assert rows == undisturbed
    bodies = [decode_population(row.value or b"") for row in rows if row.topic == POPULATIONS]
    assert bodies == loop.populations
    assert len(rows) == len(bodies) * (1 + loop.partitions)


def test_the_learner_of_another_installation_learns_nothing_from_these_inputs() -> None:
    loop = known_run(JOURNEY, 4)
    identity = LogIdentity("another", "", loop.partitions, 0)
    store = MemoryStore(lambda: 0)
    learner = LearnerFold(identity, loop.policy, store, no_records, lambda: b"")
    assert finished(learner.handle(Batch(0, len(loop.inputs), loop.inputs))) is None
    assert learner.tally == {"others": len(loop.inputs), "populations": 0}
    assert finished(store.outbox(LEARNER, 10)) == []
