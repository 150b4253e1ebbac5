"""Groups follow purchases, silences, returns and populations; contributions are made day by day.

In the shop of these stories a customer with one purchase of ten dollars is `new`, after 10 silent
days `promising`, after 50 `almost_lost`, after 90 `dormant`.
"""

from __future__ import annotations

from models.customer import CustomerState
from models.policy import Policy, policy_from_preset
from models.population import Distribution, Population
from models.sketch import Contribution
from models.step import populate
from tests.support.story import (
    CUSTOMER,
    DAY_0_MS,
    DAY_MS,
    GROCERY,
    HOUR_MS,
    Told,
    erasure,
    midnight,
    noon,
    profile,
    purchase,
    refund,
    tell,
    tick,
    utc,
)

CHANGED, SORTED = "lifecycle.changed", "rfm.changed"
DAY_0 = 738_886  # ordinal
SHOP = Population(
    version=1,
    as_of_day=DAY_0,
    customers=100,
    since_day=DAY_0 - 90,
    closed_gaps=0,
    gap_days=0,
    recency=Distribution(33.4, (20, 60), (15, 30, 80), (10, 25, 50, 90)),
    frequency=Distribution(3.5, (2, 4), (1, 3, 5), (1, 2, 4, 8)),
    monetary=Distribution(
        9_000.0, (3_000, 8_000), (2_500, 5_000, 9_500), (2_000, 4_000, 6_000, 9_999)
    ),
)
# A week later everybody buys more often, and stays away for a shorter time.
BUSIER = SHOP._replace(
    version=2,
    as_of_day=DAY_0 + 7,
    recency=Distribution(3.0, (2, 4), (1, 3, 5), (1, 3, 5, 7)),
)
TWO_SCHEMES = policy_from_preset("grocery", rfm={"published": ["quintile", "klaviyo"]})


def moves(told: Told) -> list[tuple[object, object, str, int]]:
    """Each change of group: from, to, why and when (event time)."""
    return [
        (effect.before, effect.after, effect.cause.why.value, effect.cause.at_ms)
        for effect in told.effects
        if effect.type == SORTED
    ]


def test_before_the_first_population_nobody_is_in_a_group() -> None:
    told = tell(purchase("p1", noon(0)), tick(noon(400)))
    assert told.customer.groups == {}
    assert told.customer.regroup_ms is None
    assert SORTED not in {change[0] for change in told.changes}


def test_a_purchase_puts_a_customer_into_a_group() -> None:
    told = tell(purchase("p1", noon(0)), population=SHOP)
    assert told.changes == [(CHANGED, "purchase", noon(0)), (SORTED, "purchase", noon(0))]
    assert moves(told) == [(None, "new", "purchase", noon(0))]
    assert told.customer.groups == {"quintile": "new"}
    _, effect = told.effects
    assert (effect.scheme, effect.since_ms, effect.sequence) == ("quintile", noon(0), 2)


def test_purchases_move_a_customer_up_and_one_that_does_not_says_nothing() -> None:
    often = [purchase(f"p{day}", noon(day)) for day in range(10)]
    told = tell(*often, population=SHOP)
    assert moves(told) == [
        (None, "new", "purchase", noon(0)),
        ("new", "active", "purchase", noon(2)),  # three days, 30 dollars: scores 5, 3 and 2
        ("active", "champions", "purchase", noon(6)),  # seven days, 70 dollars: 5, 4 and 4
    ]


def test_silence_moves_a_customer_down_at_its_own_midnights_among_those_of_the_lifecycle() -> None:
    told = tell(purchase("p1", noon(0)), tick(noon(400)), population=SHOP)
    assert told.changes[2:] == [
        (SORTED, "silence", midnight(11)),
        (CHANGED, "silence", midnight(13)),
        (CHANGED, "silence", midnight(26)),
        (SORTED, "silence", midnight(51)),
        (CHANGED, "silence", midnight(64)),
        (SORTED, "silence", midnight(91)),
    ]
    assert moves(told)[1:] == [
        ("new", "promising", "silence", midnight(11)),
        ("promising", "almost_lost", "silence", midnight(51)),
        ("almost_lost", "dormant", "silence", midnight(91)),
    ]
    crossings = [effect for effect in told.effects if effect.type == SORTED][1:]
    assert [effect.since_ms for effect in crossings] == [midnight(11), midnight(51), midnight(91)]
    assert told.customer.next_deadline_ms is None


def test_a_crossing_is_due_at_midnight_and_not_a_millisecond_before() -> None:
    bought = tell(purchase("p1", noon(0)), population=SHOP)
    assert bought.customer.next_deadline_ms == bought.customer.regroup_ms == midnight(11)
    before = tell(tick(midnight(11) - 1), state=bought.state, population=SHOP)
    assert before.effects == ()
    after = tell(tick(midnight(11)), state=bought.state, population=SHOP)
    assert moves(after) == [("new", "promising", "silence", midnight(11))]


def test_midnights_are_the_shops() -> None:
    berlin = policy_from_preset("grocery", business={"timezone": "Europe/Berlin"})
    bought_ms = utc("2024-03-20 23:30")  # 00:30 on the 21st
    told = tell(purchase("p1", bought_ms), tick(noon(200)), policy=berlin, population=SHOP)
    assert moves(told)[1][3] == utc("2024-03-31 22:00")  # 1 April; since the 31st it is summer


def test_on_the_same_midnight_the_lifecycle_speaks_first() -> None:
    twelve = SHOP._replace(recency=SHOP.recency._replace(quintiles=(12, 25, 50, 90)))
    told = tell(purchase("p1", noon(0)), tick(noon(13)), population=twelve)
    assert told.changes[2:] == [
        (CHANGED, "silence", midnight(13)),
        (SORTED, "silence", midnight(13)),
    ]
    assert [effect.sequence for effect in told.effects] == [1, 2, 3, 4]


def test_a_full_return_of_the_only_purchase_leaves_no_group() -> None:
    told = tell(
        purchase("p1", noon(0), order="o1"), refund("r1", noon(2), order="o1"), population=SHOP
    )
    assert moves(told)[1:] == [("new", None, "refund", noon(2))]
    assert told.customer.groups == {}
    assert (told.customer.regroup_ms, told.customer.next_deadline_ms) == (None, None)


def test_money_given_back_moves_a_customer_down() -> None:
    big = purchase("p1", noon(0), 10_000, order="o1")
    told = tell(big, refund("r1", noon(2), 9_000, order="o1"), population=SHOP)
    assert moves(told) == [
        (None, "active", "purchase", noon(0)),
        ("active", "new", "refund", noon(2)),
    ]


def test_a_late_purchase_is_measured_as_of_the_clock() -> None:
    told = tell(purchase("p1", noon(0)), tick(noon(40)), purchase("p2", noon(35)), population=SHOP)
    assert moves(told)[1:] == [
        ("new", "promising", "silence", midnight(11)),
        ("promising", "new", "purchase", noon(35)),
    ]
    assert told.effects[-1].since_ms == noon(40)
    assert told.customer.regroup_ms == midnight(46)


def test_an_event_that_counts_for_nothing_leaves_the_groups_alone() -> None:
    bought = tell(purchase("p1", noon(0)), population=SHOP)
    told = tell(
        purchase("p1", noon(0)),
        purchase("p2", noon(1), currency="XXX"),
        profile("x", noon(1), tier="gold"),
        state=bought.state,
        population=SHOP,
    )
    assert told.effects == ()
    assert told.customer.groups == {"quintile": "new"}


def test_a_prospect_is_in_no_group() -> None:
    told = tell(profile("x", noon(0)), refund("r", noon(1), order="o"), population=SHOP)
    assert moves(told) == []
    assert told.customer.groups == {}


def test_who_is_erased_and_comes_back_is_put_into_a_group_anew() -> None:
    told = tell(
        purchase("p1", noon(0)), erasure("x", noon(1)), purchase("p2", noon(2)), population=SHOP
    )
    assert moves(told)[-1] == (None, "new", "purchase", noon(2))


def test_each_published_scheme_has_its_own_groups_and_effects() -> None:
    told = tell(purchase("p1", noon(0)), tick(noon(200)), policy=TWO_SCHEMES, population=SHOP)
    assert told.customer.groups == {"quintile": "dormant", "klaviyo": "at_risk"}
    both = [(effect.scheme, effect.after) for effect in told.effects if effect.scheme][:2]
    assert both == [("quintile", "new"), ("klaviyo", "recent")]
    (late,) = [effect for effect in told.effects if effect.scheme == "klaviyo"][1:]
    assert (late.before, late.after, late.cause.at_ms) == ("recent", "at_risk", midnight(181))
    assert len(set(told.ids)) == len(told.ids)


def populated(
    state: CustomerState, at_ms: int, population: Population, policy: Policy = GROCERY
) -> Told:
    state, effects = populate(CUSTOMER, state, at_ms, policy, population)
    return Told(state, effects, ())


def test_the_first_population_puts_those_who_bought_into_groups() -> None:
    bought = tell(purchase("p1", noon(0)), tick(noon(4)))
    told = populated(bought.customer, noon(4), SHOP)
    assert moves(told) == [(None, "new", "population_updated", noon(4))]
    assert told.customer.regroup_ms == midnight(11)
    prospect = tell(profile("x", noon(0))).customer
    assert populate(CUSTOMER, prospect, noon(4), GROCERY, SHOP) == (prospect, ())


def test_a_new_population_measures_anew_and_sets_other_crossings() -> None:
    bought = tell(purchase("p1", noon(0)), tick(noon(4)), population=SHOP)
    told = populated(bought.customer, noon(4), BUSIER)
    assert moves(told) == [("new", "promising", "population_updated", noon(4))]
    assert told.effects[0].sequence == bought.customer.sequence + 1
    later = tell(tick(noon(8)), state=told.state, population=BUSIER)
    assert moves(later) == [
        ("promising", "almost_lost", "silence", midnight(6)),
        ("almost_lost", "dormant", "silence", midnight(8)),
    ]


def test_a_new_population_that_leaves_everybody_where_they_are_says_nothing() -> None:
    bought = tell(purchase("p1", noon(0)), population=SHOP).customer
    told = populated(bought, noon(0), BUSIER)
    assert told.effects == ()
    assert told.customer == bought._replace(regroup_ms=midnight(2))


def test_to_populate_twice_is_to_populate_once() -> None:
    bought = tell(purchase("p1", noon(0)), tick(noon(4)), population=SHOP).customer
    once = populated(bought, noon(4), BUSIER).customer
    again, effects = populate(CUSTOMER, once, noon(4), GROCERY, BUSIER)
    assert again is once
    assert effects == ()


def test_a_scheme_that_is_no_longer_published_is_left() -> None:
    bought = tell(purchase("p1", noon(0)), policy=TWO_SCHEMES, population=SHOP).customer
    told = populated(bought, noon(0), SHOP._replace(version=2))
    assert moves(told) == [("recent", None, "population_updated", noon(0))]
    assert told.customer.groups == {"quintile": "new"}
    silent = policy_from_preset("grocery", rfm={"published": []})
    told = populated(told.customer, noon(0), SHOP._replace(version=3), silent)
    assert (told.customer.groups, told.customer.regroup_ms) == ({}, None)


def test_a_population_learned_later_moves_no_deadline_of_an_earlier_purchase() -> None:
    slow = SHOP._replace(version=2, closed_gaps=10_000, gap_days=250_000)  # 25 days, not 6.3
    bought = tell(purchase("p1", noon(0)), population=SHOP).customer
    told = populated(bought, noon(0), slow)
    assert told.customer.current == bought.current
    later = tell(tick(noon(70)), state=told.state, population=slow)
    assert [at for kind, _, at in later.changes if kind == CHANGED] == [
        *(midnight(13), midnight(26), midnight(64))
    ]
    again = tell(purchase("p2", noon(1)), state=told.state, population=slow).customer
    assert again.current.limits == (28, 56, 112)
    assert [each.prior_centidays for each in again.remembered] == [630, 2_446]


def test_a_late_purchase_retells_the_others_with_the_gap_that_was_typical_then() -> None:
    slow = SHOP._replace(version=2, closed_gaps=10_000, gap_days=250_000)
    silent = tell(purchase("p1", noon(0)), tick(noon(30)), population=SHOP)
    told = tell(tick(noon(30)), purchase("p0", noon(-3)), state=silent.state, population=slow)
    assert told.customer.current.limits == (10, 20, 52)  # still 6.3 days: (2 × 6.3 + 3) ÷ 3
    (correction,) = [effect for effect in told.effects if effect.type == CHANGED]
    published = [effect.effect_id for effect in silent.effects if effect.type == CHANGED]
    assert correction.retracts == tuple(published)


def contribution(state: CustomerState | None) -> tuple[int, int, int, int, int] | None:
    """Days since day 0 instead of ordinals: made, first, last; purchase days; spend."""
    assert state is not None
    if state.contribution is None:
        return None
    made, first, last, days, spend, *_ = state.contribution
    return made - DAY_0, first - DAY_0, last - DAY_0, days, spend


def test_the_first_change_of_a_day_counts_at_once_and_others_at_the_next_midnight() -> None:
    told = tell(purchase("p1", noon(0), 250))
    once_for_250 = (0, 1_841, 5_525, 0, 0, 0)  # ln 1, ln 6.3 days, ln 251 cents; nothing listed
    assert told.customer.contribution == Contribution(DAY_0, DAY_0, DAY_0, 1, 250, once_for_250)
    assert told.customer.renew_ms is None
    told = tell(purchase("p2", noon(0) + HOUR_MS, 750), state=told.state)
    assert contribution(told.state) == (0, 0, 0, 1, 250)
    assert told.customer.renew_ms == told.customer.next_deadline_ms == midnight(1)
    told = tell(tick(midnight(1)), state=told.state)
    assert contribution(told.state) == (1, 0, 0, 1, 1_000)
    assert told.customer.renew_ms is None
    told = tell(purchase("p3", noon(1)), state=told.state)
    assert contribution(told.state) == (1, 0, 0, 1, 1_000)
    assert contribution(tell(tick(noon(2)), state=told.state).state) == (2, 0, 1, 2, 2_000)
    assert told.effects == ()


def test_a_change_that_is_taken_back_on_the_same_day_renews_nothing() -> None:
    told = tell(
        purchase("p1", noon(0)),
        purchase("p2", noon(0), order="o2"),
        refund("r2", noon(0), order="o2"),
    )
    assert contribution(told.state) == (0, 0, 0, 1, 1_000)
    assert told.customer.renew_ms is None


def test_prospects_contribute_nothing_and_returns_take_out_what_was_contributed() -> None:
    assert (
        tell(profile("x", noon(0)), refund("r", noon(1), order="o")).customer.contribution is None
    )
    returned = purchase("p1", noon(0), order="o1"), refund("r1", noon(0), order="o1")
    told = tell(*returned)
    assert contribution(told.state) == (0, 0, 0, 1, 1_000)
    assert tell(tick(midnight(1)), state=told.state).customer.contribution is None
    told = tell(returned[0], refund("r1", noon(1), order="o1"))
    assert told.customer.contribution is None


def test_money_given_back_beyond_what_was_spent_counts_as_nothing_spent() -> None:
    told = tell(purchase("p1", noon(0)), refund("r", noon(1), 5_000, order="another"))
    assert contribution(told.state) == (1, 0, 0, 1, 0)


def test_a_late_purchase_counts_from_the_day_of_the_clock_on() -> None:
    told = tell(purchase("p2", noon(9)), tick(noon(20)), purchase("p1", noon(2)))
    assert contribution(told.state) == (20, 2, 9, 2, 2_000)


def test_the_day_of_a_contribution_is_the_shops() -> None:
    tokyo = policy_from_preset("grocery", business={"timezone": "Asia/Tokyo"})
    evening = DAY_0_MS + 16 * HOUR_MS  # 01:00 on the next day
    told = tell(purchase("p1", evening), purchase("p2", evening + HOUR_MS), policy=tokyo)
    assert contribution(told.state) == (1, 1, 1, 1, 1_000)
    assert told.customer.renew_ms == DAY_0_MS + DAY_MS + 15 * HOUR_MS
