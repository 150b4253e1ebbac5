"""What a delivery process tells Prometheus: alerts that came in, what was decided, how endpoints do.

What is counted stands in the tallies of fold and desk; the endpoints are looked at now and then.
Every metric, what it means and what to do about it: docs/metrics.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from models.alert_record import Decision
from models.gate import Refusal
from streams.alert_reads import EndpointSeen
from streams.health import Health
from streams.metrics_told import counted, gauge

NOTICES = ("raised", "known", "cleared", "resolved", "forgotten", "unread", "muted", "too_old")
DECIDED = (
    Decision.SENT,
    Decision.HELD_OUT,
    Decision.OVER_BUDGET,
    Decision.BLOCKED,
    Decision.CLEARED,
)
WHY = (*(each.value for each in Refusal), "rule_removed")


class DeliveryMeter:
    """A collector; the process reports to it.

    Args:
        registry: where it is told; a new one if left out.

    Attributes:
        health: of the process.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self.health = Health()
        self._closed: Counter[str] = Counter()
        self._open: Counter[str] = Counter()
        self._endpoints: Sequence[EndpointSeen] = ()
        self._waiting: int | None = None
        self.registry.register(self)

    def saw(self, tally: Counter[str], waiting: int, endpoints: Sequence[EndpointSeen]) -> None:
        """What was counted since the topic was taken over, and what now waits."""
        self._open, self._waiting, self._endpoints = Counter(tally), waiting, endpoints

    def let_go(self, tally: Counter[str]) -> None:
        """The topic goes to another process; nothing more is told of what waits there."""
        self._closed += tally
        self._open, self._waiting, self._endpoints = Counter(), None, ()

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """See prometheus_client; called by a thread."""
        total = self._closed + self._open
        yield counted(
            "segmenter_alerts",
            "Records of the topic of alerts, and what came of them, by outcome.",
            "outcome",
            ((each, total[each]) for each in NOTICES),
        )
        yield counted(
            "segmenter_alert_decisions",
            "Alerts decided, by decision.",
            "decision",
            ((each.value, total[f"decided:{each.value}"]) for each in DECIDED),
        )
        yield counted(
            "segmenter_alerts_blocked",
            "Alerts that the gate has blocked, by what did.",
            "why",
            ((each, total[f"blocked:{each}"]) for each in WHY),
        )
        waiting = [] if self._waiting is None else [((), self._waiting)]
        yield gauge("segmenter_alerts_waiting", "Alerts that wait to be decided.", [], waiting)
        yield gauge(
            "segmenter_endpoint_alerts",
            "Alerts of each endpoint: waiting, dead, and delivered since the beginning.",
            ["endpoint", "state"],
            (
                ((each.name, state), number)
                for each in self._endpoints
                for state, number in (
                    ("waiting", each.waiting),
                    ("dead", each.dead),
                    ("delivered", each.health.delivered),
                )
            ),
        )
        yield gauge(
            "segmenter_endpoint_disabled",
            "1: the endpoint said that nobody listens there any more.",
            ["endpoint"],
            (((each.name,), bool(each.health.disabled_why)) for each in self._endpoints),
        )
