"""Intervals: as published, as scipy has them, and never out of bounds."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, ttest_ind

from models.intervals import (
    Interval,
    Moments,
    Share,
    mean_difference,
    share_difference,
    share_interval,
)

SHARES = st.integers(1, 10**6).flatmap(lambda of: st.builds(Share, st.integers(0, of), st.just(of)))
SPENDS = st.lists(st.integers(-5_000, 90_000), min_size=2, max_size=30)


def moments(values: list[int]) -> Moments:
    return Moments(len(values), sum(values), sum(each * each for each in values))


def rounded(interval: Interval) -> tuple[float, float]:
    return round(interval.low, 4), round(interval.high, 4)


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_interval_is_the_one_of_newcombes_table_of_single_proportions(
    hits: int, of: int, low: float, high: float
) -> None:
    assert rounded(share_interval(Share(hits, of))) == (low, high)


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_the_interval_of_a_difference_is_the_one_of_newcombes_eight_examples(
    one: tuple[int, int], other: tuple[int, int], low: float, high: float
) -> None:
    assert rounded(share_difference(Share(*one), Share(*other))) == (low, high)


@settings(deadline=None, max_examples=60)
@given(SHARES, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_wilsons_interval_is_that_of_scipy(share: Share, confidence: float) -> None:
    theirs = binomtest(share.hits, share.of).proportion_ci(confidence, method="wilson")
    mine = share_interval(share, confidence)
    assert (mine.low, mine.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@given(SHARES)
def test_the_interval_of_a_share_holds_it_and_lies_between_0_and_1(share: Share) -> None:
    interval = share_interval(share)
    assert 0 <= interval.low <= share.value <= interval.high <= 1
    assert interval.low < interval.high
    mirrored = share_interval(Share(share.of - share.hits, share.of))
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx(tuple(interval), abs=1e-12)


@given(SHARES, SHARES)
def test_the_interval_of_a_difference_holds_it_and_lies_between_its_bounds(
    one: Share, other: Share
) -> None:
    interval = share_difference(one, other)
    assert -1 <= interval.low <= one.value - other.value <= interval.high <= 1
    turned = share_difference(other, one)
    assert (-turned.high, -turned.low) == pytest.approx(tuple(interval), abs=1e-12)


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("of", [1, 5, 20, 1_000])
def test_a_share_of_nothing_begins_at_0_and_one_of_all_ends_at_1(
    of: int, confidence: float
) -> None:
    assert share_interval(Share(0, of), confidence).low == 0
    assert share_interval(Share(of, of), confidence).high == 1


@given(SHARES)
def test_more_of_the_same_narrows_the_interval(share: Share) -> None:
    few, many = (share_interval(Share(n * share.hits, n * share.of)) for n in (1, 4))
    assert few.low <= many.low + 1e-12
    assert many.high <= few.high + 1e-12


@pytest.mark.parametrize("share", [Share(0, 0), Share(2, 1), Share(-1, 5), Share(0, -1)])
def test_what_is_no_share_is_refused(share: Share) -> None:
    with pytest.raises(ValueError, match="is no share"):
        share_interval(share)


@settings(deadline=None, max_examples=60)
@given(SPENDS, SPENDS, st.sampled_from([0.9, 0.95, 0.99]))
def test_the_interval_of_a_difference_of_means_is_that_of_scipy(
    one: list[int], other: list[int], confidence: float
) -> None:
    assume(len(set(one)) > 1 and len(set(other)) > 1)
    mine = mean_difference(moments(one), moments(other), confidence)
    theirs = ttest_ind(one, other, equal_var=False).confidence_interval(confidence)
    assert mine is not None
    assert tuple(mine) == pytest.approx((theirs.low, theirs.high), rel=1e-7, abs=1e-6)


def test_nothing_is_said_of_a_difference_of_means_from_one_or_from_what_never_differs() -> None:
    assert mean_difference(moments([5]), moments([1, 2, 3])) is None
    assert mean_difference(moments([1, 2, 3]), moments([])) is None
    assert mean_difference(moments([0, 0, 0]), moments([0, 0])) is None


def test_variance_is_exact_where_floats_would_have_lost_it() -> None:
    values = [10**15, 10**15 + 1, 10**15 + 2]
    assert moments(values).variance == 1.0
    assert moments(values).mean == 10**15 + 1


@pytest.mark.parametrize(
    ("value", "outside"), [(-0.1, True), (0.0, False), (0.1, False), (0.2, False), (0.3, True)]
)
def test_bounds_belong_to_an_interval(value: float, outside: bool) -> None:
    assert Interval(0.0, 0.2).excludes(value) == outside
