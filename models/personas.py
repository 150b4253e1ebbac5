"""Personas: what kind of people are in a segment, as a name and sentences that hold still.

    Card ──► held (what hardly moved stays as written) ──► claims ──► sentences, name        in every language

A persona is written of numbers. While none of them has moved (`models/persona_moved.py`) since it was
written, the next one is the very same; as soon as one has, what hangs on it is written anew. What matters is how
far a number is from what was written, so many small steps are seen, too.

Enters: cards, personas before. Leaves: personas. Forbidden here: the store, the clock, customer ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from models.demographics import is_demographic
from models.persona_card import Card, card_from_json
from models.persona_claims import FAVOURITE, PREFERS, TRAITS, Claims, claims_of
from models.persona_moved import held
from models.persona_names import Named, name_in, names_of
from models.persona_survey import Chosen, card_of
from models.persona_text import Sentence, sentences_of
from models.persona_words import LANGUAGES
from models.policy import Policy
from models.survey import Survey


class Persona(NamedTuple):
    """What kind of people are in a segment.

    Attributes:
        segment: name.
        names: language → what they are called.
        sentences: what is said of them.
        written: the numbers that it is said of; those of today are at most a little off.
        claims: what is said, for the next time.
        named: what the name is made of, likewise.
    """

    segment: str
    names: Mapping[str, str]
    sentences: tuple[Sentence, ...]
    written: Card
    claims: Mapping[str, int]
    named: Named

    def as_json(self) -> dict[str, Any]:
        """As plain values; `persona_from_json` reads them."""
        return {
            "segment": self.segment,
            "names": dict(self.names),
            "sentences": [
                {"claim": each.claim, "texts": dict(each.texts), "numbers": list(each.numbers)}
                for each in self.sentences
            ],
            "written": self.written.as_json(),
            "claims": dict(self.claims),
            "named": {
                "parts": [list(each) for each in self.named.parts],
                "numbered": self.named.numbered,
            },
        }


def persona_from_json(plain: Mapping[str, Any]) -> Persona:
    """The persona that `Persona.as_json` told, with the words of today.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    named = Named(
        tuple((claim, strength) for claim, strength in plain["named"]["parts"]),
        plain["named"]["numbered"],
    )
    return _persona(card_from_json(plain["written"]), dict(plain["claims"]), named)


def personas_of(
    cards: Iterable[Card], before: Mapping[str, Persona] | None = None
) -> dict[str, Persona]:
    """The personas of segments.

    Args:
        cards: of all segments of a kind together, so that no two are called alike.
        before: segment → persona, as they were until now.

    Returns:
        Segment → persona, in the order of the cards.
    """
    known = before or {}
    described = {each.segment: _described(each, known.get(each.segment)) for each in cards}
    named: dict[str, Named] = {}
    for kind in dict.fromkeys(map(kind_of, described)):
        some = {name: of for name, of in described.items() if kind_of(name) == kind}
        named |= names_of(some, {each: known[each].named for each in some if each in known})
    return {name: _persona(*of, named[name]) for name, of in described.items()}


def kind_of(segment: str) -> str:
    """What stands before the last stroke.

    >>> kind_of("rfm.quintile/loyal")
    'rfm.quintile'
    """
    return segment.rpartition("/")[0]


def _described(card: Card, before: Persona | None) -> tuple[Card, Claims]:
    if before is None:
        return card, claims_of(card, {})
    written = held(card, before.written)
    return written, claims_of(written, before.claims)


def _persona(card: Card, claims: Claims, named: Named) -> Persona:
    names = {each: name_in(each, named, card.segment) for each in LANGUAGES}
    return Persona(card.segment, names, tuple(sentences_of(card, claims)), card, claims, named)


def cards_of(
    survey: Survey,
    currency: str,
    before: Mapping[str, Persona] | None,
    policy: Policy,
) -> dict[str, Card]:
    """The card of every segment that anybody is in.

    Args:
        survey: with names of labels.
        currency: reporting currency.
        before: segment → persona: what they speak of stays on the cards.
        policy: says which labels and attributes are on no card.
    """
    known, leave_out = before or {}, frozenset(policy.personas.leave_out)
    at_work = frozenset(each for each in survey.base.attributes if not is_demographic(each, policy))
    return {
        each: card_of(each, survey, currency, Chosen(_spoken(each, known), leave_out, at_work))
        for each, group in sorted(survey.segments.items())
        if group.customers > 0
    }


def _spoken(segment: str, known: Mapping[str, Persona]) -> frozenset[str]:
    """The labels and values of attributes that something was said of."""
    claims = known[segment].claims if segment in known else {}
    stems = (f"{FAVOURITE}/", f"{PREFERS}/", f"{TRAITS}/")
    return frozenset(each.partition("/")[2] for each in claims if each.startswith(stems))
