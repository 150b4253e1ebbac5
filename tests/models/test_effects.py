"""Effects and their ids: named by cause, so that a replay names them alike."""

from __future__ import annotations

from models.alerts import changes_in
from models.effects import Cause, EffectType, Why, effect_id
from models.ledger import Standing
from models.step import advance
from tests.support.story import CUSTOMER, GROCERY, midnight, noon, profile, purchase, tell, tick


def test_an_id_is_that_of_customer_type_and_cause() -> None:
    cause = Cause.of_event("p1", noon(0), Why.PURCHASE)
    name = effect_id("c1", EffectType.LIFECYCLE_CHANGED, cause)
    assert name == "671948af711a10ac13d40239b540b9e5"  # published: it never changes
    others = (
        effect_id("c2", EffectType.LIFECYCLE_CHANGED, cause),
        effect_id("c1", EffectType.CUSTOMER_WON_BACK, cause),
        effect_id("c1", EffectType.LIFECYCLE_CHANGED, Cause.of_event("p2", noon(0), Why.PURCHASE)),
    )
    assert len({name, *others}) == 4


def test_the_same_event_at_another_place_in_the_log_has_the_same_id() -> None:
    early, late = Cause.of_event("p1", noon(0), Why.PURCHASE), Cause.of_event("p1", 7, Why.PROFILE)
    assert effect_id("c1", EffectType.LIFECYCLE_CHANGED, early) == effect_id(
        "c1", EffectType.LIFECYCLE_CHANGED, late
    )


def test_a_deadline_fired_by_a_tick_or_by_a_purchase_has_the_same_id() -> None:
    by_tick = tell(purchase("p1", noon(0)), tick(noon(13)), purchase("p2", noon(20)))
    by_purchase = tell(purchase("p1", noon(0)), purchase("p2", noon(20)))
    assert by_tick.ids == by_purchase.ids


def test_two_customers_with_the_same_story_have_different_ids() -> None:
    state = tell(purchase("p1", noon(0))).customer
    _, mine = advance(CUSTOMER, state, noon(400), GROCERY, None)
    _, yours = advance("c2", state, noon(400), GROCERY, None)
    assert not {e.effect_id for e in changes_in(mine)} & {e.effect_id for e in changes_in(yours)}


def lifecycle(standing: Standing | str | None) -> str | None:
    return standing.lifecycle if isinstance(standing, Standing) else standing


def test_each_effect_says_what_was_and_what_is() -> None:
    told = tell(profile("x", noon(0)), purchase("p1", noon(1)), tick(noon(90)))
    assert [(lifecycle(e.before), lifecycle(e.after)) for e in told.effects] == [
        (None, "prospect"),
        ("prospect", "new"),
        ("new", "new"),
        ("new", "dormant"),
        ("dormant", "churned"),
    ]
    assert [e.since_ms for e in told.effects] == [
        noon(0),
        noon(1),
        noon(1),
        midnight(27),
        midnight(65),
    ]
