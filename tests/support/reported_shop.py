"""A small shop and the report on its base: names that are markup, an attribute of many values, a quiet end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from functools import cache
from itertools import count

from models.calendar import start_of_day_ms
from models.policy import Policy, policy_from_toml
from models.segments import Label
from streams.messages import rfc3339
from streams.report_base_told import BaseReport, base_report
from streams.sources import SourceRecord
from streams.surveyed_events import survey_of_events
from streams.surveying import Taken

CUSTOMERS, DAYS = 40, 70
BEGAN = 738_886  # 2024-01-01
REGIONS = [f"Region {chr(65 + each)}" for each in range(15)]
CATEGORIES = ["<b>Bread</b>", "=SUM(A1)", "Tea | coffee", "牛奶", *(f"Goods {n}" for n in range(8))]
POLICY = """
preset = "grocery"

[segments.big]
when = 'spend >= 200'
label = "Big & <i>loyal</i>"
label_zh = "大客户"

[segments.nobody]
when = 'spend >= 1000000'
"""


@cache
def policy() -> Policy:
    return policy_from_toml(POLICY)


def records() -> Iterator[SourceRecord]:
    """Profiles on the first day, then purchases: customer n about every 2 + n % 9 days, some only at first."""
    numbers = count()
    for who in range(CUSTOMERS):
        if who % 5:
            yield _record("profile", who, 0, next(numbers), {"attributes": _attributes(who)})
    for day in range(DAYS):
        for who in range(CUSTOMERS):
            if day >= 1.5 * who and day % (2 + who % 9) == 0 and (who % 4 or day < who + 30):
                yield _record("purchase", who, day, next(numbers), _purchase(who, day))


def _attributes(who: int) -> dict[str, object]:
    return {
        "region": REGIONS[who % len(REGIONS)],
        "birth_year": 1950 + who,
        "member": who % 2 == 0,
    }


def _purchase(who: int, day: int) -> dict[str, object]:
    minor = 700 + 37 * who + day
    category = CATEGORIES[(who + day) % len(CATEGORIES)]
    item = {"sku": "x", "quantity": 1, "unit_price_minor": minor, "category": category}
    channel = "web" if who % 3 else "store"
    return {"amount_minor": minor, "currency": "USD", "channel": channel, "items": [item]}


def _record(kind: str, who: int, day: int, number: int, body: dict[str, object]) -> SourceRecord:
    at_ms = start_of_day_ms(BEGAN + day, policy().timezone) + 9 * 3_600_000 + number
    told = {
        "event_id": f"e{number}",
        "customer_id": f"c{who}",
        "occurred_at": rfc3339(at_ms),
        **body,
    }
    return SourceRecord(kind, f"c{who}", at_ms, json.dumps(told).encode())


@cache
def taken() -> Taken:
    """The survey; once in a process."""
    return asyncio.run(survey_of_events(records(), policy(), lambda _: None)).taken


def reported(by: str = "") -> BaseReport:
    """Its report, with a sentence about a segment."""
    found = taken()
    assert found.moment is not None
    told = base_report(found.survey, found.moment, policy(), by=by, top=5)
    return told._replace(lines={"rule/big": Label("They spend <much>.", "消费很多。")})
