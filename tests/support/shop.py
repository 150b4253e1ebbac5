"""A simulated shop of 250 customers and half a year of its epochs, lived through once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from models.behaviour import behaviour_of
from models.calendar import start_of_day_ms
from models.experience import (
    Epoch,
    Experience,
    Lesson,
    studied,
)
from models.ledger import Ledger
from models.macro import Groups
from models.policy import Policy, policy_from_preset
from models.risk_learner import RiskLearner
from models.sample import SampledCustomer, sampled
from models.scores import RiskScore, risk_score
from models.sketch import Contribution, Sketch, from_slots, grouped

FOUR = {"k": 4}  # as many clusters: what k is best takes long
GROCERY = policy_from_preset("grocery", clusters=FOUR)  # horizon 28 days, own ones of 14 to 56
DAY_0 = 738_886  # 2024-01-01, a Monday
CUSTOMERS = 250
WEEKS = 21
PRIOR_DAYS = 6.3


@dataclass
class Shopper:
    """One customer of the shop, and what they will do.

    Attributes:
        name: the id.
        buys: days since day 0, ascending, and the amounts.
        ledger: what was told so far.
        contribution: to the sketch.
    """

    name: str
    buys: list[tuple[int, int]]
    ledger: Ledger = field(default_factory=Ledger)
    contribution: Contribution | None = None

    def live(self, day: int) -> SampledCustomer | None:
        """Tell what happens on a day; the row, if anything did."""
        mine = [amount for on, amount in self.buys if on == day]
        at_ms = start_of_day_ms(DAY_0 + day, GROCERY.timezone) + 3_600_000
        for amount_minor in mine:
            ledger, _ = self.ledger.advance(at_ms, GROCERY)
            self.ledger, _ = ledger.buy(at_ms, amount_minor, 1, PRIOR_DAYS, GROCERY)
        return self.row if mine else None

    @property
    def row(self) -> SampledCustomer:
        return sampled(self.ledger, self.first_day, behaviour_of(self.ledger))

    @property
    def first_day(self) -> int:
        return DAY_0 + self.buys[0][0]

    def contributes(self, day: int) -> Contribution:
        row = self.row
        return Contribution(
            DAY_0 + day,
            row.first_day,
            row.last_day,
            row.purchase_days,
            row.spend_minor,
            row.behaviour,
        )


def shoppers(seed: int = 7) -> list[Shopper]:
    """Rhythms of 3 to 30 days; about a third are lost, and some are still to come."""
    draw, found = np.random.default_rng(seed), []
    for number in range(CUSTOMERS):
        gap, leaves = np.exp(draw.normal(2.0, 0.6)), draw.exponential(250.0)
        latest = 70 if number % 5 else 7 * WEEKS - 7
        mean_spend, day, first = np.exp(draw.normal(8.0, 0.5)), draw.uniform(0, latest), None
        buys: list[tuple[int, int]] = []
        while day < 7 * WEEKS and (first is None or day - first < leaves):
            first = day if first is None else first
            buys.append((int(day), int(mean_spend * draw.gamma(4.0, 0.25))))
            day += draw.gamma(2.0, gap / 2)
        found.append(Shopper(f"c{number}", buys))
    return found


@cache
def epochs(ahead: bool = True) -> tuple[Epoch, ...]:
    """What the learner gets at the end of each week; the sample may tell of Monday already."""
    sketch, crowd, found = Sketch(), shoppers(), []
    for day in range(7 * WEEKS):
        if day and day % 7 == 0 and not ahead:
            found.append(epoch_of(sketch, day))
        for shopper in crowd:
            row = shopper.live(day)
            if row is not None:
                new = shopper.contributes(day)
                shopper.contribution = sketch.renew(shopper.name, shopper.contribution, new, row)
        if day and day % 7 == 0 and ahead:
            found.append(epoch_of(sketch, day))
    return tuple(found)


def epoch_of(sketch: Sketch, day: int) -> Epoch:
    read = from_slots(sketch.slots())
    groups = Groups(*grouped([read]))
    return Epoch(day // 7, DAY_0 + day, read.sample, groups, PRIOR_DAYS, DAY_0 - 28, complete=True)


class Week(NamedTuple):
    """What one epoch's end made of it."""

    known: Experience
    lesson: Lesson


def lived(
    through: Sequence[Epoch], known: Experience | None = None, policy: Policy = GROCERY
) -> list[Week]:
    known, weeks = known or Experience(), []
    for epoch in through:
        known, lesson = studied(known, epoch, policy)
        weeks.append(Week(known, lesson))
    return weeks


@cache
def half_a_year() -> tuple[Week, ...]:
    """All epochs, one after the other."""
    return tuple(lived(epochs()))


def labels_of(learner: RiskLearner | None) -> int:
    return 0 if learner is None else learner.labels


def judged(source: str, gap: float, own: bool = False) -> RiskScore:
    """A hundred customers of whom half were lost; their mean risk lay off by `gap`."""
    pairs = [(0.5 + gap, number % 2 == 0) for number in range(100)]
    kind: Any = source
    return risk_score(pairs, kind, own, 20, DAY_0 + 154)
