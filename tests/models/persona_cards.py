"""Cards to write personas of, made up."""

from __future__ import annotations

from models.persona_card import Card, Favourite, Measure, Movement, Size, Trait

# name → unit, mean of everybody
BASE: dict[str, tuple[str, float]] = {
    "spend_365d": ("money", 200_000.0),
    "purchases_365d": ("count", 50.0),
    "purchase_days_365d": ("count", 40.0),
    "average_order_value_365d": ("money", 4_000.0),
    "categories_365d": ("count", 80.0),
    "discount_share_365d": ("share", 0.15),
    "return_rate_365d": ("share", 0.04),
    "cadence_days": ("days", 9.0),
    "silence_days": ("days", 20.0),
    "silence_cycles": ("count", 2.0),
    "tenure_days": ("days", 300.0),
    "risk": ("share", 0.2),
    "trend_90d": ("share", 0.05),
}
TEA = Favourite("category", "Tea", 0.3, 1.9, 1.5, 9.0, 0.8, 1.4)
RICE = Favourite("category", "Rice", 0.2, 1.0, 1.0, 0.1, 0.7, 1.0)
YOUNG = Trait("age_band", "25-34", 180, 0.32, 0.2, 1.6, 6.0)


def measures(factors: dict[str, float], known: int = 200) -> tuple[Measure, ...]:
    """A measure for each number: so many times the mean of everybody, whose deviation is half of it."""
    return tuple(
        Measure(name, unit, known, base * factors.get(name, 1.0), base, _score(name, factors))
        for name, (unit, base) in BASE.items()
    )


def _score(name: str, factors: dict[str, float]) -> float:
    return (factors.get(name, 1.0) - 1) * 2


def card(
    segment: str = "cluster/1", customers: int = 200, known: int = 200, **factors: float
) -> Card:
    """A segment whose means are so many times those of everybody."""
    return Card(
        segment,
        "USD",
        Size(customers, 0.2, 50_000_000, 0.3),
        Movement(12, 10, 0.01),
        measures(factors, known),
        (TEA, RICE),
        (YOUNG,),
    )
