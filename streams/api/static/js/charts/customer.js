// One customer over time: the risk week by week, and what they bought.

import { canvasColourOf, token } from "../colours.js";
import { date, money, moneyShort, number, percent, shortDate } from "../format.js";
import { t, tn } from "../i18n.js";
import { labelOf } from "../names.js";
import { axisStyle, shareAxis, tooltipLines, tooltipStyle } from "./figure.js";

const SIDES = { left: 48, right: 24, bottom: 24 }; // the same for both, so that days stand below days

function timeAxis(style, { kept_since: from, as_of: to }) {
    return {
        type: "time",
        min: Date.parse(from) || null,
        max: Date.parse(to) || null,
        ...style,
        splitLine: { show: false },
        axisLabel: {
            ...style.axisLabel,
            hideOverlap: true,
            formatter: (at) => shortDate(new Date(at).toISOString().slice(0, 10)),
        },
    };
}

function riskTooltip(week) {
    return tooltipLines(date(week.on), [
        { text: `${t("risk.own")}: ${percent(week.own_probability)}` },
        { text: `${t("risk.common")}: ${percent(week.probability)}` },
        { text: tn("risk.silence", week.silence_days) },
        {
            colour: canvasColourOf(`lifecycle/${week.lifecycle}`),
            text: labelOf(`lifecycle/${week.lifecycle}`),
        },
    ]);
}

export function drawRisk(timeline) {
    const style = axisStyle();
    const line = (id, field, colour, type) => ({
        id,
        name: t(id),
        type: "line",
        symbolSize: 5,
        showSymbol: timeline.risk.length < 2,
        lineStyle: { width: 2, type, color: colour },
        itemStyle: { color: colour },
        data: timeline.risk.map((week) => [Date.parse(week.on), week[field]]),
    });
    return {
        useUTC: true,
        grid: { ...SIDES, top: 32 },
        legend: {
            top: 0,
            left: 0,
            itemWidth: 18,
            itemHeight: 8,
            textStyle: { color: token("--ink-2"), fontSize: 11 },
        },
        tooltip: {
            trigger: "axis",
            ...tooltipStyle(),
            formatter: ([first]) => riskTooltip(timeline.risk[first.dataIndex]),
        },
        xAxis: timeAxis(style, timeline),
        yAxis: shareAxis(),
        series: [
            line("risk.own", "own_probability", token("--risk-high"), "solid"),
            line("risk.common", "probability", token("--ink-3"), "dashed"),
        ],
    };
}

export function riskTable(timeline) {
    const columns = [
        { text: t("column.day") },
        { text: t("risk.own"), number: true },
        { text: t("risk.common"), number: true },
        { text: t("column.silence"), number: true },
        { text: t("column.state") },
    ];
    const rows = [...timeline.risk]
        .reverse()
        .map((week) => [
            date(week.on),
            percent(week.own_probability),
            percent(week.probability),
            number(week.silence_days),
            labelOf(`lifecycle/${week.lifecycle}`),
        ]);
    return { columns, rows };
}

export function drawPurchases(timeline) {
    const style = axisStyle();
    const bar = ({ at, kind, amount_minor: amount }, place) => ({
        value: [Date.parse(at), kind === "refund" ? -amount : amount],
        place,
        itemStyle: {
            color: kind === "refund" ? token("--lifecycle-churned") : token("--accent"),
            borderRadius: 2,
        },
    });
    return {
        useUTC: true,
        grid: { ...SIDES, top: 12 },
        tooltip: {
            trigger: "item",
            ...tooltipStyle(),
            formatter: ({ data }) => {
                const { at, kind, amount_minor: amount } = timeline.purchases[data.place];
                return tooltipLines(date(at), [
                    { text: `${t(`purchase.${kind}`)}: ${money(amount)}` },
                ]);
            },
        },
        xAxis: timeAxis(style, timeline),
        yAxis: {
            type: "value",
            ...style,
            axisLine: { show: false },
            axisLabel: { ...style.axisLabel, formatter: moneyShort },
        },
        series: [{ id: "purchases", type: "bar", barWidth: 6, data: timeline.purchases.map(bar) }],
    };
}

export function purchasesTable(timeline) {
    const columns = [
        { text: t("column.day") },
        { text: t("column.kind") },
        { text: t("column.amount"), number: true },
        { text: t("column.returned"), number: true },
        { text: t("column.items"), number: true },
    ];
    const rows = [...timeline.purchases]
        .reverse()
        .map((each) => [
            date(each.at),
            t(`purchase.${each.kind}`),
            money(each.amount_minor),
            each.returned_minor ? money(each.returned_minor) : "",
            number(Array.isArray(each.items) ? each.items.length : each.items),
        ]);
    return { columns, rows };
}
