"""The part of the policy that lays out the value grid: what counts as worth, and as attachment.

`[grid]` says what worth is read off, where the profile tells a budget and sales a stage;
`[grid.attachment]` is the score card; `[grid.stages]` what the words of sales mean;
`[grid.fields.NAME]` what is to be done about a field. Without `[grid]` there is no grid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple, Self

from pydantic import AfterValidator, Field, model_validator

from models.gauge import Gauge, Known
from models.policy_alerts import EVERY_LIFECYCLE, LifecycleName
from models.policy_segments import Frozen, TierName, ValueScheme
from models.rule_tree import Condition, Fact, Op, Place
from models.stages import plain
from models.value_grid import FIELD_NAMES, LEVELS, TIER

AttributeName = Annotated[str, Field(max_length=64)]
StageWord = Annotated[str, Field(min_length=1, max_length=80)]
MAX_STAGES = 100
_NOWHERE = Place(0, 0)
# Rows of the score card: what of a customer each reads, and which way it counts.
_ROWS: Mapping[str, tuple[Fact, Op]] = MappingProxyType(
    {
        "purchase_days": (Fact("purchase_days", 365), Op.GE),
        "tenure_days": (Fact("tenure_days"), Op.GE),
        "categories": (Fact("categories", 365), Op.GE),
        "contact_days": (Fact("contact_days_ago"), Op.LE),
    }
)
# Days with a purchase follow from the preset's typical gap G: about half as many as one expects of a
# year (365 ÷ G), as many, twice as many. The last contact: the preset's fixed limits of churned, dormant
# and overdue, so that nobody's points go to and fro within their rhythm. Tenure and breadth are
# judgements; those of grocery are what all but a tenth, all but a quarter and half of Complete
# Journey's households reach. A shop puts its own.
PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "general": {
            "purchase_days": (2, 5, 10),
            "tenure_days": (90, 365, 1_095),
            "categories": (2, 3, 5),
            "contact_days": (240, 120, 60),
        },
        "grocery": {
            "purchase_days": (26, 52, 104),
            "tenure_days": (60, 180, 365),
            "categories": (30, 60, 100),
            "contact_days": (84, 28, 14),
        },
        "fashion": {
            "purchase_days": (3, 6, 12),
            "tenure_days": (180, 365, 1_095),
            "categories": (2, 4, 6),
            "contact_days": (240, 120, 60),
        },
        "travel": {
            "purchase_days": (1, 2, 4),
            "tenure_days": (365, 730, 1_825),
            "categories": (1, 2, 3),
            "contact_days": (730, 365, 180),
        },
        "auto": {
            "purchase_days": (1, 2, 3),
            "tenure_days": (365, 1_095, 1_825),
            "categories": (1, 2, 3),
            "contact_days": (900, 540, 270),
        },
        "b2b": {
            "purchase_days": (6, 12, 24),
            "tenure_days": (180, 365, 1_095),
            "categories": (2, 4, 8),
            "contact_days": (180, 75, 30),
        },
    }
)


def _climbs(steps: tuple[int, ...]) -> tuple[int, ...]:
    if any(later <= earlier for earlier, later in pairwise(steps)):
        raise ValueError("must ascend: 1 point, 2, 3")
    return steps


def _descends(steps: tuple[int, ...]) -> tuple[int, ...]:
    if any(later >= earlier for earlier, later in pairwise(steps)):
        raise ValueError("must descend: 1 point, 2, 3")
    return steps


def _is_a_field(name: str) -> str:
    if name not in FIELD_NAMES:
        raise ValueError(f"there is no such field; the nine are {', '.join(FIELD_NAMES)}")
    return name


FieldName = Annotated[str, AfterValidator(_is_a_field)]
_Steps = Annotated[tuple[Annotated[int, Field(ge=0, le=36_500)], ...], Field(max_length=3)]
Climbing = Annotated[_Steps, AfterValidator(_climbs)]
Descending = Annotated[_Steps, AfterValidator(_descends)]


class Row(NamedTuple):
    """One row of the score card.

    Attributes:
        name: in the policy.
        fact: what it reads.
        gauge: of its steps.
        most: points that it can give.
    """

    name: str
    fact: Fact
    gauge: Gauge
    most: int

    def points(self, value: Known | None) -> int:
        """How many of the steps a value has taken; 0 of what is not known."""
        return self.gauge.bits(value).bit_count()


class Attachment(Frozen):
    """The score card: each row gives a point for each of its steps; an empty row gives none."""

    purchase_days: Climbing = Field(
        description="frequency: distinct purchase days within 365 customer-days"
    )
    tenure_days: Climbing = Field(description="tenure: customer-days since the first purchase")
    categories: Climbing = Field(description="breadth: distinct categories within 365 days")
    contact_days: Descending = Field(
        description="recency: customer-days since the last purchase or engagement, at most"
    )
    medium_from: Annotated[int, Field(ge=1, le=12)] = Field(
        default=5, description="points from which attachment is medium"
    )
    high_from: Annotated[int, Field(ge=1, le=12)] = Field(
        default=9, description="points from which it is high"
    )

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """The rows that have steps."""
        given = ((name, getattr(self, name), *of) for name, of in _ROWS.items())
        return tuple(
            Row(name, fact, _gauge(op, steps), len(steps))
            for name, steps, fact, op in given
            if steps
        )

    @property
    def most(self) -> int:
        """Points that there are."""
        return sum(each.most for each in self.rows)

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if self.medium_from >= self.high_from:
            raise ValueError("medium_from must be less than high_from")
        if self.high_from > self.most:
            raise ValueError(f"high_from is {self.high_from}, and all rows give {self.most} points")
        return self


def _gauge(op: Op, steps: Sequence[int]) -> Gauge:
    of = Fact("")
    return Gauge((Condition(of, op, each, _NOWHERE), 1 << n) for n, each in enumerate(steps))


class FieldPlay(Frozen):
    """What is to be done about a field, where it is not what the field says itself."""

    action: str = Field(default="", max_length=500, description="in a sentence")
    action_zh: str = Field(default="", max_length=500, description="the same in Chinese")
    goal: str = Field(default="", max_length=200, description="what it is to bring about")
    goal_zh: str = Field(default="", max_length=200, description="the same in Chinese")
    owner: str = Field(default="", max_length=80, description="who does it")
    owner_zh: str = Field(default="", max_length=80, description="the same in Chinese")


class Grid(Frozen):
    """What customers are worth to us × how attached they are: docs/value-grid.md."""

    worth: TierName = Field(
        default=TIER,
        description="what worth is read off: tier, or a value scheme of three tiers",
    )
    budget: Annotated[AttributeName, Field(min_length=1)] = Field(
        default="yearly_budget",
        description="the attribute that tells what a customer can spend in a year, anywhere, in "
        "major units of the reporting currency",
    )
    stage: AttributeName = Field(
        default="relationship_stage",
        description="the attribute that sales write; empty: they write none",
    )
    stages: Annotated[dict[StageWord, LifecycleName], Field(max_length=MAX_STAGES)] = Field(
        default={
            "lead": "prospect",
            "onboarding": "new",
            "partner": "active",
            "quiet": "dormant",
            "lost": "churned",
        },
        description="what sales write → lifecycle state; the states' own names always count",
    )
    attachment: Attachment
    fields: dict[FieldName, FieldPlay] = Field(default={}, description="by name of the field")

    @cached_property
    def meanings(self) -> Mapping[str, LifecycleName]:
        """Words of sales as they are compared → lifecycle state."""
        own = {plain(word): means for word, means in self.stages.items()}
        return MappingProxyType({**{name: name for name in EVERY_LIFECYCLE}, **own})

    @model_validator(mode="after")
    def _says_each_word_once(self) -> Self:
        known: dict[str, str] = {}
        for word, means in self.stages.items():
            if known.setdefault(plain(word), means) != means:
                raise ValueError(f"stages: {word!r} means two states; capitals make no difference")
        return self


def grid_below(preset: str, tables: Mapping[str, Any]) -> dict[str, Any]:
    """What a preset puts under the `[grid]` of a policy; nothing under none."""
    return {"grid": {"attachment": dict(PRESETS[preset])}} if "grid" in tables else {}


def faults_of_grid(
    grid: Grid | None, schemes: Mapping[str, ValueScheme], kept: Sequence[str]
) -> Iterator[str]:
    """What the grid asks for and the rest of the policy does not have: dotted key, and the way out."""
    if grid is None:
        return
    scheme = None if grid.worth == TIER else schemes.get(grid.worth)
    if grid.worth != TIER and scheme is None:
        yield (
            f'grid.worth: there is no value scheme {grid.worth!r}; write "{TIER}", or define it '
            f"under value.{grid.worth}"
        )
    if scheme is not None and len(scheme.tiers) != len(LEVELS):
        yield f"grid.worth: value.{grid.worth} has {len(scheme.tiers)} tiers; three are needed"
    if grid.attachment.categories and "category" not in kept:
        yield (
            'grid.attachment.categories: the category of purchases is not kept; add "category" to '
            "behaviour.kept, or write categories = []"
        )


def why_not_known(fact: Fact, grid: Grid | None) -> tuple[str, str] | None:
    """What keeps a rule from reading a fact of the grid, and the way out; None: nothing."""
    if fact.name not in FACTS:
        return None
    if grid is None:
        return (
            f"'{fact.name}' belongs to the value grid",
            "add a section [grid]: docs/value-grid.md",
        )
    if fact.name == "stage" and not grid.stage:
        return "sales write no stage", "name the attribute in grid.stage"
    return None


FACTS = frozenset({"attachment", "attachment_points", "grid", "stage", "wallet_share"})
