"""In which order faults come."""

from __future__ import annotations

import random
from itertools import islice

from chaos.faults import FAULTS, in_order

KINDS = tuple(FAULTS)


def drawn(seed: int, how_many: int) -> list[str]:
    return list(islice(in_order(KINDS, random.Random(seed)), how_many))


def test_every_kind_comes_once_before_any_comes_again() -> None:
    first = drawn(7, len(KINDS))
    assert first != list(KINDS)
    assert sorted(first) == sorted(KINDS)


def test_a_seed_gives_one_order_and_it_goes_on_for_ever() -> None:
    assert drawn(7, 200) == drawn(7, 200)
    assert drawn(7, 200) != drawn(8, 200)
    assert set(drawn(7, 200)[len(KINDS) :]) == set(KINDS)
