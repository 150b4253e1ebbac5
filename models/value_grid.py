"""The value grid of banking practice: what a customer is worth to us × how attached they are to us.

    purchase days, tenure, categories, last contact ──► points ──► attachment: low, medium, high
    value tier, or a scheme of three tiers           ────────────► worth:      low, medium, high
                                                       both ─────► one of nine fields, with an action

Each field has a name of its own; two fields never ask for the same thing. Attachment is a score card
that people can read (`models/policy_grid.py`), so it needs no population; worth may need one.

Enters: a state, a customer-day, the policy, the groups that worth is read off. Leaves: groups, and until
when time leaves them. Forbidden here: the population, the clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from models.rolling import points_for_now
from models.sight import Sight

if TYPE_CHECKING:
    from models.customer import CustomerState
    from models.policy import Policy
    from models.policy_grid import Attachment, Grid

ATTACHMENT, GRID = "attachment", "grid"
TIER = "tier"  # the built-in value tier
LEVELS = ("low", "medium", "high")


class Field(NamedTuple):
    """One of the nine.

    Attributes:
        name: of the group.
        worth: level of what the customer is worth to us.
        attachment: level of how attached they are.
        en: its name for people.
        zh: the same in Chinese.
        action: what is to be done, unless the policy says otherwise.
        action_zh: the same in Chinese.
    """

    name: str
    worth: str
    attachment: str
    en: str
    zh: str
    action: str
    action_zh: str


# fmt: off
FIELDS = (
    Field("keep", "high", "high", "Keep", "保持",
          "Protect what works: a named contact, first access, thanks; no discount is needed",
          "保持现有关系，安排专属联系人、优先体验并适时答谢，无需折扣"),
    Field("invest", "high", "medium", "Invest", "重点投入",
          "Spend effort here first: a personal offer in a category that they do not buy from us yet",
          "优先投入资源，针对尚未在本店购买的品类提供专属优惠"),
    Field("secure", "high", "low", "Secure", "稳固",
          "Call in person before somebody else does: much is at stake and little binds them",
          "尽快人工联系，价值高而黏性低，先于竞争对手建立关系"),
    Field("grow", "medium", "high", "Grow", "提升",
          "Offer more to who likes us already: larger packs, better lines, a subscription",
          "向上销售，推荐更大规格、更高档次或订阅服务"),
    Field("develop", "medium", "medium", "Develop", "培育",
          "Build the habit: a second category, a reason for the next visit, the loyalty programme",
          "培养购买习惯，引导第二品类，提供再次到店理由，邀请加入会员"),
    Field("watch", "medium", "low", "Watch", "观察",
          "Stay in touch at low cost, and act on the first sign of a new visit",
          "低成本保持联系，一旦出现互动立即跟进"),
    Field("maintain", "low", "high", "Maintain", "维护",
          "Be a good host: keep the service friendly and cheap, ask them to recommend us",
          "维护口碑，提供友好而低成本的服务，鼓励推荐新客户"),
    Field("serve", "low", "medium", "Serve efficiently", "高效服务",
          "Serve through the channels that cost least: self-service, automatic messages",
          "通过自助服务、自动消息等低成本渠道服务"),
    Field("harvest", "low", "low", "Harvest", "收获",
          "Take what comes: no budget of their own, only what is sent to everybody",
          "顺其自然，不单独投入预算，仅纳入群发触达"),
)
# fmt: on
FIELD_NAMES = tuple(each.name for each in FIELDS)
BY_NAME: Mapping[str, Field] = MappingProxyType({each.name: each for each in FIELDS})
_AT = MappingProxyType({(each.worth, each.attachment): each.name for each in FIELDS})
LABELS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        **{f"{GRID}/{each.name}": (each.en, each.zh) for each in FIELDS},
        f"{ATTACHMENT}/low": ("Low attachment", "低黏性客户"),
        f"{ATTACHMENT}/medium": ("Medium attachment", "中黏性客户"),
        f"{ATTACHMENT}/high": ("High attachment", "高黏性客户"),
    }
)


class Scored(NamedTuple):
    """One row of a customer's score card.

    Attributes:
        name: of the row in the policy.
        value: of the customer; None: not known.
        points: for it.
        most: that the row can give.
    """

    name: str
    value: int | None
    points: int
    most: int


def score_card(sight: Sight, card: Attachment) -> tuple[Scored, ...]:
    """Row by row, why a customer is as attached as they are."""
    values = ((row, sight.read(row.fact)) for row in card.rows)
    return tuple(
        Scored(row.name, value if isinstance(value, int) else None, row.points(value), row.most)
        for row, value in values
    )


def attachment_level(points: int, card: Attachment) -> str:
    """The level that points make."""
    return LEVELS[(points >= card.medium_from) + (points >= card.high_from)]


def worth_level(groups: Mapping[str, str], policy: Policy, grid: Grid) -> str | None:
    """The level of what somebody is worth, read off their groups; None: not known yet."""
    if grid.worth == TIER:
        return groups.get(TIER)
    tier = groups.get(f"value.{grid.worth}")
    names = policy.value[grid.worth].names
    return LEVELS[-1 - names.index(tier)] if tier in names else None


def field_at(worth: str, attachment: str) -> str:
    """The field where two levels meet.

    >>> field_at("high", "medium"), field_at("low", "low")
    ('invest', 'harvest')
    """
    return _AT[worth, attachment]


def on_the_grid(
    state: CustomerState, day: int, policy: Policy, grid: Grid, groups: Mapping[str, str]
) -> Iterator[tuple[str, str, int | None]]:
    """Attachment and field of whoever has bought, and when time alone next may change them.

    Args:
        state: told up to that day.
        day: customer-day, ordinal.
        policy: in force.
        grid: its grid.
        groups: of that day, with those that worth is read off.

    Yields:
        kind, group, and the first day on which time may change it, ordinal; None: never.
    """
    if not state.current.recent_days:
        return
    points, until_day = points_for_now(Sight(state, day, policy), grid.attachment)
    level = attachment_level(points, grid.attachment)
    yield ATTACHMENT, level, None if until_day is None else max(until_day, day + 1)
    worth = worth_level(groups, policy, grid)
    if worth is not None:
        yield GRID, field_at(worth, level), None


class Told(NamedTuple):
    """What is to be done about a field, in both languages; "" where nobody has said so."""

    action: str
    action_zh: str
    goal: str
    goal_zh: str
    owner: str
    owner_zh: str


def told_to_do(name: str, grid: Grid) -> Told:
    """The action of a field: what the policy says of it, else its own."""
    field, own = BY_NAME[name], grid.fields.get(name)
    if own is None:
        return Told(field.action, field.action_zh, "", "", "", "")
    action = own.action or field.action
    action_zh = own.action_zh or own.action or field.action_zh
    goal_zh, owner_zh = own.goal_zh or own.goal, own.owner_zh or own.owner
    return Told(action, action_zh, own.goal, goal_zh, own.owner, owner_zh)
