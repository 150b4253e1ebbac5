"""What a scenario brings about, as values to compare with literals.

    effect == "2024-04-15: lifecycle active → dormant (silence)"

Enters: rows on their way to `segment-changes.v1`, `churn-alerts.v1` and `dead-letters.v1`. Leaves:
effects, alerts, rejections; each has a text, and equals it. Forbidden here: judging anything.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from models.effects import OF_RULES, EffectType
from streams.scenario_times import published_at, when_text
from streams.show import printable, standing_in_words
from streams.store import OutboxRow

REJECTIONS_SHOWN = 5
NOBODY = "none"  # before a customer was known, after they were forgotten, in no group
ALERTS = "alerts"
_ABOUT = {
    EffectType.LIFECYCLE_CHANGED: "lifecycle",
    EffectType.CUSTOMER_WON_BACK: "lifecycle",
    EffectType.SEGMENT_ENTERED: "segments",
    EffectType.SEGMENT_EXITED: "segments",
    EffectType.RFM_CHANGED: "rfm",
    EffectType.CLUSTER_CHANGED: "cluster",
    EffectType.RISK_CHANGED: "risk",
    EffectType.VALUE_TIER_CHANGED: "tier",
    EffectType.ATTACHMENT_CHANGED: "attachment",
    EffectType.GRID_CHANGED: "grid",
    EffectType.STAGE_CHANGED: "stage",
    EffectType.CUSTOMER_ERASED: "persons",
    EffectType.CUSTOMER_MERGED: "persons",
}
SUBJECTS = (*dict.fromkeys(_ABOUT.values()), ALERTS)


@dataclass(frozen=True, eq=False, repr=False)
class _Told:
    """Equal to its text, and shown as that.

    Attributes:
        text: all in a line.
    """

    text: str

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return self.text == other
        return type(other) is type(self) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return repr(self.text)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, eq=False, repr=False)
class Effect(_Told):
    """A change of one customer, as it stands in `segment-changes.v1`.

    Attributes:
        type: the CloudEvents type, `lifecycle.changed` and so on.
        customer: whose.
        at: event time, in the time zone of the shop.
        what: in words, without the moment.
        before: the lifecycle state or group; None: none.
        after: the same.
        reason: in a word, as published.
        segment: the rule segment entered or left; None of other effects.
        scheme: of the RFM or value group; None of other effects.
        flags: behind it, of a lifecycle effect.
        retracts: ids of earlier effects that were false.
        sequence: counts the customer's effects.
    """

    type: str
    customer: str
    at: datetime
    what: str
    before: str | None
    after: str | None
    reason: str
    segment: str | None
    scheme: str | None
    flags: tuple[str, ...]
    retracts: tuple[str, ...]
    sequence: int

    @property
    def about(self) -> str:
        """One of `SUBJECTS`."""
        return _ABOUT[EffectType(self.type)]

    @property
    def kind(self) -> str:
        """What effects of one kind have in common."""
        return self.what


@dataclass(frozen=True, eq=False, repr=False)
class Alert(_Told):
    """What is told of one customer, as it stands in `churn-alerts.v1`: before gate, budget and holdout.

    Attributes:
        type: the rule's `on`, `churn.risk_cleared` or `alert.resolved`.
        rule: of the policy.
        customer: of whom.
        at: event time, in the time zone of the shop.
        what: in words, without the moment.
        body: all that is published, as docs/alerts.md has it.
    """

    type: str
    rule: str
    customer: str
    at: datetime
    what: str
    body: Mapping[str, Any]

    @property
    def about(self) -> str:
        """Alerts are about alerts."""
        return ALERTS

    @property
    def kind(self) -> str:
        """What alerts of one kind have in common."""
        return f"alert {self.rule} {_BECAME.get(self.type, 'raised')}"


@dataclass(frozen=True, eq=False, repr=False)
class Rejection(_Told):
    """An event that could not be used, as it stands in `dead-letters.v1`.

    Attributes:
        customer: of whom it told.
        kind: of event.
        occurred_at: as it was written.
        reason: in a word, as docs/events.md lists them.
        detail: in a sentence.
    """

    customer: str
    kind: str
    occurred_at: str
    reason: str
    detail: str


_BECAME = {"churn.risk_cleared": "cleared", "alert.resolved": "resolved"}


def effect_of(row: OutboxRow, zone: ZoneInfo) -> Effect:
    """A row for `segment-changes.v1`."""
    headers, body = _opened(row)
    kind = EffectType(headers["ce_type"])
    after, at = body["after"], published_at(headers["ce_time"], zone)
    what = _change_in_words(kind, body)
    return Effect(
        text=f"{when_text(at)}: {what}",
        type=str(kind),
        customer=body["customer_id"],
        at=at,
        what=what,
        before=_place(body["before"]),
        after=_place(after),
        reason=body["reason"],
        segment=_rule_of(body) if kind in OF_RULES else None,
        scheme=body.get("scheme"),
        flags=tuple(after.get("flags", ())) if after else (),
        retracts=tuple(body["retracts"]),
        sequence=body["sequence"],
    )


def alert_of(row: OutboxRow, zone: ZoneInfo) -> Alert | None:
    """A row for `churn-alerts.v1`; None of an erasure, which is an effect, too."""
    headers, body = _opened(row)
    kind = headers["ce_type"]
    if kind == EffectType.CUSTOMER_ERASED:
        return None
    what = f"alert {body['rule']} {_alert_in_words(kind, body)}"
    at = published_at(headers["ce_time"], zone)
    text = f"{when_text(at)}: {what}"
    return Alert(text, kind, body["rule"], body["customer_id"], at, what, body)


def rejection_of(row: OutboxRow) -> Rejection:
    """A row for `dead-letters.v1`."""
    headers = {name: value.decode() for name, value in row.headers}
    try:
        told = json.loads(row.value or b"{}")
    except ValueError:  # cut off, or never JSON
        told = {}
    customer, occurred_at = (str(told.get(each, "?")) for each in ("customer_id", "occurred_at"))
    kind, reason, detail = headers["kind"], headers["error.reason"], headers["error.detail"]
    text = f"{kind} of {customer} at {occurred_at}: {reason} ({detail})"
    return Rejection(text, customer, kind, occurred_at, reason, detail)


def _opened(row: OutboxRow) -> tuple[dict[str, str], dict[str, Any]]:
    return {name: value.decode() for name, value in row.headers}, json.loads(row.value or b"{}")


def _place(standing: dict[str, Any] | None) -> str | None:
    """A lifecycle state, or a group."""
    if standing is None:
        return None
    return str(standing.get("lifecycle") or standing.get("group"))


def _rule_of(body: Mapping[str, Any]) -> str:
    return str(body["segment"]).removeprefix("rule/")


def _change_in_words(kind: EffectType, body: Mapping[str, Any]) -> str:
    reason = str(body["reason"]).replace("_", " ")
    void = len(body["retracts"])
    false = f", {_counted(void, 'earlier change')} void" if void else ""
    return f"{_change(kind, body)} ({reason}{false})"


def _change(kind: EffectType, body: Mapping[str, Any]) -> str:
    match kind:
        case EffectType.SEGMENT_ENTERED:
            return f"enters {_rule_of(body)}"
        case EffectType.SEGMENT_EXITED:
            return f"leaves {_rule_of(body)}"
        case EffectType.CUSTOMER_WON_BACK:
            return "won back"
        case EffectType.CUSTOMER_ERASED:
            return "is forgotten"
        case EffectType.CUSTOMER_MERGED:
            return f"is now {printable(body['into'])}"
        case _:
            named = " ".join([_ABOUT[kind], *filter(None, [body.get("scheme")])])
            before, after = (_words(body[each]) for each in ("before", "after"))
            return f"{named} {before} → {after}"


def _words(standing: dict[str, Any] | None) -> str:
    return NOBODY if standing is None else standing_in_words(standing)


def _alert_in_words(kind: str, body: Mapping[str, Any]) -> str:
    if kind == "churn.risk_cleared":
        return f"cleared ({str(body['reason']).replace('_', ' ')})"
    if kind == "alert.resolved":
        if not body["returned"]:
            return "resolved: did not return"
        return f"resolved: returned on {body['returned_on']}"
    return f"raised: {body['says']['en']}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def rejected_in_words(rejected: Sequence[Rejection]) -> str:
    """What a test is told of events that it did not expect to be rejected."""
    shown = "\n".join(f"  {each}" for each in rejected[:REJECTIONS_SHOWN])
    more = len(rejected) - REJECTIONS_SHOWN
    also = f"\n  … and {more} more" if more > 0 else ""
    return (
        f"rejected, and so a dead letter in production:\n{shown}{also}\n"
        "If the test is about that: with shop.rejected() as rejected: …"
    )


def subjects(about: str | Collection[str] | None) -> Collection[str]:
    """What effects are asked for by; None: all of them.

    Raises:
        ValueError: there is nothing of that name.
    """
    if about is None:
        return SUBJECTS
    wanted = {about} if isinstance(about, str) else set(about)
    for name in sorted(wanted - set(SUBJECTS)):
        raise ValueError(f"no effect is about {name!r}; they are about {', '.join(SUBJECTS)}")
    return wanted
