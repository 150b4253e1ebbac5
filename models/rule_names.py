"""The catalogue: everything that a condition of a rule can read.

Enters: a name as a marketer writes it. Leaves: its row of the catalogue, or what is wrong with it
and what it may have meant. Forbidden here: values of customers, and the rest of the grammar.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from models.daybook import DIMENSIONS
from models.rfm import GROUP_NAMES
from models.stages import STAGES
from models.value_grid import FIELD_NAMES, LEVELS

PLAIN = (0,)  # no window
ROLLING = (0, 30, 90, 365)  # customer-days; 0: all time
RECENT = (30, 90, 365)  # of a budget
GROWTH = (30, 90)  # twice 365 days would be longer than the days that are kept
SCHEMES = tuple(GROUP_NAMES)
LABELS = DIMENSIONS
NAMED = ("profile", "value", "rfm", "segment")  # scope.name or scope["name"]
OWNERS = (*LABELS, "engagement")  # scope["name"].member
FUNCTIONS = ("days_since", "days_until")
_WINDOW = re.compile(r"(?P<base>.+)_(?P<days>[0-9]+)d", re.ASCII)


class Kind(StrEnum):
    """What a name holds, and so what it may be compared with."""

    NUMBER = "number"
    MONEY = "money"  # major units of the reporting currency
    SHARE = "share"  # 0 to 1
    TEXT = "text"
    FLAG = "flag"
    DATE = "date"  # a customer-day, as "2026-01-31"
    CHOICE = "choice"
    ANY = "any"  # an attribute: text, number, flag, or date as text


class Name(NamedTuple):
    """One row of the catalogue.

    Attributes:
        name: without the suffix of a window; members of labels as "category.spend".
        kind: what it holds.
        windows: those that may follow as `_30d`, in customer-days; 0: it may stand without.
        en: what it means, with its unit, in English.
        zh: the same in simplified Chinese.
        words: what a CHOICE can be.
    """

    name: str
    kind: Kind
    windows: tuple[int, ...]
    en: str
    zh: str
    words: tuple[str, ...] = ()


# fmt: off
_OF_A_CUSTOMER = (
    Name("spend", Kind.MONEY, ROLLING, "spent less given back, in the reporting currency", "净消费额，记账货币"),
    Name("purchases", Kind.NUMBER, ROLLING, "number of purchases", "购买次数"),
    Name("purchase_days", Kind.NUMBER, ROLLING, "distinct customer-days with a purchase", "有购买的天数"),
    Name("average_order_value", Kind.MONEY, ROLLING, "spend per purchase, in the reporting currency", "客单价，记账货币"),
    Name("margin", Kind.MONEY, ROLLING, "spend less costs, where costs are given, in the reporting currency", "毛利额，仅含有成本数据的商品，记账货币"),
    Name("items", Kind.NUMBER, ROLLING, "number of items bought", "购买件数"),
    Name("items_per_purchase", Kind.NUMBER, ROLLING, "items per purchase", "每次购买件数"),
    Name("discount_share", Kind.SHARE, ROLLING, "the discounts' part of the full price, 0 to 1: price sensitivity", "折扣占原价的比例，0 到 1，价格敏感度"),
    Name("return_rate", Kind.SHARE, ROLLING, "given back / spent, 0 to 1", "退货率，退款额 ÷ 消费额，0 到 1"),
    Name("categories", Kind.NUMBER, ROLLING, "number of distinct categories bought from", "购买过的品类数"),
    Name("brands", Kind.NUMBER, ROLLING, "number of distinct brands bought", "购买过的品牌数"),
    Name("brand_loyalty", Kind.SHARE, ROLLING, "the top brand's part of what was spent on brands, 0 to 1", "首选品牌占品牌消费的比例，0 到 1"),
    Name("growth", Kind.NUMBER, GROWTH, "spend of the last so many days / of as many days before, minus 1", "最近若干天消费额相对前一同期的增长率"),
    Name("silence_days", Kind.NUMBER, PLAIN, "customer-days since the last purchase", "距上次购买的天数"),
    Name("tenure_days", Kind.NUMBER, PLAIN, "customer-days since the first purchase", "距首次购买的天数"),
    Name("known_days", Kind.NUMBER, PLAIN, "customer-days since the customer was first heard of", "距首次出现的天数"),
    Name("cadence_days", Kind.NUMBER, PLAIN, "usual customer-days between two purchase days", "通常的购买间隔天数"),
    Name("silence_cycles", Kind.NUMBER, PLAIN, "silence_days / cadence_days: how many usual gaps the silence lasts", "沉默天数 ÷ 购买间隔，沉默了几个周期"),
    Name("repurchase_rate", Kind.SHARE, PLAIN, "(purchase_days - 1) / purchase_days, 0 to 1", "复购率，购买天数减 1 ÷ 购买天数，0 到 1"),
    Name("first_purchase", Kind.DATE, PLAIN, "the customer-day of the first purchase", "首次购买日期"),
    Name("last_purchase", Kind.DATE, PLAIN, "the customer-day of the last purchase", "最近购买日期"),
    Name("satisfaction", Kind.NUMBER, PLAIN, "the newest satisfaction score, in its own unit", "最近一次满意度评分"),
    Name("engagement_days_ago", Kind.NUMBER, PLAIN, "customer-days since the last engagement of any type", "距最近一次互动的天数"),
    Name("contact_days_ago", Kind.NUMBER, PLAIN, "customer-days since the last purchase or engagement of any type", "距最近一次购买或互动的天数"),
    Name("age_band", Kind.TEXT, PLAIN, "the customer's age band, as in the profile", "年龄段"),
    Name("lifecycle", Kind.CHOICE, PLAIN, "the lifecycle state", "生命周期阶段", ("prospect", "new", "active", "dormant", "churned")),
    Name("overdue", Kind.FLAG, PLAIN, "silent for longer than usual", "逾期未复购"),
    Name("won_back", Kind.FLAG, PLAIN, "bought again after being dormant or churned", "已召回"),
    Name("cluster", Kind.NUMBER, PLAIN, "the number of the cluster of customers who buy alike", "所属聚类编号"),
    Name("tier", Kind.CHOICE, PLAIN, "the value tier", "价值层级", ("low", "medium", "high")),
    Name("risk", Kind.CHOICE, PLAIN, "the churn risk band", "流失风险等级", ("low", "elevated", "high")),
    Name("attachment", Kind.CHOICE, PLAIN, "how attached the customer is", "客户黏性", LEVELS),
    Name("attachment_points", Kind.NUMBER, PLAIN, "the points of that, 0 to 12", "客户黏性得分，0 到 12"),
    Name("grid", Kind.CHOICE, PLAIN, "the field of the value grid", "价值矩阵中的位置", FIELD_NAMES),
    Name("stage", Kind.CHOICE, PLAIN, "what sales say of the relationship, beside the lifecycle observed", "销售填写的关系阶段与实际的对比", STAGES),
    Name("wallet_share", Kind.SHARE, RECENT, "net spend / that part of the yearly budget which the profile tells: wallet share", "钱包份额，净消费额 ÷ 档案中年度预算的相应部分"),
)
_OF_A_NAME = (
    Name("value", Kind.TEXT, PLAIN, "the tier in a value scheme of the policy", "在某价值方案中的层级"),
    Name("profile", Kind.ANY, PLAIN, "an attribute of the profile", "客户档案属性"),
    Name("segment", Kind.FLAG, PLAIN, "is in that segment", "属于该分群"),
    Name("engagement.days_ago", Kind.NUMBER, PLAIN, "customer-days since the last engagement of this type", "距最近一次该类互动的天数"),
    Name("days_since", Kind.NUMBER, PLAIN, "customer-days since the ISO date that the attribute holds", "距该属性日期已过的天数"),
    Name("days_until", Kind.NUMBER, PLAIN, "customer-days until the ISO date that the attribute holds", "距该属性日期还有的天数"),
)
_OF_A_LABEL = (
    Name("spend", Kind.MONEY, ROLLING, "spend under this label, in the reporting currency", "该标签下的净消费额，记账货币"),
    Name("purchase_days", Kind.NUMBER, ROLLING, "distinct customer-days with a purchase under this label", "该标签下有购买的天数"),
    Name("share", Kind.SHARE, ROLLING, "this label's part of the customer's spend, 0 to 1", "该标签占消费额的比例，0 到 1"),
    Name("silence_days", Kind.NUMBER, PLAIN, "customer-days since the label was last bought", "距上次购买该标签的天数"),
)
# fmt: on


def _catalogue() -> Iterator[Name]:
    yield from _OF_A_CUSTOMER
    for scheme in SCHEMES:
        en, zh = f"the RFM group of the scheme {scheme}", f"RFM 分组，{scheme} 方案"
        yield Name(f"rfm.{scheme}", Kind.CHOICE, PLAIN, en, zh, tuple(GROUP_NAMES[scheme]))
    yield from _OF_A_NAME
    for label in LABELS:
        yield from (row._replace(name=f"{label}.{row.name}") for row in _OF_A_LABEL)


CATALOGUE = tuple(_catalogue())
BY_NAME: Mapping[str, Name] = MappingProxyType({row.name: row for row in CATALOGUE})
# As written, with its window → the row and the window.
WRITTEN: Mapping[str, tuple[Name, int]] = MappingProxyType(
    {
        f"{row.name}_{days}d" if days else row.name: (row, days)
        for row in CATALOGUE
        for days in row.windows
    }
)
# What may stand where a whole name is asked for: no members of labels, but what they belong to.
OFFERED = (*(name for name in WRITTEN if name.partition(".")[0] not in OWNERS), "rfm", *OWNERS)
_ALL_WORDS = frozenset(word for row in CATALOGUE for word in row.words)


def members_of(owner: str) -> tuple[str, ...]:
    """The members of `category["…"]` and the like, with their windows."""
    dotted = f"{owner}."
    return tuple(name.removeprefix(dotted) for name in WRITTEN if name.startswith(dotted))


def nearest(word: str, among: Iterable[str]) -> str | None:
    """The known word that is most like `word`, if one is like it at all.

    >>> nearest("Spnd_90d", OFFERED), nearest("weather", OFFERED)
    ('spend_90d', None)
    """
    found = get_close_matches(word.lower(), among, n=1)
    return found[0] if found else None


def fault_of_name(written: str) -> tuple[str, str]:
    """What is wrong with a name that is not in the catalogue, and the way out.

    >>> fault_of_name("spend_60d")
    ("'spend' has no window of 60 days", 'windows are 30d, 90d and 365d')
    """
    fault = _fault_of_window(written)
    if fault is not None:
        return fault
    if written in FUNCTIONS:
        return f"'{written}' is a function", f"write it as {written}(profile.birthday)"
    if written in _ALL_WORDS:
        return f"unknown name '{written}'", f'write "{written}" in quotes'
    owner = next((each for each in OWNERS if f"{each}.{written}" in WRITTEN), None)
    if owner is not None:
        return f"'{written}' does not stand alone", f'write {owner}["NAME"].{written}'
    near = nearest(written, OFFERED)
    if near is None:
        other = f'if it is a text, write "{written}"; an attribute is profile.{written}'
    else:
        other = f"did you mean '{near}'?"
    return f"unknown name '{written}'", other


def fault_of_member(owner: str, written: str) -> tuple[str, str]:
    """What is wrong with a member that an owner does not have, and the way out."""
    fault = _fault_of_window(f"{owner}.{written}")
    if fault is not None:
        return fault
    near = nearest(written, members_of(owner))
    problem = f"{owner}[…] has no member '{written}'"
    if near:
        return problem, f"did you mean '{near}'?"
    dotted = f"{owner}."
    bases = (name.removeprefix(dotted) for name in BY_NAME if name.startswith(dotted))
    return problem, f"it has {listed(bases)}"


def _fault_of_window(written: str) -> tuple[str, str] | None:
    if written in BY_NAME and 0 not in BY_NAME[written].windows:
        written_out = [f"{written}_{days}d" for days in BY_NAME[written].windows]
        return f"'{written}' needs a window", f"write {listed(written_out, 'or')}"
    match = _WINDOW.fullmatch(written)
    row = BY_NAME.get(match["base"]) if match else None
    if match is None or row is None:
        return None
    short = row.name.rpartition(".")[2]
    if row.windows == PLAIN:
        return f"'{short}' has no windows", f"write {short} without _{match['days']}d"
    days = [f"{days}d" for days in row.windows if days]
    return f"'{short}' has no window of {match['days']} days", f"windows are {listed(days)}"


def listed(words: Iterable[str], last: str = "and") -> str:
    """Words for people.

    >>> listed(["30d", "90d", "365d"])
    '30d, 90d and 365d'
    """
    *most, final = words
    return f"{', '.join(most)} {last} {final}" if most else final
