"""Customers whose deaths are known, because they are made up.

Gaps are gamma distributed with shape 2 (more regular than a Poisson process), each customer has a
mean gap of their own (lognormal: some come every other day, some every other month), and lives
exponentially long. One seed, one set of customers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

import numpy as np

from bench.science_metrics import Floats, Integers
from streams.sources import SourceRecord

DAYS = 730
BIRTHS_UNTIL_DAY = 365
SHAPE = 2
MEDIAN_GAP_DAYS, GAP_SPREAD = 8.0, 1.2  # e^1.2: two in three are within a factor of 3.3
MEAN_LIFE_DAYS = 1_000.0
FIRST_DAY = date(2017, 1, 1).toordinal()
_DAY_MS = 86_400_000
_FIRST_MS = (FIRST_DAY - date(1970, 1, 1).toordinal()) * _DAY_MS


class Made(NamedTuple):
    """Made-up customers.

    Attributes:
        visits_days: of each customer, moments of purchases in days, ascending.
        deaths: day of death, whole.
        mean_gap_days: while alive.
    """

    visits_days: list[list[float]]
    deaths: Integers
    mean_gap_days: Floats


def made(customers: int, seed: int) -> Made:
    """So many customers; each is born with a first purchase."""
    generator = np.random.default_rng(seed)
    births = generator.uniform(0, BIRTHS_UNTIL_DAY, customers)
    gaps = MEDIAN_GAP_DAYS * np.exp(GAP_SPREAD * generator.standard_normal(customers))
    deaths = births + generator.exponential(MEAN_LIFE_DAYS, customers)
    visits = [
        _visits(birth, min(death, DAYS), gap, generator)
        for birth, death, gap in zip(births.tolist(), deaths.tolist(), gaps.tolist(), strict=True)
    ]
    return Made(visits, np.ceil(deaths).astype(np.int64), gaps)


def _visits(
    birth: float, until: float, mean_gap_days: float, generator: np.random.Generator
) -> list[float]:
    visits = [birth]
    while True:
        visit = visits[-1] + generator.gamma(SHAPE, mean_gap_days / SHAPE)
        if visit >= until:
            return visits
        visits.append(visit)


def records(customers: Made) -> Iterator[SourceRecord]:
    """Their purchases, by time; ids sort as the customers stand."""
    ordered = sorted(
        (visit, place) for place, visits in enumerate(customers.visits_days) for visit in visits
    )
    for number, (visit, place) in enumerate(ordered):
        at_ms = _FIRST_MS + int(visit * _DAY_MS)
        body = {
            "event_id": f"made-{number}",
            "customer_id": f"{place:06}",
            "occurred_at": f"{np.datetime64(at_ms, 'ms')}Z",
            "amount_minor": 2_000,
            "currency": "USD",
        }
        yield SourceRecord("purchase", f"{place:06}", at_ms, json.dumps(body).encode())


def oracle(customers: Made, first_day: int, visit_days: list[Integers]) -> Floats:
    """Probability of being dead by who knows everything but the death; customers × days.

    No rule that sees purchases only can rank the dead above the living any better.

    Args:
        customers: as made.
        first_day: of the first column.
        visit_days: purchase days of each, ascending.
    """
    days = np.arange(first_day, DAYS)
    rows = [
        _dead_after(gap, _silences(own, days))
        for gap, own in zip(customers.mean_gap_days.tolist(), visit_days, strict=True)
    ]
    return np.array(rows)


def _silences(visit_days: Integers, days: Integers) -> Integers:
    place = np.searchsorted(visit_days, days, side="right") - 1
    return np.where(place >= 0, days - visit_days[np.maximum(place, 0)], 0)


def _dead_after(mean_gap_days: float, silences: Integers) -> Floats:
    """P(dead | so much silence), from the survival function of a gap of shape 2."""
    moments = np.arange(0, DAYS + 1, 0.25)
    unseen = (1 + SHAPE * moments / mean_gap_days) * np.exp(-SHAPE * moments / mean_gap_days)
    lives = np.exp(-moments / MEAN_LIFE_DAYS)
    died = np.cumsum(lives * unseen) * 0.25 / MEAN_LIFE_DAYS
    dead = died / (died + lives * unseen)
    found: Floats = dead[silences * 4]
    return found
