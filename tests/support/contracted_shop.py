"""A made-up shop that brings about a message of every kind, in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from functools import cache
from random import Random
from typing import Any

from models.policy import policy_from_preset
from streams.loop import Loop, replay
from streams.messages import rfc3339
from streams.sources import SourceRecord
from tests.support.story import DAY_MS, HOUR_MS, utc

START_MS = utc("2026-01-05 00:00")
CUSTOMERS, DAYS = 40, 70
_CARD = {
    "purchase_days": [2, 5, 9],
    "tenure_days": [7, 21, 40],
    "categories": [1, 2, 3],
    "contact_days": [21, 10, 5],
}
_RULES: dict[str, Any] = {
    "risk": {"on": "churn.risk_raised", "level": 0.3, "playbook": "call"},
    "late": {"on": "customer.overdue"},
    "leaving": {"on": "lifecycle.changed", "to": "dormant"},
    "back": {"on": "customer.won_back"},
    "in": {"on": "segment.entered", "segment": "regulars"},
    "out": {"on": "segment.exited", "segment": "regulars"},
}
_CALL = {
    "action": "Call them",
    "action_zh": "致电",
    "goal": "a reason",
    "goal_zh": "了解原因",
    "owner": "care",
    "owner_zh": "客服",
}
POLICY = policy_from_preset(
    "grocery",
    clusters={"k": 4},  # to choose k takes long
    grid={"attachment": _CARD},
    segments={"regulars": {"when": "purchase_days_30d >= 3"}},
    value={"spend": {"tiers": [{"name": "gold", "from": 200}, {"name": "rest"}]}},
    playbook={"call": _CALL},
    alerts={"rules": _RULES, "holdout": 0.4},
)


@cache
def lived() -> Loop:
    """The shop after a hundred days; its log is kept."""
    return asyncio.run(_lived())


async def _lived() -> Loop:
    loop = Loop(POLICY, 2, keeps_log=True)
    await loop.store.set_partitions(2)
    await replay(loop, sorted(_records(), key=lambda each: each.occurred_at_ms))
    await loop.tick(START_MS + 100 * DAY_MS)
    await loop.settle()
    return loop


def _records() -> Iterator[SourceRecord]:
    yield from _purchases()
    for number in range(0, CUSTOMERS, 3):
        for turn, day in enumerate((12, 40)):
            stage = ("active", "lost")[(number + turn) % 2]
            yield _record("profile", number, day, attributes={"relationship_stage": stage})
    yield _record("merge", 3, 45, into="c4", event_id="m")
    yield _record("purchase", 3, 46, amount_minor=1_000, currency="USD", event_id="by the old name")
    yield _record("erasure", 5, 47, event_id="x")
    yield _record("purchase", 6, 48, amount_minor=-1, currency="USD", event_id="bad")
    yield _record("purchase", 7, 48, event_id="x" * 70_000)


def _purchases() -> Iterator[SourceRecord]:
    """Regular customers; some pause for weeks, some stay away."""
    draw = Random(11)
    for number in range(CUSTOMERS):
        gap, day = draw.uniform(2, 7), draw.uniform(0, 10)
        leaves, pauses = draw.uniform(20, 200), draw.uniform(15, 30)
        while day < min(DAYS, leaves):
            paid = {"amount_minor": draw.randint(500, 9_000), "currency": "USD"}
            yield _record("purchase", number, int(day), event_id=f"{number}/{int(day)}", **paid)
            day += draw.gammavariate(6, gap / 6)
            if day > pauses:
                day, pauses = day + draw.uniform(26, 28), 10_000.0


def _record(kind: str, number: int, day: int, **fields: Any) -> SourceRecord:
    at_ms = START_MS + day * DAY_MS + 12 * HOUR_MS + number
    body = {"customer_id": f"c{number}", "occurred_at": rfc3339(at_ms), **fields}
    return SourceRecord(kind, f"c{number}", at_ms, json.dumps(body).encode())
