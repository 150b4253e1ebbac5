// How many customers stand in each lifecycle state, and who came and went lately.

import { STATES, stateHash } from "../charts/lifecycle.js";
import { colourOf } from "../colours.js";
import { byId, el, refill, svg } from "../dom.js";
import { number, share, signed } from "../format.js";
import { t, tn } from "../i18n.js";
import { labelOf } from "../names.js";
import { choose } from "../preferences.js";
import { get, on } from "../state.js";
import { emptyElement, problemElement } from "./empty.js";

const DAYS = [7, 30, 90];
const [WIDTH, HEIGHT] = [120, 32];

/** The size over the days chosen, as a line without axes: its shape is all it says. */
function sparkline(state) {
    const days = get("sizes")?.content?.items.slice(-get("days") - 1) ?? [];
    if (days.length < 2) return null;
    const sizes = days.map((day) => day.sizes[state] ?? 0);
    const [least, most] = [Math.min(...sizes), Math.max(...sizes)];
    const points = sizes.map((size, place) => {
        const x = (place / (sizes.length - 1)) * WIDTH;
        const y = HEIGHT - 2 - ((size - least) / (most - least || 1)) * (HEIGHT - 4);
        return `${x.toFixed(1)},${y.toFixed(1)}`;
    });
    return svg(
        "svg",
        {
            class: "spark",
            viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
            preserveAspectRatio: "none",
            "aria-hidden": "true",
        },
        svg("polyline", { points: points.join(" "), "vector-effect": "non-scaling-stroke" }),
    );
}

/** A number of a segment; the raw value stays with it. */
export function figureOf(item, field, text) {
    return el("span", {
        "data-segment": item.name,
        "data-field": field,
        "data-value": item[field],
        text,
    });
}

/** Who came and who went: "+120 in", "−96 out". */
export function movement(item) {
    return el(
        "span",
        { class: "movement" },
        el(
            "span",
            { class: "in", title: t("segments.entered") },
            "↗ ",
            figureOf(item, "entered", number(item.entered)),
        ),
        el("span", { class: "visually-hidden", text: ` ${t("segments.entered")} ` }),
        el(
            "span",
            { class: "out", title: t("segments.left") },
            "↘ ",
            figureOf(item, "left", number(item.left)),
        ),
        el("span", { class: "visually-hidden", text: ` ${t("segments.left")}` }),
    );
}

function card(state) {
    const name = `lifecycle/${state}`;
    const item = get("segments").content.items.find((each) => each.name === name);
    if (!item) return null;
    const net = item.entered - item.left;
    return el(
        "li",
        {},
        el(
            "a",
            { class: "kpi", href: stateHash(state), vars: { "--c": colourOf(name) } },
            el(
                "span",
                { class: "kpi-name" },
                el("span", { class: "dot" }),
                labelOf(name),
                el("span", { class: "kpi-share", text: share(item.share) }),
            ),
            el(
                "span",
                { class: "kpi-size" },
                figureOf(item, "size", number(item.size)),
                el("span", { class: "kpi-net", text: signed(net), title: t("kpis.net") }),
            ),
            sparkline(state),
            movement(item),
        ),
    );
}

function renderCards() {
    const { content, problem } = get("segments") ?? {};
    if (content?.items.length) {
        refill(byId("kpis"), el("ul", { class: "kpi-row" }, STATES.map(card)));
    } else if (content) byId("kpis").replaceChildren(emptyElement(t("empty.nothing")));
    else if (problem) byId("kpis").replaceChildren(problemElement(problem));
}

function renderDays() {
    const buttons = DAYS.map((days) =>
        el("button", {
            type: "button",
            "data-days": days,
            "aria-pressed": String(get("days") === days),
            text: tn("kpis.days", days),
            on: { click: () => chooseDays(days) },
        }),
    );
    byId("days").replaceChildren(...buttons);
}

function chooseDays(days) {
    choose("days", days);
    byId("days").querySelector(`[data-days="${days}"]`).focus(); // it was made anew
}

export function createKpis() {
    on(["segments", "sizes", "language"], renderCards);
    on(["days", "language"], renderDays);
    renderDays();
}
