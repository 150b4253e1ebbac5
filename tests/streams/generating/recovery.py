"""Whether the product's estimators find again what a population was made of.

A population is lived through; the estimators see its histories up to a moment, and what is asked is
what the generator knows: the parameters, how many have not left, what they buy afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models import bgnbd, gamma_gamma
from models.bgnbd import BgNbd
from models.gamma_gamma import GammaGamma
from models.intervals import Interval
from models.purchase_counts import purchase_moments
from models.uncertainty import (
    Scatter,
    figure_interval,
    forecast_interval,
    parameter_interval,
    scatter_of,
)
from streams.generating.life import Life, Lives, chances_of
from streams.generating.population import Joins, Population, Segment

Floats = npt.NDArray[np.float64]

SEEN_DAYS, HORIZON_DAYS, CUSTOMERS = 365, 90, 1_000
DAY_S = 86_400
PROCESS = Segment("plain", 1.0, BgNbd(0.8, 50.0, 0.7, 3.0), GammaGamma(4.0, 3.5, 2_500.0))


def plain_population(
    seed: int, customers: int = CUSTOMERS, segment: Segment = PROCESS
) -> Population:
    """Customers who do what the model says, over what is seen and the horizon."""
    days = SEEN_DAYS + HORIZON_DAYS
    return Population(seed, customers, date(2024, 1, 1), days, (segment,), Joins(120.0))


class Seen(NamedTuple):
    """Histories up to a moment, and the truth about them.

    Attributes:
        x: repeats.
        tx: days from the first purchase to the last.
        t: days from the first purchase to the moment.
        mean_minor: of all amounts.
        alive: how many have not left, truly.
        later: how many purchases they make within the horizon, truly.
    """

    x: Floats
    tx: Floats
    t: Floats
    mean_minor: Floats
    alive: int
    later: int


def lives_in(population: Population) -> Iterator[Life]:
    lives = Lives(population)
    for number in range(population.customers):
        yield lives.of(number, chances_of(number, population.seed).life)


def seen(lives: Iterator[Life]) -> Seen:
    """What can be seen of everybody after `SEEN_DAYS`."""
    rows, alive, later = [], 0, 0
    for life in lives:
        days = [second / DAY_S for second in life.seconds]
        known = [day for day in days if day < SEEN_DAYS]
        spent = life.amounts_minor[: len(known)]
        rows.append(
            (len(known) - 1, known[-1] - known[0], SEEN_DAYS - known[0], sum(spent) / len(spent))
        )
        later += len(days) - len(known)
        alive += not (life.left and len(days) == len(known))
    x, tx, t, mean_minor = np.array(rows).T
    return Seen(x, tx, t, mean_minor, alive, later)


def by_day(life: Life) -> Life:
    """As the product counts: the purchases of a day are one."""
    spent: dict[int, int] = {}
    for second, amount_minor in zip(life.seconds, life.amounts_minor, strict=True):
        day = second // DAY_S
        spent[day] = spent.get(day, 0) + amount_minor
    return life._replace(seconds=[day * DAY_S for day in spent], amounts_minor=list(spent.values()))


class Answer(NamedTuple):
    """One quantity: what is true, and the interval that the estimate comes with."""

    name: str
    truth: float
    interval: Interval

    @property
    def covered(self) -> bool:
        return not self.interval.excludes(self.truth)


def answers(found: Seen, segment: Segment = PROCESS) -> list[Answer]:
    """All quantities that are claimed."""
    return [*_purchasing(found, segment.purchases), *_spending(found, segment.spend)]


def _purchasing(found: Seen, truth: BgNbd) -> Iterator[Answer]:
    histories = found.x, found.tx, found.t
    model = bgnbd.fitted(*histories)
    assert model is not None

    def of(logs: Floats) -> BgNbd:
        return BgNbd(*np.exp(logs).tolist())

    scatter = scatter_of(
        lambda logs: float(bgnbd.log_likelihood(of(logs), *histories).sum()), model
    )
    assert scatter is not None
    yield from _parameters(scatter, truth)
    rate = figure_interval(scatter, lambda logs: float(np.exp(logs[0] - logs[1])))
    yield Answer("mean rate", truth.r / truth.alpha, rate)
    leaving = figure_interval(scatter, lambda logs: of(logs).a / (of(logs).a + of(logs).b))
    yield Answer("mean leaving", truth.a / (truth.a + truth.b), leaving)
    chances = bgnbd.p_alive(model, *histories)
    alive = forecast_interval(
        scatter,
        lambda logs: float(bgnbd.p_alive(of(logs), *histories).sum()),
        float((chances * (1 - chances)).sum()),
    )
    yield Answer("alive", found.alive, alive)
    _, variance = purchase_moments(model, *histories, HORIZON_DAYS)
    later = forecast_interval(
        scatter,
        lambda logs: float(bgnbd.expected_purchases(of(logs), *histories, HORIZON_DAYS).sum()),
        float(variance.sum()),
    )
    yield Answer("purchases to come", found.later, later)


def _spending(found: Seen, truth: GammaGamma) -> Iterator[Answer]:
    amounts = found.x + 1, found.mean_minor
    model = gamma_gamma.fitted(*amounts)
    assert model is not None

    def of(logs: Floats) -> GammaGamma:
        return GammaGamma(*np.exp(logs).tolist())

    scatter = scatter_of(
        lambda logs: float(gamma_gamma.log_likelihood(of(logs), *amounts).sum()), model
    )
    assert scatter is not None
    yield from _parameters(scatter, truth)
    spend = figure_interval(scatter, lambda logs: gamma_gamma.expected_spend_of(of(logs), 0, 0.0))
    yield Answer("mean spend", truth.p * truth.v / (truth.q - 1), spend)


def _parameters(scatter: Scatter, truth: BgNbd | GammaGamma) -> Iterator[Answer]:
    for place, name in enumerate(truth._fields):
        yield Answer(name, truth[place], parameter_interval(scatter, place))
