"""The gate: whether somebody may be told of now, the same for alerts and for exports.

    suppressed ─► no consent for the channel ─► told of too often lately ─► through

And when: not in quiet hours where the customer lives, not in a period of the calendar in which alerts
wait.

Enters: a customer's attributes, when they were told of lately, the policy, a moment. Leaves: a refusal,
or a moment to wait for. Forbidden here: the clock, the store, budgets.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from models.calendar import day_of, start_of_day_ms
from models.customer import Attribute
from models.policy import Policy
from models.policy_alerts import minute_of

DAY_MS = 86_400_000
LOOKS_AHEAD_DAYS = 366  # a calendar may leave no day at all
_YES = frozenset({"true", "yes", "1", "on"})
_NO = frozenset({"false", "no", "0", "off"})


class Refusal(StrEnum):
    """Why somebody must not be told of."""

    SUPPRESSED = "suppressed"
    NO_CONSENT = "no_consent"
    TOO_OFTEN = "too_often"


class Contact(NamedTuple):
    """A customer as the gate sees them.

    Attributes:
        attributes: of the profile.
        told_ms: when somebody was told of them lately, wall clock; held out counts as told.
    """

    attributes: Mapping[str, Attribute]
    told_ms: tuple[int, ...] = ()

    def says(self, name: str) -> bool | None:
        """Yes or no, as an attribute says it; None: nothing that can be read so.

        >>> contact = Contact({"a": Attribute(0, 1, "yes"), "b": Attribute(0, 1, 0)})
        >>> contact.says("a"), contact.says("b"), contact.says("c")
        (True, False, None)
        """
        found = self.attributes.get(name)
        if found is None or found.value is None:
            return None
        word = str(found.value).strip().lower()
        return True if word in _YES else False if word in _NO else None


def refusal(contact: Contact, channel: str, policy: Policy, now_ms: int) -> Refusal | None:
    """Why a customer must not be told of; None if they may.

    Args:
        contact: the customer.
        channel: that they must have agreed to; "": none is used.
        policy: in force.
        now_ms: wall clock.
    """
    alerts = policy.alerts
    if alerts.suppression and _is_listed(contact, alerts.suppression):
        return Refusal.SUPPRESSED
    if channel:
        agreed = contact.says(f"consent.{channel}")
        if agreed is False or (agreed is None and alerts.consent_unknown == "refuse"):
            return Refusal.NO_CONSENT
    since_ms = now_ms - alerts.frequency_days * DAY_MS
    told = sum(each > since_ms for each in contact.told_ms)
    return Refusal.TOO_OFTEN if alerts.frequency_cap and told >= alerts.frequency_cap else None


def _is_listed(contact: Contact, name: str) -> bool:
    """Whether an attribute puts a customer on the list: whatever it says, unless it is no."""
    found = contact.attributes.get(name)
    return found is not None and found.value is not None and contact.says(name) is not False


def waits_until(contact: Contact, quiet_hours: str, policy: Policy, now_ms: int) -> int | None:
    """When the quiet hours or the period are over that it now is; None if it is neither.

    Args:
        contact: whose time zone counts, if their profile tells one.
        quiet_hours: such as `21:00-08:00`; "": none.
        policy: in force.
        now_ms: wall clock.
    """
    zone = zone_of(contact, policy)
    until = [
        *([_quiet_until(quiet_hours, zone, now_ms)] if quiet_hours else []),
        _period_until(policy, now_ms),
    ]
    return max((each for each in until if each is not None), default=None)


def zone_of(contact: Contact, policy: Policy) -> ZoneInfo:
    """The customer's time zone; the shop's, if their profile tells none that there is."""
    told = contact.attributes.get(policy.alerts.timezone_attribute)
    named = _zone(told.value) if told is not None and isinstance(told.value, str) else None
    return named or policy.timezone


@lru_cache(maxsize=1_024)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _quiet_until(hours: str, zone: ZoneInfo, now_ms: int) -> int | None:
    begin, end = map(minute_of, hours.split("-"))
    now = datetime.fromtimestamp(now_ms // 1_000, zone)
    minute = 60 * now.hour + now.minute
    inside = begin <= minute < end if begin < end else not end <= minute < begin
    if not inside:
        return None
    over = now.date() if minute < end else now.date() + timedelta(days=1)
    at = time(end // 60, end % 60)
    twice = (_moment_ms(datetime.combine(over, at.replace(fold=fold), zone)) for fold in (0, 1))
    return next(each for each in twice if each > now_ms)  # the hour that a night has twice


def _period_until(policy: Policy, now_ms: int) -> int | None:
    """The end of the periods in which alerts wait; one may follow the other."""
    day = today = day_of(now_ms, policy.timezone)
    waiting = [each for each in policy.calendar if each.alerts == "wait"]
    while day < today + LOOKS_AHEAD_DAYS and (
        ends := [end for each in waiting for _, end in each.spans(day, day)]
    ):
        day = min(max(ends) + 1, today + LOOKS_AHEAD_DAYS)
    return None if day == today else start_of_day_ms(day, policy.timezone)


def next_choice_ms(policy: Policy, now_ms: int) -> int:
    """The next time of day at which rules with a budget choose; now counts as past."""
    minute = minute_of(policy.alerts.decide_at)
    today = datetime.fromtimestamp(now_ms // 1_000, policy.timezone).date()
    at = time(minute // 60, minute % 60)
    moments = (
        _moment_ms(datetime.combine(today + timedelta(days=ahead), at, policy.timezone))
        for ahead in (0, 1, 2)
    )
    return next(each for each in moments if each > now_ms)


def _moment_ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000)
