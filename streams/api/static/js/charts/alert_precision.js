// Of how many alerts was it true: by rule and ISO week, as far as outcomes are known.

import {
    alertRules,
    betweenInWords,
    foretells,
    inPolicyOrder,
    ruleLabel,
} from "../alerts.js";
import { token } from "../colours.js";
import { number, percent } from "../format.js";
import { t } from "../i18n.js";
import { axisStyle, legendAbove, shareAxis, tooltipLines, tooltipStyle } from "./figure.js";

const COLOURS = 8; // those of clusters, which colour-blind readers can tell apart

const known = (content) =>
    inPolicyOrder(content.by_week).filter(
        ({ rule, figures }) => figures.precision && foretells(rule),
    );

export function hasPrecision(content) {
    return known(content).length > 0;
}

/** "Week 5, 2026" of 2026-W05. */
function weekInWords(week) {
    const [year, number_] = week.split("-W").map(Number);
    return t("week", { year, n: number_ });
}

function rulesOf(content) {
    return [...new Set(known(content).map(({ rule }) => rule))];
}

/** By its place in the policy, so that it stays the same whatever is shown. */
function colourOfRule(rule) {
    const place = alertRules().findIndex((each) => each.name === rule);
    return token(`--cluster-${(place < 0 ? COLOURS - 1 : place) % COLOURS}`);
}

function inWords({ rule, figures: { precision } }) {
    return t("precision.words", {
        rule: ruleLabel(rule),
        share: percent(precision.value),
        low: percent(precision.low),
        high: percent(precision.high),
    });
}

export function drawPrecision(content, width) {
    const style = axisStyle();
    const told = known(content);
    const of = (rule, week) => told.find((each) => each.rule === rule && each.week === week);
    return {
        ...legendAbove(width),
        tooltip: {
            trigger: "axis",
            ...tooltipStyle(),
            formatter: ([{ dataIndex }]) => {
                const week = content.weeks[dataIndex];
                const lines = told
                    .filter((each) => each.week === week)
                    .map((each) => ({ colour: colourOfRule(each.rule), text: inWords(each) }));
                return tooltipLines(weekInWords(week), lines);
            },
        },
        xAxis: {
            type: "category",
            data: content.weeks,
            ...style,
            axisLabel: {
                ...style.axisLabel,
                hideOverlap: true,
                formatter: (week) => t("week.short", { n: Number(week.split("-W")[1]) }),
            },
        },
        yAxis: shareAxis(),
        series: rulesOf(content).map((rule) => ({
            id: rule,
            name: ruleLabel(rule),
            type: "line",
            symbol: "circle",
            symbolSize: 7,
            lineStyle: { width: 2, color: colourOfRule(rule) },
            itemStyle: { color: colourOfRule(rule) },
            data: content.weeks.map((week) => of(rule, week)?.figures.precision.value ?? null),
        })),
    };
}

export function precisionTable(content) {
    const columns = [
        { text: t("column.week") },
        { text: t("column.rule") },
        { text: t("column.raised_count"), number: true },
        { text: t("column.precision"), number: true },
        { text: t("column.interval"), number: true },
    ];
    const rows = known(content)
        .sort((one, other) => (one.week < other.week ? 1 : one.week > other.week ? -1 : 0))
        .map(({ rule, week, figures: { raised, precision } }) => [
            weekInWords(week),
            ruleLabel(rule),
            number(raised),
            percent(precision.value),
            betweenInWords(percent(precision.low), percent(precision.high)),
        ]);
    return { columns, rows };
}
