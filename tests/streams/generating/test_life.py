"""A life: the process it is drawn from, and the shop's clock that seasons change."""

from __future__ import annotations

from datetime import date, timedelta
from statistics import fmean

import numpy as np
import pytest

from models.bgnbd import BgNbd
from models.gamma_gamma import GammaGamma
from streams.generating.life import Life, Lives, chances_of
from streams.generating.observing import Gaps
from streams.generating.population import Joins, Population, Promotion, Seasons, Segment
from streams.generating.timing import ShopClock
from tests.streams.generating.populations import like_small

DAY_S = 86_400
STAYING = Segment("staying", 1.0, BgNbd(4.0, 40.0, 0.001, 50.0), GammaGamma(4.0, 3.0, 2_000.0))
SHUT_AT_NIGHT = (0.0,) * 8 + (2.0,) * 12 + (0.0,) * 4


def population(segment: Segment = STAYING, **more: object) -> Population:
    given: dict[str, object] = {"hot": 0, "joins": Joins(1.0), "promotions": (), **more}
    return like_small(segments=(segment,), **{"customers": 400, "seasons": Seasons(), **given})


def lives(of: Population) -> list[Life]:
    made = Lives(of)
    return [made.of(each, chances_of(each, of.seed).life) for each in range(of.customers)]


def test_rates_amounts_and_chances_have_the_means_of_their_distributions() -> None:
    segment = Segment("s", 1.0, BgNbd(2.0, 40.0, 1.0, 3.0), GammaGamma(4.0, 5.0, 2_000.0))
    all_of_them = lives(population(segment, customers=4_000))
    assert fmean(life.rate_a_day for life in all_of_them) == pytest.approx(2 / 40, rel=0.05)
    assert fmean(life.leaves_with for life in all_of_them) == pytest.approx(1 / 4, rel=0.05)
    spent = [life.mean_spend_minor for life in all_of_them]
    assert fmean(spent) == pytest.approx(4 * 2_000 / 4, rel=0.05)
    firsts = [life.amounts_minor[0] / life.mean_spend_minor for life in all_of_them]
    assert fmean(firsts) == pytest.approx(1, rel=0.05)
    assert np.var(firsts) == pytest.approx(1 / 4, rel=0.1)


def test_a_customer_leaves_with_a_purchase_and_never_with_the_first() -> None:
    segment = Segment("leaving", 1.0, BgNbd(4.0, 20.0, 500.0, 0.5), GammaGamma(4.0, 3.0, 2_000.0))
    gone = [life for life in lives(population(segment)) if life.left]
    assert len(gone) > 300
    assert {len(life.seconds) for life in gone} == {2}


def test_purchases_while_they_stay_come_at_the_rate_of_the_customer() -> None:
    for life in lives(population(days=2_000, customers=20)):
        expected = life.rate_a_day * 2_000
        assert len(life.seconds) - 1 == pytest.approx(expected, abs=5 * expected**0.5)


@pytest.mark.parametrize("shape", [0.5, 1.0, 4.0])
def test_gaps_are_as_regular_as_their_shape_says(shape: float) -> None:
    segment = Segment("s", 1.0, BgNbd(4.0, 20.0, 0.001, 50.0), STAYING.spend, gap_shape=shape)
    gaps = Gaps(1.0)
    for life in lives(population(segment)):
        gaps.add(life.seconds)
    assert gaps.shape() == pytest.approx(shape, rel=0.08)


def test_two_purchases_say_nothing_of_regularity() -> None:
    gaps = Gaps(1.0)
    gaps.add([1.0, 9.0])
    assert gaps.shape() is None


def test_twice_as_much_is_bought_on_days_with_twice_the_factor() -> None:
    march = Promotion("march", (3, 1), (3, 31), factor=2.0, discount=0.1)
    swayed = population(promotions=(march,), days=120, customers=800)
    days = [
        (swayed.start + timedelta(days=second // DAY_S)).month
        for life in lives(swayed)
        for second in life.seconds[1:]
    ]
    assert days.count(3) / 31 == pytest.approx(2 * days.count(2) / 29, rel=0.06)
    assert days.count(4) / 29 == pytest.approx(days.count(2) / 29, rel=0.06)


def test_who_is_not_swayed_buys_as_always() -> None:
    march = Promotion("march", (3, 1), (3, 31), factor=2.0, discount=0.1)
    steady = Segment("steady", 1.0, STAYING.purchases, STAYING.spend, swayed=0.0)
    promoted, usual = population(steady, promotions=(march,)), population(steady)
    assert [life.seconds for life in lives(promoted)] == [life.seconds for life in lives(usual)]


def test_nobody_buys_while_the_shop_is_shut() -> None:
    shut = population(seasons=Seasons(hours=SHUT_AT_NIGHT), customers=50)
    hours = {second % DAY_S // 3_600 for life in lives(shut) for second in life.seconds}
    assert hours == set(range(8, 20))


def test_the_clock_of_a_shop_without_seasons_is_the_calendar() -> None:
    clock = ShopClock(population(days=30), 1.0)
    assert clock.end == 30 * 24
    assert [clock.second_of(each) for each in (0.0, 0.5, 25.25)] == [0, 1_800, 90_900]
    assert clock.shop_hours_at(1.5) == 36.0


def test_the_clock_goes_back_and_forth() -> None:
    seasons = Seasons((0.5, 1.5) * 6, (0.5,) * 5 + (2.25,) * 2, SHUT_AT_NIGHT)
    clock = ShopClock(population(seasons=seasons, start=date(2024, 2, 20)), 1.0)
    for second in range(8 * 3_600, 190 * DAY_S, 7 * DAY_S + 1_234):
        if 8 <= second % DAY_S // 3_600 < 20:
            assert clock.second_of(clock.shop_hours_at(second / DAY_S)) == pytest.approx(
                second, abs=1
            )
