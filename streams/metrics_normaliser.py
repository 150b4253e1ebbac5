"""What a normaliser tells Prometheus: what became of the records of each source, and how far it is behind.

Enters: reports, one a look. Leaves: metrics. Forbidden here: Kafka, the store, and label values that a
customer or a producer could choose: names of sources are those of the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from streams.health import Health
from streams.metrics_told import gauge

OUTCOMES = ("written", "ignored", "dead_letters", "unread", "gaps", "expired")


class Behind(NamedTuple):
    """How far a partition is behind.

    Attributes:
        name: of the source.
        partition: of its topic.
        lag_records: not in the log yet; None: not known.
    """

    name: str
    partition: int
    lag_records: int | None


class NormaliserMeter(Collector):
    """A collector; the process reports to it.

    Args:
        names: of the sources that are read.
        registry: where it is told; a new one if left out.

    Attributes:
        health: of the process.
    """

    def __init__(self, names: Sequence[str], registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self.health = Health()
        self._names = tuple(names)
        self._became: Mapping[str, Counter[str]] = {}
        self._behind: Sequence[Behind] = ()
        self._waiting: frozenset[str] = frozenset()
        self.registry.register(self)

    def saw(
        self,
        became: Mapping[str, Counter[str]],
        behind: Sequence[Behind],
        waiting: frozenset[str],
    ) -> None:
        """What a look brought; replaced as a whole, because a thread reads it.

        Args:
            became: by source, what became of records since the process began, by outcome.
            behind: of the partitions that are held here.
            waiting: sources whose records can't be sent, or whose offset can't be written, now.
        """
        self._became, self._behind, self._waiting = became, behind, waiting

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """See prometheus_client; called by a thread."""
        records = CounterMetricFamily(
            "segmenter_source_events",
            "What became of what the sources' topics hold, by source and outcome.",
            labels=["source", "outcome"],
        )
        for name in self._names:
            for outcome in OUTCOMES:
                became = self._became.get(name, Counter())
                records.add_metric([name, outcome], became[outcome])
        yield records
        yield gauge(
            "segmenter_source_lag_records",
            "Records of a source's topic that are not in the log.",
            ["source", "partition"],
            (
                ((each.name, str(each.partition)), each.lag_records)
                for each in self._behind
                if each.lag_records is not None
            ),
        )
        yield gauge(
            "segmenter_source_waiting",
            "1 while Kafka or Redis is waited for.",
            ["source"],
            (((name,), name in self._waiting) for name in self._names),
        )
