"""Shops in which it can be said beforehand on which day an alert is due.

In `SHOP` the risk of a customer depends on nothing but the days of their silence. Within their own
horizon it is

    silent for   6     7     8     9    13    18    19    26    37 days
    risk       .153  .269  .391  .500  .758  .869  .881  .925  .950

and within the common one it is .500 after 19 days. Somebody who has bought once, for ten dollars, is
expected to spend 579.37 dollars in a usual year.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.alerts import ClearAlert, RaiseAlert, ResolveAlert
from models.bgnbd import BgNbd
from models.churn import RiskModels
from models.churn_features import FEATURES
from models.policy import Policy, policy_from_preset
from models.population import Distribution, Measured, Population
from models.risk_model import RiskModel
from models.scores import BINS, Bin, RiskScore
from models.value import ValueModel
from tests.support.story import HOUR_MS, Told, midnight

DAY_0 = 738_886  # 2024-01-01, ordinal
_JUST_BOUGHT = FEATURES.index("just_bought")  # 1 ÷ (1 + days of silence)


def even_after(silence_days: int, steepness: float = 40.0) -> RiskModel:
    """Risk that grows with silence alone, and is one half after so many days of it."""
    weights, means = [0.0] * len(FEATURES), [0.0] * len(FEATURES)
    weights[_JUST_BOUGHT], means[_JUST_BOUGHT] = -steepness, 1 / (1 + silence_days)
    return RiskModel(0.0, tuple(weights), tuple(means), (1.0,) * len(FEATURES))


def judged(resolved_day: int, *, own: bool = True, auc: float = 0.8) -> RiskScore:
    """How good the model was when its predictions could be judged."""
    bins = (Bin(10, 0.3, 0.3),) * BINS
    return RiskScore("model", own, 1, resolved_day, 100, 30, 0.3, auc, 0.02, 0.5, bins)


SHOP = Population(
    version=1,
    as_of_day=DAY_0,
    customers=100,
    since_day=DAY_0 - 90,
    closed_gaps=0,
    gap_days=0,
    recency=Distribution(33.4, (20, 60), (15, 30, 80), (10, 25, 50, 90)),
    frequency=Distribution(3.5, (2, 4), (1, 3, 5), (1, 2, 4, 8)),
    monetary=Distribution(
        9_000.0, (3_000, 8_000), (2_500, 5_000, 9_500), (2_000, 4_000, 6_000, 9_999)
    ),
    risk=RiskModels(even_after(19), even_after(9), "model", "model"),
    value=ValueModel(remaining_years=1.0, tiers=(10_000, 50_000)),
    measured=Measured(
        (judged(DAY_0 - 7), judged(DAY_0, auc=0.7), judged(DAY_0 + 7, own=False, auc=0.6))
    ),
)
SOONER = SHOP._replace(version=2, risk=RiskModels(even_after(10), even_after(4), "model", "model"))
LATER = SHOP._replace(version=3, risk=RiskModels(even_after(30), even_after(15), "model", "model"))
BY_BGNBD = SHOP._replace(
    version=4,
    risk=RiskModels(),
    value=ValueModel(BgNbd(0.8, 6.0, 0.6, 2.0), daily_rate=0.1, tiers=(20_000, 90_000)),
)
POPULATIONS = (SHOP, SOONER, LATER, BY_BGNBD)

SLIPPING: dict[str, Any] = {"on": "churn.risk_raised", "level": 0.5}
OVERDUE: dict[str, Any] = {"on": "customer.overdue"}
DORMANT: dict[str, Any] = {"on": "lifecycle.changed", "to": "dormant"}
CHURNED: dict[str, Any] = {"on": "lifecycle.changed", "to": "churned"}
WON_BACK: dict[str, Any] = {"on": "customer.won_back"}


def policy(
    rules: Mapping[str, Any] | None = None,
    segments: Mapping[str, str] | None = None,
    alerts: Mapping[str, Any] | None = None,
    **others: Any,
) -> Policy:
    """A grocer's policy, RFM aside, with these alert rules, and with rule segments by condition."""
    return policy_from_preset(
        "grocery",
        rfm={"published": []},
        segments={name: {"when": when} for name, when in (segments or {}).items()},
        alerts={**(alerts or {}), "rules": dict(rules or {})},
        **others,
    )


SEGMENTS = {
    "spender": "spend_30d >= 15",
    "regular": "purchase_days_90d >= 3",
    "quiet": "silence_days > 10",
}
SALE = {"name": "sale", "from": "01-15", "to": "04-10", "levels": {"slipping": 0.3}}
CALM = {"name": "calm", "from": "12-20", "to": "02-03", "levels": {"slipping": 0.8, "common": 0.6}}
RULES: tuple[dict[str, Any], ...] = (
    {"slipping": {**SLIPPING, "cool_down_days": 0}},
    {
        "slipping": {**SLIPPING, "cool_down_days": 12},
        "common": {**SLIPPING, "level": 0.4, "horizon": "common", "min_at_stake": 200},
        "overdue": {**OVERDUE, "cool_down_days": 20},
    },
    {
        "slipping": {**SLIPPING, "tiers": ["low", "medium"], "cool_down_days": 5},
        "dormant": {**DORMANT, "cool_down_days": 0},
        "churned": CHURNED,
        "back": {**WON_BACK, "cool_down_days": 100},
    },
    {
        "slipping": {**SLIPPING, "level": 0.9, "lifecycles": ["active", "dormant"]},
        "in": {"on": "segment.entered", "segment": "spender", "cool_down_days": 0},
        "out": {"on": "segment.exited", "segment": "regular", "tiers": ["low", "high"]},
        "of": {**SLIPPING, "level": 0.2, "segments": ["quiet", "regular"], "cool_down_days": 7},
    },
)
POLICIES = tuple(
    policy(
        rules,
        SEGMENTS,
        {"wait_hours": wait_hours},
        business={"timezone": zone},
        calendar=[SALE, CALM] if "common" in rules else [],
    )
    for rules in RULES
    for zone in ("UTC", "America/Havana")
    for wait_hours in (2, 0, 30)
)


def after_midnight(day: int, hours: int = 2) -> int:
    """When alerts of a silence that is long enough on a day come."""
    return midnight(day) + hours * HOUR_MS


def raised(told: Told) -> list[tuple[str, str, int]]:
    """Rule, reason and event time of each alert."""
    return [
        (each.rule, each.cause.why.value, each.cause.at_ms)
        for each in told.alerts
        if isinstance(each, RaiseAlert)
    ]


def alerts_of(told: Told) -> list[RaiseAlert]:
    """The alerts themselves."""
    return [each for each in told.alerts if isinstance(each, RaiseAlert)]


def the_alert(told: Told) -> RaiseAlert:
    """The only one."""
    (alert,) = alerts_of(told)
    return alert


def cleared(told: Told) -> list[ClearAlert]:
    """Alerts that a purchase has made void."""
    return [each for each in told.alerts if isinstance(each, ClearAlert)]


def resolved(told: Told) -> list[ResolveAlert]:
    """What came of alerts."""
    return [each for each in told.alerts if isinstance(each, ResolveAlert)]
