"""What the API answers of surveys, typed: docs/personas.md, docs/affinity.md and docs/evaluation.md say what each means.

All of it is of the newest survey: `as_of` is the moment that it shows, `taken_at` when it was taken; `outdated`:
another policy has come into force since, and the next survey is not there yet.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from streams.client_segments import Answer, InBoth


class Sentence(InBoth):
    """One sentence; `numbers` are those of the card that it is backed by."""

    numbers: dict[str, float]


class Described(Answer):
    """A segment in words."""

    segment: str
    label: InBoth
    name: InBoth
    sentences: list[Sentence]


class DescribedAndJudged(Described):
    """The same; `verdict` is whether it is worth working with: yes, no, or untold."""

    verdict: str


class Personas(Answer):
    """What kind of people are in each segment that anybody is in."""

    as_of: datetime
    taken_at: datetime
    population: int
    policy: str
    outdated: bool
    customers: int
    currency: str
    items: list[DescribedAndJudged]


class Pair(Answer):
    """Two categories that are bought on the same day; a name that is not known is None."""

    one: str | None
    other: str | None
    days: int
    customers: int
    support: float
    confidence: float
    confidence_back: float
    lift: float
    elsewhere: float


class Pairs(Answer):
    """The best pairs by one ranking; `certain`: no pair that is not counted could stand among them."""

    shopping_days: int
    certain: bool
    pairs: list[Pair]


class Persona(Described):
    """A segment in words and numbers; what to do, whether it is worth working with, what is bought together."""

    as_of: datetime
    taken_at: datetime
    population: int
    policy: str
    outdated: bool
    customers: int
    currency: str
    play: dict[str, Any] | None
    card: dict[str, Any]
    evaluation: dict[str, Any]
    together: dict[str, Pairs]


class NextCategory(Answer):
    """A category that somebody may begin to buy; `because` of these that they buy."""

    category: str | None
    score: float
    because: list[str | None]


class NextCategories(Answer):
    """The likeliest first."""

    customer_id: str
    items: list[NextCategory]
