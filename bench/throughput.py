"""How fast one worker folds what a live shop writes, beside others that read the same log, in the same run.

A real Apache Kafka and a real Redis on loopback. Customers with six weeks of history stand in Redis as the
bench begins (bench/town.py); their next purchases, a tenth of a second apart, are written into four partitions.
Then, in turns: `segmenter run worker` with little switched on (lean) and with all of it (full), and its
peers on the same records:

    faust   a stock Faust agent that does nothing
    quix    Quix Streams adding up three numbers a customer in its RocksDB
    redis   a Faust agent that decodes JSON, reads and writes a hash in Redis for each event

More tables tell what the number of customers, and a second worker, make of it; the last one times the parts of
the fold by themselves. docs/performance.md says how to read them. Needs Linux: CPU time is read from /proc.

    python -m bench.throughput [--events N] [--customers 1000,100000,1000000] [--rounds N]
        [--tables peers,customers,workers,parts] [--peers faust,quix,redis] [--json | --markdown]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.figures import Row, arguments_of_rounds, at_least, machine, middle, numbers, say, tell
from bench.peer_quix_home import quix_python
from bench.purchases import PARTITIONS
from bench.running import run_main, running_servers
from bench.science_tables import Cell, Table
from bench.throughput_log import lived as lived_journey
from bench.throughput_parts import measure_parts
from bench.throughput_rounds import Setting, Spent, Stage, database
from bench.town import LEAN, SEED, full, lived, to_come
from models.events import Kind
from models.policy import policy_from_preset
from streams.datasets import DATASETS

MIN_EVENTS = 10_000  # fewer are read within a few glances at the offsets
TABLES = ("peers", "customers", "workers", "parts")
PEERS = ("faust", "quix", "redis")
PEER_DATABASE = 15
DATASET, PRESET = "complete-journey", "grocery"  # of the parts
PARTS_EVENTS = 15_000
REDIS_SHARE = 4  # of the records the slowest peer reads so many times fewer
Rounds = dict[str, list[Spent]]


class Settings(NamedTuple):
    """Lean and full, with as many customers as the peers' table is about."""

    lean: Setting
    full: Setting


class Bench:
    """The tables on servers, one after another, on one log that grows.

    Args:
        stage: on which rounds are played.
        asked: what is asked for.
        directory: for files.
    """

    def __init__(self, stage: Stage, asked: argparse.Namespace, directory: Path, url: str) -> None:
        self._stage, self._asked = stage, asked
        self._directory, self._url = directory, url
        self._runs = range(1, asked.rounds + 1)

    def beside_peers(self, settings: Settings, customers: int) -> Rounds:
        """Workers and peers on the same records; the log must be empty before."""
        events: int = self._asked.events
        begin = self._stage.write(to_come(customers, events))
        found: Rounds = {}
        for number in self._runs:
            say(f"beside its peers: round {number} of {self._asked.rounds}")
            for name, setting in settings._asdict().items():
                found.setdefault(name, []).append(self._stage.worker(setting, begin))
            for name in self._asked.peers:
                found.setdefault(name, []).append(self._peer(name, number, events))
        return found

    def _peer(self, name: str, number: int, events: int) -> Spent:
        python, states = sys.executable, str(self._directory / f"quix-state-{number}")
        faust = [python, "-m", "bench.peer_faust"]
        if name == "faust":
            return self._stage.peer(name, faust, events)
        if name == "redis":
            url = database(self._url, PEER_DATABASE)
            return self._stage.peer(name, faust, events // REDIS_SHARE, url)
        script = str(Path(__file__).with_name("peer_quix.py"))
        return self._stage.peer(name, [str(quix_python()), script], events, states)

    def with_customers(self, setting: Setting, customers: int) -> list[Spent]:
        """One worker, so many customers."""
        begin, found = self._stage.write(to_come(customers, self._asked.events)), []
        for number in self._runs:
            say(f"{customers:,} customers: round {number} of {self._asked.rounds}")
            found.append(self._stage.worker(setting, begin))
        return found

    def by_workers(self, setting: Setting, customers: int) -> dict[int, list[Spent]]:
        """One worker and two, in turns, that wait as the log is written."""
        purchases = to_come(customers, self._asked.events)
        found: dict[int, list[Spent]] = {1: [], 2: []}
        for number in self._runs:
            say(f"one worker and two: round {number} of {self._asked.rounds}")
            for workers, spent in found.items():
                spent.append(self._stage.workers(setting, workers, purchases))
        return found


def of_peers(found: Rounds) -> Table:
    """Medians of the rounds; a ratio is taken in each round, then its median."""
    rows: list[Row] = []
    for name, spent in found.items():
        is_worker = name in Settings._fields
        row: dict[str, Cell] = {"": f"worker, {name}" if is_worker else f"peer, {name}"}
        row |= middle([each.row for each in spent])
        if not is_worker:
            row |= {f"{mine} ÷ it": ratio(found[mine], spent) for mine in Settings._fields}
            row |= {f"{m} ÷ it, CPU": cpu_ratio(found[m], spent) for m in Settings._fields}
        rows.append(row)
    return Table("One worker beside its peers", rows)


def ratio(mine: Sequence[Spent], theirs: Sequence[Spent]) -> float:
    """How many times as many records a second, round by round; the median."""
    pairs = zip(mine, theirs, strict=True)
    return median(a.row["records/s"] / b.row["records/s"] for a, b in pairs)


def cpu_ratio(mine: Sequence[Spent], theirs: Sequence[Spent]) -> float:
    """How many times as many records per second of CPU, Redis' own left out; likewise."""
    pairs = zip(mine, theirs, strict=True)
    return median(b.row["CPU µs a record"] / a.row["CPU µs a record"] for a, b in pairs)


def of_customers(found: Mapping[int, Sequence[Spent]]) -> Table:
    """Medians by number of customers."""
    rows: list[Row] = [
        {"customers": f"{n:,}", **middle([s.row for s in found[n]])} for n in sorted(found)
    ]
    return Table("One worker, lean, by the number of customers", rows)


def of_workers(found: Mapping[int, Sequence[Spent]]) -> Table:
    """Medians by number of workers, and how many times as fast two are."""
    rows: list[Row] = []
    for number, spent in found.items():
        row = {"workers": f"{number}", **middle([each.row for each in spent])}
        rows.append({**row, "× one": ratio(spent, found[1])})
    return Table("One worker and two, lean; Kafka and Redis on the same cores", rows)


def raw(found: Mapping[str, Sequence[Spent]]) -> Table:
    """Every round."""
    rows: list[Row] = [
        {"who": name, "round": number, "records": spent.records, **spent.row}
        for name, rounds in found.items()
        for number, spent in enumerate(rounds, start=1)
    ]
    return Table("rounds", rows)


def of_parts(rounds: int) -> Table:
    """The parts of the fold, in process, over purchases of the Complete Journey."""
    policy = policy_from_preset(PRESET)
    everything = (each for each in DATASETS[DATASET].read() if each.kind == Kind.PURCHASE)
    log = lived_journey(list(islice(everything, PARTS_EVENTS)), policy, PARTITIONS)
    rows: list[Row] = [
        {
            "in process": f"`{part.name}`",
            "µs a call": part.us_per_call,
            "calls an event": part.calls,
            "µs an event": part.us_per_event,
        }
        for part in measure_parts(log, policy, rounds)
    ]
    return Table(f"Parts of the fold, {len(log.purchases):,} purchases of {DATASET}", rows)


def measure(asked: argparse.Namespace) -> None:
    """Measure what is asked for, and print it."""
    about = {**machine(), "seed": SEED, "events": asked.events, "rounds": asked.rounds}
    tables: list[Table] = []
    rounds: list[Table] = []
    if set(asked.tables) - {"parts"}:
        tables, rounds = _on_servers(asked)
    if "parts" in asked.tables:
        say("the parts")
        tables.append(of_parts(min(3, asked.rounds)))
    tell(asked, about, tables, rounds)


def _on_servers(asked: argparse.Namespace) -> tuple[list[Table], list[Table]]:
    if "peers" in asked.tables and "quix" in asked.peers:
        quix_python()
    say("six weeks of a shop, in memory")
    lean, everything = lived(LEAN), lived(full())
    tables: list[Table] = []
    rounds: list[Table] = []
    with running_servers() as servers:
        stage = Stage(servers, lean)
        bench = Bench(stage, asked, servers.directory, servers.redis.url)
        many = sorted(asked.customers)
        usual = many[len(many) // 2]
        say(f"Kafka and Redis run; settling {usual:,} customers")
        kept = stage.settled("lean", LEAN, lean, usual)
        by_customers: dict[int, list[Spent]] = {}
        if "peers" in asked.tables:
            other = stage.settled("full", full(), everything, usual)
            found = bench.beside_peers(Settings(kept, other), usual)
            stage.forget(other)
            by_customers[usual] = found["lean"]
            tables.append(of_peers(found))
            rounds.append(raw(found))
        if "workers" in asked.tables:
            by_workers = bench.by_workers(kept, usual)
            tables.append(of_workers(by_workers))
            rounds.append(raw({f"{n} workers": each for n, each in by_workers.items()}))
        stage.forget(kept)
        if "customers" in asked.tables:
            for customers in (each for each in many if each not in by_customers):
                say(f"settling {customers:,} customers")
                setting = stage.settled("lean", LEAN, lean, customers)
                by_customers[customers] = bench.with_customers(setting, customers)
                stage.forget(setting)
            tables.append(of_customers(by_customers))
            rounds.append(raw({f"{n} customers": each for n, each in by_customers.items()}))
        stage.close()
    return tables, rounds


def asked_for(given: Sequence[str]) -> argparse.Namespace:
    """The arguments; exits if they make no sense."""
    parser = arguments_of_rounds("bench.throughput")
    parser.add_argument(
        "--events", type=at_least(MIN_EVENTS), default=20_000, help="purchases that are folded"
    )
    parser.add_argument(
        "--customers", type=numbers, default=[1_000, 100_000, 1_000_000], help="comma-separated"
    )
    parser.add_argument("--tables", type=one_or_more(TABLES), default=list(TABLES))
    parser.add_argument("--peers", type=one_or_more(PEERS), default=list(PEERS))
    return parser.parse_args(given)


def one_or_more(names: Sequence[str]) -> Callable[[str], list[str]]:
    """Some of these names, comma-separated, of an argument."""

    def some(text: str) -> list[str]:
        chosen = text.split(",")
        if unknown := [each for each in chosen if each not in names]:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(names)}")
        return chosen

    return some


def main(given: Sequence[str]) -> int:
    """Measure and print; 1 if something needed is missing or fails."""
    asked = asked_for(given)
    return run_main(lambda: measure(asked))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
