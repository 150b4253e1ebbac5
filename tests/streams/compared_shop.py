"""The shoppers of shoppers_file.py under two policies, compared once for all who ask."""

from __future__ import annotations

import asyncio
import tomllib
from functools import cache
from itertools import islice
from typing import Any

from models.comparing import Window
from models.grid import parsed_grid, with_value
from models.policy import policy_from_mapping, policy_from_toml
from models.policy_record import settings_of
from streams.compare import Asked, Compared, Party, compared
from streams.compare_json import compared_as_json
from streams.sweep import Point, Sweep, swept, swept_as_json
from tests.streams.shoppers_file import shoppers

EVER = Window()
NOW = """
preset = "grocery"

[clusters]
k = 4  # which number is best takes long to find

[lifecycle]
mode = "fixed"

[segments.big]
when = "spend_90d >= 100 and lifecycle == 'active'"
label = "Big & loyal <b>"
label_zh = "大客户"

[alerts.rules.overdue]
on = "customer.overdue"
cool_down_days = 0
"""
NEW = NOW.replace(
    '"fixed"', '"fixed"\ndormant.fixed_days = 21\noverdue.fixed_days = 9\nchurned.fixed_days = 40'
).replace(">= 100", ">= 80")
NEW += """
[alerts.rules.gone]
on = "lifecycle.changed"
to = "dormant"
"""


@cache
def found(a: str = NOW, b: str = NEW, window: Window = EVER, events: int | None = None) -> Compared:
    one, other = (Party(f"{at}.toml", policy_from_toml(text)) for at, text in (("a", a), ("b", b)))
    asked = Asked(one, other, "shop.jsonl", window)
    return asyncio.run(compared(asked, islice(shoppers(), events), lambda _: None, cores=1))


def told() -> dict[str, Any]:
    return compared_as_json(found())


@cache
def curve() -> dict[str, Any]:
    """Overdue after 5, 9 and 13 days."""
    grid = parsed_grid("lifecycle.overdue.fixed_days=5..13:4")
    tables = tomllib.loads(NOW)
    points = [
        Point(each, policy_from_mapping(with_value(tables, grid.key, each), "a.toml"))
        for each in grid.values
    ]
    now = settings_of(policy_from_mapping(tables, "a.toml"))[grid.key]
    sweep = Sweep("a.toml", grid.key, now, points, "shop.jsonl")
    return swept_as_json(asyncio.run(swept(sweep, shoppers(), lambda _: None, cores=1)))
