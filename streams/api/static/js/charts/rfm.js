// Customers by recency and frequency score.

import { canvasColourOf, token } from "../colours.js";
import { money, number, share } from "../format.js";
import { t, tn } from "../i18n.js";
import { isPublished, labelOf } from "../names.js";
import { segmentHash } from "../router.js";
import { axisStyle, tooltipLines, tooltipStyle } from "./figure.js";
import { ramp } from "./heat.js";

function groupsOf(cell) {
    return Object.entries(cell.groups ?? {}).sort((one, other) => other[1] - one[1]);
}

/** The group with most customers of a cell, if its members can be listed. */
export function mainSegment(cell, scheme) {
    const [first] = groupsOf(cell);
    const segment = first && `rfm.${scheme}/${first[0]}`;
    return segment && isPublished(segment) ? segment : null;
}

function tooltip(cell, content, total) {
    const title = t("rfm.cell", {
        recency: number(cell.recency),
        frequency: number(cell.frequency),
    });
    const groups = groupsOf(cell).map(([group, customers]) => ({
        colour: canvasColourOf(`rfm.${content.scheme}/${group}`),
        text: `${labelOf(`rfm.${content.scheme}/${group}`)}: ${number(customers)}`,
    }));
    return tooltipLines(title, [
        { text: `${tn("count.customers", cell.customers)} · ${share(cell.customers / total)}` },
        ...(cell.customers
            ? [{ text: t("rfm.spend", { amount: money(cell.mean_spend_minor) }) }]
            : []),
        ...groups,
    ]);
}

const sum = (cells) => cells.reduce((total, cell) => total + cell.customers, 0) || 1;

function square(cell, content, most, { colourAt, inkOn }) {
    const colour = colourAt(Math.sqrt(cell.customers / most));
    return {
        value: [
            content.frequency.indexOf(cell.frequency),
            content.recency.indexOf(cell.recency),
            cell.customers,
        ],
        cell,
        itemStyle: {
            color: colour,
            borderColor: token("--surface"),
            borderWidth: 3,
            borderRadius: 6,
        },
        label: { color: inkOn(colour) },
    };
}

export function drawRfm(content) {
    const style = axisStyle();
    const most = Math.max(1, ...content.cells.map((cell) => cell.customers));
    const colours = ramp();
    const axis = { type: "category", ...style, axisLine: { show: false }, nameLocation: "middle" };
    return {
        grid: { left: 44, right: 8, top: 8, bottom: 44 },
        tooltip: {
            ...tooltipStyle(),
            formatter: ({ data }) => tooltip(data.cell, content, sum(content.cells)),
        },
        xAxis: {
            ...axis,
            data: content.frequency.map(String),
            name: t("rfm.frequency"),
            nameGap: 28,
        },
        yAxis: { ...axis, data: content.recency.map(String), name: t("rfm.recency"), nameGap: 28 },
        series: [
            {
                id: "cells",
                type: "heatmap",
                label: {
                    show: true,
                    fontSize: 12,
                    fontWeight: 600,
                    formatter: ({ data }) => number(data.cell.customers),
                },
                emphasis: { itemStyle: { borderColor: token("--ink") } },
                data: content.cells.map((cell) => square(cell, content, most, colours)),
            },
        ],
    };
}

export function rfmTable(content) {
    const columns = [
        { text: t("column.recency"), number: true },
        { text: t("column.frequency"), number: true },
        { text: t("column.customers"), number: true },
        { text: t("column.mean_spend"), number: true },
        { text: t("column.groups") },
    ];
    const rows = [...content.cells]
        .sort((one, other) => other.recency - one.recency || other.frequency - one.frequency)
        .map((cell) => {
            const main = mainSegment(cell, content.scheme);
            const words = groupsOf(cell)
                .map(
                    ([group, count]) =>
                        `${labelOf(`rfm.${content.scheme}/${group}`)} ${number(count)}`,
                )
                .join(t("list.comma"));
            return [
                number(cell.recency),
                number(cell.frequency),
                number(cell.customers),
                cell.customers ? money(cell.mean_spend_minor) : "–",
                { text: words, open: main && segmentHash(main) },
            ];
        });
    return { columns, rows };
}
