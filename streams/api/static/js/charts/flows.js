// Who moved from which state to which. Two columns with nodes of their own, because the library
// refuses rings, and customers do go in rings: dormant, won back, dormant.

import { canvasColourOf, token } from "../colours.js";
import { number } from "../format.js";
import { t, tn } from "../i18n.js";
import { labelOf } from "../names.js";
import { segmentHash } from "../router.js";
import { STATES } from "./lifecycle.js";
import { tooltipLines, tooltipStyle } from "./figure.js";

const OUTSIDE = "outside"; // not known yet, or no longer

function sideLabel(state, column) {
    if (state === OUTSIDE) return t(column === "before" ? "flows.unknown" : "flows.gone");
    return labelOf(`lifecycle/${state}`);
}

const colourOfState = (state) =>
    state === OUTSIDE ? token("--line-strong") : canvasColourOf(`lifecycle/${state}`);

function moves(content) {
    return content.items
        .filter(({ count, before, after }) => count > 0 && before !== after)
        .map(({ before, after, count }) => ({
            before: before ?? OUTSIDE,
            after: after ?? OUTSIDE,
            count,
        }));
}

function columnNodes(items, column) {
    const present = new Set(items.map((each) => each[column]));
    return [...STATES, OUTSIDE]
        .filter((state) => present.has(state))
        .map((state) => ({
            name: `${column}:${state}`,
            depth: column === "before" ? 0 : 1,
            itemStyle: { color: colourOfState(state) },
            label: { position: column === "before" ? "right" : "left" },
        }));
}

const stateOf = (node) => node.split(":");

function tooltip({ dataType, data, name, value }) {
    if (dataType === "edge") {
        const [, before] = stateOf(data.source);
        const [, after] = stateOf(data.target);
        const moved = t("change.moved", {
            before: sideLabel(before, "before"),
            after: sideLabel(after, "after"),
        });
        return tooltipLines(moved, [{ text: tn("count.customers", data.value) }]);
    }
    const [column, state] = stateOf(name);
    const key = column === "before" ? "flows.left" : "flows.entered";
    return tooltipLines(sideLabel(state, column), [{ text: tn(key, value) }]);
}

export const hasFlows = (content) => moves(content).length > 0;

export function drawFlows(content) {
    const items = moves(content);
    return {
        tooltip: { trigger: "item", ...tooltipStyle(), formatter: tooltip },
        series: [
            {
                id: "flows",
                type: "sankey",
                left: 4,
                right: 4,
                top: 8,
                bottom: 8,
                nodeWidth: 14,
                nodeGap: 12,
                draggable: false,
                layoutIterations: 0,
                emphasis: { focus: "adjacency" },
                label: {
                    color: token("--ink"),
                    fontSize: 12,
                    textBorderColor: token("--surface"),
                    textBorderWidth: 3,
                    formatter: ({ name, value }) => {
                        const [column, state] = stateOf(name);
                        return `${sideLabel(state, column)}  ${number(value)}`;
                    },
                },
                lineStyle: { color: "gradient", opacity: 0.32, curveness: 0.5 },
                data: [...columnNodes(items, "before"), ...columnNodes(items, "after")],
                links: items.map(({ before, after, count }) => ({
                    source: `before:${before}`,
                    target: `after:${after}`,
                    value: count,
                })),
            },
        ],
    };
}

export function flowsTable(content) {
    const columns = [
        { text: t("column.before") },
        { text: t("column.after") },
        { text: t("column.customers"), number: true },
    ];
    const cell = (state, column) => ({
        text: sideLabel(state, column),
        open: state === OUTSIDE ? null : segmentHash(`lifecycle/${state}`),
    });
    const rows = moves(content)
        .sort((one, other) => other.count - one.count)
        .map(({ before, after, count }) => [
            cell(before, "before"),
            cell(after, "after"),
            number(count),
        ]);
    return { columns, rows };
}

/** The segment of a clicked node, or of where a clicked link leads; null for outside. */
export function clickedState({ dataType, data, name }) {
    const [, state] = stateOf(dataType === "edge" ? data.target : name);
    return state === OUTSIDE ? null : `lifecycle/${state}`;
}
