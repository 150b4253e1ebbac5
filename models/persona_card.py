"""The card of a segment: every number that its persona is written of, against the whole base.

    Survey ──► Card: size · movement · measures · favourites · traits        (rows of plain numbers)

`models/persona_survey.py` draws cards up, `models/persona_moved.py` tells which rows have moved.

Enters: plain numbers. Leaves: plain numbers. Forbidden here: words for people, customer ids, the clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

LEAST_BUYERS = 10  # of a label that is said to be preferred: fewer may be a household's whim
BUYERS_SHARE = 0.2  # of the segment, likewise


class Size(NamedTuple):
    """How large a segment is.

    Attributes:
        customers: in it.
        share: of all customers.
        spend_minor: of a year, reporting currency.
        spend_share: of what everybody spent in that year.
    """

    customers: int
    share: float
    spend_minor: int
    spend_share: float


class Movement(NamedTuple):
    """Who came and went within 30 customer-days.

    Attributes:
        entered: how often somebody did.
        left: likewise.
        net_share: entered less left, of as many as were in it before.
    """

    entered: int
    left: int
    net_share: float


class Measure(NamedTuple):
    """One of `models.member.NUMBERS`.

    Attributes:
        name: which.
        unit: see there; money is minor units.
        known: members of whom it is known.
        mean: over them.
        base_mean: over everybody of whom it is known.
        score: standard deviations of the base by which the mean lies above the base's.
    """

    name: str
    unit: str
    known: int
    mean: float
    base_mean: float
    score: float


class Favourite(NamedTuple):
    """What the segment's money went into.

    Attributes:
        dimension: category, brand, channel, payment_method, store.
        label: of it.
        share: of what the segment spent on labels of this dimension within a year.
        lift: that share over the base's: more than 1, more of their money than overall.
        days_lift: the share of shopping days with it, over the base's.
        evidence: standard errors by which there are more such days than in the base (Poisson).
        customers_share: of the segment, who bought it.
        customers_lift: likewise over the base's.
    """

    dimension: str
    label: str
    share: float
    lift: float
    days_lift: float
    evidence: float
    customers_share: float
    customers_lift: float

    @property
    def excess(self) -> float:
        """So much more of the segment's money goes into it than usual, as a share."""
        return self.share * (1 - 1 / self.lift)

    def is_common(self, customers: int) -> bool:
        """Whether so many of the segment's customers bought it that it says something of them all."""
        enough = self.customers_share >= BUYERS_SHARE
        return enough and self.customers_share * customers >= LEAST_BUYERS


class Trait(NamedTuple):
    """A value of an attribute that is more frequent here than overall.

    Attributes:
        attribute: of the profile.
        value: of it.
        known: members who have the attribute.
        share: of these, with the value.
        base_share: of everybody who has the attribute.
        lift: share / base_share.
        evidence: standard errors between them, were the segment drawn at random from the base.
    """

    attribute: str
    value: str
    known: int
    share: float
    base_share: float
    lift: float
    evidence: float


class Card(NamedTuple):
    """See the module.

    Attributes:
        segment: name.
        currency: of all money.
        size: how large.
        movement: within 30 days.
        measures: those that are known, in the order of `NUMBERS`.
        favourites: what most money goes into, and what more goes into than overall.
        traits: clearly more frequent than overall.
    """

    segment: str
    currency: str
    size: Size
    movement: Movement
    measures: tuple[Measure, ...] = ()
    favourites: tuple[Favourite, ...] = ()
    traits: tuple[Trait, ...] = ()

    def measure(self, name: str) -> Measure | None:
        """One of its measures."""
        return next((each for each in self.measures if each.name == name), None)

    @property
    def numbers(self) -> dict[str, float]:
        """All of them, by the keys with which sentences name theirs.

        `size.share`, `movement.net_share`, `spend_365d.mean`, `category/Tea.lift`, `age_band=25-34.share`.
        """
        rows: list[tuple[str, Any]] = [("size", self.size), ("movement", self.movement)]
        rows += [(each.name, each) for each in self.measures]
        rows += [(f"{each.dimension}/{each.label}", each) for each in self.favourites]
        rows += [(f"{each.attribute}={each.value}", each) for each in self.traits]
        return {
            f"{key}.{field}": value
            for key, row in rows
            for field, value in row._asdict().items()
            if not isinstance(value, str)
        }

    def as_json(self) -> dict[str, Any]:
        """As plain values; `card_from_json` reads them."""
        found = self._asdict()
        for name in ("size", "movement"):
            found[name] = found[name]._asdict()
        for name in ("measures", "favourites", "traits"):
            found[name] = [each._asdict() for each in found[name]]
        return found


def card_from_json(plain: Mapping[str, Any]) -> Card:
    """The reverse."""
    return Card(
        plain["segment"],
        plain["currency"],
        Size(**plain["size"]),
        Movement(**plain["movement"]),
        tuple(Measure(**each) for each in plain["measures"]),
        tuple(Favourite(**each) for each in plain["favourites"]),
        tuple(Trait(**each) for each in plain["traits"]),
    )


def rounded(card: Card) -> Card:
    """The card with six significant digits: what is compared must not hang on a processor's last bit."""
    plain = card.as_json()
    for row in (
        plain["size"],
        plain["movement"],
        *plain["measures"],
        *plain["favourites"],
        *plain["traits"],
    ):
        row.update({k: float(f"{v:.6g}") for k, v in row.items() if isinstance(v, float)})
    return card_from_json(plain)
