// Of the customers who first bought in a month: which share still bought so many months later.

import { token } from "../colours.js";
import { month, number, percent } from "../format.js";
import { t, tn } from "../i18n.js";
import { axisStyle, tooltipLines, tooltipStyle } from "./figure.js";
import { ramp } from "./heat.js";

const [NAMES_PX, LABEL_PX] = [80, 34]; // the months at the left; a number in a square
const [FEW, ROW_PX] = [8, 44]; // fewer rows than that need not fill the panel

const longest = (content) => Math.max(1, ...content.items.map((each) => each.retained.length));

function tooltip({ cohort, later, retained }) {
    return tooltipLines(t("cohorts.first", { month: month(cohort.cohort) }), [
        { text: tn("count.customers", cohort.customers) },
        {
            text: t("cohorts.cell", {
                share: percent(retained, 1),
                later: tn("count.months", later),
            }),
        },
    ]);
}

function squares(content, { colourAt, inkOn }) {
    return content.items.flatMap((cohort, row) =>
        cohort.retained.map((retained, later) => {
            const colour = colourAt(retained ?? 0);
            return {
                value: [later, row, retained],
                cell: { cohort, later, retained },
                itemStyle: {
                    color: colour,
                    borderColor: token("--surface"),
                    borderWidth: 2,
                    borderRadius: 4,
                },
                label: { color: inkOn(colour) },
            };
        }),
    );
}

export function drawCohorts(content, width) {
    const style = axisStyle();
    const rows = content.items.length;
    const roomy = (width - NAMES_PX) / longest(content) >= LABEL_PX;
    const axis = { type: "category", ...style, axisLine: { show: false } };
    return {
        grid: {
            left: 8,
            right: 8,
            top: 8,
            ...(rows < FEW ? { height: rows * ROW_PX } : { bottom: 24 }),
            containLabel: true,
        },
        tooltip: { ...tooltipStyle(), formatter: ({ data }) => tooltip(data.cell) },
        xAxis: {
            ...axis,
            data: Array.from({ length: longest(content) }, (_, later) => number(later)),
            name: t("cohorts.months"),
            nameLocation: "middle",
            nameGap: 26,
        },
        yAxis: {
            ...axis,
            inverse: true,
            data: content.items.map((each) => month(each.cohort)),
        },
        series: [
            {
                id: "cells",
                type: "heatmap",
                label: {
                    show: roomy,
                    fontSize: 11,
                    formatter: ({ data }) => percent(data.cell.retained),
                },
                emphasis: { itemStyle: { borderColor: token("--ink") } },
                data: squares(content, ramp()),
            },
        ],
    };
}

export function cohortsTable(content) {
    const later = Array.from({ length: longest(content) }, (_, place) => place);
    const columns = [
        { text: t("column.cohort") },
        { text: t("column.customers"), number: true },
        ...later.map((each) => ({ text: t("cohorts.later", { n: number(each) }), number: true })),
    ];
    const rows = content.items.map((each) => [
        month(each.cohort),
        number(each.customers),
        ...later.map((place) =>
            place < each.retained.length ? percent(each.retained[place]) : "",
        ),
    ]);
    return { columns, rows };
}
