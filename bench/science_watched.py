"""What to look at while a data set is replayed, and what was seen. Nothing is done here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from bench.science_metrics import Floats, Integers
from models.policy import Policy


class Said(Protocol):
    """What the product says of a customer; see `models/outlook.py`."""

    @property
    def risk(self) -> float:
        """P(no purchase within the policy's horizon)."""

    @property
    def own_risk(self) -> float:
        """P(no purchase within the customer's own horizon)."""

    @property
    def own_horizon_days(self) -> int:
        """The customer's own horizon."""

    @property
    def expected_purchases(self) -> float:
        """Purchase days within the horizon, by the better of the next two."""

    @property
    def bgnbd_purchases(self) -> float:
        """By BG/NBD."""

    @property
    def decayed_purchases(self) -> float:
        """By the decayed rate."""

    @property
    def expected_spend_minor(self) -> int:
        """Spend within the horizon, minor units."""


Outlooks = Mapping[int, Mapping[int, Said]]  # cut-off → place of the customer → what was said


class Asked(NamedTuple):
    """What to look at during one replay.

    Attributes:
        policy: the rules in force.
        partitions: of the log.
        cutoffs: days at whose end every customer's outlook is taken.
        daily_from: from this day's end on, own risks are taken every day; None: never.
        weekly_from: from this day on, clusters are looked at at each Monday's midnight; None: never.
        changes_of: customers whose every change of vector is noted, once a day.
    """

    policy: Policy
    partitions: int
    cutoffs: tuple[int, ...] = ()
    daily_from: int | None = None
    weekly_from: int | None = None
    changes_of: frozenset[int] = frozenset()


class Week(NamedTuple):
    """Clusters at one midnight.

    Attributes:
        day: the last day that is counted.
        rows: the customers, as places in `Purchases.customers`.
        vectors: one row each, whole numbers as the sketch counts them.
        labels: the cluster's id; -1 while there is none.
        centroids: of each cluster, in the unit of the vectors.
    """

    day: int
    rows: Integers
    vectors: Integers
    labels: Integers
    centroids: dict[int, tuple[int, ...]]


class Change(NamedTuple):
    """A customer's vector as it stood at the end of a day, when it was another the day before."""

    day: int
    row: int
    vector: tuple[int, ...]


class Daily(NamedTuple):
    """Own risks and own horizons, customers × days; NaN where there is none.

    Attributes:
        first_day: of the first column.
        risks: at the end of each day.
        horizons: days that each of them is about.
    """

    first_day: int
    risks: Floats
    horizons: Floats


class Watched(NamedTuple):
    """What was seen; see `Asked`. `outlooks` by cut-off and place of the customer."""

    outlooks: Outlooks
    daily: Daily | None
    weeks: list[Week]
    changes: list[Change]
    took_s: float
