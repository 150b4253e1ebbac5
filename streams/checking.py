"""Rules tried out before they go live: who would be in each, who would enter and who would leave.

    everybody, advanced to now ──► measured by the new policy, in memory ──► counts and small samples

Everybody is measured as a worker would measure them if the policy were published now, so what is
counted is what publishing would bring. Nothing is written. Memory: counts, samples, and the ids met
in one partition.

`Trial` is pure. `walk` feeds it from a store; it blocks for as long as a page takes, each time.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from models.accounts import is_account
from models.codec import decode_held
from models.customer import Alias, CustomerState
from models.policy import Policy
from models.policy_record import PublishedPolicy, policy_as_json
from models.population import Population
from models.rule_names import nearest
from models.rule_text import as_text
from models.segments import RULE, rule_segment, segments_of
from models.step import advance, instruct
from streams.lookup import Lookup, as_of
from streams.show_rules import Answer, answers_of
from streams.store import MAX_CUSTOMERS, Store

PAGE = MAX_CUSTOMERS // 2  # a scan may give more than it was asked for
OVERLAPS = 10
NEW, CHANGED, SAME, REMOVED = "new", "changed", "the same", "removed"


class NoSuchRule(LookupError):
    """The policy has no rule segment of that name."""


class Met(NamedTuple):
    """Somebody as a lookup would show them.

    Attributes:
        customer_id: in normal form.
        state: advanced to `at_ms`, under the policy in force.
        at_ms: event time.
        population: in force there; None before the first.
    """

    customer_id: str
    state: CustomerState
    at_ms: int
    population: Population | None


class Overlap(NamedTuple):
    """A segment that members of a rule are in, too.

    Attributes:
        segment: by name.
        customers: in both.
        share: of the rule's members, 0 to 1.
    """

    segment: str
    customers: int
    share: float


class Example(NamedTuple):
    """A customer whom a rule holds of, and why."""

    customer_id: str
    answers: tuple[Answer, ...]


class Tried(NamedTuple):
    """What a rule would do.

    Attributes:
        name: of the rule.
        status: `NEW`, `CHANGED`, `SAME` or `REMOVED`, against the policy in force.
        customers: people whom it holds of; all other numbers are of people, too.
        share: of all people, 0 to 1.
        accounts: whom it holds of.
        before: in the segment now.
        entering: how many would enter.
        leaving: how many would leave.
        entering_ids: some of them.
        leaving_ids: likewise.
        overlaps: the largest first.
        examples: some of those whom it holds of; accounts if it holds of no people.
    """

    name: str
    status: str
    customers: int
    share: float
    accounts: int
    before: int
    entering: int
    leaving: int
    entering_ids: tuple[str, ...]
    leaving_ids: tuple[str, ...]
    overlaps: tuple[Overlap, ...]
    examples: tuple[Example, ...]


class _Sample:
    """A few of many, the same ones in whatever order they come: those with the least hashes."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: list[tuple[int, str, Met]] = []  # a heap, the greatest hash first

    def add(self, rank: int, met: Met) -> None:
        if len(self._kept) < self._size:
            heapq.heappush(self._kept, (rank, met.customer_id, met))
        elif self._kept and rank > self._kept[0][0]:
            heapq.heapreplace(self._kept, (rank, met.customer_id, met))

    def __iter__(self) -> Iterator[Met]:
        return iter(sorted((met for _, _, met in self._kept), key=lambda met: met.customer_id))

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(met.customer_id for met in self)


def _rank(customer_id: str) -> int:
    return -int.from_bytes(hashlib.blake2b(customer_id.encode(), digest_size=7).digest())


class _Rule:
    """What is counted of one rule."""

    def __init__(self, sample: int) -> None:
        self.members, self.accounts = _Sample(sample), _Sample(sample)
        self.entering, self.leaving = _Sample(sample), _Sample(sample)
        self.counts: Counter[str] = Counter()
        self.overlaps: Counter[str] = Counter()


class Trial:
    """Tries rules out on whoever comes by.

    Args:
        before: the policy in force.
        new: the one that is to follow it.
        names: of rules of either.
        sample: how many customers to keep of each kind.

    Attributes:
        customers: how many people came by.
    """

    def __init__(self, before: Policy, new: Policy, names: Sequence[str], sample: int = 5) -> None:
        self._before, self._new = before, new
        self._rules = {name: _Rule(sample) for name in names}
        self.customers = 0

    def meet(self, met: Met) -> None:
        """Somebody, or an account, comes by; nobody may come twice."""
        state, _ = instruct(met.customer_id, met.state, 0, met.at_ms, self._new, met.population)
        after, rank = met._replace(state=state), _rank(met.customer_id)
        if is_account(met.customer_id):
            self._meet_account(rank, after)
            return
        self.customers += 1
        segments = segments_of(state)
        for name, rule in self._rules.items():
            was, is_now = name in met.state.rules, name in state.rules
            rule.counts["before"] += was
            if is_now:
                rule.counts["members"] += 1
                rule.overlaps.update(segments)
                rule.members.add(rank, after)
            if is_now is not was:
                rule.counts["entering" if is_now else "leaving"] += 1
                (rule.entering if is_now else rule.leaving).add(rank, after)

    def _meet_account(self, rank: int, met: Met) -> None:
        for name in self._rules.keys() & met.state.rules:
            self._rules[name].counts["accounts"] += 1
            self._rules[name].accounts.add(rank, met)

    def results(self) -> list[Tried]:
        """What was found, rule by rule in the order of their names as they were given."""
        return [self._result(name, rule) for name, rule in self._rules.items()]

    def _result(self, name: str, rule: _Rule) -> Tried:
        members = rule.counts["members"]
        others = Counter(rule.overlaps)
        del others[rule_segment(name)]
        largest = sorted(others.items(), key=lambda each: (-each[1], each[0]))[:OVERLAPS]
        return Tried(
            name,
            status_of(name, self._before, self._new),
            members,
            members / self.customers if self.customers else 0.0,
            rule.counts["accounts"],
            rule.counts["before"],
            rule.counts["entering"],
            rule.counts["leaving"],
            rule.entering.ids,
            rule.leaving.ids,
            tuple(Overlap(segment, count, count / members) for segment, count in largest),
            tuple(self._example(name, met) for met in (rule.members if members else rule.accounts)),
        )

    def _example(self, name: str, met: Met) -> Example:
        return Example(met.customer_id, answers_of(name, met.state, met.at_ms, self._new))


def tried(
    people: Iterable[Met], before: Policy, new: Policy, names: Sequence[str], sample: int = 5
) -> list[Tried]:
    """Try rules out on people; see `Trial`."""
    trial = Trial(before, new, names, sample)
    for each in people:
        trial.meet(each)
    return trial.results()


def status_of(name: str, before: Policy, new: Policy) -> str:
    """How a rule stands against the policy in force; white space makes no difference."""
    old, now = (each.rulebook.rules.get(name) for each in (before, new))
    if now is None:
        return REMOVED
    if old is None:
        return NEW
    return SAME if as_text(old) == as_text(now) else CHANGED


def to_be_tried(asked: Sequence[str], before: Policy, new: Policy) -> list[str]:
    """The rules asked for, or else those that are new, changed or removed; all, if no rule is.

    Where anything else of the policy differs, any rule may find other customers: then all are tried.

    Raises:
        NoSuchRule: neither policy has it.
    """
    known = list(dict.fromkeys([*new.segments, *before.segments]))
    names = [each.removeprefix(f"{RULE}/") for each in asked]
    for name in names:
        if name not in known:
            near = nearest(name, known)
            there = f"did you mean {near}?" if near else f"there are {', '.join(known) or 'none'}"
            raise NoSuchRule(f"no rule segment {name!r}; {there}")
    if names:
        return list(dict.fromkeys(names))
    rest = {each.model_dump_json(exclude={"preset", "segments"}) for each in (before, new)}
    differing = [each for each in known if status_of(each, before, new) != SAME]
    return differing if differing and len(rest) == 1 else known


def without_rules(policy: Policy) -> Policy:
    """The same, with no rule segments: what is known of a file that the workers alone have."""
    return Policy.model_validate({**policy_as_json(policy), "segments": {}})


async def walk(
    store: Store, in_force: Sequence[PublishedPolicy], now_ms: int
) -> AsyncIterator[list[Met]]:
    """Everybody, in pages, each as a lookup would show them; nobody twice.

    Args:
        store: the one that serves.
        in_force: the policy of each partition. Of a file (number 0) it is not known whether the
            workers have the same: then people are in the rule segments that they are written in.
        now_ms: wall clock.

    Raises:
        StoreUnavailable, CorruptState, NewerSchema, CorruptPopulation.
    """
    for partition, published in enumerate(in_force):
        lookup = Lookup(store, published.policy)
        looked = await store.look(partition, ())
        population, seen, cursor = await lookup.population(partition), set[str](), -1
        while cursor:
            loaded = await store.walk(partition, max(0, cursor), PAGE)
            cursor, meta = loaded.cursor, loaded.meta
            if (population.version if population else 0) != meta.population:
                population = await lookup.population(partition)
            new = {id_: packed for id_, packed in loaded.states.items() if id_ not in seen}
            seen.update(new)
            at_ms = as_of(looked._replace(clock_ms=max(looked.clock_ms, meta.clock_ms)), now_ms)
            yield list(_met(new, at_ms, published, population))


def _met(
    states: dict[str, bytes], at_ms: int, published: PublishedPolicy, population: Population | None
) -> Iterator[Met]:
    for customer_id, packed in states.items():
        held = decode_held(packed)
        if isinstance(held, Alias):
            continue
        state, _ = advance(customer_id, held, at_ms, published.policy, population)
        if not published.number:
            state = state._replace(rules=held.rules)
        yield Met(customer_id, state, at_ms, population)


async def check(
    store: Store,
    in_force: Sequence[PublishedPolicy],
    trial: Trial,
    now_ms: int,
    progress: Callable[[int], None],
) -> list[Tried]:
    """Walk everybody past a trial.

    Args:
        store: the one that serves.
        in_force: the policy of each partition.
        trial: of the new policy.
        now_ms: wall clock.
        progress: told how many people were met.

    Raises:
        StoreUnavailable, CorruptState, NewerSchema, CorruptPopulation.
    """
    async for page in walk(store, in_force, now_ms):
        for met in page:
            trial.meet(met)
        progress(trial.customers)
    return trial.results()
