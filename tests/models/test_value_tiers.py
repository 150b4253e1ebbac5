"""Value tiers: who is in which, what is counted and learned for them, and when time alone moves one.

Amounts are US cents, cuts in a policy dollars. Of ten customers who spent 100, 200 … 1,000 dollars
the two highest are `better`, the next three `good`.
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from models.alerts import changes_in
from models.customer import CustomerState
from models.movement import Movement
from models.policy import Policy, policy_from_preset
from models.population import (
    Population,
    learned,
)
from models.segments import places_of, segments_of
from models.sketch import Sketch, bin_of, merged
from models.step import instruct, populate
from models.value_tiers import GRID, MEASURES, Spread, slot_of, spreads_of
from tests.support.histories import thoroughly
from tests.support.story import (
    CUSTOMER,
    GROCERY,
    Told,
    erasure,
    midnight,
    noon,
    profile,
    purchase,
    refund,
    tell,
    tick,
)

DAY_0 = 738_886
SHARES = [{"name": "better", "share": 0.2}, {"name": "good", "share": 0.3}, {"name": "worse"}]
CUTS = [{"name": "gold", "from": 800}, {"name": "silver", "from": 200.5}, {"name": "bronze"}]
SPEND, SPEND_30 = MEASURES["spend", 0], MEASURES["spend", 30]
LIFETIME = MEASURES["lifetime_value", 0]


def with_schemes(**schemes: dict[str, object]) -> Policy:
    return policy_from_preset("grocery", value=schemes)


BY_SHARE = with_schemes(spend={})
BY_SHARE_30 = with_schemes(month={"window_days": 30, "tiers": SHARES})
BY_CUT = with_schemes(plan={"tiers": CUTS})
BY_CUT_30 = with_schemes(plan={"tiers": CUTS, "window_days": 30})
HUNDREDS = [10_000 * n for n in range(1, 11)]


def crowd(amounts: Sequence[int], policy: Policy = BY_SHARE) -> list[CustomerState]:
    """Customers who bought once on day 0, for so much each."""
    return [tell(purchase("p", noon(0), each), policy=policy).customer for each in amounts]


def counted(states: Sequence[CustomerState]) -> Sketch:
    sketch = Sketch()
    for number, state in enumerate(states):
        sketch.renew(f"c{number}", None, state.contribution)
    return sketch


def taught_by(states: Sequence[CustomerState]) -> Population:
    return learned(counted(states), 1, DAY_0 + 7)


def tiers_of(
    states: Sequence[CustomerState], population: Population | None, policy: Policy = BY_SHARE
) -> list[str | None]:
    assert population is not None
    measured = (populate(CUSTOMER, each, noon(7), policy, population)[0] for each in states)
    return [each.groups.get("value.spend") for each in measured]


def moves(told: Told) -> list[tuple[str, object, object, str, int]]:
    """Each change of tier: scheme, from, to, why, when (event time)."""
    return [
        (each.scheme, each.before, each.after, each.cause.why.value, each.cause.at_ms)
        for each in told.effects
        if each.type == "value_tier.changed" and each.scheme
    ]


def edges_at(value: int) -> tuple[int, ...]:
    """Everybody is worth less than a value, but for the upper half, who are worth twice as much."""
    return tuple(value - 1 if place <= 5_000 else 2 * value for place in GRID)


def with_edges(value: int, measure: str = SPEND) -> Population:
    return taught_by(crowd([100], GROCERY))._replace(values=(Spread(measure, 9, edges_at(value)),))


def test_customers_are_cut_at_shares_of_all_of_them() -> None:
    states = crowd(HUNDREDS)
    assert tiers_of(states, taught_by(states)) == [*["worse"] * 5, *["good"] * 3, *["better"] * 2]


def test_shares_and_names_are_applied_on_read() -> None:
    states = crowd(HUNDREDS)
    tiers = [{"name": "top", "share": 0.1}, {"name": "rest"}]
    others = with_schemes(spend={"tiers": tiers})
    assert tiers_of(states, taught_by(states), others) == [*["rest"] * 9, "top"]


def test_before_its_measure_was_learned_a_scheme_puts_nobody_in_a_tier() -> None:
    states = crowd(HUNDREDS)
    without = taught_by(crowd(HUNDREDS, BY_SHARE_30))
    assert [each.measure for each in without.values] == [SPEND_30]
    assert tiers_of(states, without) == [None] * 10
    assert [dict(each.groups) for each in states] == [{}] * 10


def test_whoever_is_worth_as_much_as_another_is_in_the_same_tier_and_nothing_is_never_better() -> (
    None
):
    alike = crowd([5_000] * 10)
    assert tiers_of(alike, taught_by(alike)) == ["worse"] * 10
    mostly_nothing = crowd([*[0] * 9, 5_000])
    assert tiers_of(mostly_nothing, taught_by(mostly_nothing)) == [*["worse"] * 9, "better"]


def test_money_given_back_beyond_what_was_spent_counts_as_nothing() -> None:
    told = tell(purchase("p", noon(0)), refund("r", noon(1), 5_000, order="x"), policy=BY_SHARE)
    assert told.customer.contribution is not None
    assert told.customer.contribution.values == (f"v{SPEND}:0",)


@thoroughly
@given(st.lists(st.integers(0, 9) | st.integers(0, 10**7), min_size=1, max_size=60))
def test_a_tier_and_those_above_it_hold_their_share_at_most_and_ties_are_all_that_is_missing(
    amounts: list[int],
) -> None:
    (spread,) = spreads_of(_counts(amounts))
    assert spread.customers == len(amounts)
    for share in (0.01, 0.2, 0.5, 0.995, 0.0005):
        edge = spread.edges[GRID.index(round(10_000 * (1 - share)))]
        above = sum(each > edge for each in amounts)
        ties = sum(bin_of(each) == bin_of(edge) for each in amounts)
        assert above <= share * len(amounts) + 1e-9
        assert above + ties > share * len(amounts) - 1e-9


def _counts(amounts: Sequence[int]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for each in amounts:
        counts[slot_of(SPEND, each)] = counts.get(slot_of(SPEND, each), 0) + 1
    return counts


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=30), st.integers(1, 29))
def test_partitions_together_give_the_cuts_that_one_would(amounts: list[int], cut: int) -> None:
    parts = [counted(crowd(part)) for part in (amounts[:cut], amounts[cut:])]
    together = learned(merged(parts), 1, DAY_0 + 7)
    assert together == taught_by(crowd(amounts))


def test_a_share_between_two_places_of_the_grid_gives_the_smaller_tier() -> None:
    states = crowd([100 * n for n in range(1, 201)])
    tiers = [{"name": "top", "share": 0.0174}, {"name": "rest"}]
    found = tiers_of(states, taught_by(states), with_schemes(spend={"tiers": tiers}))
    assert found.count("top") <= 3  # 1.5 per cent; the bins are as wide as two of them


def test_taking_out_and_renewing_leave_no_trace() -> None:
    sketch, empty = counted(crowd(HUNDREDS)), counted(crowd(HUNDREDS)).counts
    one, other = (each.contribution for each in crowd([777, 888_888]))
    placed = sketch.renew("x", None, one)
    assert sketch.counts[slot_of(SPEND, 777)] == 1
    placed = sketch.renew("x", placed, other)
    assert slot_of(SPEND, 777) not in sketch.counts
    sketch.renew("x", placed, None)
    assert sketch.counts == empty


def test_two_schemes_of_one_measure_share_what_is_counted_and_cuts_are_not_counted() -> None:
    two = with_schemes(
        one={}, two={"tiers": [{"name": "top", "share": 0.5}, {"name": "x"}]}, plan={"tiers": CUTS}
    )
    (state,) = crowd([500], two)
    assert state.contribution is not None
    assert state.contribution.values == (slot_of(SPEND, 500),)
    assert crowd([500], GROCERY)[0].contribution == state.contribution._replace(values=())


def test_fixed_cuts_hold_with_the_first_purchase_before_any_population() -> None:
    told = tell(
        purchase("p1", noon(0), 20_049),
        purchase("p2", noon(1), 1),
        purchase("p3", noon(2), 59_950, order="o"),
        refund("r", noon(3), 1, order="o"),
        policy=BY_CUT,
    )
    assert moves(told) == [
        ("value.plan", None, "bronze", "purchase", noon(0)),
        ("value.plan", "bronze", "silver", "purchase", noon(1)),
        ("value.plan", "silver", "gold", "purchase", noon(2)),
        ("value.plan", "gold", "silver", "refund", noon(3)),
    ]
    assert told.customer.groups == {"value.plan": "silver"}
    assert "value.plan/silver" in segments_of(told.customer)
    assert told.customer.regroup_ms is None


def test_whoever_has_bought_nothing_is_in_no_tier() -> None:
    assert tell(profile("x", noon(0)), policy=BY_CUT).customer.groups == {}
    bought = purchase("p", noon(0), order="o")
    told = tell(bought, refund("r", noon(1), order="o"), policy=BY_CUT)
    assert moves(told)[-1] == ("value.plan", "bronze", None, "refund", noon(1))
    gone = tell(bought, erasure("e", noon(1)), policy=BY_CUT)
    assert gone.state is None


def test_a_population_adds_its_groups_and_leaves_the_fixed_cuts() -> None:
    (state,) = crowd([30_000], BY_CUT)
    after, effects = populate(CUSTOMER, state, noon(7), BY_CUT, with_edges(1))
    assert list(after.groups.items())[-1] == ("value.plan", "silver")
    assert [each.scheme for each in changes_in(effects)] == ["quintile"]


def test_what_leaves_a_window_moves_a_customer_at_that_midnight() -> None:
    bought = purchase("p1", noon(0), 60_000), purchase("p2", noon(10), 30_000)
    told = tell(*bought, tick(noon(10)), policy=BY_CUT_30)
    assert told.customer.groups == {"value.plan": "gold"}
    assert told.customer.regroup_ms == midnight(30)
    before = tell(tick(midnight(30) - 1), policy=BY_CUT_30, state=told.state)
    assert moves(before) == []
    later = tell(tick(noon(90)), policy=BY_CUT_30, state=told.state)
    assert moves(later) == [
        ("value.plan", "gold", "silver", "time", midnight(30)),
        ("value.plan", "silver", "bronze", "time", midnight(40)),
    ]
    assert later.customer.regroup_ms is None
    changed = [each for each in later.effects if each.type == "value_tier.changed"]
    assert [each.since_ms for each in changed] == [midnight(30), midnight(40)]


def test_a_refund_that_leaves_a_window_moves_a_customer_up() -> None:
    told = tell(
        refund("r", noon(0), 70_000, order="elsewhere"),
        purchase("p", noon(5), 90_000),
        tick(noon(80)),
        policy=BY_CUT_30,
    )
    assert moves(told) == [
        ("value.plan", None, "bronze", "purchase", noon(5)),
        ("value.plan", "bronze", "gold", "time", midnight(30)),
        ("value.plan", "gold", "bronze", "time", midnight(35)),
    ]


def test_after_eight_days_that_change_nothing_it_is_looked_again() -> None:
    refunded = refund("r", noon(0), 1, order="elsewhere")
    often = [purchase(f"p{day}", noon(day), 10_000) for day in range(1, 20)]
    told = tell(refunded, *often, policy=BY_CUT_30)
    assert told.customer.regroup_ms == midnight(37)
    later = tell(tick(noon(90)), policy=BY_CUT_30, state=told.state)
    assert [each[-1] for each in moves(later)] == [midnight(42), midnight(47)]


@thoroughly
@given(
    st.lists(st.tuples(st.integers(0, 70), st.sampled_from((100, 30_000, -40_000))), min_size=1),
    st.sampled_from((BY_CUT_30, BY_SHARE_30)),
)
def test_between_now_and_the_next_look_no_day_changes_a_tier(
    told_of: list[tuple[int, int]], policy: Policy
) -> None:
    events = [
        purchase(f"e{n}", noon(day), amount)
        if amount > 0
        else refund(f"e{n}", noon(day), -amount, order="x")
        for n, (day, amount) in enumerate(sorted(told_of))
    ]
    population = with_edges(20_000, SPEND_30)
    told = tell(*events, policy=policy, population=population)
    regroup_ms = told.customer.regroup_ms
    for day in range(71, 140):
        if regroup_ms is not None and midnight(day) >= regroup_ms:
            break
        same, effects = populate(CUSTOMER, told.customer, midnight(day), policy, population)
        assert [each for each in changes_in(effects) if each.type == "value_tier.changed"] == []
        assert {**same.groups, "quintile": ""} == {**told.customer.groups, "quintile": ""}
    daily = tell(*events, *(tick(noon(day)) for day in range(70, 140)), policy=policy,
                 population=population)  # fmt: skip
    at_once = tell(*events, tick(noon(139)), policy=policy, population=population)
    assert (daily.state, daily.effects) == (at_once.state, at_once.effects)


def test_a_share_is_left_only_clearly_below_its_edge() -> None:
    (state,) = crowd([10_000])
    better, _ = populate(CUSTOMER, state, noon(7), BY_SHARE, with_edges(5_000))
    assert better.groups["value.spend"] == "good"
    for edge, tier in ((12_500, "good"), (12_501, "worse")):
        held, _ = populate(CUSTOMER, better, noon(7), BY_SHARE, with_edges(edge))
        fresh, _ = populate(CUSTOMER, state, noon(7), BY_SHARE, with_edges(edge))
        assert held.groups["value.spend"] == tier
        assert fresh.groups["value.spend"] == "worse"


def test_a_window_that_rolls_on_respects_the_inertia() -> None:
    bought = purchase("p1", noon(0), 2_000), purchase("p2", noon(5), 8_500)
    told = tell(*bought, policy=BY_SHARE_30, population=with_edges(10_000, SPEND_30))
    assert told.customer.groups["value.month"] == "good"
    rolled = tell(
        tick(noon(60)),
        policy=BY_SHARE_30,
        state=told.state,
        population=with_edges(10_000, SPEND_30),
    )
    assert moves(rolled) == [("value.month", "good", "worse", "time", midnight(35))]


def test_a_new_population_renews_what_a_window_has_rolled_over_and_no_micro_cluster() -> None:
    (state,) = crowd([10_000], BY_SHARE_30)
    sketch = Sketch()
    state = state._replace(contribution=sketch.renew("c", None, state.contribution))
    groups = sketch.micro.groups
    sketch.take_changes()
    walked, _ = populate(CUSTOMER, state, noon(40), BY_SHARE_30, with_edges(1, SPEND_30))
    old, new = state.contribution, walked.contribution
    assert old is not None
    assert new is not None
    assert (old.values, new.values) == ((slot_of(SPEND_30, 10_000),), (slot_of(SPEND_30, 0),))
    assert sketch.renew("c", old, new) == new._replace(slot=old.slot)
    assert sketch.micro.groups == groups
    assert not {slot[0] for slot in sketch.take_changes()} & {"k", "a", "q"}


def test_who_was_counted_today_already_is_renewed_at_midnight() -> None:
    (state,) = crowd([10_000], GROCERY)
    told, _ = instruct(CUSTOMER, state, 2, noon(0), BY_SHARE, None)
    assert (told.contribution, told.renew_ms) == (state.contribution, midnight(1))
    assert instruct(CUSTOMER, told, 2, noon(0), BY_SHARE, None) == (told, ())
    later = tell(tick(midnight(1)), state=told, policy=BY_SHARE).customer
    assert later.contribution is not None
    assert later.contribution.values == (slot_of(SPEND, 10_000),)
    without, _ = instruct(CUSTOMER, later, 3, noon(3), GROCERY, None)
    assert without.contribution is not None
    assert without.contribution.values == ()


def test_who_has_bought_more_since_waits_for_the_midnight_and_not_for_a_walk() -> None:
    twice = purchase("p1", noon(0), 10_000), purchase("p2", noon(0), 20_000)
    told = tell(*twice, policy=BY_SHARE).customer
    walked, _ = populate(CUSTOMER, told, noon(3), BY_SHARE, with_edges(1))
    assert (walked.contribution, walked.renew_ms) == (told.contribution, midnight(1))


def test_each_scheme_has_effects_and_movement_of_its_own() -> None:
    two = with_schemes(plan={"tiers": CUTS}, other={"tiers": CUTS})
    told = tell(purchase("p", noon(0), 90_000), policy=two)
    assert [(each[0], each[2]) for each in moves(told)] == [
        ("value.plan", "gold"),
        ("value.other", "gold"),
    ]
    assert len(set(told.ids)) == len(told.ids)
    movement = Movement()
    after = places_of(told.customer.standing, told.customer.groups)
    movement.follow({}, told.effects, after, 9, lambda _: 9)
    assert {name for name in movement.days[9].entered if name.startswith("value.")} == {
        "value.plan/gold",
        "value.other/gold",
    }
    assert not any(name.startswith("tier") for name in movement.days[9].entered)


def test_an_expiry_is_counted_on_its_own_day() -> None:
    told = tell(purchase("p", noon(0), 90_000), policy=BY_CUT_30)
    later = tell(tick(noon(40)), policy=BY_CUT_30, state=told.state)
    before, after = (places_of(each.customer.standing, each.customer.groups)
                     for each in (told, later))  # fmt: skip
    movement = Movement()
    movement.follow(
        before, later.effects, after, 40, lambda at_ms: (at_ms - midnight(0)) // 86_400_000
    )
    assert movement.days[30].left["value.plan/gold"] == 1
