"""One customer's story: what each event, and each silence, does.

In the grocery preset a first-time buyer is overdue after 12 silent days, dormant after 25 and
churned after 63, and new for 28.
"""

from __future__ import annotations

import pytest

from models.customer import CustomerState
from models.policy import policy_from_preset
from tests.support.story import GROCERY, midnight, noon, profile, purchase, refund, tell, tick

CHANGED, WON_BACK = "lifecycle.changed", "customer.won_back"


def test_first_purchase_makes_a_new_customer() -> None:
    told = tell(purchase("p1", noon(0), 250))
    assert told.lifecycle == "new"
    assert told.changes == [(CHANGED, "purchase", noon(0))]
    (effect,) = told.effects
    assert (effect.before, effect.since_ms, effect.sequence) == (None, noon(0), 1)
    ledger = told.customer.current
    assert (ledger.purchases, ledger.purchase_days, ledger.net_spend_minor) == (1, 1, 250)
    assert (ledger.first_purchase_ms, ledger.last_purchase_ms) == (noon(0), noon(0))
    assert (ledger.cadence_days, ledger.limits) == (6.3, (12, 25, 63))


def test_silence_makes_a_customer_overdue_then_dormant_then_churned() -> None:
    told = tell(purchase("p1", noon(0)), tick(noon(400)))
    assert told.lifecycle == "churned"
    assert told.changes == [
        (CHANGED, "purchase", noon(0)),
        (CHANGED, "silence", midnight(13)),
        (CHANGED, "silence", midnight(26)),
        (CHANGED, "silence", midnight(64)),
    ]
    assert told.customer.next_deadline_ms is None
    assert told.customer.lifecycle_since_ms == midnight(64)


def test_a_deadline_is_due_at_midnight_and_not_a_millisecond_before() -> None:
    assert tell(purchase("p1", noon(0)), tick(midnight(13) - 1)).lifecycle == "new"
    assert tell(purchase("p1", noon(0)), tick(midnight(13))).lifecycle == "new+overdue"


def test_a_regular_customer_grows_out_of_being_new() -> None:
    weekly = [purchase(f"p{week}", noon(7 * week)) for week in range(5)]
    told = tell(*weekly)
    assert told.lifecycle == "new"
    told = tell(*weekly, tick(midnight(29)))
    assert told.lifecycle == "active"
    assert told.changes[-1] == (CHANGED, "tenure", midnight(29))


def test_overdue_rises_with_silence_and_falls_with_a_purchase() -> None:
    told = tell(purchase("p1", noon(0)), purchase("p2", noon(15)))
    assert told.lifecycle == "new"
    risen, fallen = told.effects[1:]
    assert (risen.before, risen.after) == (("new", False, False), ("new", True, False))
    assert (fallen.before, fallen.after) == (("new", True, False), ("new", False, False))
    assert told.changes[1:] == [
        (CHANGED, "silence", midnight(13)),
        (CHANGED, "purchase", noon(15)),
    ]


def test_an_overdue_customer_stays_overdue_when_no_longer_new() -> None:
    told = tell(purchase("p1", noon(0)), purchase("p2", noon(12)), tick(midnight(29)))
    assert told.lifecycle == "active+overdue"
    assert told.customer.lifecycle_since_ms == midnight(29)


@pytest.mark.parametrize("silent_days", [30, 100])
def test_a_purchase_wins_back_a_dormant_or_churned_customer(silent_days: int) -> None:
    told = tell(purchase("p1", noon(0)), purchase("p2", noon(silent_days)))
    assert told.lifecycle == "active+won_back"
    assert told.changes[-2:] == [
        (CHANGED, "purchase", noon(silent_days)),
        (WON_BACK, "purchase", noon(silent_days)),
    ]
    assert len(set(told.ids)) == len(told.ids)


def test_won_back_lasts_until_the_next_purchase_day() -> None:
    story = (purchase("p1", noon(0)), purchase("p2", noon(30)), purchase("p3", noon(30) + 1))
    assert tell(*story).lifecycle == "active+won_back"
    assert tell(*story, purchase("p4", noon(31))).lifecycle == "active"


def test_won_back_ends_with_the_next_long_silence() -> None:
    told = tell(purchase("p1", noon(0)), purchase("p2", noon(30)), tick(noon(60)))
    assert told.lifecycle == "active+overdue+won_back"
    assert tell(tick(noon(120)), state=told.state).lifecycle == "dormant"


def test_several_purchases_on_one_day_count_one_day() -> None:
    told = tell(*(purchase(f"p{hour}", midnight(0) + hour * 3_600_000) for hour in range(24)))
    ledger = told.customer.current
    assert (ledger.purchases, ledger.purchase_days, ledger.net_spend_minor) == (24, 1, 24_000)
    assert ledger.cadence_days == 6.3
    assert len(told.effects) == 1


def test_limits_are_frozen_until_the_next_purchase() -> None:
    told = tell(purchase("p1", noon(0)))
    general = policy_from_preset("general")
    assert tell(tick(midnight(13)), state=told.state, policy=general).lifecycle == "new+overdue"
    told = tell(purchase("p2", noon(1)), state=told.state, policy=general)
    assert told.customer.current.limits == (72, 145, 270)


def test_fixed_mode_has_one_limit_for_all() -> None:
    fixed = policy_from_preset("grocery", lifecycle={"mode": "fixed"})
    daily = [purchase(f"p{day}", noon(day)) for day in range(30)]
    told = tell(*daily, tick(midnight(200)), policy=fixed)
    assert [change for change in told.changes if change[1] == "silence"] == [
        (CHANGED, "silence", midnight(44)),
        (CHANGED, "silence", midnight(58)),
        (CHANGED, "silence", midnight(114)),
    ]


def test_when_overdue_and_dormant_fall_together_only_dormant_is_said() -> None:
    lifecycle = {"mode": "fixed", "overdue": {"fixed_days": 28}}
    told = tell(
        purchase("p1", noon(0)),
        tick(noon(40)),
        policy=policy_from_preset("grocery", lifecycle=lifecycle),
    )
    assert told.lifecycle == "dormant"
    assert told.changes[1:] == [(CHANGED, "silence", midnight(29))]


def test_a_customer_of_thousands_of_days_keeps_the_newest_64_and_counts_the_others() -> None:
    told = tell(*(purchase(f"p{day}", noon(day)) for day in range(200)))
    ledger = told.customer.current
    assert (len(ledger.recent_days), ledger.older_days, ledger.purchase_days) == (64, 136, 200)
    assert ledger.cadence_days == pytest.approx((2 * 6.3 + 199) / 201)


def test_late_purchase_does_not_wake_a_churned_customer() -> None:
    told = tell(purchase("p1", noon(0)), tick(noon(100)), purchase("p2", noon(5)))
    assert told.lifecycle == "churned"
    assert told.customer.current.purchase_days == 2
    assert WON_BACK not in {change[0] for change in told.changes}


def test_late_purchase_disproves_a_silence_retracts_it_and_is_no_win_back() -> None:
    told = tell(purchase("p1", noon(0)), tick(noon(30)), purchase("p2", noon(24)))
    assert told.lifecycle == "active"
    correction = told.effects[-1]
    assert (correction.type, correction.cause.why) == (CHANGED, "late_purchase")
    assert correction.before == ("dormant", False, False)
    assert correction.after == ("active", False, False)  # four weeks had passed meanwhile
    assert correction.since_ms == midnight(29)
    assert correction.retracts == (told.effects[2].effect_id,)


def test_a_silence_published_disproved_and_true_after_all_is_not_published_under_the_same_id() -> (
    None
):
    told = tell(
        purchase("p1", noon(0)),
        tick(noon(30)),
        purchase("p2", noon(24), order="o2"),
        refund("r2", noon(31), order="o2"),
    )
    assert told.lifecycle == "dormant"
    assert told.effects[-1].cause.why == "refund"
    assert len(set(told.ids)) == len(told.ids)


def test_late_purchase_that_disproves_nothing_says_nothing() -> None:
    told = tell(purchase("p1", noon(0)), purchase("p2", noon(8)), purchase("p3", noon(4)))
    assert told.changes == [(CHANGED, "purchase", noon(0))]
    assert told.customer.current.recent_days == tuple(sorted(told.customer.current.recent_days))


def test_late_purchase_before_the_first_one_takes_its_place() -> None:
    told = tell(purchase("p2", noon(3)), purchase("p1", noon(0)))
    assert told.customer.current.first_purchase_ms == told.customer.known_since_ms == noon(0)
    assert told.customer.lifecycle_since_ms == noon(0)
    assert told.effects[-1].retracts == (told.effects[0].effect_id,)


def test_purchase_overtaken_by_the_clock_but_not_by_a_deadline_is_an_ordinary_one() -> None:
    told = tell(purchase("p1", noon(0)), tick(noon(11)), purchase("p2", noon(10)))
    assert told.changes == [(CHANGED, "purchase", noon(0))]


def test_events_of_the_future_half_minute_do_not_disturb_the_order() -> None:
    told = tell(purchase("p1", noon(0) + 30_000), purchase("p2", noon(0)))
    assert told.customer.current.purchases == 2


def test_duplicate_is_recognised_and_says_nothing() -> None:
    told = tell(purchase("p1", noon(0)), purchase("p1", noon(0)))
    assert told.outcomes[-1].duplicate
    assert told.customer.current.purchases == 1
    assert len(told.effects) == 1


def test_a_duplicate_still_lets_time_pass() -> None:
    told = tell(purchase("p1", noon(0)), profile("x", noon(0)), tick(noon(20)))
    later = tell(tick(noon(70)), purchase("p1", noon(0)), state=told.state)
    assert later.lifecycle == "churned"


def test_events_older_than_what_is_remembered_are_too_late() -> None:
    told = tell(purchase("p1", noon(0)), purchase("p2", noon(100)), purchase("p0", noon(0)))
    rejected = told.outcomes[-1].rejected
    assert rejected is not None
    assert rejected.reason == "too_late"
    assert "remembered_days" in rejected.detail
    assert told.customer.current.purchases == 2


def test_a_rejected_event_of_somebody_unknown_leaves_nobody() -> None:
    told = tell(purchase("p1", noon(0), currency="XXX"))
    assert told.state is None
    assert told.effects == ()
    (outcome,) = told.outcomes
    assert outcome.rejected is not None
    assert outcome.rejected.reason == "unknown_currency"


def test_a_rejected_event_still_advances_a_known_customer() -> None:
    told = tell(purchase("p1", noon(0)), purchase("p2", noon(20), currency="XXX"))
    assert told.lifecycle == "new+overdue"
    assert told.customer.current.purchases == 1


def test_an_empty_state_has_no_deadline() -> None:
    nobody = CustomerState(known_since_ms=noon(0))
    assert nobody.next_deadline_ms is None
    assert tell(tick(noon(9_999)), state=nobody, policy=GROCERY).state == nobody
