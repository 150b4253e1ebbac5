"""What the rules in segmenter.toml promise, customer by customer."""

from __future__ import annotations

import pytest

TEA = {"sku": "sencha", "quantity": 2, "unit_price_minor": 12_50, "category": "TEA"}


@pytest.fixture
def shop(segmenter_replay):
    return segmenter_replay("segmenter.toml")


def test_who_stays_away_becomes_dormant(shop):
    shop.purchase("ada", "2024-03-01", 25_00)
    shop.advance(days=60)
    assert shop.effects("ada", about="lifecycle") == [
        "2024-03-01 12:00: lifecycle none → new (purchase)",
        "2024-03-14: lifecycle new → new +overdue (silence)",
        "2024-03-27: lifecycle new +overdue → dormant (silence)",
    ]
    assert shop.customer("ada").lifecycle == "dormant"


def test_marketing_is_told_of_the_dormant_two_hours_after_midnight(shop):
    shop.purchase("ada", "2024-03-01", 25_00)
    shop.advance(to="2024-03-27 01:59")
    assert shop.alerts("ada") == []
    shop.advance(hours=1)
    (alert,) = shop.alerts("ada")
    assert alert == (
        "2024-03-27 02:00: alert win-back raised: has become dormant after 26 days of silence"
    )
    assert alert.body["action"]["en"] == "Send the personal offer"


def test_a_purchase_takes_the_alert_back(shop):
    shop.purchase("ada", "2024-03-01", 25_00)
    shop.purchase("ada", "2024-03-28", 25_00)
    assert [each.type for each in shop.alerts("ada")] == [
        "lifecycle.changed",
        "churn.risk_cleared",
    ]
    assert shop.customer("ada").flags == ("won_back",)


def test_a_late_purchase_disproves_the_silence(shop):
    shop.purchase("ada", "2024-03-01", 25_00)
    shop.advance(days=30)
    shop.purchase("ada", "2024-03-20", 25_00)  # the till was offline
    assert shop.effects("ada", about="lifecycle")[-1].text == (
        "2024-03-20 12:00: lifecycle dormant → active (late purchase, 1 earlier change void)"
    )


def test_exactly_250_euros_make_a_big_spender_for_90_days(shop):
    shop.purchase("ada", "2024-03-01", 249_99)
    assert shop.segment("big-spenders") == []
    bought = shop.purchase("ada", "2024-03-02", 1)
    assert shop.segment("big-spenders") == ["ada"]
    shop.refund("ada", "2024-03-03", 1, of=bought)
    assert shop.segment("big-spenders") == []
    shop.purchase("ada", "2024-03-04", 1)
    shop.advance(to="2024-06-01")
    assert shop.effects("ada", about="segments") == [
        "2024-03-02 12:00: enters big-spenders (purchase)",
        "2024-03-03 12:00: leaves big-spenders (refund)",
        "2024-03-04 12:00: enters big-spenders (purchase)",
        "2024-05-30: leaves big-spenders (time)",
    ]


def test_an_unhappy_customer_is_in_the_segment_for_two_weeks(shop):
    shop.purchase("ada", "2024-03-01", 25_00)
    shop.engagement("ada", "2024-03-02", "survey", score=2)
    assert shop.segment("unhappy") == ["ada"]
    shop.advance(days=14)
    assert shop.segment("unhappy") == []


def test_tea_lovers_who_stop_buying_tea_are_noticed_though_they_still_buy(shop):
    for day in ("2024-03-01", "2024-03-08", "2024-03-15"):
        shop.purchase("ada", day, 25_00, items=[TEA])
    for day in ("2024-03-22", "2024-03-29", "2024-04-05", "2024-04-12", "2024-04-19"):
        shop.purchase("ada", day, 25_00)
    shop.matches_golden("golden/tea_lover.txt", about=("lifecycle", "segments", "alerts"))
    assert shop.segment("tea-lovers-gone-quiet") == ["ada"]
    assert shop.customer("ada").fact('category["TEA"].silence_days') == 35


def test_a_forgotten_customer_begins_anew(shop):
    shop.purchase("ada", "2024-03-01", 250_00)
    shop.erase("ada", "2024-03-02")
    assert not shop.knows("ada")
    with shop.rejected() as rejected:
        shop.purchase("ada", "2019-03-01", -1)
    assert rejected[0].reason == "invalid"


def test_two_months_at_the_till(shop):
    shop.events("events.csv")
    shop.advance(to="2024-03-31")
    shop.matches_golden("golden/till.txt", about=("lifecycle", "segments", "alerts"))
