"""Who is told of, when, and why not. What becomes of an alert: `test_alert_follow_up.py`.

In the shop of these stories a risk of one half is reached after 9 days of silence; after a first purchase
a customer is overdue after 12, dormant after 25, churned after 63: `alert_shops.py`.
"""

from __future__ import annotations

from typing import Any

import pytest

from models.alert_memory import NO_ALERTS
from models.outlook import outlook
from models.policy import policy_from_preset
from models.policy_alerts import Play
from models.population import Population
from models.step import instruct, populate
from tests.models.alert_shops import (
    CHURNED,
    DAY_0,
    DORMANT,
    LATER,
    OVERDUE,
    SHOP,
    SLIPPING,
    SOONER,
    WON_BACK,
    after_midnight,
    alerts_of,
    cleared,
    judged,
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
    midnight,
    noon,
    profile,
    purchase,
    refund,
    tell,
    tick,
    utc,
)

AT_RISK = policy({"slipping": SLIPPING})
AT_ONCE_AGAIN = policy({"slipping": {**SLIPPING, "cool_down_days": 0}})
ONCE = purchase("p0", noon(0))
YEAR_LATER = tick(noon(365))


def live(*arrivals: Any, rules: Any = AT_RISK, population: Population | None = SHOP) -> Told:
    return tell(*arrivals, policy=rules, population=population)


def test_a_risk_alert_comes_two_hours_past_the_midnight_of_the_first_day_at_the_level() -> None:
    bought = live(ONCE)
    assert bought.alerts == ()
    assert bought.customer.alerts.due_ms == after_midnight(9)
    before = tell(tick(after_midnight(9) - 1), state=bought.state, policy=AT_RISK, population=SHOP)
    assert before.alerts == ()
    told = tell(tick(after_midnight(9)), state=before.state, policy=AT_RISK, population=SHOP)
    assert raised(told) == [("slipping", "silence", after_midnight(9))]
    assert raised(live(ONCE, YEAR_LATER)) == raised(told)


def test_whoever_buys_in_time_is_not_told_of() -> None:
    for bought_ms in (noon(8), midnight(9), after_midnight(9) - 1):
        told = live(ONCE, purchase("p1", bought_ms), tick(noon(16)))
        assert told.alerts == ()


def test_an_event_that_the_clock_has_overtaken_is_told_in_its_place() -> None:
    told = live(tick(noon(12)), ONCE)
    assert raised(told) == [("slipping", "silence", after_midnight(9))]
    (alert,) = told.customer.alerts.open
    assert (alert.at_ms, alert.first_day) == (after_midnight(9), DAY_0 + 9)


def test_a_silence_is_told_of_once() -> None:
    assert len(alerts_of(live(ONCE, YEAR_LATER, rules=AT_ONCE_AGAIN))) == 1


def test_the_next_silence_is_told_of_too_if_the_rule_has_cooled_down() -> None:
    told = live(ONCE, purchase("p1", noon(31)), YEAR_LATER)
    assert raised(told) == [
        ("slipping", "silence", after_midnight(9)),
        ("slipping", "silence", after_midnight(40)),
    ]


def test_while_a_rule_cools_down_it_waits_and_tells_when_that_ends_of_a_silence_that_lasts() -> (
    None
):
    told = live(ONCE, purchase("p1", noon(10)), YEAR_LATER)  # reached again on day 19
    assert raised(told)[1:] == [("slipping", "silence", after_midnight(9) + 30 * DAY_MS)]
    back = live(ONCE, purchase("p1", noon(10)), purchase("p2", noon(35)), tick(noon(43)))
    assert len(alerts_of(back)) == 1


def test_a_silence_that_began_at_the_very_moment_of_an_alert_is_another_one() -> None:
    told = live(ONCE, purchase("p1", after_midnight(9)), YEAR_LATER, rules=AT_ONCE_AGAIN)
    assert [at_ms for _, _, at_ms in raised(told)] == [after_midnight(9), after_midnight(18)]


def test_a_silence_that_a_late_purchase_has_moved_is_told_of_when_it_is_long_enough() -> None:
    told = live(*(ONCE, tick(noon(12)), purchase("late", noon(8)), YEAR_LATER), rules=AT_ONCE_AGAIN)
    assert [at_ms for _, _, at_ms in raised(told)] == [after_midnight(9), after_midnight(17)]


@pytest.mark.parametrize(
    ("wait_hours", "at_ms"), [(0, midnight(9)), (30, midnight(10) + 6 * HOUR_MS)]
)
def test_how_long_past_midnight_is_the_policys(wait_hours: float, at_ms: int) -> None:
    told = live(ONCE, YEAR_LATER, rules=policy({"r": SLIPPING}, alerts={"wait_hours": wait_hours}))
    assert raised(told) == [("r", "silence", at_ms)]


def test_midnights_are_the_shops() -> None:
    berlin = policy({"r": SLIPPING}, business={"timezone": "Europe/Berlin"})
    told = live(
        purchase("p0", utc("2024-03-24 23:30")), YEAR_LATER, rules=berlin
    )  # 00:30 on the 25th
    assert raised(told) == [
        ("r", "silence", utc("2024-04-03 00:00"))
    ]  # 2:00, since the 31st summer


@pytest.mark.parametrize(
    ("first", "last", "level", "day"),
    [
        ("2024-01-08", "2024-01-09", 0.25, 7),  # lower from day 7 on
        ("01-08", "01-09", 0.25, 7),  # each year
        ("12-24", "01-08", 0.25, 7),  # over New Year
        ("2024-01-02", "2024-01-07", 0.25, 9),  # over before .25 is reached
        ("2024-01-10", "2024-01-13", 0.95, 13),  # higher until day 12
        ("2024-01-11", "2024-01-13", 0.95, 9),  # not yet
    ],
)
def test_a_period_of_the_calendar_has_its_own_level(
    first: str, last: str, level: float, day: int
) -> None:
    period = {"name": "sale", "from": first, "to": last, "levels": {"slipping": level}}
    told = live(ONCE, YEAR_LATER, rules=policy({"slipping": SLIPPING}, calendar=[period]))
    assert raised(told) == [("slipping", "silence", after_midnight(day))]


@pytest.mark.parametrize(("least", "days"), [(100, [9]), (500, [18]), (579, []), (580, [])])
def test_where_little_is_at_stake_risk_must_be_higher(least: float, days: list[int]) -> None:
    """A usual year of 579.37 dollars × .869 is the first above 500; so much is never all at stake."""
    told = live(ONCE, YEAR_LATER, rules=policy({"r": {**SLIPPING, "min_at_stake": least}}))
    assert [at_ms for _, _, at_ms in raised(told)] == [after_midnight(day) for day in days]
    assert all(each.prospects.at_stake_minor >= 100 * least for each in alerts_of(told))  # type: ignore[union-attr]


def test_of_whom_no_model_can_tell_no_risk_is_told() -> None:
    blind = SHOP._replace(risk=SHOP.risk._replace(own=None, own_source="bgnbd"))
    for population in (None, blind):
        assert live(ONCE, YEAR_LATER, population=population).alerts == ()
    common = policy({"r": {**SLIPPING, "horizon": "common"}})
    assert raised(live(ONCE, YEAR_LATER, rules=common, population=blind)) == [
        ("r", "silence", after_midnight(19))
    ]


def test_risk_is_told_of_the_new_and_the_active_unless_others_are_asked_for() -> None:
    late = {**SLIPPING, "level": 0.95}  # on day 37, when they are dormant
    assert live(ONCE, YEAR_LATER, rules=policy({"r": late})).alerts == ()
    dormant = policy({"r": {**late, "lifecycles": ["dormant"]}})
    assert raised(live(ONCE, YEAR_LATER, rules=dormant)) == [("r", "silence", after_midnight(37))]
    fewer = policy({"r": {**SLIPPING, "lifecycles": ["active"]}})
    assert live(ONCE, tick(noon(28)), rules=fewer).alerts == ()


def test_who_comes_into_the_tiers_of_a_rule_later_in_the_silence_is_told_of_then() -> None:
    """Worth 580 dollars × what is left of it: below 80 at the review of day 19, after three cycles."""
    low = policy({"r": {**SLIPPING, "tiers": ["low"]}})
    told = live(ONCE, YEAR_LATER, rules=low)
    assert [(each.rule, each.day - DAY_0) for each in alerts_of(told)] == [("r", 19)]
    assert the_alert(told).groups["tier"] == "low"
    high = policy({"r": {**SLIPPING, "tiers": ["high"]}})
    assert raised(live(ONCE, YEAR_LATER, rules=high)) == [("r", "silence", after_midnight(9))]


MEMBERS = {"gold": 'profile.card == "gold"', "shy": "spend < 1"}
OF_MEMBERS = {"segments": ["gold", "shy"]}


def test_who_comes_into_a_segment_of_a_rule_later_in_the_silence_is_told_of_then() -> None:
    rules = policy({"r": {**SLIPPING, **OF_MEMBERS}}, MEMBERS)
    early = live(profile("x", noon(-1), card="gold"), ONCE, YEAR_LATER, rules=rules)
    assert raised(early) == [("r", "silence", after_midnight(9))]
    later = live(ONCE, tick(noon(12)), profile("x", noon(14), card="gold"), rules=rules)
    assert raised(later) == [("r", "profile", noon(14))]
    assert the_alert(later).silence_days == 14
    assert live(ONCE, YEAR_LATER, rules=rules).alerts == ()


@pytest.mark.parametrize("rule", [OVERDUE, DORMANT, CHURNED])
def test_what_has_happened_to_somebody_whom_a_rule_was_not_about_is_not_told_later(
    rule: Any,
) -> None:
    rules = policy({"r": {**rule, **OF_MEMBERS}}, MEMBERS)
    told = live(ONCE, tick(noon(70)), profile("x", noon(71), card="gold"), YEAR_LATER, rules=rules)
    assert told.alerts == ()


@pytest.mark.parametrize(("rule", "day"), [(OVERDUE, 13), (DORMANT, 26), (CHURNED, 64)])
def test_a_silence_that_makes_overdue_dormant_or_churned_needs_no_model(
    rule: Any, day: int
) -> None:
    told = live(ONCE, YEAR_LATER, rules=policy({"r": rule}), population=None)
    assert raised(told) == [("r", "silence", after_midnight(day))]
    assert the_alert(told).prospects is None
    assert the_alert(told).silence_days == day


def test_who_becomes_dormant_and_then_churned_is_told_of_by_a_rule_for_each() -> None:
    told = live(ONCE, YEAR_LATER, rules=policy({"d": DORMANT, "c": CHURNED}))
    assert raised(told) == [
        ("d", "silence", after_midnight(26)),
        ("c", "silence", after_midnight(64)),
    ]


def test_an_overdue_rule_that_cools_down_when_the_day_comes_leaves_that_silence_out() -> None:
    rules = policy({"r": {**OVERDUE, "cool_down_days": 25}})
    told = live(ONCE, purchase("p1", noon(14)), YEAR_LATER, rules=rules)
    assert raised(told) == [("r", "silence", after_midnight(13))]
    overdue_and_dormant = ("lifecycle.changed", "silence")
    days = [at_ms for *what, at_ms in told.changes if tuple(what) == overdue_and_dormant]
    assert days[:3] == [midnight(13), midnight(32), midnight(50)]  # the rule is cool on day 38


def test_what_else_happens_on_a_midnight_has_happened_when_alerts_are_told() -> None:
    """On day 7 the tier is reviewed, the segment is left, and the level reached."""
    rule = {**SLIPPING, "level": 0.25, "segments": ["calm"]}
    rules = policy({"r": rule}, {"calm": "silence_days < 7"}, {"wait_hours": 0})
    assert live(ONCE, YEAR_LATER, rules=rules).alerts == ()


def test_who_is_won_back_is_told_of_with_the_purchase() -> None:
    rules = policy({"r": WON_BACK})
    told = live(ONCE, purchase("p1", noon(40)), YEAR_LATER, rules=rules)
    assert raised(told) == [("r", "purchase", noon(40))]
    alert = the_alert(told)
    assert (alert.day, alert.first_day, alert.silence_days) == (DAY_0 + 40, DAY_0 + 41, 0)
    cooling = [purchase(f"p{day}", noon(day)) for day in (40, 90, 150)]
    longer = policy({"r": {**WON_BACK, "cool_down_days": 90}})
    assert [at_ms for *_, at_ms in raised(live(ONCE, *cooling, rules=longer))] == [
        noon(40),
        noon(150),
    ]


def test_segments_are_told_of_when_somebody_enters_or_leaves_them() -> None:
    segments = {"spender": "spend_30d >= 20", "gold": 'profile.card == "gold"'}
    rules = policy(
        {
            "in": {"on": "segment.entered", "segment": "spender"},
            "out": {"on": "segment.exited", "segment": "spender"},
            "gold": {"on": "segment.entered", "segment": "gold", "lifecycles": ["new"]},
        },
        segments,
    )
    told = live(
        ONCE,
        purchase("p1", noon(1)),
        profile("x", noon(3), card="gold"),
        tick(noon(90)),
        rules=rules,
    )
    assert raised(told) == [
        ("in", "purchase", noon(1)),
        ("gold", "profile", noon(3)),
        ("out", "time", midnight(30)),
    ]
    assert [each.segment for each in alerts_of(told)] == ["spender", "gold", "spender"]
    assert [each.segments for each in alerts_of(told)] == [
        ("spender",),
        ("gold", "spender"),
        ("gold",),
    ]


@pytest.mark.parametrize(("horizon", "days", "score"), [("own", 25, 0.7), ("common", 28, 0.6)])
def test_an_alert_says_what_a_look_up_on_that_day_says(
    horizon: str, days: int, score: float
) -> None:
    rules = policy({"r": {**SLIPPING, "horizon": horizon}})
    told = live(ONCE, YEAR_LATER, rules=rules)
    alert = the_alert(told)
    seen = outlook(live(ONCE).customer.current, alert.day, rules, SHOP)
    assert seen is not None
    prospects = alert.prospects
    assert prospects is not None
    assert prospects.probability == (seen.own_risk if horizon == "own" else seen.risk)
    assert (prospects.source, alert.horizon_days) == ("model", days)
    assert prospects.usual_year_minor == seen.stake.usual_year_minor
    assert prospects.expected_day == seen.next_expected_day == DAY_0 + 6
    assert prospects.calibration == judged(DAY_0 + 7 * (days == 28), own=days == 25, auc=score)
    assert (
        prospects.reasons[0].english == f"usually buys every 6 days, silent for {alert.day - DAY_0}"
    )


def test_an_alert_says_who_it_is_about_and_what_is_to_be_done() -> None:
    rules = policy(
        {"r": {**SLIPPING, "playbook": "call"}},
        {"quiet": "silence_days > 5"},
        playbook={"call": {"action": "Call them", "owner": "Service"}},
    )
    alert = the_alert(live(ONCE, YEAR_LATER, rules=rules))
    assert (alert.rule, alert.kind, alert.customer_id) == ("r", "churn.risk_raised", CUSTOMER)
    assert (alert.day, alert.first_day, alert.silence_days) == (DAY_0 + 9, DAY_0 + 9, 9)
    assert alert.churned_day == DAY_0 + 64
    assert (alert.standing.lifecycle.value, alert.groups) == ("new", {"tier": "high"})
    assert (alert.segments, alert.segment, alert.currency) == (("quiet",), "", "USD")
    assert alert.play == Play(action="Call them", owner="Service")


def test_of_a_prospect_who_enters_a_segment_nothing_can_be_expected() -> None:
    rules = policy({"r": {"on": "segment.entered", "segment": "gold"}}, MEMBERS)
    alert = the_alert(live(profile("x", noon(0), card="gold"), rules=rules))
    assert (alert.prospects, alert.silence_days, alert.churned_day) == (None, None, None)
    assert (alert.horizon_days, alert.first_day) == (56, DAY_0 + 1)


def test_a_purchase_given_back_in_full_leaves_the_silence_that_was_before() -> None:
    told = live(
        *(ONCE, purchase("p1", noon(7), order="o"), refund("r1", noon(12), order="o")), YEAR_LATER
    )
    assert raised(told) == [("slipping", "refund", noon(12))]
    nothing = live(purchase("p1", noon(0), order="o"), refund("r", noon(1), order="o"), YEAR_LATER)
    assert nothing.alerts == ()


def test_a_new_population_that_raises_the_risk_tells_at_once() -> None:
    silent = live(ONCE, tick(noon(6)), population=LATER).customer
    state, told = populate(CUSTOMER, silent, noon(6), AT_RISK, SOONER)
    assert raised(Told(state, told, ())) == [("slipping", "population_updated", noon(6))]
    assert populate(CUSTOMER, state, noon(6), AT_RISK, SOONER) == (state, ())
    state, _ = populate(CUSTOMER, silent, noon(6), AT_RISK, SHOP)
    later = tell(tick(noon(20)), state=state, policy=AT_RISK, population=SHOP)
    assert raised(later) == [("slipping", "silence", after_midnight(9))]


def test_a_new_rule_about_risk_tells_of_those_at_its_level_and_others_not_of_what_is_past() -> None:
    before = live(ONCE, tick(noon(30)), rules=policy()).customer
    rules = {
        "risk": {**SLIPPING, "lifecycles": ["dormant"]},
        "overdue": {**OVERDUE, "lifecycles": ["dormant"]},
        "dormant": DORMANT,
        "churned": CHURNED,
    }
    state, effects = instruct(CUSTOMER, before, 2, noon(30), policy(rules), SHOP)
    assert raised(Told(state, effects, ())) == [("risk", "policy_updated", noon(30))]
    later = tell(YEAR_LATER, state=state, policy=policy(rules), population=SHOP)
    assert raised(later) == [("churned", "silence", after_midnight(64))]
    assert instruct(CUSTOMER, state, 2, noon(30), policy(rules), SHOP) == (state, ())


def test_without_rules_nothing_is_told_and_nothing_is_remembered() -> None:
    story = (ONCE, purchase("p1", noon(40)), tick(noon(120)))
    bare = policy_from_preset("grocery", rfm={"published": []})
    told = live(*story, rules=policy(alerts={"wait_hours": 5}))
    assert told == live(*story, rules=bare)
    assert told.alerts == ()
    assert told.customer.alerts is NO_ALERTS


def test_rules_change_nothing_but_what_is_remembered_of_alerts_and_the_sequence() -> None:
    story = (ONCE, purchase("p1", noon(40)), tick(noon(60)))
    with_rules, without = live(*story).customer, live(*story, rules=policy()).customer
    assert with_rules._replace(alerts=NO_ALERTS, sequence=0) == without._replace(sequence=0)


def test_the_same_cause_gives_the_same_id_and_another_one_another() -> None:
    rules = policy({"a": SLIPPING, "b": SLIPPING, "c": DORMANT, "d": CHURNED, "e": WON_BACK})
    story = [purchase(f"p{day}", noon(day)) for day in (0, 50, 150)]
    told = live(*story, YEAR_LATER, rules=rules)
    ids = [each.alert_id for each in alerts_of(told)]
    assert len(set(ids)) == len(ids) == 12
    in_steps = live(*story, *(tick(noon(day)) for day in range(150, 366, 5)), rules=rules)
    assert in_steps.told == told.told
    followed = [each.effect_id for each in cleared(told)] + [e.effect_id for e in resolved(told)]
    names = {*ids, *told.ids, *followed}
    assert len(names) == len(told.told)
    assert all(len(name) == 32 for name in names)
