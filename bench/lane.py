"""What the lane costs by itself: both lanes read the same log in turns, and folds do nothing.

A real Apache Kafka on loopback, one partition, records of one size. From the first batch handed to a fold to the
last one, CPU time of this process, all threads, by record: aiokafka's fetching and parsing, Faust, and
the lane. The first batch is held for some seconds, and what the process then has in memory is noted: all that
may wait while the rest of the log stands before it.
docs/lane.md tells how to read it.

    python -m bench.lane [--records N] [--bytes N] [--rounds N]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import NamedTuple

from kafka import KafkaProducer

from streams.brokers import Brokers
from streams.collecting import collect_rarely
from streams.local import LocalServerError
from streams.log import LogInspector
from streams.partition import Batch
from streams.settings import Settings
from streams.topics import LOG, TOPICS
from tests.kafka.lane_app import LaneApp, running
from tests.real_parts import KAFKA
from tests.support.apache_kafka import ApacheKafka

PATIENCE_S = 600.0
HOLD_S = 3.0  # the first batch: until nothing more is fetched
HEADERS = [("kind", b"purchase")]


class Read(NamedTuple):
    """One reading of the log.

    Attributes:
        cpu_us: of the process, for one record.
        wall_us: likewise, by the clock.
        batches: that were handed over.
        held_mb: resident, while the first batch was held.
    """

    cpu_us: float
    wall_us: float
    batches: int
    held_mb: float


class Nothing:
    """A fold that does nothing; the first batch starts the clocks, the end stops them.

    Args:
        records: that the log holds.
    """

    def __init__(self, records: int) -> None:
        self.tally: Counter[str] = Counter()
        self.store_offset = self._began_at = self._batches = 0
        self._records, self._held_mb = records, 0.0
        self._clocks = (0.0, 0.0)
        self.done: asyncio.Future[Read] = asyncio.get_running_loop().create_future()

    async def handle(self, batch: Batch) -> None:
        """Note how far it is."""
        self._batches += 1
        self.store_offset = batch.next_offset
        if self._batches == 1:
            await asyncio.sleep(HOLD_S)
            self._held_mb = memory_mb()
            self._clocks, self._began_at = (
                (time.process_time(), time.monotonic()),
                self.store_offset,
            )
        elif self.store_offset == self._records:
            cpu_s, wall_s = (
                time.process_time() - self._clocks[0],
                time.monotonic() - self._clocks[1],
            )
            each_us = 1e6 / (self._records - self._began_at)
            read = Read(cpu_s * each_us, wall_s * each_us, self._batches, self._held_mb)
            self.done.set_result(read)


async def read_once(settings: Settings, records: int) -> Read:
    """The whole log through one lane."""
    fold = Nothing(records)
    async with running(LaneApp(settings, lambda _: fold)):
        async with asyncio.timeout(PATIENCE_S):
            return await fold.done


def write(servers: str, records: int, size: int) -> None:
    """The log; blocks."""
    LogInspector(Brokers(servers)).create(TOPICS, 1, 1)
    with closing(KafkaProducer(bootstrap_servers=servers)) as producer:
        for number in range(records):
            producer.send(LOG, b"x" * size, b"c%d" % number, HEADERS, partition=0)


def memory_mb() -> float:
    """Resident now."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def measure(servers: str, records: int, rounds: int) -> None:
    """Read in turns, and print."""
    found: dict[str, list[Read]] = {"fast": [], "stock": []}
    before_mb = memory_mb()
    for number in range(rounds):
        for lane, reads in found.items():
            settings = Settings.model_validate(
                {"bootstrap_servers": servers, "group": f"{lane}-{number}", "lane": lane}
            )
            reads.append(asyncio.run(read_once(settings, records)))
    print(f"{'lane':<8}{'CPU us a record':>16}{'us by the clock':>17}{'batches':>9}")
    for lane, reads in found.items():
        cpu_us, wall_us = median(r.cpu_us for r in reads), median(r.wall_us for r in reads)
        print(f"{lane:<8}{cpu_us:>16.2f}{wall_us:>17.2f}{reads[0].batches:>9,}")
    held_mb = found["fast"][0].held_mb - before_mb
    print(f"the fast lane, its first batch held: {held_mb:.0f} MB more than before")


def main(given: list[str]) -> int:
    """Measure; 1 if Kafka can't be had."""
    parser = argparse.ArgumentParser(prog="bench.lane")
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--bytes", type=int, default=300, help="of a record's value")
    parser.add_argument("--rounds", type=int, default=3, help="of each lane; the median counts")
    arguments = parser.parse_args(given)
    collect_rarely()  # as a worker does
    with tempfile.TemporaryDirectory(prefix="lane-") as name:
        try:
            kafka = KAFKA.make(Path(name))
        except LocalServerError as error:
            print(error, file=sys.stderr)
            return 1
        assert isinstance(kafka, ApacheKafka)
        with kafka:
            write(kafka.bootstrap_servers, arguments.records, arguments.bytes)
            measure(kafka.bootstrap_servers, arguments.records, arguments.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
