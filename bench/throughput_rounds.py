"""One round of the throughput bench: a real process reads the whole log while it is watched.

Enters: servers that run, a log that is written. Leaves: `Spent`, of the worker or of the stock
agent. What it takes to start a process and to join a group is left out on both sides.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from tests.support.installation import Installation

POLL_S = 0.02  # 2 % of one core, and as far as either end of the window may be off
PATIENCE_S = 600.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Failed(RuntimeError):
    """A process ended or made no progress; the message ends with the end of its log."""


class Spent(NamedTuple):
    """What reading took, from the first progress seen to the last record.

    Attributes:
        records: between the two.
        wall_s: likewise.
        cpu_s: of the process, user and system, all its threads.
        store_cpu_s: of the Redis process meanwhile; 0 where none takes part.
    """

    records: int
    wall_s: float
    cpu_s: float
    store_cpu_s: float = 0.0

    @property
    def records_per_s(self) -> float:
        """By the wall clock."""
        return self.records / self.wall_s

    @property
    def cpu_us(self) -> float:
        """CPU time of the process for one record, microseconds."""
        return self.cpu_s / self.records * 1e6

    @property
    def store_cpu_us(self) -> float:
        """CPU time of Redis for one record, microseconds."""
        return self.store_cpu_s / self.records * 1e6


class _Look(NamedTuple):
    records: int
    wall_s: float
    cpu_s: float
    store_cpu_s: float


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, to 10 ms, from /proc/PID/stat."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def worker_round(installation: Installation, config: Path, log: Path, store_pid: int) -> Spent:
    """Start `segmenter run worker` on an empty namespace; measure until all is in Redis.

    The window opens when the first chunk stands in Redis, and closes when every partition's offset
    stands at the end of the log. The records in it are the difference of the offsets' sums: ticks
    count like events, and the log has no holes.
    """
    end = sum(installation.ends())
    process = installation.start("worker", config, log)

    def look() -> _Look:
        _must_run(process, log)
        records = sum(installation.offsets())
        clocks = time.perf_counter(), cpu_seconds(process.pid), cpu_seconds(store_pid)
        return _Look(records, *clocks)

    first = last = look()
    give_up_s = first.wall_s + PATIENCE_S
    while last.records < end:
        time.sleep(POLL_S)
        last = look()
        first = last if first.records == 0 else first
        if last.wall_s > give_up_s:
            raise _failed(f"only {last.records:,} of {end:,} records were folded", log)
    return Spent(
        last.records - first.records,
        last.wall_s - first.wall_s,
        last.cpu_s - first.cpu_s,
        last.store_cpu_s - first.store_cpu_s,
    )


def stock_round(installation: Installation, group: str, log: Path) -> Spent:
    """Start the stock agent in a new consumer group; it measures itself, first record to last."""
    records, answer = sum(installation.ends()), log.with_suffix(".json")
    command = [sys.executable, "-m", "bench.throughput_stock"]
    args = [installation.settings.bootstrap_servers, group, str(records), str(answer)]
    with log.open("wb") as output:
        process = subprocess.Popen([*command, *args], stdout=output, stderr=subprocess.STDOUT)
    try:
        give_up_s = time.monotonic() + PATIENCE_S
        while not answer.exists():
            _must_run(process, log)
            time.sleep(POLL_S)
            if time.monotonic() > give_up_s:
                raise _failed(f"the stock agent did not see {records:,} records", log)
    finally:
        process.kill()
        process.wait()
    return Spent(**json.loads(answer.read_text("utf-8")))


def _must_run(process: subprocess.Popen[bytes], log: Path) -> None:
    if process.poll() is not None:
        raise _failed(f"the process ended with exit code {process.returncode}", log)


def _failed(what: str, log: Path) -> Failed:
    return Failed("\n".join([what, *log.read_text(errors="replace").splitlines()[-15:]]))
