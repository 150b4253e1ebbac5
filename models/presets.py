"""Presets: lifecycle limits that fit a trade, and why.

Each limit is `cycles` × the customer's own cadence, kept within `min_days` and `max_days`; in
fixed mode it is `fixed_days`.
`prior_gap_days` is the gap one expects of a customer before their own rhythm is known. Those
of `general` and `grocery` are the mean closed gaps of the public CDNOW and Complete Journey
data; those of the other trades are judgements, to be replaced by a shop's own figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Preset:
    """One trade's limits.

    Attributes:
        lifecycle: the `[lifecycle]` table of the policy.
        outlook: the `[outlook]` table.
        why: one sentence for the person who chooses.
    """

    lifecycle: dict[str, Any]
    outlook: dict[str, Any]
    why: str


def _limit(cycles: float, min_days: int, max_days: int, fixed_days: int) -> dict[str, float]:
    return {
        "cycles": cycles,
        "min_days": min_days,
        "max_days": max_days,
        "fixed_days": fixed_days,
    }


def _outlook(horizon_days: int, min_days: int, max_days: int) -> dict[str, Any]:
    own_horizon = {"min_days": min_days, "max_days": max_days}
    return {"horizon_days": horizon_days, "own_horizon": own_horizon}


PRESETS: dict[str, Preset] = {
    "general": Preset(
        {
            "prior_gap_days": 72.0,
            "new_days": 30,
            "overdue": _limit(1.5, 30, 90, 60),
            "dormant": _limit(3, 60, 150, 120),
            "churned": _limit(6, 120, 270, 240),
        },
        _outlook(90, 30, 180),
        "Shops bought from a few times a year; the gap is that of CDNOW's customers.",
    ),
    "grocery": Preset(
        {
            "prior_gap_days": 6.3,
            "new_days": 28,
            "overdue": _limit(2, 7, 28, 14),
            "dormant": _limit(4, 14, 56, 28),
            "churned": _limit(10, 42, 112, 84),
        },
        _outlook(28, 14, 56),
        "Weekly baskets: two missed weeks matter, four months of silence is a lost household.",
    ),
    "fashion": Preset(
        {
            "prior_gap_days": 60.0,
            "new_days": 45,
            "overdue": _limit(1.5, 45, 120, 60),
            "dormant": _limit(3, 90, 200, 120),
            "churned": _limit(5, 180, 400, 240),
        },
        _outlook(120, 45, 240),
        "Bought by season: a missed season makes a customer dormant, a missed year churned.",
    ),
    "travel": Preset(
        {
            "prior_gap_days": 150.0,
            "new_days": 90,
            "overdue": _limit(1.5, 120, 270, 180),
            "dormant": _limit(2.5, 240, 450, 365),
            "churned": _limit(4, 400, 900, 730),
        },
        _outlook(365, 120, 540),
        "One or two trips a year: a customer who skips a whole year has gone quiet.",
    ),
    "auto": Preset(
        {
            "prior_gap_days": 240.0,
            "new_days": 120,
            "overdue": _limit(1.3, 200, 420, 270),
            "dormant": _limit(2, 365, 730, 540),
            "churned": _limit(3, 730, 1100, 900),
        },
        _outlook(365, 180, 730),
        "Service visits, once or twice a year: two missed inspections are a lost car.",
    ),
    "b2b": Preset(
        {
            "prior_gap_days": 30.0,
            "new_days": 60,
            "overdue": _limit(1.5, 14, 60, 30),
            "dormant": _limit(3, 45, 120, 75),
            "churned": _limit(6, 90, 270, 180),
        },
        _outlook(60, 28, 180),
        "Standing orders: rhythm is regular, so a silence of three cycles is worth a call.",
    ),
}
