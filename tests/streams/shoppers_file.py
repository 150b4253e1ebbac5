"""A made-up history for levels: sixty people over eleven weeks."""

from __future__ import annotations

import json
from collections.abc import Iterator

from streams.messages import rfc3339
from streams.sources import SourceRecord
from tests.support.story import DAY_0_MS, DAY_MS, HOUR_MS

PEOPLE, DAYS = 60, 75


def shoppers() -> Iterator[SourceRecord]:
    """They buy every 3 to 7 days; one in three stops for good, one in four of the others for a while."""
    visits = []
    for number in range(PEOPLE):
        gap, day = 3 + number % 5, number % 7
        while day < DAYS:
            visits.append((day, number))
            away = number % 4 == 0 and 30 <= day < 30 + gap
            day += 3 * gap if away else gap + (day + number) % 2
            if number % 3 == 0 and day > 25 + number % 20:
                break
    for day, number in sorted(visits):
        at_ms = DAY_0_MS + day * DAY_MS + 12 * HOUR_MS + number
        yield bought_by(f"c{number}", at_ms, 1_000 + 100 * (number % 9))


def bought_by(customer_id: str, at_ms: int, amount_minor: int) -> SourceRecord:
    body = {
        "event_id": f"{customer_id}/{at_ms}",
        "customer_id": customer_id,
        "occurred_at": rfc3339(at_ms),
        "amount_minor": amount_minor,
        "currency": "USD",
        "items": [{"sku": "milk", "quantity": 2, "unit_price_minor": amount_minor // 2}],
    }
    return SourceRecord("purchase", customer_id, at_ms, json.dumps(body).encode())
