"""What `replay compare` says of two policies is what pandas counts from the raw baskets.

Both policies have fixed limits and no rule that asks what was learned, so everything they bring about can
be counted. One household in 32 by default; WHAT_IF_EVERY_NTH_HOUSEHOLD=1 takes all.
"""

from __future__ import annotations

import asyncio
import os
from datetime import date
from typing import Any

import pandas as pd
import pytest

from models.comparing import Move
from models.policy import Policy, policy_from_toml
from streams.compare import Asked, Compared, Party, compared
from streams.compare_json import compared_as_json
from streams.datasets import complete_journey
from tests.golden.raw_journey import BEGAN, households
from tests.golden.what_if import Limits, Shop, matched

EVERY_NTH = int(os.environ.get("WHAT_IF_EVERY_NTH_HOUSEHOLD", "32"))
KINDS = ("lifecycle", "overdue", "won_back", "rule/lost_spenders", "rule/big")
RULES = ("overdue", "gone", "back")
LIMITS = Limits(14, 28, 84, 28), Limits(10, 35, 70, 21)
COOL_DOWNS = 30, 7


def policy(limits: Limits, cool_down: int) -> Policy:
    """Only what can be counted: no group that is learned is asked for."""
    return policy_from_toml(f"""
preset = "grocery"

[rfm]
published = []

[lifecycle]
mode = "fixed"
new_days = {limits.new}
overdue.fixed_days = {limits.overdue}
dormant.fixed_days = {limits.dormant}
churned.fixed_days = {limits.churned}

[segments.lost_spenders]
when = 'spend >= 500 and lifecycle in ("dormant", "churned")'

[segments.big]
when = 'spend_90d >= 300 and lifecycle == "active"'

[alerts.rules.overdue]
on = "customer.overdue"
horizon = "common"
cool_down_days = {cool_down}

[alerts.rules.gone]
on = "lifecycle.changed"
to = "dormant"
horizon = "common"
cool_down_days = {cool_down}

[alerts.rules.back]
on = "customer.won_back"
horizon = "common"
cool_down_days = 0
""")


@pytest.fixture(scope="module")
def some() -> list[int]:
    return households()[::EVERY_NTH]


@pytest.fixture(scope="module")
def found(some: list[int]) -> Compared:
    wanted = {str(each) for each in some}
    a, b = (policy(*each) for each in zip(LIMITS, COOL_DOWNS, strict=True))
    asked = Asked(Party("a.toml", a), Party("b.toml", b), "complete-journey")
    records = (each for each in complete_journey() if each.customer_id in wanted)
    return asyncio.run(compared(asked, records, lambda _: None))


@pytest.fixture(scope="module")
def told(found: Compared) -> dict[str, Any]:
    return compared_as_json(found)


@pytest.fixture(scope="module")
def shops(some: list[int]) -> tuple[Shop, Shop]:
    a, b = (Shop(some, limits) for limits in LIMITS)
    return a, b


@pytest.fixture(scope="module")
def alerts(shops: tuple[Shop, Shop]) -> tuple[pd.DataFrame, pd.DataFrame]:
    a, b = (alerts_of(*each) for each in zip(shops, COOL_DOWNS, strict=True))
    return a, b


def alerts_of(shop: Shop, cool_down: int) -> pd.DataFrame:
    parts = [
        shop.silences(shop.limits.overdue, "overdue", cool_down),
        shop.silences(shop.limits.dormant, "gone", cool_down),
        shop.returns("back"),
    ]
    return pd.concat(parts, ignore_index=True)


def test_sizes_of_all_segments_on_all_days(told: dict[str, Any], shops: tuple[Shop, Shop]) -> None:
    days = [(BEGAN.date().toordinal() + each - 1) for each in shops[0].mornings]
    assert told["days"] == [date.fromordinal(each).isoformat() for each in days]
    names = shops[0].places
    says = {each["segment"]: each["series"] for each in told["segments"]}
    for side, shop in zip("ab", shops, strict=True):
        counted = {name: shop.places[name].sum().tolist() for name in names}
        assert {name: says[name][side] for name in names} == counted


def test_who_stands_elsewhere_at_the_end(found: Compared, shops: tuple[Shop, Shop]) -> None:
    one, other = (ends_of(shop) for shop in shops)
    counted: dict[Move, list[int]] = {}
    for kind in KINDS:
        for who in one.index:
            a, b = one.loc[who, kind], other.loc[who, kind]
            if a != b:
                counted.setdefault(Move(kind, a or None, b or None), []).append(who)
    moved = {move: count for move, count in found.moves.counts.items() if move.kind in KINDS}
    assert moved == {move: len(those) for move, those in counted.items()}
    assert len(moved) > 3
    spent = shops[0].spent()[shops[0].mornings[-1]]
    for move, those in counted.items():
        worth = sorted(((spent[who], str(who)) for who in those), reverse=True)[:3]
        examples = [each.who for each in found.examples[move]]
        assert [(each.worth_minor, each.customer_id) for each in examples] == worth


def ends_of(shop: Shop) -> pd.DataFrame:
    """Kind → the segment of each household on the last morning; "" of none."""
    ends = pd.DataFrame("", shop.households, list(KINDS))
    for segment, members in shop.places.items():
        kind = next(each for each in KINDS if each in segment)
        ends.loc[members[shop.mornings[-1]], kind] = segment
    return ends


@pytest.mark.parametrize("rule", RULES)
def test_volume_precision_lead_and_weeks_of_a_rule(
    rule: str, told: dict[str, Any], alerts: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    [says] = [each for each in told["alerts"] if each["rule"] == rule]
    for side, table in zip("ab", alerts, strict=True):
        mine = table[table["rule"] == rule]
        right = mine[mine["right"]]
        expected = (len(mine), mine["judged"].sum(), len(right))
        assert tuple(says[side][key] for key in ("alerts", "judged", "right")) == expected
        assert says[side]["precision"]["value"] == round(len(right) / mine["judged"].sum(), 4)
        assert says[side]["silence_days"] == round(right["silent"].mean(), 2)
        assert says[side]["lead_days"] == round(right["lead"].mean(), 2)
        weeks = {each["week"]: each[side]["alerts"] for each in says["weeks"]}
        counts = mine.groupby("week").size()
        assert {week: count for week, count in weeks.items() if count} == counts.to_dict()


def test_alerts_that_come_earlier_later_never_or_newly(
    told: dict[str, Any], alerts: tuple[pd.DataFrame, pd.DataFrame], shops: tuple[Shop, Shop]
) -> None:
    last_visit = shops[0].visits.groupby("household")["day"].max()
    expected = matched(*alerts, last_visit)
    rows = {
        (rule["rule"], kind): {
            "alerts": one["alerts"],
            "days": round((one["mean_days"] or 0) * one["alerts"]),
            **{name: one[name] for name in ("judged", "right", "still_silent")},
        }
        for rule in told["alerts"]
        for kind, one in rule["silences"].items()
        if one["alerts"]
    }
    assert {key: row.to_dict() for key, row in expected.iterrows()} == rows
    assert {kind for _, kind in rows} == {"same_day", "earlier", "later", "missed", "new"}
