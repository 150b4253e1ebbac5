"""How long from a purchase until it is seen: buys for somebody new, and looks until they are there.

Enters: where to look, one way or several. Leaves: for each purchase when it was made and how long it took. The time is
from the producer's call: it contains the producer's, Kafka's acknowledgement and the looking (a millisecond, or a
twentieth of the time).
"""

from __future__ import annotations

import asyncio
import http.client
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any, NamedTuple, Protocol, Self

import redis
from kafka import KafkaProducer

from bench.figures import percentile
from bench.peer_faust import KEY
from bench.purchases import PARTITIONS, purchase
from streams.partitioner import partition_of
from streams.redis_store import RedisStore, connect
from streams.settings import Settings

EVERY_S = 0.03
LOOK_EVERY_S = 0.001
AGAIN = 0.05  # of the time that somebody has been waited for: looking costs those who are looked at
REST_S = 0.1  # but never longer
AMOUNT_MINOR = 4_990


class Look(Protocol):
    """One way to look for a customer."""

    def shows(self, customer_id: str) -> bool:
        """Whether they are there."""

    def close(self) -> None:
        """No more."""


class InStore:
    """In Redis, through the store's contract, as a lookup does."""

    def __init__(self, settings: Settings) -> None:
        self._loop = asyncio.new_event_loop()
        self._client = connect(settings.redis_url.get_secret_value())
        self._store = RedisStore(self._client, settings.namespace)

    def shows(self, customer_id: str) -> bool:
        """See `Look`."""
        place = partition_of(customer_id, PARTITIONS)
        looked = self._loop.run_until_complete(self._store.look(place, [customer_id]))
        return looked.states[0] is not None

    def close(self) -> None:
        """See `Look`."""
        self._loop.run_until_complete(self._client.aclose())
        self._loop.close()


class OverHttp:
    """Over HTTP, on one connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)

    def shows(self, customer_id: str) -> bool:
        """See `Look`."""
        self._connection.request("GET", f"/v1/customers/{customer_id}")
        answer = self._connection.getresponse()
        answer.read()
        return answer.status == 200

    def close(self) -> None:
        """See `Look`."""
        self._connection.close()


class OfPeer:
    """In Redis, where the peer of bench/peer_faust.py writes."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(url)

    def shows(self, customer_id: str) -> bool:
        """See `Look`."""
        return bool(self._redis.exists(KEY.format(customer_id)))

    def close(self) -> None:
        """See `Look`."""
        self._redis.close()


class Waited(NamedTuple):
    """One purchase that was waited for.

    Attributes:
        look: which way, its place.
        began_s: when it was made, monotonic.
        took_s: until it was seen.
    """

    look: int
    began_s: float
    took_s: float


class Buyer:
    """Writes single purchases of people who never bought before.

    Args:
        servers: of Kafka.
        topic: where to.
        shift_ms: from the wall clock to event time.
    """

    def __init__(self, servers: str, topic: str, shift_ms: int = 0) -> None:
        self._topic, self._shift_s = topic, shift_ms / 1000
        self._numbers, self._run = count(), time.time_ns()
        self._producer: Any = KafkaProducer(
            bootstrap_servers=servers.split(","), acks="all", linger_ms=0
        )

    def somebody(self) -> str:
        """Buys; answers who."""
        name = f"watched-{self._run}-{next(self._numbers)}"
        at = datetime.fromtimestamp(time.time() + self._shift_s, UTC)
        bought = purchase(name, at, f"e-{name}", AMOUNT_MINOR)
        header = [("kind", b"purchase")]
        self._producer.send(self._topic, bought.value, key=name.encode(), headers=header)
        return name

    def somebody_everywhere(self) -> list[str]:
        """Somebody in each partition, behind all that was written before."""
        found: dict[int, str] = {}
        while len(found) < PARTITIONS:
            name = self.somebody()
            found.setdefault(partition_of(name, PARTITIONS), name)
        return list(found.values())

    def close(self) -> None:
        """No more."""
        self._producer.close()


class Bought(NamedTuple):
    """One purchase that is waited for: whose, and since when, monotonic."""

    customer_id: str
    began_s: float


class Watching:
    """Watches, in a thread, while the block lasts.

    A purchase is made every `EVERY_S`, whether those before it were seen or not: who waits for each before the next
    leaves out what came while everything stood still. What is written into one partition is seen in
    its order, so only the oldest of each is looked for.

    Args:
        buyer: who buys.
        looks: ways to look, in turns; made, used and closed in that thread.
        lost_after_s: for how long the last purchases are waited for at the end; they count as long as they have waited.

    Attributes:
        waited: what has been seen.
        failure: what ended the watching early.
    """

    def __init__(
        self, buyer: Buyer, looks: Sequence[Callable[[], Look]], lost_after_s: float
    ) -> None:
        self._buyer, self._make, self._lost_after_s = buyer, looks, lost_after_s
        self._stop, self._thread = threading.Event(), threading.Thread(target=self._run)
        self._open: defaultdict[tuple[int, int], deque[Bought]] = defaultdict(deque)
        self.waited: list[Waited] = []
        self.failure: Exception | None = None

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        """End; blocks until all purchases are seen, or count as lost."""
        self._stop.set()
        self._thread.join()
        if self.failure is not None and not any(raised):
            raise self.failure

    def _run(self) -> None:
        try:
            looks = [each() for each in self._make]
            self._buy_and_look(looks)
            give_up_s = time.monotonic() + self._lost_after_s
            while any(self._open.values()) and time.monotonic() < give_up_s:
                self._look(looks)
            self._lose()
            for look in looks:
                look.close()
        except Exception as error:  # noqa: BLE001 - told when the block ends
            self.failure = error

    def _buy_and_look(self, looks: Sequence[Look]) -> None:
        began_s, bought = time.monotonic(), 0
        while not self._stop.is_set():
            while bought * EVERY_S <= time.monotonic() - began_s:
                self._buy(bought % len(looks))
                bought += 1
            self._look(looks)

    def _buy(self, look: int) -> None:
        now_s = time.monotonic()
        name = self._buyer.somebody()
        self._open[look, partition_of(name, PARTITIONS)].append(Bought(name, now_s))

    def _look(self, looks: Sequence[Look]) -> None:
        for (place, _), bought in self._open.items():
            while bought and looks[place].shows(bought[0].customer_id):
                began_s = bought.popleft().began_s
                self.waited.append(Waited(place, began_s, time.monotonic() - began_s))
        time.sleep(self._pause_s())

    def _pause_s(self) -> float:
        now_s = time.monotonic()
        oldest_s = min((each[0].began_s for each in self._open.values() if each), default=now_s)
        return min(REST_S, max(LOOK_EVERY_S, AGAIN * (now_s - oldest_s)))

    def _lose(self) -> None:
        now_s = time.monotonic()
        for (place, _), bought in self._open.items():
            self.waited += [Waited(place, each.began_s, now_s - each.began_s) for each in bought]

    def took_s(self, look: int) -> list[float]:
        """How long it took, one way."""
        return [each.took_s for each in self.waited if each.look == look]


def seen_after_s(look: Look, names: Sequence[str], lost_after_s: float) -> float:
    """How long until all of them are there; blocks, no longer than `lost_after_s`."""
    began_s, waiting = time.monotonic(), list(names)
    while (now_s := time.monotonic()) < began_s + lost_after_s:
        waiting = [each for each in waiting if not look.shows(each)]
        if not waiting:
            return time.monotonic() - began_s
        time.sleep(max(LOOK_EVERY_S, AGAIN * (now_s - began_s)))
    return now_s - began_s


def ms(values_s: Sequence[float], percent: int) -> float | None:
    """A percentile of seconds, in milliseconds."""
    found = percentile(values_s, percent)
    return None if found is None else 1000 * found
