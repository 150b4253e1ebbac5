"""A life as events, in the order in which they are read: with refunds, late ones and repetitions.

A late event is read after newer ones; a repetition has the id of the first; a refund names its
order. None is so late that a customer's memory no longer reaches back to it (45 days or 64 events in
`segmenter.toml`): what is generated is never too late.

Enters: a life, the population, the customer's sources of chance. Leaves: `Event`s. Forbidden here:
what moves a purchase.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import orjson

from streams.generating.basket import items_of
from streams.generating.life import Chances, Life
from streams.generating.population import Choice, Population, Value, rfc_3339
from streams.generating.timing import promotion_on

DAY_S = 86_400
LATEST_S = 7 * DAY_S  # how late an event may be
REPEATED_WITHIN_S = DAY_S
REFUNDED_WITHIN_DAYS = (1, 21)
SOONEST_LATE_S = 600
WHOLE_REFUNDS = 0.7  # of all refunds
MOST_OVERTAKING = 20  # purchases of the customer that a late event may be read after
_DRAWS_A_PURCHASE = 11


class Event(NamedTuple):
    """One record, and its place among all.

    Attributes:
        read_s: when it is read, seconds since 1970.
        number: of the customer.
        place: among the customer's events; with the two before, unique.
        occurred_s: event time, seconds since 1970.
        kind: purchase, refund or profile.
        value: the JSON body.
    """

    read_s: int
    number: int
    place: int
    occurred_s: int
    kind: str
    value: bytes


class Told(NamedTuple):
    """A life's events, and how many of them are which; `late` and `repeated` count both kinds."""

    events: list[Event]
    refunds: int
    refunded_minor: int
    late: int
    repeated: int


class _Draw(NamedTuple):
    """Chances of one event to be late, and to be repeated."""

    late: float
    late_by: float
    repeated: float
    repeated_after: float


def told(life: Life, population: Population, chances: Chances) -> Told:
    """All events of a customer, unordered."""
    telling = _Telling(life, population)
    telling.profile(chances)
    drawn = chances.mess.random((len(life.seconds), _DRAWS_A_PURCHASE)).tolist()
    for place, (refund, part, after, *rest) in enumerate(drawn):
        amount_minor = life.amounts_minor[place]
        telling.purchase(place, amount_minor, _Draw(*rest[:4]), chances)
        if refund < population.mess.refunds:
            telling.refund(place, _given_back(amount_minor, part), after, _Draw(*rest[4:]))
    return Told(telling.events, *telling.counts)


def _given_back(amount_minor: int, part: float) -> int:
    """All of it, or up to all but a tenth."""
    return amount_minor if part < WHOLE_REFUNDS else max(1, int(amount_minor * part * 0.9))


class _Telling:
    def __init__(self, life: Life, population: Population) -> None:
        self.life, self.population = life, population
        self.events: list[Event] = []
        self.counts = [0, 0, 0, 0]  # refunds, refunded, late, repeated
        self._start = population.midnight
        self._start_s = int(self._start.timestamp())
        self._end_s = self._start_s + population.days * DAY_S

    def profile(self, chances: Chances) -> None:
        """What is known of who joins, at the moment of their first purchase."""
        segment = self.life.segment
        whether, *chance = chances.goods.random(1 + len(segment.profile)).tolist()
        if segment.profile and self.life.seconds and whether < segment.profiled:
            attributes = _chosen(segment.profile, chance)
            self._append("profile", "p", self.life.seconds[0], {"attributes": attributes}, _ON_TIME)

    def purchase(self, place: int, amount_minor: int, draw: _Draw, chances: Chances) -> None:
        """One purchase with its basket."""
        segment, second = self.life.segment, self.life.seconds[place]
        day = (self._start + timedelta(seconds=second)).date()
        promotion = promotion_on(self.population.promotions, day)
        discount = promotion.discount if promotion and segment.swayed else 0.0
        labels = _chosen(segment.labels, chances.goods.random(len(segment.labels)).tolist())
        said = {name: value for name, value in labels.items() if value != ""}
        body = {**self._money(amount_minor, place), **said}
        items = items_of(amount_minor, discount, segment, chances.goods)
        if items:
            body["items"] = items
        self._append("purchase", str(place), second, body, draw, self._overtaken(place))

    def refund(self, place: int, amount_minor: int, after: float, draw: _Draw) -> None:
        """Money back for a purchase, if that still happens within the span."""
        soonest, latest = REFUNDED_WITHIN_DAYS
        wait_s = int((soonest + (latest - soonest) * after) * DAY_S)
        second = self.life.seconds[place] + wait_s
        if self._start_s + second < self._end_s:
            self.counts[0] += 1
            self.counts[1] += amount_minor
            body = self._money(amount_minor, place)
            self._append("refund", f"{place}r", second, body, draw, LATEST_S)

    def _overtaken(self, place: int) -> int:
        """How late a purchase may be: so that not too many of the customer's are read before it."""
        later = self.life.seconds[place : place + MOST_OVERTAKING + 1]
        return LATEST_S if len(later) <= MOST_OVERTAKING else min(LATEST_S, later[-1] - later[0])

    def _money(self, amount_minor: int, place: int) -> dict[str, Any]:
        order_id = f"{self.life.customer_id}-{place}"
        return {
            "amount_minor": amount_minor,
            "currency": self.population.currency,
            "order_id": order_id,
        }

    def _append(
        self,
        kind: str,
        name: str,
        second: int,
        body: dict[str, Any],
        draw: _Draw,
        latest_s: int = LATEST_S,
    ) -> None:
        head = {
            "event_id": f"g{self.population.seed}-{self.life.customer_id}-{name}",
            "customer_id": self.life.customer_id,
            "occurred_at": rfc_3339(self._start + timedelta(seconds=second)),
        }
        value, occurred_s = orjson.dumps({**head, **body}), self._start_s + second
        for late_s in self._read_after(draw, latest_s):
            place = len(self.events)
            self.events.append(
                Event(occurred_s + late_s, self.life.number, place, occurred_s, kind, value)
            )

    def _read_after(self, draw: _Draw, latest_s: int) -> Iterator[int]:
        """Seconds from when it happened until it is read: once, or twice."""
        mess, late_s = self.population.mess, 0
        if draw.late < mess.late and latest_s > SOONEST_LATE_S:
            self.counts[2] += 1
            late_s = int(SOONEST_LATE_S * (latest_s / SOONEST_LATE_S) ** draw.late_by)
        yield late_s
        if draw.repeated < mess.duplicates and latest_s > SOONEST_LATE_S:
            self.counts[3] += 1
            yield late_s + 1 + int(min(latest_s, REPEATED_WITHIN_S) * draw.repeated_after)


_ON_TIME = _Draw(1.0, 0.0, 1.0, 0.0)


def _chosen(choices: Iterable[tuple[str, Choice]], chance: list[float]) -> dict[str, Value]:
    return {name: choice.at(each) for (name, choice), each in zip(choices, chance, strict=True)}
