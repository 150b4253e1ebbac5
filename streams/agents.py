"""What flows where.

topics of sources ──► normalise_sources, lane ► SourceFold.handle ─┐  any shape, key, partitions;
webhooks ──► POST /v1/ingest/SOURCE (streams/api/ingest.py) ───────┤  dead letters as they came
                                                                   │
producers ─ purchases, refunds, profiles, … ────────┐              │
owner of a partition ─ ticks (streams/timekeeper.py)┤              │
learner ─ "population n is in force" ───────────────┤              │
policy publish ─ "policy n is in force" ────────────┤◄─────────────┘   bodies: policies.v1
                                                    ▼
                                        customer-events.v1      one ordered log a partition
                                                    │
                                        segment_customers       lane ► PartitionFold.handle:
                                                    │           load ► step ► apply
                                                    ▼
                                             Redis, a partition:
           states · deadlines · segments · movement · history · sketch · outbox · offset
                                      │                             │
                                  lookups                     relay (streams/outbox.py)
                               (streams/cli.py)                     │
                                                                    ├──► segment-changes.v1
                                                                    ├──► churn-alerts.v1 ──┐
                                                                    ├──► dead-letters.v1
                                                                    ├──► customer-events.v1
                                                                    │    (records that came to
                                                                    │     the wrong partition, or
                                                                    │     are for another id, or
                                                                    │     for a member's account)
                                                                    └──► population-inputs.v1
                                                                                │
                                                       learn_population         lane ►
                                                                                │ LearnerFold.handle
                                                                                ▼
                                                                    Redis, the learner: barriers,
                                                                    version · outbox · offset
                                                                                │ relay
                       populations.v1 (bodies) ◄────────────────────────────────┤
                       customer-events.v1, every partition ◄────────────────────┘

churn-alerts.v1 ──► deliver_alerts    lane ► DeskFold.handle ► alerts wait, the ledger follows
                          └── Decisions: the gate, ranks, budgets, holdout ► queues ► webhooks
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import faust
from faust.types import EventT, StreamT

from streams.batch_transport import Fetched, FetchSchema
from streams.lane import Lane
from streams.topics import ALERTS, INPUTS, LOG

TICK_EVERY_S = 1.0


class FaustFetch:
    """A Faust event as the lane sees it."""

    __slots__ = ("_event", "fetched", "partition")

    def __init__(self, event: EventT[Fetched]) -> None:
        self._event = event
        self.partition: int = event.message.partition
        self.fetched = cast(Fetched, event.value)

    def ack(self) -> None:
        """Tell Faust that it need not wait for this any more."""
        self._event.ack()


def declare(
    app: faust.App,
    keep_time: Callable[[], Awaitable[None]],
    lane: Lane[Any],
    learning: Lane[Any],
) -> None:
    """Put every agent and timer on the app.

    Args:
        app: the worker's.
        keep_time: called every `TICK_EVERY_S`.
        lane: of the log.
        learning: of the learner's topic.
    """
    _agent(app, "segment_customers", {LOG: lane})
    _agent(app, "learn_population", {INPUTS: learning})
    app.timer(TICK_EVERY_S, on_leader=False, name="keep_time")(keep_time)


def declare_delivery(app: faust.App, look: Callable[[], Awaitable[None]], lane: Lane[Any]) -> None:
    """Put the one agent and the timer of a delivery process on its app.

    Args:
        app: the process's.
        look: called every `TICK_EVERY_S`: decides what waits.
        lane: of the topic of alerts.
    """
    _agent(app, "deliver_alerts", {ALERTS: lane})
    app.timer(TICK_EVERY_S, on_leader=False, name="decide")(look)


def declare_normaliser(
    app: faust.App, look: Callable[[], Awaitable[None]], lanes: Mapping[str, Lane[Any]]
) -> None:
    """Put the one agent and the timer of a normaliser on its app.

    Args:
        app: the process's.
        look: called every `TICK_EVERY_S`: sees how far behind it is.
        lanes: of the sources' topics, by topic.
    """
    _agent(app, "normalise_sources", lanes)
    app.timer(TICK_EVERY_S, on_leader=False, name="look")(look)


def _agent(app: faust.App, name: str, lanes: Mapping[str, Lane[Any]]) -> None:
    async def hand_over(fetches: StreamT[Fetched]) -> None:
        stream = cast(faust.Stream[Fetched], fetches)
        async for event in stream.noack().events():
            await lanes[event.message.topic].put(FaustFetch(event))

    channel = app.topic(*lanes, schema=FetchSchema())
    app.agent(channel, concurrency=1, name=name)(hand_over)
