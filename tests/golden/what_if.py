"""What a policy with fixed limits brings about, in pandas from the raw baskets: the independent side of
`replay compare`.

Nothing of models/ or streams/ is used here. Tables have households down and mornings across: on morning m
all purchases up to day m - 1 are known, and a silence is m less the day of the last one.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from tests.golden.raw_journey import BEGAN, lines, raw

TOLD_AT = pd.Timedelta(hours=2)  # past midnight: so long an alert of a silence waits
HORIZON_DAYS = 28


class Limits(NamedTuple):
    """Silences of more than so many days; a customer is new for so many days."""

    overdue: int
    dormant: int
    churned: int
    new: int


class Shop:
    """Some households under some limits."""

    def __init__(self, households: list[int], limits: Limits) -> None:
        self.households, self.limits = households, limits
        bought = lines()[lines()["household"].isin(households)]
        self.lines = bought
        self.last_day = int(bought["day"].max())
        self.mornings = range(1, self.last_day + 2)

    @cached_property
    def visits(self) -> pd.DataFrame:
        """A row for each household and day with a purchase: the gap before, and the day of the next."""
        found = self.lines[["household", "day"]].drop_duplicates()
        found = found.sort_values(["household", "day"], ignore_index=True)
        days = found.groupby("household")["day"]
        found["gap"], found["next"] = days.diff(), days.shift(-1)
        found["first"] = days.transform("first")
        return found.merge(self._first_moments(), on=["household", "day"])

    def _first_moments(self) -> pd.DataFrame:
        """When the first basket of each day was paid."""
        paid = raw("transactions").groupby("basket_id")["transaction_timestamp"].min()
        baskets = self.lines[["household", "day", "basket"]].drop_duplicates()
        baskets = baskets.assign(paid=baskets["basket"].map(paid))
        return baskets.groupby(["household", "day"], as_index=False)["paid"].min()

    def table(self, column: pd.Series) -> pd.DataFrame:
        """What is known on each morning of a value that each visit sets."""
        told = pd.Series(column.to_numpy(), [self.visits["household"], self.visits["day"] + 1])
        return told.unstack().reindex(self.households, columns=self.mornings).ffill(axis=1)

    # where customers stand on each morning

    @cached_property
    def silence(self) -> pd.DataFrame:
        """Days since the last purchase; NaN before the first."""
        return -self.table(self.visits["day"]).sub(list(self.mornings), axis=1)

    @cached_property
    def places(self) -> dict[str, pd.DataFrame]:
        """Segment → who is in it."""
        limits, silence = self.limits, self.silence
        bought, was_dormant = silence.notna(), self.visits["gap"] > limits.dormant
        ever = self.table(was_dormant.groupby(self.visits["household"]).cummax()) == True  # noqa: E712
        tenure = -self.table(self.visits["first"]).sub(list(self.mornings), axis=1)
        here = silence <= limits.dormant
        new = here & ~ever & (tenure <= limits.new)
        described = pd.Series(self.households).isin(raw("demographics")["household_id"])
        known = np.repeat(described.to_numpy()[:, None], len(self.mornings), axis=1)
        dormant = (silence > limits.dormant) & (silence <= limits.churned)
        churned = silence > limits.churned
        big = self.spent(90) >= 300_00
        return {
            "lifecycle/prospect": ~bought & known,
            "lifecycle/new": new,
            "lifecycle/active": here & ~new,
            "lifecycle/dormant": dormant,
            "lifecycle/churned": churned,
            "flag/overdue": here & (silence > limits.overdue),
            "flag/won_back": here & (self.table(was_dormant) == True),  # noqa: E712
            "rule/lost_spenders": (dormant | churned) & (self.spent() >= 500_00),
            "rule/big": big & here & ~new,
        }

    def spent(self, window: int = 0) -> pd.DataFrame:
        """Cents in a window of so many days, today's included, of which nothing is known yet; 0: ever."""
        daily = self.lines.groupby(["household", "day"])["spend"].sum().unstack(fill_value=0)
        daily = daily.reindex(self.households, columns=range(-400, self.last_day + 1), fill_value=0)
        sums = daily.cumsum(axis=1)
        now = sums[[each - 1 for each in self.mornings]].set_axis(self.mornings, axis=1)
        if not window:
            return now
        return now - sums[[each - window for each in self.mornings]].set_axis(self.mornings, axis=1)

    # alerts

    def silences(self, limit: int, rule: str, cool_down: int) -> pd.DataFrame:
        """Alerts of silences longer than a limit, as the rule's cool-down lets them through."""
        found = self.visits.assign(rule=rule, since=self.visits["day"])
        found["day"] = found["since"] + limit + 1
        told_at = BEGAN + pd.to_timedelta(found["day"], unit="D") + TOLD_AT
        back_at = self.visits.groupby("household")["paid"].shift(-1)
        came = found["next"].isna() | (back_at >= told_at)
        found = found[came & (found["day"] <= self.last_day)]
        kept = [
            place
            for _, those in found.groupby("household")
            for place in _cooled(those["day"], cool_down)
        ]
        return self._judged(found.loc[kept], counts_from=0)

    def returns(self, rule: str) -> pd.DataFrame:
        """Alerts of customers who come back after they were dormant."""
        back = self.visits[self.visits["gap"] > self.limits.dormant]
        return self._judged(back.assign(rule=rule, since=back["day"]), counts_from=1)

    def _judged(self, alerts: pd.DataFrame, counts_from: int) -> pd.DataFrame:
        """With what came within the horizon, as far as it has ended by the last day."""
        first, end = alerts["day"] + counts_from, alerts["day"] + counts_from + HORIZON_DAYS
        bought = self.visits.groupby("household")["day"].agg(np.array)
        inside = [
            bool(((days >= low) & (days < high)).any())
            for days, low, high in zip(bought[alerts["household"]], first, end, strict=True)
        ]
        dates = BEGAN + pd.to_timedelta(alerts["day"], unit="D")
        iso = dates.dt.isocalendar()
        judged = end <= self.last_day
        return alerts.assign(
            judged=judged,
            right=judged & ~np.array(inside, dtype=bool),
            silent=alerts["day"] - alerts["since"],
            lead=alerts["since"] + self.limits.churned + 1 - alerts["day"],
            week=iso["year"].astype(str) + "-W" + iso["week"].astype(str).str.zfill(2),
        )


def _cooled(days: pd.Series, cool_down: int) -> list[int]:
    """Places of the alerts of one customer that come late enough after the one before."""
    kept, last = [], -10_000
    for place, day in days.items():
        if day >= last + cool_down:
            kept.append(place)
            last = day
    return kept


def matched(a: pd.DataFrame, b: pd.DataFrame, last_visit: pd.Series) -> pd.DataFrame:
    """By rule and kind: silences that both, or one of them, told of."""
    keys = ["rule", "household", "since"]
    both = a.merge(b, on=keys, how="outer", suffixes=("_a", "_b"))
    moved = both["day_b"] - both["day_a"]
    both["kind"] = np.select(
        [both["day_a"].isna(), both["day_b"].isna(), moved == 0, moved < 0],
        ["new", "missed", "same_day", "earlier"],
        "later",
    )
    both["days"] = moved.abs().fillna(0)
    for name in ("judged", "right"):
        both[name] = both[f"{name}_b"].fillna(both[f"{name}_a"]).astype(bool)
    alone = both["kind"].isin(["new", "missed"])
    both["still"] = alone & (both["household"].map(last_visit) == both["since"])
    by = both.groupby(["rule", "kind"])
    return by.agg(
        alerts=("days", "size"),
        days=("days", "sum"),
        judged=("judged", "sum"),
        right=("right", "sum"),
        still_silent=("still", "sum"),
    ).astype("int64")
