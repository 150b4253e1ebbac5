"""What is known of a person, and how they are forgotten."""

from __future__ import annotations

from typing import Any

from models.customer import CustomerState
from tests.support.story import erasure, noon, profile, purchase, refund, tell, tick


def values(state: CustomerState) -> dict[str, Any]:
    return {name: attribute.value for name, attribute in state.attributes.items()}


def test_profile_of_a_stranger_makes_a_prospect() -> None:
    told = tell(profile("x1", noon(0), tier="gold"), tick(noon(900)))
    assert told.lifecycle == "prospect"
    assert told.changes == [("lifecycle.changed", "profile", noon(0))]
    assert told.customer.lifecycle_since_ms == noon(0)
    assert told.customer.next_deadline_ms is None


def test_profile_of_a_known_customer_says_nothing() -> None:
    told = tell(purchase("p1", noon(0)), profile("x1", noon(1), tier="gold"))
    assert len(told.effects) == 1
    assert values(told.customer) == {"tier": "gold"}


def test_a_prospect_who_buys_becomes_new() -> None:
    told = tell(profile("x1", noon(0)), purchase("p1", noon(5)))
    assert told.lifecycle == "new"
    assert told.effects[-1].before == ("prospect", False, False)
    assert told.customer.known_since_ms == noon(0)


def test_last_write_by_event_time_wins_attribute_by_attribute() -> None:
    newest = profile("x3", noon(3), city="Rome")
    middle = profile("x2", noon(2), city="Oslo", tier="gold")
    oldest = profile("x1", noon(1), city="Bonn", tier="none", vip=True)
    expected = {"city": "Rome", "tier": "gold", "vip": True}
    assert values(tell(oldest, middle, newest).customer) == expected
    assert values(tell(newest, middle, oldest).customer) == expected


def test_an_older_profile_moves_known_since_back() -> None:
    told = tell(purchase("p1", noon(9)), profile("x1", noon(1), tier="gold"))
    assert told.customer.known_since_ms == noon(1)
    assert told.customer.lifecycle_since_ms == noon(9)


def test_null_clears_an_attribute_for_good_against_older_writes() -> None:
    told = tell(
        profile("x1", noon(1), tier="gold"),
        profile("x3", noon(3), tier=None),
        profile("x2", noon(2), tier="silver"),
    )
    assert values(told.customer) == {"tier": None}


def test_two_writes_of_the_same_millisecond_have_one_winner_in_any_order() -> None:
    one, other = profile("x1", noon(1), tier="gold"), profile("x2", noon(1), tier="silver")
    assert values(tell(one, other).customer) == values(tell(other, one).customer)


def test_attributes_keep_their_types() -> None:
    told = tell(profile("x1", noon(1), flag=True, count=1, ratio=1.0, text="1"))
    kinds = {name: type(value).__name__ for name, value in values(told.customer).items()}
    assert kinds == {"flag": "bool", "count": "int", "ratio": "float", "text": "str"}


def test_attributes_are_kept_in_the_order_of_their_names() -> None:
    told = tell(profile("x1", noon(1), b=1, a=1), profile("x2", noon(2), c=1, A=1))
    assert list(told.customer.attributes) == ["A", "a", "b", "c"]


def test_a_65th_attribute_is_rejected_and_changes_nothing() -> None:
    full = tell(profile("x1", noon(1), **{f"a{n}": n for n in range(64)}))
    assert len(full.customer.attributes) == 64
    told = tell(profile("x2", noon(2), one_more=1), state=full.state)
    assert told.state == full.state
    (outcome,) = told.outcomes
    assert outcome.rejected is not None
    assert outcome.rejected.reason == "invalid"
    assert "at most 64" in outcome.rejected.detail
    assert values(tell(profile("x3", noon(3), a5="new"), state=full.state).customer)["a5"] == "new"


def test_attributes_that_are_too_long_together_are_rejected_and_change_nothing() -> None:
    state = tell(profile("x1", noon(1), **{f"a{n}": "x" * 250 for n in range(16)})).state
    told = tell(profile("x2", noon(2), last="x" * 250), state=state)
    assert told.state == state
    (outcome,) = told.outcomes
    assert outcome.rejected is not None
    assert outcome.rejected.detail.startswith("attributes: 4292 characters; a customer has at most")


def test_erasure_forgets_the_person_and_says_so_once() -> None:
    told = tell(
        purchase("p1", noon(0)),
        refund("r1", noon(1), 100, of_event="p1"),
        erasure("e1", noon(2)),
        erasure("e2", noon(3)),
    )
    assert told.state is None
    assert told.changes[-1] == ("customer.erased", "erasure", noon(2))
    assert len(told.effects) == 2
    gone = told.effects[-1]
    assert (gone.after, gone.sequence, gone.since_ms) == (None, 2, noon(2))


def test_erasure_of_a_silent_customer_first_says_what_was_due() -> None:
    told = tell(purchase("p1", noon(0)), erasure("e1", noon(30)))
    assert [why for _, why, _ in told.changes] == ["purchase", "silence", "silence", "erasure"]
    assert [e.sequence for e in told.effects] == [1, 2, 3, 4]


def test_erasure_of_a_stranger_does_nothing() -> None:
    told = tell(erasure("e1", noon(0)))
    assert (told.state, told.effects) == (None, ())


def test_who_comes_back_after_an_erasure_is_somebody_new() -> None:
    told = tell(
        purchase("p1", noon(0)),
        profile("x", noon(0), a=1),
        erasure("e1", noon(1)),
        purchase("p2", noon(2)),
    )
    assert told.customer.current.purchases == 1
    assert told.customer.sequence == 1
    assert values(told.customer) == {}
