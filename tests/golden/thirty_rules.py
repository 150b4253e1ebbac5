"""The thirty rules of thirty_rules.toml once more, by hand, in pandas."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from tests.golden.panel import Panel
from tests.golden.raw_journey import day_number

WELL_OFF = ["100-124K", "125-149K", "150-174K", "175-199K", "200-249K", "250K+"]
DIAPERS, FORMULA, BABY = "DIAPERS & DISPOSABLES", "INFANT FORMULA", "BABY FOODS"
SODA, MILK = "SOFT DRINKS", "FLUID MILK PRODUCTS"


def memberships(p: Panel) -> dict[str, pd.DataFrame]:
    """Segment → who is in it, customers down and days across; nobody who is not known yet."""
    known = p.known_days.notna()
    return {name: rule(p) & known for name, rule in RULES.items()}


def _families(p: Panel) -> pd.DataFrame:
    return p.told("household_comp").isin(["1 Adult Kids", "2 Adults Kids"])


def _undescribed(p: Panel) -> pd.DataFrame:
    return p.told("income").isna()


def _big_spenders(p: Panel) -> pd.DataFrame:
    return p.total("spend") >= 1500_00


def _bargain_hunters(p: Panel) -> pd.DataFrame:
    return (p.discount_share() >= 0.25) & (p.total("baskets") >= 5)


def _slipping(p: Panel) -> pd.DataFrame:
    return (p.growth(30) < -0.5) & (p.total("spend", 90) >= 150_00)


def _settled_seniors(p: Panel) -> pd.DataFrame:
    settled = (p.told("home_ownership") != "Renter") & p.told("marital_status").notna()
    return (p.told("age") == "65+") & settled


def _private_label_fans(p: Panel) -> pd.DataFrame:
    often = (p.total("days") >= 10) & (p.total("days", brand="Private") > 8)
    return (p.share_of("by_piece", brand="Private") >= 0.3) & often


def _soda_drinkers(p: Panel) -> pd.DataFrame:
    much = p.total("by_piece", 90, category=SODA) >= 40_00
    return much & ~(p.share_of("by_piece", 90, category=SODA) < 0.05)


def _young_parents(p: Panel) -> pd.DataFrame:
    fed = _families(p) & (p.total("by_piece", 365, category=BABY) > 5_00)
    formula = p.total("days", 365, category=FORMULA) >= 3
    return (p.total("by_piece", 90, category=DIAPERS) >= 20_00) | formula | fed


def _price_sensitive_quarter(p: Panel) -> pd.DataFrame:
    share, order = p.discount_share(90), p.order_value(90)
    return (share >= 0.15) & (share < 0.3) & ~((order >= 20_00) & (order < 50_00))


def _top_up_shoppers(p: Panel) -> pd.DataFrame:
    small = (p.items_per_purchase(90) < 5) & (p.items_per_purchase(365) < 8)
    return (p.total("items", 30) > 0) & (p.total("items", 30) <= 20) & small


def _narrow_quarter(p: Panel) -> pd.DataFrame:
    often = (p.total("baskets", 90) >= 3) & (p.total("days", 365) >= 3)
    return (p.distinct("category", 90) < 15) & (p.distinct("category", 30) > 2) & often


def _not_since_spring(p: Panel) -> pd.DataFrame:
    gone = (p.last_day < day_number("2017-06-01")) & (p.first_day < day_number("2017-03-01"))
    return gone & (p.silence_cycles > 2)


def _no_more_milk(p: Panel) -> pd.DataFrame:
    return (p.silence_of(category=MILK) > 28) & (p.total("by_piece", category=MILK) >= 10_00)


def _vips(p: Panel) -> pd.DataFrame:
    much = (p.total("spend", 90) >= 900_00) | (p.total("spend", 365) >= 2500_00)
    lesser = _bargain_hunters(p) | _slipping(p)
    return (_big_spenders(p) | much) & (p.silence <= 21) & ~lesser


RULES: dict[str, Callable[[Panel], pd.DataFrame]] = {
    "families": _families,
    "well_off": lambda p: p.told("income").isin(WELL_OFF),
    "young_homes": lambda p: (
        p.told("age").isin(["19-24", "25-34"]) & p.told("household_size").isin(["1", "2"])
    ),
    "undescribed": _undescribed,
    "settled_seniors": _settled_seniors,
    "big_spenders": _big_spenders,
    "bargain_hunters": _bargain_hunters,
    "explorers": lambda p: (p.distinct("category") >= 75) & (p.distinct("brand") == 2),
    "big_baskets": lambda p: (
        (p.items_per_purchase() > 12) & (p.order_value() >= 40_00) & (p.total("items") >= 100)
    ),
    "private_label_fans": _private_label_fans,
    "one_brand": lambda p: (p.brand_loyalty() > 0.9) | (p.brand_loyalty(90) >= 0.92),
    "heavy_month": lambda p: (p.total("spend", 30) >= 300_00) & (p.total("baskets", 30) >= 4),
    "regulars": lambda p: (p.total("days", 30) >= 8) & (p.repurchase_rate >= 0.9),
    "slipping": _slipping,
    "rising": lambda p: (p.growth(90) > 0.5) & (p.order_value(30) >= 25_00),
    "nothing_to_compare": lambda p: (
        p.growth(30).isna() & (p.total("baskets") > 0) & (p.distinct("brand", 365) < 3)
    ),
    "soda_drinkers": _soda_drinkers,
    "young_parents": _young_parents,
    "neighbours_of_367": lambda p: p.total("days", 30, store="367") >= 3,
    "faithful_to_406": lambda p: (
        (p.share_of("spend", 90, store="406") > 0.8) & (p.total("spend", 30, store="406") > 0)
    ),
    "private_year": lambda p: (
        (p.share_of("by_piece", 365, brand="Private") >= 0.4)
        | (p.total("by_piece", 30, brand="Private") >= 60_00)
    ),
    "price_sensitive_quarter": _price_sensitive_quarter,
    "top_up_shoppers": _top_up_shoppers,
    "narrow_quarter": _narrow_quarter,
    "quiet_fortnight": lambda p: (p.silence >= 14) & (p.silence < 42),
    "newcomers": lambda p: (p.tenure <= 30) | p.known_days.isin([31, 32]) | p.is_new,
    "not_since_spring": _not_since_spring,
    "no_more_milk": _no_more_milk,
    "win_back": lambda p: (p.is_silent & ~_undescribed(p)) | (p.is_won_back & ~p.is_overdue),
    "vips": _vips,
}
