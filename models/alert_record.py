"""One alert and what became of it: what was foretold, what was decided, what came true.

    raised ─► waiting ─┬─ sent         delivered
                       ├─ held_out     would have been delivered; kept back to compare with
                       ├─ over_budget  a day's places went to others
                       ├─ blocked      the gate: no consent, suppressed, too often …
                       ├─ cleared      the customer bought before it could go out
                       └─ muted, too_old  by a recovery: nobody is told of the past

Enters: fields, or bytes. Leaves: bytes, or a record that can be one. A MessagePack array that begins
with its schema version; the same record always gives the same bytes. Forbidden here: deciding, the
policy, the clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Any, Literal, NamedTuple

import msgpack
from pydantic import TypeAdapter, ValidationError

from models.customer import MAX_SUM_MINOR

SCHEMA_VERSION = 1
CERTAIN_PPM = 1_000_000
_LAST_DAY = date.max.toordinal()


class CorruptRecord(ValueError):
    """The bytes are not an alert's record, or one of another schema."""


class Arm(StrEnum):
    """Which half of the experiment a customer is in, for good."""

    TREATED = "treated"
    HELD_OUT = "held_out"


class Decision(StrEnum):
    """What was done about an alert."""

    WAITING = "waiting"
    SENT = "sent"
    HELD_OUT = "held_out"
    OVER_BUDGET = "over_budget"
    BLOCKED = "blocked"
    CLEARED = "cleared"
    MUTED = "muted"
    TOO_OLD = "too_old"


Group = Literal["treated", "held_out", "not_sent"]
GROUPS: tuple[Group, ...] = ("treated", "held_out", "not_sent")
_GROUP_OF: Mapping[Decision, Group] = {
    Decision.SENT: "treated",
    Decision.HELD_OUT: "held_out",
    Decision.OVER_BUDGET: "not_sent",
    Decision.BLOCKED: "not_sent",
    Decision.CLEARED: "not_sent",
    Decision.MUTED: "not_sent",
    Decision.TOO_OLD: "not_sent",
}


class AlertOutcome(NamedTuple):
    """What the customer did within the horizon, known when it has ended.

    Attributes:
        returned_day: the first day with a purchase, ordinal; None: there was none. A purchase that
            came to light late may lie before the alert.
        purchase_days: distinct days with a purchase.
        spent_minor: net, reporting currency; below 0 if more was returned than bought.
    """

    returned_day: int | None
    purchase_days: int
    spent_minor: int


class AlertRecord(NamedTuple):
    """One alert.

    Attributes:
        alert_id: unique to its cause.
        rule: the name of the policy's rule that raised it.
        kind: what the rule looks at.
        customer_id: about whom.
        raised_ms: event time.
        day: the customer-day on which it was raised, ordinal.
        horizon_days: customer-days that are followed; the prediction is about as many, if there is one.
        probability_ppm: of no purchase within the horizon, millionths; None: none was made.
        at_stake_minor: a usual year × the probability of losing it, reporting currency.
        silence_days: from the last purchase to `day`; None: no purchase is known.
        churned_day: when they would be called churned, ordinal; None: never.
        arm: held out or not.
        decision: what was done.
        why: what blocked it; empty if nothing did.
        decided_ms: processing time of the decision; None: not yet.
        retracted_ms: event time of the purchase that cleared it; None: there was none.
        outcome: None until the horizon has ended.
    """

    alert_id: str
    rule: str
    kind: str
    customer_id: str
    raised_ms: int
    day: int
    horizon_days: int
    probability_ppm: int | None
    at_stake_minor: int
    silence_days: int | None
    churned_day: int | None
    arm: Arm
    decision: Decision = Decision.WAITING
    why: str = ""
    decided_ms: int | None = None
    retracted_ms: int | None = None
    outcome: AlertOutcome | None = None


_TYPES = TypeAdapter(AlertRecord)


def group(record: AlertRecord) -> Group | None:
    """With whom an alert is counted; None: not at all.

    Not by its arm: who is held out and blocked as well would not have been told anyway.
    """
    return _GROUP_OF.get(record.decision)


def encode_record(record: AlertRecord) -> bytes:
    """Pack; deterministic."""
    packed: bytes = msgpack.packb((SCHEMA_VERSION, *record))
    return packed


def decode_record(packed: bytes) -> AlertRecord:
    """The reverse; every field is checked.

    Raises:
        CorruptRecord: not the bytes of a record, or of another schema.
    """
    try:
        schema, *fields = msgpack.unpackb(packed, use_list=False)
        if schema != SCHEMA_VERSION:
            raise CorruptRecord(f"an alert has schema {schema!r:.20}, known is {SCHEMA_VERSION}")
        return _record(fields)
    except CorruptRecord:
        raise
    except (ValueError, TypeError, LookupError, msgpack.UnpackException) as error:
        raise CorruptRecord(
            f"{len(packed)} bytes are not an alert's record ({_fault(error)})"
        ) from error


def _fault(error: Exception) -> str:
    """What is wrong; of pydantic's words only which field: its value may be a customer's id."""
    if not isinstance(error, ValidationError):
        return f"{error!s:.200}"
    return ", ".join(f"{each['loc']}: {each['type']}" for each in error.errors()[:3])


def _record(fields: list[Any]) -> AlertRecord:
    if len(fields) != len(AlertRecord._fields):
        raise ValueError(f"{len(fields)} fields")
    bare = AlertRecord(*fields)
    record = bare._replace(
        arm=Arm(bare.arm),
        decision=Decision(bare.decision),
        outcome=None if bare.outcome is None else AlertOutcome(*bare.outcome),
    )
    _TYPES.validate_python(record, strict=True)
    _check(record)
    return record


def _check(record: AlertRecord) -> None:
    """What types can't say, and sums and the calendar need."""
    if not 1 <= record.day <= _LAST_DAY:
        raise ValueError(f"its day is {record.day}")
    if not 0 <= (record.probability_ppm or 0) <= CERTAIN_PPM:
        raise ValueError(f"its probability is {record.probability_ppm} millionths")
    if record.horizon_days < 1 or (record.silence_days or 0) < 0:
        raise ValueError(f"a silence of {record.silence_days}, a horizon of {record.horizon_days}")
    outcome = record.outcome
    if outcome is not None and abs(outcome.spent_minor) > MAX_SUM_MINOR:
        raise ValueError(f"an outcome of {outcome.spent_minor} minor units")
