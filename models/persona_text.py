"""The sentences of a persona: each claim in every language, with the numbers of the card that back it.

Enters: a card and what is said of it (`models/persona_claims.py`). Leaves: sentences. Forbidden here: deciding
what is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from models.member import NUMBERS
from models.persona_card import Card, Favourite, Measure, Trait
from models.persona_claims import (
    DESCRIBED_FROM,
    FAVOURITE,
    IDLE,
    NETS,
    PLAIN,
    PREFERS,
    SMALL,
    THEMES,
    TRAITS,
    Claims,
)
from models.persona_words import (
    LANGUAGES,
    attribute_in,
    change_in,
    days_in,
    listed,
    money_in,
    number_in,
    said,
    share_in,
)

UNITS = {each.name: each.unit for each in NUMBERS}
CHANGES = ("growth_90d", "trend_90d")
RHYTHM_DAYS = "cadence_days"
Parts = Callable[[str], dict[str, str]]  # of a language


class Sentence(NamedTuple):
    """One thing that is said.

    Attributes:
        claim: what: a key of the catalogue.
        texts: language → the sentence.
        numbers: keys of `Card.numbers`: what it says is read off these.
    """

    claim: str
    texts: Mapping[str, str]
    numbers: tuple[str, ...]


def sentences_of(card: Card, claims: Claims) -> Iterator[Sentence]:
    """All that is said of a segment, the size first.

    Args:
        card: the numbers to be told.
        claims: what `claims_of` said of this very card.
    """
    yield _sentence(
        "size", ("size.share", "size.spend_share"), lambda language: _size(card, language)
    )
    if claims.get(SMALL):
        least = str(DESCRIBED_FROM)
        yield _sentence("small", ("size.customers",), lambda _: {"least": least})
        return
    if claims.get(IDLE):
        yield _sentence("idle", ("purchases_365d.mean",))
    yield from _themes(card, claims)
    if claims.get(PLAIN):
        known = (each.number for each in THEMES if card.measure(each.number))
        yield _sentence(PLAIN, tuple(f"{each}.score" for each in known))
    yield from _lists(card, claims)
    if net := claims.get(NETS, 0):
        share = abs(card.movement.net_share)
        parts = {each: {"net": share_in(share, each)} for each in LANGUAGES}
        yield _sentence(
            "grows" if net > 0 else "shrinks", ("movement.net_share",), parts.__getitem__
        )


def _sentence(key: str, numbers: tuple[str, ...], parts: Parts = lambda _: {}) -> Sentence:
    texts = {each: said(key, each, **parts(each)) for each in LANGUAGES}
    return Sentence(key, texts, numbers)


def _size(card: Card, language: str) -> dict[str, str]:
    return {
        "share": share_in(card.size.share, language),
        "spend_share": share_in(card.size.spend_share, language),
    }


def _themes(card: Card, claims: Claims) -> Iterator[Sentence]:
    for theme in THEMES:
        measure = card.measure(theme.number)
        if theme.name in claims and measure is not None:
            keys = [f"{measure.name}.mean", f"{measure.name}.base_mean", f"{measure.name}.score"]
            key = f"{theme.name}.{claims[theme.name]}"
            rhythm = card.measure(RHYTHM_DAYS) if theme.name == "rhythm" else None
            if rhythm is not None:
                keys.append(f"{RHYTHM_DAYS}.mean")
            yield _sentence(key, tuple(keys), _telling(measure, rhythm, card.currency))


def _telling(measure: Measure, rhythm: Measure | None, currency: str) -> Parts:
    def parts(language: str) -> dict[str, str]:
        found = {
            "mean": told(measure.name, measure.mean, currency, language),
            "base": told(measure.name, measure.base_mean, currency, language),
        }
        if rhythm is not None:
            found["cadence"] = days_in(rhythm.mean, language)
        return found

    return parts


def told(name: str, value: float, currency: str, language: str) -> str:
    """One of `models.member.NUMBERS` for people.

    >>> told("trend_90d", 0.28, "USD", "en"), told("cadence_days", 5.9, "USD", "zh")
    ('+28%', '5.9 天')
    """
    if name in CHANGES:
        return change_in(value)
    kind = UNITS[name]
    if kind == "money":
        return money_in(value, currency, language)
    if kind == "days":
        return days_in(value, language)
    return share_in(value, language) if kind == "share" else number_in(value)


def _lists(card: Card, claims: Claims) -> Iterator[Sentence]:
    for claim, key in ((FAVOURITE, "favourites"), (PREFERS, "prefer")):
        rows = [
            each for each in card.favourites if f"{claim}/{each.dimension}/{each.label}" in claims
        ]
        field = "share" if claim == FAVOURITE else "lift"
        rows.sort(key=lambda each: (-(each.share if field == "share" else each.excess), each.label))
        if rows:
            yield _listing(key, rows, field)
    traits = [each for each in card.traits if f"{TRAITS}/{each.attribute}={each.value}" in claims]
    if traits:
        traits.sort(key=lambda each: (-each.evidence, each.attribute))
        yield _listing_traits(traits)


def _listing(key: str, rows: list[Favourite], field: str) -> Sentence:
    def parts(language: str) -> dict[str, str]:
        texts = [_favourite(each, field, language) for each in rows]
        return {"list": listed(texts, language)}

    return _sentence(key, tuple(f"{each.dimension}/{each.label}.{field}" for each in rows), parts)


def _favourite(each: Favourite, field: str, language: str) -> str:
    label = label_in(each.dimension, each.label, language)
    if field == "share":
        return said("of.favourite", language, label=label, share=share_in(each.share, language))
    return said("of.prefer", language, label=label, lift=number_in(each.lift))


def label_in(dimension: str, label: str, language: str) -> str:
    """A label for people: a category is called by its name, of others it is said what they are.

    >>> label_in("category", "Tea", "en"), label_in("store", "367", "zh")
    ('Tea', '门店 367')
    """
    shown = " ".join(label.split())
    if dimension == "category":
        return shown
    return f"{said(f'dimension.{dimension}', language)} {shown}"


def _listing_traits(traits: list[Trait]) -> Sentence:
    def parts(language: str) -> dict[str, str]:
        texts = [
            said(
                "of.trait",
                language,
                attribute=attribute_in(each.attribute, language),
                value=each.value,
                share=share_in(each.share, language),
                base=share_in(each.base_share, language),
            )
            for each in traits
        ]
        return {"list": listed(texts, language)}

    keys = [
        f"{each.attribute}={each.value}.{field}"
        for each in traits
        for field in ("share", "base_share")
    ]
    return _sentence("traits", tuple(keys), parts)
