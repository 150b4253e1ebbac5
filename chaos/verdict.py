"""What stands in store and topics, held against a single-threaded fold of the log.

Enters: an installation in which nothing moves. Leaves: figures.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import NamedTuple, TypeVar

from chaos.oracles import Oracles
from models.accounts import is_account
from models.codec import decode_held
from models.segments import ACCOUNTS, RULE, segments_by_kind
from streams.topics import ALERTS, CHANGES, DEAD_LETTERS
from tests.support.installation import Installation

OUTPUTS = (CHANGES, ALERTS, DEAD_LETTERS)
#: of one effect: customer and `ce_id`, or of a dead letter the record that it was
Effect = tuple[bytes, bytes]
K = TypeVar("K", bytes, str)
V = TypeVar("V")


class Verdict(NamedTuple):
    """How what is there differs from what must be there.

    Attributes:
        events: records of the log.
        customers: with a state.
        accounts: of them.
        states_wrong: customers whose state differs, is missing, or should not be there.
        segments_wrong: that list others than those whose state says so.
        rule_memberships: of people and accounts, among what was compared.
        policies: published, that came into force in every partition.
        policies_wrong: partitions that go by another policy than the fold.
        sketches_wrong: partitions whose sketch, or movement, differs.
        populations: learned.
        populations_wrong: missing, or never learned by the fold.
        effects: that must have left.
        lost: of them, those that did not.
        invented: that left and should not have.
        out_of_order: customers whose effects left in another order.
        duplicated: sent more than once; readers drop them by their ids.
    """

    events: int
    customers: int
    accounts: int
    states_wrong: int
    segments_wrong: int
    rule_memberships: int
    policies: int
    policies_wrong: int
    sketches_wrong: int
    populations: int
    populations_wrong: int
    effects: int
    lost: int
    invented: int
    out_of_order: int
    duplicated: int

    @property
    def is_exact(self) -> bool:
        """Nothing is wrong, lost or invented."""
        wrong = self.states_wrong + self.segments_wrong + self.sketches_wrong
        wrong += self.populations_wrong + self.policies_wrong
        return not wrong + self.lost + self.invented + self.out_of_order


class Differences(NamedTuple):
    """Which effects differ.

    Attributes:
        lost: never sent.
        invented: sent, though nothing in the log is their cause.
        out_of_order: customers.
        duplicated: sent more often than they came out of the fold, once for each time.
    """

    lost: list[Effect]
    invented: list[Effect]
    out_of_order: list[bytes]
    duplicated: list[Effect]


def verdict_on(here: Installation, oracles: Oracles, notes: Path) -> Verdict:
    """Read everything and compare; blocks until the oracles are done.

    Args:
        here: nothing moves in it.
        oracles: of its log.
        notes: where what differs is listed.
    """
    states, sketches, bodies = here.states(), here.sketches(), here.bodies()
    sent = [_effect(topic, each) for topic in OUTPUTS for each in here.published(topic)]
    expected = oracles.expected()
    rows = [row for row in expected.rows if row.topic in OUTPUTS]
    wrong = differing(states, expected.states)
    differ = compared(sent, [_effect(row.topic, dict(row.headers)) for row in rows])
    members, listed = here.members(), members_of(expected.states)
    in_force = zip(here.policies_in_force(), expected.policies, strict=True)
    misplaced = differing(members, listed)
    notes.write_text(
        _listed(differ, {each: (states.get(each), expected.states.get(each)) for each in wrong})
        + "".join(f"\nlist of {each}: differs" for each in misplaced)
    )
    return Verdict(
        sum(here.ends()),
        len(expected.states),
        sum(is_account(each.decode()) for each in expected.states),
        len(wrong),
        len(misplaced),
        rule_memberships(listed),
        min(each["policies"] - each["policies_passed_over"] for each in expected.tallies),
        sum(mine != theirs for mine, theirs in in_force),
        sum(mine != theirs for mine, theirs in zip(sketches, expected.sketches, strict=True)),
        len(expected.populations),
        len(set(bodies) ^ set(expected.populations)),
        len(rows),
        *(len(each) for each in differ),
    )


def members_of(states: Mapping[bytes, bytes]) -> dict[str, set[bytes]]:
    """Who must be listed in each segment, by their states."""
    listed: defaultdict[str, set[bytes]] = defaultdict(set)
    for customer_id, packed in states.items():
        for name in segments_by_kind(customer_id.decode(), decode_held(packed)).values():
            listed[name].add(customer_id)
    return dict(listed)


def rule_memberships(listed: Mapping[str, Set[bytes]]) -> int:
    """How many memberships in rule segments are among these, of people and of accounts.

    >>> rule_memberships({"rule/vip": {b"a", b"b"}, "account.rule/vip": {b"account:x"}, "risk/low": {b"a"}})
    3
    """
    rules = tuple(f"{before}{RULE}/" for before in ("", ACCOUNTS))
    return sum(len(ids) for name, ids in listed.items() if name.startswith(rules))


def differing(found: Mapping[K, V], expected: Mapping[K, V]) -> list[K]:
    """The keys that have another value, or stand on one side only.

    >>> differing({b"a": b"1", b"b": b"2", b"c": b"3"}, {b"a": b"1", b"b": b"0", b"d": b"4"})
    [b'b', b'c', b'd']
    """
    return sorted(k for k in found.keys() | expected.keys() if found.get(k) != expected.get(k))


def compared(sent: Sequence[Effect], wanted: Sequence[Effect]) -> Differences:
    """How what was sent differs from what came out of the fold.

    >>> a, b, c = [(b"anna", b"1"), (b"anna", b"2"), (b"ben", b"3")]
    >>> compared([b, a, a], [a, b, c])  # doctest: +NORMALIZE_WHITESPACE
    Differences(lost=[(b'ben', b'3')], invented=[], out_of_order=[b'anna'],
                duplicated=[(b'anna', b'1')])
    """
    times_sent, times_wanted = Counter(sent), Counter(wanted)
    both = times_sent.keys() & times_wanted.keys()
    came, should = _by_customer(times_sent, both), _by_customer(times_wanted, both)
    return Differences(
        sorted(times_wanted.keys() - both),
        sorted(times_sent.keys() - both),
        sorted(each for each in should if came[each] != should[each]),
        sorted((times_sent - (times_wanted | Counter(times_sent.keys()))).elements()),
    )


def _by_customer(effects: Iterable[Effect], among: Set[Effect]) -> dict[bytes, list[bytes]]:
    """The ids of each customer's effects, in the order in which they were first met."""
    found: defaultdict[bytes, list[bytes]] = defaultdict(list)
    for customer, effect_id in effects:
        if (customer, effect_id) in among:
            found[customer].append(effect_id)
    return found


def _effect(topic: str, headers: Mapping[str, bytes]) -> Effect:
    if topic == CHANGES:
        return headers["ce_subject"], headers["ce_id"]
    if topic == ALERTS:
        return b"alerts of " + headers["ce_subject"], headers["ce_id"]
    return b"dead letter of " + headers["source.partition"], headers["source.offset"]


def _listed(differ: Differences, states: Mapping[bytes, tuple[bytes | None, bytes | None]]) -> str:
    lines = [f"{name}: {each}" for name, found in differ._asdict().items() for each in found]
    lines += [f"state of {id_!r}: {found!r}, not {due!r}" for id_, (found, due) in states.items()]
    return "\n".join(lines)
