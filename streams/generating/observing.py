"""What purchase histories look like: the same figures of a real file and of a generated one.

Enters: one customer's purchases at a time. Leaves: `Figures`, and the parameters fitted to all.
Forbidden here: ids, what was bought, truth.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import pairwise
from math import exp, log
from typing import NamedTuple

import numpy as np
from scipy.special import digamma

from models import bgnbd, gamma_gamma
from models.bgnbd import BgNbd
from models.gamma_gamma import GammaGamma

DAY_S = 86_400
SHORTEST_GAP_S = 60  # repetitions within a minute say nothing of regularity
_SHAPES = (0.1, 100.0)  # between which the shape of gaps is looked for
_HALVINGS = 60


class Figures(NamedTuple):
    """What is compared; None where there is too little to say it.

    Attributes:
        customers: with a purchase.
        purchases: of all.
        purchases_a_customer: mean.
        bought_once: share of customers.
        days_between: mean of all closed gaps.
        gap_shape: of the Gamma distribution of gaps; 1: at random.
        amount_minor: mean of all purchases.
        money_of_top_tenth: share of the money that the best tenth of customers has brought.
        purchasing: BG/NBD, days.
        spend: Gamma-Gamma, minor units.
    """

    customers: int
    purchases: int
    purchases_a_customer: float
    bought_once: float
    days_between: float | None
    gap_shape: float | None
    amount_minor: float
    money_of_top_tenth: float
    purchasing: BgNbd | None
    spend: GammaGamma | None


class Gaps:
    """How regular gaps are, whatever the rates of those who left them.

    Args:
        shortest: gaps below count as so long.
    """

    def __init__(self, shortest: float) -> None:
        self._shortest = shortest
        self._unlike: dict[int, list[float]] = {}  # gaps of a customer: customers, Σ ln g − n ln ḡ

    def add(self, moments: Sequence[float]) -> None:
        """The moments of one customer more, ascending; less than three say nothing."""
        if len(moments) < 3:
            return
        gaps = [max(self._shortest, later - earlier) for earlier, later in pairwise(moments)]
        count = len(gaps)
        found = self._unlike.setdefault(count, [0, 0.0])
        found[0] += 1
        found[1] += sum(map(log, gaps)) - count * log(sum(gaps) / count)

    def shape(self) -> float | None:
        """The likeliest shape of the Gamma distribution, given the sum of each customer's gaps.

        Gaps over their sum are Dirichlet(k, …, k), whatever the customer's rate: the score is
        Σ (Σ ln g − n ln ḡ) − Σ n·(ψ(k) − ψ(nk) + ln n), which falls in k. Gaps that were still open
        at the end are left out, so long ones are somewhat too rare.

        Source: Minka (2000), Estimating a Dirichlet distribution, section 1, for equal parameters.
        """
        if not self._unlike:
            return None
        low, high = map(log, _SHAPES)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            if self._score(exp(middle)) > 0:
                low = middle
            else:
                high = middle
        return exp(low)

    def _score(self, shape: float) -> float:
        total: float = sum(
            found - customers * gaps * (digamma(shape) - digamma(gaps * shape) + log(gaps))
            for gaps, (customers, found) in self._unlike.items()
        )
        return total


class Observed:
    """Adds customers up.

    Args:
        end_s: until when they were observed, seconds since whatever purchases are counted from.
        shortest_gap_s: gaps below count as so long; half a day where only days are known.
    """

    def __init__(self, end_s: int, shortest_gap_s: int = SHORTEST_GAP_S) -> None:
        self._end_s = end_s
        self._repeats, self._last, self._now, self._counted, self._mean = (
            array("d") for _ in range(5)
        )
        self._closed, self._closed_s = 0, 0
        self._gaps = Gaps(shortest_gap_s)

    @property
    def any(self) -> bool:
        """Whether there is a customer."""
        return bool(self._now)

    def add(self, seconds: Sequence[int], amounts_minor: Sequence[int]) -> None:
        """One customer more; purchases ascending, at least one."""
        first, last = seconds[0], seconds[-1]
        self._repeats.append(len(seconds) - 1)
        self._last.append((last - first) / DAY_S)
        self._now.append((self._end_s - first) / DAY_S)
        paid = [each for each in amounts_minor if each > 0]
        self._counted.append(len(paid))
        self._mean.append(sum(paid) / len(paid) if paid else 0.0)
        self._closed += len(seconds) - 1
        self._closed_s += last - first
        self._gaps.add(seconds)

    def figures(self) -> Figures:
        """Of all customers added, at least one."""
        x, last, now, counted, mean = (
            np.asarray(each)
            for each in (self._repeats, self._last, self._now, self._counted, self._mean)
        )
        customers, purchases = len(x), int(x.sum()) + len(x)
        money = np.sort(counted * mean)[::-1]
        paid = max(1.0, float(counted.sum()))
        return Figures(
            customers,
            purchases,
            purchases / customers,
            float((x == 0).mean()),
            self._closed_s / DAY_S / self._closed if self._closed else None,
            self._gaps.shape(),
            float(money.sum()) / paid,
            float(money[: -(-customers // 10)].sum() / max(1.0, money.sum())),
            bgnbd.fitted(x, last, now),
            gamma_gamma.fitted(counted, mean),
        )
