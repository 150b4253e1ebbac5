"""What stands on `churn-alerts.v1`, read: an alert, what cleared it, what came of it, who is forgotten.

Enters: a record. Leaves: a notice, or None for what is of another installation, or nothing that can be
read: whoever may write into the topic must not stop its reader. Forbidden here: deciding.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any, NamedTuple

from models.alert_record import (
    CERTAIN_PPM,
    AlertOutcome,
    AlertRecord,
    Arm,
    decode_record,
    encode_record,
)
from models.alerts import AlertType
from models.effects import EffectType
from models.events import REPLAY, LogRecord


class Raised(NamedTuple):
    """An alert.

    Attributes:
        record: nothing is decided yet.
        told: the CloudEvent, JSON in structured mode.
        replayed: it follows from a replay.
    """

    record: AlertRecord
    told: bytes
    replayed: bool


class Cleared(NamedTuple):
    """A purchase has ended the silence that alerts told of; `told` as in `Raised`."""

    customer_id: str
    event_id: str
    alert_ids: tuple[str, ...]
    at_ms: int
    told: bytes


class Resolved(NamedTuple):
    """The horizon of an alert has ended."""

    customer_id: str
    alert_id: str
    outcome: AlertOutcome


class Forgotten(NamedTuple):
    """Somebody was erased."""

    customer_id: str


Notice = Raised | Cleared | Resolved | Forgotten


def read_notice(record: LogRecord, namespace: str) -> Notice | None:
    """One record of the topic.

    Args:
        record: as it was read.
        namespace: of the installation; the topic may be shared.
    """
    try:
        headers = {name: value.decode() for name, value in record.headers.items()}
        if headers["source.namespace"] != namespace:
            return None
        body = json.loads(record.value or b"")
        return _read(headers, body, replayed=REPLAY in record.headers)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        return None


def _read(headers: dict[str, str], body: dict[str, Any], *, replayed: bool) -> Notice:
    customer_id, kind = str(body["customer_id"]), headers["ce_type"]
    customer_id.encode()  # or it can be no field
    if kind == EffectType.CUSTOMER_ERASED:
        return Forgotten(customer_id)
    if kind == AlertType.RESOLVED:
        came = _ordinal(body["returned_on"])
        outcome = AlertOutcome(came, int(body["purchase_days"]), int(body["spent_minor"]))
        _storable(_NOBODY._replace(outcome=outcome))
        return Resolved(customer_id, str(body["alert"]), outcome)
    told = json.dumps(_event(headers, body), ensure_ascii=False).encode()
    at_ms = _moment(headers["ce_time"])
    if kind == AlertType.RISK_CLEARED:
        ids = tuple(map(str, body["retracts"]))
        return Cleared(customer_id, headers["ce_id"], ids, at_ms, told)
    return Raised(_storable(_record(headers["ce_id"], at_ms, body)), told, replayed)


def _record(alert_id: str, at_ms: int, body: dict[str, Any]) -> AlertRecord:
    probability, day = body["probability"], _ordinal(body["day"])
    if int(body["followed_days"]) < int(body["horizon_days"]):
        probability = None  # it is of more days than are followed: nothing to judge it by
    if day is None:
        raise ValueError("an alert of no day")
    return AlertRecord(
        alert_id=alert_id,
        rule=str(body["rule"]),
        kind=str(body["kind"]),
        customer_id=str(body["customer_id"]),
        raised_ms=at_ms,
        day=day,
        horizon_days=int(body["followed_days"]),
        probability_ppm=None if probability is None else round(CERTAIN_PPM * probability),
        at_stake_minor=int(body["at_stake_minor"] or 0),
        silence_days=body["silence_days"],
        churned_day=_ordinal(body["churned_on"]),
        arm=Arm(body["arm"]),
    )


_NOBODY = AlertRecord("", "", "", "", 0, 1, 1, None, 0, None, None, Arm.TREATED)


def _storable(record: AlertRecord) -> AlertRecord:
    """Raises ValueError: it could be kept, but not read again."""
    return decode_record(encode_record(record))


def _event(headers: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
    """The CloudEvent in structured mode."""
    return {
        "specversion": headers["ce_specversion"],
        "id": headers["ce_id"],
        "type": headers["ce_type"],
        "source": headers["ce_source"],
        "time": headers["ce_time"],
        "subject": headers["ce_subject"],
        "datacontenttype": headers["content-type"],
        "data": body,
    }


def _ordinal(text: str | None) -> int | None:
    return None if text is None else date.fromisoformat(text).toordinal()


def _moment(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1_000)
