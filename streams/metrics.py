"""Metrics for Prometheus, and probes: where they are told, and what a relay counts.

Enters: what a relay reports, round by round. Leaves: text over HTTP, if the settings name a port.
Forbidden here: Kafka, the store, and label values that a customer or a producer could choose.

What a worker counts stands in `streams/metrics_worker.py`. Every metric, what it means and what to
do about it: docs/metrics.md.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    start_http_server,
)

from streams.health import Health
from streams.refusal import Refused
from streams.wall import wall_ms

_ROUND_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


def process_registry() -> CollectorRegistry:
    """A registry of its own for one process, with that process's CPU, memory and files."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry


@contextmanager
def serve(registry: CollectorRegistry, host: str, port: int, health: Health) -> Iterator[None]:
    """Tell the metrics at http://HOST:PORT/metrics, from a thread of its own; port 0: nowhere.

    And answer probes there: `/healthz`, whether the process is alive, `/readyz`, whether it does
    its work; 200 or 503, with the reason.

    Raises:
        Refused: the address can't be had.
    """
    if not port:
        yield
        return
    disable_created_metrics()  # type: ignore[no-untyped-call] # they would double the series
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise Refused(
            f"metrics can't be told at {host}:{port}: {error}; each process of a host needs a port "
            "of its own: set SEGMENTER_METRICS_PORT (connection.metrics_port; 0: none) "
            "and SEGMENTER_METRICS_HOST"
        ) from None
    server.set_app(_answering(server.get_app(), health))
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answering(metrics: Any, health: Health) -> Callable[..., Iterable[bytes]]:
    """A WSGI application: probes, and everything else is metrics."""
    probes = {"/healthz": health.why_dead, "/readyz": health.why_unready}

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        probe = probes.get(environ.get("PATH_INFO", ""))
        if probe is None:
            answered: Iterable[bytes] = metrics(environ, start_response)
            return answered
        why_not = probe()
        status = "503 Service Unavailable" if why_not else "200 OK"
        start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [f"{why_not or 'ok'}\n".encode()]

    return answer


class RelayMeter:
    """What a relay reports.

    Args:
        registry: where it is told; a new one if left out.

    Attributes:
        health: of the process.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self.health = Health()
        self._sent = Counter(
            "segmenter_relay_sent",
            "Rows that Kafka has acknowledged, by the topic they went to.",
            ["topic"],
            registry=self.registry,
        )
        self._muted = Counter(
            "segmenter_relay_muted",
            "Rows that were not sent because they stand in their topic already.",
            registry=self.registry,
        )
        self._waits = Counter(
            "segmenter_relay_waits",
            "Rounds after which the relay paused: Redis did not answer, or Kafka took nothing.",
            ["cause"],
            registry=self.registry,
        )
        self._waiting = Gauge(
            "segmenter_relay_waiting_rows",
            "Rows found in the last round; at most 1,000 an outbox are looked at.",
            registry=self.registry,
        )
        self._round_s = Histogram(
            "segmenter_relay_round_seconds",
            "Time of one round over all outboxes; of rounds that found rows.",
            buckets=_ROUND_S,
            registry=self.registry,
        )
        self._rounded = Gauge(
            "segmenter_relay_round_timestamp_seconds",
            "When the last round ended that Redis answered, epoch seconds.",
            registry=self.registry,
        )
        for cause in ("redis", "kafka"):
            self._waits.labels(cause)

    def sent(self, by_topic: Tally[str], muted: int) -> None:
        """Rows have left, or need not; called by a thread."""
        for topic, count in by_topic.items():
            self._sent.labels(topic).inc(count)
        self._muted.inc(muted)

    def round(self, found: int, moved: int, took_s: float) -> None:
        """All outboxes were looked at once: rows found, and of these those that are gone now."""
        self._waiting.set(found)
        self._rounded.set(wall_ms() / 1000)
        if found:
            self._round_s.observe(took_s)
        if found and not moved:
            self._waits.labels("kafka").inc()
            self.health.waits("Kafka took none of the rows that wait")
        else:
            self.health.works()

    def redis_is_away(self) -> None:
        """A round was given up."""
        self._waits.labels("redis").inc()
        self.health.waits("Redis does not answer")
