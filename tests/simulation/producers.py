"""What producers and owners write into the log of a run, drawn record by record.

A new kind of record is one function here, and its weight in `KINDS`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from models.calendar import day_of
from models.events import (
    LogRecord,
    encode_policy_published,
    encode_population_learned,
    encode_tick,
)
from models.population import epoch_end
from streams.learning import give_up_message
from streams.partitioner import partition_of
from streams.store import LEARNER
from tests.simulation.world import NAMESPACE, World
from tests.streams.drawn import POISON, populations
from tests.streams.logbook import DAY_MS, HOUR_MS, POLICY, rfc3339

CUSTOMERS = 3
VERSIONS = 2  # of the population
# Days that cross the limits of `POLICY`: overdue, dormant, churned; mostly a few hours.
PAUSES_H = (0, 0, 1, 1, 5, 5, 24, 24, 3 * 24, 7 * 24, 13 * 24, 26 * 24, 64 * 24)


class Pen:
    """Writes records into a world.

    Args:
        rng: the run's.
        world: with the log.
        records: how many to write.
        kinds: functions of this module, each with its weight.
    """

    def __init__(self, rng: Random, world: World, records: int, kinds: Mapping[Kind, int]) -> None:
        self.rng, self.world = rng, world
        self.left = records
        self._kinds, self._weights = list(kinds), list(kinds.values())
        self._customers = [f"c{rng.randrange(1_000)}" for _ in range(CUSTOMERS)]

    def write(self) -> None:
        """One record more, some time after the last one."""
        self.left -= 1
        self.world.now_ms += self.rng.choice(PAUSES_H) * HOUR_MS
        (kind,) = self.rng.choices(self._kinds, self._weights)
        kind(self)

    def customer(self) -> str:
        """Somebody."""
        return self.rng.choice(self._customers)

    def partition(self) -> int:
        """Anywhere."""
        return self.rng.randrange(self.world.partitions)

    def event(
        self,
        kind: str,
        ago_ms: int = 0,
        customer_id: str | None = None,
        partition: int | None = None,
        **fields: Any,
    ) -> None:
        """An event of a customer; in the customer's own partition unless told otherwise."""
        who = customer_id or self.customer()
        body = {
            "customer_id": who,
            "occurred_at": rfc3339(self.world.now_ms - ago_ms),
            "event_id": self.rng.choice((None, f"e{self.left}")),
            **fields,
        }
        place = partition_of(who, self.world.partitions) if partition is None else partition
        self.world.write(place, who.encode(), json.dumps(body).encode(), kind)

    def spend(self) -> dict[str, Any]:
        """The fields of a purchase."""
        amount = self.rng.choice((500, 1_000, 2_500, 9_000))
        return {"amount_minor": amount, "currency": "USD", "order_id": f"o{self.left}"}

    def record(self) -> LogRecord | None:
        """Any record written so far."""
        logs = [log for place, log in self.world.logs.items() if place != LEARNER]
        records: Sequence[LogRecord] = self.rng.choice(logs).records
        return self.rng.choice(records) if records else None


Kind = Callable[[Pen], None]


def purchase(pen: Pen) -> None:
    """Ten dollars, or so."""
    pen.event("purchase", **pen.spend())


def late(pen: Pen) -> None:
    """A purchase of days ago; some are too late."""
    pen.event("purchase", pen.rng.randrange(30) * DAY_MS, **pen.spend())


def refund(pen: Pen) -> None:
    """Of a recent order, whoever placed it."""
    order = f"o{pen.left + pen.rng.randint(1, 8)}"
    pen.event("refund", **{**pen.spend(), "order_id": order})


def profile(pen: Pen) -> None:
    """Something that is known of a person; perhaps for which company they buy."""
    name = pen.rng.choice(("a0", "a1", "a2", "account_id"))
    pen.event("profile", attributes={name: pen.rng.randrange(5 if name != "account_id" else 2)})


def engagement(pen: Pen) -> None:
    """Somebody came by, and perhaps said how they like it."""
    kind = pen.rng.choice(("visit", "survey"))
    ago_ms = pen.rng.choice((0, 2 * DAY_MS))
    pen.event("engagement", ago_ms, type=kind, score=pen.rng.choice((None, 1, 5)))


def erasure(pen: Pen) -> None:
    """The person asked to be forgotten."""
    pen.event("erasure")


def merge(pen: Pen) -> None:
    """Two ids name one person, or so somebody says; both ways, in a ring, and with themselves."""
    pen.event("merge", into=pen.customer())


def astray(pen: Pen) -> None:
    """In a partition that another client's partitioner chose."""
    pen.event("purchase", partition=pen.partition(), **pen.spend())


def again(pen: Pen) -> None:
    """A record that its producer sends twice."""
    record = pen.record()
    if record is not None:
        pen.world.logs[record.partition].append(
            pen.world.now_ms, record.key, record.value, dict(record.headers)
        )


def future(pen: Pen) -> None:
    """From a producer whose clock is wrong."""
    pen.event("purchase", -DAY_MS, **pen.spend())


def poison(pen: Pen) -> None:
    """Bytes that nobody understands."""
    pen.world.write(pen.partition(), b"c1", pen.rng.choice(POISON), "purchase")


def tombstone(pen: Pen) -> None:
    """A record without a value."""
    pen.world.write(pen.partition(), b"c1", None, "purchase")


def tick(pen: Pen) -> None:
    """The owners say how late it is; the source may run behind."""
    at_ms = pen.world.now_ms - pen.rng.choice((0, 0, HOUR_MS, 2 * DAY_MS))
    for partition in range(pen.world.partitions):
        pen.world.write(partition, None, encode_tick(at_ms), "tick")


def population(pen: Pen) -> None:
    """The learner says what is typical now; in any order, perhaps again."""
    new = populations(pen.rng.randrange(VERSIONS))
    note = encode_population_learned(new.version, pen.world.publish(new))
    pen.world.write(pen.partition(), None, note, "population")


def policy(pen: Pen) -> None:
    """Somebody publishes other rules; perhaps not everywhere, in any order, perhaps again."""
    rng, world = pen.rng, pen.world
    new = world.publish_policy(rng.randint(1, 4), rng.randrange(4), silent=rng.random() < 0.3)
    note = encode_policy_published(new.number, new.digest)
    for partition in range(rng.randint(1, world.partitions)):
        world.write(partition, None, note, "policy")


def give_up(pen: Pen) -> None:
    """A partition that has not reached the end of an epoch is not waited for any longer."""
    today = day_of(pen.world.now_ms, POLICY.timezone)
    value, headers = give_up_message(NAMESPACE, epoch_end(today, POLICY))
    pen.world.logs[LEARNER].append(pen.world.now_ms, None, value, headers)


KINDS: Mapping[Kind, int] = {
    purchase: 12,
    tick: 6,
    late: 3,
    refund: 2,
    again: 2,
    population: 1,
    profile: 3,
    engagement: 1,
    policy: 1,
    erasure: 2,
    merge: 1,
    astray: 2,
    future: 1,
    poison: 1,
    tombstone: 1,
}
LEARNING_KINDS: Mapping[Kind, int] = {**KINDS, population: 0, give_up: 1}
