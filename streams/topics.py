"""Every topic, declared once.

| topic | key | who writes | who reads |
| --- | --- | --- | --- |
| `customer-events.v1` | customer id | producers; normaliser, API; owners (ticks); relay (what is sent on) | workers |
| `segment-changes.v1` | customer id | relay | marketing, services |
| `churn-alerts.v1` | customer id | relay | delivery; CRM systems |
| `dead-letters.v1` | key of the rejected record | relay, normaliser, API | whoever repairs producers |
| `population-inputs.v1` | partition number | relay | the learner |
| `populations.v1` | the population's digest | relay | workers |
| `policies.v1` | number and digest of a policy | `segmenter policy publish` | workers |
| `erasures.v1` | namespace/keyed hash of the id | relay | workers that fold a log from its beginning |

Sources have topics of their own, which segmenter.toml names (`[sources.NAME]`) and the normaliser reads.

Log, changes and dead letters have the same number of partitions, the others have one. The log keeps
its records for ever, because the states are a fold of it, and takes the broker's append time, because
the clock is bounded by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LOG = "customer-events.v1"
CHANGES = "segment-changes.v1"
ALERTS = "churn-alerts.v1"
DEAD_LETTERS = "dead-letters.v1"
INPUTS = "population-inputs.v1"
POPULATIONS = "populations.v1"
POLICIES = "policies.v1"
ERASURES = "erasures.v1"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic's name and the settings that matter here.

    Attributes:
        name: with its version.
        config: where it differs from the broker's own.
        partitions: how many; None: as many as the log has.
    """

    name: str
    config: Mapping[str, str]
    partitions: int | None = None


TOPICS = (
    Topic(LOG, {"retention.ms": "-1", "message.timestamp.type": "LogAppendTime"}),
    Topic(CHANGES, {"retention.ms": str(30 * 86_400_000)}),
    Topic(ALERTS, {"retention.ms": str(30 * 86_400_000)}, partitions=1),
    Topic(DEAD_LETTERS, {"retention.ms": str(90 * 86_400_000)}),
    Topic(INPUTS, {"retention.ms": "-1"}, partitions=1),
    Topic(POPULATIONS, {"cleanup.policy": "compact"}, partitions=1),
    Topic(POLICIES, {"cleanup.policy": "compact"}, partitions=1),
    Topic(ERASURES, {"cleanup.policy": "compact"}, partitions=1),
)
