"""A hundred rules as a marketing team writes them: many segments, few things that they look at.

Enters: nothing. Leaves: name → rule. The hundred of `bench/rules_parts.py` look at as much as rules
can; these look at people, at where they stand, and at a handful of sums.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

_INCOMES = ("Under 15K", "15-24K", "25-34K", "35-49K", "50-74K", "75-99K", "100-124K", "150-174K")
_SIZES = ("1", "2", "3", "4", "5+")
_STATES = ("new", "active", "dormant", "churned")
_AGES = ("19-24", "25-34", "35-44", "45-54", "55-64", "65+")
_TASTES = ("COFFEE", "BEERS/ALES", "DOG FOODS", "YOGURT", "FROZEN PIZZA", "CIGARETTES")


def usual_rules() -> dict[str, str]:
    """A hundred of them."""
    rules = dict(enumerate(_rules()))
    assert len(rules) == 100, len(rules)
    return {f"usual-{number}": when for number, when in rules.items()}


def _rules() -> Iterator[str]:
    yield from (f'profile.income_band == "{each}"' for each in _INCOMES)
    yield from (
        f'profile.household_size == "{size}" and age_band == "{age}"'
        for size, age in product(_SIZES, _AGES)
    )
    yield from (
        f'lifecycle == "{state}" and age_band in ("{age}", "65+")'
        for state, age in product(_STATES, _AGES[:4])
    )
    yield from (f"spend_90d >= {amount}" for amount in (50, 100, 250, 500, 1000, 2000))
    yield from (f"spend_365d >= {amount}" for amount in (200, 500, 1000, 2500, 5000))
    yield from (f"purchases_30d >= {count}" for count in (1, 2, 4, 8))
    yield from (f"silence_days >= {days}" for days in (14, 28, 45, 60, 90))
    yield from (f"tenure_days < {days}" for days in (30, 90, 180))
    yield from (f'overdue and profile.income_band == "{each}"' for each in _INCOMES)
    yield from (f'won_back and segment["usual-{number}"]' for number in (54, 55, 56, 60))
    yield from (f'category["{each}"].purchase_days_90d >= 3' for each in _TASTES)
    yield from (
        f'category["{each}"].silence_days >= 60 and lifecycle == "active"' for each in _TASTES[:5]
    )
