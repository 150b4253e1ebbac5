"""Alerts: what is told of one customer, and what became of it, as values.

    RaiseAlert ─► … the horizon … ─► ResolveAlert      did they return, when, for how much
         └─► ClearAlert                                a purchase has ended the silence before

An alert's id is a hash of the customer, the rule and its cause, so the same cause gives the same id
in a replay, on another machine and after a crash.

Enters: nothing. Forbidden here: deciding (`models/alerting.py`), delivery, the clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from models.churn import Source
from models.effects import Cause, PublishChange, Why
from models.ledger import Standing
from models.policy_alerts import Kind, Play
from models.scores import RiskScore
from models.words import Reason


class AlertType(StrEnum):
    """The CloudEvents types beside those of the rules' kinds."""

    RISK_CLEARED = "churn.risk_cleared"
    RESOLVED = "alert.resolved"


class Prospects(NamedTuple):
    """What is to be expected of the customer, as of the alert's day; minor units.

    Attributes:
        probability: of no purchase within the horizon.
        source: which model says so.
        calibration: how good it has been lately; None: not judged yet.
        usual_year_minor: what they spend in a year at their own rhythm.
        expected_day: the last purchase and one rhythm, ordinal; may have passed.
        reasons: of the risk, in words.
    """

    probability: float
    source: Source
    calibration: RiskScore | None
    usual_year_minor: float
    expected_day: int
    reasons: tuple[Reason, ...]

    @property
    def at_stake_minor(self) -> float:
        """A usual year × the probability of losing it."""
        return self.usual_year_minor * self.probability


class RaiseAlert(NamedTuple):
    """Tell of one customer.

    Attributes:
        rule: of the policy.
        kind: of the rule.
        customer_id: whom.
        cause: names the alert.
        day: the customer-day on which it is raised, ordinal.
        first_day: the first on which a purchase counts as a return.
        horizon_days: what the probability is for.
        followed_days: so many days count: the horizon, but a year at most.
        prospects: None of somebody of whom no model can tell.
        silence_days: since the last purchase; None without one.
        churned_day: when they would be called churned, ordinal; None without a purchase.
        standing: lifecycle and flags.
        groups: kind → group.
        segments: rule segments.
        segment: that was entered or left; "" for other kinds.
        play: what is to be done.
        currency: of all money here.
        sequence: counts the customer's effects.
    """

    rule: str
    kind: Kind
    customer_id: str
    cause: Cause
    day: int
    first_day: int
    horizon_days: int
    followed_days: int
    prospects: Prospects | None
    silence_days: int | None
    churned_day: int | None
    standing: Standing
    groups: Mapping[str, str]
    segments: tuple[str, ...]
    segment: str
    play: Play | None
    currency: str
    sequence: int

    @property
    def alert_id(self) -> str:
        """32 hex digits."""
        return _hash(self.customer_id, "alert", self.rule, self.cause.key)


class ClearAlert(NamedTuple):
    """A purchase has ended the silence that an alert told of.

    Attributes:
        rule: that had raised it.
        customer_id: of whom.
        alert_id: which alert.
        cause: the purchase.
        why: `purchase`; `late_purchase`: the silence had never been.
        sequence: counts the customer's effects.
    """

    rule: str
    customer_id: str
    alert_id: str
    cause: Cause
    why: Why
    sequence: int

    @property
    def effect_id(self) -> str:
        """32 hex digits."""
        return cleared_id(self.alert_id)


class ResolveAlert(NamedTuple):
    """The horizon of an alert has ended.

    Attributes:
        rule: that had raised it.
        customer_id: of whom; after a merge, the id that stayed.
        alert_id: which alert.
        at_ms: event time.
        returned_day: of the first purchase within the horizon, ordinal; None: there was none.
        purchase_days: within the horizon.
        spent_minor: net, likewise.
        sequence: counts the customer's effects.
    """

    rule: str
    customer_id: str
    alert_id: str
    at_ms: int
    returned_day: int | None
    purchase_days: int
    spent_minor: int
    sequence: int

    @property
    def effect_id(self) -> str:
        """32 hex digits."""
        return _hash(self.alert_id, "resolved")


AlertEffect = RaiseAlert | ClearAlert | ResolveAlert
Effect = PublishChange | AlertEffect


def cleared_id(alert_id: str) -> str:
    """The id of what says that an alert is void."""
    return _hash(alert_id, "cleared")


def changes_in(effects: Iterable[Effect]) -> tuple[PublishChange, ...]:
    """Those that are published as changes."""
    return tuple([each for each in effects if isinstance(each, PublishChange)])


def alerts_in(effects: Iterable[Effect]) -> tuple[AlertEffect, ...]:
    """Those that are about alerts."""
    return tuple([each for each in effects if not isinstance(each, PublishChange)])


def _hash(*parts: str) -> str:
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=16, person=b"alert").hexdigest()
