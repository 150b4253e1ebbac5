"""What a hundred rule segments cost an event: at most 10 µs of CPU time are allowed.

The same year of the same households of Complete Journey is folded without rules and with a hundred
(two such hundreds), in turns, in one process; a tick at each midnight brings those up to it who are due, as workers' ticks
do. The cost is the difference, at events and at deadlines apart. The ratio is that of the rulebook to
a peer that walks each rule's tree by itself, on the same states; the peer finds no deadlines.

    python -m bench.rules [--json] [--households N] [--rounds N]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median, quantiles
from typing import NamedTuple

from bench.rules_parts import (
    RULES,
    SEED,
    Cost,
    Day,
    Folded,
    SeldomCollected,
    folded,
    hundred_rules,
    looks,
    naive,
    policy_of,
    sizes,
    some_days,
    timed_s,
)
from bench.rules_usual import usual_rules
from models.policy import Policy

BUDGET_US = 10.0
LOOK_EVERY = 20  # events
BOOKS = {"as a marketing team writes them": usual_rules, "that look at all there is": hundred_rules}
KINDS = ("no rules", f"{RULES} rules", "no rules, kept = []")


class Bytes(NamedTuple):
    """Encoded states at the end of the year."""

    kind: str
    median: float
    p95: float


class Found(NamedTuple):
    """What comes out.

    Attributes:
        events: of each fold.
        without_us: of each round, a `step` without rules.
        with_us: the same with a hundred.
        deadlines_us: of each round, what ticks cost an event more with rules.
        cost: of the last fold with rules.
        moments: at ticks, of the last fold without rules.
        rulebook_us: one look of the rulebook at a customer, deadline included.
        naive_us: one look of the peer.
        states: how large they are.
    """

    events: int
    without_us: list[float]
    with_us: list[float]
    deadlines_us: list[float]
    cost: Cost
    moments: int
    rulebook_us: float
    naive_us: float
    states: list[Bytes]

    @property
    def more_us(self) -> list[float]:
        """Of each round, what rules add to an event."""
        pairs = zip(self.with_us, self.without_us, strict=True)
        return [more - less for more, less in pairs]


def measure(days: Sequence[Day], rules: Mapping[str, str], rounds: int) -> Found:
    """Fold in turns."""
    events = sum(len(day.reads) for day in days)
    without, ruled = policy_of({}), policy_of(rules)
    with SeldomCollected():
        pairs = [(folded(days, without), folded(days, ruled)) for _ in range(rounds)]
        rulebook_us, naive_us = _looked(days, ruled, rounds)
        bare = folded(days, policy_of({}, behaviour={"kept": []}))
    last, last_ruled = pairs[-1]

    def us(get: Callable[[Cost], float], place: int) -> list[float]:
        return [1e6 * get(pair[place].cost) / events for pair in pairs]

    ticks = zip(us(_deadlines_s, 1), us(_deadlines_s, 0), strict=True)
    return Found(
        events,
        us(_events_s, 0),
        us(_events_s, 1),
        [more - less for more, less in ticks],
        last_ruled.cost,
        last.cost.advances,
        rulebook_us,
        naive_us,
        [_bytes(*each) for each in zip(KINDS, (last, last_ruled, bare), strict=True)],
    )


def _events_s(cost: Cost) -> float:
    return cost.events_s


def _deadlines_s(cost: Cost) -> float:
    return cost.deadlines_s


def _bytes(kind: str, fold: Folded) -> Bytes:
    found = sizes(fold.states)
    return Bytes(kind, median(found), quantiles(found, n=20)[18])


def _looked(days: Sequence[Day], policy: Policy, rounds: int) -> tuple[float, float]:
    """The rulebook and the peer in turns, on the same states; they must say the same."""
    seen, book = looks(days, policy, LOOK_EVERY), policy.rulebook
    for state, day in seen:
        said = book.places(state, day, policy).segments
        assert list(said) == sorted(naive(book.rules, state, day, policy))

    def by_book() -> Iterator[object]:
        return (book.places(state, day, policy) for state, day in seen)

    def by_peer() -> Iterator[object]:
        return (naive(book.rules, state, day, policy) for state, day in seen)

    turns = [(timed_s(by_book()), timed_s(by_peer())) for _ in range(rounds)]
    one, other = (1e6 * median(each) / len(seen) for each in zip(*turns, strict=True))
    return one, other


def main(arguments: Sequence[str]) -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--households", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args(arguments)
    days = some_days(asked.households)
    found = {name: measure(days, rules(), asked.rounds) for name, rules in BOOKS.items()}
    if asked.json:
        known = {"machine": _machine(), "households": asked.households, "budget_us": BUDGET_US}
        print(json.dumps({**known, **{name: each._asdict() for name, each in found.items()}}))
    for name, each in found.items() if not asked.json else ():
        print(f"{name}:")
        _print(each, asked.households)
    return 0


def _machine() -> str:
    load = os.getloadavg()[0]
    python = f"CPython {platform.python_version()}"
    return f"{platform.machine()}, {os.cpu_count()} cores (load {load:.1f}), {python}"


def _print(found: Found, households: int) -> None:
    cost, events = found.cost, found.events
    print(f"{_machine()}, seed {SEED}")
    print(f"{households} households, {events:,} events, {len(found.more_us)} rounds in turns")
    print(f"an event without rules      {_spread(found.without_us)}")
    print(f"an event with {RULES} rules     {_spread(found.with_us)}")
    print(f"{RULES} rules, an event         {_spread(found.more_us)}  budget: {BUDGET_US:.0f} µs")
    print(f"their deadlines, an event   {_spread(found.deadlines_us)}")
    print(
        f"customers due at ticks: {cost.advances / events:.2f} an event, {found.moments / events:.2f} "
        f"without rules; rules were due at {cost.of_rules / events:.2f}, and {cost.idle / events:.2f} "
        f"of them moved nobody; {cost.told / events:.2f} entries and exits were told"
    )
    print(
        f"one look at all rules: {found.rulebook_us:.1f} µs with the next deadline; a peer that walks "
        f"each tree: {found.naive_us:.1f} µs without; ratio {found.naive_us / found.rulebook_us:.2f}"
    )
    for each in found.states:
        print(f"a state, {each.kind}: median {each.median:.0f} bytes, p95 {each.p95:.0f}")


def _spread(each_us: Sequence[float]) -> str:
    return f"{median(each_us):7.1f} µs ({min(each_us):.1f} to {max(each_us):.1f})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
