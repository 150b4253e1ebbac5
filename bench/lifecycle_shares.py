"""Shares of the lifecycle states on two public data sets, over the real path.

Every event goes through `PartitionFold.handle` into a memory store, four partitions, with a tick
at the start of each day, exactly as a replay writes them; at the end of each day asked for, one
more tick, and the sizes of the cells are read. The expected shares were computed apart from this
code, by batch, from the definitions in docs/lifecycle.md.

    python -m bench.lifecycle_shares [--json]
"""

from __future__ import annotations

import asyncio
import json
import platform
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

from models.calendar import day_of, start_of_day_ms
from models.codec import decode_state
from models.events import Kind, LogRecord, encode_tick
from models.lifecycle import State
from models.policy import Policy, policy_from_preset
from streams.chunk import LogIdentity
from streams.datasets import DATASETS
from streams.memory_store import MemoryStore
from streams.partition import Batch, PartitionFold
from streams.partitioner import partition_of
from streams.sources import SourceRecord

PARTITIONS = 4
BATCH = 500
APPENDED_MS = 1_790_000_000_000  # every record is written long after it happened
TOLERANCE = 0.005
SHOWN = (State.NEW, State.ACTIVE, State.DORMANT, State.CHURNED)


class Asked(NamedTuple):
    """One data set, one policy, and the days (from its first, 0) with the expected shares."""

    dataset: str
    policy: Policy
    expected: dict[int, tuple[float, float, float, float]]


ASKED = (
    Asked(
        "cdnow",
        policy_from_preset("general", lifecycle={"prior_gap_days": 72.2}),
        {
            182: (0.000, 0.755, 0.245, 0.000),
            364: (0.000, 0.231, 0.126, 0.643),
            539: (0.000, 0.205, 0.094, 0.701),
        },
    ),
    Asked(
        "complete-journey",
        policy_from_preset("grocery", lifecycle={"prior_gap_days": 6.3}),
        {56: (0.090, 0.812, 0.096, 0.002), 357: (0.002, 0.886, 0.053, 0.058)},
    ),
)


class Row(NamedTuple):
    """What was found on one day."""

    dataset: str
    day: int
    customers: int
    shares: tuple[float, ...]
    expected: tuple[float, ...]
    overdue: float

    @property
    def off_by(self) -> float:
        """The largest difference from what is expected."""
        return max(abs(a - b) for a, b in zip(self.shares, self.expected, strict=True))


class Path:
    """The log, its partitions and their store, in memory."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.store = MemoryStore(lambda: 0)
        self.folds = [self._fold(each) for each in range(PARTITIONS)]
        self.waiting: list[list[LogRecord]] = [[] for _ in range(PARTITIONS)]
        self.next_offset = [0] * PARTITIONS
        self.nonce = 0

    def _fold(self, partition: int) -> PartitionFold:
        log = LogIdentity("bench", "", PARTITIONS, partition)
        return PartitionFold(log, self.policy, self.store, _no_records, self._new_nonce)

    def _new_nonce(self) -> bytes:
        self.nonce += 1
        return str(self.nonce).encode()

    async def write(self, record: SourceRecord) -> None:
        """One event into its partition."""
        partition = partition_of(record.customer_id, PARTITIONS)
        await self._append(partition, record.value, record.kind)

    async def tick(self, at_ms: int) -> None:
        """One tick into every partition, read at once."""
        for partition in range(PARTITIONS):
            await self._append(partition, encode_tick(at_ms), Kind.TICK)
            await self._read(partition)

    async def _append(self, partition: int, value: bytes, kind: str) -> None:
        waiting = self.waiting[partition]
        offset = self.next_offset[partition] + len(waiting)
        headers = {"kind": kind.encode()}
        waiting.append(LogRecord(partition, offset, APPENDED_MS, None, value, headers))
        if len(waiting) >= BATCH:
            await self._read(partition)

    async def _read(self, partition: int) -> None:
        records, self.waiting[partition] = self.waiting[partition], []
        begin = self.next_offset[partition]
        self.next_offset[partition] = begin + len(records)
        seek = await self.folds[partition].handle(Batch(begin, begin + len(records), records))
        assert seek is None

    async def states(self) -> Iterator[bytes]:
        """Every customer's state."""
        loaded = [await self.store.due(each, 2**60, 10**9) for each in range(PARTITIONS)]
        return (packed for each in loaded for packed in each.states.values())


async def _no_records(_partition: int, _start: int, _end: int) -> bool:
    return False


async def measure(asked: Asked) -> list[Row]:
    """Fold a data set, stopping at the end of each day asked for."""
    path, zone = Path(asked.policy), asked.policy.timezone
    days, rows = sorted(asked.expected), []
    first_day = today = None
    for record in DATASETS[asked.dataset].read():
        if record.kind != Kind.PURCHASE:
            continue
        day = day_of(record.occurred_at_ms, zone)
        first_day = day if first_day is None else first_day
        while days and day - first_day > days[0]:
            rows.append(await _look(path, asked, days.pop(0), first_day))
        if today is not None and day > today:
            await path.tick(start_of_day_ms(day, zone))
        today = day
        await path.write(record)
    assert first_day is not None
    return [*rows, *[await _look(path, asked, each, first_day) for each in days]]


async def _look(path: Path, asked: Asked, day: int, first_day: int) -> Row:
    await path.tick(start_of_day_ms(first_day + day + 1, asked.policy.timezone) - 1)
    sizes = [0] * len(SHOWN)
    for partition in range(PARTITIONS):
        cells = await path.store.cell_sizes(partition, [state.value for state in SHOWN])
        sizes = [total + size for total, size in zip(sizes, cells, strict=True)]
    customers = sum(sizes)
    overdue = sum(decode_state(each).standing.overdue for each in await path.states())
    return Row(
        asked.dataset,
        day,
        customers,
        tuple(round(size / customers, 4) for size in sizes),
        asked.expected[day],
        round(overdue / customers, 4),
    )


def main(arguments: list[str]) -> int:
    """Print the table; 1 if a share is further off than the tolerance."""
    began_s = time.perf_counter()
    rows = [row for asked in ASKED for row in asyncio.run(measure(asked))]
    if "--json" in arguments:
        print(json.dumps([{**row._asdict(), "off_by": row.off_by} for row in rows], indent=2))
    else:
        _print(rows, time.perf_counter() - began_s)
    return int(any(row.off_by > TOLERANCE for row in rows))


def _print(rows: list[Row], took_s: float) -> None:
    print(f"{platform.python_implementation()} {platform.python_version()}, {took_s:.0f} s")
    print(
        "data set           day  customers  " + "  ".join(f"{s:>14}" for s in SHOWN) + "  overdue"
    )
    for row in rows:
        cells = "  ".join(
            f"{share:.4f} ({want:.3f})"
            for share, want in zip(row.shares, row.expected, strict=True)
        )
        print(
            f"{row.dataset:<17} {row.day:>4}  {row.customers:>9,}  {cells}   {row.overdue:.4f}"
            f"  off by {row.off_by:.4f}"
        )
    print(f"(in brackets: expected; overdue: among new and active; tolerance {TOLERANCE})")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
