"""Resemblance to the best customers: what is told of a profile, and nothing else."""

from __future__ import annotations

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.lookalike import (
    MIN_BEST,
    MIN_CUSTOMERS,
    SMOOTHING,
    Reason,
    likeness,
    percentile,
    resemblance,
)

EVERYBODY = {"region": {"north": 600, "south": 400}, "pet": {"cat": 500, "dog": 500}}
BEST = {"region": {"north": 90, "south": 10}, "pet": {"cat": 50, "dog": 50}}


def test_a_value_that_is_more_usual_among_the_best_speaks_for_somebody() -> None:
    weights = likeness(BEST, EVERYBODY)
    assert weights["region"]["north"] == pytest.approx(log((90 + 6) / 110 / 0.6))
    assert weights["region"]["south"] == pytest.approx(log((10 + 4) / 110 / 0.4))
    assert weights["pet"] == {"cat": 0.0, "dog": 0.0}


def test_a_score_adds_up_what_is_known_and_names_the_strongest_first() -> None:
    weights = {"region": {"north": 0.4, "south": -1.0}, "pet": {"cat": 0.01}, "age": {"65+": 0.5}}
    found = resemblance(weights, [("region", "north"), ("pet", "cat"), ("age", "65+")])
    assert found.score == pytest.approx(0.91)
    assert found.reasons == (Reason("age", "65+", 0.5), Reason("region", "north", 0.4))


def test_what_is_not_known_or_new_says_nothing() -> None:
    weights = likeness(BEST, EVERYBODY)
    assert resemblance(weights, []).score == 0
    assert resemblance(weights, [("region", "east"), ("shoe", "42")]) == (0, ())


def test_a_value_of_few_people_says_nothing() -> None:
    everybody = {"region": {"north": 900, "isle": MIN_CUSTOMERS - 1, "port": MIN_CUSTOMERS}}
    best = {"region": {"north": 80, "isle": 10, "port": 10}}
    assert set(likeness(best, everybody)["region"]) == {"north", "port"}


def test_a_handful_of_best_customers_is_no_group_to_resemble() -> None:
    few = {"region": {"north": MIN_BEST - 1}}
    assert likeness(few, EVERYBODY) == {}
    assert likeness({}, EVERYBODY) == {}
    assert set(likeness({"region": {"north": MIN_BEST}}, EVERYBODY)) == {"region"}


@given(st.integers(0, 200), st.integers(0, 200))
def test_no_value_speaks_without_end_and_more_of_the_best_speak_louder(one: int, more: int) -> None:
    def weight(customers: int) -> float:
        best = {"region": {"north": customers, "south": 400 - customers}}
        return likeness(best, EVERYBODY)["region"]["north"]

    assert weight(one) <= weight(min(400, one + more))
    assert weight(0) == pytest.approx(log(SMOOTHING / (400 + SMOOTHING)))


def test_nobody_is_above_those_with_the_same_score() -> None:
    assert percentile(5.0, [1.0, 2.0]) == 100.0
    assert percentile(0.0, [1.0, 2.0]) == 0.0
    assert percentile(1.0, [1.0, 1.0]) == 0.0
    assert percentile(1.0, []) == 0.0
