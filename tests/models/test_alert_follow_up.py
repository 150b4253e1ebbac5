"""What becomes of an alert: a purchase makes it void, its horizon ends, its customer gets another id.

The shop and its days are those of `test_alerting.py`. The alert of most stories comes on day 9 and is
followed up for 25 days: the first day that no longer counts is day 34.
"""

from __future__ import annotations

from typing import Any

import pytest

from models.alert_memory import MAX_OPEN, NO_ALERTS
from models.alerts import AlertEffect, ClearAlert, RaiseAlert, ResolveAlert, alerts_in
from models.codec import decode_state, encode_state
from models.customer import CustomerState
from models.policy import Policy, policy_from_preset
from models.population import Population
from models.step import advance, instruct
from tests.models.alert_shops import (
    DAY_0,
    DORMANT,
    OVERDUE,
    SHOP,
    SLIPPING,
    WON_BACK,
    after_midnight,
    alerts_of,
    cleared,
    even_after,
    policy,
    raised,
    resolved,
    the_alert,
)
from tests.support.story import (
    CUSTOMER,
    DAY_MS,
    HOUR_MS,
    Told,
    erasure,
    midnight,
    noon,
    purchase,
    refund,
    tell,
    tick,
)
from tests.support.town import A, B, Town, merge, of

AT_RISK = policy({"slipping": {**SLIPPING, "cool_down_days": 365}})
ONCE = purchase("p0", noon(0))
END_MS = after_midnight(34)
YEAR_LATER = tick(noon(365))


def live(*arrivals: Any, rules: Policy = AT_RISK, population: Population | None = SHOP) -> Told:
    return tell(*arrivals, policy=rules, population=population)


def clears(told: Told) -> list[tuple[str, str, int]]:
    """Why, by what kind of cause, and when (event time)."""
    return [(each.why.value, each.cause.why.value, each.cause.at_ms) for each in cleared(told)]


def outcomes(told: Told) -> list[tuple[int, int | None, int, int]]:
    """When (event time), the day of return since day 0, purchase days, spent."""
    return [
        (e.at_ms, None if e.returned_day is None else e.returned_day - DAY_0, *e[5:7])
        for e in resolved(told)
    ]


def test_a_purchase_ends_the_silence_and_makes_the_alert_void_once() -> None:
    told = live(ONCE, tick(noon(10)), purchase("p1", noon(12)), purchase("p2", noon(13)))
    assert clears(told) == [("purchase", "purchase", noon(12))]
    (clear,) = cleared(told)
    assert (clear.rule, clear.alert_id) == ("slipping", the_alert(told).alert_id)


@pytest.mark.parametrize("bought_ms", [noon(8), midnight(9), after_midnight(9) - 1])
def test_a_late_purchase_that_proves_the_silence_false_makes_it_void_too(bought_ms: int) -> None:
    told = live(ONCE, tick(noon(12)), purchase("late", bought_ms), YEAR_LATER)
    assert clears(told) == [("late_purchase", "purchase", bought_ms)]


def test_a_late_purchase_from_before_the_silence_does_not() -> None:
    told = live(purchase("p1", noon(2)), tick(noon(13)), purchase("late", noon(1)), tick(noon(20)))
    assert the_alert(told).day == DAY_0 + 11
    assert clears(told) == []


def test_a_purchase_that_was_given_back_at_once_has_made_it_void_all_the_same() -> None:
    bought = purchase("p1", noon(12), order="o"), refund("r", noon(13), order="o")
    told = live(ONCE, tick(noon(10)), *bought, YEAR_LATER)
    assert clears(told) == [("purchase", "purchase", noon(12))]
    assert outcomes(told) == [(END_MS, None, 0, 0)]


def test_every_alert_of_a_silence_is_void_and_those_of_events_stay() -> None:
    rules = policy({"slipping": SLIPPING, "overdue": OVERDUE, "dormant": DORMANT, "back": WON_BACK})
    story = ONCE, tick(noon(30)), purchase("p1", noon(33)), purchase("p2", noon(34))
    told = live(*story, rules=rules)
    assert [each.rule for each in alerts_of(told)] == ["slipping", "overdue", "dormant", "back"]
    assert [each.rule for each in cleared(told)] == ["slipping", "overdue", "dormant"]


def test_an_alert_resolves_when_its_horizon_has_ended_and_what_came_late_has_come() -> None:
    told = live(ONCE, tick(END_MS - 1))
    assert resolved(told) == []
    after = tell(tick(END_MS), state=told.state, policy=AT_RISK, population=SHOP)
    assert outcomes(after) == [(END_MS, None, 0, 0)]
    assert resolved(after)[0].alert_id == the_alert(told).alert_id
    assert after.customer.alerts.open == ()


def test_who_came_back_is_followed_up_to_the_end() -> None:
    back = [purchase(f"p{day}", noon(day), 100 * day) for day in (12, 13, 33)]
    again = purchase("p13b", noon(13) + HOUR_MS, 1)
    told = live(ONCE, *back, again, YEAR_LATER)
    assert outcomes(told) == [(END_MS, 12, 3, 1_200 + 1_300 + 3_300 + 1)]


def test_purchases_before_the_alert_and_after_the_horizon_do_not_count() -> None:
    early = [purchase(f"e{day}", noon(day), 700) for day in (-20, -10, -3)]
    told = live(*early, ONCE, purchase("p1", noon(34)), YEAR_LATER, rules=policy({"r": OVERDUE}))
    alert, outcome = alerts_of(told)[0], outcomes(told)[0]
    assert alert.day == DAY_0 + 14  # 2 cycles of (2 × 6.3 + 20) ÷ 5 days; a horizon of 4 of them
    assert outcome == (after_midnight(14 + 26), 34, 1, 1_000)
    late = live(ONCE, purchase("p1", noon(34)), YEAR_LATER)
    assert outcomes(late)[0] == (END_MS, None, 0, 0)


def test_a_purchase_later_on_the_day_of_the_alert_is_a_return() -> None:
    told = live(ONCE, purchase("p1", noon(9)), YEAR_LATER)
    assert outcomes(told) == [(END_MS, 9, 1, 1_000)]


def test_the_purchase_that_an_alert_of_an_event_tells_of_is_not_a_return() -> None:
    story = (
        ONCE,
        purchase("p1", noon(40)),
        purchase("p2", noon(40) + HOUR_MS),
        purchase("p3", noon(44)),
    )
    told = live(*story, YEAR_LATER, rules=policy({"back": WON_BACK}))
    assert the_alert(told).horizon_days == 56
    assert outcomes(told) == [(after_midnight(97), 44, 1, 1_000)]


def test_money_given_back_within_the_horizon_counts_less() -> None:
    told = live(
        *(
            ONCE,
            purchase("p1", noon(12), 5_000, order="o"),
            refund("r", noon(20), 1_500, order="o"),
        ),
        *(refund("r2", noon(22), 40, order="unknown"), refund("r3", noon(40), 9, order="unknown")),
        YEAR_LATER,
    )
    assert outcomes(told) == [(END_MS, 12, 1, 3_460)]


def test_a_late_purchase_counts_until_the_end() -> None:
    told = live(ONCE, tick(noon(20)), purchase("late", noon(15)), tick(noon(33)), YEAR_LATER)
    assert outcomes(told) == [(END_MS, 15, 1, 1_000)]
    too_late = live(ONCE, tick(END_MS), purchase("late", noon(33)), YEAR_LATER)
    assert outcomes(too_late) == [(END_MS, None, 0, 0)]


def test_a_horizon_of_more_than_a_year_is_followed_for_a_year() -> None:
    """So long the daybook tells days apart."""
    auto = policy_from_preset(
        "auto",
        rfm={"published": []},
        outlook={"horizon_days": 500},
        time={"remembered_days": 1},
        alerts={"rules": {"r": {**SLIPPING, "horizon": "common", "cool_down_days": 700}}},
    )
    population = SHOP._replace(risk=SHOP.risk._replace(common=even_after(9)))
    days = (-35, -30, 0, 20, 40, 380, 430, 469)
    story = [purchase(f"p{day}", noon(day)) for day in days]
    told = live(*story, tick(noon(490)), rules=auto, population=population)
    assert the_alert(told).day == DAY_0 - 21
    assert (the_alert(told).horizon_days, the_alert(told).followed_days) == (500, 365)
    assert outcomes(told) == [(after_midnight(344), 0, 3, 3_000)]


def test_no_more_alerts_are_followed_up_than_can_be_remembered() -> None:
    segments = {f"s{count}": f"purchases >= {count % 2 + 1}" for count in range(30)}
    rules = {
        f"r{count:02}": {"on": "segment.entered", "segment": f"s{count}"} for count in range(30)
    }
    told = live(ONCE, purchase("p1", noon(1)), tick(noon(9)), rules=policy(rules, segments))
    assert len(alerts_of(told)) == len(told.customer.alerts.open) == MAX_OPEN == 24


def test_a_rule_that_was_removed_raises_no_more_but_its_alerts_are_followed_up() -> None:
    rules = policy({"r": SLIPPING, "next": {**SLIPPING, "level": 0.75}})
    before = live(ONCE, tick(noon(10)), rules=rules).customer
    bare = policy()
    state, effects = instruct(CUSTOMER, before, 2, noon(10), bare, SHOP)
    assert alerts_in(effects) == ()
    later = tell(purchase("p1", noon(20)), YEAR_LATER, state=state, policy=bare, population=SHOP)
    assert clears(later) == [("purchase", "purchase", noon(20))]
    assert outcomes(later) == [(END_MS, 20, 1, 1_000)]
    assert alerts_of(later) == []
    assert later.customer.alerts == NO_ALERTS


def test_a_rule_that_is_taken_out_and_put_back_tells_no_second_time_of_a_silence() -> None:
    rules, state = policy({"r": SLIPPING}), live(ONCE, tick(noon(10))).customer
    told: list[AlertEffect] = []
    for number, each in enumerate((rules, policy(), rules, policy(), rules), 2):
        state, effects = instruct(CUSTOMER, state, number, noon(10), each, SHOP)
        told += alerts_in(effects)
    assert [type(each) for each in told] == [RaiseAlert]


def test_who_is_erased_is_followed_up_no_more() -> None:
    told = live(
        ONCE, tick(noon(10)), erasure("x", noon(11)), purchase("p1", noon(12)), tick(noon(15))
    )
    assert told.customer.alerts.open == ()
    assert [type(each) for each in told.alerts] == [RaiseAlert]
    gone = live(ONCE, tick(noon(10)), erasure("x", noon(11)), YEAR_LATER)
    assert [type(each) for each in gone.alerts] == [RaiseAlert]
    assert gone.state is None


OF_BOTH = policy({"overdue": OVERDUE}, time={"remembered_days": 60})


def merged_town(*reads: Any) -> tuple[Town, list[AlertEffect]]:
    town = Town(OF_BOTH).tell(*reads)
    return town, [alert for met in town.met for alert in alerts_in(met.effects)]


def later(state: CustomerState, until_ms: int) -> tuple[AlertEffect, ...]:
    return alerts_in(advance(B, state, until_ms, OF_BOTH, None)[1])


def test_after_a_merge_the_id_that_stays_is_followed_up() -> None:
    town, alerts = merged_town(
        of(A, purchase("p0", noon(0))),
        of(B, purchase("b0", noon(-1))),
        merge(A, B, noon(14)),  # A is overdue since day 13, B since day 12
        of(B, purchase("p1", noon(20), 4_000)),
    )
    told = [each for each in alerts if isinstance(each, RaiseAlert)]
    assert {each.customer_id for each in told} == {A, B}
    voided = [each for each in alerts if isinstance(each, ClearAlert)]
    assert {(each.customer_id, each.alert_id) for each in voided} == {(B, e.alert_id) for e in told}
    ends = [each for each in later(town.person(B), noon(60)) if isinstance(each, ResolveAlert)]
    assert [(each.customer_id, each.alert_id) for each in ends] == [
        (B, alert.alert_id) for alert in sorted(told, key=lambda each: each.cause.at_ms)
    ]
    assert {(each.returned_day, each.spent_minor) for each in ends} == {(DAY_0 + 20, 4_000)}


def test_what_the_other_id_has_bought_proves_the_silence_false() -> None:
    _, alerts = merged_town(
        of(A, purchase("p0", noon(0))), of(B, purchase("b0", noon(10))), merge(A, B, noon(14))
    )
    (raise_, clear) = alerts
    assert isinstance(raise_, RaiseAlert)
    assert isinstance(clear, ClearAlert)
    assert (clear.customer_id, clear.alert_id) == (B, raise_.alert_id)
    assert (clear.why.value, clear.cause.why.value) == ("late_purchase", "merged")


def test_two_ids_that_are_merged_cool_down_together() -> None:
    town, alerts = merged_town(
        of(A, purchase("p0", noon(0))), of(B, purchase("b0", noon(10))), merge(A, B, noon(14))
    )
    assert len(alerts) == 2
    silent = later(town.person(B), noon(200))  # since day 10: overdue on day 26, cool on day 43
    assert not [each for each in silent if isinstance(each, RaiseAlert)]


def test_the_clock_of_an_alert_is_event_time() -> None:
    told = live(ONCE, YEAR_LATER)
    assert the_alert(told).cause.at_ms == after_midnight(9)
    assert resolved(told)[0].at_ms - the_alert(told).cause.at_ms == 25 * DAY_MS


def test_changes_and_alerts_are_counted_together() -> None:
    rules = policy({"a": SLIPPING, "c": DORMANT, "e": WON_BACK})
    told = live(*(purchase(f"p{day}", noon(day)) for day in (0, 50, 150)), YEAR_LATER, rules=rules)
    assert [each.sequence for each in told.told] == list(range(1, len(told.told) + 1))
    assert told.customer.sequence == len(told.told)


def test_alerts_of_one_moment_are_told_in_the_same_order_by_whoever_goes_on() -> None:
    rules = policy({"b": SLIPPING, "c": SLIPPING, "a": SLIPPING})
    state = live(ONCE, rules=rules).customer
    told = live(ONCE, tick(noon(9)), rules=rules)
    kept = decode_state(encode_state(state))
    again = tell(tick(noon(9)), state=kept, policy=rules, population=SHOP)
    assert raised(again) == raised(told)
    assert len(raised(told)) == 3
