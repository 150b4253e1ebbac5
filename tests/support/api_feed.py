"""A feed that is written by hand, and somebody who watches it over HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import redis

from models.effects import Cause, EffectType, PublishChange, Why
from models.erasure import Mark
from models.ledger import Standing
from models.lifecycle import State
from streams.feed import FeedingSender
from streams.keys import feed as feed_key
from streams.keys import partitions as partitions_key
from streams.messages import Source, change_row, erasure_row
from streams.sse import ServerSentEvent, events_in
from streams.store import OutboxRow
from tests.support.api_house import Api
from tests.support.settled_town import KEYED

NEW = Standing(State.NEW)
AT_MS = 1_767_225_600_000  # 2026-01-01


class Kafka:
    """Acknowledges so many rows of each batch."""

    def __init__(self) -> None:
        self.takes = 10**9
        self.sent: list[OutboxRow] = []

    def send(self, rows: Sequence[OutboxRow]) -> int:
        taken = rows[: self.takes]
        self.sent += taken
        return len(taken)


def changed(
    customer_id: str,
    number: int = 1,
    kind: EffectType = EffectType.LIFECYCLE_CHANGED,
    into: str = "",
) -> OutboxRow:
    cause = Cause.of_event(f"e{number}", AT_MS, Why.PURCHASE)
    effect = PublishChange(kind, customer_id, cause, None, NEW, AT_MS, number, into=into)
    return change_row(effect, Source("main", 0, number, "p1"))


def erased(customer_id: str) -> OutboxRow:
    return erasure_row(
        KEYED.of(customer_id), Mark(AT_MS, "e"), KEYED.key_id, 1, Source("main", 0, 9, "p1")
    )


class Town:
    """An installation of which only the feed is known, and its API."""

    def __init__(self, client: redis.Redis, namespace: str, api: Api) -> None:
        self.client, self.api = client, api
        self.key, self._told = feed_key(namespace), 0
        self._sender = FeedingSender(Kafka(), client, namespace, KEYED)
        client.set(partitions_key(namespace), 1)

    def tell(self, count: int = 1, who: str = "c") -> None:
        """So many changes are published."""
        first, self._told = self._told + 1, self._told + count
        self._sender.send([changed(who, number) for number in range(first, self._told + 1)])

    def erase(self, who: str) -> None:
        self._sender.send([erased(who)])

    def cursors(self) -> list[str]:
        rows: Any = self.client.xrange(self.key)
        return [place.decode() for place, _ in rows]

    @contextmanager
    def watching(
        self, after: str | None = None, types: str = "", overviews: bool = False
    ) -> Iterator[Iterator[ServerSentEvent]]:
        headers = {} if after is None else {"Last-Event-ID": after}
        with (
            self.api.asked() as client,
            client.stream("GET", "/v1/stream", params={"types": types}, headers=headers) as answer,
        ):
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/event-stream")
            events = events_in(answer.iter_bytes())
            yield (each for each in events if overviews or each.name != "overview")

    @property
    def open_streams(self) -> float:
        with self.api.asked() as client:
            text = client.get("/metrics").text
        (line,) = [each for each in text.splitlines() if each.startswith("segmenter_api_streams ")]
        return float(line.split()[1])
