"""A population like a file: what is taken over, what is not, and how near it comes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

from models.bgnbd import BgNbd
from models.gamma_gamma import GammaGamma
from streams.generating.choosing import Asked
from streams.generating.fitting import Fit, fitted_to, like
from streams.generating.making import as_record, lives_of
from streams.generating.observing import Observed
from streams.generating.population import Joins, Mess, Population, Seasons, Segment, one_of
from streams.sources import SourceError, SourceRecord

WEEKDAYS = (0.5, 0.5, 0.5, 0.5, 1.0, 2.0, 2.0)
MONTHS = (0.7,) * 6 + (1.3,) * 6
HOURS = (0.0,) * 12 + (2.0,) * 12
ORIGINAL = Population(
    seed=5,
    customers=1_200,
    start=date(2023, 1, 1),
    days=365,
    segments=(
        Segment(
            name="original",
            share=1.0,
            purchases=BgNbd(1.5, 45.0, 0.5, 4.0),
            spend=GammaGamma(5.0, 4.0, 3_000.0),
            gap_shape=2.0,
            lines=3.0,
            goods=one_of({"tea": 3, "rice": 1}),
            labels=(("channel", one_of({"web": 1, "shop": 3})),),
            profile=(("region", one_of({"North": 1, "South": 1})),),
            profiled=0.4,
        ),
    ),
    joins=Joins(90.0),
    seasons=Seasons(MONTHS, WEEKDAYS, HOURS),
    mess=Mess(refunds=0.05, duplicates=0.02),
)


def records(population: Population) -> Iterator[SourceRecord]:
    for _, told in lives_of(population):
        yield from map(as_record, told.events)


@pytest.fixture(scope="module")
def fit() -> Fit:
    return fitted_to(records(ORIGINAL), "original")


def test_what_a_file_is_made_of_is_found_again(fit: Fit) -> None:
    segment = fit.segment
    assert (fit.start, fit.days, fit.currency) == (date(2023, 1, 1), 365, "USD")
    assert fit.refunds == pytest.approx(0.05, abs=0.01)
    assert segment.gap_shape == pytest.approx(2.0, rel=0.1)
    assert segment.lines == pytest.approx(3.0, rel=0.05)
    assert segment.profiled == pytest.approx(0.4, abs=0.05)
    assert segment.goods is not None
    assert segment.goods.values == ("tea", "rice")
    assert segment.goods.upto[0] / segment.goods.upto[-1] == pytest.approx(0.75, abs=0.02)
    assert [(name, choice.values) for name, choice in segment.labels] == [
        ("channel", ("shop", "web"))
    ]
    assert fit.seasons.weekdays == pytest.approx(WEEKDAYS, abs=0.1)
    assert fit.seasons.hours == pytest.approx(HOURS, abs=0.25)
    early, late = sum(fit.seasons.months[3:6]), sum(fit.seasons.months[6:9])
    assert late / early == pytest.approx(1.3 / 0.7, rel=0.15)


def test_a_population_like_a_file_has_its_figures(fit: Fit) -> None:
    population = like(fit, Asked(seed=11))
    observed = Observed(population.days * 86_400, fit.shortest_gap_s)
    for life, _ in lives_of(population):
        if life.seconds:
            observed.add(life.seconds, life.amounts_minor)
    made, file = observed.figures(), fit.figures
    assert made.customers == pytest.approx(file.customers, rel=0.01)
    assert made.purchases_a_customer == pytest.approx(file.purchases_a_customer, rel=0.1)
    assert made.bought_once == pytest.approx(file.bought_once, abs=0.05)
    assert made.days_between == pytest.approx(file.days_between, rel=0.1)
    assert made.gap_shape == pytest.approx(file.gap_shape, rel=0.1)
    assert made.amount_minor == pytest.approx(file.amount_minor, rel=0.1)
    assert made.money_of_top_tenth == pytest.approx(file.money_of_top_tenth, abs=0.05)


def test_what_is_asked_for_stands_above_the_file(fit: Fit) -> None:
    asked = Asked(
        3, customers=10, days=50, start=date(2025, 2, 1), refunds=0.0, late=0.2, seasons=False
    )
    population = like(fit, asked)
    assert (population.customers, population.days, population.start) == (10, 50, date(2025, 2, 1))
    assert population.mess == Mess(0.0, 0.2, 0.0)
    assert population.seasons == Seasons()
    assert population.joins.days == pytest.approx(50, abs=7)
    assert like(fit, Asked(3, join_days=9)).joins == Joins(9)
    assert like(fit, Asked(3)).mess.refunds == fit.refunds


def bought(customer_id: str, day: int, amount_minor: int = 900, **more: object) -> SourceRecord:
    body = {"amount_minor": amount_minor, "currency": "EUR", **more}
    return SourceRecord("purchase", customer_id, day * 86_400_000, json.dumps(body).encode())


def told_of(customer_id: str, **attributes: object) -> SourceRecord:
    body = {"attributes": attributes}
    return SourceRecord("profile", customer_id, 86_400_000, json.dumps(body).encode())


def test_nothing_that_fewer_than_five_have_is_taken_over() -> None:
    few = [bought(f"c{each}", 1 + each % 3, channel="web") for each in range(20)]
    few += [bought("c1", 9, 1_500, channel="by pigeon", items=[{"category": "gold"}])]
    few += [told_of(f"c{each}", city="Bonn", nick=f"nick{each}") for each in range(6)]
    segment = fitted_to(few, "few").segment
    assert segment.profile == (("city", one_of([("Bonn", 6.0)])),)
    assert segment.labels == (("channel", one_of([("web", 20.0), ("", 1.0)])),)
    assert segment.goods is None
    assert segment.profiled == pytest.approx(6 / 20)


def test_a_file_of_days_keeps_its_one_hour_and_its_short_gaps_are_half_a_day() -> None:
    days = [bought(f"c{each % 30}", 1 + each * 7 % 200) for each in range(300)]
    found = fitted_to(days, "days")
    assert found.shortest_gap_s == 43_200
    assert found.seasons.hours[0] == 24.0
    population = replace(like(found, Asked(1)), customers=20)
    assert {
        second % 86_400 // 3_600 for life, _ in lives_of(population) for second in life.seconds
    } == {0}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "f.csv: found no purchase, expected some to be like"),
        ([told_of("c1", city="Bonn")], "f.csv: found no purchase"),
        (
            [bought("c1", 1), bought("c2", 2)],
            "f.csv: too little to be like: expected two customers",
        ),
    ],
)
def test_too_little_to_be_like_is_said(given: list[SourceRecord], said: str) -> None:
    with pytest.raises(SourceError) as refused:
        fitted_to(given, "f.csv")
    assert said in str(refused.value)
