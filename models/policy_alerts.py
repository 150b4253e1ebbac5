"""The part of the policy that says of whom marketing is told, when, and what is to be done.

`[alerts.rules.NAME]` says what is told of, and of whom; `[alerts]` what all rules share: the gate, the
holdout, when the day's are chosen; `[[calendar]]` names periods in which thresholds change or alerts
wait; `[playbook.NAME]` what is to be done.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from models.policy_segments import MAX_SEGMENTS, Frozen, SegmentName

Kind = Literal[
    "churn.risk_raised",
    "customer.overdue",
    "lifecycle.changed",
    "customer.won_back",
    "segment.entered",
    "segment.exited",
]
RISK_RAISED: Kind = "churn.risk_raised"
OVERDUE: Kind = "customer.overdue"
LIFECYCLE_CHANGED: Kind = "lifecycle.changed"
OF_SILENCE: frozenset[Kind] = frozenset({RISK_RAISED, OVERDUE, LIFECYCLE_CHANGED})
OF_SEGMENTS: frozenset[Kind] = frozenset({"segment.entered", "segment.exited"})
LifecycleName = Literal["prospect", "new", "active", "dormant", "churned"]
RuleName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
PlayName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Level = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
MAX_RULES = 32
MAX_PERIODS = 100
MAX_PLAYS = 200
EVERY_LIFECYCLE: tuple[LifecycleName, ...] = ("prospect", "new", "active", "dormant", "churned")
STILL_HERE: tuple[LifecycleName, ...] = ("new", "active")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_HOURS = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]")
_DATE = re.compile(r"([0-9]{4}-)?[0-9]{2}-[0-9]{2}")
_LEAP_YEAR = 2000


def minute_of(clock: str) -> int:
    """A time of day as minutes since midnight.

    >>> minute_of("08:30")
    510
    """
    hours, minutes = clock.split(":")
    return 60 * int(hours) + int(minutes)


def _clock(text: str) -> str:
    if not _CLOCK.fullmatch(text):
        raise ValueError("write a time of day such as '08:00'")
    return text


def _hours(text: str) -> str:
    if text and (not _HOURS.fullmatch(text) or text[:5] == text[6:]):
        raise ValueError("write hours such as '21:00-08:00', or nothing")
    return text


class AlertRule(Frozen):
    """What marketing is told of, and of whom."""

    on: Kind = Field(description="what has happened")
    level: Level | None = Field(
        default=None, description="churn.risk_raised: the probability from which on"
    )
    horizon: Literal["own", "common"] = Field(
        default="own",
        description="the customer's own, or outlook.horizon_days: what the probability is for, and "
        "how long the alert is followed up",
    )
    to: Literal["dormant", "churned", ""] = Field(
        default="", description="lifecycle.changed: to which state"
    )
    segment: SegmentName | Literal[""] = Field(
        default="", description="segment.entered, segment.exited: which rule segment"
    )
    lifecycles: tuple[LifecycleName, ...] = Field(
        default=(),
        description="only customers in these; left out: new and active for churn.risk_raised and "
        "customer.overdue, all for the others",
    )
    tiers: tuple[Literal["low", "medium", "high"], ...] = Field(
        default=(), description="only these value tiers"
    )
    segments: tuple[SegmentName, ...] = Field(
        default=(), description="only members of any of these rule segments"
    )
    min_at_stake: Annotated[float, Field(ge=0, le=10.0**12, allow_inf_nan=False)] = Field(
        default=0.0,
        description="only if a usual year × the probability of losing it is worth so much, in major "
        "units of the reporting currency",
    )
    cool_down_days: Annotated[int, Field(ge=0, le=730)] = Field(
        default=30, description="no second alert of this rule about a customer sooner"
    )
    daily_budget: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        default=0,
        description="the so many a day with most at stake are sent, chosen at alerts.decide_at; 0: all "
        "are, at once",
    )
    quiet_hours: Annotated[str, AfterValidator(_hours)] = Field(
        default="", description="not sent in these, such as '21:00-08:00'"
    )
    channel: Annotated[str, Field(pattern=r"^[a-z0-9_-]{0,32}$")] = Field(
        default="", description="the customer must have agreed to it: attribute consent.CHANNEL"
    )
    playbook: PlayName | Literal[""] = Field(default="", description="what is to be done")
    label: str = Field(default="", max_length=80, description="its name for people")
    label_zh: str = Field(default="", max_length=80, description="the same in Chinese")

    @property
    def of_lifecycles(self) -> tuple[LifecycleName, ...]:
        """Only customers in these are told of."""
        usual = STILL_HERE if self.on in {RISK_RAISED, OVERDUE} else EVERY_LIFECYCLE
        return self.lifecycles or usual

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        asked = (
            ("level", self.level is not None, self.on == RISK_RAISED),
            ("to", bool(self.to), self.on == LIFECYCLE_CHANGED),
            ("segment", bool(self.segment), self.on in OF_SEGMENTS),
        )
        for key, given, wanted in asked:
            if wanted and not given:
                raise ValueError(f"{self.on} needs {key!r}")
            if given and not wanted:
                raise ValueError(f"{key!r} says nothing of {self.on}; remove it")
        return self


class Alerts(Frozen):
    """What all alert rules share."""

    rules: Annotated[dict[RuleName, AlertRule], Field(max_length=MAX_RULES)] = Field(
        default={}, description="by name"
    )
    wait_hours: Annotated[float, Field(ge=0, le=72, allow_inf_nan=False)] = Field(
        default=2.0,
        description="alerts of a silence wait so long past midnight for events that come late",
    )
    max_age_hours: Annotated[float, Field(gt=0, le=24 * 31, allow_inf_nan=False)] = Field(
        default=48.0, description="older ones are never sent, whatever brought them back"
    )
    decide_at: Annotated[str, AfterValidator(_clock)] = Field(
        default="08:00", description="when rules with a budget choose, in business.timezone"
    )
    holdout: Annotated[float, Field(ge=0, le=0.5, allow_inf_nan=False)] = Field(
        default=0.1, description="this share of customers is not told of, to measure what alerts do"
    )
    holdout_salt: Annotated[str, Field(max_length=64)] = Field(
        default="1", description="a new one draws other customers"
    )
    frequency_cap: Annotated[int, Field(ge=0, le=1_000)] = Field(
        default=2, description="alerts about a customer in frequency_days, all rules; 0: any number"
    )
    frequency_days: Annotated[int, Field(ge=1, le=365)] = Field(default=7, description="see there")
    consent_unknown: Literal["refuse", "allow"] = Field(
        default="refuse", description="of a channel that a customer has said nothing about"
    )
    suppression: Annotated[str, Field(max_length=64)] = Field(
        default="do_not_contact",
        description="the attribute that puts a customer on the suppression list: segmenter list upload",
    )
    timezone_attribute: Annotated[str, Field(max_length=64)] = Field(
        default="timezone",
        description="of a profile: quiet hours are counted there, else in business.timezone",
    )

    @property
    def wait_ms(self) -> int:
        """How long alerts of a silence wait past midnight."""
        return round(self.wait_hours * 3_600_000)

    @property
    def max_age_ms(self) -> int:
        """Older ones are never sent."""
        return round(self.max_age_hours * 3_600_000)


def _calendar_date(text: str) -> str:
    whole = text if len(text) > 5 else f"{_LEAP_YEAR}-{text}"
    try:
        if not _DATE.fullmatch(text):
            raise ValueError
        date.fromisoformat(whole)
    except ValueError:
        raise ValueError(
            "write a date such as '2027-02-06', or '11-01' for the day of each year"
        ) from None
    return text


def _written(found: object) -> object:
    """TOML has dates of its own; both ways of writing one mean the same."""
    return found.isoformat() if type(found) is date else found


CalendarDate = Annotated[str, BeforeValidator(_written), AfterValidator(_calendar_date)]


class Period(Frozen):
    """A named time in which people buy otherwise than usual."""

    name: str = Field(min_length=1, max_length=80, description="such as 双11")
    first: CalendarDate = Field(alias="from", description="first day, business.timezone")
    last: CalendarDate = Field(alias="to", description="last day")
    alerts: Literal["go", "wait"] = Field(
        default="go", description="wait: alerts are kept until it is over"
    )
    levels: dict[RuleName, Level] = Field(
        default={}, description="rule → its level while the period lasts"
    )

    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)

    @property
    def yearly(self) -> bool:
        """Whether it comes again each year."""
        return len(self.first) == len("11-01")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if len(self.first) != len(self.last):
            raise ValueError("from and to must both have a year, or neither")
        if not self.yearly and self.last < self.first:
            raise ValueError("to is before from")
        return self

    def spans(self, first_day: int, last_day: int) -> Iterator[tuple[int, int]]:
        """Its first and last days, ordinals, of each time that it meets [first_day, last_day]."""
        if not self.yearly:
            found = [(date.fromisoformat(self.first), date.fromisoformat(self.last))]
        else:
            years = range(date.fromordinal(first_day).year - 1, date.fromordinal(last_day).year + 1)
            over_new_year = int(self.last < self.first)
            found = [
                (_in_year(self.first, year), _in_year(self.last, year + over_new_year))
                for year in years
            ]
        for begin, end in found:
            if begin.toordinal() <= last_day and end.toordinal() >= first_day:
                yield begin.toordinal(), end.toordinal()


def _in_year(text: str, year: int) -> date:
    """A day of each year; 29 February is 1 March where there is none."""
    month, day = map(int, text.split("-"))
    try:
        return date(year, month, day)
    except ValueError:
        return date(year, 3, 1)


class Play(Frozen):
    """What is to be done about a customer, or about all of a segment."""

    action: str = Field(min_length=1, max_length=500, description="in a sentence")
    action_zh: str = Field(default="", max_length=500, description="the same in Chinese")
    goal: str = Field(default="", max_length=200, description="what it is to bring about")
    goal_zh: str = Field(  # left out of what is written, like those below: it moves no customer
        default="", max_length=200, exclude_if=operator.not_, description="the same in Chinese"
    )
    owner: str = Field(default="", max_length=80, description="who does it")
    owner_zh: str = Field(
        default="", max_length=80, exclude_if=operator.not_, description="the same in Chinese"
    )
    segments: Annotated[tuple[str, ...], Field(max_length=MAX_SEGMENTS)] = Field(
        default=(),
        exclude_if=operator.not_,
        description="of whom it is the play: rfm.quintile/champions, cluster/2, rule/vip",
    )


def unknown_names(
    alerts: Alerts,
    calendar: tuple[Period, ...],
    playbook: Mapping[str, Play],
    segments: Mapping[str, object],
) -> Iterator[str]:
    """What alert rules and periods name that is not there: dotted key, and the way out."""
    for name, rule in alerts.rules.items():
        key = f"alerts.rules.{name}"
        named = [(f"{key}.segments.{n}", each) for n, each in enumerate(rule.segments)]
        for place, each in [(f"{key}.segment", rule.segment), *named]:
            if each and each not in segments:
                yield f"{place}: there is no rule segment {each!r}; define it under segments.{each}"
        if rule.playbook and rule.playbook not in playbook:
            yield (
                f"{key}.playbook: there is no play {rule.playbook!r}; define it under "
                f"playbook.{rule.playbook}"
            )
    for count, period in enumerate(calendar):
        for each in period.levels:
            known = alerts.rules.get(each)
            if known is None or known.level is None:
                yield (
                    f"calendar.{count}.levels.{each}: there is no alert rule of that name that has a "
                    "level; name one, or remove it"
                )
