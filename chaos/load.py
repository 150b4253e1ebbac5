"""What streams in: a year of real purchases, over and over, with what real sources send besides.

The same seed gives the same records in the same order; when they are written, time decides.
"""

from __future__ import annotations

import heapq
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import chain, count
from typing import Any, NamedTuple
from zlib import crc32

from streams.datasets import DATASETS
from streams.replay import Publisher
from streams.sources import SourceRecord

DATASET = DATASETS["complete-journey"]
LAP_DAYS = 364  # whole weeks: a lap begins on the weekday on which the last one began
LAPS = 9  # 2017 to 2025: nothing may claim to come from the future
HOUSEHOLDS = 2_500  # ids run from 1 to about here
COMPANIES = 40
_DAY_MS = 86_400_000


def purchases() -> Iterator[SourceRecord]:
    """The Complete Journey, lap after lap, each a year later and under new event ids."""
    for lap in range(LAPS):
        for record in DATASET.read():
            yield record if lap == 0 else later(record, lap)


def later(record: SourceRecord, lap: int) -> SourceRecord:
    """The same, so many laps later: another event of another order."""
    body = json.loads(record.value)
    at = datetime.fromisoformat(body["occurred_at"]) + timedelta(days=LAP_DAYS * lap)
    body |= {"event_id": f"{body['event_id']}-{lap}", "occurred_at": at.isoformat()}
    if "order_id" in body:
        body["order_id"] = f"{body['order_id']}-{lap}"
    moved_ms = record.occurred_at_ms + LAP_DAYS * lap * _DAY_MS
    return SourceRecord(record.kind, record.customer_id, moved_ms, json.dumps(body).encode())


class Extra(NamedTuple):
    """A record that now and then follows a purchase.

    Attributes:
        share: of purchases that have one.
        within: so many records later it comes, at most.
        make: it, from the purchase.
    """

    share: float
    within: int
    make: Callable[[SourceRecord, random.Random], SourceRecord]


def _refund(purchase: SourceRecord, draw: random.Random) -> SourceRecord:
    bought = json.loads(purchase.value)
    part = draw.choice((0.25, 0.5, 1.0))
    body = {name: bought[name] for name in ("customer_id", "occurred_at", "currency", "order_id")}
    body |= {
        "event_id": f"refund of {bought['event_id']}",
        "amount_minor": int(bought["amount_minor"] * part),
    }
    return _event("refund", purchase, body)


def _again(purchase: SourceRecord, _: random.Random) -> SourceRecord:
    return purchase


def _poison(purchase: SourceRecord, draw: random.Random) -> SourceRecord:
    nonsense = (b"\xff\xfe", b"{", b"[]", b'{"amount_minor": NaN}', b"[" * 5_000, b"1e400")
    return purchase.__class__(
        draw.choice(("purchase", "refund", "nonsense")),
        purchase.customer_id,
        purchase.occurred_at_ms,
        draw.choice(nonsense),
    )


def _erasure(purchase: SourceRecord, _: random.Random) -> SourceRecord:
    bought = json.loads(purchase.value)
    body = {name: bought[name] for name in ("customer_id", "occurred_at")}
    return _event("erasure", purchase, body | {"event_id": f"erased after {bought['event_id']}"})


def _merge(purchase: SourceRecord, draw: random.Random) -> SourceRecord:
    bought = json.loads(purchase.value)
    others = {"1", "2", str(draw.randint(3, HOUSEHOLDS))} - {purchase.customer_id}
    body = {name: bought[name] for name in ("customer_id", "occurred_at")}
    body |= {"event_id": f"merged after {bought['event_id']}", "into": max(others, key=int)}
    return _event("merge", purchase, body)


def _joined(purchase: SourceRecord, draw: random.Random) -> SourceRecord:
    """The household buys for a company from now on; now and then for another, or for none."""
    usual = crc32(purchase.customer_id.encode()) % COMPANIES
    company = draw.choice((*[f"company {usual}"] * 8, f"company {draw.randrange(COMPANIES)}", ""))
    return _profile("joined", purchase, {"account_id": company})


def _described(purchase: SourceRecord, draw: random.Random) -> SourceRecord:
    """Something about the household has changed."""
    attributes = {
        "income_band": draw.choice(("Under 15K", "35-49K", "50-74K", "75-99K", "250K+")),
        "birth_year": draw.randint(1930, 2000),
        "newsletter": draw.random() < 0.5,
        "household_size": str(draw.randint(1, 5)),
    }
    name = draw.choice(tuple(attributes))
    return _profile("described", purchase, {name: attributes[name]})


def _profile(what: str, purchase: SourceRecord, attributes: dict[str, Any]) -> SourceRecord:
    bought = json.loads(purchase.value)
    body = {name: bought[name] for name in ("customer_id", "occurred_at")}
    body |= {"event_id": f"{what} after {bought['event_id']}", "attributes": attributes}
    return _event("profile", purchase, body)


def _engaged(purchase: SourceRecord, draw: random.Random) -> SourceRecord:
    """Somebody came by without buying, or said how they like it."""
    bought = json.loads(purchase.value)
    body = {name: bought[name] for name in ("customer_id", "occurred_at")}
    kind = draw.choice(("visit", "visit", "app_open", "survey", "support"))
    body |= {"event_id": f"{kind} after {bought['event_id']}", "type": kind}
    if kind == "survey":
        body["score"] = draw.randint(1, 5)
    return _event("engagement", purchase, body)


def _event(kind: str, after: SourceRecord, body: dict[str, Any]) -> SourceRecord:
    return SourceRecord(kind, after.customer_id, after.occurred_at_ms, json.dumps(body).encode())


EXTRAS = (
    Extra(0.01, 4_000, _refund),
    Extra(0.01, 1_000, _again),
    Extra(0.001, 10, _poison),
    Extra(0.0005, 10, _erasure),
    Extra(0.0005, 10, _merge),
    Extra(0.003, 3_000, _joined),
    Extra(0.005, 3_000, _described),
    Extra(0.03, 3_000, _engaged),
)
LATE = Extra(0.01, 2_000, _again)  # some days
TOO_LATE = Extra(0.0002, 60_000, _again)  # months: a dead letter, if it comes in time for one


def with_extras(
    records: Iterator[SourceRecord], seed: int, erases: Callable[[], bool] = lambda: True
) -> Iterator[SourceRecord]:
    """The records, some of them late, with all that real sources send besides in between.

    Args:
        records: purchases.
        seed: of all chance.
        erases: whether erasures are written by now.
    """
    draw, order = random.Random(seed), count()
    held: list[tuple[int, int, SourceRecord]] = []
    for place, record in enumerate(records):
        if record.kind == "purchase":
            late = next((each for each in (TOO_LATE, LATE) if draw.random() < each.share), None)
            chosen = [each for each in EXTRAS if draw.random() < each.share]
            for each in (late, *chosen):
                if each is not None:
                    due = place + draw.randint(1, each.within)
                    heapq.heappush(held, (due, next(order), each.make(record, draw)))
            if late is not None:
                continue
        yield record
        while held and held[0][0] <= place:
            extra = heapq.heappop(held)[2]
            if extra.kind != "erasure" or erases():
                yield extra


class Load:
    """Writes records in a thread of its own, so many a second, until there are no more.

    Args:
        publisher: to the log.
        records: what to write.
        total: how many they are.
        rate: records a second; what a stalled broker held up is caught up with.

    Attributes:
        written: how many, so far.
    """

    def __init__(
        self, publisher: Publisher, records: Iterator[SourceRecord], total: int, rate: float
    ) -> None:
        self._publisher, self._total, self._rate = publisher, total, rate
        self._records = chain([next(records)], records)  # the data set is read now, not later
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.written = 0

    @property
    def progress(self) -> float:
        """The part that is written, 0 to 1."""
        return self.written / self._total

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """No more; blocks until the broker has all.

        Raises:
            KafkaUnavailable: or whatever ended it before.
        """
        self._stop.set()
        self._thread.join()
        self._publisher.close()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            self._publisher.publish(self._paced(), 0.0, lambda _: None)
        except Exception as error:  # noqa: BLE001 - told by stop()
            self._failure = error

    def _paced(self) -> Iterator[SourceRecord]:
        began_s = time.monotonic()
        for record in self._records:
            ahead_s = self.written / self._rate - (time.monotonic() - began_s)
            if self._stop.wait(max(0.0, ahead_s)):
                return
            self.written += 1
            yield record
