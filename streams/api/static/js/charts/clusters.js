// Where customers lie in the two directions in which they differ most, and the middle of each cluster.

import { canvasColourOf, symbolOf, token } from "../colours.js";
import { date, number, percent, share } from "../format.js";
import { has, t, tn, told } from "../i18n.js";
import { labelOf } from "../names.js";
import { segmentHash } from "../router.js";
import { axisStyle, tooltipLines, tooltipStyle } from "./figure.js";

const SAID = 0.25; // a weight below it says little of a direction

function featureWords({ feature, weight }) {
    const key = `feature.${feature}.${weight > 0 ? "more" : "less"}`;
    return has(key) ? t(key) : `${feature} ${weight > 0 ? "+" : "−"}`;
}

/** "more purchase days, shorter gaps": what grows along an axis. */
function axisInWords(axis) {
    if (!Array.isArray(axis?.says)) return told(axis?.says);
    const sorted = [...axis.says].sort(
        (one, other) => Math.abs(other.weight) - Math.abs(one.weight),
    );
    const strong = sorted.filter(({ weight }, place) => !place || Math.abs(weight) >= SAID);
    return strong.slice(0, 3).map(featureWords).join(t("list.comma"));
}

/** What the axes mean, and when the sizes were counted: those of the segments are newer. */
export function mapNote(content) {
    const [across, up] = content.axes ?? [];
    const learned = content.as_of ? t("clusters.learned", { date: date(content.as_of) }) : "";
    if (!across || !up) return learned;
    const axes = t("clusters.axes", {
        across: axisInWords(across),
        acrossShare: percent(across.share),
        up: axisInWords(up),
        upShare: percent(up.share),
    });
    return `${axes} ${learned}`;
}

function tooltip({ data }) {
    if (!data.cluster) return null;
    const { name, customers, share: part, says } = data.cluster;
    return tooltipLines(labelOf(name), [
        { text: `${tn("count.customers", customers)} · ${share(part)}` },
        { text: told(says) },
    ]);
}

function cloud(cluster, points) {
    return {
        id: `points-${cluster.id}`,
        type: "scatter",
        symbol: symbolOf(cluster.id),
        symbolSize: 6,
        silent: true,
        itemStyle: { color: canvasColourOf(cluster.name), opacity: 0.5 },
        data: points.filter((each) => each.cluster === cluster.id).map(({ x, y }) => [x, y]),
    };
}

function middle(cluster) {
    return {
        id: `middle-${cluster.id}`,
        type: "scatter",
        symbol: symbolOf(cluster.id),
        symbolSize: 20,
        z: 5,
        cursor: "pointer",
        itemStyle: {
            color: canvasColourOf(cluster.name),
            borderColor: token("--surface"),
            borderWidth: 3,
        },
        label: {
            show: true,
            position: "top",
            distance: 6,
            fontWeight: 600,
            fontSize: 12,
            color: token("--ink"),
            textBorderColor: token("--surface"),
            textBorderWidth: 3,
            formatter: labelOf(cluster.name),
        },
        labelLayout: { moveOverlap: "shiftY" },
        data: [{ value: [cluster.x, cluster.y], cluster }],
    };
}

export function drawClusters(content) {
    const style = axisStyle();
    const axis = {
        type: "value",
        scale: true,
        ...style,
        axisLabel: { show: false },
        splitLine: { show: false },
        axisLine: { show: true, onZero: false, lineStyle: { color: token("--line-strong") } },
        nameLocation: "middle",
        nameGap: 12,
    };
    return {
        grid: { left: 28, right: 12, top: 20, bottom: 28 },
        tooltip: { trigger: "item", ...tooltipStyle(), formatter: tooltip },
        xAxis: { ...axis, name: `${axisInWords(content.axes?.[0])} →` },
        yAxis: { ...axis, name: `${axisInWords(content.axes?.[1])} →` },
        series: [
            ...content.clusters.map((each) => cloud(each, content.points)),
            ...content.clusters.map(middle),
        ],
    };
}

export function clustersTable(content) {
    const columns = [
        { text: t("column.cluster") },
        { text: t("column.customers"), number: true },
        { text: t("column.share"), number: true },
        { text: t("column.says") },
        { text: "x", number: true },
        { text: "y", number: true },
    ];
    const rows = content.clusters.map((each) => [
        { text: labelOf(each.name), open: segmentHash(each.name) },
        number(each.customers),
        share(each.share),
        told(each.says),
        number(each.x, 2),
        number(each.y, 2),
    ]);
    return { columns, rows };
}
