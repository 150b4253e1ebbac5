"""Names of personas: two words of how the segment differs, more where two would be called alike.

    claims ──► parts, the most telling first ──► "Frequent big-basket customers" · 高频高客单客户

Names are distinct within a kind. A name that was given stays while all that it says is still said.

Enters: cards and claims of one kind, the parts of names given before. Leaves: parts, names. Forbidden here:
deciding what is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log2
from typing import NamedTuple

from models.persona_card import Card
from models.persona_claims import (
    IDLE,
    PREFERS,
    SMALL,
    TRAITS,
    WEIGHT_OF,
    Claims,
    strength_of_theme,
)
from models.persona_text import label_in
from models.persona_words import SPACED, attribute_in, listed, padded, said

USUAL_PARTS = 2
STRONG_LIFT = 2.0  # a preference or a trait is worth a name from here on
Part = tuple[str, int]  # a claim and its strength
Parts = tuple[Part, ...]
_ORDER = list(WEIGHT_OF)
_RECENCY = ("silence", "overdue")


class Named(NamedTuple):
    """What a segment is called after.

    Attributes:
        parts: the claims that the name is made of.
        numbered: whether the segment's own word stands behind it, because nothing else tells it apart.
    """

    parts: Parts
    numbered: bool


def names_of(
    described: Mapping[str, tuple[Card, Claims]], before: Mapping[str, Named]
) -> dict[str, Named]:
    """What each segment of one kind is called after.

    Args:
        described: segment → its card and what is said of it.
        before: segment → what it was called after until now.
    """
    found: dict[str, Named] = {}
    taken: set[Named] = set()
    for segment in sorted(described):
        known = before.get(segment)
        if known is not None and _holds(known, described[segment]) and known not in taken:
            found[segment] = known
            taken.add(known)
    for segment in sorted(described, key=_in_number):
        if segment not in found:
            found[segment] = _new(described[segment], taken)
            taken.add(found[segment])
    return {segment: found[segment] for segment in described}


def _in_number(segment: str) -> tuple[int, str]:
    """So that the second cluster comes before the tenth."""
    return len(segment), segment


def _holds(known: Named, of: tuple[Card, Claims]) -> bool:
    """Whether all that a name says is still said; a name that says nothing holds while there is nothing to say."""
    card, claims = of
    return all(claims.get(claim) == strength for claim, strength in known.parts) and (
        bool(known.parts) or not parts_of(card, claims)
    )


def _new(of: tuple[Card, Claims], taken: set[Named]) -> Named:
    parts = parts_of(*of)
    strong = sum(claim in {SMALL, IDLE} or strength_of(claim, of[0]) > 0 for claim, _ in parts)
    usual = min(USUAL_PARTS, strong)
    for count in range(usual, len(parts) + 1):
        named = Named(_ordered(parts[:count]), numbered=False)
        if named not in taken:
            return named
    return Named(_ordered(parts[:usual]), numbered=True)


def parts_of(card: Card, claims: Claims) -> Parts:
    """What a name may be made of, the most telling first."""
    for each in (SMALL, IDLE):
        if claims.get(each):
            return ((each, 1),)
    kinds = {*WEIGHT_OF, PREFERS, TRAITS}
    told = [each for each in claims if claims[each] and each.split("/")[0] in kinds]
    told.sort(key=lambda each: (-strength_of(each, card), each))
    for alike in (
        [each for each in told if "/" in each],
        [each for each in told if each in _RECENCY],
    ):
        told = [each for each in told if each not in alike[1:]] + alike[1:]  # one of them is enough
    return tuple((each, claims[each]) for each in told)


def strength_of(claim: str, card: Card) -> float:
    """How telling a claim is; 0 of what is only said if nothing else tells two segments apart.

    A theme counts its standard deviations, by weight; a preference or a trait, from twice as frequent as
    overall on, how often it doubles.
    """
    kind, _, rest = claim.partition("/")
    if kind in WEIGHT_OF:
        return strength_of_theme(kind, card)
    lift = card.numbers[f"{rest}.lift"]
    return log2(lift) if lift >= STRONG_LIFT else 0.0


def _ordered(parts: Sequence[Part]) -> Parts:
    """Words of themes in the order of the themes, so that the same two make the same name."""
    themes = sorted(
        (each for each in parts if each[0] in WEIGHT_OF), key=lambda p: _ORDER.index(p[0])
    )
    return (*themes, *(each for each in parts if each[0] not in WEIGHT_OF))


def name_in(language: str, named: Named, segment: str) -> str:
    """A segment's name.

    Args:
        language: of the catalogue.
        named: what it is called after.
        segment: its own name, of which the part behind the kind tells it apart if nothing else does.
    """
    name = _plain(language, named)
    rests = [claim.partition("/")[::2] for claim, _ in named.parts]
    labels = [_label(language, rest) for kind, rest in rests if kind == PREFERS]
    if labels:
        name = said(
            "name.label", language, name=name, label=padded(listed(labels, language), language)
        )
    traits = [_trait(language, rest) for kind, rest in rests if kind == TRAITS]
    if traits:
        name = said("name.trait", language, name=name, trait=listed(traits, language))
    if named.numbered:
        name = said("name.number", language, name=name, number=segment.partition("/")[2])
    return name[:1].upper() + name[1:]


def _label(language: str, rest: str) -> str:
    dimension, _, label = rest.partition("/")
    return label_in(dimension, label, language)


def _trait(language: str, rest: str) -> str:
    attribute, _, value = rest.partition("=")
    return f"{attribute_in(attribute, language)} {value}"


def _plain(language: str, named: Named) -> str:
    words = [
        said(f"name.{claim}.{level}", language)
        for claim, level in named.parts
        if claim in WEIGHT_OF
    ]
    if words:
        return said("name", language, words=(" " if language in SPACED else "").join(words))
    claims = [claim for claim, _ in named.parts]
    only = next((each for each in (SMALL, IDLE) if each in claims), "others" if claims else "plain")
    return said(f"name.{only}", language)
