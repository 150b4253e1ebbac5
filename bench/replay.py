"""How fast a year of Complete Journey is replayed, on one core and on two, and in how much memory.

    make bench-replay [BENCH_ARGS="--purchases 40000 --rounds 3"]

    recording   a Parquet recording of the log, with its populations, folded again
    two cores   the same by partition in two processes; its seconds contain their start
    events      the same purchases from Parquet as events without a log: populations are learned anew
    half        the first half of the recording, for the memory
    one policy, two policies   `replay compare`: side by side over one pass, on both cores; then on one

The preset is grocery, with clusters, risk and value; each measurement is a process of its own, and its
clock starts when everything is imported. Rounds are run in turn; the table has medians.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from models.policy import Policy, policy_from_preset
from models.sketch import UNKEYED
from streams.collecting import collected_rarely
from streams.datasets import DATASETS
from streams.event_replay import EventReplay
from streams.loop import Loop, replayed
from streams.recording_files import open_recording
from streams.refold import Asked, Chosen
from streams.refolding import refold
from streams.sources import SourceRecord, read_file
from streams.span import Place, Span
from streams.trial import Trial
from streams.trial_apart import grouped
from tests.support.recordings import recorded

PARTITIONS = 4
PURCHASES = 155_848
KINDS = ("recording", "two cores", "events", "half", "one policy", "two policies", "on one core")
GOAL_S, AIM_S = 15, 8


def policy() -> Policy:
    """In force."""
    return policy_from_preset("grocery")


def write_recording(path: Path, purchases: int) -> int:
    """The log that an installation has after so many purchases; answers its length."""
    profiles_and = islice(DATASETS["complete-journey"].read(), purchases + 801)
    loop = replayed(policy(), PARTITIONS, profiles_and)
    recorded(loop, path)
    return sum(map(len, loop.log))


def write_events(path: Path, purchases: int) -> None:
    """The same purchases as events, in Parquet."""
    rows = []
    for each in islice(DATASETS["complete-journey"].read(), purchases + 801):
        rows.append({"kind": each.kind, **json.loads(each.value)})
        for item in rows[-1].get("items", ()):
            item.setdefault("brand", None)
    attributes = sorted({name for row in rows for name in row.get("attributes", ())})
    for row in rows:
        told = row.pop("attributes", {})
        row.update({f"attributes.{name}": told.get(name) for name in attributes})
    names = sorted({name for row in rows for name in row})
    columns = {name: [row.get(name) for row in rows] for name in names}
    pq.write_table(pa.table(columns), path, row_group_size=10_000)


def fold(kind: str, folder: Path) -> dict[str, Any]:
    """One measurement, in this process."""
    work = _recording if kind in {"recording", "two cores", "half"} else _events
    with collected_rarely():
        return work(kind, folder)


def _recording(kind: str, folder: Path) -> dict[str, Any]:

    recording = open_recording(folder / "log.parquet")
    assert recording is not None
    end = max(end for _, end in recording.head.extents) // 2 if kind == "half" else None
    chosen = Chosen(Span(until=None if end is None else Place(end, None)))
    cores = 2 if kind == "two cores" else 1
    began = _clocks()
    done = refold(Asked(recording, policy(), UNKEYED, chosen), cores, lambda _count: None)
    return {**_since(began), "events": done.tally["events"], "digest": done.digest.text}


def _events(kind: str, folder: Path) -> dict[str, Any]:

    records = read_file(folder / "events.parquet")
    if kind == "events":
        replay = EventReplay(Loop(policy(), PARTITIONS), None, lambda _count: None)
        began = _clocks()
        done = asyncio.run(replay.run(records))
        return {**_since(began), "events": done.tally["events"], "digest": done.digest.text}
    other = policy_from_preset("grocery", lifecycle={"new_days": 20})
    policies = [policy()] if kind == "one policy" else [policy(), other]
    cores = 2 if kind == "two policies" else 1
    began = _clocks()
    with grouped(policies, cores) as groups:
        asyncio.run(_tried(Trial(policies, groups), records))
    return {**_since(began), "events": 0, "digest": ""}


async def _tried(trial: Trial, records: Iterator[SourceRecord]) -> None:
    async def look(day: int) -> bool:
        await trial.mornings(day)
        return True

    await trial.run(records, look)


def _clocks() -> tuple[float, float]:
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return time.perf_counter(), sum(each.ru_utime + each.ru_stime for each in spent)


def _since(began: tuple[float, float]) -> dict[str, float]:
    wall, cpu = (now - then for now, then in zip(_clocks(), began, strict=True))
    return {"seconds": wall, "cpu_s": cpu, "peak_mb": _peak_mb()}


def _peak_mb() -> float:
    """Of this process since it began; the parts of two cores are not in it."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(each.split()[1]) / 1024 for each in lines if each.startswith("VmHWM"))


def measured(kind: str, folder: Path) -> dict[str, Any]:
    """One measurement, in a process of its own."""
    command = [sys.executable, "-m", "bench.replay", "--measure", kind, "--folder", str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=dict(os.environ))
    return dict(json.loads(done.stdout))


def main() -> None:
    """Measure, and print the table."""
    asked = _asked()
    if asked.measure:
        sys.stdout.write(json.dumps(fold(asked.measure, asked.folder)))
        return
    with tempfile.TemporaryDirectory(prefix="segmenter-bench-") as made:
        folder = Path(made)
        records = write_recording(folder / "log.parquet", asked.purchases)
        write_events(folder / "events.parquet", asked.purchases)
        found = [{kind: measured(kind, folder) for kind in KINDS} for _ in range(asked.rounds)]
    _print(found, records, asked.purchases)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--purchases", type=int, default=PURCHASES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", choices=KINDS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _print(found: list[dict[str, dict[str, Any]]], records: int, purchases: int) -> None:
    console = Console()
    table = Table(
        title=f"{purchases:,} purchases, {records:,} records of a log, medians of {len(found)}"
    )
    for name in ("", "seconds", "µs a purchase", "CPU s", "peak MB"):
        table.add_column(name, justify="left" if not name else "right")
    for kind in KINDS:
        seconds, cpu, peak = (
            _median(found, kind, each) for each in ("seconds", "cpu_s", "peak_mb")
        )
        each_us = 1e6 * seconds / (purchases / 2 if kind == "half" else purchases)
        table.add_row(kind, f"{seconds:.1f}", f"{each_us:.0f}", f"{cpu:.1f}", f"{peak:.0f}")
    console.print(table)
    same = len({each[kind]["digest"] for each in found for kind in ("recording", "two cores")}) == 1
    one, two, here = (_median(found, kind, "seconds") for kind in KINDS[-3:])
    cores = _median(found, "recording", "seconds") / _median(found, "two cores", "seconds")
    console.print(
        f"two cores: {cores:.2f} times as fast (goal 1.7), the same digest: {same}\n"
        f"two policies: {two / one:.2f} times one, on one core {here / one:.2f} (goal 1.8)\n"
        f"a recording: {_median(found, 'recording', 'seconds'):.1f} s (goal {GOAL_S}, aim {AIM_S})\n"
        f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores"
    )


def _median(found: list[dict[str, dict[str, Any]]], kind: str, key: str) -> float:
    return float(median(each[kind][key] for each in found))


if __name__ == "__main__":
    main()
