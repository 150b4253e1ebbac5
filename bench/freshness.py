"""How long from a purchase in Kafka until a lookup shows it.

    make bench-freshness [BENCH_ARGS="--rates 200,500,1000 --seconds 10 --workers 1"]

Apache Kafka, Redis, workers, a relay and the API as processes on one machine. Purchases of many customers
are written at a rate; now and then one of a customer of its own, who is then looked up over HTTP, on one
connection, until the answer shows them. The time is from the producer's call to that answer: it
contains the producer's, Kafka's acknowledgement and the polling (about 2 ms).
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any, NamedTuple

from kafka import KafkaProducer
from rich.console import Console
from rich.table import Table

from bench.throughput import running_servers
from models.policy import policy_from_preset
from streams.local import free_port
from streams.settings import Settings
from streams.topics import LOG
from tests.support.installation import Installation, wait_until

POLICY = policy_from_preset("grocery")
PARTITIONS = 4
CUSTOMERS = 5_000
WATCH_EVERY_S = 0.05
LOST_AFTER_S = 20.0


class Fresh(NamedTuple):
    """What one rate came to.

    Attributes:
        asked: purchases a second that were asked for.
        written: that were written.
        watched: purchases that were waited for.
        p50_ms: until they were shown.
        p99_ms: likewise.
        lag_s: after the load: until everything was folded.
    """

    asked: int
    written: float
    watched: int
    p50_ms: float
    p99_ms: float
    lag_s: float


def main() -> None:
    """Measure, and print the table."""
    asked = _asked()
    console = Console()
    with running_servers() as servers:
        config = Path(servers.directory, "segmenter.toml")
        config.write_text('preset = "grocery"\n', "utf-8")
        kafka, redis = servers.kafka.bootstrap_servers, servers.redis.url
        with closing(Installation(kafka, redis, "fresh", POLICY, PARTITIONS)) as here:
            port = free_port()
            opened = {"api_port": port, "api_rate_per_s": 0}
            settings = Settings.model_validate({**here.settings.model_dump(), **opened})
            for number in range(asked.workers):
                here.start("worker", config, servers.directory / f"worker-{number}.log")
            here.start("relay", config, servers.directory / "relay.log")
            here.start("api", config, servers.directory / "api.log", settings)
            load = Load(here, port)
            wait_until(lambda: _is_ready(port))
            load.at(asked.warm_up, 5.0)
            found = [load.at(rate, asked.seconds) for rate in asked.rates]
            load.close()
    console.print(_table(found, asked))


class Load:
    """Writes purchases at a rate, and watches some of them."""

    def __init__(self, here: Installation, port: int) -> None:
        self._here, self._port = here, port
        servers = here.settings.bootstrap_servers.split(",")
        self._producer: Any = KafkaProducer(bootstrap_servers=servers, acks="all", linger_ms=1)
        self._number = 0

    def close(self) -> None:
        """No more."""
        self._producer.close()

    def at(self, rate: int, seconds: float) -> Fresh:
        """So many a second for so long; then until all of it is folded."""
        stop, waited = threading.Event(), list[float]()
        watcher = threading.Thread(target=self._watch, args=(stop, waited), daemon=True)
        watcher.start()
        began_s, written = time.perf_counter(), 0
        while (now_s := time.perf_counter()) < began_s + seconds:
            due = int((now_s - began_s) * rate) - written
            for _ in range(due):
                self._number += 1
                self._buy(f"c{self._number % CUSTOMERS}")
            written += due
            time.sleep(0.002)
        took_s = time.perf_counter() - began_s
        stop.set()
        watcher.join()
        self._producer.flush()
        ended_s = time.perf_counter()
        self._here.wait_until_folded()
        lag_s = time.perf_counter() - ended_s
        cuts = quantiles(waited, n=100)
        p50_ms, p99_ms = 1000 * cuts[49], 1000 * cuts[98]
        return Fresh(rate, written / took_s, len(waited), p50_ms, p99_ms, lag_s)

    def _watch(self, stop: threading.Event, waited: list[float]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port)
        number = 0
        while not stop.wait(WATCH_EVERY_S):
            number += 1
            name = f"watched-{time.time_ns()}-{number}"
            began_s = time.perf_counter()
            self._buy(name)
            while not _is_known(connection, name):
                if time.perf_counter() > began_s + LOST_AFTER_S:
                    raise SystemExit(f"a purchase was not shown within {LOST_AFTER_S:g} s")
            waited.append(time.perf_counter() - began_s)

    def _buy(self, customer_id: str) -> None:
        body = {
            "event_id": f"e{time.time_ns()}-{customer_id}",
            "customer_id": customer_id,
            "occurred_at": datetime.now(UTC).isoformat(),
            "amount_minor": 4_990,
            "currency": "USD",
            "items": [{"sku": "s1", "quantity": 2, "unit_price_minor": 2_495, "category": "tea"}],
        }
        value = json.dumps(body).encode()
        self._producer.send(LOG, value, key=customer_id.encode(), headers=[("kind", b"purchase")])


def _is_known(connection: http.client.HTTPConnection, name: str) -> bool:
    connection.request("GET", f"/v1/customers/{name}")
    answer = connection.getresponse()
    answer.read()
    return answer.status == 200


def _is_ready(port: int) -> bool:
    try:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
    except OSError:
        return False


def _table(found: list[Fresh], asked: argparse.Namespace) -> Table:
    table = Table(
        title=f"produced → shown; {asked.workers} worker(s), {os.cpu_count()} cores for all"
    )
    for name in ("asked/s", "written/s", "watched", "p50 ms", "p99 ms", "then folded in, s"):
        table.add_column(name, justify="right")
    for each in found:
        table.add_row(
            f"{each.asked:,}",
            f"{each.written:,.0f}",
            f"{each.watched:,}",
            f"{each.p50_ms:,.0f}",
            f"{each.p99_ms:,.0f}",
            f"{each.lag_s:.1f}",
        )
    return table


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rates", type=_numbers, default=[100, 500, 1_000, 2_000])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--warm-up", type=int, default=200)
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(each) for each in text.split(",")]


if __name__ == "__main__":
    main()
