"""What a webhook says: alerts as CloudEvents, or as a message for people in Slack.

Enters: alerts as they stand on `churn-alerts.v1`, JSON objects in CloudEvents' structured mode.
Leaves: a body, its content type and its id. Forbidden here: the network, the clock, secrets.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic_core import to_json

from models.alerts import AlertType
from models.amounts import money
from streams.endpoints import Endpoint

MAX_SHOWN = 256  # characters of one value in a message for people; ids have at most as many bytes
_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_MEANINGFUL = 1e15  # no count of days or minor units is beyond

# Of these the figures follow in sentences of their own; the others say in `says` what has happened.
_HEADLINES = {"churn.risk_raised": "may be lost", "customer.overdue": "is overdue"}


def message(endpoint: Endpoint, alerts: Sequence[Mapping[str, Any]]) -> bytes:
    """The body of one request.

    Args:
        endpoint: its format, and whether it takes one alert at a time.
        alerts: at least one; one if the endpoint's batch is 1. Their text is what UTF-8 can hold.

    Raises:
        ValueError: too few alerts, or too many.
    """
    if not 1 <= len(alerts) <= endpoint.batch:
        raise ValueError(f"{len(alerts)} alerts; {endpoint.name} takes 1 to {endpoint.batch}")
    if endpoint.format == "slack":
        return to_json({"text": "\n\n".join(map(_paragraph, alerts))})
    return to_json(alerts[0] if endpoint.batch == 1 else alerts, inf_nan_mode="null")


def content_type(endpoint: Endpoint) -> str:
    """Of the body: CloudEvents' own, as its HTTP binding names them."""
    if endpoint.format == "slack":
        return "application/json"
    return f"application/cloudevents{'' if endpoint.batch == 1 else '-batch'}+json"


def message_id(alerts: Sequence[Mapping[str, Any]]) -> str:
    """What the receiver knows a request by: the same alerts in the same order have the same id.

    The alert's own where there is one and it can stand in a header; otherwise a hash, 32 hex
    digits.
    """
    ids = [alert.get("id") for alert in alerts]
    if len(ids) == 1 and isinstance(ids[0], str) and _PLAIN_ID.fullmatch(ids[0]):
        return ids[0]
    return hashlib.blake2b(to_json(ids), digest_size=16).hexdigest()


def _paragraph(alert: Mapping[str, Any]) -> str:
    found = alert.get("data")
    told: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    who = _text(told.get("customer_id")) or "a customer"
    rule = _text(told.get("rule"))
    if alert.get("type") == AlertType.RISK_CLEARED:
        headline, sentences = "is no longer at risk", _of_clearing(told)
    else:
        kind = _text(told.get("kind")) or _text(alert.get("type")) or "needs a look"
        known = _HEADLINES.get(kind) or _english(told.get("says"))
        headline, sentences = known or kind.replace(".", " "), _of_alert(told)
    first = f"*{who}* {headline}{f' (rule {rule})' if rule else ''}."
    return " ".join([first, *sentences])


def _of_alert(told: Mapping[str, Any]) -> Iterator[str]:
    yield from _prospects(told)
    silence_days = _number(told.get("silence_days"))
    if silence_days is not None:
        yield f"Silent for {_days(silence_days)}."
    yield from _expected(told)
    reasons = told.get("reasons")
    why = _english(reasons[0]) if isinstance(reasons, list) and reasons else None
    if why:
        yield f"Why: {why}."
    action = _english(told.get("action"))
    if action:
        yield f"To do: {action}."


def _of_clearing(told: Mapping[str, Any]) -> Iterator[str]:
    retracts = told.get("retracts")
    if isinstance(retracts, list) and retracts:
        count = "the earlier alert" if len(retracts) == 1 else f"{len(retracts)} earlier alerts"
        yield f"Please disregard {count}."
    reason = _text(told.get("reason"))
    if reason:
        yield f"Why: {reason.replace('_', ' ')}."


def _prospects(told: Mapping[str, Any]) -> Iterator[str]:
    probability, horizon_days = _number(told.get("probability")), _number(told.get("horizon_days"))
    if probability is not None:
        within = "" if horizon_days is None else f" within {_days(horizon_days)}"
        yield f"{probability:.0%} likely to buy nothing{within}."
    at_stake_minor, currency = _number(told.get("at_stake_minor")), told.get("currency")
    known = isinstance(currency, str) and _CURRENCY.fullmatch(currency)
    if at_stake_minor is not None and known:  # a figure of no currency says nothing
        yield f"{money(at_stake_minor, str(currency))} at stake."


def _expected(told: Mapping[str, Any]) -> Iterator[str]:
    expected_on, overdue_days = _text(told.get("expected_on")), _number(told.get("days_overdue"))
    parts = [f"expected on {expected_on}"] if expected_on else []
    if overdue_days is not None and overdue_days > 0:
        parts.append(f"{_days(overdue_days)} overdue")
    if parts:
        yield ", ".join(parts).capitalize() + "."


def _english(words: Any) -> str | None:
    text = _text(words.get("en")) if isinstance(words, Mapping) else None
    return text.rstrip(".") if text else None


def _text(value: Any) -> str | None:
    """For Slack: one line, not too long, its three control characters escaped; None: no text.

    See https://docs.slack.dev/messaging/formatting-message-text#escaping.
    """
    if not isinstance(value, str):
        return None
    shown = "".join(each if each.isprintable() else " " for each in value)
    short = " ".join(shown.split())[:MAX_SHOWN]
    return short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _number(value: Any) -> float | None:
    """None: not a number that means anything."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if -_MEANINGFUL < value < _MEANINGFUL else None  # NaN is not, either


def _days(count: float) -> str:
    return f"{round(count)} day{'' if round(count) == 1 else 's'}"
