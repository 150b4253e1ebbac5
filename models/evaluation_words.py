"""The words of evaluations, in English and simplified Chinese.

Enters: a judgement. Leaves: a sentence, with the number and what was asked for. A language is one more entry of
each mapping; a test holds that all say the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from models.evaluation import Evaluation, Judgement, Verdict

Language = Literal["en", "zh"]
Words = Mapping[str, Mapping[str, str]]

CRITERIA: Words = {
    "measurable": {"en": "measurable", "zh": "可衡量"},
    "substantial": {"en": "substantial", "zh": "够规模"},
    "stable": {"en": "stable", "zh": "稳定"},
    "distinguishable": {"en": "distinguishable", "zh": "可区分"},
}
VERDICTS: Words = {
    "yes": {"en": "yes", "zh": "是"},
    "no": {"en": "no", "zh": "否"},
    "untold": {"en": "can't be told yet", "zh": "暂无法判断"},
}
UNMET: Words = {
    "all_met": {"en": "all met", "zh": "全部满足"},
    "no": {"en": "not {criterion}", "zh": "不{criterion}"},
    "untold": {"en": "{criterion}?", "zh": "{criterion}？"},
    "between": {"en": ", ", "zh": "、"},
}
HEADINGS: Mapping[str, tuple[str, ...]] = {
    "en": (
        *("segment", "customers", "share", "spend", "top fifth", "stays"),
        *("most apart in", "d", "responds", "expected", "verdict"),
    ),
    "zh": (
        *("客群", "客户数", "占比", "消费占比", "前 20 % 贡献", "30 天留存"),
        *("差异最大指标", "d", "进入后购买率", "同期全体", "结论"),
    ),
}
REASONS: Words = {
    "few_members": {
        "en": "{members:,.0f} members; at least {min_members:,.0f} are asked for",
        "zh": "成员 {members:,.0f} 人，要求至少 {min_members:,.0f} 人",
    },
    "little_known": {
        "en": "{known:.0%} of its members' numbers are known; at least {min_known:.0%} are asked for",
        "zh": "成员指标的已知比例为 {known:.0%}，要求至少 {min_known:.0%}",
    },
    "measured": {
        "en": "{members:,.0f} members (at least {min_members:,.0f}), and {known:.0%} of their numbers are "
        "known (at least {min_known:.0%})",
        "zh": "成员 {members:,.0f} 人（至少 {min_members:,.0f} 人），成员指标的已知比例为 {known:.0%}"
        "（至少 {min_known:.0%}）",
    },
    "nothing_spent": {
        "en": "nobody has spent anything within a year, so a share of it means nothing",
        "zh": "近一年没有任何消费，无法计算消费占比",
    },
    "substance": {
        "en": "{share:.1%} of customers (at least {min_share:.1%}) and {spend_share:.1%} of what was spent "
        "within a year (at least {min_spend_share:.1%})",
        "zh": "占客户数 {share:.1%}（至少 {min_share:.1%}），占近一年消费额 {spend_share:.1%}"
        "（至少 {min_spend_share:.1%}）",
    },
    "past_not_kept": {
        "en": "of {untold:,.0f} of {customers:,.0f} customers it isn't kept where they were 30 days ago: they "
        "have changed too often since",
        "zh": "{customers:,.0f} 位客户中有 {untold:,.0f} 位变动过于频繁，已无法追溯其 30 天前所在的客群",
    },
    "nobody_then": {
        "en": "nobody was in it 30 days ago",
        "zh": "30 天前该客群没有成员",
    },
    "staying": {
        "en": "{stayed:,.0f} of {then:,.0f} who were in it 30 days ago are in it now: {value:.0%} (95 %: "
        "{low:.0%} to {high:.0%}; at least {asked:.0%})",
        "zh": "30 天前的 {then:,.0f} 位成员中，现仍有 {stayed:,.0f} 位在内：留存率 {value:.0%}（95 % 区间 "
        "{low:.0%} 至 {high:.0%}，至少 {asked:.0%}）",
    },
    "staying_unclear": {
        "en": "{stayed:,.0f} of {then:,.0f} who were in it 30 days ago are in it now: {value:.0%}; so few "
        "tell no more than {low:.0%} to {high:.0%}, and {asked:.0%} lies between",
        "zh": "30 天前的 {then:,.0f} 位成员中，现仍有 {stayed:,.0f} 位在内：留存率 {value:.0%}；样本太少，"
        "只能判断在 {low:.0%} 至 {high:.0%} 之间，而要求的 {asked:.0%} 恰在其中",
    },
    "few_to_compare": {
        "en": "{members:,.0f} members beside {others:,.0f} others; at least {min_members:,.0f} of each, with "
        "a number that is known of both, can be compared",
        "zh": "成员 {members:,.0f} 人，其他客户 {others:,.0f} 人；双方各至少 {min_members:,.0f} 人，且有双方均已知的"
        "指标，才能比较",
    },
    "apart": {
        "en": "most apart in {number}: {d:+.2f} standard deviations from all others ({low:.2f} to {high:.2f}; "
        "at least {asked:.2f} either way); {mean:.2f} on average of all numbers",
        "zh": "差异最大的指标是{number}：与其他客户相差 {d:+.2f} 个标准差（区间 {low:.2f} 至 {high:.2f}，"
        "正负方向至少 {asked:.2f}）；全部指标平均相差 {mean:.2f}",
    },
    "apart_unclear": {
        "en": "most apart in {number}: {d:+.2f} standard deviations from all others; so few tell no more than "
        "{low:.2f} to {high:.2f}, and {asked:.2f} are asked for; {mean:.2f} on average of all numbers",
        "zh": "差异最大的指标是{number}：与其他客户相差 {d:+.2f} 个标准差；样本太少，只能判断在 {low:.2f} 至 "
        "{high:.2f} 之间，而要求为 {asked:.2f}；全部指标平均相差 {mean:.2f}",
    },
}
RESPONSES: Words = {
    "no_entries": {
        "en": "nobody entered it on a day whose 30 days after are over",
        "zh": "没有进入后已满 30 天的客户",
    },
    "responded": {
        "en": "after {answered:,.0f} of {entries:,.0f} entries a purchase followed within 30 days: {rate:.0%} "
        "(95 %: {low:.0%} to {high:.0%}); of everybody on the same days {expected:.0%} bought",
        "zh": "{entries:,.0f} 次进入中，有 {answered:,.0f} 次在 30 天内产生购买：{rate:.0%}（95 % 区间 {low:.0%} 至 "
        "{high:.0%}）；同期全体客户为 {expected:.0%}",
    },
}
NUMBERS: Words = {
    "spend_365d": {"en": "spend in a year", "zh": "近一年消费金额"},
    "purchases_365d": {"en": "purchases in a year", "zh": "近一年购买次数"},
    "purchase_days_365d": {"en": "purchase days in a year", "zh": "近一年购买天数"},
    "average_order_value_365d": {"en": "average order value", "zh": "客单价"},
    "items_per_purchase_365d": {"en": "items per purchase", "zh": "每单件数"},
    "categories_365d": {"en": "categories in a year", "zh": "近一年购买品类数"},
    "discount_share_365d": {"en": "discount share", "zh": "折扣占比"},
    "return_rate_365d": {"en": "return rate", "zh": "退货率"},
    "growth_90d": {"en": "growth in 90 days", "zh": "近 90 天消费增长"},
    "trend_90d": {"en": "trend over 90 days", "zh": "近 90 天消费趋势"},
    "cadence_days": {"en": "days between purchases", "zh": "购买周期"},
    "silence_days": {"en": "days since the last purchase", "zh": "距最近一次消费天数"},
    "silence_cycles": {"en": "silence in usual gaps", "zh": "沉默时长与购买周期之比"},
    "tenure_days": {"en": "days since the first purchase", "zh": "距首次消费天数"},
    "risk": {"en": "churn risk", "zh": "流失风险"},
    "expected_spend": {"en": "expected spend", "zh": "预期消费"},
    "lifetime_value": {"en": "lifetime value", "zh": "客户终身价值"},
}


def number_name(number: str, language: Language) -> str:
    """What a number is called; its own name where nobody has said."""
    known = NUMBERS.get(number)
    return known[language] if known else number


def reason(judgement: Judgement, language: Language) -> str:
    """Why a criterion is met or not: the number, and what is asked for."""
    template = REASONS[judgement.reason][language]
    named = number_name(judgement.number, language) if judgement.number else ""
    return template.format(**judgement.numbers, number=named)


def response_told(found: Evaluation, language: Language) -> str:
    """What followed entries, beside what everybody did."""
    response, interval = found.response, found.response_interval
    if response is None or interval is None:
        return RESPONSES["no_entries"][language]
    return RESPONSES["responded"][language].format(
        answered=response.answered,
        entries=response.entries,
        rate=found.response_rate,
        low=interval.low,
        high=interval.high,
        expected=found.expected_rate,
    )


def verdict_told(found: Evaluation, language: Language) -> str:
    """What is not met, and what can't be told yet, in a few words."""
    parts = [
        UNMET[each.verdict][language].format(criterion=CRITERIA[each.criterion][language])
        for each in found.judgements
        if each.verdict is not Verdict.YES
    ]
    return UNMET["between"][language].join(parts) or UNMET["all_met"][language]
