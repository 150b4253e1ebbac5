"""What happens to one customer: time passes, then an event is folded.

    outcome = step(customer_id, state, read, clock_ms, policy, population)

`advance` fires the deadlines that have come due, each stamped with itself. `step` advances the
customer to the event, folds it, and advances on to the clock of the log: an event that was
overtaken by the clock but by no tick is told in its place, and nobody is called silent for the
time between the two. `populate` measures a customer against a new population, `instruct` by a new
policy. All four are deterministic, and blind to how the log is cut into batches.

Enters: a state (None: nobody by that id), what was read, the clock, the policy, the population.
Leaves: the new state and effects. Forbidden here: topics, keys, offsets, the wall clock.
"""

from __future__ import annotations

from models.accounts import is_account
from models.alerting import Passed, alerted
from models.alerts import Effect
from models.announce import announced, resorted, sorted_into
from models.customer import CustomerState
from models.effects import Cause, PublishChange, Why
from models.events import Engagement, Profile, Purchase, Read, Refund
from models.fold import Outcome, fold
from models.membership import TIER, regrouped, remeasured, renewed, told_of_the_grid
from models.policy import Policy
from models.population import Population
from models.ruling import ruled, ruled_after_purchase, to_be_looked_at
from models.stages import STAGE

_WHY = {
    Purchase: Why.PURCHASE,
    Refund: Why.REFUND,
    Profile: Why.PROFILE,
    Engagement: Why.ENGAGEMENT,
}


def advance(
    customer_id: str,
    state: CustomerState,
    to_ms: int,
    policy: Policy,
    population: Population | None,
) -> tuple[CustomerState, tuple[Effect, ...]]:
    """Let time pass for one customer, up to and including `to_ms` (event time)."""
    effects: list[Effect] = []
    while (due_ms := state.next_deadline_ms) is not None and due_ms <= to_ms:
        state, fired = _fire(customer_id, state, due_ms, policy, population)
        passed = Passed(due_ms, due_ms, Cause.of_time(due_ms), anew=False)
        state, told = alerted(customer_id, state, fired, passed, policy, population)
        effects += told
    return state, tuple(effects)


def _fire(
    customer_id: str,
    state: CustomerState,
    due_ms: int,
    policy: Policy,
    population: Population | None,
) -> tuple[CustomerState, tuple[PublishChange, ...]]:
    """Do what is due at that moment: lifecycle first, then groups, the contribution, rules; alerts follow."""
    if state.current.due_ms == due_ms:
        ledger, fired = state.current.advance(due_ms, policy)
        state, effects = announced(customer_id, state._replace(current=ledger), fired)
        state = to_be_looked_at(state, due_ms, policy)
        if TIER not in state.groups and STAGE not in state.groups:
            return state, effects
        state, more = _looked_at(customer_id, state, due_ms, policy, population)
        return state, (*effects, *more)
    if state.regroup_ms == due_ms:
        return _looked_at(customer_id, state, due_ms, policy, population)
    if state.renew_ms == due_ms:
        return renewed(state, due_ms, policy, population), ()
    if state.rules_ms != due_ms:
        return state, ()
    return _sorted_out(customer_id, state, due_ms, Cause.of_time(due_ms), policy)


def _looked_at(
    customer_id: str,
    state: CustomerState,
    due_ms: int,
    policy: Policy,
    population: Population | None,
) -> tuple[CustomerState, tuple[PublishChange, ...]]:
    """Groups at a deadline: a silence has grown, or what is usual is that of another state."""
    state, moved = regrouped(state, due_ms, policy, population)
    if moved:
        state = to_be_looked_at(state, due_ms, policy)
    return sorted_into(customer_id, state, moved, due_ms, Cause.of_crossing(due_ms))


def _sorted_out(
    customer_id: str, state: CustomerState, at_ms: int, cause: Cause, policy: Policy
) -> tuple[CustomerState, tuple[PublishChange, ...]]:
    """Rule segments at a moment, when all else that they read is in keeping with it."""
    state, moved = ruled(state, at_ms, policy)
    return resorted(customer_id, state, moved, at_ms, cause)


def populate(
    customer_id: str, state: CustomerState, clock_ms: int, policy: Policy, population: Population
) -> tuple[CustomerState, tuple[Effect, ...]]:
    """Measure a customer against a new population; doing it twice changes nothing.

    Only groups change, and rule segments with them: limits were frozen at the last purchase.
    """
    cause = Cause.of_population(population.as_of_day, clock_ms)
    return _measured_anew(customer_id, state, cause, clock_ms, policy, population)


def instruct(
    customer_id: str,
    state: CustomerState,
    number: int,
    clock_ms: int,
    policy: Policy,
    population: Population | None,
) -> tuple[CustomerState, tuple[Effect, ...]]:
    """Measure a customer by a new policy; doing it twice changes nothing.

    Args:
        customer_id: in normal form.
        state: as the policy before left it.
        number: of the new policy; names the cause.
        clock_ms: the partition's clock, event time.
        policy: the new one.
        population: the one in force.
    """
    cause = Cause.of_policy(number, clock_ms)
    return _measured_anew(customer_id, state, cause, clock_ms, policy, population)


def _measured_anew(
    customer_id: str,
    state: CustomerState,
    cause: Cause,
    clock_ms: int,
    policy: Policy,
    population: Population | None,
) -> tuple[CustomerState, tuple[Effect, ...]]:
    state = remeasured(state, clock_ms, policy, population)
    state, moved = regrouped(state, clock_ms, policy, population)
    state, effects = sorted_into(customer_id, state, moved, clock_ms, cause)
    if moved or cause.why is not Why.POPULATION:  # rules read nothing else of a population
        state, more = _sorted_out(customer_id, state, clock_ms, cause, policy)
        effects = (*effects, *more)
    passed = Passed(clock_ms, clock_ms, cause, anew=True)
    return alerted(customer_id, state, effects, passed, policy, population)


def step(
    customer_id: str,
    state: CustomerState | None,
    read: Read,
    clock_ms: int,
    policy: Policy,
    population: Population | None,
) -> Outcome:
    """Advance one customer to the event, fold it, and advance on to the log's clock.

    Args:
        customer_id: in normal form.
        state: what is known of the customer before.
        read: the event, with its id and time.
        clock_ms: the partition's clock at this offset, event time, this event included.
        policy: the rules in force.
        population: the one in force; None before the first.
    """
    due: tuple[Effect, ...] = ()
    at_ms = min(read.at_ms, clock_ms)
    if state is not None:
        state, due = advance(customer_id, state, at_ms, policy, population)
    outcome = fold(customer_id, state, read, clock_ms, policy, population)
    folded = outcome.state
    if folded is None:
        return outcome._replace(effects=due + outcome.effects)
    if state is not None and folded.current is state.current:
        happened = _told_of(customer_id, state, folded, read, clock_ms, policy, population)
    else:
        happened = _moved(customer_id, state, outcome, read, clock_ms, policy, population)
    return Outcome(happened.state, due + happened.effects, outcome.rejected, outcome.duplicate)


def _moved(
    customer_id: str,
    before: CustomerState | None,
    outcome: Outcome,
    read: Read,
    clock_ms: int,
    policy: Policy,
    population: Population | None,
) -> Outcome:
    """The ledger has changed: everything that follows from it does, too, up to the clock."""
    state, cause = outcome.state, _cause_of(read)
    assert state is not None
    bought = before if isinstance(read.event, Purchase) else None
    state, moved = measured(customer_id, state, cause, clock_ms, policy, population, bought)
    passed = Passed(min(read.at_ms, clock_ms), clock_ms, cause, anew=True)
    changes = outcome.effects + moved
    state, told = alerted(customer_id, state, changes, passed, policy, population)
    state, later = advance(customer_id, state, clock_ms, policy, population)
    return Outcome(state, told + later)


def _told_of(
    customer_id: str,
    before: CustomerState,
    state: CustomerState,
    read: Read,
    clock_ms: int,
    policy: Policy,
    population: Population | None,
) -> Outcome:
    """Nothing was bought or given back: only rules and the grid may read what has been told."""
    state, told = advance(customer_id, state, clock_ms, policy, population)
    concerns_grid = told_of_the_grid(before, state, policy)
    if not concerns_grid and not _concerns_rules(before, state, policy):
        return Outcome(state, told)
    cause = _cause_of(read)
    moved: tuple[PublishChange, ...] = ()
    if concerns_grid:
        state, groups = regrouped(state, clock_ms, policy, population)
        state, moved = sorted_into(customer_id, state, groups, clock_ms, cause)
    state, sorted_out = _sorted_out(customer_id, state, clock_ms, cause, policy)
    passed = Passed(clock_ms, clock_ms, cause, anew=False)
    state, more = alerted(customer_id, state, moved + sorted_out, passed, policy, population)
    return Outcome(state, told + more)


def _cause_of(read: Read) -> Cause:
    """An event was folded."""
    return Cause.of_event(read.event_id, read.at_ms, _WHY[type(read.event)])


def measured(
    customer_id: str,
    state: CustomerState,
    cause: Cause,
    clock_ms: int,
    policy: Policy,
    population: Population | None,
    before: CustomerState | None = None,
) -> tuple[CustomerState, tuple[PublishChange, ...]]:
    """After the ledger has changed: lifecycle up to the clock, then contribution, groups and rules.

    Args:
        customer_id: in normal form.
        state: with the changed ledger.
        cause: of the change.
        clock_ms: the partition's clock, event time.
        policy: in force.
        population: in force.
        before: the customer until then, if a purchase is all that has happened.
    """
    ledger, fired = state.current.advance(clock_ms, policy)
    effects: tuple[PublishChange, ...] = ()
    if fired:
        state, effects = announced(customer_id, state._replace(current=ledger), fired)
    if not is_account(customer_id):
        state = renewed(state, clock_ms, policy, population)
    state, moved = regrouped(state, clock_ms, policy, population)
    state, more = sorted_into(customer_id, state, moved, clock_ms, cause)
    if before is None:
        state, resort = ruled(state, clock_ms, policy)
    else:
        state, resort = ruled_after_purchase(before, state, clock_ms, policy)
    state, most = resorted(customer_id, state, resort, clock_ms, cause)
    return state, effects + more + most


def _concerns_rules(before: CustomerState, after: CustomerState, policy: Policy) -> bool:
    """Whether what an event has told of somebody, without a purchase, is read by any rule."""
    book = policy.rulebook
    if after.known_since_ms != before.known_since_ms:
        return bool(book)
    if after.engagement != before.engagement or after.satisfaction != before.satisfaction:
        return book.reads_engagement
    old = before.attributes
    changed = (name for name, new in after.attributes.items() if old.get(name) != new)
    return after.attributes is not old and not book.attributes.isdisjoint(changed)
