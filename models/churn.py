"""Churn risk within a population: which model speaks, and what counts as much.

Risk is the probability of no purchase within a horizon. Two models can tell it: BG/NBD, which
needs no labels (`models/bgnbd.py`), and an online logistic regression, which does and is better
(`models/risk_model.py`). A band is relative: a risk that is usual for a dormant customer would be
alarming for an active one.

Enters: a customer as the sample keeps them, a customer-day, what the population teaches. Leaves:
probabilities and bands. Forbidden here: learning, the policy, the clock.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from models.bgnbd import BgNbd
from models.risk_model import RiskModel, risk
from models.sample import SampledCustomer
from models.value import no_purchase

Source = Literal["model", "bgnbd"]
BANDS = ("low", "elevated", "high")
EASE = 0.8  # a band, or a tier, is left below so much of what it takes to enter it
ELEVATED_ODDS = 1.5  # × the usual odds; regular shoppers pass the usual ones between two purchases


class Band(NamedTuple):
    """What is usual in one lifecycle state.

    Attributes:
        lifecycle: the state.
        customers: of the sample, in it.
        base_rate: their mean risk within their own horizon.
        high_from_minor: money at stake from which on it is among the most.
    """

    lifecycle: str
    customers: int
    base_rate: float
    high_from_minor: int


class RiskModels(NamedTuple):
    """What a population teaches about churn.

    Attributes:
        common: for the common horizon; None until enough labels are known.
        own: for each customer's own horizon; None likewise.
        common_source: which model speaks for the common horizon.
        own_source: which speaks for the own one.
        bands: one for each lifecycle state that the sample has customers in.
    """

    common: RiskModel | None = None
    own: RiskModel | None = None
    common_source: Source = "bgnbd"
    own_source: Source = "bgnbd"
    bands: tuple[Band, ...] = ()

    def model(self, own: bool) -> RiskModel | None:
        """The one that speaks for a horizon; None: BG/NBD does."""
        source = self.own_source if own else self.common_source
        model = self.own if own else self.common
        return model if source == "model" else None

    def band(self, lifecycle: str) -> Band | None:
        """What is usual in a lifecycle state; None: not known."""
        for band in self.bands:
            if band.lifecycle == lifecycle:
                return band
        return None


def risk_within(
    customer: SampledCustomer,
    at_day: int,
    days: int,
    model: RiskModel | None,
    purchases: BgNbd | None,
    features: tuple[float, ...],
) -> float | None:
    """P(no purchase in the next `days`); None if no model can tell yet."""
    if model is not None:
        return risk(model, features)
    return None if purchases is None else no_purchase(customer, at_day, days, purchases)


def band_of(own_risk: float, at_stake_minor: float, usual: Band, current: str | None) -> str:
    """The band of a customer, with inertia: who is in one leaves it only clearly below.

    High: a risk above what is usual in their lifecycle state, and as much at stake as the most
    have. Elevated: otherwise, odds half as high again as usual.
    """
    ease = EASE if current == "high" else 1.0
    if own_risk >= ease * usual.base_rate and at_stake_minor >= ease * usual.high_from_minor:
        return "high"
    ease = EASE if current in BANDS[1:] else 1.0
    return "elevated" if own_risk >= ease * elevated_from(usual.base_rate) else "low"


def elevated_from(base_rate: float) -> float:
    """The risk from which it is elevated: odds half as high again as usual.

    >>> round(elevated_from(0.1), 3), round(elevated_from(0.84), 3), elevated_from(1.0)
    (0.143, 0.887, 1.0)
    """
    raised = ELEVATED_ODDS * base_rate
    return raised / (1 - base_rate + raised)
