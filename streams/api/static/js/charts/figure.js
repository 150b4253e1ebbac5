// A chart and the same as a table: the drawing is for eyes, the table for everybody, always there.

import { token } from "../colours.js";
import { el, refill } from "../dom.js";
import { percent } from "../format.js";
import { language, t } from "../i18n.js";
import { theme } from "../preferences.js";
import { on } from "../state.js";

const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

/** What all charts have in common, in the colours of the theme shown. */
function baseOption() {
    const ink = token("--ink-2");
    return {
        animation: !reducedMotion.matches,
        animationDuration: 350,
        animationDurationUpdate: 250,
        textStyle: {
            fontFamily: getComputedStyle(document.body).fontFamily,
            color: ink,
            fontSize: 12,
        },
    };
}

export function tooltipStyle() {
    return {
        confine: true,
        backgroundColor: token("--surface"),
        borderColor: token("--line"),
        borderWidth: 1,
        padding: [8, 12],
        textStyle: { color: token("--ink"), fontSize: 12 },
        extraCssText:
            "border-radius:8px;box-shadow:var(--shadow-l);max-width:20rem;white-space:normal",
    };
}

export function axisStyle() {
    return {
        axisLine: { lineStyle: { color: token("--line-strong") } },
        axisTick: { show: false },
        axisLabel: { color: token("--ink-3"), fontSize: 11 },
        nameTextStyle: { color: token("--ink-3"), fontSize: 11 },
        splitLine: { lineStyle: { color: token("--line") } },
    };
}

/** From 0 to 100 %, whatever is shown. */
export function shareAxis() {
    const style = axisStyle();
    return {
        type: "value",
        min: 0,
        max: 1,
        interval: 0.25,
        ...style,
        axisLine: { show: false },
        axisLabel: { ...style.axisLabel, formatter: (share) => percent(share) },
    };
}

const LEGEND_PX = 460; // in one row

/** A legend of a few words above a chart, and the room that it leaves. */
export function legendAbove(width) {
    return {
        grid: {
            left: 8,
            right: 16,
            top: width < LEGEND_PX ? 64 : 40,
            bottom: 8,
            containLabel: true,
        },
        legend: {
            top: 0,
            left: 0,
            icon: "roundRect",
            itemWidth: 10,
            itemHeight: 10,
            itemGap: 16,
            textStyle: { color: token("--ink-2"), fontSize: 12 },
        },
    };
}

/** A tooltip's content from lines of text: DOM, so that nothing in them is markup. */
export function tooltipLines(title, lines) {
    return el(
        "div",
        {},
        el("strong", { text: title }),
        lines.map(({ colour, text }) =>
            el(
                "div",
                {},
                colour ? el("span", { class: "dot", vars: { "--c": colour } }) : null,
                ` ${text}`,
            ),
        ),
    );
}

function cellElement(cell, isNumber, linked) {
    const { text, open } = typeof cell === "object" && cell !== null ? cell : { text: cell };
    const inner = open && linked ? el("a", { href: open, text }) : text;
    return el("td", { class: isNumber ? "number" : null }, inner);
}

/** A table; `columns` are `{text, number}`, a cell is a text or `{text, open}` with a hash. */
function tableElement({ columns, rows }, caption, linked = true) {
    const [first, ...others] = columns;
    const head = [first, ...others].map(({ text, number }) =>
        el("th", { scope: "col", class: number ? "number" : null, text }),
    );
    const body = rows.map((row) =>
        el(
            "tr",
            {},
            row.map((cell, place) => cellElement(cell, columns[place].number, linked)),
        ),
    );
    return el(
        "table",
        { class: "table" },
        el("caption", { class: "visually-hidden", text: caption }),
        el("thead", {}, el("tr", {}, head)),
        el("tbody", {}, body),
    );
}

export class Figure {
    /**
     * @param name of the figure in words, a function, as the language may change.
     * @param draw (content, width in px) → option of the chart library.
     * @param table content → `{columns, rows}`.
     * @param onClick called with what was clicked in the drawing.
     */
    constructor({ name, draw, table, onClick, height = "20rem" }) {
        Object.assign(this, { name, draw, table });
        this.canvas = el("div", {
            class: "chart",
            "aria-hidden": "true",
            vars: { "--height": height },
        });
        this.tableBox = el("div", { class: "table-box visually-hidden" });
        this.caption = el("figcaption", { class: "figure-note" });
        this.element = el("figure", { class: "figure" }, this.canvas, this.tableBox, this.caption);
        this.toggle = el("button", {
            class: "button quiet",
            type: "button",
            "aria-pressed": "false",
            on: {
                click: () => this.showTable(this.tableBox.classList.contains("visually-hidden")),
            },
        });
        this.onClick = onClick;
        this.resizing = new ResizeObserver(() => this.fit());
        this.resizing.observe(this.canvas);
        on(["language", "theme"], () => this.redraw());
        this.relabel();
    }

    relabel() {
        this.toggle.textContent = t("figure.table");
        this.toggle.setAttribute("aria-label", t("figure.table.of", { name: this.name() }));
    }

    showTable(shown) {
        this.toggle.setAttribute("aria-pressed", String(shown));
        this.tableBox.classList.toggle("visually-hidden", !shown);
        this.canvas.hidden = shown;
        if (shown) {
            this.tableBox.tabIndex = 0; // it scrolls
            this.tableBox.setAttribute("role", "group");
        } else {
            this.tableBox.removeAttribute("tabindex");
            this.tableBox.removeAttribute("role");
        }
        this.fillTable();
        if (!shown) this.drawChart();
    }

    update(content, note = "") {
        this.content = content;
        this.caption.textContent = note;
        this.drawChart();
        this.fillTable();
    }

    redraw() {
        this.relabel();
        if (!this.content) return;
        this.drawChart();
        this.fillTable();
    }

    fillTable() {
        if (!this.content) return;
        const linked = !this.tableBox.classList.contains("visually-hidden"); // none out of sight
        this.tableBox.setAttribute("aria-label", this.name());
        refill(this.tableBox, tableElement(this.table(this.content), this.name(), linked));
        if (!linked) this.tableBox.removeAttribute("aria-label");
    }

    /** Drawings leave out what a narrow page has no room for, so they depend on the width. */
    fit() {
        if (!this.chart || !this.canvas.clientWidth) return;
        this.chart.resize();
        if (this.canvas.clientWidth !== this.width) this.drawChart();
    }

    drawChart() {
        const shown = `${theme()} ${language()}`;
        if (!this.canvas.clientWidth) return; // out of sight: drawn when it is shown
        this.width = this.canvas.clientWidth;
        if (!this.chart) {
            this.chart = window.echarts.init(this.canvas, null, { renderer: "canvas" });
            if (this.onClick) this.chart.on("click", this.onClick);
        }
        // Series that are gone must go; the rest moves on smoothly, unless the theme has changed.
        const anew = shown !== this.shown;
        this.shown = shown;
        const option = { ...baseOption(), ...this.draw(this.content, this.width) };
        this.chart.setOption(option, anew ? { notMerge: true } : { replaceMerge: ["series"] });
    }
}
