"""The policies of a run: the one that its owners are given, and others that are published."""

from __future__ import annotations

from models.policy import Policy, policy_from_preset
from models.policy_record import PublishedPolicy, decode_published, encode_published

_MEMORY = {"remembered_days": 20, "remembered_events": 6}
_QUIET = {"when": "silence_days >= 3"}
_RULES = (
    {
        "quiet": _QUIET,
        "spenders": {"when": "spend_30d >= 20"},
        "marked": {"when": "profile.a0 >= 2 or profile.a1 == unknown"},
        "visitors": {"when": 'engagement["visit"].days_ago < 14'},
    },
    {
        "quiet": {"when": 'silence_days >= 10 and not segment["spenders"]'},
        "spenders": {"when": "purchases_90d >= 2"},
        "loyal": {"when": 'lifecycle in ("new", "active") and rfm.quintile != unknown'},
    },
    {"quiet": _QUIET},
)
_TOLD = (
    {
        "silent": {"on": "customer.overdue", "cool_down_days": 5},
        "gone": {"on": "lifecycle.changed", "to": "dormant", "horizon": "common"},
        "back": {"on": "customer.won_back", "cool_down_days": 0},
    },
    {
        "loyal": {"on": "segment.entered", "segment": "loyal", "cool_down_days": 1},
        "risky": {"on": "churn.risk_raised", "level": 0.3, "min_at_stake": 5},
    },
    {"silent": {"on": "customer.overdue", "lifecycles": ["new"], "segments": ["quiet"]}},
)
_CLUSTERS = ("auto", 3, 5)  # the learner, too, goes by what is in force
_GRID = {
    "attachment": {"purchase_days": [1, 2, 4], "contact_days": [40, 9, 3], "medium_from": 2},
    "stage": "a0",
    "stages": {"1": "active", "2": "dormant", "3": "new"},
}
GIVEN, *_ = POLICIES = tuple(
    policy_from_preset(
        "grocery",
        time=_MEMORY,
        segments=rules,
        clusters={"k": k},
        alerts={"rules": told},
        grid=grid,
    )
    for rules, k, told, grid in zip(_RULES, _CLUSTERS, _TOLD, (None, _GRID, None), strict=True)
)
ELSEWHERE = policy_from_preset("grocery", time=_MEMORY, business={"timezone": "Asia/Tokyo"})


def published(number: int, choice: int, *, silent: bool) -> tuple[bytes, PublishedPolicy]:
    """A policy's body, and what it says; one of them can't follow the others."""
    policy: Policy = (*POLICIES, ELSEWHERE)[choice]
    packed = encode_published(PublishedPolicy(number, policy, note="drawn", silent=silent))
    return packed, decode_published(packed)
