"""Shares of the lifecycle states on two public data sets, over the real path.

Every event goes through `PartitionFold.handle` into a memory store, four partitions, with a tick
at the start of each day, exactly as a replay writes them; sketches go through the learner, and its
populations back into the log. At the end of each day asked for, one more tick, and the sizes of the
cells are read. The expected shares were computed apart from this code, by batch, from the
definitions in docs/lifecycle.md, with the typical gap given.

    python -m bench.lifecycle_shares [--json]
"""

from __future__ import annotations

import asyncio
import json
import platform
import sys
import time
from typing import NamedTuple

from models.calendar import day_of, start_of_day_ms
from models.codec import decode_state
from models.events import Kind
from models.lifecycle import State
from models.policy import Policy, policy_from_preset
from models.population import prior_gap_days
from streams.datasets import DATASETS
from streams.loop import Loop

PARTITIONS = 4
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
        policy_from_preset("general"),
        {
            182: (0.000, 0.755, 0.245, 0.000),
            364: (0.000, 0.231, 0.126, 0.643),
            539: (0.000, 0.205, 0.094, 0.701),
        },
    ),
    Asked(
        "complete-journey",
        policy_from_preset("grocery"),
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
    typical_gap_days: float

    @property
    def off_by(self) -> float:
        """The largest difference from what is expected."""
        return max(abs(a - b) for a, b in zip(self.shares, self.expected, strict=True))


async def measure(asked: Asked) -> list[Row]:
    """Fold a data set, stopping at the end of each day asked for."""
    loop, zone = Loop(asked.policy, PARTITIONS), asked.policy.timezone
    days, rows = sorted(asked.expected), []
    first_day = today = None
    for record in DATASETS[asked.dataset].read():
        if record.kind != Kind.PURCHASE:
            continue
        day = day_of(record.occurred_at_ms, zone)
        first_day = day if first_day is None else first_day
        while days and day - first_day > days[0]:
            rows.append(await _look(loop, asked, days.pop(0), first_day))
        if today is not None and day > today:
            await loop.tick(start_of_day_ms(day, zone))
            loop.effects.clear()
        today = day
        await loop.write(record)
    assert first_day is not None
    return [*rows, *[await _look(loop, asked, each, first_day) for each in days]]


async def _look(loop: Loop, asked: Asked, day: int, first_day: int) -> Row:
    await loop.tick(start_of_day_ms(first_day + day + 1, asked.policy.timezone) - 1)
    sizes = [0] * len(SHOWN)
    for partition in range(PARTITIONS):
        cells = await loop.store.sizes(partition, [f"lifecycle/{state.value}" for state in SHOWN])
        sizes = [total + size for total, size in zip(sizes, cells, strict=True)]
    customers = sum(sizes)
    states = await loop.states()
    overdue = sum(decode_state(each).standing.overdue for each in states.values())
    population = loop.populations[-1] if loop.populations else None
    return Row(
        asked.dataset,
        day,
        customers,
        tuple(round(size / customers, 4) for size in sizes),
        asked.expected[day],
        round(overdue / customers, 4),
        round(prior_gap_days(asked.policy.lifecycle, population), 2),
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
        "data set           day  customers  "
        + "  ".join(f"{s:>14}" for s in SHOWN)
        + "  overdue  typical gap"
    )
    for row in rows:
        cells = "  ".join(
            f"{share:.4f} ({want:.3f})"
            for share, want in zip(row.shares, row.expected, strict=True)
        )
        print(
            f"{row.dataset:<17} {row.day:>4}  {row.customers:>9,}  {cells}   {row.overdue:.4f}"
            f"  {row.typical_gap_days:>9.2f} d  off by {row.off_by:.4f}"
        )
    print(f"(in brackets: expected; overdue: among new and active; tolerance {TOLERANCE})")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
