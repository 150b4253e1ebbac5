"""Churn risk in words: what raises one customer's risk, and what lowers it.

Features that tell of the same thing are told together: of three ways to look at a silence the
reader wants one sentence, with what all three do. How much is a factor on the odds, against the
average customer.

Enters: a customer, the features and the model. Leaves: reasons in English and simplified Chinese. Forbidden here: deciding anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from math import exp
from typing import NamedTuple

from models.churn_features import FEATURES
from models.risk_model import LARGEST_LOG_ODDS, RiskModel, contributions
from models.sample import DAYS_SEEN, SampledCustomer

LATELY_DAYS = 28
Money = Callable[[int], str]


class Reason(NamedTuple):
    """One sentence and what it does.

    Attributes:
        factor: on the odds of being lost, against the average customer; above 1 raises the risk.
        english: the sentence.
        chinese: the same.
    """

    factor: float
    english: str
    chinese: str


class _Theme(NamedTuple):
    features: frozenset[str]
    sentence: Callable[[SampledCustomer, int, Money], tuple[str, str]]


def silence_in_words(customer: SampledCustomer, at_day: int, _money: Money) -> tuple[str, str]:
    """How long the customer is silent, and what is usual for them; English and Chinese."""
    rhythm, silence = customer.cadence_centidays / 100, max(0, at_day - customer.last_day)
    return (
        f"usually buys every {days_in_words(rhythm)}, silent for {silence}",
        f"通常每 {rhythm:.0f} 天购买一次，已 {silence} 天未购买",
    )


def days_in_words(count: float) -> str:
    """In English; Chinese has no plural.

    >>> days_in_words(0.8), days_in_words(2)
    ('1 day', '2 days')
    """
    return f"{count:.0f} day" if round(count) == 1 else f"{count:.0f} days"


def _lately(customer: SampledCustomer, at_day: int, _money: Money) -> tuple[str, str]:
    count = sum(day >= at_day - LATELY_DAYS for day in customer.recent_days)
    if count == DAYS_SEEN:
        return (
            f"bought on {count} days or more in the last four weeks",
            f"最近四周至少有 {count} 个购买日",
        )
    return (
        f"bought on {days_in_words(count)} in the last four weeks",
        f"最近四周有 {count} 个购买日",
    )


def _rhythm(customer: SampledCustomer, _at_day: int, _money: Money) -> tuple[str, str]:
    days = customer.recent_days
    gaps = min(3, len(days) - 1)
    rhythm = customer.cadence_centidays / 100
    if not gaps:
        return (
            f"one purchase day so far; every {days_in_words(rhythm)} is typical",
            "目前只有一个购买日",
        )
    newest = (days[-1] - days[-1 - gaps]) / gaps
    return (
        f"the newest gaps were of {days_in_words(newest)}, {rhythm:.0f} is usual",
        f"最近几次购买间隔约 {newest:.0f} 天，通常为 {rhythm:.0f} 天",
    )


def _spend(customer: SampledCustomer, _at_day: int, money: Money) -> tuple[str, str]:
    mean = money(round(customer.spend_minor / customer.purchase_days))
    total = money(customer.spend_minor)
    return (
        f"spends {mean} on a purchase day, {total} in all",
        f"每个购买日消费 {mean}，累计 {total}",
    )


def _tenure(customer: SampledCustomer, at_day: int, _money: Money) -> tuple[str, str]:
    days = max(0, at_day - customer.first_day)
    return f"first bought {days_in_words(days)} ago", f"首次购买于 {days} 天前"


def _evenness(customer: SampledCustomer, _at_day: int, _money: Money) -> tuple[str, str]:
    if len(customer.recent_days) < 3:
        return "too few gaps to show a rhythm", "购买次数太少，尚无规律"
    days = customer.recent_days
    gaps = [later - earlier for earlier, later in pairwise(days)]
    return (
        f"the last gaps lie between {min(gaps)} and {days_in_words(max(gaps))}",
        f"最近的购买间隔在 {min(gaps)} 到 {max(gaps)} 天之间",
    )


THEMES: tuple[_Theme, ...] = (
    _Theme(
        frozenset({"silence_for_rhythm", "silence_of_regulars", "just_bought"}), silence_in_words
    ),
    _Theme(frozenset({"visits_lately", "visits_this_week"}), _lately),
    _Theme(frozenset({"cadence", "rate_before", "newest_gaps"}), _rhythm),
    _Theme(frozenset({"mean_spend", "total_spend"}), _spend),
    _Theme(frozenset({"tenure"}), _tenure),
    _Theme(frozenset({"unevenness"}), _evenness),
)


def reasons(
    customer: SampledCustomer,
    at_day: int,
    model: RiskModel | None,
    seen: tuple[float, ...],
    money: Money,
) -> list[Reason]:
    """What moves a customer's risk: the silence first, then the strongest.

    Args:
        customer: whose.
        at_day: the customer-day that was asked about, ordinal.
        model: that spoke; None: BG/NBD did, whose one reason is the silence.
        seen: the features on that day.
        money: formats minor units.
    """
    if model is None:
        return [Reason(1.0, *silence_in_words(customer, at_day, money))]
    parts = dict(zip(FEATURES, contributions(model, seen), strict=True))
    silence, *others = _told(customer, at_day, parts, money)
    return [silence, *sorted(others, key=lambda each: -max(each.factor, 1 / each.factor))]


def _told(
    customer: SampledCustomer, at_day: int, parts: dict[str, float], money: Money
) -> Iterator[Reason]:
    for theme in THEMES:
        log_odds = sum(parts[name] for name in FEATURES if name in theme.features)
        factor = exp(min(max(log_odds, -LARGEST_LOG_ODDS), LARGEST_LOG_ODDS))
        yield Reason(factor, *theme.sentence(customer, at_day, money))
