// How many customers stood in each state at the end of each day.

import { canvasColourOf, token } from "../colours.js";
import { date, number, shortDate } from "../format.js";
import { t } from "../i18n.js";
import { labelOf } from "../names.js";
import { segmentHash } from "../router.js";
import { axisStyle, legendAbove, tooltipLines, tooltipStyle } from "./figure.js";

export const STATES = ["prospect", "new", "active", "dormant", "churned"];
const named = (state) => `lifecycle/${state}`;

function tooltip(content, places) {
    const day = content.items[places[0].dataIndex];
    const lines = [...STATES].reverse().map((state) => ({
        colour: canvasColourOf(named(state)),
        text: `${labelOf(named(state))}: ${number(day.sizes[state] ?? 0)}`,
    }));
    return tooltipLines(date(day.on), lines);
}

export function drawLifecycle(content, width) {
    const style = axisStyle();
    return {
        ...legendAbove(width),
        tooltip: {
            trigger: "axis",
            ...tooltipStyle(),
            formatter: (places) => tooltip(content, places),
        },
        xAxis: {
            type: "category",
            boundaryGap: false,
            data: content.items.map((day) => day.on),
            ...style,
            axisLabel: { ...style.axisLabel, formatter: (on) => shortDate(on), hideOverlap: true },
        },
        yAxis: {
            type: "value",
            ...style,
            minInterval: 1,
            axisLabel: { ...style.axisLabel, formatter: (count) => number(count) },
            axisLine: { show: false },
        },
        series: STATES.map((state) => ({
            id: state,
            name: labelOf(named(state)),
            type: "line",
            stack: "all",
            symbol: content.items.length > 1 ? "none" : "circle", // one day alone would be no area
            lineStyle: { width: 1, color: token("--surface") },
            itemStyle: { color: canvasColourOf(named(state)) },
            areaStyle: { color: canvasColourOf(named(state)), opacity: 0.88 },
            emphasis: { focus: "series" },
            data: content.items.map((day) => day.sizes[state] ?? 0),
        })),
    };
}

export function lifecycleTable(content) {
    const columns = [
        { text: t("column.day") },
        ...STATES.map((state) => ({ text: labelOf(named(state)), number: true })),
    ];
    const rows = [...content.items]
        .reverse()
        .map((day) => [date(day.on), ...STATES.map((state) => number(day.sizes[state] ?? 0))]);
    return { columns, rows };
}

/** `#/segment/…` of a state. */
export const stateHash = (state) => segmentHash(named(state));
