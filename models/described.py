"""What is known of a customer as a person: attributes, age, dates, engagement; as rules read it.

Enters: a sight (`models/sight.py`). Leaves: values, None where nothing is known. Forbidden here:
purchases.
"""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING

from models.gauge import Known
from models.rule_tree import Fact

if TYPE_CHECKING:
    from models.sight import Sight


def satisfaction(sight: Sight, _: Fact) -> Known | None:
    """The newest score."""
    newest = sight.state.satisfaction
    return None if newest is None else newest.value


def engagement_days_ago(sight: Sight, fact: Fact) -> int | None:
    """Customer-days since the last engagement of a type, or of any."""
    engaged = sight.state.engagement
    at_ms = engaged.get(fact.of) if fact.of else max(engaged.values(), default=None)
    return None if at_ms is None else max(0, sight.day - sight.day_of(at_ms))


def profile(sight: Sight, fact: Fact) -> Known | None:
    """An attribute."""
    found = sight.state.attributes.get(fact.of)
    return None if found is None else found.value


def birth_year(sight: Sight) -> int | None:
    """Of a profile that tells it."""
    found = profile(sight, Fact("profile", of="birth_year"))
    whole = isinstance(found, int) and not isinstance(found, bool)
    return found if whole and 1800 <= found <= 9900 else None  # type: ignore[operator, return-value]


def age_band(sight: Sight, _: Fact) -> str | None:
    """From the birth year, on read; else what the profile itself calls so."""
    born = birth_year(sight)
    if born is None:
        told = profile(sight, Fact("profile", of="age_band"))
        return told if isinstance(told, str) else None
    return band_of_age(date.fromordinal(sight.day).year - born, sight.policy.profiles.age_bands)


def band_of_age(years: int, edges: tuple[int, ...]) -> str:
    """In words.

    >>> [band_of_age(age, (18, 25, 65)) for age in (17, 18, 24, 65)]
    ['under 18', '18-24', '18-24', '65+']
    """
    if years < edges[0]:
        return f"under {edges[0]}"
    for low, high in pairwise(edges):
        if years < high:
            return f"{low}-{high - 1}"
    return f"{edges[-1]}+"


def date_in(sight: Sight, attribute: str) -> int | None:
    """The day that an attribute names, ordinal."""
    found = profile(sight, Fact("profile", of=attribute))
    try:
        return date.fromisoformat(found[:10]).toordinal() if isinstance(found, str) else None
    except ValueError:
        return None


def days_since(sight: Sight, fact: Fact) -> int | None:
    """Customer-days since the date that an attribute names."""
    day = date_in(sight, fact.of)
    return None if day is None else sight.day - day


def days_until(sight: Sight, fact: Fact) -> int | None:
    """Customer-days until then."""
    day = date_in(sight, fact.of)
    return None if day is None else day - sight.day
