"""How late a crowd of deadlines that share one midnight is, and what others notice of it.

    python -m bench.timers [--pending 1000000] [--due 50000] [--rate 200] [--rounds N] [--json | --markdown]

A million customers have a deadline in Redis, in four partitions; that of 50,000 is the same midnight. One worker runs, and
ordinary purchases come at a rate. When event time reaches midnight a tick is written into each partition. The
delay is from the tick's acknowledgement until the script that has written a customer's new state: effects stand in the
same script's outbox, whose rows are numbered by Redis' own clock. So what was written last is known to a millisecond without
asking anybody meanwhile. Freshness is that of purchases of new customers, before the tick and while the crowd is walked.

Its peer, in turns, over as many deadlines in one sorted set: a poller by hand (bench/peer_poller.py).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, NamedTuple

from kafka import KafkaProducer

from bench.figures import Row, arguments_of_rounds, at_least, machine, middle, say, tell
from bench.load import Load
from bench.peer_poller import filled, polled
from bench.purchases import PARTITIONS
from bench.running import Failed, run_main, running_servers, wait_for
from bench.science_tables import Cell, Table
from bench.shop import NAMESPACE, Loading, Shop, after, shift_ms
from bench.throughput_rounds import copied, database, on_store
from bench.town import LEAN, SEED, Customers, Town, lived
from bench.watching import Buyer, InStore, Waited, Watching, ms, seen_after_s
from models.alerts import changes_in
from models.customer import CustomerState
from models.events import Kind, encode_tick
from models.step import advance
from streams.messages import rfc3339
from streams.store import Store
from streams.topics import LOG

DAYS = 45  # from a Monday: the midnight is one at which no week ends
BEFORE_S = 15.0  # of ordinary purchases, before midnight; who writes them has to start
QUIET_S = 10.0  # of these, those that are told
KEPT = 2  # the database of the store as it was settled
PEER_DATABASE = 15
LOST_AFTER_S = 60.0
ROWS = 1_000_000


class Crowd(NamedTuple):
    """Who will be due.

    Attributes:
        midnight: event time.
        due: with a deadline then, that tells something when it comes.
        later: with a later one.
    """

    midnight: datetime
    due: Sequence[CustomerState]
    later: Sequence[CustomerState]

    @property
    def midnight_ms(self) -> int:
        """Epoch milliseconds."""
        return int(self.midnight.timestamp() * 1000)

    def customers(self, due: int, pending: int) -> Customers:
        """So many with a deadline, so many of them at midnight; those are named `due…`."""
        first = ((f"due{n}", self.due[n % len(self.due)]) for n in range(due))
        others = ((f"c{n}", self.later[n % len(self.later)]) for n in range(pending - due))
        return chain(first, others)


def crowd(town: Town) -> Crowd:
    """The town's customers by whether they are due at the next midnight.

    Raises:
        Failed: nobody is.
    """
    midnight = after(DAYS + 1)
    at_ms = int(midnight.timestamp() * 1000)
    due = [each for each in town.states if each.next_deadline_ms == at_ms]
    due = [each for each in due if _tells(each, at_ms, town)]
    later = [each for each in town.states if (each.next_deadline_ms or 0) > at_ms]
    if not due or not later:
        raise Failed(
            f"of {len(town.states)} customers {len(due)} are due at midnight, {len(later)} later"
        )
    return Crowd(midnight, due, later)


def _tells(state: CustomerState, at_ms: int, town: Town) -> bool:
    _, effects = advance("c", state, at_ms, town.policy, town.population)
    return bool(changes_in(effects))


class Burst(NamedTuple):
    """One midnight.

    Attributes:
        delays_s: of each customer who was told of, from the tick's acknowledgement.
        waited: purchases that were watched.
        tick_s: when the tick was there, monotonic.
    """

    delays_s: Sequence[float]
    waited: Sequence[Waited]
    tick_s: float

    @property
    def row(self) -> dict[str, Cell]:
        """In milliseconds."""
        walked_s = max(self.delays_s, default=0.0)
        before_s = self.tick_s - QUIET_S, self.tick_s - 1.0
        before = [e.took_s for e in self.waited if before_s[0] <= e.began_s < before_s[1]]
        meanwhile = [
            each.took_s
            for each in self.waited
            if self.tick_s <= each.began_s <= self.tick_s + walked_s
        ]
        return {
            "p50 ms": ms(self.delays_s, 50),
            "p99 ms": ms(self.delays_s, 99),
            "last ms": 1000 * walked_s,
            "told": len(self.delays_s),
            "freshness before, p50 ms": ms(before, 50),
            "freshness before, p99 ms": ms(before, 99),
            "meanwhile, p50 ms": ms(meanwhile, 50),
            "meanwhile, p99 ms": ms(meanwhile, 99),
        }


def burst(shop: Shop, who: Crowd, asked: argparse.Namespace) -> Burst:
    """One midnight of one worker, from the store as it was settled."""
    copied(shop.url, KEPT, 0)
    with shop.open("worker"), closing(InStore(shop.settings)) as look:
        an_hour_before = shift_ms(who.midnight - timedelta(hours=1))
        with closing(Buyer(shop.kafka, LOG, an_hour_before)) as first:
            wait_for(lambda: seen_after_s(look, [first.somebody()], 2.0) < 2.0, "the worker")
        shift = shift_ms(who.midnight - timedelta(seconds=BEFORE_S))
        load = Load(LOG, PARTITIONS, asked.pending - asked.due, asked.rate, 1e6, shift)
        with (
            closing(Buyer(shop.kafka, LOG, shift)) as buyer,
            Loading(shop.kafka, load) as loading,
            Watching(buyer, [lambda: InStore(shop.settings)], LOST_AFTER_S) as watching,
        ):
            time.sleep(BEFORE_S)
            tick_s, tick_wall_s = _tick(shop.kafka, who.midnight_ms)
            _wait_until_over(shop, who)
            loading.stop()
        delays_s = _delays_s(shop, who, tick_wall_s)
    return Burst(delays_s, watching.waited, tick_s)


def _tick(servers: str, at_ms: int) -> tuple[float, float]:
    """A tick into every partition; answers when all were acknowledged: monotonic, and by the wall."""
    with closing(KafkaProducer(bootstrap_servers=servers.split(","), acks="all", linger_ms=0)) as p:
        producer: Any = p
        headers = [("kind", Kind.TICK.value.encode())]
        told = {"value": encode_tick(at_ms), "headers": headers}
        sent = [producer.send(LOG, partition=each, **told) for each in range(PARTITIONS)]
        for each in sent:
            each.get(timeout=30)
        return time.monotonic(), time.time()


def _wait_until_over(shop: Shop, who: Crowd) -> None:
    """Until no deadline up to midnight is left in any partition."""

    async def earliest(store: Store) -> list[int | None]:
        return [await store.next_due_ms(each) for each in range(PARTITIONS)]

    def over() -> bool:
        found = on_store(shop.url, NAMESPACE, earliest)
        return all(each is None or each > who.midnight_ms for each in found)

    wait_for(over, "the last deadline", every_s=0.25)


def _delays_s(shop: Shop, who: Crowd, tick_wall_s: float) -> list[float]:
    """Of everyone who was due: from the tick to the first effect, by the numbers of its row."""

    async def rows(store: Store) -> list[tuple[bytes, Any]]:
        found = [await store.outbox(each, ROWS) for each in range(PARTITIONS)]
        return list(chain.from_iterable(found))

    at = rfc3339(who.midnight_ms).encode()
    first_ms: dict[bytes, int] = {}
    for row_id, row in on_store(shop.url, NAMESPACE, rows):
        if row.key is not None and row.key.startswith(b"due") and ("ce_time", at) in row.headers:
            written_ms = int(row_id.partition(b"-")[0])
            first_ms[row.key] = min(written_ms, first_ms.get(row.key, written_ms))
    return [each / 1000 - tick_wall_s for each in first_ms.values()]


def poll(redis_url: str, who: Crowd, asked: argparse.Namespace) -> dict[str, Cell]:
    """The peer: as many deadlines, as many of them due."""
    url = database(redis_url, PEER_DATABASE)
    filled(url, asked.pending, asked.due, who.midnight_ms)
    took_s = polled(url, who.midnight_ms, asked.due)
    last_ms = 1000 * max(took_s)
    told = {"p50 ms": ms(took_s, 50), "p99 ms": ms(took_s, 99), "last ms": last_ms}
    return {**told, "told": len(took_s)}


def measure(asked: argparse.Namespace) -> None:
    """Measure, and print the table."""
    about = {**machine(), "seed": SEED, "rounds": asked.rounds, "pending": asked.pending}
    say("six weeks of a shop, in memory")
    town = lived(LEAN, days=DAYS)
    who = crowd(town)
    mine, theirs = list[Row](), list[Row]()
    with running_servers() as servers:
        say(f"Kafka and Redis run; settling {asked.pending:,} customers")
        shop = Shop(servers, LEAN)
        shop.settle(town, who.customers(asked.due, asked.pending))
        copied(shop.url, 0, KEPT)
        for number in range(1, asked.rounds + 1):
            say(f"round {number} of {asked.rounds}: {asked.pending:,} deadlines")
            mine.append(burst(shop, who, asked).row)
            say("the peer")
            theirs.append(poll(shop.url, who, asked))
        shop.close()
    rows = [{"": "worker", **middle(mine)}, {"": "peer", **middle(theirs)}]
    title = f"{asked.due:,} of {asked.pending:,} deadlines at one midnight"
    raw = [{"": "worker", **each} for each in mine] + [{"": "peer", **each} for each in theirs]
    tell(asked, about, [Table(title, rows)], [Table("rounds", raw)])


def asked_for(given: Sequence[str]) -> argparse.Namespace:
    """The arguments; exits if they make no sense."""
    parser = arguments_of_rounds("bench.timers")
    parser.add_argument("--pending", type=at_least(2), default=1_000_000)
    parser.add_argument("--due", type=at_least(2), default=50_000, help="of those, at midnight")
    parser.add_argument("--rate", type=at_least(1), default=200, help="purchases a second")
    asked = parser.parse_args(given)
    if asked.due >= asked.pending:
        parser.error("--due: fewer than --pending")
    return asked


def main(given: Sequence[str]) -> int:
    """Measure and print; 1 if something needed is missing or fails."""
    asked = asked_for(given)
    return run_main(lambda: measure(asked))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
