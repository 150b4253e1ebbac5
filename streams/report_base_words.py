"""The words of the report on a base, in English and simplified Chinese."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, tuple[str, str]] = {
    "title": ("What the base is made of", "客户构成报告"),
    "as_of": (
        "As of {day}. Amounts in {currency}; a year is the last 365 days.",
        "截至 {day}。金额单位：{currency}；一年指最近 365 天。",
    ),
    "under": (
        "Policy {policy}, population {population}.",
        "策略 {policy}，群体版本 {population}。",
    ),
    "contents": ("What is in here", "目录"),
    # titles of tables
    "totals": ("The base", "总览"),
    "segments.lifecycle": ("Lifecycle", "生命周期"),
    "segments.flag": ("Flags", "状态标记"),
    "segments.rfm": ("RFM groups, {name}", "RFM 分组，{name}"),
    "segments.cluster": ("Clusters of customers who buy alike", "购买行为聚类"),
    "segments.tier": ("Value tiers", "价值层级"),
    "segments.risk": ("Churn risk", "流失风险"),
    "segments.value": ("Value scheme {name}", "价值方案 {name}"),
    "segments.grid": ("The value grid", "价值矩阵"),
    "segments.attachment": ("Attachment", "黏性"),
    "segments.stage": ("Stage as sales see it", "销售阶段"),
    "segments.rule": ("Segments defined by rules", "规则客群"),
    "segments": ("Groups, {name}", "分组，{name}"),
    "attributes": ("By {name}", "按 {name}"),
    "bought.category": ("Categories", "品类"),
    "bought.brand": ("Brands", "品牌"),
    "bought.channel": ("Channels", "渠道"),
    "bought.store": ("Stores", "门店"),
    "bought.payment_method": ("Payment methods", "支付方式"),
    "cross": ("Segments by {name}", "客群 × {name}"),
    "cross.share": ("Segments by {name}: shares of the row", "客群 × {name}：行占比"),
    "retention": ("Cohorts by month of the first purchase", "首购月份留存"),
    "retention.share": (
        "Cohorts by month of the first purchase: shares of the cohort",
        "首购月份留存：占同期群比例",
    ),
    "movement": ("From 30 days ago to now: {name}", "30 天前到现在：{name}"),
    "movement.share": (
        "From 30 days ago to now: {name}, shares of the row",
        "30 天前到现在：{name}，行占比",
    ),
    # parts of the page
    "part.segments": ("Segments", "客群"),
    "part.attributes": ("Who they are", "客户属性"),
    "part.bought": ("What they buy", "购买内容"),
    "part.cross": ("Segments by attribute", "客群与属性"),
    "part.retention": ("Who comes back", "留存"),
    "part.movement": ("Movement", "流动"),
    "part.notes": ("How to read this", "阅读说明"),
    # heads of columns
    "base": ("", ""),
    "segment": ("segment", "客群"),
    "value": ("value", "取值"),
    "label": ("name", "名称"),
    "cohort": ("first bought in", "首购月份"),
    "before": ("30 days ago", "30 天前"),
    "customers": ("customers", "客户数"),
    "ever_bought": ("ever bought", "有过购买"),
    "buyers_365d": ("bought in the year", "一年内购买"),
    "purchases_365d": ("purchases in the year", "年购买次数"),
    "spend_365d": ("spend in the year", "年消费额"),
    "average_order_value_365d": ("mean purchase", "客单价"),
    "spend_per_buyer_365d": ("spend per buyer", "人均消费额"),
    "purchases_per_buyer_365d": ("purchases per buyer", "人均购买次数"),
    "share": ("share", "占比"),
    "share_of_spend": ("share of spend", "消费占比"),
    "entered_30d": ("entered, 30 days", "30 天进入"),
    "left_30d": ("left, 30 days", "30 天离开"),
    "reach": ("of all buyers", "购买者占比"),
    "days": ("days bought", "购买天数"),
    "spend": ("spent on it", "消费额"),
    "in_currency": ("{name}, {currency}", "{name}（{currency}）"),
    "in_kind": ("{kind}: {name}", "{kind}：{name}"),
    "months_later": ("+{name}", "+{name}"),
    "running": ("{name}, not over", "{name}（未结束）"),
    # first cells and last columns that stand for the rest
    "everybody": ("everybody", "全部客户"),
    "none": ("in none of these", "不在其中"),
    "unknown": ("unknown", "未知"),
    "others": ("the other {count}", "其余 {count} 项"),
    "earlier": ("earlier", "更早"),
    "not_kept": ("not kept any more", "已无记录"),
    "yes": ("yes", "是"),
    "no": ("no", "否"),
    # names of attributes
    "name.age_band": ("age band", "年龄段"),
    "name.region": ("region", "地区"),
    "name.city": ("city", "城市"),
    "name.gender": ("gender", "性别"),
    "name.income_band": ("income band", "收入段"),
    "name.marital_status": ("marital status", "婚姻状况"),
    "name.home_ownership": ("home ownership", "住房情况"),
    "name.household_composition": ("household composition", "家庭构成"),
    "name.household_size": ("household size", "家庭人数"),
    "name.kids_count": ("children", "子女数"),
    # names of kinds that segments are crossed with
    "axis.lifecycle": ("lifecycle", "生命周期"),
    "axis.cluster": ("cluster", "聚类"),
    "axis.tier": ("value tier", "价值层级"),
    "axis.risk": ("churn risk", "流失风险"),
    "axis.grid": ("field of the value grid", "价值矩阵"),
    # what charts show
    "pie_says": ("{title}: {measure}. {rows}.", "{title}：{measure}。{rows}。"),
    "comma": (", ", "，"),
    # notes
    "note_nobody": (
        "Nobody is in the base yet, so there is nothing to divide by.",
        "目前没有客户，因此没有比例可算。",
    ),
    "note_few": (
        "There are only {customers} customers: shares of so few move by chance alone.",
        "仅有 {customers} 位客户：人数过少时，占比会随机波动。",
    ),
    "note_no_attributes": (
        "No profile has told anything of a customer, so nothing is broken down by attributes.",
        "没有客户档案信息，因此没有按属性的统计。",
    ),
    "note_not_learned": (
        "Nothing has been learned of the base yet: groups by RFM, clusters, value and risk come later.",
        "尚未学习到群体信息：RFM、聚类、价值与风险分组稍后才有。",
    ),
    "note_worth": (
        "Spend is what was paid less what was given back, within the year; the mean purchase is that spend over "
        "the purchases. A dash stands where there is nothing to divide by, or nothing is known.",
        "消费额为一年内支付额减退款；客单价为消费额除以购买次数。没有分母或未知时以“—”表示。",
    ),
    "note_moved": (
        "Entered and left count moves within the last 30 days, today included; one who went and came back counts "
        "in both.",
        "进入与离开统计最近 30 天（含当天）的变动次数；离开后又回来的客户两边都计入。",
    ),
    "note_movement": (
        "Thirty days ago is the first moment of the customer-day {days} days before. Of a customer the newest changes "
        "are kept: of some it is not known any more where they were.",
        "30 天前指 {days} 天前当日零时。每位客户只保留最近的变动，因此部分客户当时的位置已无记录。",
    ),
    "note_bought": (
        "What is spent on a category or a brand is quantity times unit price of its lines, before anything is "
        "given back; days are customers' shopping days on which it was bought.",
        "品类与品牌的消费额为数量乘单价，未扣退款；购买天数为客户购买该项的天数合计。",
    ),
    "note_retention": (
        "+3: bought in the third month after that of the first purchase. Months that began more than a "
        "year ago are not told; the month that is not over stands by itself.",
        "+3：首购月份后的第三个月有购买。一年以前的月份不统计；未结束的月份单独列出。",
    ),
    "note_left_out": (
        "There are more different labels than a survey tells apart: {count} times one had to be left out.",
        "标签种类超出统计上限：有 {count} 次未能计入。",
    ),
    "note_pairs_left_out": (
        "There are more pairs of segments than a survey counts: tables of segments by segments are "
        "incomplete.",
        "客群组合超出统计上限：客群交叉表不完整。",
    ),
}


def knows(key: str) -> bool:
    """Whether there are words for it."""
    return key in WORDS
