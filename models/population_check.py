"""Whether the models inside a population can be used: a formula that fails stops every partition.

Bounds are wide: they keep sums and products within floats, and lengths as long as they must be.
Enters: what was decoded. Forbidden here: learning, the policy, the clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from models.behaviour import BEHAVIOUR
from models.bgnbd import BgNbd
from models.churn import RiskModels
from models.churn_features import FEATURES
from models.clusters import Clustering
from models.gamma_gamma import GammaGamma
from models.judging import Errors
from models.risk_model import RiskModel
from models.value import ValueModel
from models.value_tiers import GRID, MOST_SLOTS, Spread

_MANY = 2**53  # whole numbers that floats hold
_LARGE = 1e12  # of floats that are multiplied with one another
_SMALLEST_SCALE = 1e-200
_SHAPES = 1 / 3_000, 3_000.0  # wider than where fits stop
_MONEY = 2.0**200  # far above what any shop takes, far below what floats hold


def within(numbers: Iterable[float], least: float, most: float, what: str) -> None:
    """Raise ValueError, naming what is wrong, unless all are within bounds; NaN never is."""
    if not all(least <= each <= most for each in numbers):
        raise ValueError(f"{what} is not within {least:g} and {most:g}")


def check_clusters(clustering: Clustering) -> None:
    """Raise ValueError unless distances to them can be measured."""
    within(clustering.scales, 0, _MANY, "a scale")
    if not clustering.clusters:
        raise ValueError("there are no clusters")
    for vector in (clustering.scales, *(each.centroid for each in clustering.clusters)):
        if len(vector) != len(BEHAVIOUR):
            raise ValueError(f"clusters of {len(vector)} dimensions")
        within(vector, -_MANY, _MANY, "a centroid")
    within((each.customers for each in clustering.clusters), 0, _MANY, "a count")


def check_risks(risks: RiskModels) -> None:
    """Raise ValueError unless the models that are named can speak."""
    for model in (risks.common, risks.own):
        if model is not None:
            _check_regression(model)
    for band in risks.bands:
        within([band.base_rate], 0, 1, "a base rate")
        within([band.high_from_minor], 0, _MONEY, "an amount")


def _check_regression(model: RiskModel) -> None:
    for column in (model.weights, model.means, model.scales):
        if len(column) != len(FEATURES):
            raise ValueError(f"a model of {len(column)} features")
    numbers = (model.intercept, *model.weights, *model.means)
    within(numbers, -_LARGE, _LARGE, "a number of the churn model")
    within(model.scales, _SMALLEST_SCALE, _LARGE, "a scale of the churn model")


def check_value(value: ValueModel) -> None:
    """Raise ValueError unless forecasts by it are finite."""
    check_purchases(value.purchases)
    check_spend(value.spend)
    within([value.daily_rate], 0, _LARGE, "a rate")
    within([value.bias], 0, _LARGE, "a bias")
    within([value.remaining_years], 1 / _LARGE, _LARGE, "the years that customers stay")
    within(value.tiers, 0, _MONEY, "a tier")


def check_spreads(spreads: Sequence[Spread]) -> None:
    """Raise ValueError unless schemes of value tiers can be cut by them."""
    if len(spreads) > MOST_SLOTS or len({each.measure for each in spreads}) < len(spreads):
        raise ValueError(f"{len(spreads)} measures of value, or two of one name")
    for each in spreads:
        within([each.customers], 0, _MONEY, "a count")
        within(each.edges, 0, _MONEY, "an edge")
        if len(each.edges) != len(GRID) or any(b < a for a, b in pairwise(each.edges)):
            raise ValueError(f"{len(each.edges)} edges of a measure do not ascend")


def check_errors(errors: Errors) -> None:
    """Raise ValueError unless a bias can be worked out of them."""
    within(errors, 0, _LARGE, "an error")
    within([errors.bias], 0, _LARGE, "a bias")


def check_purchases(model: BgNbd | None) -> None:
    """Raise ValueError unless BG/NBD can be worked out with these parameters."""
    if model is not None:
        within((model.r, model.a, model.b), *_SHAPES, "a parameter of BG/NBD")
        within([model.alpha], 1 / _LARGE, _LARGE, "alpha")


def check_spend(model: GammaGamma | None) -> None:
    """Raise ValueError unless there is a mean spend under these parameters."""
    if model is not None:
        within((model.p, model.q), *_SHAPES, "a parameter of Gamma-Gamma")
        within([model.v], 1 / _LARGE, _MONEY, "v")
        if model.q <= 1:
            raise ValueError(f"spend has no mean: {model}")
