"""What the bench of rules runs on: a hundred rules, a year of some households, and a naive peer.

Enters: Complete Journey. Leaves: policies, days of events, and what one fold of them cost.
"""

from __future__ import annotations

import gc
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from heapq import heapify, heappop, heappush
from itertools import groupby
from operator import eq, ge, gt, le, lt
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from models.alerts import changes_in
from models.codec import encode_state
from models.customer import CustomerState
from models.effects import OF_RULES
from models.events import LogRecord, Read, read_record
from models.policy import Policy, policy_from_mapping
from models.rule_names import BY_NAME, Kind
from models.rule_tree import AllOf, AnyOf, Condition, Not, Op, Rule
from models.sight import READ, Sight
from models.step import advance, step
from streams.collecting import COLLECT_EVERY
from streams.datasets import complete_journey
from streams.topics import LOG

SEED = 7
RULES = 100
DAY_MS = 86_400_000
THIRTY = Path(__file__).parents[1] / "tests" / "golden" / "thirty_rules.toml"
_CATEGORIES = (
    *("BEEF", "CHEESE", "FROZEN PIZZA", "BEERS/ALES", "COLD CEREAL", "CHICKEN", "YOGURT", "SOUP"),
    *("COFFEE", "DOG FOODS", "CIGARETTES", "BATH TISSUES"),
)
_STORES = ("406", "356", "292", "381", "343")
_MORE: tuple[tuple[str, tuple[tuple[object, ...], ...]], ...] = (
    ('category["{}"].spend_90d >= {}', tuple(zip(_CATEGORIES, (20, 15, 10) * 4, strict=True))),
    (
        'category["{}"].silence_days > {}',
        tuple(zip(_CATEGORIES[:6], (30, 45, 60) * 2, strict=True)),
    ),
    ('category["{}"].share_365d > 0.1 and spend_365d > 200', tuple((n,) for n in _CATEGORIES[:4])),
    ('store["{}"].purchase_days_30d >= {}', tuple(zip(_STORES, (1, 2, 3, 4, 5), strict=True))),
    ('store["{}"].share_90d >= 0.5', tuple((name,) for name in _STORES)),
    ('brand["Private"].share_{}d < {}', ((30, 0.1), (90, 0.2), (365, 0.25))),
    ("spend_{}d >= {}", ((30, 100), (30, 200), (90, 600), (365, 1500), (365, 3000))),
    ("purchases_{}d < {} and tenure_days > 60", ((30, 2), (90, 8), (365, 20))),
    ("purchase_days_{}d >= {}", ((30, 4), (90, 12), (365, 60))),
    ("{} <= average_order_value_{}d < {}", ((0, 30, 15), (15, 90, 40), (40, 365, 80))),
    ("items_{}d > {} or items_per_purchase_{}d > {}", ((30, 60, 30, 15), (90, 200, 90, 12))),
    ("discount_share_{}d >= {}", ((30, 0.2), (30, 0.3), (365, 0.2))),
    ("growth_{}d < {}", ((30, -0.25), (90, -0.25))),
    ("growth_{}d >= {}", ((30, 0.25), (90, 0.25))),
    ("brands_{}d < {} and categories_{}d >= {}", ((30, 2, 30, 5), (90, 3, 90, 30))),
    ("brand_loyalty_{}d > {}", ((30, 0.8), (365, 0.8))),
    ('{} <= silence_days < {} and lifecycle != "churned"', ((7, 14), (14, 28), (28, 84))),
    ("silence_cycles > {} and not overdue", ((1.5,), (3,))),
    ('profile.household_size == "{}" and spend_90d > {}', (("1", 300), ("2", 400), ("5+", 500))),
)


class Day(NamedTuple):
    """One day of the log.

    Attributes:
        begins_ms: its midnight; a tick stands there.
        reads: events, in order.
    """

    begins_ms: int
    reads: list[Read]


class Cost(NamedTuple):
    """What one fold of the year took.

    Attributes:
        events_s: CPU time of `step`.
        deadlines_s: CPU time of `advance`, at the tick of each day.
        advances: how many customers were due at ticks.
        of_rules: at how many of those moments rules were due.
        idle: of these, how many changed no membership.
        told: entries and exits.
    """

    events_s: float
    deadlines_s: float
    advances: int
    of_rules: int
    idle: int
    told: int


class Folded(NamedTuple):
    """What is left of a fold, and what it took."""

    states: dict[str, CustomerState]
    cost: Cost


def hundred_rules() -> dict[str, str]:
    """Name → rule: the thirty that tests hold against pandas, and seventy with other numbers."""
    written = tomllib.loads(THIRTY.read_text(encoding="utf-8"))["segments"]
    rules = {name: each["when"] for name, each in written.items()}
    more = [form.format(*values) for form, rows in _MORE for values in rows]
    rules.update({f"more-{number}": when for number, when in enumerate(more)})
    assert len(rules) == RULES, len(rules)
    return rules


def policy_of(rules: Mapping[str, str], **sections: Any) -> Policy:
    """A grocer's, with these rules."""
    segments = {name: {"when": when} for name, when in rules.items()}
    return policy_from_mapping({"preset": "grocery", "segments": segments, **sections}, "<bench>")


def some_days(households: int) -> list[Day]:
    """The year of households that are drawn by chance."""
    sources = list(complete_journey())
    ids = sorted({each.customer_id for each in sources})
    drawn = set(Random(SEED).sample(ids, min(households, len(ids))))
    found = (
        read_record(
            LogRecord(
                *(0, offset, each.occurred_at_ms, each.customer_id.encode(), each.value),
                {"kind": each.kind.encode()},
            ),
            LOG,
        )
        for offset, each in enumerate(sources)
        if each.customer_id in drawn
    )
    reads = [each for each in found if isinstance(each, Read)]
    by_day = groupby(reads, key=lambda read: read.at_ms // DAY_MS)
    return [Day(day * DAY_MS, list(some)) for day, some in by_day]


def folded(days: Iterable[Day], policy: Policy) -> Folded:
    """Fold day by day: a tick at midnight brings those who are due up to it, then the day's events."""
    states: dict[str, CustomerState] = {}
    due: list[tuple[int, str]] = []
    events_s = deadlines_s = 0.0
    counts = [0] * 4
    for day in days:
        began_s = time.process_time()
        _tick(day.begins_ms, states, due, policy, counts)
        ticked_s = time.process_time()
        for read in day.reads:
            customer_id = read.event.customer_id
            before = states.get(customer_id)
            outcome = step(customer_id, before, read, read.at_ms, policy, None)
            assert outcome.state is not None
            states[customer_id] = outcome.state
        deadlines_s += ticked_s - began_s
        events_s += time.process_time() - ticked_s
        due = [
            (state.next_deadline_ms, customer_id)
            for customer_id, state in states.items()
            if state.next_deadline_ms is not None
        ]
        heapify(due)
    return Folded(states, Cost(events_s, deadlines_s, *counts))


def _tick(
    at_ms: int,
    states: dict[str, CustomerState],
    due: list[tuple[int, str]],
    policy: Policy,
    counts: list[int],
) -> None:
    while due and due[0][0] <= at_ms:
        due_ms, customer_id = heappop(due)
        before = states[customer_id]
        state, effects = advance(customer_id, before, due_ms, policy, None)
        states[customer_id] = state
        moved = sum(each.type in OF_RULES for each in changes_in(effects))
        counts[0] += 1
        counts[1] += before.rules_ms == due_ms
        counts[2] += before.rules_ms == due_ms and not moved
        counts[3] += moved
        if state.next_deadline_ms is not None:
            heappush(due, (state.next_deadline_ms, customer_id))


def sizes(states: Mapping[str, CustomerState]) -> list[int]:
    """Bytes of each customer, encoded."""
    return sorted(len(encode_state(state)) for state in states.values())


def looks(days: Iterable[Day], policy: Policy, every: int) -> list[tuple[CustomerState, int]]:
    """States with the day on which they are looked at: some of those that the fold passes."""
    states: dict[str, CustomerState] = {}
    found = []
    for number, read in enumerate(read for day in days for read in day.reads):
        customer_id = read.event.customer_id
        state = step(customer_id, states.get(customer_id), read, read.at_ms, policy, None).state
        assert state is not None
        states[customer_id] = state
        if number % every == 0:
            found.append((state, read.at_ms // DAY_MS + 719_163))  # ordinal of 1970-01-01
    return found


_COMPARED = {Op.LT: lt, Op.LE: le, Op.EQ: eq, Op.GE: ge, Op.GT: gt}


def naive(rules: Mapping[str, Rule], state: CustomerState, day: int, policy: Policy) -> list[str]:
    """The peer: the tree of each rule walked by itself, every fact read where it is named."""
    sight = Sight(state, day, policy)
    return [name for name, rule in rules.items() if _holds(rule, sight)]


def _holds(rule: Rule, sight: Sight) -> bool:
    match rule:
        case Condition():
            return _is_met(rule, sight)
        case Not(of=inner):
            return not _holds(inner, sight)
        case AllOf(of=parts):
            return all(_holds(each, sight) for each in parts)
        case AnyOf(of=parts):
            return any(_holds(each, sight) for each in parts)


def _is_met(condition: Condition, sight: Sight) -> bool:
    value: Any = READ[condition.fact.name](sight, condition.fact)
    if value is None:
        return False
    wanted: Any = condition.value
    if condition.op is Op.KNOWN:
        return True
    if condition.op is Op.IN:
        return value in wanted
    row = BY_NAME.get(condition.fact.name)
    if row is not None and row.kind is Kind.MONEY:
        wanted *= 100
    return bool(_COMPARED[condition.op](value, wanted))


def timed_s(run: Iterator[object]) -> float:
    """CPU time of running through."""
    began_s = time.process_time()
    for _ in run:
        pass
    return time.process_time() - began_s


class SeldomCollected:
    """Garbage is collected as seldom as in a worker, and not what the bench itself holds."""

    def __enter__(self) -> None:
        self._usual = gc.get_threshold()
        gc.collect()
        gc.freeze()
        gc.set_threshold(COLLECT_EVERY, 10, 10)

    def __exit__(self, *_: object) -> None:
        gc.set_threshold(*self._usual)
        gc.unfreeze()
