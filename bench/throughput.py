"""How fast one worker folds, beside a stock Faust agent that does nothing, in the same run.

A real Apache Kafka and a real Redis on loopback; real purchases, with the ticks and populations
that belong between them, written once into four partitions; then, in turns, `segmenter run worker`
on an empty namespace and the stock agent of bench/throughput_stock.py, each alone over the same
log. At last the parts of the fold, timed by themselves. docs/performance.md tells how to read it.
Needs Linux: CPU time is read from /proc.

    python -m bench.throughput [--json] [--events N] [--rounds N]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench.throughput_log import Lived, lived, publish
from bench.throughput_parts import Part, measure_parts
from bench.throughput_rounds import Failed, Spent, stock_round, worker_round
from models.events import Kind
from models.policy import policy_from_preset
from streams.datasets import DATASETS
from streams.local import LocalServerError, LocalStore
from streams.sources import SourceError
from tests.real_parts import KAFKA, REDIS
from tests.support.apache_kafka import ApacheKafka
from tests.support.installation import Installation

DATASET, PRESET, PARTITIONS = "complete-journey", "grocery", 4
POLICY = policy_from_preset(PRESET)
MIN_EVENTS = 10_000  # fewer are read within a few glances at the offsets
LIBRARIES = ("faust-streaming", "aiokafka", "redis", "hiredis", "pydantic", "msgpack")


class Servers(NamedTuple):
    """What runs, and where files may be put."""

    kafka: ApacheKafka
    redis: LocalStore
    directory: Path


class Found(NamedTuple):
    """All that was measured.

    Attributes:
        around: machine and versions.
        log: what was read.
        worker: `segmenter run worker`, round by round.
        stock: the stock agent, round by round.
        parts: of the fold, in process.
    """

    around: dict[str, str | int]
    log: Lived
    worker: Sequence[Spent]
    stock: Sequence[Spent]
    parts: Sequence[Part]

    @property
    def controls(self) -> int:
        """Records of the log that are no purchases."""
        return sum(self.log.ends) - len(self.log.purchases)


@contextmanager
def running_servers() -> Iterator[Servers]:
    """Kafka and Redis in a temporary directory; gone at the end, however that comes."""
    with tempfile.TemporaryDirectory(prefix="throughput-") as name:
        directory = Path(name)
        kafka, redis = KAFKA.make(directory / "kafka"), REDIS.make(directory / "redis")
        assert isinstance(kafka, ApacheKafka)
        assert isinstance(redis, LocalStore)
        with kafka, redis:
            yield Servers(kafka, redis, directory)


def measure_rounds(servers: Servers, log: Lived, rounds: int) -> tuple[list[Spent], list[Spent]]:
    """Write the log once, then let worker and stock agent read it in turns; answers both."""
    config = servers.directory / "segmenter.toml"
    config.write_text(f'preset = "{PRESET}"\n', "utf-8")
    worker, stock = [], []
    with closing(_installation(servers, "stock")) as nobody:
        publish(servers.kafka.bootstrap_servers, log, POLICY)
        if nobody.ends() != log.ends:
            raise Failed(f"the log on the broker ends at {nobody.ends()}, not at {log.ends}")
        for number in range(1, rounds + 1):
            _say(f"round {number} of {rounds}")
            name = f"worker-{number}"
            printed = servers.directory / f"{name}.log"
            with closing(_installation(servers, name)) as installation:
                worker.append(worker_round(installation, config, printed, servers.redis.pid))
            name = f"stock-{number}"
            stock.append(stock_round(nobody, name, servers.directory / f"{name}.log"))
    return worker, stock


def _installation(servers: Servers, namespace: str) -> Installation:
    kafka, redis = servers.kafka.bootstrap_servers, servers.redis.url
    return Installation(kafka, redis, namespace, POLICY, PARTITIONS)


def machine() -> dict[str, str | int]:
    """What the figures hold for."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count() or 0,
        "load_before": f"{os.getloadavg()[0]:.2f}",
        "system": platform.platform(terse=True),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "kafka": KAFKA.version(),
        "redis_server": REDIS.version(),
        **{name: version(name) for name in LIBRARIES},
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def as_json(found: Found) -> dict[str, Any]:
    """Everything that was found, for a program to read."""
    return {
        "machine": found.around,
        "seed": None,
        "dataset": DATASET,
        "preset": PRESET,
        "partitions": PARTITIONS,
        "events": len(found.log.purchases),
        "control_records": found.controls,
        "populations": len(found.log.populations),
        "rounds": [
            {"worker": _figures([worker]), "stock": _figures([stock])}
            for worker, stock in zip(found.worker, found.stock, strict=True)
        ],
        "median": {"worker": _figures(found.worker), "stock": _figures(found.stock)},
        "ratio": ratios(found),
        "parts": [{**each._asdict(), "us_per_event": each.us_per_event} for each in found.parts],
    }


def _figures(rounds: Sequence[Spent]) -> dict[str, float]:
    return {
        "records": median(each.records for each in rounds),
        "wall_s": round(median(each.wall_s for each in rounds), 3),
        "records_per_s": round(median(each.records_per_s for each in rounds)),
        "cpu_us": round(median(each.cpu_us for each in rounds), 1),
        "store_cpu_us": round(median(each.store_cpu_us for each in rounds), 1),
    }


def ratios(found: Found) -> dict[str, float]:
    """How many times as fast the worker is, of the medians: by the wall clock, by CPU time."""
    worker, stock = _figures(found.worker), _figures(found.stock)
    return {
        "wall": round(worker["records_per_s"] / stock["records_per_s"], 2),
        "cpu": round(stock["cpu_us"] / worker["cpu_us"], 2),
    }


def print_tables(found: Found) -> None:
    """Everything that was found, for people."""
    print("\n".join(f"{name:<16} {value}" for name, value in found.around.items()))
    print(
        f"\n{len(found.log.purchases):,} purchases of {DATASET}; with them {found.controls:,} ticks "
        f"and notes of {len(found.log.populations)} populations.\n{PARTITIONS} partitions, preset "
        f"{PRESET}, no seed: nothing is drawn. One process each, from its first progress\n"
        "to the last record; CPU time of all its threads, for one record.\n"
    )
    print(
        f"{'round':<8}{'':<8}{'records':>9}{'s':>8}{'records/s':>11}{'CPU us':>9}{'Redis us':>10}"
    )
    for number, pair in enumerate(zip(found.worker, found.stock, strict=True), start=1):
        _print_pair(str(number), [pair[0]], [pair[1]])
    _print_pair("median", found.worker, found.stock)
    ratio = ratios(found)
    print(f"\nthe worker against the stock agent, of the medians: records/s × {ratio['wall']:.2f},")
    print(f"records per CPU second × {ratio['cpu']:.2f} (the stock agent does nothing)\n")
    print(f"{'in process, memory store':<26}{'us a call':>10}{'calls':>8}{'us an event':>13}")
    for part in found.parts:
        shown = f"{part.us_per_call:>10.1f}{part.calls:>8.2f}{part.us_per_event:>13.1f}"
        print(f"{part.name:<26}{shown}")


def _print_pair(label: str, worker: Sequence[Spent], stock: Sequence[Spent]) -> None:
    for name, rounds in (("worker", worker), ("stock", stock)):
        row = _figures(rounds)
        print(
            f"{label:<8}{name:<8}{row['records']:>9,.0f}{row['wall_s']:>8.2f}"
            f"{row['records_per_s']:>11,.0f}{row['cpu_us']:>9.1f}{row['store_cpu_us']:>10.1f}"
        )


def _arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.throughput")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--events", type=int, default=60_000, help="purchases in the log")
    parser.add_argument("--rounds", type=int, default=3, help="of each; the median counts")
    arguments = parser.parse_args(given)
    if arguments.events < MIN_EVENTS:
        parser.error(f"--events: at least {MIN_EVENTS:,}")
    if arguments.rounds < 1:
        parser.error("--rounds: at least 1")
    return arguments


def _say(what: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {what}", file=sys.stderr, flush=True)


def _measured(events: int, rounds: int) -> Found:
    around, everything = machine(), DATASETS[DATASET].read()
    purchases = list(islice((r for r in everything if r.kind == Kind.PURCHASE), events))
    _say(f"the log of {len(purchases):,} purchases, in memory")
    log = lived(purchases, POLICY, PARTITIONS)
    with running_servers() as servers:
        _say("Kafka and Redis run; writing the log")
        worker, stock = measure_rounds(servers, log, rounds)
    _say("the parts")
    return Found(around, log, worker, stock, measure_parts(log, POLICY, rounds))


def main(given: list[str]) -> int:
    """Measure and print; 1 if something needed is missing or fails."""
    arguments = _arguments(given)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped
    try:
        found = _measured(arguments.events, arguments.rounds)
    except (LocalServerError, SourceError, Failed) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    if arguments.json:
        print(json.dumps(as_json(found), indent=2))
    else:
        print_tables(found)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
