"""A survey: the whole base at one moment, and each of its segments beside it.

    members, one by one ──► base · segment → Portrait

Enters: members, each once. Leaves: portraits. Forbidden here: customer ids, the store, the clock.
"""

from __future__ import annotations

from typing import NamedTuple

from models.concentration import Concentration
from models.crosstab import Crosstab
from models.member import Member
from models.portrait import Portrait, Vocabulary, seen
from models.responding import Responding
from models.retention import Retention
from models.staying import Staying
from models.whereabouts import tracks_of


class Moved(NamedTuple):
    """How many entered and left a segment within `MOVED_DAYS`."""

    entered: int
    left: int


MOVED_DAYS = 30  # customer-days, the day shown included


class Moment(NamedTuple):
    """Of what a survey was taken.

    Attributes:
        at_ms: the earliest moment at which any customer is shown, event time.
        day: the customer-day of it, ordinal.
        currency: reporting currency.
        policy: version.
        population: version; 0 before the first.
    """

    at_ms: int
    day: int
    currency: str
    policy: str
    population: int


class Survey:
    """See the module; changed in place.

    Attributes:
        base: everybody who is a person (accounts are left out).
        segments: name → who is in it.
        names: label key → its name, as far as it is known.
        moved: segment → who came and went lately.
        retention: who of a month's new customers came back in which later month.
        crosstab: who is in two segments, and what people with an attribute spent.
        staying: who is where they were thirty days ago.
        responding: who bought after entering a segment.
        concentration: how spend is spread within each segment.
        vocabulary: of all portraits.
    """

    def __init__(self) -> None:
        self.vocabulary = Vocabulary()
        self.base = Portrait(self.vocabulary)
        self.segments: dict[str, Portrait] = {}
        self.names: dict[bytes, str] = {}
        self.moved: dict[str, Moved] = {}
        self.retention = Retention()
        self.crosstab = Crosstab()
        self.staying = Staying()
        self.responding = Responding()
        self.concentration = Concentration()

    def take(self, member: Member) -> None:
        """Count a customer, who must not come twice."""
        one = seen(member, self.vocabulary)
        self.base.add(one)
        self.retention.add(member.sight)
        tracks = tracks_of(member)
        self.staying.add(member, tracks)
        self.responding.add(member, tracks)
        self.concentration.add({*member.segments.values()}, member.number("spend_365d") or 0)
        bought = member.number("purchases_365d") or 0, member.number("spend_365d") or 0
        self.crosstab.add(member.segments, one.words, *bought)
        for segment in dict.fromkeys(member.segments.values()):
            portrait = self.segments.get(segment)
            if portrait is None:
                portrait = self.segments[segment] = Portrait(self.vocabulary)
            portrait.add(one)
