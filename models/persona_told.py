"""Everything that is told of a segment: title, persona, card and play, in the order in which people expect it.

Enters: a survey, the policy, personas before. Leaves: what is told, segment by segment. Forbidden here: layout.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from models.membership import CLUSTER
from models.persona_card import Card
from models.personas import Persona, cards_of, personas_of
from models.playbook import Chosen, play_of
from models.policy import Policy
from models.segments import Label, all_segments, label_of
from models.survey import Survey


class Told(NamedTuple):
    """What is told of a segment.

    Attributes:
        segment: its name.
        label: what it is called for people; of a cluster nothing but its number.
        persona: what kind of people are in it.
        card: its numbers now; the persona was written of numbers that hardly differ.
        play: what is to be done; None: nobody has said so.
    """

    segment: str
    label: Label
    persona: Persona
    card: Card
    play: Chosen | None

    def title(self, language: str) -> str:
        """Its label and what kind of people it means; of a cluster, which is called by its number alone, the latter first."""
        label = self.label.zh if language == "zh" else self.label.en
        name = self.persona.names[language]
        first, second = (name, label) if self.segment.startswith(f"{CLUSTER}/") else (label, name)
        return f"{first} · {second}"

    def as_json(self) -> dict[str, Any]:
        """As plain values."""
        numbers = self.persona.written.numbers
        return {
            "segment": self.segment,
            "label": self.label._asdict(),
            "name": dict(self.persona.names),
            "sentences": [
                {**each.texts, "numbers": {key: numbers[key] for key in each.numbers}}
                for each in self.persona.sentences
            ],
            "play": None if self.play is None else self.play.as_json(),
            "card": self.card.as_json(),
            "persona": self.persona.as_json(),
        }


def told_of(
    survey: Survey, policy: Policy, before: Mapping[str, Persona] | None = None
) -> dict[str, Told]:
    """What is told of every segment that anybody is in.

    Args:
        survey: with names of labels.
        policy: that it was taken under.
        before: segment → persona, as they were until now.
    """
    return told_by(cards_of(survey, policy.business.currency, before, policy), policy, before)


def told_by(
    cards: Mapping[str, Card], policy: Policy, before: Mapping[str, Persona] | None = None
) -> dict[str, Told]:
    """The same, by segment → card."""
    personas = personas_of(cards.values(), before)
    return {
        each: Told(
            each,
            label_of(each, policy),
            personas[each],
            cards[each],
            play_of(each, policy, personas[each].claims),
        )
        for each in in_order(cards, policy)
    }


def in_order(segments: Iterable[str], policy: Policy) -> list[str]:
    """Clusters by number, then all others as lists of segments have them."""
    place = {each: place for place, each in enumerate(all_segments(policy, None))}

    def key(segment: str) -> tuple[bool, int, int, str]:
        is_cluster = segment.startswith(f"{CLUSTER}/")
        return not is_cluster, place.get(segment, len(place)), len(segment), segment

    return sorted(segments, key=key)
