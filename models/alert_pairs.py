"""Alerts of two policies, matched: the same silence of the same customer, told of by the same rule.

    a  ──────●────────────●──────────     same day, earlier, later
    b  ──●───────────●────●─────●────     only in a: missed · only in b: new
         └ earlier by days

A silence is known by the purchase day that it began with. An alert about an event, such as a segment that
is entered, is matched by the same: the last purchase day there was.

Memory: a pair is counted and forgotten once nothing can be added to it: what came of its alerts is known,
and its silence ended so long ago that no late event can bring another alert of it.

Enters: alerts and outcomes as they come. Leaves: sums. Forbidden here: the topic, words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Literal, NamedTuple

from models.alert_ledger import NOTHING, Key, Sums, moved, week_of
from models.alert_record import AlertOutcome, AlertRecord, Decision
from models.comparing import Window

NEVER_BOUGHT = 0  # stands for the day on which a silence began that no purchase precedes
MAX_LATENESS_DAYS = 60  # past the end of a horizon nothing more is heard of an alert
Kind = Literal["same_day", "earlier", "later", "missed", "new"]
KINDS: tuple[Kind, ...] = ("same_day", "earlier", "later", "missed", "new")


class Paired(NamedTuple):
    """Silences that both policies, or one of them, told of, as sums.

    Attributes:
        alerts: silences.
        days: by which the other policy tells earlier, or later.
        resolved: with a known outcome: of `b`, for those that it missed of `a`.
        right: of them, nobody came back.
        still_silent: told of by one only, at the end of the history still silent: the other may yet.
        at_stake_minor: of `b`, for those that it missed of `a`.
    """

    alerts: int = 0
    days: int = 0
    resolved: int = 0
    right: int = 0
    still_silent: int = 0
    at_stake_minor: int = 0

    def plus(self, other: Paired) -> Paired:
        """Both together."""
        return Paired(*(one + more for one, more in zip(self, other, strict=True)))


class Heard:
    """What one policy told: volume, precision and lead, by rule and week.

    Args:
        window: only alerts raised in it count.

    Attributes:
        ledger: sums as the ledger of alerts has them; nothing is decided, so all stand under not_sent.
        at_stake_minor: by rule and week.
    """

    def __init__(self, window: Window) -> None:
        self._window = window
        self._open: dict[str, AlertRecord] = {}
        self.ledger: dict[Key, Sums] = {}
        self.at_stake_minor: Counter[tuple[str, str]] = Counter()

    def raised(self, record: AlertRecord) -> None:
        """An alert came."""
        if not self._window.has(record.day) or record.alert_id in self._open:
            return
        told = record._replace(decision=Decision.MUTED)  # nobody is told of what a trial brings
        self._open[record.alert_id] = told
        self._move(None, told)
        self.at_stake_minor[record.rule, week_of(record.day)] += record.at_stake_minor

    def resolved(self, alert_id: str, outcome: AlertOutcome) -> None:
        """What came of one is known."""
        record = self._open.pop(alert_id, None)
        if record is not None:
            self._move(record, record._replace(outcome=outcome))

    def forgotten(self, customer_id: str) -> None:
        """Somebody was erased: nothing more will be heard of them."""
        gone = [name for name, each in self._open.items() if each.customer_id == customer_id]
        for name in gone:
            del self._open[name]

    @property
    def waits(self) -> bool:
        """Whether an outcome is still to come."""
        return bool(self._open)

    def _move(self, before: AlertRecord | None, after: AlertRecord) -> None:
        for key, delta in moved(before, after).items():
            self.ledger[key] = self.ledger.get(key, NOTHING).plus(delta)


class _Silence(NamedTuple):
    """One silence, as one rule looks at it."""

    customer_id: str
    rule: str
    since_day: int


class Pairing:
    """Matches the alerts of two policies as they come.

    Args:
        window: a silence counts if the first alert of it, of either policy, was raised in it.
        remembered_days: a late event may come so much later, at most.

    Attributes:
        counts: by rule and kind, what is counted already.
    """

    def __init__(self, window: Window, remembered_days: int) -> None:
        self._window, self._remembered_days = window, remembered_days
        self._open: dict[_Silence, tuple[dict[str, AlertRecord], dict[str, AlertRecord]]] = {}
        self._silence_of: tuple[dict[str, _Silence], dict[str, _Silence]] = ({}, {})
        self.counts: dict[tuple[str, Kind], Paired] = {}

    def raised(self, policy: int, record: AlertRecord) -> None:
        """An alert of the policy, 0 or 1, came."""
        since_day = NEVER_BOUGHT
        if record.silence_days is not None:
            since_day = record.day - record.silence_days
        silence = _Silence(record.customer_id, record.rule, since_day)
        self._open.setdefault(silence, ({}, {}))[policy][record.alert_id] = record
        self._silence_of[policy][record.alert_id] = silence

    def resolved(self, policy: int, alert_id: str, outcome: AlertOutcome) -> None:
        """What came of one is known."""
        silence = self._silence_of[policy].get(alert_id)
        if silence is not None:
            alerts = self._open[silence][policy]
            alerts[alert_id] = alerts[alert_id]._replace(outcome=outcome)

    def tidy(self, today: int) -> None:
        """Count and forget what nothing can be added to as a customer-day begins, ordinal."""
        newest: dict[tuple[str, str], int] = {}  # the newest silence that began long enough ago
        for silence, alerts in self._open.items():
            if _last_day(alerts) + self._remembered_days < today:
                who = silence[:2]
                newest[who] = max(newest.get(who, NEVER_BOUGHT), silence.since_day)
        for silence, alerts in list(self._open.items()):
            over = silence.since_day < newest.get(silence[:2], NEVER_BOUGHT)
            if self._is_done(alerts, today, over=over):
                self._count(silence, still_silent=False)

    def finish(self, last_days: Mapping[str, int]) -> dict[tuple[str, Kind], Paired]:
        """Count all that is left.

        Args:
            last_days: the last purchase day of each customer, ordinal, as the history ends.
        """
        for silence in list(self._open):
            last_day = last_days.get(silence.customer_id, NEVER_BOUGHT)
            self._count(silence, still_silent=last_day == silence.since_day)
        return self.counts

    def _is_done(
        self, alerts: tuple[dict[str, AlertRecord], ...], today: int, *, over: bool
    ) -> bool:
        """Whether the silence is over for good, and what came of all its alerts is known."""
        for each in (record for side in alerts for record in side.values()):
            came = each.outcome and each.outcome.returned_day
            over = over or (came is not None and came + self._remembered_days < today)
            heard_by = each.day + each.horizon_days + MAX_LATENESS_DAYS
            if each.outcome is None and today <= heard_by:
                return False
        return over

    def _count(self, silence: _Silence, *, still_silent: bool) -> None:
        a, b = self._open.pop(silence)
        for policy, alerts in enumerate((a, b)):
            for alert_id in alerts:
                del self._silence_of[policy][alert_id]
        for kind, paired in _pairs(a.values(), b.values(), self._window, still_silent=still_silent):
            place = silence.rule, kind
            self.counts[place] = self.counts.get(place, Paired()).plus(paired)


def _last_day(alerts: tuple[dict[str, AlertRecord], ...]) -> int:
    return max(record.day for side in alerts for record in side.values())


def _pairs(
    a: Iterable[AlertRecord], b: Iterable[AlertRecord], window: Window, *, still_silent: bool
) -> Iterator[tuple[Kind, Paired]]:
    """The alerts about one silence, each with its like, in their order."""
    for one, other in zip_longest(a, b):
        days = [each.day for each in (one, other) if each is not None]
        if window.has(min(days)):
            kind = _kind(one, other)
            told = other if other is not None else one
            alone = still_silent and len(days) == 1
            yield kind, _paired(told, max(days) - min(days), still_silent=alone)


def _kind(one: AlertRecord | None, other: AlertRecord | None) -> Kind:
    if one is None:
        return "new"
    if other is None:
        return "missed"
    if one.day == other.day:
        return "same_day"
    return "earlier" if other.day < one.day else "later"


def _paired(told: AlertRecord, days: int, *, still_silent: bool) -> Paired:
    outcome = told.outcome
    right = outcome is not None and outcome.returned_day is None
    return Paired(
        1, days, int(outcome is not None), int(right), int(still_silent), told.at_stake_minor
    )
