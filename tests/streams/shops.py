"""A lane with its meter: what is folded is told; and a log with some of everything."""

from __future__ import annotations

from collections import Counter

from streams.lane import Lane
from streams.metrics_store import timed
from streams.metrics_worker import WorkerMeter
from streams.partition import PartitionFold
from tests.streams.lanes import FakeFetch, Store, until
from tests.streams.logbook import ASTRAY, CUSTOMERS, DAY_MS, PARTITION, START_MS, Logbook, fold_of


class Shop:
    """A lane with its meter and a store; whatever is put is folded."""

    def __init__(self, store: Store | None = None) -> None:
        self.store, self.meter = store or Store(), WorkerMeter()
        self.crashes: list[BaseException] = []
        self.read_again = 0
        self.lane: Lane[PartitionFold] = Lane(self._read_again, self._crash, self.meter.log)

    async def _read_again(self) -> None:
        self.read_again += 1

    async def _crash(self, error: BaseException) -> None:
        self.crashes.append(error)

    def open(self, log: Logbook) -> None:
        self.lane.open(PARTITION, fold_of(log, timed(self.store, self.meter.store_s)))

    async def fold(self, log: Logbook) -> None:
        self.open(log)
        await self.put(FakeFetch(log.records))

    async def put(self, *fetches: FakeFetch) -> None:
        for fetch in fetches:
            await self.lane.put(fetch)
        await until(lambda: self.lane.idle(PARTITION))
        assert self.crashes == []

    def value(self, name: str, **labels: str) -> float | None:
        return self.meter.registry.get_sample_value(name, labels)


def a_mixed_log() -> Logbook:
    """Some of everything that a record may be."""
    log = Logbook()
    log.purchase(CUSTOMERS[0], START_MS, event_id="e1")
    log.purchase(CUSTOMERS[0], START_MS, event_id="e1")
    log.purchase(CUSTOMERS[1], START_MS + 1)
    log.purchase(ASTRAY, START_MS + 2)
    log.append(b"\xff", START_MS + 3, key=CUSTOMERS[2])
    log.append(b"{", START_MS + 3, key=CUSTOMERS[2])
    log.append(None, START_MS + 4)
    log.tick(START_MS + 20 * DAY_MS)
    return log


class Tally:
    """As much of a fold as is told."""

    def __init__(self, **tally: int) -> None:
        self.tally = Counter(tally)
