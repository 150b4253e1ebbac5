"""The log of the throughput bench: purchases, ticks and populations where live ones would stand.

The purchases go through a whole loop in memory first (streams/loop.py), which learns the
populations. `publish` then writes a real log: purchases and daily ticks by the replay's publisher,
and each population behind the tick that ended its epoch, as its learner would have. So a worker
that reads this log as fast as it can does all that a live one does for the same purchases.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from models.events import LogRecord
from models.policy import Policy
from models.population import Population
from streams.loop import replayed
from streams.messages import Source, population_rows
from streams.outbox import KafkaSender
from streams.replay import Publisher
from streams.sources import SourceRecord


class Lived(NamedTuple):
    """A log in memory.

    Attributes:
        purchases: in order.
        records: all of them, partition by partition.
        populations: oldest first.
    """

    purchases: Sequence[SourceRecord]
    records: Sequence[Sequence[LogRecord]]
    populations: Sequence[Population]

    @property
    def ends(self) -> list[int]:
        """Where each partition ends."""
        return [len(each) for each in self.records]


def lived(purchases: Sequence[SourceRecord], policy: Policy, partitions: int) -> Lived:
    """The log that an installation has after these purchases."""
    loop = replayed(policy, partitions, purchases)
    return Lived(purchases, loop.log, loop.populations)


def publish(servers: str, log: Lived, policy: Policy) -> None:
    """Write it to a broker whose topics are there and empty; blocks."""
    partitions, waiting = len(log.records), list(log.populations)
    publisher, sender = Publisher(servers, partitions, policy.timezone), KafkaSender(servers)

    def new_day(day: int) -> None:
        while waiting and waiting[0].as_of_day <= day:
            publisher.flush()
            source = Source("bench", 0, 0, policy.version)
            rows = population_rows(waiting.pop(0), partitions, source)
            assert sender.send(rows) == len(rows)

    publisher.publish(log.purchases, 0.0, lambda _: None, new_day)
    publisher.close()
    sender.close()
