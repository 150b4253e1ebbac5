"""One purchase, as a shop sends it; imports little, for processes that start often."""

from __future__ import annotations

from datetime import datetime

from streams.sources import SourceRecord

PARTITIONS = 4


def purchase(customer_id: str, at: datetime, event_id: str, amount_minor: int) -> SourceRecord:
    """One order, as a shop sends it."""
    moment = at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    value = (
        f'{{"customer_id": "{customer_id}", "occurred_at": "{moment}", "event_id": "{event_id}", '
        f'"order_id": "o-{event_id}", "amount_minor": {amount_minor}, "currency": "USD"}}'
    )
    return SourceRecord("purchase", customer_id, int(at.timestamp() * 1000), value.encode())
