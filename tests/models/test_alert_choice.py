"""Which alerts are sent: gate, rank, budget, holdout. Arms are given here, not drawn."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.alert_choice import TOLD_OF, Budget, Candidate, Choice, chosen
from models.alert_record import Arm, Decision
from models.customer import Attribute
from models.gate import DAY_MS, Contact
from models.policy import Policy
from tests.models.alert_shops import SLIPPING, policy

NOW_MS = 1_772_625_600_000
TODAY = Budget(739_679)
BEST, SECOND, THIRD = 30_000, 20_000, 10_000
ANYBODY = Contact({})


def shop(budget: int = 0, cap: int = 0, channel: str = "") -> Policy:
    """Two rules, of which one has a budget, and perhaps a channel."""
    slipping = {**SLIPPING, "daily_budget": budget, "channel": channel}
    return policy({"slipping": slipping, "other": SLIPPING}, alerts={"frequency_cap": cap})


def candidate(
    alert_id: str, at_stake_minor: int, arm: Arm = Arm.TREATED, **others: Any
) -> Candidate:
    fields = {"rule": "slipping", "customer_id": f"of {alert_id}", "contact": ANYBODY, **others}
    return Candidate(alert_id, at_stake_minor=at_stake_minor, arm=arm, **fields)


def decided(
    candidates: list[Candidate], rules: Policy, budgets: dict[str, Budget] | None = None
) -> dict[str, str]:
    """Alert id → decision, and what blocked it."""
    found = chosen(candidates, rules, budgets or {}, NOW_MS)
    return {each.alert_id: ":".join(filter(None, each[1:])) for each in found}


def test_those_with_most_at_stake_have_the_places_and_the_others_are_over_budget() -> None:
    three = [candidate("c", THIRD), candidate("a", BEST), candidate("b", SECOND)]
    assert chosen(three, shop(budget=2), {}, NOW_MS) == [
        Choice("a", Decision.SENT),
        Choice("b", Decision.SENT),
        Choice("c", Decision.OVER_BUDGET),
    ]


def test_with_the_same_at_stake_the_id_decides() -> None:
    two = [candidate("b", BEST), candidate("a", BEST)]
    assert decided(two, shop(budget=1)) == {"a": "sent", "b": "over_budget"}


def test_places_that_were_taken_earlier_that_day_are_gone() -> None:
    two = [candidate("a", BEST), candidate("b", SECOND)]
    taken = {"slipping": TODAY._replace(taken=2)}
    assert decided(two, shop(budget=3), taken) == {"a": "sent", "b": "over_budget"}
    assert set(decided(two, shop(budget=2), taken).values()) == {"over_budget"}


def test_each_rule_has_places_of_its_own_and_none_is_no_bound() -> None:
    many = [candidate(f"s{n}", BEST) for n in range(3)]
    many += [candidate(f"o{n}", THIRD, rule="other") for n in range(3)]
    counts = Counter(decided(many, shop(budget=1)).values())
    assert counts == {"sent": 4, "over_budget": 2}


def test_who_is_held_out_takes_a_place_as_whoever_is_told_of() -> None:
    held_out = candidate("a", BEST, Arm.HELD_OUT)
    rest = [candidate("b", SECOND), candidate("c", THIRD)]
    assert decided([held_out, *rest], shop(budget=2)) == {
        "a": "held_out",
        "b": "sent",
        "c": "over_budget",
    }


def test_who_is_held_out_and_beyond_the_budget_is_over_budget() -> None:
    assert decided([candidate("a", BEST), candidate("b", THIRD, Arm.HELD_OUT)], shop(budget=1)) == {
        "a": "sent",
        "b": "over_budget",
    }


@pytest.mark.parametrize("arm", list(Arm))
def test_who_is_blocked_takes_no_place_whatever_their_arm(arm: Arm) -> None:
    listed = Contact({"do_not_contact": Attribute(0, 1, value=True)})
    two = [candidate("a", BEST, arm, contact=listed), candidate("b", THIRD)]
    assert decided(two, shop(budget=1)) == {"a": "blocked:suppressed", "b": "sent"}


def test_the_rules_channel_is_asked_for() -> None:
    agreed = Contact({"consent.email": Attribute(0, 1, "yes")})
    three = [
        candidate("a", BEST),
        candidate("b", SECOND, contact=agreed),
        candidate("c", THIRD, rule="other"),
    ]
    assert decided(three, shop(channel="email")) == {
        "a": "blocked:no_consent",
        "b": "sent",
        "c": "sent",
    }


def test_of_a_rule_that_is_no_more_nobody_is_told() -> None:
    assert decided([candidate("a", BEST, rule="gone")], shop()) == {"a": "blocked:rule_removed"}


def test_several_alerts_of_one_customer_in_one_batch_count_against_each_other() -> None:
    once = Contact({}, (NOW_MS - DAY_MS,))
    mine = [
        candidate("a", BEST, customer_id="ann", contact=once),
        candidate("b", SECOND, customer_id="ann", contact=once, rule="other"),
        candidate("c", THIRD, customer_id="ann", contact=once),
        candidate("d", THIRD, customer_id="bob"),
    ]
    assert decided(mine, shop(cap=2)) == {
        "a": "sent",
        "b": "blocked:too_often",
        "c": "blocked:too_often",
        "d": "sent",
    }


def test_alerts_that_are_held_out_or_blocked_or_over_budget_count_as_little_as_they_must() -> None:
    """Held out counts, so that the arms stay alike; who was not told of at all does not."""
    held_out = [
        candidate("a", BEST, Arm.HELD_OUT, customer_id="ann"),
        candidate("b", SECOND, Arm.HELD_OUT, customer_id="ann", rule="other"),
    ]
    assert decided(held_out, shop(cap=1)) == {"a": "held_out", "b": "blocked:too_often"}
    over = [
        candidate("0", BEST, customer_id="bob"),
        candidate("a", SECOND, customer_id="ann"),
        candidate("b", THIRD, customer_id="ann", rule="other"),
    ]
    assert decided(over, shop(budget=1, cap=1))["b"] == "sent"


def test_a_budget_counts_places_and_those_left_out() -> None:
    budget = TODAY
    for each in Decision:
        budget = budget.after(each)
    assert budget == TODAY._replace(taken=2, left_out=1)


# --- what always holds ---

LISTED = Contact({"do_not_contact": Attribute(0, 1, value=True)})
customers = st.tuples(
    st.sampled_from(["ann", "bob", "cat", "dan"]), st.integers(0, 2), st.booleans()
).map(lambda drawn: (drawn[0], Contact({}, (NOW_MS - 1,) * drawn[1]) if drawn[2] else LISTED))


@st.composite
def batches(draw: st.DrawFn) -> list[Candidate]:
    """Alerts of a few customers, each of whom the gate sees in one way, and is in one arm."""
    people = dict(draw(st.lists(customers, min_size=1)))
    arms = {name: draw(st.sampled_from(list(Arm))) for name in people}
    stakes = draw(st.lists(st.integers(0, 5), max_size=25))
    found = []
    for number, stake in enumerate(stakes):
        name = draw(st.sampled_from(sorted(people)))
        rule = draw(st.sampled_from(["slipping", "slipping", "other", "gone"]))
        place = {"rule": rule, "customer_id": name, "contact": people[name]}
        found.append(candidate(f"a{number:02}", stake, arms[name], **place))
    return found


places = st.integers(0, 4)


@given(batch=batches(), budget=places, cap=places, taken=places)
def test_whatever_waits_each_alert_has_one_decision_and_no_bound_is_passed(
    batch: list[Candidate], budget: int, cap: int, taken: int
) -> None:
    rules = shop(budget, cap)
    choices = chosen(batch, rules, {"slipping": TODAY._replace(taken=taken)}, NOW_MS)
    by_id = {each.alert_id: each for each in batch}
    assert sorted(each.alert_id for each in choices) == sorted(by_id)
    told = [by_id[each.alert_id] for each in choices if each.decision in TOLD_OF]
    if budget:
        assert sum(each.rule == "slipping" for each in told) <= max(0, budget - taken)
    if cap:
        for name, times in Counter(each.customer_id for each in told).items():
            before = next(each for each in told if each.customer_id == name).contact.told_ms
            assert len(before) + times <= cap
    for each in choices:
        arm, refused = by_id[each.alert_id].arm, bool(each.why)
        assert (each.decision is Decision.BLOCKED) is refused
        assert each.decision is not Decision.SENT or arm is Arm.TREATED
        assert each.decision is not Decision.HELD_OUT or arm is Arm.HELD_OUT
        assert by_id[each.alert_id].contact is not LISTED or refused


@given(batch=batches(), budget=places, cap=places)
def test_nobody_is_left_out_for_somebody_of_whom_less_is_at_stake(
    batch: list[Candidate], budget: int, cap: int
) -> None:
    by_id = {each.alert_id: each for each in batch}
    choices = chosen(batch, shop(budget, cap), {}, NOW_MS)
    mine = [each for each in choices if by_id[each.alert_id].rule == "slipping"]
    told = [by_id[each.alert_id].at_stake_minor for each in mine if each.decision in TOLD_OF]
    over = [
        by_id[each.alert_id].at_stake_minor
        for each in mine
        if each.decision is Decision.OVER_BUDGET
    ]
    if over:
        assert len(told) == budget
        assert min(told) >= max(over)


@given(batch=batches(), budget=places, cap=places, seed=st.integers(0, 10**6))
def test_the_order_in_which_alerts_come_decides_nothing(
    batch: list[Candidate], budget: int, cap: int, seed: int
) -> None:
    shuffled = Random(seed).sample(batch, len(batch))
    rules = shop(budget, cap)
    assert chosen(shuffled, rules, {}, NOW_MS) == chosen(batch, rules, {}, NOW_MS)


@given(batch=batches(), budget=places, cap=places)
def test_the_two_arms_are_alike_in_everything_but_the_sending(
    batch: list[Candidate], budget: int, cap: int
) -> None:
    """Had everybody been in the other arm, the same alerts would have had places."""
    rules = shop(budget, cap)
    other = {Arm.TREATED: Arm.HELD_OUT, Arm.HELD_OUT: Arm.TREATED}
    swapped = [each._replace(arm=other[each.arm]) for each in batch]
    one, two = (chosen(each, rules, {}, NOW_MS) for each in (batch, swapped))
    assert [(each.decision in TOLD_OF, each.why) for each in one] == [
        (each.decision in TOLD_OF, each.why) for each in two
    ]
