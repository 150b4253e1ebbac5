"""Populations that are there without a file: the plain one, and a shop with five segments.

The parameters of the shop are made up so that it looks like general retail: few customers bring most
of the money, many buy once, gaps are weeks to months. The plain one has the parameters that CDNOW's
customers have (Fader, Hardie & Lee 2005, table 2, from weeks to days; Fader & Hardie 2013 for spend).

Enters: nothing. Leaves: segments, seasons, promotions. Forbidden here: drawing.
"""

from __future__ import annotations

from models.bgnbd import BgNbd
from models.gamma_gamma import GammaGamma
from streams.generating.population import (
    Choice,
    Promotion,
    Seasons,
    Segment,
    Value,
    around_one,
    one_of,
)

PLAIN = (
    Segment(
        "plain",
        1.0,
        BgNbd(r=0.243, alpha=4.414 * 7, a=0.793, b=2.426),
        GammaGamma(p=6.25, q=3.74, v=1_544.0),
    ),
)

SEASONS = Seasons(
    months=around_one((0.85, 0.85, 0.95, 0.95, 1.0, 1.0, 0.9, 0.9, 1.0, 1.05, 1.2, 1.35)),
    weekdays=around_one((0.85, 0.85, 0.9, 1.0, 1.15, 1.25, 1.0)),
    hours=around_one((*(0.1,) * 6, 0.3, 0.6, *(1.2,) * 4, *(1.5,) * 4, *(1.7,) * 5, 1.0, 0.5, 0.2)),
)

PROMOTIONS = (
    Promotion("618", (6, 16), (6, 18), factor=1.8, discount=0.15),
    Promotion("double-eleven", (11, 9), (11, 11), factor=2.5, discount=0.25),
    Promotion("end-of-year", (12, 26), (12, 31), factor=1.5, discount=0.3),
)

_PAYMENT = ("payment_method", one_of({"card": 6, "wallet": 3, "cash": 1}))
_STORES = ("store", one_of({f"store-{number}": 1 / number for number in range(1, 9)}))


def _channels(web: float, app: float, shop: float) -> tuple[str, Choice]:
    return "channel", one_of({"web": web, "app": app, "shop": shop})


def _people(born: tuple[int, int], consent: float) -> tuple[tuple[str, Choice], ...]:
    years: list[tuple[Value, float]] = [(year, 1.0) for year in range(*born)]
    yes_no: list[tuple[Value, float]] = [(True, consent), (False, 1 - consent)]
    return (
        ("birth_year", one_of(years)),
        ("gender", one_of({"female": 52, "male": 47, "other": 1})),
        ("region", one_of({"North": 3, "South": 4, "East": 2, "West": 2})),
        ("consent.email", one_of(yes_no)),
    )


SHOP = (
    Segment(
        name="regulars",
        share=0.25,
        purchases=BgNbd(r=4.0, alpha=80.0, a=0.5, b=12.0),
        spend=GammaGamma(p=6.0, q=4.0, v=1_500.0),
        gap_shape=2.0,
        swayed=0.3,
        lines=4.0,
        goods=one_of({"pantry": 5, "household": 3, "care": 2, "garden": 1}),
        labels=(_channels(1, 3, 6), _STORES, _PAYMENT),
        profile=_people((1950, 1995), 0.7),
    ),
    Segment(
        name="occasional",
        share=0.35,
        purchases=BgNbd(r=1.2, alpha=70.0, a=0.6, b=4.0),
        spend=GammaGamma(p=3.0, q=4.0, v=5_000.0),
        swayed=0.8,
        lines=2.0,
        goods=one_of({"clothing": 4, "household": 3, "books": 2, "toys": 2}),
        labels=(_channels(6, 2, 2), _PAYMENT),
        profile=_people((1960, 2003), 0.5),
    ),
    Segment(
        name="bargain-hunters",
        share=0.2,
        purchases=BgNbd(r=1.0, alpha=60.0, a=0.8, b=3.0),
        spend=GammaGamma(p=4.0, q=5.0, v=2_000.0),
        swayed=1.6,
        lines=2.5,
        goods=one_of({"clothing": 5, "electronics": 2, "care": 3}),
        labels=(_channels(4, 6, 1), _PAYMENT),
        profile=_people((1975, 2006), 0.8),
    ),
    Segment(
        name="one-timers",
        share=0.15,
        purchases=BgNbd(r=0.3, alpha=60.0, a=1.2, b=1.5),
        spend=GammaGamma(p=3.0, q=4.0, v=2_500.0),
        lines=1.3,
        goods=one_of({"gifts": 5, "books": 3, "toys": 3}),
        labels=(_channels(8, 1, 2), _PAYMENT),
    ),
    Segment(
        name="big-spenders",
        share=0.05,
        purchases=BgNbd(r=6.0, alpha=60.0, a=0.2, b=20.0),
        spend=GammaGamma(p=5.0, q=6.0, v=9_000.0),
        gap_shape=3.0,
        swayed=0.0,
        lines=3.0,
        goods=one_of({"electronics": 4, "clothing": 3, "garden": 2, "pantry": 2}),
        labels=(_channels(4, 4, 4), _STORES, _PAYMENT),
        profile=_people((1945, 1990), 0.6),
    ),
)
