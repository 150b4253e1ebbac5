"""What runs while something is measured: Kafka, Redis, processes, and what the kernel says of them.

Needs Linux: figures of processes are read from /proc.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from streams.local import LocalServerError, LocalStore
from streams.log import KafkaUnavailable
from streams.sources import SourceError
from tests.real_parts import KAFKA, REDIS
from tests.support.apache_kafka import ApacheKafka

PATIENCE_S = 600.0
POLL_S = 0.02  # 2 % of one core, and as far as either end of a window may be off
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_LAST_LINES = 15


class Failed(RuntimeError):
    """A process ended or made no progress; the message ends with the end of its log."""


class Servers(NamedTuple):
    """What runs, and where files may be put."""

    kafka: ApacheKafka
    redis: LocalStore
    directory: Path


@contextmanager
def running_servers() -> Iterator[Servers]:
    """Kafka and Redis in a temporary directory; gone at the end, however that comes."""
    with tempfile.TemporaryDirectory(prefix="segmenter-bench-") as name:
        directory = Path(name)
        kafka, redis = KAFKA.make(directory / "kafka"), REDIS.make(directory / "redis")
        assert isinstance(kafka, ApacheKafka)
        assert isinstance(redis, LocalStore)
        with kafka, redis:
            yield Servers(kafka, redis, directory)


@contextmanager
def running(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process whose output goes to a file; killed at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for(
    condition: Callable[[], bool],
    what: str,
    processes: Sequence[tuple[subprocess.Popen[bytes], Path]] = (),
    patience_s: float = PATIENCE_S,
    every_s: float = POLL_S,
) -> None:
    """Until it holds.

    Raises:
        Failed: it does not within `patience_s`, or one of the processes ended.
    """
    give_up_s = time.monotonic() + patience_s
    while not condition():
        for process, log in processes:
            must_run(process, log)
        if time.monotonic() > give_up_s:
            raise failed(f"waited in vain: {what}", *(log for _, log in processes))
        time.sleep(every_s)


def must_run(process: subprocess.Popen[bytes], log: Path) -> None:
    """Raises Failed if it has ended."""
    if process.poll() is not None:
        raise failed(f"the process ended with exit code {process.returncode}", log)


def failed(what: str, *logs: Path) -> Failed:
    """With the last lines of the logs."""
    lines = (log.read_text(errors="replace").splitlines()[-_LAST_LINES:] for log in logs)
    return Failed("\n".join([what, *(line for each in lines for line in each)]))


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, to 10 ms, from /proc/PID/stat."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def resident_mb(pid: int) -> float:
    """What a process has in memory, from /proc/PID/status."""
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(int(each.split()[1]) / 1024 for each in lines if each.startswith("VmRSS"))


def descriptors(pid: int) -> int:
    """How many files and sockets a process has open."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def run_main(measure: Callable[[], None]) -> int:
    """Measure; 1 if something needed is missing or fails, and the servers are stopped in any case."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        measure()
    except (LocalServerError, SourceError, KafkaUnavailable, Failed) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0
