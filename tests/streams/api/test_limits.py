"""How often somebody may ask."""

from __future__ import annotations

import doctest
from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from streams.api import limits as module
from streams.api.limits import Limits


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def taken(limits: Limits, caller: str, most: int = 1_000) -> int:
    """How many requests pass at one moment."""
    return next((n for n in range(most) if limits.take(caller)), most)


def test_a_moment_may_take_twice_the_rate() -> None:
    assert taken(Limits(10, Clock()), "checkout") == 20


def test_after_that_the_rate_holds() -> None:
    clock = Clock()
    limits = Limits(10, clock)
    taken(limits, "checkout")
    clock.now_s += 1
    assert taken(limits, "checkout") == 10
    clock.now_s += 3_600
    assert taken(limits, "checkout") == 20


def test_who_waits_as_long_as_told_may_pass() -> None:
    clock = Clock()
    limits = Limits(3, clock)
    taken(limits, "checkout")
    wait_s = limits.take("checkout")
    assert 0 < wait_s <= 1 / 3
    clock.now_s += wait_s
    assert limits.take("checkout") == 0.0


def test_a_refused_request_takes_nothing() -> None:
    limits = Limits(10, Clock())
    assert limits.take("checkout", 15) == 0.0
    assert [limits.take("checkout", 10) for _ in range(3)] == [0.5] * 3
    assert limits.take("checkout", 5) == 0.0


def test_callers_do_not_hinder_one_another() -> None:
    limits = Limits(1, Clock())
    taken(limits, "checkout")
    assert limits.take("dashboard") == 0.0


def test_rate_nought_is_no_limit_and_keeps_nothing() -> None:
    limits = Limits(0, Clock())
    assert taken(limits, "checkout") == 1_000
    assert limits.callers == 0


def test_what_no_bucket_could_hold_takes_a_full_one() -> None:
    clock = Clock()
    limits = Limits(5, clock)
    assert limits.take("checkout", 20) == 0.0
    assert limits.take("checkout", 20) == 2.0
    clock.now_s += 2
    assert limits.take("checkout", 20) == 0.0


def test_less_than_one_a_second_is_possible() -> None:
    clock = Clock()
    limits = Limits(0.1, clock)
    assert limits.take("checkout") == 0.0
    assert limits.take("checkout") == 10.0


def test_the_oldest_bucket_goes_once_it_is_full() -> None:
    clock = Clock()
    limits = Limits(1, clock, max_callers=2)
    for caller in ("one", "two"):
        taken(limits, caller)
    clock.now_s += 2
    assert taken(limits, "three") == 2
    assert limits.callers == 2


def test_newcomers_share_a_bucket_while_there_is_no_room() -> None:
    clock = Clock()
    limits = Limits(1, clock, max_callers=2)
    for caller in ("one", "two"):
        taken(limits, caller)
    assert sum(taken(limits, f"newcomer-{number}") for number in range(100)) == 2
    assert limits.take("one") > 0
    assert limits.callers == 2


# Seconds that pass, who asks, and at which cost.
steps = st.lists(
    st.tuples(st.floats(0, 5), st.sampled_from("abcdef"), st.floats(0.1, 30)), max_size=60
)


def granted(
    limits: Limits, rate: float, asked: list[tuple[float, str, float]], clock: Clock
) -> dict[str, float]:
    """What each caller got, in tokens."""
    got: dict[str, float] = defaultdict(float)
    for pause_s, caller, cost in asked:
        clock.now_s += pause_s
        if limits.take(caller, cost) == 0.0:
            got[caller] += min(cost, 2 * rate)
    return got


@given(rate=st.floats(0.5, 50), asked=steps)
def test_nobody_ever_gets_more_than_the_burst_and_the_rate(
    rate: float, asked: list[tuple[float, str, float]]
) -> None:
    clock = Clock()
    got = granted(Limits(rate, clock), rate, asked, clock)
    assert all(each <= 2 * rate + rate * clock.now_s + 1e-6 for each in got.values())


@given(rate=st.floats(0.5, 50), asked=steps, most=st.integers(1, 4))
def test_many_names_get_no_more_than_the_buckets_hold(
    rate: float, asked: list[tuple[float, str, float]], most: int
) -> None:
    clock = Clock()
    limits = Limits(rate, clock, max_callers=most)
    got = granted(limits, rate, asked, clock)
    assert limits.callers <= most
    assert sum(got.values()) <= (most + 1) * (2 * rate + rate * clock.now_s) + 1e-6


@given(rate=st.floats(0.5, 50), asked=steps)
def test_nobody_is_told_to_wait_longer_than_a_bucket_takes_to_fill(
    rate: float, asked: list[tuple[float, str, float]]
) -> None:
    clock = Clock()
    limits = Limits(rate, clock)
    for pause_s, caller, cost in asked:
        clock.now_s += pause_s
        wait_s = limits.take(caller, cost)
        assert 0 <= wait_s <= 2.0 + 1e-6
        clock.now_s += wait_s
        assert wait_s == 0 or limits.take(caller, cost) == 0.0


def test_the_example_is_true() -> None:
    told = doctest.testmod(module)
    assert (told.failed, told.attempted) == (0, 3)
