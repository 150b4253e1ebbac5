// What alerts come to: by rule whether they were right, and whether they bring anybody back; today's
// places; how the receivers do.

import {
    alertRules,
    betweenInWords,
    estimateElement,
    foretells,
    inPolicyOrder,
    kindInWords,
    rateElement,
    ruleLabel,
} from "../alerts.js";
import { drawPrecision, hasPrecision, precisionTable } from "../charts/alert_precision.js";
import { byId, el, printable, refill } from "../dom.js";
import { dateTime, money, number, points } from "../format.js";
import { t, tn, told } from "../i18n.js";
import { get, on } from "../state.js";
import { emptyElement } from "./empty.js";
import { createPanel } from "./panel.js";

const PANELS = ["panel-alert-ledger", "panel-alert-precision", "panel-alert-today"];
const COLUMNS = [
    ["rule"],
    ["raised_count", true],
    ["treated", true],
    ["held_out", true],
    ["not_sent", true],
    ["precision", true],
    ["days_silent", true],
    ["back_treated", true],
    ["back_held_out", true],
    ["lift", true],
    ["verdict"],
];

function figure(field, value, content) {
    return el("td", { class: "number", "data-field": field, "data-value": value ?? "" }, content);
}

/** Of the treated less the control group: who came back, and what they spent. */
function liftElement(lift) {
    if (!lift) return el("span", { class: "muted", text: number(null) });
    const { won_back: back, spent_minor: spent } = lift;
    const known = spent.low !== null;
    return estimateElement(
        t("ledger.points", { n: points(back.value) }),
        betweenInWords(points(back.low), points(back.high)),
        t("ledger.spent", { amount: money(spent.value) }),
        known && betweenInWords(money(spent.low), money(spent.high)),
    );
}

/** `precise`: whether there is a precision to speak of. */
function row(name, figures, precise) {
    const group = (which) => figures.groups.find((each) => each.group === which);
    const [treated, heldOut, notSent] = ["treated", "held_out", "not_sent"].map(group);
    const { verdict } = figures;
    const precision = precise ? figures.precision : null;
    const rule = alertRules().find((each) => each.name === name);
    return el(
        "tr",
        { "data-rule": name ?? "" },
        el(
            "th",
            { scope: "row" },
            estimateElement(
                name === null ? t("ledger.total") : ruleLabel(name),
                rule && kindInWords(rule.kind),
            ),
        ),
        figure("raised", figures.raised, number(figures.raised)),
        figure("treated", treated.raised, number(treated.raised)),
        figure("held_out", heldOut.raised, number(heldOut.raised)),
        figure("not_sent", notSent.raised, number(notSent.raised)),
        figure("precision", precision?.value, rateElement(precision)),
        figure("silence_days", figures.silence_days, number(figures.silence_days, 1)),
        figure("back_treated", treated.won_back?.value, rateElement(treated.won_back)),
        figure("back_held_out", heldOut.won_back?.value, rateElement(heldOut.won_back)),
        figure("lift", figures.lift?.won_back.value, liftElement(figures.lift)),
        el(
            "td",
            { class: "verdict", "data-finding": verdict.finding },
            estimateElement(told(verdict.says), told(verdict.why)),
        ),
    );
}

function ledgerTable({ by_rule: rules, total }) {
    const head = COLUMNS.map(([name, isNumber]) =>
        el("th", { scope: "col", class: isNumber ? "number" : null, text: t(`column.${name}`) }),
    );
    const rows = inPolicyOrder(rules).map(({ rule, figures }) =>
        row(rule, figures, foretells(rule)),
    );
    const whole = row(null, total, rules.every(({ rule }) => foretells(rule)));
    return el(
        "table",
        { class: "table ledger-table" },
        el("caption", { class: "visually-hidden", text: t("panel.ledger") }),
        el("thead", {}, el("tr", {}, head)),
        el("tbody", {}, rows, rules.length > 1 ? whole : null),
    );
}

function budgetRow({ rule, places, taken, left_out: leftOut }) {
    return el(
        "li",
        {
            class: "place-row",
            "data-rule": rule,
            vars: { "--c": "var(--accent)", "--share": Math.min(1, taken / places) },
        },
        el("span", { class: "segment-name", text: ruleLabel(rule) }),
        el("span", {
            class: "segment-size",
            text: t("today.taken", { taken: number(taken), places: number(places) }),
        }),
        el("span", { class: "segment-bar", "aria-hidden": "true" }),
        el("span", { class: "muted small", text: tn("today.left_out", leftOut) }),
    );
}

function stateOf({ disabled, paused_until: paused }) {
    if (disabled) return ["disabled", t("endpoint.disabled")];
    if (paused) return ["paused", t("endpoint.paused", { at: dateTime(paused) })];
    return ["open", t("endpoint.open")];
}

function endpointRow(endpoint) {
    const [state, words] = stateOf(endpoint);
    const figures = ["delivered", "waiting", "dead"].map((field) =>
        el("span", {
            "data-field": field,
            "data-value": endpoint[field],
            text: t(`endpoint.${field}`, { n: number(endpoint[field]) }),
        }),
    );
    return el(
        "li",
        { class: "endpoint-row", "data-endpoint": endpoint.name, "data-state": state },
        el("span", { class: "segment-name", text: printable(endpoint.name) }),
        el("span", { class: `badge endpoint-${state}` }, el("span", { class: "dot" }), words),
        el("span", { class: "endpoint-figures muted small" }, figures),
    );
}

function listed(title, items, row_, none) {
    return [
        el("h3", { text: t(title) }),
        items.length
            ? el("ul", { class: "today-list" }, items.map(row_))
            : el("p", { class: "muted small", text: t(none) }),
    ];
}

function render() {
    const { content } = get("alertReport") ?? {};
    const said = Boolean(
        content && (content.rules.length || content.total.raised || content.endpoints.length),
    );
    for (const id of PANELS) byId(id).hidden = !said;
    if (!said) return;
    const box = byId("alert-ledger");
    box.setAttribute("aria-label", t("panel.ledger"));
    refill(box, content.total.raised ? ledgerTable(content) : emptyElement(t("ledger.none")));
    byId("alert-weeks").textContent = tn("ledger.weeks", content.weeks.length);
    refill(
        byId("alert-today"),
        ...listed("today.budgets", content.budgets, budgetRow, "today.budgets.none"),
        ...listed("today.endpoints", content.endpoints, endpointRow, "today.endpoints.none"),
    );
}

export function createAlertLedger() {
    on(["alertReport", "language"], render); // first: what is hidden can't be drawn
    createPanel({
        id: "panel-alert-precision",
        source: "alertReport",
        title: "panel.precision",
        draw: drawPrecision,
        table: precisionTable,
        empty: "precision.none",
        isEmpty: (content) => !hasPrecision(content),
    });
    render();
}
