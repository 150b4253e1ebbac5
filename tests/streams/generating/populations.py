"""Small populations for tests."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from streams.generating.making import Count, made
from streams.generating.mess import Event
from streams.generating.personas import PROMOTIONS, SEASONS, SHOP
from streams.generating.population import Joins, Mess, Population
from streams.generating.truth import truth_file

SMALL = Population(
    seed=7,
    customers=60,
    start=date(2024, 1, 1),
    days=200,
    segments=SHOP,
    joins=Joins(100.0),
    seasons=SEASONS,
    promotions=PROMOTIONS,
    mess=Mess(refunds=0.1, late=0.1, duplicates=0.1),
    hot=1,
    hot_a_day=3.0,
)


def like_small(**changed: Any) -> Population:
    return replace(SMALL, **changed)


def silent(_done: int) -> None:
    """Nobody watches."""


@contextmanager
def no_bar(_title: str, _total: int | None) -> Any:
    yield silent


def events_of(
    population: Population, folder: Path, count: Count | None = None, block_bytes: int = 10**9
) -> list[Event]:
    with (
        truth_file(None, population) as nowhere,
        made(population, count or Count(), nowhere, folder, silent, None, block_bytes) as events,
    ):
        return list(events)
