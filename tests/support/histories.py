"""Random histories of one customer, for Hypothesis.

Times are drawn as whole hours plus a millisecond either way, so that ties, midnights and several
purchases a day are common; amounts are few, so that refunds are often full.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from hypothesis import settings
from hypothesis import strategies as st

from models.customer import event_hash
from models.events import AttributeValue, Purchase, Read, Tick
from models.policy import Policy, policy_from_preset
from tests.support.story import HOUR_MS, Told, profile, purchase, refund, tell, tick, utc

# EXAMPLES=1000 for a long search; fewer for coverage, which asks only which lines run.
thoroughly = settings(max_examples=int(os.environ.get("EXAMPLES", "300")), deadline=None)

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


_SIZES = (1, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 8, 10, 14, 25, 60)
_ROW_BYTES = 7


class _Drawn(NamedTuple):
    """One row of a history."""

    kind: str
    amount: int
    ref: int
    value: AttributeValue
    blip: int
    pause: int
    hour: int

    @classmethod
    def of(cls, row: bytes) -> _Drawn:
        kind, amount, ref, value, blip = row[:5]
        return cls(
            _KINDS[kind % len(_KINDS)],
            _AMOUNTS[amount % len(_AMOUNTS)],
            ref % 60,
            _VALUES[value % len(_VALUES)],
            _BLIPS[blip % len(_BLIPS)],
            _PAUSES[row[5] % len(_PAUSES)],
            int.from_bytes(row[5:]) % (WINDOW_HOURS - 1),
        )


def _rows(draw: st.DrawFn, at_least: int, at_most: int) -> list[_Drawn]:
    """Draw all rows as one string of bytes: ten times faster than field by field."""
    size = draw(st.sampled_from([n for n in _SIZES if at_least <= n <= at_most]))
    drawn = draw(st.binary(min_size=size * _ROW_BYTES, max_size=size * _ROW_BYTES))
    return [_Drawn.of(drawn[n : n + _ROW_BYTES]) for n in range(0, len(drawn), _ROW_BYTES)]


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
def crowded_histories(draw: st.DrawFn, at_least: int = 1, at_most: int = 60) -> list[Read]:
    """Events of any kind within the remembered window, in no particular order."""
    begins_ms = draw(beginnings) + HOUR_MS
    rows = _rows(draw, at_least, at_most)
    spree = [number for number, row in enumerate(rows) if row.kind == "purchase"]
    return [
        _some_event(number, begins_ms + row.hour * HOUR_MS + row.blip, row, spree)
        for number, row in enumerate(rows)
    ]


@st.composite
def long_histories(draw: st.DrawFn, returns: bool = True, at_most: int = 25) -> list[Read]:
    """Years of one customer, in order; the first event is a purchase.

    Args:
        draw: Hypothesis.
        returns: whether refunds may undo purchases; otherwise they name none of them.
        at_most: the longest history.
    """
    rows = _rows(draw, 1, at_most)
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
