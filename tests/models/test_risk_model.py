"""Churn risk: a probability that its features explain; learned in parts or at once, to the bit."""

from __future__ import annotations

import json
import subprocess
import sys
from math import exp, inf, log, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river.linear_model import LogisticRegression
from river.optim import AdaGrad
from river.preprocessing import StandardScaler

from models.churn_features import FEATURES
from models.risk_learner import (
    INTERCEPT_RATE,
    L2,
    LEARNING_RATE,
    Example,
    RiskLearner,
    from_plain,
    frozen,
    taught,
    to_plain,
)
from models.risk_model import RiskModel, contributions, risk

WIDTH = len(FEATURES)
AVERAGE = (1.0,) * WIDTH
NUMBERS = st.floats(-50, 50)
EXAMPLES = st.lists(st.tuples(st.tuples(*[NUMBERS] * WIDTH), st.booleans()), max_size=12)


def shop(examples: int, seed: int = 7) -> list[Example]:
    """Customers of whom those with a large first feature are mostly lost; the last never varies."""
    generator = np.random.default_rng(seed)
    drawn = generator.normal(3.0, 2.0, (examples, WIDTH))
    drawn[:, -1] = 4.0
    odds = np.exp(1.5 * (drawn[:, 0] - 3.0) - 0.5 * (drawn[:, 1] - 3.0) - 1.0)
    lost = generator.random(examples) < odds / (1 + odds)
    return [(tuple(row), bool(was)) for row, was in zip(drawn.tolist(), lost, strict=True)]


LEARNED = taught(None, shop(400))


def test_the_average_customer_has_the_risk_of_the_intercept() -> None:
    model = RiskModel(log(3), (1.0,) * WIDTH, AVERAGE, (2.0,) * WIDTH)
    assert risk(model, AVERAGE) == pytest.approx(0.75)
    assert contributions(model, AVERAGE) == (0.0,) * WIDTH


@given(st.tuples(*[st.floats(-1e9, 1e9)] * WIDTH))
def test_a_risk_is_never_certain(features: tuple[float, ...]) -> None:
    assert 0 < risk(frozen(LEARNED), features) < 1


@given(st.tuples(*[NUMBERS] * WIDTH))
def test_contributions_and_intercept_add_up_to_the_log_odds(features: tuple[float, ...]) -> None:
    model = RiskModel(0.3, tuple(0.01 * each for each in range(WIDTH)), AVERAGE, (3.0,) * WIDTH)
    log_odds = model.intercept + sum(contributions(model, features))
    assert risk(model, features) == pytest.approx(1 / (1 + exp(-log_odds)), rel=1e-9)


def test_more_of_what_adds_to_the_risk_is_more_at_risk() -> None:
    model = frozen(LEARNED)
    risks = [risk(model, (first, *AVERAGE[1:])) for first in range(10)]
    assert risks == sorted(risks)


def test_other_features_are_refused() -> None:
    model = frozen(LEARNED)
    for asked in (risk, contributions):
        with pytest.raises(ValueError, match="shorter"):
            asked(model, AVERAGE[:-1])


def test_a_risk_is_told_without_river() -> None:
    code = "import sys, models.risk_model, models.churn_features; print('river' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert told.stdout.strip() == b"False"


def test_a_learner_is_what_river_would_have_learned() -> None:
    scaler: Any = StandardScaler()  # river types neither its methods nor its names
    regression: Any = LogisticRegression(AdaGrad(LEARNING_RATE), l2=L2, intercept_lr=INTERCEPT_RATE)
    examples = shop(300)
    for features, was_lost in examples:
        seen = dict(enumerate(features))
        scaler.learn_one(seen)
        regression.learn_one(scaler.transform_one(seen), was_lost)
    model = frozen(taught(None, examples))
    assert model.intercept == regression.intercept
    assert model.means == tuple(scaler.means[place] for place in range(WIDTH))
    for features, _ in examples[:50]:
        expected = regression.predict_proba_one(scaler.transform_one(dict(enumerate(features))))
        assert risk(model, features) == pytest.approx(expected[True], rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(EXAMPLES, EXAMPLES)
def test_learning_in_two_parts_is_learning_at_once_to_the_bit(
    earlier: list[Example], later: list[Example]
) -> None:
    stored = json.dumps(to_plain(taught(None, earlier)))
    assert taught(from_plain(json.loads(stored)), later) == taught(None, earlier + later)


def test_many_parts_are_one_to_the_bit() -> None:
    examples, learner = shop(400), None
    for first in range(0, 400, 37):
        learner = taught(learner, examples[first : first + 37])
        learner = from_plain(json.loads(json.dumps(to_plain(learner))))
    assert learner == LEARNED


def test_another_process_with_other_hashes_learns_the_same_bits() -> None:
    code = (
        "import json, sys; from models.risk_learner import taught, to_plain;"
        "print(json.dumps(to_plain(taught(None, json.load(sys.stdin)))))"
    )
    given_in = json.dumps(shop(50)).encode()
    told = subprocess.run(
        [sys.executable, "-c", code],
        input=given_in,
        check=True,
        capture_output=True,
        env={"PYTHONHASHSEED": "1"},  # this process has another one
    )
    assert json.loads(told.stdout) == to_plain(taught(None, shop(50)))


def test_teaching_nothing_changes_nothing() -> None:
    assert taught(LEARNED, []) == LEARNED
    assert taught(None, []).labels == 0


def test_labels_of_both_kinds_are_counted() -> None:
    examples = shop(400)
    assert LEARNED.labels == 400
    assert LEARNED.lost == sum(was_lost for _, was_lost in examples)


def test_a_learner_tells_the_lost_from_those_who_stay() -> None:
    model, fresh = frozen(taught(None, shop(2_000))), shop(1_000, seed=8)
    lost = [risk(model, features) for features, was_lost in fresh if was_lost]
    stayed = [risk(model, features) for features, was_lost in fresh if not was_lost]
    won = sum(a > b for a in lost for b in stayed)
    assert won / len(lost) / len(stayed) > 0.85
    assert sum(lost + stayed) / len(fresh) == pytest.approx(len(lost) / len(fresh), abs=0.04)


def test_a_feature_that_never_varied_has_no_say() -> None:
    model, features = frozen(LEARNED), shop(1)[0][0]
    assert model.scales[-1] == 1.0
    assert risk(model, features) == risk(model, (*features[:-1], 1_000.0))


def test_only_one_kind_of_label_is_still_a_probability() -> None:
    everybody = [(features, True) for features, _ in shop(300)]
    assert 0.5 < risk(frozen(taught(None, everybody)), AVERAGE) < 1


@pytest.mark.parametrize(
    "features", [AVERAGE[:-1], (*AVERAGE, 1.0), (nan, *AVERAGE[1:]), (inf, *AVERAGE[1:])]
)
def test_an_example_that_is_not_one_is_refused(features: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="finite features"):
        taught(LEARNED, [(AVERAGE, True), (features, False)])


def without(name: str) -> dict[str, Any]:
    return {key: part for key, part in to_plain(LEARNED).items() if key != name}


@pytest.mark.parametrize(
    "changed",
    [
        {"schema": 2},
        {"features": ["silence"]},
        {"labels": -1},
        {"labels": 1.5},
        {"labels": True},
        {"labels": 2**53},
        {"lost": 401},
        {"lost": None},
        {"intercept": nan},
        {"intercept": "0"},
        {"intercept": 10**400},
        {"weights": [0.0]},
        {"weights": [inf] * WIDTH},
        {"weights": [None] * WIDTH},
        {"weights": 3},
        {"squares": [-1.0] * WIDTH},
        {"variances": [-1.0] * WIDTH},
        {"means": [0.0] * (WIDTH + 1)},
        {"means": "x" * WIDTH},
    ],
    ids=str,
)
def test_nonsense_is_not_a_learner(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="risk learner"):
        from_plain({**to_plain(LEARNED), **changed})


@pytest.mark.parametrize("name", ["schema", "features", *RiskLearner._fields])
def test_a_learner_with_something_missing_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a risk learner"):
        from_plain(without(name))


def test_a_list_is_not_a_learner() -> None:
    nonsense: Any = [1, 2]
    with pytest.raises(ValueError, match="not a risk learner"):
        from_plain(nonsense)


def test_whole_numbers_where_floats_are_meant_are_floats() -> None:
    plain = {**to_plain(LEARNED), "intercept": 1, "means": [2] * WIDTH}
    assert type(from_plain(plain).intercept) is float
    assert from_plain(plain).means == (2.0,) * WIDTH
