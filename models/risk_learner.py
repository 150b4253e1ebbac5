"""Churn risk, learned one label at a time: river's logistic regression, kept as plain numbers.

    StandardScaler ──► LogisticRegression(AdaGrad)          (Duchi, Hazan & Singer 2011, JMLR 12)

river's objects live for one call: they are rebuilt from the numbers, learn, and are read out. So
what is learned can be stored, compared and carried on anywhere; learning A and then B is learning
A + B, to the bit.

Enters: features and whether the customer was lost, in an order that is the same wherever they are
learned. Leaves: a `RiskLearner`; frozen, a `RiskModel`. Forbidden here: customers, horizons, time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite, sqrt
from typing import Any, NamedTuple

from river.linear_model import LogisticRegression
from river.optim import AdaGrad
from river.preprocessing import StandardScaler
from river.utils import VectorDict

from models.churn_features import FEATURES
from models.risk_model import RiskModel

SCHEMA_VERSION = 1
LEARNING_RATE = 0.07  # beside .1 and river's intercept rate: AUC alike, calibrated better on CDNOW
INTERCEPT_RATE = 0.005
L2 = 1e-5
MOST_LABELS = 2**53  # counts that a float holds exactly

Example = tuple[tuple[float, ...], bool]  # features, and whether the customer was lost


class RiskLearner(NamedTuple):
    """All that river's scaler, regression and optimizer hold; tuples go by feature.

    Attributes:
        labels: learned so far.
        lost: so many of them without a purchase.
        intercept: log-odds.
        weights: log-odds a standard deviation.
        squares: sums of the squared gradients, which slow AdaGrad down.
        means: of the features.
        variances: of the features; divisor n.
    """

    labels: int
    lost: int
    intercept: float
    weights: tuple[float, ...]
    squares: tuple[float, ...]
    means: tuple[float, ...]
    variances: tuple[float, ...]


class _Pipeline(NamedTuple):
    scaler: Any  # a StandardScaler; river types neither its methods nor its names
    regression: LogisticRegression


def taught(learner: RiskLearner | None, examples: Sequence[Example]) -> RiskLearner:
    """The learner after more examples, learned one by one in their order.

    Args:
        learner: None to begin with nothing.
        examples: features in the order of `FEATURES`, all finite.

    Raises:
        ValueError: an example has other features, or ones that are not finite; nothing is learned.
    """
    learner = learner or _nothing()
    _check_examples(examples)
    pipeline, lost = _rebuilt(learner), learner.lost
    for features, was_lost in examples:
        seen = dict(enumerate(features))
        pipeline.scaler.learn_one(seen)
        pipeline.regression.learn_one(pipeline.scaler.transform_one(seen), was_lost)
        lost += was_lost
    return _read_out(pipeline, learner.labels + len(examples), lost)


def frozen(learner: RiskLearner) -> RiskModel:
    """The model as it stands; a feature that never varied has no say."""
    varied = [variance > 0 for variance in learner.variances]
    return RiskModel(
        learner.intercept,
        tuple(w if v else 0.0 for w, v in zip(learner.weights, varied, strict=True)),
        learner.means,
        tuple(sqrt(s) if v else 1.0 for s, v in zip(learner.variances, varied, strict=True)),
    )


def to_plain(learner: RiskLearner) -> dict[str, Any]:
    """Numbers, strings and lists, for JSON or MessagePack; floats must be kept to the bit."""
    fields = {
        name: list(part) if isinstance(part, tuple) else part
        for name, part in learner._asdict().items()
    }
    return {"schema": SCHEMA_VERSION, "features": list(FEATURES), **fields}


def from_plain(plain: Mapping[str, Any]) -> RiskLearner:
    """The reverse.

    Raises:
        ValueError: not a learner, or one of another schema or of other features.
    """
    try:
        schema, features = plain["schema"], list(plain["features"])
        fields = [plain[name] for name in RiskLearner._fields]
        labels, lost, intercept, *by_feature = fields
        columns = [tuple(column) for column in by_feature]
    except (TypeError, KeyError) as error:
        raise ValueError(f"not a risk learner: {error!r}") from error
    if schema != SCHEMA_VERSION or features != list(FEATURES):
        raise ValueError(f"a risk learner has schema {schema} and looks at {features}")
    _check_numbers(labels, lost, (intercept, *(each for column in columns for each in column)))
    if any(len(column) != len(FEATURES) for column in columns):
        raise ValueError(f"a risk learner has not {len(FEATURES)} of each number")
    learner = RiskLearner(labels, lost, float(intercept), *(_floats(each) for each in columns))
    if min(*learner.squares, *learner.variances) < 0:
        raise ValueError("a risk learner has a negative sum of squares")
    return learner


def _floats(column: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(each) for each in column)


def _check_numbers(labels: object, lost: object, numbers: Sequence[object]) -> None:
    if type(labels) is not int or type(lost) is not int or not 0 <= lost <= labels < MOST_LABELS:
        raise ValueError(f"a risk learner has {lost!r} lost of {labels!r} labels")
    for each in numbers:
        if type(each) not in {int, float} or not _is_finite(each):
            raise ValueError(f"a risk learner holds {each!r:.40}")


def _is_finite(number: Any) -> bool:
    try:
        return isfinite(number)
    except OverflowError:  # a whole number that no float holds
        return False


def _check_examples(examples: Sequence[Example]) -> None:
    for features, _ in examples:
        if len(features) != len(FEATURES) or not all(map(isfinite, features)):
            raise ValueError(f"expected {len(FEATURES)} finite features, found {features!r:.200}")


def _nothing() -> RiskLearner:
    zeros = (0.0,) * len(FEATURES)
    return RiskLearner(0, 0, 0.0, zeros, zeros, zeros, zeros)


def _rebuilt(learner: RiskLearner) -> _Pipeline:
    """The objects of river, as if they had learned all along.

    Features are named 0, 1, …: river goes through names, and the hash of a string changes from
    process to process, that of a small integer does not.
    """
    scaler = StandardScaler()
    scaler.counts.update(dict.fromkeys(range(len(FEATURES)), learner.labels))
    scaler.means.update(enumerate(learner.means))
    scaler.vars.update(enumerate(learner.variances))
    optimizer = AdaGrad(LEARNING_RATE)
    optimizer.n_iterations = learner.labels
    optimizer.g2.update(enumerate(learner.squares))
    regression = LogisticRegression(optimizer, l2=L2, intercept_lr=INTERCEPT_RATE)
    regression.intercept = learner.intercept
    regression._weights = VectorDict(dict(enumerate(learner.weights)))  # river has no other way in
    return _Pipeline(scaler, regression)


def _read_out(pipeline: _Pipeline, labels: int, lost: int) -> RiskLearner:
    scaler, regression = pipeline
    optimizer: AdaGrad = regression.optimizer
    return RiskLearner(
        labels,
        lost,
        float(regression.intercept),
        _by_feature(regression.weights),
        _by_feature(optimizer.g2),
        _by_feature(scaler.means),
        _by_feature(scaler.vars),
    )


def _by_feature(numbers: Mapping[Any, float]) -> tuple[float, ...]:
    return tuple(float(numbers[place]) for place in range(len(FEATURES)))
