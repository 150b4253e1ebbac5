"""A shop's customers as they stand when a bench begins, and the purchases that come then.

Some thousands of customers buy three times each on average over six weeks or so. That is folded in memory
(streams/loop.py) with a tick each day, and populations learned each week. `settle` writes as many customers
into a store as are asked for, each with the history of one of those, through the store's contract
alone: state, deadline, segments, and all of them counted in the partitions' sketches. The worker then goes on from
there, as if it had folded everything itself. Purchases that come are a tenth of a second apart.

    LEAN   lifecycle, RFM, clusters, risk and value: no rules, no labels of what is bought
    FULL   thirty rule segments as well, and all labels
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from bench.purchases import PARTITIONS, purchase
from bench.rules_usual import usual_rules
from models.codec import decode_held, encode_state
from models.customer import CustomerState
from models.policy import Policy, policy_from_toml
from models.population import Population, encode_population
from models.sample import sampled
from models.segments import segments_by_kind
from models.sketch import Sketch
from streams.collecting import collected_rarely
from streams.log import TopicFacts
from streams.loop import Loop, replay
from streams.partitioner import partition_of
from streams.sources import SourceRecord
from streams.store import MAX_CUSTOMERS, Change, CustomerWrite, Meta, Store, new_nonce

SEED = 7
FOLDED = 5_000  # customers whose past is folded; others have the same pasts again
PURCHASES_EACH = 3
DAYS = 42
BEGAN = datetime(2024, 3, 4, tzinfo=UTC)  # a Monday
APART_S = 0.1
RULES = 30
#: the policy with most switched off
LEAN = """\
preset = "general"
[behaviour]
kept = []
"""
Customers = Iterable[tuple[str, CustomerState]]


def full() -> str:
    """The policy with everything on, and every third of the usual rules that read no other segment."""
    rules = {name: when for name, when in usual_rules().items() if "segment[" not in when}
    chosen = list(rules.items())[::3][:RULES]
    tables = (f"[segments.{name}]\nwhen = '{when}'\n" for name, when in chosen)
    return 'preset = "general"\n' + "".join(tables)


class Town(NamedTuple):
    """Customers with histories.

    Attributes:
        policy: that they were folded under.
        states: of those who were folded, in a random order.
        meta: of a partition, but for the log that it is of.
        population: the newest.
    """

    policy: Policy
    states: Sequence[CustomerState]
    meta: Meta
    population: Population

    def customers(self, count: int) -> Iterator[tuple[str, CustomerState]]:
        """So many of them."""
        for number in range(count):
            yield f"c{number}", self.states[number % len(self.states)]


def lived(toml: str, customers: int = FOLDED, days: int = DAYS) -> Town:
    """Let customers live for so many days; blocks, half a millisecond a purchase or so."""
    policy, loop = policy_from_toml(toml), Loop(policy_from_toml(toml), PARTITIONS)
    last_day = (BEGAN + timedelta(days=days - 1)).toordinal()
    with collected_rarely():
        asyncio.run(replay(loop, _past(customers, days), last_day))
    meta = asyncio.run(loop.store.load(0, ())).meta
    held = (decode_held(each) for each in asyncio.run(loop.states()).values())
    states = [each for each in held if isinstance(each, CustomerState)]
    random.Random(SEED).shuffle(states)
    return Town(policy, states, meta, loop.populations[-1])


def _past(customers: int, days: int) -> Iterator[SourceRecord]:
    draw = random.Random(SEED)
    span_s = days * 86_400
    moments = sorted(draw.uniform(0, span_s) for _ in range(PURCHASES_EACH * customers))
    for number, after_s in enumerate(moments):
        at, buyer = BEGAN + timedelta(seconds=after_s), draw.randrange(customers)
        yield purchase(f"c{buyer}", at, f"p{number}", draw.randrange(500, 20_000))


def to_come(customers: int, purchases: int, days: int = DAYS) -> list[SourceRecord]:
    """What they buy from one o'clock on, after those days."""
    draw = random.Random(SEED + 1)
    begins = BEGAN + timedelta(days=days, hours=1)
    return [
        purchase(
            f"c{draw.randrange(customers)}",
            begins + timedelta(seconds=APART_S * number),
            f"e{number}",
            draw.randrange(500, 20_000),
        )
        for number in range(purchases)
    ]


async def settle(store: Store, town: Town, customers: Customers, log: TopicFacts) -> None:
    """Write customers into an empty store, whose log is empty or not read yet.

    Raises:
        StoreUnavailable: the store is half written.
    """
    population = encode_population(town.population)
    waiting: dict[int, dict[str, CustomerWrite]] = {each: {} for each in range(PARTITIONS)}
    sketches = {each: Sketch() for each in waiting}
    meta = town.meta._replace(offset=0, topic_id=log.topic_id, partitions=log.partitions)
    metas = dict.fromkeys(waiting, Meta())
    known: dict[tuple[int, int], bytes] = {}

    async def write(partition: int, change: Change) -> None:
        assert await store.apply(partition, metas[partition], change)
        metas[partition] = change.meta
        waiting[partition] = {}

    for customer_id, state in customers:
        place = partition_of(customer_id, PARTITIONS)
        waiting[place][customer_id] = _entered(customer_id, state, sketches[place], known)
        if len(waiting[place]) == MAX_CUSTOMERS:
            await write(place, Change(meta._replace(nonce=new_nonce()), waiting[place], ()))
    for place, sketch in sketches.items():
        last = meta._replace(nonce=new_nonce())
        change = Change(last, waiting[place], (), sketch.take_changes(), population)
        await write(place, change)


def _entered(
    customer_id: str, state: CustomerState, sketch: Sketch, known: dict[tuple[int, int], bytes]
) -> CustomerWrite:
    """A customer who was not there before, counted in the sketch.

    `known`: encoded, by state and by the micro-cluster that it was put into: many have the same past.
    """
    made, whose = state.contribution, (id(state), 0)
    if made is not None:
        row = sampled(state.current, made.first_day, made.behaviour)
        placed = sketch.renew(customer_id, None, made._replace(slot=0), row)
        state = state._replace(contribution=placed)
        whose = (whose[0], placed.slot if placed is not None else 0)
    if whose not in known:
        known[whose] = encode_state(state)
    segments = list(segments_by_kind(customer_id, state).values())
    return CustomerWrite(known[whose], state.next_deadline_ms, (), segments)


async def begin_at(store: Store, offsets: Mapping[int, int], log: TopicFacts) -> None:
    """Have each partition go on from this offset of the log, whatever was folded before."""
    for partition, offset in offsets.items():
        meta = (await store.load(partition, ())).meta
        new = meta._replace(
            offset=offset, nonce=new_nonce(), topic_id=log.topic_id, partitions=log.partitions
        )
        assert await store.apply(partition, meta, Change(new, {}, ()))
