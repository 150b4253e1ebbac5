"""The log that the parts of the fold are timed on: real purchases, with the ticks and populations between them.

The purchases go through a whole loop in memory first (streams/loop.py), which writes a tick each day and learns the
populations; what has come of it is kept as it would stand in four partitions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from models.events import LogRecord
from models.policy import Policy
from models.population import Population
from streams.loop import replayed
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
