"""Random histories of one customer, for Hypothesis.

Times are drawn as whole hours plus a millisecond either way, so that ties, midnights and several
purchases a day are common; amounts are few, so that refunds are often full.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from hypothesis import settings
from hypothesis import strategies as st
from story import HOUR_MS, Told, profile, purchase, refund, tell, tick, utc

from models.customer import event_hash
from models.events import AttributeValue, Purchase, Read, Tick
from models.policy import Policy, policy_from_preset

a_thousand = settings(max_examples=1_000, deadline=None)

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "America/Havana", "Australia/Lord_Howe")
POLICIES = tuple(
    policy_from_preset(preset, business={"timezone": zone}, lifecycle={"mode": mode})
    for preset in ("grocery", "general")
    for mode in ("adaptive", "fixed")
    for zone in ZONES
)
WINDOW_MS = POLICIES[0].time.remembered_ms
WINDOW_HOURS = WINDOW_MS // HOUR_MS
# Winter, both changes of the clocks in the north, and in the south; and the beginning of time.
BEGINNINGS = tuple(
    utc(text)
    for text in ("2024-01-10 00:00", "2024-03-05 00:00", "2023-10-10 05:00", "1970-01-01 00:00")
)

policies = st.sampled_from(POLICIES)
beginnings = st.sampled_from(BEGINNINGS)

_KINDS = ("purchase", "purchase", "purchase", "refund", "profile")
_AMOUNTS = (0, 500, 1_000, 1_000)
_VALUES = (True, 7, 0.5, "gold", None)
_BLIPS = (0, 0, 1, -1)
# Pauses that cross every limit: the same moment, the same day, a week, a season, a year.
_PAUSES = (0, 1, 5, 24, 72, 168, 336, 700, 1_500, 3_000, 8_000)


class _Drawn(NamedTuple):
    """One row of a history; drawn as one number, which is ten times faster than field by field."""

    kind: str
    amount: int
    ref: int
    value: AttributeValue
    blip: int
    pause: int

    @classmethod
    def of(cls, number: int) -> _Drawn:
        picked = []
        for choices in (_KINDS, _AMOUNTS, range(60), _VALUES, _BLIPS, _PAUSES):
            number, index = divmod(number, len(choices))
            picked.append(choices[index])
        return cls(*picked)


_rows = st.integers(0, 5 * 4 * 60 * 5 * 4 * 11 - 1)


def _some_event(number: int, at_ms: int, drawn: _Drawn, spree: Sequence[int]) -> Read:
    """Turn what was drawn into an event; a refund names some purchase of the history, or none."""
    name, ref = f"e{number}", drawn.ref
    if drawn.kind == "purchase":
        return purchase(name, at_ms, drawn.amount, order=f"o{number // 2}" if ref % 2 else None)
    if drawn.kind == "profile":
        return profile(name, at_ms, **{f"a{ref % 3}": drawn.value})
    target = spree[ref % len(spree)] if spree and ref else -1
    if ref % 2:
        return refund(name, at_ms, drawn.amount, order=f"o{target // 2}")
    return refund(name, at_ms, drawn.amount, of_event=f"e{target}")


@st.composite
def crowded_histories(draw: st.DrawFn, min_size: int = 1) -> list[Read]:
    """Up to 60 events of any kind within the remembered window, in no particular order."""
    begins_ms = draw(beginnings) + HOUR_MS
    hours = st.integers(0, WINDOW_HOURS - 2)
    rows = draw(st.lists(st.tuples(hours, _rows), min_size=min_size, max_size=60))
    drawn = [(hour, _Drawn.of(number)) for hour, number in rows]
    spree = [number for number, (_, row) in enumerate(drawn) if row.kind == "purchase"]
    return [
        _some_event(number, begins_ms + hour * HOUR_MS + row.blip, row, spree)
        for number, (hour, row) in enumerate(drawn)
    ]


@st.composite
def long_histories(draw: st.DrawFn, returns: bool = True, most: int = 25) -> list[Read]:
    """Years of one customer, in order; the first event is a purchase.

    Args:
        draw: Hypothesis.
        returns: whether refunds may undo purchases; otherwise they name none of them.
        most: the longest history.
    """
    rows = [_Drawn.of(number) for number in draw(st.lists(_rows, min_size=1, max_size=most))]
    hours = accumulate(row.pause + (number == 1) for number, row in enumerate(rows))
    begins_ms = draw(beginnings)
    events: list[Read] = []
    spree: list[int] = []
    for number, (hour, drawn) in enumerate(zip(hours, rows, strict=True)):
        row = drawn._replace(kind="purchase") if number == 0 else drawn
        known = spree if returns else ()
        events.append(_some_event(number, begins_ms + hour * HOUR_MS, row, known))
        if row.kind == "purchase":
            spree.append(number)
    return in_order(events)


@st.composite
def with_ticks(draw: st.DrawFn, events: list[Read]) -> list[Read | Tick]:
    """The events in the order given, with moments in between at which time just passes."""
    pauses = draw(st.integers(0, 4 ** len(events) - 1))
    arrivals: list[Read | Tick] = []
    for index, event in enumerate(events):
        pauses, ticks = divmod(pauses, 4)
        arrivals.append(event)
        until_ms = events[index + 1].at_ms if index + 1 < len(events) else event.at_ms
        between = max(0, until_ms - event.at_ms)
        arrivals += [tick(event.at_ms + between * n // ticks) for n in range(1, ticks + 1)]
    return arrivals


def in_order(events: Sequence[Read]) -> list[Read]:
    """As they happened; on the same millisecond by the hash of the id."""
    return sorted(events, key=lambda each: (each.at_ms, event_hash(each.event_id)))


def told_until(events: Sequence[Read | Tick], until_ms: int, policy: Policy) -> Told:
    """Tell them, then let time pass."""
    return tell(*events, tick(until_ms), policy=policy)


def purchases_of(events: Sequence[Read]) -> list[Read]:
    """The purchases among them."""
    return [each for each in events if isinstance(each.event, Purchase)]
