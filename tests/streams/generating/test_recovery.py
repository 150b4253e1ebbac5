"""The truth is recovered: 95 % intervals of the product's estimates cover it.

`POPULATIONS=200` asks for more of them and for other ones, and `-s` shows how often each quantity was
covered.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from streams.generating.fitting import Reading
from streams.generating.personas import SHOP
from streams.generating.population import Mess, Segment
from streams.generating.writing import write_events
from streams.sources import read_file
from tests.streams.generating.populations import events_of
from tests.streams.generating.recovery import (
    Answer,
    answers,
    by_day,
    lives_in,
    plain_population,
    seen,
)

MORE = "POPULATIONS" in os.environ
POPULATIONS = int(os.environ.get("POPULATIONS", "20"))
AT_LEAST = 17 / 20  # of 20 intervals, each right with a probability of .95, in 98 cases of 100
CLAIMED = {
    *("r", "alpha", "a", "b", "mean rate", "mean leaving", "alive", "purchases to come"),
    *("p", "q", "v", "mean spend"),
}


def plain(seed: int) -> list[Answer]:
    return answers(seen(lives_in(plain_population(seed))))


def plain_by_day(seed: int) -> list[Answer]:
    return answers(seen(map(by_day, lives_in(plain_population(seed)))))


def of_segment(segment: Segment, seed: int) -> list[Answer]:
    return answers(seen(lives_in(plain_population(seed, segment=segment))), segment)


CASES: dict[str, Callable[[int], list[Answer]]] = {"plain": plain}
if MORE:
    CASES["plain, by customer-day"] = plain_by_day
    at_random = [each for each in SHOP if each.gap_shape == 1]  # as BG/NBD has it
    CASES |= {each.name: partial(of_segment, each) for each in at_random}


@pytest.mark.parametrize("case", CASES)
def test_over_twenty_populations_the_intervals_cover_the_truth_at_least_seventeen_times(
    case: str,
) -> None:
    covered: Counter[str] = Counter()
    width: defaultdict[str, float] = defaultdict(float)
    for seed in range(1, POPULATIONS + 1):
        for answer in CASES[case](seed):
            covered[answer.name] += answer.covered
            width[answer.name] += (answer.interval.high - answer.interval.low) / answer.truth
    print(f"\n{case}, {POPULATIONS} populations: intervals that cover the truth, mean width")
    for name, count in covered.items():
        print(f"{name:>18} {count:4} {width[name] / POPULATIONS:8.1%} of the truth")
    share = covered.total() / len(covered) / POPULATIONS
    print(f"{'all':>18} {share:.3f}")
    assert covered.keys() == CLAIMED
    assert {name: n for name, n in covered.items() if n < AT_LEAST * POPULATIONS} == {}
    assert share < 0.99  # wider than they say would be no recovery either


def test_an_estimator_that_is_told_too_little_does_not_cover() -> None:
    found = seen(lives_in(plain_population(1)))
    blind = found._replace(t=found.t + 60)  # as if everybody had been silent for two months more
    missed = {each.name for each in answers(blind) if not each.covered}
    assert missed >= {"a", "alive"}


def test_a_file_with_late_and_repeated_events_and_refunds_tells_the_same_histories(
    tmp_path: Path,
) -> None:
    population = replace(plain_population(3, 150), mess=Mess(0.1, 0.1, 0.1))
    path = tmp_path / "events.jsonl"
    write_events(path, iter(events_of(population, tmp_path)), population.attributes)
    reading = Reading()
    for record in read_file(path):
        reading.add(record)
    start_s = 1_704_067_200  # 2024-01-01
    histories = {
        life.customer_id: [
            (start_s + second, amount)
            for second, amount in zip(life.seconds, life.amounts_minor, strict=True)
        ]
        for life in lives_in(population)
    }
    assert {name: sorted(each) for name, each in reading.purchases.items()} == histories
