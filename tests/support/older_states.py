"""States as schema 7 wrote them: every moment and every day in full."""

from __future__ import annotations

from typing import Any

from models.alert_memory import packed_alerts
from models.customer import CustomerState
from models.ledger import Ledger
from models.lifecycle import State, Trigger

SCHEMA = 7


def fields_of_schema_7(state: CustomerState) -> list[Any]:
    """What schema 7 packed."""
    settled = state.settled if state.settled_through_ms >= 0 else None
    now, then = state.current.book, state.settled.book
    whole: list[Any] = [now.rows, dict(now.labels)]
    if then.rows or then.labels:
        labels: dict[bytes, bytes | int] = {key: 0 for key in now.labels if key not in then.labels}
        whole += [then.rows, {**labels, **then.labels}]
    return [
        *(SCHEMA, state.known_since_ms, state.sequence),
        _ledger(state.current),
        None if settled is None else _ledger(settled),
        state.settled_through_ms,
        list(map(list, state.remembered)),
        dict(state.attributes),
        dict(state.groups),
        state.regroup_ms,
        state.contribution,
        state.renew_ms,
        dict(state.names),
        whole,
        dict(state.engagement),
        *(state.satisfaction, state.rules, state.rules_ms, state.rules_seen),
        packed_alerts(state.alerts),
    ]


def _ledger(ledger: Ledger) -> list[Any]:
    days, standing = ledger.recent_days, ledger.standing
    return [
        *ledger[:6],
        [day - before for before, day in zip((0, *days), days, strict=False)],
        *ledger[7:14],
        ledger.limits,
        ledger.new_until_day,
        *(list(State).index(standing.lifecycle), standing.overdue, standing.won_back),
        *ledger[17:20],
        None if ledger.due is None else list(Trigger).index(ledger.due),
    ]
