"""What the API process tells Prometheus about itself."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram, generate_latest

from streams.health import Health
from streams.metrics import process_registry

SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class ApiMeter:
    """Counts requests.

    Attributes:
        registry: where they are told.
        health: of the process; told once a second.
    """

    def __init__(self) -> None:
        self.registry, self.health = process_registry(), Health()
        self._known: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self._requests = Counter(
            "segmenter_api_requests",
            "Requests answered, by route and status.",
            ("route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "segmenter_api_request_seconds",
            "From the request's head to the end of the answer.",
            ("route",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._ingested = Counter(
            "segmenter_ingested",
            "What became of the events that sources sent over HTTP, by source and outcome.",
            ("source", "outcome"),
            registry=self.registry,
        )
        self._portraits = Gauge(
            "segmenter_api_portraits",
            "Lookups that showed a rendered customer again (hit), or rendered one (miss).",
            ("outcome",),
            registry=self.registry,
        )
        self._watching = Gauge(
            "segmenter_api_streams", "Streams of changes that are open.", registry=self.registry
        )

    def ingested(self, source: str, outcome: str) -> None:
        """One event of a source, or one request whose signature was wrong."""
        self._ingested.labels(source, outcome).inc()

    def answered(self, route: str, status: int, seconds: float) -> None:
        """One request; `route` is a template, never a path with an id."""
        known = self._known.get((route, status))
        if known is None:
            count, took = self._requests.labels(route, str(status)), self._seconds.labels(route)
            known = self._known[route, status] = count, took
        known[0].inc()
        known[1].observe(seconds)

    def exposition(self, hits: int, misses: int, watching: int) -> bytes:
        """The text that Prometheus reads."""
        self.note(hits, misses, watching)
        return generate_latest(self.registry)

    def note(self, hits: int, misses: int, watching: int) -> None:
        """What is counted elsewhere, as it stands now."""
        self._portraits.labels("hit").set(hits)
        self._portraits.labels("miss").set(misses)
        self._watching.set(watching)
