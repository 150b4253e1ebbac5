"""What has happened, and what would make an alert void, in words.

Enters: an alert. Leaves: sentences in English and simplified Chinese. Forbidden here: deciding anything.
"""

from __future__ import annotations

from typing import NamedTuple

from models.alerts import RaiseAlert
from models.policy_alerts import OF_SILENCE
from models.words import days_in_words

CERTAIN = 0.99  # nobody is
_LIFECYCLE_ZH = {
    "prospect": "潜在客户",
    "new": "新客户",
    "active": "活跃客户",
    "dormant": "沉睡客户",
    "churned": "流失客户",
}


class Sentence(NamedTuple):
    """The same in both languages."""

    en: str
    zh: str


def headline(alert: RaiseAlert) -> Sentence:
    """What has happened."""
    match alert.kind:
        case "churn.risk_raised":
            assert alert.prospects is not None
            share = f"{min(alert.prospects.probability, CERTAIN):.0%}"
            return Sentence(
                f"{share} likely to buy nothing in the next {days_in_words(alert.horizon_days)}",
                f"未来 {alert.horizon_days} 天内不再购买的概率为 {share}",
            )
        case "customer.overdue":
            return Sentence(
                f"silent for {days_in_words(alert.silence_days or 0)}, longer than is usual for this customer",
                f"已 {alert.silence_days} 天未购买，超过该客户的通常间隔",
            )
        case "lifecycle.changed":
            state = alert.standing.lifecycle.value
            return Sentence(
                f"has become {state} after {days_in_words(alert.silence_days or 0)} of silence",
                f"静默 {alert.silence_days} 天后变为{_LIFECYCLE_ZH[state]}",
            )
        case "customer.won_back":
            return Sentence("has come back and bought again", "沉睡后再次购买，已召回")
        case "segment.entered":
            return Sentence(f"has entered the segment {alert.segment}", f"进入客群 {alert.segment}")
        case "segment.exited":
            return Sentence(f"has left the segment {alert.segment}", f"离开客群 {alert.segment}")


def cancelled_by(alert: RaiseAlert) -> Sentence | None:
    """What would make the alert void; None: it tells of what has been, nothing would."""
    if alert.kind not in OF_SILENCE:
        return None
    return Sentence(
        "a purchase, also one that comes to light late: churn.risk_cleared is published",
        "任何购买都会取消预警，迟到的购买记录也一样，届时会发布 churn.risk_cleared",
    )
