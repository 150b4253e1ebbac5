"""What is judged by default, and what is to be reached: (at least, aimed at)."""

from __future__ import annotations

from typing import NamedTuple


class Goal(NamedTuple):
    """A figure to reach."""

    must: float
    aim: float

    def __str__(self) -> str:
        return f"{self.must:g} / {self.aim:g}"


class Case(NamedTuple):
    """One data set and horizon.

    Attributes:
        dataset: cj, cdnow or a file.
        preset: of the policy.
        horizon_days: H.
        cutoffs: days T, from the data set's first.
        auc: goal of the risk's AUC; None: there is none for this case.
        error_ratio: goal of the forecast's error ÷ that of BG/NBD.
    """

    dataset: str
    preset: str
    horizon_days: int
    cutoffs: tuple[int, ...]
    auc: Goal | None = None
    error_ratio: Goal | None = None


CASES = (
    Case("cj", "grocery", 28, (140, 196, 252, 308, 337), Goal(0.870, 0.876), Goal(0.95, 0.93)),
    Case("cj", "grocery", 56, (140, 196, 252, 309), Goal(0.888, 0.895), Goal(0.95, 0.93)),
    Case("cdnow", "general", 90, (182, 272, 363, 455), Goal(0.788, 0.795)),
)
CALIBRATION = Goal(0.035, 0.02)  # ECE, at most
OWN_HORIZON_AUC = Goal(0.850, 0.865)  # Complete Journey
EARLIER_DAYS = Goal(20, 30)  # than the fixed rule; Complete Journey, precision .40
EARLIER_SHARE = Goal(0.35, 0.43)  # synthetic customers, precision .80
COST_RATIO = Goal(1.02, 1.012)  # at most
FLIPS = Goal(0.015, 0.008)  # a week, at most
ARI = {"cj": 0.75, "cdnow": 0.83}

DAILY_FROM = 140  # lead time: spells begin here or later, when own risks have been learned
FOLLOWED_DAYS = 112  # and are followed for as long as the longest limit of the grocery preset
REAL_PRECISION, SYNTHETIC_PRECISION = 0.40, 0.80
CLUSTERS = 5
CLUSTERS_FROM = 56
# One replay for each: the first judges the first horizon, the second the second.
PARTITIONS = {"cj": (4, 16, 1)}
