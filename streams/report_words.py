"""The words of reports, in English and simplified Chinese."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, tuple[str, str]] = {
    "title": ("What would change", "策略变更影响"),
    "on": (
        "{source}: {events} events, {first} to {last}",
        "{source}：{events} 条事件，{first} 至 {last}",
    ),
    "version": ("version {version}", "版本 {version}"),
    "same": (
        "Nothing differs: {segments} segments have the same size on every day, {customers} customers "
        "end where they did, and {alerts} alerts are the same.",
        "没有差异：{segments} 个客群每天的人数都相同，{customers} 位客户的最终状态相同，{alerts} 条预警相同。",
    ),
    "settings": ("Settings that differ", "不同的设置"),
    "no_settings": ("The settings are the same.", "设置相同。"),
    "setting": ("setting", "设置项"),
    "none": ("—", "—"),
    "elsewhere": ("Customers who stand elsewhere", "状态不同的客户"),
    "differing": ("{count} of {of}", "{of} 位中的 {count} 位"),
    "as_ended": ("as {day} ended", "截至 {day} 日终"),
    "segments_differ": ("Segments that differ", "人数不同的客群"),
    "on_any_day": ("on any day", "任意一天"),
    "alerts": ("Alerts", "预警"),
    "alerts_of": ("{a} → {b}", "{a} → {b}"),
    "at_stake": ("At stake", "涉及金额"),
    "at_stake_of": ("sum over alerts, A → B", "所有预警合计，A → B"),
    "segments": ("Segments through time", "客群人数变化"),
    "segments_same": (
        "{count} segments are the same on every day.",
        "{count} 个客群每天的人数都相同。",
    ),
    "all_same": ("All segments are the same on every day.", "所有客群每天的人数都相同。"),
    "segment": ("segment", "客群"),
    "change": ("change", "变化"),
    "largest": ("differ most on", "差异最大日"),
    "a_then": ("A then", "当日 A"),
    "b_then": ("B then", "当日 B"),
    "chart_says": (
        "{name}: customers by day. A ends at {a}, B at {b}; they differ most on {day}, {a_then} and {b_then}.",
        "{name}：每日人数。A 最终为 {a}，B 最终为 {b}；差异最大日 {day}，分别为 {a_then} 和 {b_then}。",
    ),
    "customers": ("Who stands elsewhere", "哪些客户的状态不同"),
    "customers_note": (
        "Each line is one kind of segment; a customer may stand in several.",
        "每行对应一类客群；同一客户可能出现在多行。",
    ),
    "nobody": ("Everybody ends where they did.", "所有客户的最终状态相同。"),
    "under_a": ("under A", "策略 A"),
    "under_b": ("under B", "策略 B"),
    "customers_column": ("customers", "客户数"),
    "for_example": (
        "{move} ({count}), for example {who} (net {spent})",
        "{move}（{count} 位），例如 {who}（净消费 {spent}）",
    ),
    "alert_rules": ("Alert rules", "预警规则"),
    "no_rules": ("Neither policy has alert rules.", "两个策略都没有预警规则。"),
    "rule": ("rule", "规则"),
    "policy": ("policy", "策略"),
    "alerts_column": ("alerts", "预警数"),
    "a_week": ("a week", "每周"),
    "judged": ("judged", "已有结果"),
    "right": ("right (95 %)", "准确率（95 %）"),
    "silent": ("silent", "静默天数"),
    "lead": ("lead", "提前天数"),
    "silences": ("What becomes of the silences", "同一静默期的预警对比"),
    "silences_note": (
        "An alert is matched with the other policy's about the same customer, rule and silence. Right: "
        "nothing was bought within the horizon, as far as that has ended.",
        "按客户、规则和静默期配对。准确：观察期内没有购买（仅统计观察期已结束的预警）。",
    ),
    "same_day": ("same day", "同一天"),
    "earlier": ("B earlier", "B 更早"),
    "later": ("B later", "B 更晚"),
    "missed": ("only A: missed", "仅 A：遗漏"),
    "new": ("only B: new", "仅 B：新增"),
    "mean_days": ("days, mean", "平均天数"),
    "still": ("still silent", "仍在静默"),
    "kind": ("what B does", "B 的表现"),
    "weekly": ("{rule}: alerts by week", "{rule}：每周预警数"),
    "weekly_says": (
        "Alerts of {rule} by week. A raises {a}, B {b}, at most {most} a week.",
        "{rule} 的每周预警数。A 共 {a} 条，B 共 {b} 条，单周最多 {most} 条。",
    ),
    "notes": ("How to read this", "阅读说明"),
    "note_right": (
        "Right: nothing was bought within the alert's horizon. Judged: that horizon has ended. Silent and "
        "lead: mean days of right alerts, since the last purchase and until churned.",
        "准确：预警观察期内没有购买。已有结果：观察期已结束。静默天数与提前天数：准确预警的平均值，"
        "分别为距最近购买的天数和距流失日的天数。",
    ),
    "note_sent": (
        "These are alerts raised. Budgets, holdout, consent and the frequency cap leave fewer to send.",
        "这里统计的是触发的预警；预算、对照组、授权和频次上限会使实际发送更少。",
    ),
    "note_learned": (
        "Clusters, value and risk are learned anew under each policy: a cluster's number may differ.",
        "聚类、价值和风险在每个策略下重新学习：聚类编号可能不同。",
    ),
    "note_unusable": (
        "Events that could not be used under {side}: {why}.",
        "策略 {side} 下无法使用的事件：{why}。",
    ),
    "sweep_title": ("What {setting} would bring", "{setting} 取值的影响"),
    "sweep_points": ("{count} values, {name}", "{count} 个取值，{name}"),
    "sweep_rule": ("{rule}: volume, precision, lead", "{rule}：数量、准确率、提前天数"),
    "sweep_same": (
        "The same under every value: {alerts} alerts, {right} right.",
        "所有取值的结果相同：{alerts} 条预警，准确率 {right}。",
    ),
    "sweep_none": (
        "There are no alert rules, so there is no curve; the table has segments.",
        "没有预警规则，因此没有曲线；请看客群人数表。",
    ),
    "sweep_sizes": ("Segments at the end", "期末客群人数"),
    "sweep_all_same": (
        "Every value gives the same sizes of segments at the end.",
        "所有取值的期末客群人数都相同。",
    ),
    "volume": ("alerts a week", "每周预警数"),
    "precision_axis": ("right, % of judged", "准确率，%"),
    "lead_axis": ("lead, days", "提前天数"),
    "by_volume": ("across: alerts a week", "横轴：每周预警数"),
    "by_value": ("across: the value", "横轴：取值"),
    "now": ("now", "当前值"),
    "trade_off_says": (
        "{name} against alerts a week, by {setting}: {points}.",
        "{name} 与每周预警数，随 {setting} 变化：{points}。",
    ),
    "curve_says": ("{name} by {setting}: {points}.", "{name} 随 {setting} 变化：{points}。"),
}
