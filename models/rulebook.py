"""The rule segments of a policy, compiled: who is in which, and when that next may change.

    facts ──► values ──► bits of the conditions that hold ──► segments
                │
                └──► the next day on which time alone changes a bit

Rules share facts, so each is read once, and its gauge answers all its conditions together. Customers
of whom the same conditions hold are in the same segments, so that answer is remembered. A rule that
names another one holds that one's conditions in its place.

Enters: rules. Leaves: memberships. Forbidden here: how a membership is kept or told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from models.gauge import Gauge, Known
from models.rolling import (
    LAST_DAY,
    OF_TWO_WINDOWS,
    UNTIL,
    Until,
    grows,
    growth_steps,
    shrinks,
    steps,
)
from models.rule_links import linked
from models.rule_names import BY_NAME, Kind
from models.rule_tree import AllOf, AnyOf, Condition, Fact, Not, Rule, conditions_of
from models.sight import OF_LABELS, READ, Reader, Sight, key_of

if TYPE_CHECKING:
    from models.customer import CustomerState
    from models.policy import Policy

PATTERNS_KEPT = 50_000  # each takes a few hundred bytes
_DESCRIBED = frozenset({"profile", "days_since", "days_until", "age_band"})
_ENGAGED = frozenset({"satisfaction", "engagement_days_ago", "engagement.days_ago"})
_AS_THEY_WERE = _DESCRIBED | _ENGAGED | {"known_days", "tenure_days", "first_purchase"}
_ALSO_ENGAGED = frozenset({"attachment_points", "contact_days_ago"})  # which purchases change, too
_AGE = frozenset({"birth_year", "age_band"})
Holds = Callable[[int], bool]


class Seen(NamedTuple):
    """What a look has found, so that the next one may look at less.

    Attributes:
        rulebook: names the rules by their content; 0: nothing was seen.
        bits: of the conditions that hold, little-endian.
        others_until_day: before it no fact changes by time alone that a purchase leaves as it is.
    """

    rulebook: int = 0
    bits: bytes = b""
    others_until_day: int = 0


class Places(NamedTuple):
    """Where a customer belongs on a day.

    Attributes:
        segments: names of rule segments, sorted.
        until_day: the first day on which time alone may change that, ordinal; None: never.
        seen: for the next look.
    """

    segments: tuple[str, ...]
    until_day: int | None
    seen: Seen


class _Column(NamedTuple):
    fact: Fact
    read: Reader
    gauge: Gauge
    until: Until | None
    mask: int
    rolls_days: int  # the one window that must lose a row before time alone changes it; 0: none
    even_unknown: bool  # time alone can make it known


class _Compiled(NamedTuple):
    """A rule: of the bits that it cares for these must be set, and what is more complicated."""

    name: str
    cares: int
    wants: int
    rest: Holds | None


class Rulebook:
    """All rules of a policy.

    Args:
        rules: by name, as they were parsed.
        scale: minor units in a major one of the reporting currency.
        age_bands: by which ages are read.
        budget: the attribute that wallet shares are read off.

    Attributes:
        names: of the segments, sorted.
        rules: by name, with what they name put in its place.
        attributes: of profiles, that any rule reads.
        reads_engagement: whether any reads that.
    """

    def __init__(
        self,
        rules: Mapping[str, Rule],
        scale: int,
        age_bands: tuple[int, ...] = (),
        budget: str = "",
    ) -> None:
        self.names = tuple(sorted(rules))
        self.rules = linked(rules)
        conditions = [each for rule in self.rules.values() for each in conditions_of(rule)]
        bits = {key: 1 << place for place, key in enumerate(dict.fromkeys(map(_key, conditions)))}
        facts: dict[Fact, dict[tuple[object, ...], Condition]] = {}
        for each in conditions:
            facts.setdefault(each.fact, {})[_key(each)] = each
        columns = [_column(fact, found, bits, scale) for fact, found in facts.items()]
        columns.sort(key=_trouble)  # a day that is near spares looking further
        self._touched = [each for each in columns if _touched_by_purchases(each.fact)]
        self._others = [each for each in columns if not _touched_by_purchases(each.fact)]
        self._by_label: dict[bytes, list[_Column]] = {}
        for column in self._others:
            if column.fact.name in OF_LABELS:
                self._by_label.setdefault(key_of(column.fact), []).append(column)
        self._touched_mask = sum(each.mask for each in self._touched)
        self._bytes = (len(bits) + 7) // 8
        self._print = (
            int.from_bytes(blake2b(repr((list(bits), age_bands)).encode(), digest_size=6).digest())
            or 1
        )
        self._compiled = [_compiled(name, self.rules[name], bits) for name in self.names]
        self._patterns: dict[int, tuple[str, ...]] = {}
        self.scale = scale
        names = {fact.name for fact in facts}
        attributes = {fact.of for fact in facts if fact.name in _DESCRIBED and fact.of}
        if "wallet_share" in names:
            attributes.add(budget)
        self.attributes = frozenset(attributes | (_AGE if "age_band" in names else set()))
        self.reads_engagement = bool(names & (_ENGAGED | _ALSO_ENGAGED))

    def __bool__(self) -> bool:
        return bool(self.names)

    def places(self, state: CustomerState, day: int, policy: Policy) -> Places:
        """Where a customer belongs on a day, and until when.

        Args:
            state: told up to that day.
            day: the customer-day at whose beginning is asked, ordinal.
            policy: that these rules are of.
        """
        sight = Sight(state, day, policy)
        bits, others_until_day = _look(self._others, sight, LAST_DAY)
        more, until_day = _look(self._touched, sight, others_until_day)
        return self._places(bits | more, day, until_day, others_until_day)

    def places_after(
        self, state: CustomerState, day: int, policy: Policy, seen: Seen, labels: Iterable[bytes]
    ) -> Places | None:
        """The same after a purchase, if all else is as it was seen; None: it was not seen.

        Args:
            state: told up to that day.
            day: before anything that was seen may change by itself.
            policy: that these rules are of.
            seen: at the last look.
            labels: what was bought.
        """
        if seen.rulebook != self._print or day >= seen.others_until_day:
            return None
        sight = Sight(state, day, policy)
        bits, others_until_day = int.from_bytes(seen.bits, "little"), seen.others_until_day
        for columns in filter(None, map(self._by_label.get, labels)):
            more, others_until_day = _look(columns, sight, others_until_day)
            bits = bits & ~sum(each.mask for each in columns) | more
        more, until_day = _look(self._touched, sight, others_until_day)
        bits = bits & ~self._touched_mask | more
        return self._places(bits, day, until_day, others_until_day)

    def _places(self, bits: int, day: int, until_day: int, others_until_day: int) -> Places:
        seen = Seen(self._print, bits.to_bytes(self._bytes, "little"), others_until_day)
        if until_day >= LAST_DAY:
            return Places(self._segments(bits), None, seen)
        # Whatever a day may have been worked out to, time goes on.
        return Places(self._segments(bits), max(until_day, day + 1), seen)

    def _segments(self, bits: int) -> tuple[str, ...]:
        found = self._patterns.get(bits)
        if found is None:
            if len(self._patterns) >= PATTERNS_KEPT:
                self._patterns.clear()
            found = self._patterns[bits] = tuple(
                name
                for name, cares, wants, rest in self._compiled
                if bits & cares == wants and (rest is None or rest(bits))
            )
        return found

    def explain(
        self, name: str, state: CustomerState, day: int, policy: Policy
    ) -> list[tuple[Condition, Known | None, bool]]:
        """Each condition of a rule with the customer's value, and whether it holds.

        Raises:
            KeyError: no such rule.
        """
        sight = Sight(state, day, policy)
        found = []
        for each in conditions_of(self.rules[name]):
            value = READ[each.fact.name](sight, each.fact)
            holds = bool(_gauge(each.fact, [(each, 1)], self.scale).bits(value))
            found.append((each, value, holds))
        return found


def _trouble(column: _Column) -> int:
    """How much there is to do until the next day is known on which a fact changes."""
    if column.until in {None, grows, shrinks}:
        return 0
    return 2 if column.until in {steps, growth_steps} else 1


def _key(condition: Condition) -> tuple[object, ...]:
    """Alike for conditions that ask the same; 1, 1.0 and true are different values here."""
    value = condition.value
    values = value if isinstance(value, tuple) else (value,)
    return (condition.fact, condition.op, tuple((type(each), each) for each in values))


def _column(
    fact: Fact,
    conditions: Mapping[tuple[object, ...], Condition],
    bits: Mapping[tuple[object, ...], int],
    scale: int,
) -> _Column:
    gauge = _gauge(fact, [(each, bits[key]) for key, each in conditions.items()], scale)
    mask = sum(bits[key] for key in conditions)
    two = fact.name in OF_TWO_WINDOWS
    rolls_days = 0 if two else fact.window_days
    return _Column(fact, READ[fact.name], gauge, UNTIL.get(fact.name), mask, rolls_days, two)


def _look(columns: Iterable[_Column], sight: Sight, until_day: int) -> tuple[int, int]:
    """The bits of some facts, and the first day on which time alone may change one, if it is earlier."""
    bits = 0
    for fact, read, gauge, until, _, rolls_days, even_unknown in columns:
        value = read(sight, fact)
        bits |= gauge.bits(value)
        if until is None or (rolls_days and sight.leaves(rolls_days) >= until_day):
            continue  # nothing leaves the window by then
        if value is not None or even_unknown:
            then = until(sight, fact, value, gauge, until_day)
            if then is not None and then < until_day:
                until_day = then
    return bits, until_day


def _touched_by_purchases(fact: Fact) -> bool:
    """Whether any purchase may change it; what was spent on a label only one of that label does."""
    return fact.name not in _AS_THEY_WERE and fact.name not in OF_LABELS


def _gauge(fact: Fact, conditions: Iterable[tuple[Condition, int]], scale: int) -> Gauge:
    row = BY_NAME.get(fact.name)
    return Gauge(conditions, scale if row is not None and row.kind is Kind.MONEY else 1)


def _compiled(name: str, rule: Rule, bits: Mapping[tuple[object, ...], int]) -> _Compiled:
    cares = wants = 0
    rest: list[Holds] = []
    for part in rule.of if isinstance(rule, AllOf) else (rule,):
        if isinstance(part, Condition):
            cares |= bits[_key(part)]
            wants |= bits[_key(part)]
        elif isinstance(part, Not) and isinstance(part.of, Condition):
            cares |= bits[_key(part.of)]
        else:
            rest.append(_holds(part, bits))
    if _contradicts(rule):
        rest.append(lambda _: False)
    return _Compiled(name, cares, wants, _all(rest) if rest else None)


def _contradicts(rule: Rule) -> bool:
    """Whether a condition and its opposite are both asked for."""
    if not isinstance(rule, AllOf):
        return False
    wanted = {_key(each) for each in rule.of if isinstance(each, Condition)}
    refused = (each.of for each in rule.of if isinstance(each, Not))
    return any(_key(each) in wanted for each in refused if isinstance(each, Condition))


def _holds(rule: Rule, bits: Mapping[tuple[object, ...], int]) -> Holds:
    match rule:
        case Condition():
            bit = bits[_key(rule)]
            return lambda found: bool(found & bit)
        case Not(of=inner):
            refused = _holds(inner, bits)
            return lambda found: not refused(found)
        case AllOf(of=parts):
            return _all([_holds(each, bits) for each in parts])
        case AnyOf(of=parts):
            return _any([_holds(each, bits) for each in parts])


def _all(parts: list[Holds]) -> Holds:
    return lambda found: all(each(found) for each in parts)


def _any(parts: list[Holds]) -> Holds:
    return lambda found: any(each(found) for each in parts)
