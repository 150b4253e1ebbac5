// Who is in a segment: its size over time, its members page by page, all of them as a file.

import { get as ask, segmentPath } from "../api.js";
import { canvasColourOf, colourOf, token } from "../colours.js";
import { Figure, axisStyle, tooltipLines, tooltipStyle } from "../charts/figure.js";
import { createDialog } from "../dialogs.js";
import { el } from "../dom.js";
import { date, number, share, shortDate } from "../format.js";
import { t, told } from "../i18n.js";
import { clusterSays, kindLabel, longLabel, splitName } from "../names.js";
import { leave } from "../router.js";
import { on } from "../state.js";
import { Breakdown } from "./breakdown.js";
import { problemElement } from "./empty.js";
import { Export } from "./export.js";
import { Persona } from "./persona.js";
import { Summaries } from "./summaries.js";

const DAYS = 90;
const PAGE = 100;

function drawDays(detail) {
    const style = axisStyle();
    const colour = canvasColourOf(detail.name);
    return {
        grid: { left: 8, right: 16, top: 12, bottom: 4, containLabel: true },
        tooltip: {
            trigger: "axis",
            ...tooltipStyle(),
            formatter: ([{ dataIndex }]) => {
                const day = detail.by_day[dataIndex];
                const texts = ["size", "entered", "left"].map((field) => ({
                    text: `${t(`column.${field}`)}: ${number(day[field])}`,
                }));
                return tooltipLines(date(day.on), texts);
            },
        },
        xAxis: {
            type: "category",
            boundaryGap: false,
            data: detail.by_day.map((day) => day.on),
            ...style,
            axisLabel: { ...style.axisLabel, formatter: shortDate, hideOverlap: true },
        },
        yAxis: {
            type: "value",
            scale: true,
            minInterval: 1,
            ...style,
            axisLine: { show: false },
            axisLabel: { ...style.axisLabel, formatter: (count) => number(count) },
        },
        series: [
            {
                id: "size",
                type: "line",
                symbol: "none",
                lineStyle: { width: 2, color: colour },
                areaStyle: { color: colour, opacity: 0.12 },
                itemStyle: { color: colour, borderColor: token("--surface") },
                data: detail.by_day.map((day) => day.size),
            },
        ],
    };
}

function daysTable(detail) {
    const columns = [
        { text: t("column.day") },
        ...["size", "entered", "left"].map((field) => ({
            text: t(`column.${field}`),
            number: true,
        })),
    ];
    const rows = [...detail.by_day]
        .reverse()
        .map((day) => [date(day.on), number(day.size), number(day.entered), number(day.left)]);
    return { columns, rows };
}

/** What a rule says, and what the names in it mean. */
function ruleElement({ when, facts }) {
    const meanings = (facts ?? []).map(({ name, label }) =>
        el("li", {}, el("code", { text: name }), el("span", { class: "muted", text: told(label) })),
    );
    return el(
        "div",
        { class: "rule", "data-testid": "rule" },
        el(
            "pre",
            { tabindex: "0", role: "group", "aria-label": t("members.rule") },
            el("code", { text: when }),
        ),
        el("ul", { class: "rule-facts" }, meanings),
    );
}

export function createMembers() {
    const { body, heading, show, hide } = createDialog({
        id: "members",
        testid: "members",
        className: "drawer wide-drawer",
        onLeave: leave,
    });
    let shown = null; // the segment
    let detail = null;
    let summaries = null;
    const head = el("div", { class: "members-head" });
    const figure = new Figure({
        name: () => t("members.days"),
        draw: drawDays,
        table: daysTable,
        height: "9rem",
    });
    const days = el("div", { class: "members-days" }, figure.toggle, figure.element);
    const persona = new Persona();
    const breakdown = new Breakdown();
    const file = new Export();

    function fact(name, value, raw) {
        return el(
            "div",
            { class: "fact" },
            el("dt", { text: t(`column.${name}`) }),
            el("dd", { text: value, "data-field": name, "data-value": raw ?? "" }),
        );
    }

    function renderHead() {
        if (!shown) return;
        heading.textContent = longLabel(shown);
        heading.style.setProperty("--c", colourOf(shown));
        const [kind, group] = splitName(shown);
        const says = kind === "cluster" ? clusterSays(group) : "";
        const facts = detail
            ? [
                  fact("size", number(detail.size), detail.size),
                  fact("share", share(detail.share), detail.share),
                  fact("entered", `${number(detail.entered)}`, detail.entered),
                  fact("left", `${number(detail.left)}`, detail.left),
              ]
            : [];
        head.replaceChildren(
            el("p", { class: "muted", text: kindLabel(kind) }),
            ...(says || detail?.description ? [el("p", { text: says || detail.description })] : []),
            ...(detail?.when ? [ruleElement(detail)] : []),
            el("dl", { class: "facts" }, facts),
            ...(detail
                ? [
                      el("p", {
                          class: "muted small",
                          text: t("members.moves", { days: number(DAYS) }),
                      }),
                  ]
                : []),
        );
    }

    async function loadDetail(segment) {
        try {
            const answer = await ask(segmentPath(segment), { days: DAYS });
            if (shown !== segment) return;
            detail = answer;
            days.hidden = !(detail.by_day?.length > 1);
            renderHead();
            if (!days.hidden) figure.update({ ...detail, name: segment });
        } catch (problem) {
            if (shown === segment) head.append(problemElement(problem));
        }
    }

    function open(segment) {
        show();
        if (segment === shown) return; // come back to from one of its members
        summaries?.stop();
        [shown, detail] = [segment, null];
        const path = `${segmentPath(segment)}/members`;
        summaries = new Summaries({
            ask: (cursor) => ask(path, { limit: PAGE, cursor }),
            name: () => t("members.of", { segment: longLabel(segment) }),
            moreTestid: "members-more",
        });
        file.open(segment);
        days.hidden = true;
        const listHead = el(
            "div",
            { class: "members-list-head" },
            el("h3", { "data-i18n": "members.title", text: t("members.title") }),
            file.element,
        );
        body.replaceChildren(
            ...[head, days, persona.element, breakdown.element, listHead, summaries.element],
        );
        body.scrollTop = 0;
        renderHead();
        summaries.load();
        persona.open(segment);
        breakdown.open(segment);
        loadDetail(segment);
    }

    on("route", (route) => {
        if (route.kind === "segment") open(route.segment);
        else if (route.kind !== "customer") {
            hide();
            summaries?.stop();
            breakdown.stop();
            persona.stop();
            shown = null;
        }
    });
    on(["language", "labels"], () => {
        renderHead();
        persona.render();
        breakdown.render();
        summaries?.relabel();
    });
}
