"""What is usually done about segments that every shop has: where a policy names no play, these hold.

Each is one of a few roles that groups of several schemes play, so that a champion is treated alike whoever
calls them so. They are where to begin, not advice from numbers: a policy's own play goes before.

Enters: nothing. Leaves: plays by segment, plays by what sets a segment apart. Forbidden here: numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from models.policy_alerts import Play

CRM = ("Customer marketing", "会员运营")
SALES = ("Customer service", "客户服务")
GROWTH = ("Acquisition", "拉新团队")
GOODS = ("Merchandising", "商品运营")


def _play(owner: tuple[str, str], action: tuple[str, str], goal: tuple[str, str]) -> Play:
    return Play(
        action=action[0], action_zh=action[1], goal=goal[0], goal_zh=goal[1],
        owner=owner[0], owner_zh=owner[1],
    )  # fmt: skip


# fmt: off
ROLES: Mapping[str, Play] = MappingProxyType({
    "best": _play(
        CRM,
        ("Thank them, let them in first, give service instead of discounts, ask them to recommend you",
         "表达感谢，提供新品优先购和专属服务，以权益代替折扣，邀请转介绍"),
        ("they stay, and bring others", "保持留存，带来转介绍")),
    "loyal": _play(
        CRM,
        ("Reward the habit: points, member prices, things that go with what they buy",
         "以积分和会员价奖励购买习惯，推荐关联品类"),
        ("more categories, larger baskets", "拓展品类，提升客单价")),
    "regular": _play(
        CRM,
        ("Keep the contact regular and relevant; suggest the next category",
         "保持规律且相关的触达，推荐下一个品类"),
        ("one more purchase day a month", "每月多一个购买日")),
    "growing": _play(
        CRM,
        ("Give a reason for the next purchase soon after the last: a set, a refill, a member offer",
         "在上次购买后不久给出下次购买理由，组合装、补货提醒、会员优惠"),
        ("a habit of buying", "养成购买习惯")),
    "newcomer": _play(
        CRM,
        ("Welcome them, explain how the shop works, invite to the second purchase within their first month",
         "欢迎并引导新客，在首月内促成第二次购买"),
        ("a second purchase within 30 days", "30 天内完成第二次购买")),
    "prospect": _play(
        GROWTH,
        ("Show what others begin with, with an offer for the first purchase",
         "展示热门入门商品，提供首单优惠"),
        ("a first purchase", "完成首次购买")),
    "cooling": _play(
        CRM,
        ("Remind them of what they usually buy, with a small offer that ends soon",
         "提醒常购商品，附限时小额优惠"),
        ("a purchase before they turn dormant", "在沉睡前完成一次购买")),
    "leaving": _play(
        CRM,
        ("Send the personal offer now; ask those who were worth most what went wrong",
         "立即发送个性化优惠，并回访其中价值最高的客户了解原因"),
        ("a purchase within their usual horizon", "在其惯常周期内恢复购买")),
    "too_good_to_lose": _play(
        SALES,
        ("Call or write in person, listen, offer what only they are offered",
         "一对一致电或致信，倾听原因，提供专属方案"),
        ("win them back in person", "以人工服务挽回客户")),
    "asleep": _play(
        CRM,
        ("Try to wake them once, with news and one good offer; then write rarely",
         "以新品资讯和一次有力优惠尝试唤醒，之后降低触达频次"),
        ("a first purchase after the silence, at little cost", "以较低成本实现唤醒")),
    "lost": _play(
        CRM,
        ("Spend nothing on single letters; include them in one campaign a season, respect who is silent",
         "不再单独投入，每季随大型活动触达一次，尊重未响应者"),
        ("cost saved; a few come back", "节省成本，争取少量召回")),
    "returned": _play(
        CRM,
        ("Welcome them back, find out what brought them, offer the next purchase within their old rhythm",
         "欢迎回归，了解回归原因，按原有购买周期推荐下一次购买"),
        ("a second purchase after coming back", "召回后完成第二次购买")),
    "overdue": _play(
        CRM,
        ("Remind them of their usual goods before any discount",
         "先提醒常购商品，暂不打折"),
        ("a purchase before they turn dormant", "在沉睡前完成一次购买")),
    "modest": _play(
        CRM,
        ("Serve them automatically: newsletters, standard offers, no calls",
         "以自动化方式服务，常规资讯与标准优惠，不安排人工外呼"),
        ("profit at low cost", "低成本创收")),
})

# Groups in the order of models/rfm.py.
_OF: Mapping[str, Mapping[str, str]] = MappingProxyType({
    "lifecycle": {"prospect": "prospect", "new": "newcomer", "active": "regular", "dormant": "asleep",
                  "churned": "lost"},
    "flag": {"overdue": "overdue", "won_back": "returned"},
    "tier": {"high": "best", "medium": "loyal", "low": "modest"},
    "risk": {"high": "leaving", "elevated": "cooling", "low": "regular"},
    "rfm.quintile": {"champions": "best", "loyal": "loyal", "active": "regular", "new": "newcomer",
                     "promising": "growing", "needs_attention": "cooling", "at_risk": "leaving",
                     "previously_loyal": "too_good_to_lose", "almost_lost": "asleep", "dormant": "lost",
                     "prospects": "prospect"},
    "rfm.klaviyo": {"champions": "best", "loyal": "loyal", "recent": "growing",
                    "needs_attention": "cooling", "at_risk": "leaving", "inactive": "lost"},
    "rfm.braze": {"champions": "best", "loyal_users": "loyal", "potential_loyalists": "growing",
                  "promising": "growing", "new_customer": "newcomer", "needing_attention": "cooling",
                  "cannot_lose_them": "too_good_to_lose", "at_risk": "leaving", "about_to_sleep": "asleep",
                  "hibernating": "lost"},
    "rfm.china8": {"important_value": "best", "important_development": "growing",
                   "important_retention": "leaving", "important_win_back": "too_good_to_lose",
                   "general_value": "loyal", "general_development": "newcomer",
                   "general_retention": "cooling", "general_win_back": "lost"},
})

# What sets a cluster or a rule segment apart → its play; the first whose claims are all made holds.
BY_CLAIMS: tuple[tuple[Mapping[str, int], str, Play], ...] = (
    ({"silence": 1}, "asleep", ROLES["asleep"]),
    ({"trend": -1}, "leaving", ROLES["leaving"]),
    ({"risk": 1}, "cooling", ROLES["cooling"]),
    ({"overdue": 1}, "overdue", ROLES["overdue"]),
    ({"price": 1}, "bargains", _play(
        GOODS,
        ("Offer them clearance and multi-buys rather than general discounts; test how much smaller a discount "
         "may be",
         "优先推送清仓和多件优惠，避免普遍折扣，并测试可降低的折扣力度"),
        ("the same purchases at a better margin", "在不减少购买的前提下改善毛利"))),
    ({"rhythm": -1, "basket": 1}, "more_visits", _play(
        CRM,
        ("Give reasons to come between two large purchases: fresh goods, reminders, small member offers",
         "在两次大额采购之间提供到店理由，生鲜、补货提醒、会员小额优惠"),
        ("one more purchase day a month", "每月多一个购买日"))),
    ({"rhythm": 1, "basket": -1}, "larger_baskets", _play(
        GOODS,
        ("Suggest what goes with it, and thresholds just above their usual basket",
         "推荐关联商品，设置略高于其平均客单价的满减门槛"),
        ("a larger basket", "提升客单价"))),
    ({"rhythm": -1, "basket": -1}, "growing", ROLES["growing"]),
    ({"rhythm": 1, "worth": 1}, "best", ROLES["best"]),
    ({"rhythm": 1}, "loyal", ROLES["loyal"]),
    ({"basket": 1}, "loyal", ROLES["loyal"]),
    ({"breadth": -1}, "wider_range", _play(
        GOODS,
        ("Introduce the next category, one at a time, beside what they buy",
         "在其常购品类旁逐一推荐新品类"),
        ("more categories", "拓展购买品类"))),
)
# fmt: on


def default_roles() -> Iterator[tuple[str, str]]:
    """Segment, role: of each for which there is a default."""
    for kind, groups in _OF.items():
        yield from ((f"{kind}/{group}", role) for group, role in groups.items())


DEFAULTS: Mapping[str, str] = MappingProxyType(dict(default_roles()))
