"""What flows where.

producers ─ purchases, refunds, profiles, erasures ─┐
owner of a partition ─ ticks (keep_time) ───────────┤
                                                    ▼
                                        customer-events.v1      one ordered log a partition
                                                    │
                                        segment_customers       lane ► PartitionFold.handle:
                                                    │           load ► step ► apply
                                                    ▼
                                             Redis, a partition:
                                states · deadlines · cells · history · outbox · offset
                                      │                             │
                                  lookups                     relay (streams/outbox.py)
                               (streams/cli.py)                     │
                                                                    ├──► segment-changes.v1
                                                                    ├──► dead-letters.v1
                                                                    └──► customer-events.v1
                                                                         (records that came to
                                                                          the wrong partition)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

import faust
from faust.types import EventT, StreamT

from streams.lane import Lane
from streams.topics import LOG
from streams.transport import Fetched, FetchSchema

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


def declare(app: faust.App, lane: Lane, keep_time: Callable[[], Awaitable[None]]) -> None:
    """Put every agent and timer on the app."""
    log = app.topic(LOG, schema=FetchSchema())

    async def segment_customers(fetches: StreamT[Fetched]) -> None:
        stream = cast(faust.Stream[Fetched], fetches)
        async for event in stream.noack().events():
            await lane.put(FaustFetch(event))

    app.agent(log, concurrency=1, name="segment_customers")(segment_customers)
    app.timer(TICK_EVERY_S, on_leader=False, name="keep_time")(keep_time)
