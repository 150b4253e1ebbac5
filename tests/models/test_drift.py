"""Drift: told when a level changes, silent while it only varies; plain numbers, bounded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from river.drift import ADWIN

from models.drift import EPOCHS_KEPT, VALUES_KEPT, Epoch, Series, continued, last_drift


def series(levels: list[float], seed: int = 3) -> Series:
    """Customers who are lost, or not, with these probabilities, one a week."""
    draw = np.random.default_rng(seed)
    found: Series = ()
    for week, level in enumerate(levels):
        found = continued(found, 7 * week, (draw.random(VALUES_KEPT) < level).tolist())
    return found


def test_without_values_nothing_is_kept_and_nothing_has_drifted() -> None:
    known = (Epoch(1, (5,)),)
    assert continued(known, 8, []) is known
    assert last_drift(()) is None


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=250), st.integers(1, 40))
def test_of_each_epoch_the_first_hundred_are_kept_and_of_epochs_the_newest(
    values: list[float], epochs: int
) -> None:
    found: Series = ()
    for day in range(epochs):
        found = continued(found, day, values)
    assert [each.day for each in found] == list(range(epochs))[-EPOCHS_KEPT:]
    for each in found:
        assert each.thousandths == tuple(round(1000 * one) for one in values[:VALUES_KEPT])


@pytest.mark.parametrize("seed", range(8))
def test_a_level_that_stays_is_no_drift(seed: int) -> None:
    assert last_drift(series([0.3] * EPOCHS_KEPT, seed)) is None


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("before", "after"), [(0.3, 0.6), (0.6, 0.3)])
def test_a_level_that_changes_is_noticed_within_two_epochs(
    before: float, after: float, seed: int
) -> None:
    found = last_drift(series([before] * 10 + [after] * 2, seed))
    assert found in {70, 77}


def test_the_last_of_several_changes_is_told_and_those_before_the_window_are_forgotten() -> None:
    levels = [0.2] * 6 + [0.7] * 6 + [0.2] * 6
    assert last_drift(series(levels)) in {84, 91}
    calm = series([0.7] * 2 + [0.2] * (EPOCHS_KEPT + 2))
    assert calm[0].day == 7 * 4
    assert last_drift(calm) is None


def test_kept_as_numbers_it_finds_what_a_detector_that_ran_on_finds() -> None:
    levels = [0.2] * 5 + [0.6] * 5
    whole = series(levels)
    running: Any = ADWIN(delta=0.002)  # type: ignore[no-untyped-call]
    found = []
    for epoch in whole:
        for value in epoch.thousandths:
            running.update(value / 1000)
            if running.drift_detected:
                found.append(epoch.day)
    assert last_drift(whole) == found[-1]
    assert last_drift(whole) == last_drift(whole)
