"""Movement: how many customers of a partition entered and left each segment, day by day.

    day ──► segment ──► entered, left
        └─► "before>after" ──► customers who went from one lifecycle state to another

Each customer's moves add up to where they are: whatever the effects tell, the day's sums follow the
customer from the segments they were in to those they are in now. So the size of a segment at the
end of a day is its size today less what has entered since, plus what has left.

A move counts on the customer-day of its cause: of the purchase, or of the deadline itself. What
corrects the past (a late purchase, a return, a merge) counts on the day by the partition's clock,
as do the groups that a purchase leads to: they are those of the clock's day.

Enters: where a customer was, what happened, where they are. Leaves: sums by day, encoded.
Forbidden here: customer ids, keys, the wall clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import msgpack

from models.effects import OF_RULES, EffectType, PublishChange, Why
from models.ledger import Standing
from models.membership import CLUSTER, RISK, TIER
from models.segments import FLAGS, LIFECYCLE, named, place_of_standing
from models.stages import STAGE
from models.value_grid import ATTACHMENT, GRID

KEPT_DAYS = 400  # a year, and some weeks to compare it with
_DEADLINES = frozenset({Why.SILENCE, Why.TENURE, Why.TIME})
_GROUPS = {
    EffectType.CLUSTER_CHANGED: CLUSTER,
    EffectType.VALUE_TIER_CHANGED: TIER,
    EffectType.RISK_CHANGED: RISK,
    EffectType.ATTACHMENT_CHANGED: ATTACHMENT,
    EffectType.GRID_CHANGED: GRID,
    EffectType.STAGE_CHANGED: STAGE,
}
_NOBODY = ""


class Flow(NamedTuple):
    """From one lifecycle state to another; "": not known before, or not any more."""

    before: str
    after: str


class Day(NamedTuple):
    """What moved on one customer-day.

    Attributes:
        entered: by segment.
        left: by segment.
        flows: between lifecycle states.
    """

    entered: Counter[str]
    left: Counter[str]
    flows: Counter[Flow]


class Movement:
    """The days of one partition; changed in place.

    Args:
        days: customer-day, ordinal → what moved.

    Attributes:
        days: the same.
    """

    def __init__(self, days: Mapping[int, Day] | None = None) -> None:
        self.days: dict[int, Day] = dict(days or {})
        self._touched: set[int] = set()

    def follow(
        self,
        before: Mapping[str, str],
        effects: Iterable[PublishChange],
        after: Mapping[str, str],
        today: int,
        day_of: Callable[[int], int],
        prefix: str = "",
    ) -> None:
        """Count what one customer did.

        Args:
            before: kind → segment, as `models.segments.places_of` gives it.
            effects: in the order in which they happened.
            after: kind → segment; empty if nobody is left by that id.
            today: the customer-day of the partition's clock, ordinal.
            day_of: event time, ms → customer-day, ordinal.
            prefix: of the lists that they are in, as `models.segments.list_of` gives it.
        """
        now = dict(before)
        for effect in effects:
            at = day_of(effect.cause.at_ms) if _has_its_own_day(effect) else today
            for kind, segment in places_told(effect.type, effect.scheme, effect.after):
                to = segment and prefix + segment
                self._move(at, kind, now, to, flows=not prefix)
        if now != after:
            for kind in now.keys() | after.keys():
                self._move(today, kind, now, after.get(kind), flows=not prefix)

    def _move(
        self, at: int, kind: str, now: dict[str, str], to: str | None, *, flows: bool
    ) -> None:
        was = now.get(kind)
        if was == to:
            return
        day = self._day(at)
        if was is not None:
            day.left[was] += 1
            del now[kind]
        if to is not None:
            day.entered[to] += 1
            now[kind] = to
        if kind == LIFECYCLE and flows:
            day.flows[Flow(_state(was), _state(to))] += 1

    def _day(self, at: int) -> Day:
        if at not in self.days:
            newest = max(self.days, default=at)
            at = max(at, newest - KEPT_DAYS + 1)
            if at > newest:
                self._forget(at - KEPT_DAYS)
            self.days.setdefault(at, Day(Counter(), Counter(), Counter()))
        self._touched.add(at)
        return self.days[at]

    def _forget(self, through: int) -> None:
        for old in [each for each in self.days if each <= through]:
            del self.days[old]
            self._touched.add(old)

    def take_changes(self) -> dict[str, bytes | None]:
        """The days changed since the last call, encoded; None: too long ago by now."""
        changes = {
            str(day): _packed(self.days[day]) if day in self.days else None
            for day in sorted(self._touched)
        }
        self._touched.clear()
        return changes


def _has_its_own_day(effect: PublishChange) -> bool:
    """A deadline has; a purchase only on the timeline, because groups are found by the clock."""
    why = effect.cause.why
    of_purchase = why is Why.PURCHASE and effect.type is EffectType.LIFECYCLE_CHANGED
    return of_purchase or why in _DEADLINES


def places_told(
    effect_type: EffectType, scheme: str, said: Standing | str | None
) -> list[tuple[str, str | None]]:
    """What one side of an effect says of each kind of segment that it is about.

    Args:
        effect_type: of the effect.
        scheme: likewise.
        said: what it says was before, or is after.

    Returns:
        Kind and segment, None for none; nothing of a win-back, which goes with its change of state, and of
        who was erased or merged, who are followed by where they are.
    """
    if effect_type is EffectType.LIFECYCLE_CHANGED:
        places = place_of_standing(said) if isinstance(said, Standing) else {}
        return [(kind, places.get(kind)) for kind in (LIFECYCLE, *FLAGS)]
    if effect_type in OF_RULES:
        return [(scheme, None if said is None else scheme)]
    kind = scheme or _GROUPS.get(effect_type)
    return [(kind, named(kind, said) if isinstance(said, str) else None)] if kind else []


def _state(segment: str | None) -> str:
    return _NOBODY if segment is None else segment.split("/", 1)[1]


def _packed(day: Day) -> bytes:
    fields = (
        dict(sorted(day.entered.items())),
        dict(sorted(day.left.items())),
        [(*flow, count) for flow, count in sorted(day.flows.items())],
    )
    packed: bytes = msgpack.packb(fields)
    return packed


def from_days(days: Mapping[str, bytes]) -> Movement:
    """The movement that these encoded days are of."""
    return Movement({int(day): _unpacked(packed) for day, packed in days.items()})


def _unpacked(packed: bytes) -> Day:
    entered, left, flows = msgpack.unpackb(packed)
    return Day(
        Counter(entered),
        Counter(left),
        Counter({Flow(before, after): count for before, after, count in flows}),
    )


def added_up(movements: Iterable[Movement]) -> dict[int, Day]:
    """The days of several partitions together."""
    total: dict[int, Day] = {}
    for movement in movements:
        for number, day in movement.days.items():
            sums = total.setdefault(number, Day(Counter(), Counter(), Counter()))
            sums.entered.update(day.entered)
            sums.left.update(day.left)
            sums.flows.update(day.flows)
    return total
