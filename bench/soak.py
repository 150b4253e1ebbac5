"""What an hour at half of what the machine takes does to latency, memory and open files.

    python -m bench.soak [--minutes 60] [--rate N] [--customers N] [--json | --markdown]

Apache Kafka, Redis, a worker and a relay on one machine. First a backlog is folded, which tells how many purchases a
second the machine takes; then purchases come at half of that, or at the rate asked for, and each minute tells: how long
purchases of new customers took until they were in Redis, what worker, relay and Redis had in memory at its end, and their
open files. Drift is the slope of a straight line through the minutes after the first tenth, least squares, as growth an
hour. There is no peer: what counts is whether it stays as it was.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from typing import NamedTuple

from bench.figures import arguments, at_least, machine, say, shown, slope, tell
from bench.load import Load, write
from bench.purchases import PARTITIONS
from bench.running import (
    Servers,
    cpu_seconds,
    descriptors,
    must_run,
    resident_mb,
    run_main,
    running_servers,
    wait_for,
)
from bench.science_tables import Cell, Table
from bench.shop import Loading, Running, Shop, after, shift_ms
from bench.town import DAYS, LEAN, SEED, lived, to_come
from bench.watching import Buyer, InStore, Waited, Watching, ms, seen_after_s
from streams.topics import LOG

BACKLOG = 20_000
MINUTE_S = 60.0
LOST_AFTER_S = 60.0
LOAD = 0.5  # of what the machine takes
SETTLING = 0.1  # of the minutes, in which caches fill
MAX_ROWS = 12  # of the printed table; all minutes stand in the JSON
OPEN = ("worker", "relay")


class Minute(NamedTuple):
    """One minute.

    Attributes:
        over_s: when it was over, monotonic.
        cpu_s: by process, that it took.
        resident_mb: by process, at its end.
        descriptors: by process, at its end.
        waited: purchases that were made in it and watched.
    """

    over_s: float
    cpu_s: dict[str, float]
    resident_mb: dict[str, float]
    descriptors: dict[str, int]
    waited: Sequence[Waited] = ()

    def of(self, waited: Sequence[Waited]) -> Minute:
        """With those of all purchases that were made in it."""
        mine = [each for each in waited if 0 < self.over_s - each.began_s <= MINUTE_S]
        return self._replace(waited=mine)

    @property
    def row(self) -> dict[str, Cell]:
        """As one row of the table."""
        took_s = [each.took_s for each in self.waited]
        row: dict[str, Cell] = {"p50 ms": ms(took_s, 50), "p99 ms": ms(took_s, 99)}
        row |= {f"{name} CPU %": 100 * cpu_s / MINUTE_S for name, cpu_s in self.cpu_s.items()}
        row |= {f"{name} MB": size for name, size in self.resident_mb.items()}
        return row | {f"{name} files": number for name, number in self.descriptors.items()}


def capacity(shop: Shop, customers: int) -> float:
    """Purchases a second that the machine takes: a backlog, until all is folded and has left for Kafka."""
    with shop.open(*OPEN) as running, closing(InStore(shop.settings)) as look:
        _ready(shop, look)
        begin = sum(shop.here.offsets())
        write(shop.kafka, to_come(customers, BACKLOG), PARTITIONS)
        end = sum(shop.here.ends())
        wait_for(lambda: sum(shop.here.offsets()) > begin, "the first chunk", running)
        began_s, first = time.monotonic(), sum(shop.here.offsets())
        wait_for(lambda: sum(shop.here.offsets()) >= end, "the end of the backlog", running)
        shop.here.wait_until_relayed()
        return (end - first) / (time.monotonic() - began_s)


def _ready(shop: Shop, look: InStore) -> None:
    """Until the worker has shown somebody."""
    with closing(Buyer(shop.kafka, LOG, shift_ms(after(DAYS, hours=1)))) as buyer:
        wait_for(lambda: seen_after_s(look, [buyer.somebody()], 2.0) < 2.0, "the worker")


def soaked(
    servers: Servers, shop: Shop, rate: float, asked: argparse.Namespace
) -> tuple[list[Minute], float]:
    """Minute by minute, and how many purchases a second were written."""
    shift = shift_ms(after(DAYS, hours=4))  # behind the backlog
    seconds = MINUTE_S * asked.minutes
    load = Load(LOG, PARTITIONS, asked.customers, rate, seconds, shift)
    with shop.open(*OPEN) as running, closing(InStore(shop.settings)) as look:
        _ready(shop, look)
        with (
            closing(Buyer(shop.kafka, LOG, shift)) as buyer,
            Loading(shop.kafka, load) as loading,
            Watching(buyer, [lambda: InStore(shop.settings)], LOST_AFTER_S) as watching,
        ):
            minutes = [_minute(servers, running, number) for number in range(asked.minutes)]
            written = loading.stop()
    return [each.of(watching.waited) for each in minutes], written.written / written.seconds


def _minute(servers: Servers, running: Sequence[Running], number: int) -> Minute:
    """Let one pass; what the processes are at its end."""
    pids = {name: process.pid for name, (process, _) in zip(OPEN, running, strict=True)}
    everybody = {**pids, "redis": servers.redis.pid}
    before_s = {name: cpu_seconds(pid) for name, pid in everybody.items()}
    over_s = time.monotonic() + MINUTE_S
    while time.monotonic() < over_s:
        for each in running:
            must_run(*each)
        time.sleep(min(1.0, max(0.0, over_s - time.monotonic())))
    spent_s = {name: cpu_seconds(pid) - before_s[name] for name, pid in everybody.items()}
    files = {name: descriptors(pid) for name, pid in pids.items()}
    sizes = {name: resident_mb(pid) for name, pid in everybody.items()}
    say(f"minute {number + 1}: worker {sizes['worker']:.0f} MB, {files['worker']} files")
    return Minute(over_s, spent_s, sizes, files)


def drift(minutes: Sequence[Minute]) -> dict[str, Cell]:
    """Growth an hour of each figure, after the minutes in which caches fill."""
    rows = [each.row for each in minutes[int(len(minutes) * SETTLING) :]]
    found: dict[str, Cell] = {}
    for name in rows[0]:
        values = [each[name] for each in rows]
        growth = slope([float(each) for each in values if isinstance(each, float | int)])
        found[name] = None if growth is None else 60.0 * growth
    return found


def table(minutes: Sequence[Minute]) -> Table:
    """Some of the minutes, the last among them, and the drift."""
    step = -(-len(minutes) // MAX_ROWS)
    places = [at for at in range(len(minutes)) if (len(minutes) - 1 - at) % step == 0]
    rows = [{"minute": str(at + 1), **minutes[at].row} for at in places]
    grows = {"minute": "growth an hour", **drift(minutes)}
    return Table("A worker and a relay, minute by minute", [*rows, grows])


def measure(asked: argparse.Namespace) -> None:
    """Measure, and print the table."""
    about: dict[str, Cell] = {**machine(), "seed": SEED, "customers": asked.customers}
    say("six weeks of a shop, in memory")
    town = lived(LEAN)
    with running_servers() as servers:
        say(f"Kafka and Redis run; settling {asked.customers:,} customers")
        shop = Shop(servers, LEAN)
        shop.settle(town, town.customers(asked.customers))
        takes = capacity(shop, asked.customers)
        rate = asked.rate or LOAD * takes
        say(f"the machine takes {takes:,.0f} purchases/s; now {rate:,.0f}")
        minutes, written = soaked(servers, shop, rate, asked)
        shop.close()
    about |= {"taken at most/s": shown(takes), "written/s": shown(written)}
    raw = [{"minute": at, **each.row} for at, each in enumerate(minutes, start=1)]
    tell(asked, about, [table(minutes)], [Table("minutes", raw)])


def asked_for(given: Sequence[str]) -> argparse.Namespace:
    """The arguments; exits if they make no sense."""
    parser = arguments("bench.soak")
    parser.add_argument("--minutes", type=at_least(2), default=60)
    parser.add_argument("--rate", type=at_least(1), help="purchases a second; None: half of all")
    parser.add_argument("--customers", type=at_least(1), default=100_000)
    return parser.parse_args(given)


def main(given: Sequence[str]) -> int:
    """Measure and print; 1 if something needed is missing or fails."""
    asked = asked_for(given)
    return run_main(lambda: measure(asked))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
