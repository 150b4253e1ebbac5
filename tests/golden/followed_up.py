"""What became of alerts, counted in pandas from the raw baskets: the independent side of the ledger.

Enters: the alerts as they were decided. Leaves: figures by rule and week. Nothing here is the product's
own: days, windows and shares are worked out anew.
"""

from __future__ import annotations

import pandas as pd

from tests.golden.raw_journey import BEGAN, lines

COLUMNS = ["alert", "rule", "household", "day", "horizon", "probability", "silence", "group"]


def baskets() -> pd.DataFrame:
    """Purchase days of each household with what was spent on them, days from the data's first."""
    paid = lines().groupby(["household", "day"], as_index=False)["spend"].sum()
    return paid.sort_values(["household", "day"])


def outcomes(alerts: pd.DataFrame, last_day: int) -> pd.DataFrame:
    """Each alert with what came within its horizon, if that has ended by the end of a day."""
    bought = alerts.merge(baskets(), on="household", suffixes=("", "_bought"))
    inside = bought[
        (bought["day_bought"] >= bought["day"])
        & (bought["day_bought"] < bought["day"] + bought["horizon"])
    ]
    came = inside.groupby("alert").agg(first=("day_bought", "min"), spent=("spend", "sum"))
    found = alerts.set_index("alert").join(came)
    found["resolved"] = found["day"] + found["horizon"] <= last_day
    found["returned"] = found["resolved"] & found["first"].notna()
    found["right"] = found["resolved"] & found["first"].isna()
    return found


def figures(alerts: pd.DataFrame, last_day: int) -> pd.DataFrame:
    """By rule, week and group: counts, and sums of what came."""
    found = outcomes(alerts, last_day)
    dates = pd.to_datetime(BEGAN.date()) + pd.to_timedelta(found["day"], unit="D")
    iso = dates.dt.isocalendar()
    found["week"] = iso["year"].astype(str) + "-W" + iso["week"].astype(str).str.zfill(2)
    found["came"] = (found["first"] - found["day"]).where(found["returned"], 0)
    found["spent"] = found["spent"].where(found["resolved"], 0).fillna(0)
    found["foretold"] = (found["probability"] * 1e6).round().where(found["resolved"], 0)
    found["silent"] = found["silence"].where(found["right"], 0)
    by = found.groupby(["rule", "week", "group"])
    return by.agg(
        raised=("day", "size"),
        resolved=("resolved", "sum"),
        returned=("returned", "sum"),
        right=("right", "sum"),
        spent_minor=("spent", "sum"),
        days_to_return=("came", "sum"),
        silence_days=("silent", "sum"),
        predicted_ppm=("foretold", "sum"),
    ).astype("int64")
