"""How attached a customer is, and what part of their money is spent with us; as rules read it.

Enters: a sight (`models/sight.py`). Leaves: values, None where nothing is known, or the policy has no
`[grid]`. Forbidden here: what is made of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.currencies import minor_digits
from models.described import engagement_days_ago, profile
from models.rule_tree import Fact

if TYPE_CHECKING:
    from models.sight import Sight

YEAR_DAYS = 365
_SILENCE = Fact("silence_days")


def contact_days_ago(sight: Sight, fact: Fact) -> int | None:
    """Customer-days since the last purchase or engagement of any type."""
    bought, engaged = sight.read(_SILENCE), engagement_days_ago(sight, fact)
    seen = [each for each in (bought, engaged) if isinstance(each, int)]
    return min(seen, default=None)


def attachment_points(sight: Sight, _: Fact) -> int | None:
    """What the score card adds up to; None of who has not bought."""
    grid = sight.policy.grid
    if grid is None or not sight.ledger.recent_days:
        return None
    return sum(row.points(sight.read(row.fact)) for row in grid.attachment.rows)


def budget_minor(sight: Sight) -> float | None:
    """What the customer can spend in a year, anywhere; None: the profile tells no such sum."""
    grid = sight.policy.grid
    told = None if grid is None else profile(sight, Fact("profile", of=grid.budget))
    if not isinstance(told, int | float) or isinstance(told, bool):
        return None
    scaled: float = told * 10.0 ** minor_digits(sight.policy.business.currency)
    return scaled if scaled >= 1 else None


def wallet_share(sight: Sight, fact: Fact) -> float | None:
    """Net spend within a window over the part of the yearly budget that falls into it.

    It may exceed 1: then the budget was told too small.
    """
    yearly_minor, spent = budget_minor(sight), sight.read(Fact("spend", fact.window_days))
    if yearly_minor is None or not isinstance(spent, int):
        return None
    return spent / (yearly_minor * fact.window_days / YEAR_DAYS)
