"""Python's collector of cycles, told to leave folding alone.

A fold makes many small tuples, hardly ever in cycles, and keeps many of them. The collector looks through
what is kept again and again, which is up to two fifths of the time.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

COLLECT_EVERY = 50_000  # objects made and kept, rather than Python's 700


def collect_rarely() -> None:
    """From now on, in this process: what was imported stays, the rest is looked at now and then."""
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY, 10, 10)


@contextmanager
def collected_rarely() -> Iterator[None]:
    """The same while the block lasts."""
    before = gc.get_threshold()
    collect_rarely()
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@contextmanager
def uncollected() -> Iterator[None]:
    """Not at all while the block lasts; for what ends soon."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
