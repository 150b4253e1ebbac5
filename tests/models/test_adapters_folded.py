"""What adapters write, folded: sums are right however often and in whatever order it came."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import pytest

from models.adapters import Source
from models.events import LogRecord, Read, read_record
from tests.support.adapting import Json, outcomes, records, sample
from tests.support.story import tell

UPDATED = {"x-shopify-topic": "orders/updated"}


def read(
    source: Source, bodies: Iterable[Json], headers: dict[str, str] | None = None
) -> list[Read]:
    """The events that come of bodies, as the log gives them back."""
    found = [each for body in bodies for each in records(outcomes(source, body, headers))]
    logged = [
        LogRecord(0, n, 2**60, b"", each.value, {"kind": each.kind.encode()})
        for n, each in enumerate(found)
    ]
    events = [read_record(each, "customer-events.v1") for each in logged]
    return [each for each in events if isinstance(each, Read)]


def shuffled(events: list[Read], seed: int) -> list[Read]:
    """Each event once or twice, in any order."""
    chance = random.Random(seed)
    drawn = events + chance.sample(events, len(events) // 2)
    chance.shuffle(drawn)
    return drawn


def charge(kind: str, at: int, **fields: Any) -> Json:
    event = sample("stripe", "charge_succeeded")
    event["data"]["object"].update(fields)
    return {**event, "id": f"evt_{at}", "type": kind, "created": 1772359200 + at}


@pytest.mark.parametrize("seed", range(8))
def test_a_charge_of_which_parts_were_refunded_is_worth_the_rest(seed: int) -> None:
    events = [charge("charge.succeeded", 0)]
    for before, total in ((0, 1000), (1000, 1500), (1500, 4000)):
        event = charge("charge.refunded", total, amount_refunded=total)
        event["data"]["previous_attributes"] = {"amount_refunded": before}
        events.append(event)
    told = tell(*shuffled(read(Source(source="stripe"), events), seed))
    assert told.customer.current.net_spend_minor == 6000
    assert told.customer.current.purchases == 1


@pytest.mark.parametrize("seed", range(8))
def test_an_order_that_is_updated_again_and_again_gives_back_each_refund_once(seed: int) -> None:
    shop, order = Source(source="shopify"), sample("shopify", "orders_create")
    refunds = sample("shopify", "orders_updated")["refunds"]
    updates = [{**order, "refunds": refunds[:n]} for n in range(5)]
    events = read(shop, [order]) + read(shop, updates, UPDATED)
    told = tell(*shuffled(events, seed))
    assert told.customer.current.net_spend_minor == 10994 - 1999 - 1999
    assert told.customer.current.purchases == 1
