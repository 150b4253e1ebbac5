"""Whether a state that came through the log can be one of ours.

Anybody who may write into the log may write a `transfer` record, and what it brings is folded,
stored and folded on for years: a number that can't be must be refused where it arrives. What is
checked is what formulas, the calendar and 64 bits need, not whether the story is true.
Enters: a decoded state. Forbidden here: the policy, the clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from itertools import pairwise

from pydantic import ConfigDict, TypeAdapter

from models.alert_memory import MAX_OPEN, AlertMemory
from models.customer import MAX_SUM_MINOR, CustomerState, Remembered
from models.daybook import COLUMNS, DIMENSIONS, LABEL_COLUMNS, LABEL_KEY_BYTES, check_labels
from models.events import normalised_id
from models.ledger import DAYS_KEPT, Ledger
from models.lifecycle import DEADLINES, State
from models.table import check_table
from models.value_tiers import check_slots

_TYPES = TypeAdapter(CustomerState, config=ConfigDict(allow_inf_nan=False))
_FIRST_DAY = date(1970, 1, 1).toordinal()
_LAST_DAY = date(9900, 1, 1).toordinal()
_LAST_MS = (_LAST_DAY - _FIRST_DAY) * 86_400_000
_MANY = 2**53  # a thousand of them add up within 64 bits
_LARGEST_HASH = 2**64 - 1
_LONGEST_DAYS = 100_000.0
_MOST_REMEMBERED = 1_000  # a policy keeps 256 at most; two merged, twice as many
_WAIT_DAYS = 5  # alerts wait up to three days past a midnight
_LONGEST_HORIZON_DAYS = 3650
_RULE_CHARACTERS, _ID_CHARACTERS = 64, 32
_MOST_RULES = 64  # of alerts; a policy has 32 at most, and old ones may be remembered
_SEEN_BYTES = 200_000  # more conditions than a policy may have
_CATEGORY_BYTES = (0, 32)
_MOST_LABELS = 100_000  # what is remembered may name more than `MAX_LABELS`, until it is settled


def check_state(state: CustomerState) -> None:
    """Look at every number once.

    Raises:
        ValueError: says which can't be.
    """
    _TYPES.validate_python(state, strict=True)
    _within(_moments(state), 0, _LAST_MS, "a moment")
    _within([state.settled_through_ms], -1, _LAST_MS, "a moment")
    _within([state.sequence], 0, _MANY, "a sequence")
    _check_alerts(state.alerts)
    if len(state.rules_seen.bits) > _SEEN_BYTES:
        raise ValueError(f"{len(state.rules_seen.bits)} bytes of rules")
    for name in state.names:
        if normalised_id(name) != name:
            raise ValueError("a name is not in normal form")
    for ledger in (state.current, state.settled):
        _check_ledger(ledger)
    _check_remembered(state)
    if state.contribution is not None:
        check_slots(state.contribution.values)


def _check_alerts(alerts: AlertMemory) -> None:
    days = [*alerts.reached.values(), *(each.first_day for each in alerts.open)]
    days += [each.end_day for each in alerts.open]
    _within(days, _FIRST_DAY - 1, _LAST_DAY - _WAIT_DAYS, "a day of an alert")
    _within((each.horizon_days for each in alerts.open), 1, _LONGEST_HORIZON_DAYS, "a horizon")
    names = [*alerts.last, *alerts.reached, *(each.rule for each in alerts.open)]
    if any(len(name) > _RULE_CHARACTERS for name in names):
        raise ValueError("a rule of alerts has no name of ours")
    if any(len(each.alert_id) != _ID_CHARACTERS for each in alerts.open):
        raise ValueError("an alert has no id of ours")
    silences = [each.silent_since_ms for each in alerts.last.values()]
    silences += [each.silent_since_ms for each in alerts.open]
    _within(silences, -1, _LAST_MS, "a moment")
    if len(alerts.open) > MAX_OPEN or max(len(alerts.last), len(alerts.reached)) > _MOST_RULES:
        raise ValueError(f"{len(alerts.open)} alerts of {len(alerts.last)} rules")


def _moments(state: CustomerState) -> list[int]:
    moments = [state.known_since_ms, *state.names.values()]
    moments += [each.at_ms for each in state.attributes.values()]
    moments += [each.at_ms for each in state.remembered]
    moments += state.engagement.values()
    maybe = [state.regroup_ms, state.renew_ms, state.rules_ms, state.alerts.due_ms]
    moments += [each.at_ms for each in state.alerts.last.values()]
    moments += [each.at_ms for each in state.alerts.open]
    if state.satisfaction is not None:
        moments.append(state.satisfaction.at_ms)
    for ledger in (state.current, state.settled):
        moments += [ledger.since_ms, ledger.moved_ms]
        maybe += [ledger.first_purchase_ms, ledger.last_purchase_ms, ledger.due_ms]
    return moments + [each for each in maybe if each is not None]


def _within(numbers: Iterable[float], least: float, most: float, what: str) -> None:
    for each in numbers:
        if not least <= each <= most:
            raise ValueError(f"{what} is {each}")


def _check_ledger(ledger: Ledger) -> None:
    counts = (
        *(ledger.purchases, ledger.older_days, ledger.items, ledger.itemised),
        ledger.discount_minor,
    )
    _within(counts, 0, _MANY, "a count")
    _within([ledger.spent_minor, ledger.refunded_minor], 0, MAX_SUM_MINOR, "a sum")
    _within([ledger.decayed_days, ledger.decayed_spend_minor], 0, MAX_SUM_MINOR, "a decayed sum")
    if len(ledger.categories) not in _CATEGORY_BYTES:
        raise ValueError(f"{len(ledger.categories)} bytes of categories")
    bought = (
        *(ledger.first_purchase_ms, ledger.last_purchase_ms, ledger.limits),
        ledger.recent_days or None,
        None if ledger.standing.lifecycle is State.PROSPECT else ledger.standing,
    )
    if any((each is not None) != (ledger.purchases > 0) for each in bought):
        raise ValueError(f"{ledger.purchases} purchases, and {bought}")
    if ledger.purchases:
        _check_bought(ledger)
    check_table(ledger.book.rows, COLUMNS, _LAST_DAY)
    if len(ledger.book.labels) > _MOST_LABELS:
        raise ValueError(f"{len(ledger.book.labels)} labels")
    for key, table in ledger.book.labels.items():
        if len(key) != LABEL_KEY_BYTES or key[0] >= len(DIMENSIONS) or not table:
            raise ValueError("a label has no key of ours")
        check_table(table, LABEL_COLUMNS, _LAST_DAY)
    if (ledger.due is None) != (ledger.due_ms is None):
        raise ValueError(f"due is {ledger.due} at {ledger.due_ms}")
    if ledger.due is not None and ledger.due not in DEADLINES[ledger.standing.lifecycle]:
        raise ValueError(f"{ledger.standing.lifecycle} customers do not become {ledger.due}")


def _check_bought(ledger: Ledger) -> None:
    days, limits = ledger.recent_days, ledger.limits
    assert limits is not None
    assert ledger.first_purchase_ms is not None
    first_day = ledger.first_purchase_ms // 86_400_000 + _FIRST_DAY
    _within([*days, ledger.new_until_day], _FIRST_DAY - 1, _LAST_DAY, "a day")
    _within([ledger.cadence_days], 0.001, _LONGEST_DAYS, "a cadence")
    _within(limits, 0, _LONGEST_DAYS, "a limit")
    if len(days) > DAYS_KEPT or any(later <= earlier for earlier, later in pairwise(days)):
        raise ValueError(f"purchase days {days}")
    if first_day > days[0] + 1:  # a zone may move it by a day
        raise ValueError(f"the first purchase was on day {first_day}, days are {days}")


def _check_remembered(state: CustomerState) -> None:
    events, settled = state.remembered, state.settled
    if len(events) > _MOST_REMEMBERED:
        raise ValueError(f"{len(events)} events are remembered")
    for each in events:
        _check_event(each)
    if any(later < earlier for earlier, later in pairwise(events)):
        raise ValueError("remembered events are not in order")
    sums = sum(each.spent_minor + each.refunded_minor for each in events)
    if settled.spent_minor + settled.refunded_minor + sums > MAX_SUM_MINOR:
        raise ValueError("sums do not fit into 64 bits")
    if events and settled.recent_days:
        first_day = events[0].at_ms // 86_400_000 + _FIRST_DAY
        if settled.recent_days[-1] > first_day + 1:
            raise ValueError(f"settled up to day {settled.recent_days[-1]}, remembers {first_day}")


def _check_event(event: Remembered) -> None:
    _within([event.event_hash, event.order_hash], 0, _LARGEST_HASH, "a hash")
    _within([event.spent_minor, event.refunded_minor], 0, MAX_SUM_MINOR, "an amount")
    _within([event.items, event.discount_minor], 0, _MANY, "a count")
    _within([event.prior_centidays], int(event.is_purchase), 100 * _LONGEST_DAYS, "a typical gap")
    if len(event.categories) not in _CATEGORY_BYTES:
        raise ValueError(f"{len(event.categories)} bytes of categories")
    _within([event.margin_minor], -_MANY, _MANY, "a margin")
    check_labels(event.labels)
