"""The shops of which costs are measured.

grocery   Complete Journey: baskets with categories, households that come often; preset grocery
plain     drawn: three purchases a customer in six weeks, without items; preset general, nothing kept of baskets
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from random import Random
from typing import NamedTuple

from models.events import Kind
from models.policy import Policy, policy_from_preset, policy_from_toml
from streams.datasets import DATASETS
from streams.sources import SourceRecord

SEED = 7
PLAIN_DAYS, PLAIN_PURCHASES_EACH = 42, 3


class Shop(NamedTuple):
    """What is folded, and under which policy."""

    policy: Policy
    records: Callable[[int], Iterator[SourceRecord]]


def _grocery(purchases: int) -> Iterator[SourceRecord]:
    records = DATASETS["complete-journey"].read()
    return islice((each for each in records if each.kind == Kind.PURCHASE), purchases)


def _plain(purchases: int) -> Iterator[SourceRecord]:
    draw, monday = Random(SEED), datetime(2024, 3, 4, tzinfo=UTC)
    span_s = 86_400 * PLAIN_DAYS
    for number, after_s in enumerate(sorted(draw.uniform(0, span_s) for _ in range(purchases))):
        customer_id = f"customer-{draw.randrange(purchases // PLAIN_PURCHASES_EACH)}"
        at = monday + timedelta(seconds=after_s)
        body = {
            "event_id": f"event-{number}",
            "customer_id": customer_id,
            "occurred_at": at.isoformat(timespec="milliseconds"),
            "amount_minor": draw.randrange(500, 20_000),
            "currency": "USD",
        }
        at_ms = round(1_000 * at.timestamp())
        yield SourceRecord(Kind.PURCHASE, customer_id, at_ms, json.dumps(body).encode())


SHOPS = {
    "grocery": Shop(policy_from_preset("grocery"), _grocery),
    "plain": Shop(policy_from_toml('preset = "general"\n[behaviour]\nkept = []\n'), _plain),
}
