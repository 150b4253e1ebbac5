"""The part of the policy that says which segments people have defined: rules, profiles, value tiers."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

DimensionName = Literal["category", "brand", "channel", "payment_method", "store"]
SegmentName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
TierName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
MAX_SEGMENTS = 1_000
MAX_SCHEMES = 8


class Frozen(BaseModel):
    """A section of the policy: unknown keys are refused, nothing is changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RuleSegment(Frozen):
    """A segment that somebody has defined: whoever the rule holds of is in it."""

    when: str = Field(description="the rule: docs/rules.md")
    label: str = Field(default="", max_length=80, description="its name for people")
    label_zh: str = Field(default="", max_length=80, description="the same in Chinese")
    description: str = Field(default="", max_length=1_000, description="what it is for")


def _ascending(edges: tuple[int, ...]) -> tuple[int, ...]:
    if any(later <= earlier for earlier, later in pairwise(edges)):
        raise ValueError("must ascend")
    return edges


class Profiles(Frozen):
    """How attributes of profiles are read."""

    age_bands: Annotated[
        tuple[Annotated[int, Field(ge=1, le=150)], ...],
        Field(min_length=1, max_length=20),
        AfterValidator(_ascending),
    ] = Field(
        default=(18, 25, 35, 45, 55, 65),
        description="the years of age at which a new band begins; read off birth_year",
    )
    account: Annotated[str, Field(max_length=64)] = Field(
        default="account_id",
        description="the attribute that names a member's company; empty: there are no accounts",
    )


class Behaviour(Frozen):
    """What is written down of purchases, for rules."""

    kept: tuple[DimensionName, ...] = Field(
        default=get_args(DimensionName),
        description="rules can ask what was bought of these; memory grows with each. What was not "
        "kept from the beginning is known since: rebuild",
    )


class Tier(Frozen):
    """One tier of a value scheme: a share of all customers, or whoever is worth so much."""

    name: TierName
    label: str = Field(default="", max_length=80, description="its name for people")
    label_zh: str = Field(default="", max_length=80, description="the same in Chinese")
    share: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] | None = None
    from_: Annotated[float, Field(ge=-(10.0**12), le=10.0**12, allow_inf_nan=False)] | None = Field(
        default=None, alias="from", description="major units of the reporting currency"
    )

    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)


class ValueScheme(Frozen):
    """Tiers of customers by what they are worth, the best first; the last has no bound."""

    measure: Literal["spend", "margin", "lifetime_value"] = "spend"
    window_days: Literal[0, 30, 90, 365] = Field(
        default=0, description="customer-days counted back from today; 0: all time"
    )
    tiers: Annotated[tuple[Tier, ...], Field(min_length=2, max_length=20)] = Field(
        default=(
            Tier(name="better", share=0.2),
            Tier(name="good", share=0.3),
            Tier(name="worse"),
        ),
        description="the best first",
    )

    @property
    def names(self) -> tuple[str, ...]:
        """The tiers, the best first."""
        return tuple(each.name for each in self.tiers)

    @property
    def by_share(self) -> bool:
        """Whether the tiers are shares of the population; else they begin at fixed amounts."""
        return self.tiers[0].share is not None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        *bounded, last = self.tiers
        if last.share is not None or last.from_ is not None:
            raise ValueError("the last tier takes everybody else: it has neither share nor from")
        given = {(each.share is None, each.from_ is None) for each in bounded}
        if given not in ({(False, True)}, {(True, False)}):
            raise ValueError("every tier but the last has a share, or every one has from")
        if sum(each.share or 0 for each in bounded) >= 1:
            raise ValueError("the shares must leave something for the last tier")
        bounds = [each.from_ for each in bounded if each.from_ is not None]
        if any(lower >= higher for higher, lower in pairwise(bounds)):
            raise ValueError("from must descend: the best tier stands first")
        if len(set(self.names)) < len(self.names):
            raise ValueError("two tiers have one name")
        if self.measure == "lifetime_value" and self.window_days:
            raise ValueError("lifetime_value has no window")
        return self


def tiers_by_scheme(schemes: Mapping[str, ValueScheme]) -> dict[str, tuple[str, ...]]:
    """Scheme → its tiers."""
    return {name: scheme.names for name, scheme in schemes.items()}
