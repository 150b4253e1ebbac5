"""Money given back: partly, in full, too early, for nothing; and how long that is possible."""

from __future__ import annotations

import pytest

from models.calendar import day_of
from models.policy import policy_from_preset
from tests.support.story import DAY_MS, GROCERY, midnight, noon, purchase, refund, tell, tick


def test_partial_refund_lowers_the_net_spend_all_over_and_nothing_else() -> None:
    whole = tell(purchase("p1", noon(0), 1_000, order="o1"))
    told = tell(purchase("p1", noon(0), 1_000, order="o1"), refund("r1", noon(2), 400, order="o1"))
    bought = whole.customer.current
    book = bought.book.give_back(day_of(noon(0), GROCERY.timezone), 400)  # on the purchase's day
    lowered = bought._replace(refunded_minor=400, decayed_spend_minor=600.0, book=book)
    assert told.customer.current == lowered
    assert told.customer.current.net_spend_minor == 600
    assert told.effects == whole.effects


def test_full_return_undoes_the_purchase_its_day_and_its_share_of_the_cadence() -> None:
    kept = tell(purchase("p1", noon(0)), tick(noon(12)))
    told = tell(
        purchase("p1", noon(0)),
        purchase("p2", noon(10), order="o2"),
        refund("r2", noon(12), order="o2"),
    )
    assert told.customer.current == kept.customer.current
    assert told.customer.current.purchase_days == 1


@pytest.mark.parametrize("first", ["refund", "purchase"])
def test_return_counts_whether_it_arrives_before_or_after_its_purchase(first: str) -> None:
    bought, back = purchase("p1", noon(0), order="o1"), refund("r1", noon(3), order="o1")
    told = tell(*((back, bought) if first == "refund" else (bought, back)))
    assert told.lifecycle == "prospect"
    assert told.customer.current.purchases == 0
    assert told.customer.current.net_spend_minor == 0
    assert told.customer.known_since_ms == noon(0)


def test_return_may_name_the_purchase_event_where_there_is_no_order() -> None:
    told = tell(purchase("p1", noon(0)), refund("r1", noon(3), of_event="p1"))
    assert told.lifecycle == "prospect"


def test_partial_refunds_add_up_to_a_full_return() -> None:
    story = [purchase("p1", noon(0), 1_000, order="o1")]
    story += [refund(f"r{n}", noon(n), 250, order="o1") for n in (1, 2, 3)]
    assert tell(*story).lifecycle == "new"
    assert tell(*story, refund("r4", noon(4), 250, order="o1")).lifecycle == "prospect"


def test_goodwill_beyond_the_price_makes_the_net_spend_negative() -> None:
    told = tell(
        purchase("p1", noon(0), 1_000, order="o1"), refund("r1", noon(1), 1_500, order="o1")
    )
    assert told.customer.current.net_spend_minor == -500


def test_a_free_order_is_not_undone_by_a_refund_of_nothing() -> None:
    told = tell(purchase("p1", noon(0), 0, order="o1"), refund("r1", noon(1), 0, order="o1"))
    assert told.lifecycle == "new"


def test_refund_before_any_purchase_leaves_a_prospect_with_negative_net() -> None:
    told = tell(refund("r1", noon(0), 700, order="o1"), tick(noon(900)))
    assert told.lifecycle == "prospect"
    assert told.customer.current.net_spend_minor == -700
    assert told.changes == [("lifecycle.changed", "refund", noon(0))]


def test_return_of_the_purchase_that_ended_a_silence_brings_the_silence_back() -> None:
    told = tell(
        purchase("p1", noon(0)),
        purchase("p2", noon(30), order="o2"),
        refund("r2", noon(31), order="o2"),
    )
    assert told.lifecycle == "dormant"
    assert told.customer.lifecycle_since_ms == midnight(26)
    returned = told.effects[-1]
    assert returned.cause.why == "refund"
    assert returned.retracts == tuple(
        e.effect_id for e in told.effects if e.cause.at_ms == noon(30)
    )


def test_return_of_the_only_purchase_goes_back_to_prospect_and_retracts_being_new() -> None:
    told = tell(purchase("p1", noon(0), order="o1"), refund("r1", noon(1), order="o1"))
    assert told.effects[-1].after == ("prospect", False, False)
    assert told.effects[-1].retracts == (told.effects[0].effect_id,)
    assert told.customer.next_deadline_ms is None


def test_one_order_paid_in_two_parts_loses_the_earlier_part_first_in_any_order() -> None:
    parts = [purchase("p1", noon(0), order="o1"), purchase("p2", noon(9), order="o1")]
    back = refund("r1", noon(10), order="o1")
    for story in ([*parts, back], [back, *parts], [parts[1], back, parts[0]]):
        assert tell(*story, tick(noon(10))).customer.current.first_purchase_ms == noon(9)


def test_a_win_back_behind_an_unrelated_refund_is_still_a_win_back() -> None:
    told = tell(
        purchase("p1", noon(0)), refund("r9", noon(31), order="other"), purchase("p2", noon(30))
    )
    assert told.lifecycle == "active+won_back"
    assert told.changes[-2:] == [
        ("lifecycle.changed", "purchase", noon(30)),
        ("customer.won_back", "purchase", noon(30)),
    ]


def test_a_win_back_that_was_partly_refunded_before_it_arrived_is_still_a_win_back() -> None:
    told = tell(
        purchase("p1", noon(0)),
        refund("r2", noon(31), 100, order="o2"),
        purchase("p2", noon(30), 1_000, order="o2"),
    )
    assert told.changes[-1] == ("customer.won_back", "purchase", noon(30))
    assert told.customer.current.net_spend_minor == 1_900


def test_refund_later_than_the_remembered_window_only_lowers_the_net_spend() -> None:
    told = tell(purchase("p1", noon(0), order="o1"), refund("r1", noon(46), order="o1"))
    assert told.lifecycle == "dormant"
    assert told.customer.current.purchases == 1
    assert told.customer.current.net_spend_minor == 0


def test_the_remembered_window_is_the_policys() -> None:
    patient = policy_from_preset("grocery", time={"remembered_days": 60})
    story = (purchase("p1", noon(0), order="o1"), refund("r1", noon(46), order="o1"))
    assert tell(*story, policy=patient).lifecycle == "prospect"


def test_events_beyond_the_window_are_settled() -> None:
    told = tell(purchase("p1", noon(0)), purchase("p2", noon(45)))
    assert told.customer.settled_through_ms == -1
    told = tell(purchase("p1", noon(0)), purchase("p2", noon(45) + 1))
    assert told.customer.settled_through_ms == noon(0)
    assert len(told.customer.remembered) == 1
    assert told.customer.settled.purchases == 1


def test_events_beyond_the_cap_are_settled_however_recent() -> None:
    few = policy_from_preset("grocery", time={"remembered_events": 4})
    told = tell(*(purchase(f"p{n}", noon(n)) for n in range(9)), policy=few)
    assert [e.at_ms for e in told.customer.remembered] == [noon(5), noon(6), noon(7), noon(8)]
    assert told.customer.settled_through_ms == noon(4)
    assert tell(purchase("late", noon(4)), state=told.state, policy=few).outcomes[0].rejected


def test_refund_is_settled_together_with_the_purchase_it_undid() -> None:
    told = tell(
        purchase("p1", noon(0), order="o1"),
        refund("r1", noon(40), order="o1"),
        purchase("p2", noon(46)),  # settles p1, but not r1
        purchase("late", noon(45)),
    )
    ledger = told.customer.current
    assert (ledger.purchases, ledger.purchase_days, ledger.net_spend_minor) == (2, 2, 2_000)
    assert ledger.first_purchase_ms == noon(45)


def test_refund_that_was_settled_before_its_purchase_still_undoes_it() -> None:
    told = tell(
        refund("r1", noon(0), order="o1"),  # the till's clock was a day behind
        purchase("p1", noon(1), order="o1"),
        purchase("p2", noon(1) + 45 * DAY_MS),  # settles r1, but not p1
        purchase("late", noon(40)),
    )
    ledger = told.customer.current
    assert (ledger.purchases, ledger.net_spend_minor) == (2, 2_000)
    assert ledger.first_purchase_ms == noon(40)


def test_the_presets_window_is_45_days_and_64_events() -> None:
    assert (GROCERY.time.remembered_days, GROCERY.time.remembered_events) == (45, 64)


def test_a_deadline_that_was_taken_back_is_not_told_again_under_its_id() -> None:
    """Another purchase of the same day, after a return of the first one, has the same deadline."""
    told = tell(
        purchase("bought", midnight(10), order="o1"),
        tick(midnight(23)),  # overdue since midnight: published
        refund(
            "back", midnight(11), order="o1"
        ),  # arrives late: nothing was bought, so nobody is overdue
        purchase("again", midnight(10)),
    )
    assert told.lifecycle == "new+overdue"
    assert len(set(told.ids)) == len(told.ids)
    assert [each[:2] for each in told.changes] == [
        ("lifecycle.changed", "purchase"),
        ("lifecycle.changed", "silence"),
        ("lifecycle.changed", "refund"),
        ("lifecycle.changed", "late_purchase"),
    ]
