"""Drift: whether a measure of quality has changed its level for good.

ADWIN (Bifet & Gavaldà 2007) keeps a window of a series and drops its old part once the two differ
by more than chance allows. Enters: a measure of a hundred customers at each epoch, oldest first.
Leaves: the epoch at which it last changed. The detector is built anew from the series each time, so
that nothing but plain numbers has to be kept. Drift is reported; nothing acts upon it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from river.drift import ADWIN

EPOCHS_KEPT = 26
VALUES_KEPT = 100  # an epoch
_DELTA = 0.002  # the false alarms that ADWIN's bound is made for; river's default


class Epoch(NamedTuple):
    """A measure of some customers at the end of an epoch, thousandths."""

    day: int
    thousandths: tuple[int, ...]


Series = tuple[Epoch, ...]


def continued(series: Series, day: int, values: Sequence[float]) -> Series:
    """The series with one epoch more; of many values the first hundred."""
    if not values:
        return series
    thousandths = tuple(round(1000 * each) for each in values[:VALUES_KEPT])
    return (*series, Epoch(day, thousandths))[-EPOCHS_KEPT:]


def last_drift(series: Series) -> int | None:
    """The day of the epoch at which ADWIN last found that the level had changed; None: never.

    >>> calm = tuple(Epoch(day, (0, 1000) * 50) for day in range(8))
    >>> last_drift(calm), last_drift((*calm, Epoch(8, (3000, 4000) * 50)))
    (None, 8)
    """
    detector: Any = ADWIN(delta=_DELTA)  # type: ignore[no-untyped-call]
    found = None
    for epoch in series:
        for value in epoch.thousandths:
            detector.update(value / 1000)
            if detector.drift_detected:
                found = epoch.day
    return found
