"""The policy: every rule a marketer may change, as frozen models.

Enters: the text of `segmenter.toml`. Leaves: a `Policy`, or a `PolicyError` that names the
file, the key and the remedy. Forbidden here: reading files or the environment.
"""

from __future__ import annotations

import hashlib
import tomllib
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, ValidationError, model_validator

from models.currencies import minor_digits
from models.policy_alerts import (
    MAX_PERIODS,
    MAX_PLAYS,
    Alerts,
    Period,
    Play,
    PlayName,
    unknown_names,
)
from models.policy_evaluation import USUAL, Criteria
from models.policy_faults import explained, of_policy, overlaid, shown
from models.policy_grid import Grid, faults_of_grid, grid_below
from models.policy_personas import EVERYTHING, Spoken
from models.policy_plays import faults_of_plays
from models.policy_segments import (
    MAX_SCHEMES,
    MAX_SEGMENTS,
    Behaviour,
    Frozen,
    Profiles,
    RuleSegment,
    SegmentName,
    TierName,
    ValueScheme,
    tiers_by_scheme,
)
from models.presets import PRESETS
from models.rule_links import checked
from models.rule_syntax import parsed
from models.rule_tree import RuleError
from models.rulebook import Rulebook

Days = Annotated[float, Field(gt=0, le=3650, allow_inf_nan=False)]
Multiple = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]
CurrencyCode = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
SchemeName = Literal["quintile", "klaviyo", "braze", "china8"]
AlgorithmName = Literal["micro", "kmeans", "streamkmeans", "clustream", "denstream", "dbstream"]


class Memory(NamedTuple):
    """How much of a customer is remembered: so much can still be moved.

    Attributes:
        days: before their newest event.
        events: at most.
    """

    days: int
    events: int


MOST_REMEMBERED = Memory(366, 256)


class PolicyError(ValueError):
    """The policy can't be used; the message names the file, the key and the way out."""


def _known_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"{name!r} is not an IANA time zone; write one such as 'Europe/Berlin'"
        ) from None
    return name


class ExchangeRate(Frozen):
    """From `valid_from` on, one minor unit of `currency` is worth `rate` of the reporting one."""

    currency: CurrencyCode
    valid_from: date
    rate: Annotated[Decimal, Field(gt=0, max_digits=18, decimal_places=9)] = Field(
        description="in minor units of the reporting currency per minor unit"
    )


class Business(Frozen):
    """Whose shop this is: its day and its reporting currency."""

    timezone: Annotated[str, AfterValidator(_known_timezone)] = Field(
        default="UTC", description="IANA zone in which a customer-day begins and ends"
    )
    currency: CurrencyCode = Field(default="USD", description="ISO 4217 reporting currency")
    exchange_rates: tuple[ExchangeRate, ...] = Field(
        default=(), description="dated rates into the reporting currency"
    )


class EventTime(Frozen):
    """How late an event may be, and when a quiet stream is a broken one."""

    remembered_days: Annotated[int, Field(ge=1, le=MOST_REMEMBERED.days)] = Field(
        default=45,
        description="a customer's events this many days before their newest are remembered: "
        "duplicates are recognised, late ones and returns are folded in their place",
    )
    remembered_events: Annotated[int, Field(ge=4, le=MOST_REMEMBERED.events)] = Field(
        default=64, description="at most this many remembered events a customer"
    )
    max_source_silence_hours: Annotated[float, Field(gt=0, le=24 * 366)] = Field(
        default=24.0,
        description="when no partition has seen an event for this long, time stands still",
    )

    @property
    def memory(self) -> Memory:
        """How much of a customer is remembered."""
        return Memory(self.remembered_days, self.remembered_events)

    @property
    def remembered_ms(self) -> int:
        """The remembered window in milliseconds of event time."""
        return self.remembered_days * 86_400_000

    @property
    def max_source_silence(self) -> timedelta:
        """The longest believable silence of the whole source."""
        return timedelta(hours=self.max_source_silence_hours)


class Limit(Frozen):
    """How long a silence may last.

    In adaptive mode `cycles` × the customer's cadence, kept within `min_days` and `max_days`;
    in fixed mode `fixed_days` for everyone.
    """

    cycles: Multiple
    min_days: Days
    max_days: Days
    fixed_days: Days

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        if self.min_days > self.max_days:
            raise ValueError("min_days must not exceed max_days")
        return self


class Lifecycle(Frozen):
    """When silence turns into overdue, dormant and churned."""

    mode: Literal["adaptive", "fixed"] = "adaptive"
    prior_gap_days: Annotated[float, Field(ge=0.1, le=3650, allow_inf_nan=False)] = Field(
        description="typical days between two purchase days"
    )
    new_days: Annotated[int, Field(ge=0, le=3650)] = Field(
        description="a customer is new until this many days after the first purchase"
    )
    overdue: Limit
    dormant: Limit
    churned: Limit

    @model_validator(mode="after")
    def _limits_in_order(self) -> Self:
        for earlier, later in (("overdue", "dormant"), ("dormant", "churned")):
            a, b = getattr(self, earlier), getattr(self, later)
            for key in Limit.model_fields:
                if getattr(a, key) > getattr(b, key):
                    raise ValueError(f"{earlier}.{key} must be at most {later}.{key}")
        return self


class Learning(Frozen):
    """How often the population is learned anew."""

    epoch: Literal["day", "week"] = Field(
        default="week", description="learned at the end of each, in the business time zone"
    )
    wait_minutes: Annotated[float, Field(gt=0, le=10_080)] = Field(
        default=60.0,
        description="how long a partition that does not reach the end of an epoch is waited for",
    )


class Rfm(Frozen):
    """Which RFM groups are kept and published; lookups show those of every scheme."""

    published: tuple[SchemeName, ...] = Field(
        default=("quintile",), description="a change of group in these schemes is an effect"
    )


class Clusters(Frozen):
    """Groups of customers who buy alike, found in the data."""

    k: Annotated[int, Field(ge=2, le=20)] | Literal["auto"] = Field(
        default="auto", description="how many; auto: 3 to 8, by silhouette"
    )
    algorithm: AlgorithmName = Field(
        default="micro", description="micro: our own; the others are river's, for comparison"
    )


class OwnHorizon(Frozen):
    """A customer's own horizon: `cycles` × their cadence, within bounds."""

    cycles: Multiple = 4.0
    min_days: Annotated[int, Field(ge=1, le=3650)]
    max_days: Annotated[int, Field(ge=1, le=3650)]

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        if self.min_days > self.max_days:
            raise ValueError("min_days must not exceed max_days")
        return self


class Outlook(Frozen):
    """How far ahead one looks, and what counts as much."""

    horizon_days: Annotated[int, Field(ge=1, le=730)] = Field(
        description="churn risk and forecasts are for the next so many days"
    )
    own_horizon: OwnHorizon
    high_share: Share = Field(
        default=0.1, description="the share of customers in the high tier and the high risk band"
    )
    medium_share: Share = Field(default=0.4, description="the share in the medium tier")
    discount_rate: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] = Field(
        default=0.1, description="a year, of the discounted lifetime value"
    )

    @model_validator(mode="after")
    def _shares_add_up(self) -> Self:
        if self.high_share + self.medium_share > 1:
            raise ValueError("high_share and medium_share must not exceed 1 together")
        return self


class Policy(Frozen):
    """Everything that decides how a log becomes states."""

    preset: str = "general"
    business: Business = Business()
    time: EventTime = EventTime()
    lifecycle: Lifecycle
    population: Learning = Learning()
    rfm: Rfm = Rfm()
    clusters: Clusters = Clusters()
    outlook: Outlook
    behaviour: Behaviour = Behaviour()
    profiles: Profiles = Profiles()
    value: Annotated[dict[TierName, ValueScheme], Field(max_length=MAX_SCHEMES)] = Field(
        default={}, description="schemes of value tiers, by name: docs/value.md"
    )
    segments: Annotated[dict[SegmentName, RuleSegment], Field(max_length=MAX_SEGMENTS)] = Field(
        default={}, description="rule segments, by name: docs/rules.md"
    )
    alerts: Alerts = Alerts()
    calendar: Annotated[tuple[Period, ...], Field(max_length=MAX_PERIODS)] = Field(
        default=(), description="times in which people buy otherwise than usual: docs/alerts.md"
    )
    playbook: Annotated[dict[PlayName, Play], Field(max_length=MAX_PLAYS)] = Field(
        default={}, description="what is to be done, by name: docs/alerts.md, docs/personas.md"
    )
    evaluation: Criteria = Field(  # left out of what is written: it moves no customer
        default=USUAL,
        exclude_if=lambda each: each == USUAL,
        description="what a segment needs to be worked with: docs/evaluation.md",
    )
    personas: Spoken = Field(  # likewise
        default=EVERYTHING,
        exclude_if=lambda each: each == EVERYTHING,
        description="what personas do not speak of: docs/personas.md",
    )
    grid: Grid | None = Field(
        default=None,
        exclude_if=lambda grid: grid is None,  # a policy without one keeps its version
        description="what customers are worth × how attached they are: docs/value-grid.md",
    )

    @model_validator(mode="after")
    def _names_what_is_there(self) -> Self:
        sections = (self.alerts, self.calendar, self.playbook, self.segments)
        of_grid = faults_of_grid(self.grid, self.value, self.behaviour.kept)
        if faults := [*unknown_names(*sections), *of_grid, *faults_of_plays(self)]:
            raise ValueError("\n".join(faults))
        return self

    @cached_property
    def version(self) -> str:
        """Twelve hex digits that name this policy's content."""
        text = self.model_dump_json(exclude={"preset"})
        return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()

    @cached_property
    def timezone(self) -> ZoneInfo:
        """The zone of `business.timezone`."""
        return ZoneInfo(self.business.timezone)

    @cached_property
    def rulebook(self) -> Rulebook:
        """The rules of `segments`, compiled.

        Raises:
            RuleError: the first that can't be used.
        """
        rules = {name: parsed(name, each.when) for name, each in self.segments.items()}
        scale = 10 ** minor_digits(self.business.currency)
        budget = "" if self.grid is None else self.grid.budget
        book = Rulebook(rules, scale, self.profiles.age_bands, budget)
        kept, tiers = self.behaviour.kept, tiers_by_scheme(self.value)
        for name, rule in book.rules.items():
            checked(name, rule, self.rfm.published, kept, tiers, self.grid)
        return book


def policy_from_preset(name: str, **overrides: Any) -> Policy:
    """The policy of one preset, with whole sections overridden.

    Raises:
        PolicyError: no such preset, or an override that does not fit.
    """
    return policy_from_mapping({"preset": name, **overrides}, source="<preset>")


def policy_from_toml(text: str, source: str = "segmenter.toml") -> Policy:
    """Read a policy from TOML; `source` is named in errors.

    Raises:
        PolicyError: not TOML, an unknown key, or a value out of bounds.
    """
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # numbers and nesting beyond all measure, too
        raise PolicyError(f"{source}: not valid TOML: {error}") from None
    return policy_from_mapping(of_policy(tables), source)


def policy_from_mapping(tables: dict[str, Any], source: str) -> Policy:
    """Overlay `tables` on their preset and validate.

    Raises:
        PolicyError: names `source`, the dotted key, what is wrong and what would be right.
    """
    name = tables.get("preset", "general")
    if not isinstance(name, str) or name not in PRESETS:
        raise PolicyError(
            f"{source}: preset: {shown(name)} is not known; choose one of {', '.join(PRESETS)}"
        )
    preset = PRESETS[name]
    below = {
        "lifecycle": preset.lifecycle,
        "outlook": preset.outlook,
        **grid_below(name, tables),
    }
    merged = overlaid(below, tables)
    try:
        policy = Policy.model_validate(merged)
    except ValidationError as error:
        lines = (explained(source, dict(e)) for e in error.errors())
        raise PolicyError("\n".join(lines)) from None
    faults = faults_of_rules(policy)
    if faults:
        raise PolicyError("\n".join(f"{source}: {each}" for each in faults))
    return policy


def faults_of_rules(policy: Policy) -> list[RuleError]:
    """What is wrong with the rule segments: every rule that can't be read, else the first link."""
    faults = []
    for name, each in policy.segments.items():
        try:
            parsed(name, each.when)
        except RuleError as error:
            faults.append(error)
    if not faults:
        try:
            assert policy.rulebook is not None
        except RuleError as error:
            faults.append(error)
    return faults
