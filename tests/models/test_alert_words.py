"""What an alert says in a sentence, in both languages."""

from __future__ import annotations

from typing import Any

import pytest

from models.alert_words import Sentence, cancelled_by, headline
from models.alerts import RaiseAlert
from models.policy_alerts import OF_SILENCE, Kind
from tests.models.alert_shops import (
    CHURNED,
    DORMANT,
    OVERDUE,
    SHOP,
    SLIPPING,
    WON_BACK,
    policy,
    the_alert,
)
from tests.support.story import noon, profile, purchase, tell, tick

ONCE = purchase("p0", noon(0))
MEMBERS = {"gold-card": 'profile.card == "gold"'}


def alert_of(rule: dict[str, Any], *arrivals: Any) -> RaiseAlert:
    rules = policy({"r": rule}, MEMBERS)
    return the_alert(tell(*arrivals, policy=rules, population=SHOP))


def test_a_risk_is_a_share_and_the_horizon_that_it_is_for() -> None:
    alert = alert_of({**SLIPPING, "level": 0.7}, ONCE, tick(noon(365)))
    assert headline(alert) == Sentence(
        "72% likely to buy nothing in the next 25 days", "未来 25 天内不再购买的概率为 72%"
    )
    common = alert_of({**SLIPPING, "horizon": "common"}, ONCE, tick(noon(365)))
    assert headline(common).en == "50% likely to buy nothing in the next 28 days"


def test_of_somebody_overdue_it_says_how_long_they_are_silent() -> None:
    assert headline(alert_of(OVERDUE, ONCE, tick(noon(365)))) == Sentence(
        "silent for 13 days, longer than is usual for this customer",
        "已 13 天未购买，超过该客户的通常间隔",
    )


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (
            DORMANT,
            Sentence("has become dormant after 26 days of silence", "静默 26 天后变为沉睡客户"),
        ),
        (
            CHURNED,
            Sentence("has become churned after 64 days of silence", "静默 64 天后变为流失客户"),
        ),
    ],
)
def test_of_a_change_of_lifecycle_it_says_which_and_why(rule: Any, sentence: Sentence) -> None:
    assert headline(alert_of(rule, ONCE, tick(noon(365)))) == sentence


def test_who_is_won_back_has_bought_again() -> None:
    alert = alert_of(WON_BACK, ONCE, purchase("p1", noon(40)))
    assert headline(alert) == Sentence("has come back and bought again", "沉睡后再次购买，已召回")


def test_segments_are_named() -> None:
    joined, left = profile("x", noon(1), card="gold"), profile("y", noon(2), card=None)
    entered = alert_of({"on": "segment.entered", "segment": "gold-card"}, ONCE, joined)
    assert headline(entered) == Sentence("has entered the segment gold-card", "进入客群 gold-card")
    exited = alert_of({"on": "segment.exited", "segment": "gold-card"}, ONCE, joined, left)
    assert headline(exited) == Sentence("has left the segment gold-card", "离开客群 gold-card")


KINDS: tuple[Kind, ...] = (
    *("churn.risk_raised", "customer.overdue", "lifecycle.changed"),
    *("customer.won_back", "segment.entered", "segment.exited"),
)


@pytest.mark.parametrize("kind", KINDS)
def test_only_an_alert_of_a_silence_can_become_void_and_says_by_what(kind: Kind) -> None:
    alert = alert_of(SLIPPING, ONCE, tick(noon(9)))._replace(kind=kind)
    sentence = cancelled_by(alert)
    assert (sentence is not None) == (kind in OF_SILENCE)
    if sentence is not None:
        assert sentence.en == (
            "a purchase, also one that comes to light late: churn.risk_cleared is published"
        )
        assert "任何购买" in sentence.zh
        assert sentence.zh.endswith("churn.risk_cleared")
    assert all(headline(alert))
