// The newest alerts: of whom, why, what is at stake, what was decided, what came of it.

import {
    DECISIONS,
    alertRules,
    decisionElement,
    decisionInWords,
    outcomeInWords,
    ruleLabel,
    saysInWords,
} from "../alerts.js";
import { byId, el, idElement, refill } from "../dom.js";
import { dateTime, money, percent } from "../format.js";
import { t } from "../i18n.js";
import { customerHash } from "../router.js";
import { get, on, set } from "../state.js";
import { emptyElement, loadingElement, problemElement } from "./empty.js";

const COLUMNS = [
    ["customer"],
    ["alert"],
    ["raised"],
    ["own_risk", true],
    ["stake", true],
    ["decision"],
    ["outcome"],
];

function row(alert) {
    return el(
        "tr",
        { "data-alert": alert.id },
        el(
            "th",
            { scope: "row" },
            el(
                "a",
                { href: customerHash(alert.customer_id) },
                idElement(alert.customer_id, { class: "id one-line" }),
            ),
        ),
        el(
            "td",
            { class: "alert-says" },
            el("strong", { text: ruleLabel(alert.rule) }),
            el("span", { text: saysInWords(alert) }),
        ),
        el("td", {}, el("time", { datetime: alert.raised_at, text: dateTime(alert.raised_at) })),
        el("td", { class: "number", text: percent(alert.probability) }),
        el("td", { class: "number", text: money(alert.at_stake_minor) }),
        el("td", {}, decisionElement(alert)),
        el("td", { text: outcomeInWords(alert) }),
    );
}

function tableElement(items) {
    const head = COLUMNS.map(([name, isNumber]) =>
        el("th", { scope: "col", class: isNumber ? "number" : null, text: t(`column.${name}`) }),
    );
    return el(
        "table",
        { class: "table alerts-table" },
        el("caption", { class: "visually-hidden", text: t("alerts.list") }),
        el("thead", {}, el("tr", {}, head)),
        el("tbody", {}, items.map(row)),
    );
}

function nothingInWords() {
    if (get("alertRule") || get("alertDecision")) return t("alerts.none.such");
    return t(alertRules().length ? "alerts.none" : "alerts.none.rules");
}

function render() {
    const { content, problem } = get("alerts") ?? {};
    const box = byId("alerts");
    const hasRows = Boolean(content?.items.length);
    if (hasRows) {
        box.setAttribute("role", "group");
        box.setAttribute("aria-label", t("alerts.list"));
        box.tabIndex = 0; // it scrolls
        refill(box, tableElement(content.items));
        return;
    }
    for (const name of ["role", "aria-label", "tabindex"]) box.removeAttribute(name);
    if (content) box.replaceChildren(emptyElement(nothingInWords()));
    else box.replaceChildren(problem ? problemElement(problem) : loadingElement());
}

/** Chooses one of several, or all; told to the state under a name. */
function fillSelect(select, name, all, options) {
    select.setAttribute("aria-label", t(`alerts.${name}`));
    select.replaceChildren(
        el("option", { value: "", text: t(all) }),
        ...options.map(([value, text]) => el("option", { value, text })),
    );
    select.value = get(name) ?? "";
}

function renderSelects() {
    const rules = alertRules().map(({ name }) => [name, ruleLabel(name)]);
    const decisions = DECISIONS.map((each) => [each, decisionInWords(each)]);
    fillSelect(byId("alert-rule"), "alertRule", "alerts.rule.all", rules);
    fillSelect(byId("alert-decision"), "alertDecision", "alerts.decision.all", decisions);
}

export function createAlerts() {
    for (const [id, name] of [
        ["alert-rule", "alertRule"],
        ["alert-decision", "alertDecision"],
    ])
        byId(id).addEventListener("change", (event) => set(name, event.target.value));
    let rulesBefore = "";
    on("alertReport", () => {
        const rules = JSON.stringify(alertRules());
        if (rules === rulesBefore) return;
        rulesBefore = rules;
        renderSelects();
        render();
    });
    on(["alerts", "language"], render);
    on("language", renderSelects);
    renderSelects();
    render();
}
