"""Seeds, in blocks that a test runs one after another.

SEED=123 python -m pytest tests/simulation/test_first_half.py     # one run, again
"""

from __future__ import annotations

import os
from collections.abc import Sequence

SEEDS = 2_000
BLOCK = 50


def blocks(half: int) -> list[Sequence[int]]:
    """The seeds of one of two files, so that two processes share them; or the one asked for."""
    if "SEED" in os.environ:
        return [(int(os.environ["SEED"]),)]
    first = half * SEEDS // 2
    return [range(start, start + BLOCK) for start in range(first, first + SEEDS // 2, BLOCK)]


def block_name(block: Sequence[int]) -> str:
    """As pytest shows it."""
    return f"seeds {block[0]} to {block[-1]}"
