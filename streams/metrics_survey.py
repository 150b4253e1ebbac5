"""What a surveyor reports: when the newest survey was taken, of how many, and what it cost."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from streams.health import Health


class SurveyMeter:
    """What a surveyor reports.

    Args:
        registry: where it is told; a new one if left out.

    Attributes:
        health: of the process.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self.health = Health()
        self._customers = Gauge(
            "segmenter_survey_customers",
            "Customers in the newest survey.",
            registry=self.registry,
        )
        self._took_s = Gauge(
            "segmenter_survey_seconds",
            "How long the newest survey took.",
            registry=self.registry,
        )
        self._size = Gauge(
            "segmenter_survey_bytes",
            "Its size in Redis.",
            registry=self.registry,
        )
        self._taken = Gauge(
            "segmenter_survey_timestamp_seconds",
            "When it was taken, epoch seconds; 0: none yet by this process.",
            registry=self.registry,
        )

        self._failed = Counter(
            "segmenter_survey_failures",
            "Looks that came to nothing: Redis was away, nobody had begun, or something could not be read.",
            registry=self.registry,
        )

    def looked(self) -> None:
        """A look was answered, whether or not a survey was due."""
        self.health.works()

    def failed(self, why: str) -> None:
        """A look came to nothing; the next one follows."""
        self._failed.inc()
        self.health.waits(why)

    def took(self, customers: int, took_s: float, size_bytes: int, at_ms: int) -> None:
        """A survey was taken and kept."""
        self._customers.set(customers)
        self._took_s.set(took_s)
        self._size.set(size_bytes)
        self._taken.set(at_ms / 1000)
