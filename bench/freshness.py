"""How long from a purchase in Kafka until it is in Redis, and until a lookup shows it, under load.

    python -m bench.freshness [--rates 1000,5000,20000] [--seconds 6] [--workers 1] [--customers N]
        [--rounds N] [--json | --markdown]

Apache Kafka, Redis, workers, a relay and the API as processes on one machine. Customers have histories
(bench/town.py), and a process of its own writes their purchases at a rate; now and then somebody new buys, and is
looked for in Redis through the store's contract, and over HTTP, in turns. Its peer, at the same rates, in
turns: a Faust agent that decodes JSON, reads and writes a hash in Redis for each event, watched in Redis the same way.

Behind each load somebody buys in every partition: who does not show them within three seconds has not kept up. A rate
that was not kept up with has no latency, and higher ones are not tried in that round.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager

from bench.figures import Row, arguments_of_rounds, at_least, machine, middle, numbers, say, tell
from bench.load import Load
from bench.purchases import PARTITIONS
from bench.running import Servers, run_main, running, running_servers, wait_for
from bench.science_tables import Cell, Table
from bench.shop import Loading, Shop, after, shift_ms
from bench.throughput_rounds import database
from bench.town import DAYS, LEAN, SEED, lived
from bench.watching import Buyer, InStore, Look, OfPeer, OverHttp, Watching, ms, seen_after_s
from streams.topics import LOG, Topic

KEEPS_UP_S = 3.0
PEER_DATABASE = 15
WARM_UP_RATE = 200
WARM_UP_S = 2.0
WAYS = ("in Redis", "over HTTP")
Looks = Sequence[Callable[[], Look]]


class Side:
    """A worker, or its peer, that runs: takes loads and is watched.

    Args:
        kafka: its address.
        topic: that is read.
        looks: ways to look for somebody.
        load: how it is loaded; the rate is set each time.
    """

    def __init__(self, kafka: str, load: Load, looks: Looks) -> None:
        self._kafka, self._load, self._looks = kafka, load, looks

    def ready(self) -> None:
        """Until it has shown somebody; then some load to warm it up."""
        with closing(self._buyer()) as buyer, closing(self._looks[0]()) as look:
            wait_for(
                lambda: seen_after_s(look, [buyer.somebody()], 2.0) < 2.0, "the first purchase"
            )
        load = self._load._replace(rate=WARM_UP_RATE, seconds=WARM_UP_S)
        with Loading(self._kafka, load) as loading:
            loading.wait()

    def at(self, rate: int) -> tuple[dict[str, Cell], bool]:
        """One load; what was seen, and whether it was kept up with."""
        with closing(self._buyer()) as buyer, closing(self._looks[0]()) as look:
            with (
                Watching(buyer, self._looks, KEEPS_UP_S) as watching,
                Loading(self._kafka, self._load._replace(rate=rate)) as loading,
            ):
                written = loading.wait()
            behind_s = seen_after_s(look, buyer.somebody_everywhere(), KEEPS_UP_S)
        kept_up = behind_s < KEEPS_UP_S
        row: dict[str, Cell] = {"written/s": written.written / written.seconds}
        for place, way in enumerate(WAYS[: len(self._looks)]):
            took_s = watching.took_s(place)
            row[f"p50 ms, {way}"] = ms(took_s, 50) if kept_up else None
            row[f"p99 ms, {way}"] = ms(took_s, 99) if kept_up else None
        return row, kept_up

    def _buyer(self) -> Buyer:
        return Buyer(self._kafka, self._load.topic, self._load.shift_ms)


@contextmanager
def our_side(shop: Shop, load: Load, workers: int) -> Iterator[Side]:
    """An open shop."""
    with shop.open(*["worker"] * workers, "relay", "api"):
        say("the worker")
        looks: Looks = (lambda: InStore(shop.settings), lambda: OverHttp(shop.api_port))
        side = Side(shop.kafka, load, looks)
        side.ready()
        yield side


@contextmanager
def peer_side(servers: Servers, shop: Shop, load: Load, number: int) -> Iterator[Side]:
    """The peer, on a topic of its own."""
    topic = f"peer-{number}"
    shop.here.inspector.create([Topic(topic, {})], PARTITIONS, 1)
    url = database(shop.url, PEER_DATABASE)
    log = servers.directory / f"{topic}.log"
    module = [sys.executable, "-m", "bench.peer_faust"]
    told = [shop.kafka, topic, topic, "0", str(log.with_suffix(".json")), url]
    with running([*module, *told], log):
        say("the peer")
        side = Side(shop.kafka, load._replace(topic=topic), [lambda: OfPeer(url)])
        side.ready()
        yield side


def climbed(side: Side, rates: Sequence[int]) -> Iterator[tuple[int, dict[str, Cell], bool]]:
    """Rates in their order, up to the first that is not kept up with."""
    for rate in sorted(rates):
        row, kept_up = side.at(rate)
        say(f"{rate:,} purchases/s: {'kept up' if kept_up else 'fell behind'}")
        yield rate, row, kept_up
        if not kept_up:
            return


def table(found: dict[tuple[str, int], list[dict[str, Cell]]], rounds: int) -> Table:
    """Medians over the rounds in which a rate was kept up with."""
    rows: list[Row] = []
    for (who, rate), rows_of in found.items():
        good = [row for row in rows_of if row[f"p50 ms, {WAYS[0]}"] is not None]
        row: dict[str, Cell] = {"": who, "purchases/s": f"{rate:,}"}
        row["kept up, rounds"] = f"{len(good)} of {rounds}"
        rows.append(row | middle(good or rows_of))
    return Table("From a purchase until it is seen", rows)


def measure(asked: argparse.Namespace) -> None:
    """Measure, and print the table."""
    about = {**machine(), "seed": SEED, "rounds": asked.rounds, "workers": asked.workers}
    say("six weeks of a shop, in memory")
    town = lived(LEAN)
    found: dict[tuple[str, int], list[dict[str, Cell]]] = {}
    with running_servers() as servers:
        say(f"Kafka and Redis run; settling {asked.customers:,} customers")
        shop = Shop(servers, LEAN)
        shop.settle(town, town.customers(asked.customers))
        shift = shift_ms(after(DAYS, hours=1))
        load = Load(LOG, PARTITIONS, asked.customers, 0, asked.seconds, shift)
        for number in range(1, asked.rounds + 1):
            say(f"round {number} of {asked.rounds}")
            with our_side(shop, load, asked.workers) as side:
                for rate, row, _ in climbed(side, asked.rates):
                    found.setdefault(("worker", rate), []).append(row)
            with peer_side(servers, shop, load, number) as side:
                for rate, row, _ in climbed(side, asked.rates):
                    found.setdefault(("peer", rate), []).append(row)
        shop.close()
    raw = [{"who": who, "rate": rate, **row} for (who, rate), r in found.items() for row in r]
    tell(asked, about, [table(found, asked.rounds)], [Table("rounds", raw)])


def asked_for(given: Sequence[str]) -> argparse.Namespace:
    """The arguments; exits if they make no sense."""
    parser = arguments_of_rounds("bench.freshness")
    parser.add_argument("--rates", type=numbers, default=[1_000, 5_000, 20_000])
    parser.add_argument("--seconds", type=float, default=6.0, help="of each load")
    parser.add_argument("--workers", type=at_least(1), default=1)
    parser.add_argument("--customers", type=at_least(1), default=100_000)
    return parser.parse_args(given)


def main(given: Sequence[str]) -> int:
    """Measure and print; 1 if something needed is missing or fails."""
    asked = asked_for(given)
    return run_main(lambda: measure(asked))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
