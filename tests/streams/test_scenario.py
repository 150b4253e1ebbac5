"""A shop tried out in a test: literals in, effects out, time at will."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from models.codec import decode_held
from models.customer import CustomerState
from models.policy import policy_from_preset, policy_from_toml
from models.rule_tree import RuleError
from streams.golden import golden_of
from streams.loop import replayed
from streams.messages import rfc3339
from streams.scenario import (
    EventRejected,
    Scenario,
    UnknownCustomer,
    UnknownSegment,
)
from streams.scenario_times import NotAMoment
from streams.sources import SourceError, SourceRecord

POLICY = """
preset = "grocery"

[business]
timezone = "Europe/Berlin"
currency = "EUR"

[segments.big-spenders]
when = 'spend_90d >= 100'

[segments.northerners]
when = 'profile.region == "North"'

[alerts.rules.win-back]
on = "lifecycle.changed"
to = "dormant"
"""
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def shop() -> Scenario:
    return Scenario(policy_from_toml(POLICY))


def test_who_stays_away_becomes_dormant(shop: Scenario) -> None:
    shop.purchase("ada", "2024-03-01", 25_00)
    shop.advance(days=60)
    assert shop.effects("ada", about="lifecycle") == [
        "2024-03-01 12:00: lifecycle none → new (purchase)",
        "2024-03-14: lifecycle new → new +overdue (silence)",
        "2024-03-27: lifecycle new +overdue → dormant (silence)",
    ]
    assert shop.customer("ada").lifecycle == "dormant"


def test_an_effect_is_a_value_that_equals_its_text(shop: Scenario) -> None:
    shop.purchase("ada", "2024-03-01", 100_00)
    entered = shop.effects("ada", about="segments")[0]
    assert entered == "2024-03-01 12:00: enters big-spenders (purchase)"
    assert entered != "2024-03-01 12:00: leaves big-spenders (purchase)"
    assert (entered.type, entered.customer, entered.segment, entered.reason) == (
        "segment.entered",
        "ada",
        "big-spenders",
        "purchase",
    )
    assert entered.at == datetime(2024, 3, 1, 12, tzinfo=BERLIN)
    assert repr([entered]) == "['2024-03-01 12:00: enters big-spenders (purchase)']"
    assert {entered} == {shop.effects("ada", about="segments")[0]}


def test_a_lifecycle_effect_has_before_after_and_flags(shop: Scenario) -> None:
    shop.purchase("ada", "2024-03-01", 25_00)
    shop.purchase("ada", "2024-04-15", 25_00)
    back = shop.effects("ada", about="lifecycle")[-2]
    assert (back.before, back.after, back.flags) == ("dormant", "active", ("won_back",))
    assert shop.effects("ada", about="lifecycle")[-1] == "2024-04-15 12:00: won back (purchase)"


def test_an_alert_is_told_at_its_hour_and_has_all_that_is_published(shop: Scenario) -> None:
    shop.purchase("ada", "2024-03-01", 25_00)
    shop.advance(to="2024-03-27 01:59")
    assert shop.alerts("ada") == []
    shop.advance(hours=1)
    (alert,) = shop.alerts("ada")
    assert alert == (
        "2024-03-27 02:00: alert win-back raised: has become dormant after 26 days of silence"
    )
    assert (alert.rule, alert.type, alert.body["silence_days"]) == (
        "win-back",
        "lifecycle.changed",
        26,
    )
    shop.purchase("ada", "2024-03-28", 25_00)
    assert shop.alerts()[-1] == "2024-03-28 12:00: alert win-back cleared (purchase)"


def test_what_comes_of_an_alert_is_told_at_the_end_of_its_horizon(shop: Scenario) -> None:
    shop.purchase("ada", "2024-03-01", 25_00)
    shop.advance(days=90)
    assert shop.alerts("ada")[-1].what == "alert win-back resolved: did not return"


def test_what_comes_out_does_not_depend_on_whether_anybody_looks(shop: Scenario) -> None:
    other = Scenario(shop.policy)
    for each in (shop, other):
        each.purchase("ada", "2024-03-01", 25_00)
        if each is shop:
            assert shop.customer("ada").lifecycle == "new"
            assert shop.effects() != []
        each.advance(days=50)
        each.purchase("ada", "2024-03-20", 25_00)
    assert shop.effects() == other.effects()


def test_a_late_purchase_disproves_a_silence_as_in_production(shop: Scenario) -> None:
    shop.purchase("ada", "2024-03-01", 25_00)
    shop.advance(days=30)
    shop.purchase("ada", "2024-03-20", 25_00)
    last = shop.effects("ada", about="lifecycle")[-1]
    assert last.what == "lifecycle dormant → active (late purchase, 1 earlier change void)"
    assert len(last.retracts) == 1
    assert shop.now == datetime(2024, 3, 31, 12, tzinfo=BERLIN)


def test_an_event_that_is_too_late_is_a_mistake_of_the_test(shop: Scenario) -> None:
    shop.purchase("ada", "2024-03-01", 25_00)
    shop.purchase("ada", "2024-12-01", 25_00)
    with pytest.raises(
        EventRejected, match=r"purchase of ada at 2024-01-01T11:00:00\.000Z: too_late"
    ):
        shop.purchase("ada", "2024-01-01", 25_00)


def test_a_test_may_be_about_what_is_rejected(shop: Scenario) -> None:
    with shop.rejected() as rejected:
        shop.purchase("ada", "2024-03-01", -1)
        shop.purchase("ada", "2024-03-01", 25_00, currency="CHF")
    assert [(each.customer, each.kind, each.reason) for each in rejected] == [
        ("ada", "purchase", "invalid"),
        ("ada", "purchase", "unknown_currency"),
    ]
    with pytest.raises(EventRejected, match=r"with shop\.rejected"):
        shop.purchase("ada", "2024-03-01", -1)


def test_a_test_about_rejections_fails_if_there_are_none(shop: Scenario) -> None:
    with pytest.raises(AssertionError, match="nothing was rejected"), shop.rejected():
        shop.purchase("ada", "2024-03-01", 25_00)


def test_what_a_block_about_rejections_raises_itself_goes_on(shop: Scenario) -> None:
    with pytest.raises(NotAMoment), shop.rejected():
        shop.purchase("ada", "soon", 25_00)


def test_a_refund_names_the_purchase_that_it_undoes(shop: Scenario) -> None:
    bought = shop.purchase("ada", "2024-03-01", 100_00)
    shop.purchase("ada", "2024-03-02", 10_00, order_id="o2")
    shop.refund("ada", "2024-03-03", 100_00, of=bought)
    shop.refund("ada", "2024-03-03", 4_00, order_id="o2")
    assert shop.segment("big-spenders") == []
    ada = shop.customer("ada")
    assert (ada.purchases, ada.net_spend_minor) == (1, 6_00)


def test_a_profile_and_an_engagement_are_told_as_in_the_log(shop: Scenario) -> None:
    shop.profile("ada", "2024-03-01", region="North", **{"consent.email": True})
    shop.engagement("ada", "2024-03-02", "survey", score=4)
    ada = shop.customer("ada")
    assert (ada.lifecycle, ada.segments) == ("prospect", ("northerners",))
    assert ada.attributes == {"region": "North", "consent.email": True}
    assert ada.fact("satisfaction") == 4
    shop.profile("ada", "2024-03-03", region=None)
    assert shop.effects("ada", about="segments")[-1] == (
        "2024-03-03 12:00: leaves northerners (profile)"
    )


def test_an_attribute_may_have_any_name(shop: Scenario) -> None:
    shop.profile("ada", "2024-03-01", customer="yes", at="home")
    assert shop.customer("ada").attributes == {"customer": "yes", "at": "home"}


def test_who_is_forgotten_is_not_known(shop: Scenario) -> None:
    shop.purchase("ada", "2024-03-01", 25_00)
    shop.erase("ada", "2024-03-02")
    assert shop.effects("ada")[-1] == "2024-03-02 12:00: is forgotten (erasure)"
    assert not shop.knows("ada")
    with pytest.raises(UnknownCustomer, match="nobody is known as 'ada'"):
        shop.customer("ada")


def test_two_names_become_one_person(shop: Scenario) -> None:
    shop.purchase("ada@work", "2024-03-01", 60_00)
    shop.purchase("ada", "2024-03-02", 60_00)
    shop.merge("ada@work", "2024-03-03", into="ada")
    assert shop.effects("ada@work")[-1] == "2024-03-03 12:00: is now ada (merged)"
    assert shop.customer("ada@work").id == "ada"
    assert shop.segment("big-spenders") == ["ada"]


def test_items_are_those_of_the_log_and_no_others(shop: Scenario) -> None:
    tea = {"sku": "sencha", "quantity": 2, "unit_price_minor": 12_50, "category": "TEA"}
    shop.purchase("ada", "2024-03-01", 25_00, items=[tea], channel="web", store="7")
    ada = shop.customer("ada")
    assert ada.fact('category["TEA"].spend_30d') == ada.fact('store["7"].spend') == 25_00
    assert ada.fact('segment["big-spenders"]') is False
    assert ada.fact("satisfaction") is None
    with pytest.raises(TypeError, match="an item has no 'catgory'; it has sku, quantity"):
        shop.purchase("ada", "2024-03-02", 25_00, items=[{**tea, "catgory": "TEA"}])


def test_a_fact_that_there_is_not_is_told_with_the_nearest(shop: Scenario) -> None:
    shop.purchase("ada", "2024-03-01", 25_00)
    with pytest.raises(RuleError, match="did you mean 'spend_90d'"):
        shop.customer("ada").fact("spnd_90d")


def test_a_customer_tells_what_comes_next_and_why(shop: Scenario) -> None:
    shop.purchase("ada", "2024-03-01", 100_00)
    ada = shop.customer("ada")
    assert (ada.next_deadline, ada.next_deadline_brings, ada.silence_days) == (
        datetime(2024, 3, 14, tzinfo=BERLIN),
        "overdue",
        0,
    )
    assert 'In "big-spenders" because spend_90d is 100.00 (>= 100).' in ada.explained()
    assert ada.as_json["customer_id"] == "ada"


def test_members_are_listed_by_segment_and_none_is_a_list_too(shop: Scenario) -> None:
    shop.purchase("bo", "2024-03-01", 100_00)
    shop.purchase("ada", "2024-03-01", 100_00)
    assert shop.segments()["rule/big-spenders"] == ["ada", "bo"]
    assert shop.segment("big-spenders") == shop.segment("lifecycle/new") == ["ada", "bo"]
    assert shop.segment("northerners") == []
    with pytest.raises(UnknownSegment, match="did you mean 'rule/big-spenders'"):
        shop.segment("big-spender")
    with pytest.raises(UnknownSegment, match="rules of the policy: big-spenders, northerners"):
        shop.segment("tea")


def test_effects_are_about_something_that_there_is(shop: Scenario) -> None:
    with pytest.raises(
        ValueError, match="no effect is about 'lifecycles'; they are about lifecycle,"
    ):
        shop.effects(about="lifecycles")


def test_a_misspelt_customer_is_told_and_not_taken_for_one_without_effects(
    shop: Scenario,
) -> None:
    shop.purchase("ada", "2024-03-01", 25_00)
    assert shop.alerts("ada") == []
    for ask in (shop.alerts, shop.effects, lambda who: shop.matches_golden("x", customers=[who])):
        with pytest.raises(UnknownCustomer, match="nothing was ever written of 'adda'"):
            ask("adda")


def test_a_shop_shows_in_a_failing_test_how_late_it_is(shop: Scenario) -> None:
    assert repr(shop) == "<shop, before its first event, customers: 0>"
    shop.purchase("ada", "2024-03-01", 25_00)
    assert repr(shop) == "<shop, 2024-03-01 12:00, customers: 1>"


def test_a_file_is_replayed_and_what_is_wrong_in_it_is_told(shop: Scenario, tmp_path: Path) -> None:
    path = tmp_path / "till.jsonl"
    rows = [
        {"customer_id": "ada", "occurred_at": f"2024-03-{day:02}T10:00:00Z", "currency": "EUR"}
        for day in (1, 8, 15)
    ]
    path.write_text("\n".join(json.dumps({**row, "amount_minor": 40_00}) for row in rows))
    assert shop.events(path) == 3
    assert shop.now == datetime(2024, 3, 15, 10, tzinfo=UTC)
    assert shop.segment("big-spenders") == ["ada"]
    shop.advance(days=30)
    assert shop.customer("ada").lifecycle == "dormant"
    with pytest.raises(SourceError, match="no such file"):
        shop.events(tmp_path / "tills.jsonl")
    path.write_text(json.dumps({**rows[0], "amount_minor": 1, "currency": "CHF"}))
    with pytest.raises(EventRejected, match="unknown_currency"):
        shop.events(path)


def test_events_one_by_one_and_as_a_file_come_to_the_same(shop: Scenario) -> None:
    records = [record(customer, day) for day in range(1, 60, 7) for customer in ("ada", "bo")]
    shop.events(records)
    other = Scenario(shop.policy)
    for each in records:
        told = json.loads(each.value)
        other.purchase(each.customer_id, told["occurred_at"], told["amount_minor"])
    assert sorted(map(str, shop.effects())) == sorted(map(str, other.effects()))


def test_everybody_stands_where_a_replay_of_four_partitions_leaves_them(shop: Scenario) -> None:
    records = [record(f"c{day % 5}", day) for day in range(60)]
    shop.events(records)
    shop.advance(to="2024-04-30 00:00")
    loop = replayed(shop.policy, 4, records, date(2024, 4, 29).toordinal())
    states = asyncio.run(loop.states())
    assert len(states) == 5
    for customer, packed in states.items():
        state = decode_held(packed)
        assert isinstance(state, CustomerState)
        found = shop.customer(customer)
        assert (found.lifecycle, found.groups) == (state.standing.lifecycle, dict(state.groups))


def test_who_is_counted_of_effects_is_who_the_lists_of_members_have(shop: Scenario) -> None:
    for customer in ("ada", "bo", "di", "eva"):
        for day in range(0, 40, 7):
            shop.purchase(customer, f"2024-03-{day + 1:02}" if day < 30 else "2024-04-05", 30_00)
    shop.profile("eva", "2024-04-06", region="North")
    shop.merge("bo", "2024-04-07", into="ada")
    shop.erase("di", "2024-04-08")
    shop.advance(days=70)
    shop.purchase("eva", "2024-06-01", 1_00)
    sizes = golden_of(shop.effects(), ()).sizes
    newest = max(each.week for each in sizes)
    counted = {each.segment: count for each, count in sizes.items() if each.week == newest}
    members = {name: len(found) for name, found in shop.segments().items()}
    assert members["rule/northerners"] == 1
    assert counted == {name: members[name] for name in counted}
    assert sum(counted.values()) > 3


async def test_it_serves_within_an_event_loop_too(shop: Scenario) -> None:
    shop.purchase("ada", "2024-03-01", 25_00)
    shop.advance(days=1)
    assert shop.customer("ada").lifecycle == "new"


def test_with_few_customers_little_is_learned() -> None:
    shop = Scenario(policy_from_preset("grocery"))
    shop.purchase("ada", "2024-03-01", 25_00)
    shop.advance(days=60)
    assert {each.about for each in shop.effects()} == {"lifecycle", "rfm"}
    assert set(shop.customer("ada").groups) == {"quintile"}


def record(customer: str, day: int) -> SourceRecord:
    at_ms = round(datetime(2024, 3, 1, 9, tzinfo=UTC).timestamp() * 1000) + day * 86_400_000
    body = {
        "event_id": f"{customer}-{day}",
        "customer_id": customer,
        "occurred_at": rfc3339(at_ms),
        "amount_minor": 30_00,
        "currency": "EUR",
    }
    return SourceRecord("purchase", customer, at_ms, json.dumps(body).encode())
