"""The sentences of a persona: each claim in every language, with the numbers of the card that back it.

Enters: a card and what is said of it (`models/persona_claims.py`). Leaves: sentences. Forbidden here: deciding
what is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from models.member import NUMBERS
from models.persona_card import Card, Favourite, Measure, Trait
from models.persona_claims import (
    DESCRIBED_FROM,
    FAVOURITE,
    IDLE,
    NETS,
    NUMBER_OF,
    PLAIN,
    PREFERS,
    SMALL,
    TRAITS,
    Claims,
    strength_of_theme,
)
from models.persona_words import (
    LANGUAGES,
    MESSAGES,
    attribute_in,
    change_in,
    days_in,
    listed,
    money_in,
    number_in,
    placeholders,
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
        card: the numbers to be told. What sets the segment apart comes first, the strongest before; then
            what is told of everybody, and last what most money goes into.
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
    apart = [each for each in NUMBER_OF if claims.get(each)]
    yield from _themes(sorted(apart, key=lambda each: -strength_of_theme(each, card)), card, claims)
    yield from _preferred(card, claims)
    yield from _traits(card, claims)
    yield from _net(card, claims)
    yield from _themes((each for each in NUMBER_OF if claims.get(each) == 0), card, claims)
    if claims.get(PLAIN):
        known = (NUMBER_OF[each] for each in NUMBER_OF if each not in claims)
        yield _sentence(PLAIN, tuple(f"{each}.score" for each in known if card.measure(each)))
    yield from _favourites(card, claims)


def _sentence(key: str, numbers: tuple[str, ...], parts: Parts = lambda _: {}) -> Sentence:
    texts = {each: said(key, each, **parts(each)) for each in LANGUAGES}
    return Sentence(key, texts, numbers)


def _size(card: Card, language: str) -> dict[str, str]:
    return {
        "share": share_in(card.size.share, language),
        "spend_share": share_in(card.size.spend_share, language),
    }


def _themes(themes: Iterable[str], card: Card, claims: Claims) -> Iterator[Sentence]:
    for theme in themes:
        measure = card.measure(NUMBER_OF[theme])
        if measure is not None:
            key = f"{theme}.{claims[theme]}"
            keys = [f"{measure.name}.mean", f"{measure.name}.base_mean", f"{measure.name}.score"]
            usual = card.measure(RHYTHM_DAYS)
            if usual is not None:
                needed = placeholders(MESSAGES[key][0])
                keys += [f"{RHYTHM_DAYS}.{of}" for part, of in _OF_USUAL.items() if part in needed]
            yield _sentence(key, tuple(keys), _telling(measure, usual, card.currency))


_OF_USUAL = {"cadence": "mean", "usual": "base_mean"}  # what a message calls them


def _telling(measure: Measure, usual: Measure | None, currency: str) -> Parts:
    def parts(language: str) -> dict[str, str]:
        found = {
            "mean": told(measure.name, measure.mean, currency, language),
            "base": _beside(measure.name, measure.base_mean, currency, language),
        }
        if usual is not None:
            found["cadence"] = days_in(usual.mean, language)
            found["usual"] = _beside(usual.name, usual.base_mean, currency, language)
        return found

    return parts


def _beside(name: str, value: float, currency: str, language: str) -> str:
    """A number beside another of the same kind, of which the unit need not be said twice."""
    if UNITS[name] == "days":
        return said("days.base", language, count=number_in(value))
    return told(name, value, currency, language)


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


def _favourites(card: Card, claims: Claims) -> Iterator[Sentence]:
    rows = _spoken(FAVOURITE, card, claims)
    if rows:
        rows.sort(key=lambda each: (-each.share, each.label))
        yield _listing("favourites", rows, "share")


def _preferred(card: Card, claims: Claims) -> Iterator[Sentence]:
    rows = _spoken(PREFERS, card, claims)
    if rows:
        rows.sort(key=lambda each: (-each.excess, each.label))
        yield _listing("prefer", rows, "lift")


def _spoken(claim: str, card: Card, claims: Claims) -> list[Favourite]:
    return [each for each in card.favourites if f"{claim}/{each.dimension}/{each.label}" in claims]


def _net(card: Card, claims: Claims) -> Iterator[Sentence]:
    if net := claims.get(NETS, 0):
        share = abs(card.movement.net_share)
        parts = {each: {"net": share_in(share, each)} for each in LANGUAGES}
        key = "grows" if net > 0 else "shrinks"
        yield _sentence(key, ("movement.net_share",), parts.__getitem__)


def _traits(card: Card, claims: Claims) -> Iterator[Sentence]:
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
