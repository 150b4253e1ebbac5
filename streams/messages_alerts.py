"""Alerts as outbox rows for `churn-alerts.v1`: CloudEvents in binary mode, as changes are.

The topic has one partition, so whoever reads it has one order. Besides alerts, what clears them and
what came of them it carries `customer.erased`, so that who keeps alerts forgets with us.

What a replay brings about carries the header `replay`: it is on the topic, and nobody is told of it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pydantic_core import to_json

from models.alert_words import Sentence, cancelled_by, headline
from models.alerts import AlertEffect, AlertType, ClearAlert, Prospects, RaiseAlert, ResolveAlert
from models.calendar import iso_date
from models.effects import Cause, EffectType, Why, effect_id
from models.erasure import Pseudonyms
from models.events import REPLAY, Read
from models.holdout import arm_of
from models.policy_alerts import Alerts, Play
from models.scores import RiskScore
from streams.messages import Source, encoded, place_of, rfc3339
from streams.store import OutboxRow
from streams.topics import ALERTS, LOG


class _Named(NamedTuple):
    """Id, type and event time of what is told."""

    event_id: str
    type: str
    at_ms: int


def alert_row(
    effect: AlertEffect, source: Source, alerts: Alerts, pseudonyms: Pseudonyms
) -> OutboxRow:
    """What is told of one customer, keyed by customer.

    Args:
        effect: of the core.
        source: where it comes from.
        alerts: the policy's section, for the holdout.
        pseudonyms: with the installation's key, likewise.
    """
    named, body = _named_body(effect)
    if isinstance(effect, RaiseAlert):
        body["arm"] = arm_of(effect.customer_id, alerts, pseudonyms)
        body["holdout"] = {"share": alerts.holdout, "salt": alerts.holdout_salt}
    body["sequence"] = effect.sequence
    body["policy"], body["population"] = source.policy, source.population or None
    return _row(named, effect.customer_id, body, source)


def _named_body(effect: AlertEffect) -> tuple[_Named, dict[str, Any]]:
    match effect:
        case RaiseAlert():
            named = _Named(effect.alert_id, effect.kind, effect.cause.at_ms)
            return named, _raised(effect)
        case ClearAlert():
            named = _Named(effect.effect_id, AlertType.RISK_CLEARED, effect.cause.at_ms)
            return named, _cleared(effect)
        case ResolveAlert():
            return _Named(effect.effect_id, AlertType.RESOLVED, effect.at_ms), _resolved(effect)


def forgotten_row(customer_id: str, read: Read, source: Source) -> OutboxRow:
    """That somebody was erased, for those who keep alerts.

    Args:
        customer_id: who.
        read: the erasure.
        source: of it.
    """
    cause = Cause.of_event(read.event_id, read.at_ms, Why.ERASURE)
    kind = EffectType.CUSTOMER_ERASED
    named = effect_id(customer_id, kind, cause, "alerts")
    return _row(_Named(named, kind, read.at_ms), customer_id, {}, source)


def _row(named: _Named, customer_id: str, body: dict[str, Any], source: Source) -> OutboxRow:
    headers = {
        "ce_specversion": "1.0",
        "ce_id": named.event_id,
        "ce_type": str(named.type),
        "ce_source": f"/segmenter/{source.namespace}/{LOG}/{source.partition}",
        "ce_time": rfc3339(named.at_ms),
        "ce_subject": customer_id,
        "content-type": "application/json",
        **place_of(source),
    }
    if source.replayed:
        headers[REPLAY] = "true"
    value = to_json({"customer_id": customer_id, **body})
    return OutboxRow(ALERTS, customer_id.encode(), value, encoded(headers))


def _raised(alert: RaiseAlert) -> dict[str, Any]:
    says, cancels = headline(alert), cancelled_by(alert)
    return {
        "rule": alert.rule,
        "kind": alert.kind,
        "says": says._asdict(),
        "reason": alert.cause.why,
        "cause": alert.cause.key,
        "day": iso_date(alert.day),
        "horizon_days": alert.horizon_days,
        "counts_from": iso_date(alert.first_day),
        "counts_until": iso_date(alert.first_day + alert.followed_days - 1),
        "followed_days": alert.followed_days,
        **_expected(alert.prospects, alert),
        "currency": alert.currency,
        "silence_days": alert.silence_days,
        "churned_on": iso_date(alert.churned_day),
        "lifecycle": alert.standing.lifecycle,
        "flags": alert.standing.flags,
        "groups": dict(sorted(alert.groups.items())),
        "segments": alert.segments,
        "segment": alert.segment or None,
        "action": _action(alert.play),
        "cancelled_by": cancels and cancels._asdict(),
    }


def _cleared(effect: ClearAlert) -> dict[str, Any]:
    return {
        "rule": effect.rule,
        "retracts": [effect.alert_id],
        "reason": effect.why,
        "cause": effect.cause.key,
    }


def _resolved(effect: ResolveAlert) -> dict[str, Any]:
    return {
        "rule": effect.rule,
        "alert": effect.alert_id,
        "returned": effect.returned_day is not None,
        "returned_on": iso_date(effect.returned_day),
        "purchase_days": effect.purchase_days,
        "spent_minor": effect.spent_minor,
    }


def _expected(seen: Prospects | None, alert: RaiseAlert) -> dict[str, Any]:
    if seen is None:
        keys = ("probability", "model", "calibration", "expected_on", "days_overdue")
        return {**dict.fromkeys((*keys, "usual_year_minor", "at_stake_minor")), "reasons": []}
    return {
        "probability": round(seen.probability, 6),
        "model": seen.source,
        "calibration": _calibration(seen.calibration),
        "expected_on": iso_date(seen.expected_day),
        "days_overdue": max(0, alert.day - seen.expected_day),
        "usual_year_minor": round(seen.usual_year_minor),
        "at_stake_minor": round(seen.at_stake_minor),
        "reasons": [
            {"factor": round(each.factor, 3), **Sentence(each.english, each.chinese)._asdict()}
            for each in seen.reasons
        ],
    }


def _calibration(score: RiskScore | None) -> dict[str, Any] | None:
    """How good the model's newest resolved predictions were."""
    if score is None:
        return None
    return {
        "customers": score.customers,
        "predicted": round(score.predicted, 4),
        "lost": round(score.lost / score.customers, 4),
        "ece": round(score.ece, 4),
        "auc": None if score.auc is None else round(score.auc, 4),
        "resolved_on": iso_date(score.resolved_day),
    }


def _action(play: Play | None) -> dict[str, Any] | None:
    if play is None:
        return None
    said = Sentence(play.action, play.action_zh or play.action)
    chinese = {
        "goal_zh": play.goal_zh,
        "owner_zh": play.owner_zh,
    }  # only where somebody has said so
    told = {name: text for name, text in chinese.items() if text}
    return {**said._asdict(), "goal": play.goal or None, "owner": play.owner or None, **told}
