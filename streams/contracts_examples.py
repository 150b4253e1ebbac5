"""One example a message, made by the code that writes it.

Enters: nothing. Leaves: headers and bodies, as JSON. Forbidden here: writing an output by hand.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import SecretStr

from models.adapters import Source, normalise
from models.alerts import AlertEffect, ClearAlert, Prospects, RaiseAlert, ResolveAlert
from models.default_plays import ROLES
from models.effects import OF_RULES, Cause, EffectType, PublishChange, Why
from models.erasure import Mark, Pseudonyms, Removed
from models.events import (
    Kind,
    LogRecord,
    Read,
    Rejected,
    encode_policy_published,
    encode_population_learned,
    encode_tick,
    read_record,
)
from models.ledger import Standing
from models.lifecycle import State
from models.policy_alerts import OF_SEGMENTS, Alerts
from models.policy_alerts import Kind as AlertKind
from models.scores import RiskScore
from models.segments import rule_segment
from models.stages import AGREES, AHEAD
from models.value_grid import FIELD_NAMES
from models.words import Reason
from streams.alert_notices import Cleared, Raised, read_notice
from streams.endpoint_trial import trial_event
from streams.endpoints import MIN_SECRET_BYTES, SECRET_PREFIX, Endpoint
from streams.messages import Source as Place
from streams.messages import change_row, dead_letter_row, erasure_row, source_dead_letter_row
from streams.messages_alerts import alert_row, forgotten_row
from streams.store import OutboxRow
from streams.topics import LOG
from streams.webhook import signature_headers
from streams.webhook_body import content_type, message, message_id

AT_MS = 1_488_326_400_000  # 2017-03-01T00:00:00Z
DAY = 736_389  # the same
PLACE = Place("main", 3, 41_872, "d2fffe021d92", population=7)
_WHO = {"customer_id": "1228", "occurred_at": "2026-03-01T10:00:00Z"}
_PAID = {"amount_minor": 4_990, "currency": "USD", "order_id": "1"}
EVENTS: Mapping[Kind, Mapping[str, Any]] = {
    Kind.PURCHASE: {
        "event_id": "o-1",
        **_WHO,
        **_PAID,
        "channel": "web",
        "items": [{"sku": "coffee-500", "quantity": 2, "unit_price_minor": 2_495}],
    },
    Kind.REFUND: {"event_id": "r-1", **_WHO, **_PAID},
    Kind.PROFILE: {
        "event_id": "p-1",
        **_WHO,
        "attributes": {"region": "North", "consent.email": True, "birth_year": 1981, "vip": None},
    },
    Kind.ENGAGEMENT: {"event_id": "s-1", **_WHO, "type": "survey", "score": 9},
    Kind.ERASURE: {"event_id": "x-1", **_WHO},
    Kind.MERGE: {"event_id": "m-1", **_WHO, "into": "zoe@example.com"},
    Kind.TRANSFER: {"event_id": "t-1", **_WHO, "merged_id": "a1b2"},
    Kind.TICK: json.loads(encode_tick(AT_MS)),
    Kind.POPULATION: json.loads(encode_population_learned(7, "1f" * 16)),
    Kind.POLICY: json.loads(encode_policy_published(3, "2a" * 16)),
}
_CHANGED: Mapping[EffectType, tuple[str, str, str]] = {
    EffectType.RFM_CHANGED: ("loyal", "needs_attention", "quintile"),
    EffectType.CLUSTER_CHANGED: ("3", "5", ""),
    EffectType.VALUE_TIER_CHANGED: ("medium", "high", ""),
    EffectType.RISK_CHANGED: ("low", "elevated", ""),
    EffectType.ATTACHMENT_CHANGED: ("low", "medium", ""),
    EffectType.GRID_CHANGED: (FIELD_NAMES[0], FIELD_NAMES[1], ""),
    EffectType.STAGE_CHANGED: (AHEAD, AGREES, ""),
}
_ACTIVE, _DORMANT = Standing(State.ACTIVE, overdue=True), Standing(State.DORMANT)
_SILENCE = Cause(f"deadline:dormant:{AT_MS}", AT_MS, Why.SILENCE)
_BOUGHT = Cause.of_event("o-1", AT_MS, Why.PURCHASE)
_SEGMENT = rule_segment("big-spenders")
_CALIBRATION = RiskScore(
    source="model",
    own=True,
    version=6,
    resolved_day=DAY - 3,
    customers=300,
    lost=100,
    predicted=0.3457,
    auc=0.8123,
    ece=0.0123,
    log_loss=0.5,
    bins=(),
)
_PROSPECTS = Prospects(
    *(0.6123, "model", _CALIBRATION, 120_000.0, DAY - 12),
    (Reason(2.35, "silent for 3 times as long as usual", "静默时间为平时的 3 倍"),),
)
_ENDPOINT = {"name": "crm", "url": SecretStr("https://crm.example.com/hooks/segmenter")}
_SIGNED_AT_S = AT_MS // 1000


class Example(NamedTuple):
    """A message as it is read.

    Attributes:
        headers: as text.
        payload: JSON; None where the body is not.
    """

    headers: Mapping[str, str]
    payload: Any = None


def event(kind: Kind) -> Example:
    """A record of the log."""
    return Example({"kind": kind.value}, EVENTS[kind])


def change(kind: EffectType) -> Example:
    """A change of one customer."""
    return _read(change_row(_effect(kind), PLACE))


def _effect(kind: EffectType) -> PublishChange:
    told = PublishChange(kind, "1228", _SILENCE, _ACTIVE, _DORMANT, AT_MS, 9)
    if kind in _CHANGED:
        before, after, scheme = _CHANGED[kind]
        cause = Cause.of_population(DAY, AT_MS)
        return told._replace(before=before, after=after, scheme=scheme, cause=cause)
    if kind in OF_RULES:
        entered = kind is EffectType.SEGMENT_ENTERED
        one, other = (None, "big-spenders") if entered else ("big-spenders", None)
        return told._replace(before=one, after=other, scheme=_SEGMENT, cause=_BOUGHT)
    if kind is EffectType.CUSTOMER_WON_BACK:
        back = Standing(State.ACTIVE, won_back=True)
        return told._replace(before=_DORMANT, after=back, cause=_BOUGHT)
    if kind in {EffectType.CUSTOMER_ERASED, EffectType.CUSTOMER_MERGED}:
        merged = kind is EffectType.CUSTOMER_MERGED
        cause = Cause.of_event("m-1", AT_MS, Why.MERGED if merged else Why.ERASURE)
        return told._replace(after=None, cause=cause, into="zoe@example.com" if merged else "")
    return told


def alert(kind: AlertKind) -> Example:
    """An alert of a rule."""
    return _read(_told(_raised(kind)))


def cleared() -> Example:
    """What makes it void."""
    found = ClearAlert("leaving", "1228", _raised().alert_id, _BOUGHT, Why.PURCHASE, 11)
    return _read(_told(found))


def resolved() -> Example:
    """What came of it."""
    alert_id = _raised().alert_id
    ended = ResolveAlert("leaving", "1228", alert_id, AT_MS, DAY + 12, 2, 9_980, 12)
    return _read(_told(ended))


def forgotten() -> Example:
    """That somebody was erased, for those who keep alerts."""
    record = LogRecord(3, 41_872, AT_MS, b"1228", _json(EVENTS[Kind.ERASURE]), {"kind": b"erasure"})
    read = read_record(record._replace(timestamp_ms=2 * AT_MS), LOG)
    assert isinstance(read, Read)
    return _read(forgotten_row("1228", read, PLACE))


def dead_letter() -> Example:
    """A purchase in a currency that nobody has."""
    value = _json({**EVENTS[Kind.PURCHASE], "currency": "usd"})
    record = LogRecord(3, 41_872, 2 * AT_MS, b"1228", value, {"kind": b"purchase"})
    rejected = read_record(record, LOG)
    assert isinstance(rejected, Rejected)
    return _read(dead_letter_row(record, rejected, PLACE))


def source_dead_letter() -> Example:
    """An order of a shop whose total is no number."""
    order = {"id": 1, "created_at": "2026-03-01T10:00:00Z", "currency": "USD", "line_items": []}
    value = _json({**order, "customer": {"id": 1228}, "total_price": "?"})
    record = LogRecord(0, 0, AT_MS, None, value, {"x-shopify-topic": b"orders/create"})
    told = {name: each.decode() for name, each in record.headers.items()}
    (rejected,) = normalise("shop", Source(source="shopify"), value, told)
    assert isinstance(rejected, Rejected)
    where = {"source.name": "shop", "source.topic": "/v1/ingest/shop", "source.namespace": "main"}
    return _read(source_dead_letter_row(record, rejected, where))


def erased() -> Example:
    """What `erasures.v1` keeps of a person."""
    mark = Mark(AT_MS, "9c" * 8, Removed(state=True, purchases=12, remembered=9))
    keyed = Pseudonyms(b"the installation's own")
    return _read(erasure_row(keyed.of("1228"), mark, keyed.key_id, 4, PLACE))


def webhook(what: str) -> Example:
    """A request to an endpoint.

    Args:
        what: `alert`, `cleared`, `batch`, `slack` or `test`.
    """
    shapes: Mapping[str, Mapping[str, Any]] = {
        "slack": {"format": "slack"},
        "batch": {"batch": 10},
    }
    shaped = shapes.get(what, {})
    secret = SecretStr(SECRET_PREFIX + base64.b64encode(bytes(MIN_SECRET_BYTES)).decode())
    endpoint = Endpoint.model_validate({**_ENDPOINT, "secrets": (secret,), **shaped})
    events = [_event(what, endpoint)]
    body, named = message(endpoint, events), message_id(events)
    signed = signature_headers(endpoint.secrets, named, _SIGNED_AT_S, body)
    return Example({**signed, "Content-Type": content_type(endpoint)}, json.loads(body))


def _event(what: str, endpoint: Endpoint) -> dict[str, Any]:
    if what == "test":
        return {**trial_event(endpoint, PLACE.namespace, AT_MS), "id": "3b" * 16}
    effect: AlertEffect = _raised()
    if what == "cleared":
        effect = ClearAlert("leaving", "1228", _raised().alert_id, _BOUGHT, Why.PURCHASE, 11)
    row = _told(effect)
    notice = read_notice(LogRecord(0, 7, AT_MS, row.key, row.value, dict(row.headers)), "main")
    assert isinstance(notice, Raised | Cleared)
    told: dict[str, Any] = json.loads(notice.told)
    return told


def _raised(kind: AlertKind = "churn.risk_raised") -> RaiseAlert:
    of_segment = kind in OF_SEGMENTS
    return RaiseAlert(
        rule="leaving",
        kind=kind,
        customer_id="1228",
        cause=_BOUGHT if of_segment or kind == "customer.won_back" else _SILENCE,
        day=DAY,
        first_day=DAY,
        horizon_days=28,
        followed_days=28,
        prospects=_PROSPECTS,
        silence_days=36,
        churned_day=DAY + 27,
        standing=_ACTIVE,
        groups={"quintile": "at_risk", "risk": "high", "tier": "high"},
        segments=(_SEGMENT,),
        segment=_SEGMENT if of_segment else "",
        play=ROLES["leaving"],
        currency="USD",
        sequence=10,
    )


def _told(effect: AlertEffect) -> OutboxRow:
    return alert_row(effect, PLACE, Alerts(), Pseudonyms(b"the installation's own"))


def _read(row: OutboxRow) -> Example:
    headers = {name: value.decode() for name, value in row.headers}
    return Example(headers, json.loads(row.value or b"null"))


def _json(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode()
