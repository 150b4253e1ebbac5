// Alerts as the page asks for them, and as it words them: rules, why, what was decided, what came of it.

import { get as ask } from "./api.js";
import { el, printable } from "./dom.js";
import { date, money, number, percent } from "./format.js";
import { has, t, tn, told } from "./i18n.js";
import { get } from "./state.js";

export const DECISIONS = [
    "waiting",
    "sent",
    "held_out",
    "over_budget",
    "blocked",
    "cleared",
    "muted",
    "too_old",
];
// Of the others nobody foretells anything: that they "did not come back" would be no merit.
const FORETELLING = ["churn.risk_raised", "customer.overdue", "lifecycle.changed"];
const SHOWN = 50;
const PAGES = 10; // of a rare kind each may be empty; then those found so far are shown

/** The newest alerts of the rule and the decision that are chosen. */
export async function newestAlerts() {
    const items = [];
    let cursor = null;
    for (let pages = 0; pages < PAGES && items.length < SHOWN; pages += 1) {
        const page = await ask("alerts", {
            limit: SHOWN - items.length,
            rule: get("alertRule"),
            decision: get("alertDecision"),
            cursor,
        });
        items.push(...page.items);
        cursor = page.next;
        if (!cursor) break;
    }
    return { items };
}

/** The rules of the policy in force. */
export function alertRules() {
    return get("alertReport")?.content?.rules ?? [];
}

/** As the policy calls it; one that it has no more by its bare name. */
export function ruleLabel(name) {
    const rule = alertRules().find((each) => each.name === name);
    return rule ? told(rule.label) : printable(name);
}

/** Whether a rule foretells that somebody stays away; in doubt yes. */
export function foretells(name) {
    const rule = alertRules().find((each) => each.name === name);
    return !rule || FORETELLING.includes(rule.kind);
}

/** Lines of rules: those of the policy in its order, behind them those that it has no more. */
export function inPolicyOrder(lines) {
    const names = alertRules().map(({ name }) => name);
    const place = ({ rule }) => names.indexOf(rule) + 1 || names.length + 1;
    return [...lines].sort((one, other) => place(one) - place(other));
}

export function kindInWords(kind) {
    return has(`alert.kind.${kind}`) ? t(`alert.kind.${kind}`) : printable(kind);
}

/** Why somebody is told of: as it was published, later as far as it is still known. */
export function saysInWords(alert) {
    const says = alert.event?.data?.says;
    if (says) return told(says);
    const { kind, horizon_days: days, silence_days: silence, probability } = alert;
    if (kind === "churn.risk_raised" && probability !== null)
        return tn("alert.says.risk", days, { share: percent(probability) });
    if (["customer.overdue", "lifecycle.changed"].includes(kind) && silence !== null)
        return tn("risk.silence", silence);
    return kindInWords(kind);
}

export function decisionInWords(decision) {
    return has(`alert.decision.${decision}`) ? t(`alert.decision.${decision}`) : decision;
}

/** What was decided, and what blocked it. */
export function decisionElement({ decision, why }) {
    const words = why && (has(`alert.why.${why}`) ? t(`alert.why.${why}`) : printable(why));
    return el(
        "span",
        { class: "alert-decision", "data-decision": decision },
        el(
            "span",
            { class: `badge decision-${decision}` },
            el("span", { class: "dot" }),
            decisionInWords(decision),
        ),
        words ? el("span", { class: "muted small", text: words }) : null,
    );
}

/** What came of it, or until when that is open. */
export function outcomeInWords({ outcome, cleared_at: cleared, horizon_days: days, event }) {
    if (outcome?.returned) {
        const spent = money(outcome.spent_minor);
        return t("alert.outcome.returned", { date: date(outcome.returned_on), amount: spent });
    }
    if (outcome) return tn("alert.outcome.lost", days);
    if (cleared) return t("alert.outcome.cleared", { date: date(cleared) });
    const until = event?.data?.counts_until;
    return until ? t("alert.outcome.open", { date: date(until) }) : t("alert.outcome.unknown");
}

/** A figure, and what is to be known of it below, line by line. */
export function estimateElement(text, ...lines) {
    const below = lines
        .filter(Boolean)
        .map((line) => el("span", { class: "muted small", text: line }));
    return el("span", { class: "estimate" }, el("span", { text }), below);
}

export function betweenInWords(low, high) {
    return t("ledger.between", { low, high });
}

/** "86%", and below it "77% to 92%", "60 of 70". */
export function rateElement(rate) {
    if (!rate) return el("span", { class: "muted", text: number(null) });
    return estimateElement(
        percent(rate.value),
        betweenInWords(percent(rate.low), percent(rate.high)),
        t("ledger.of", { hits: number(rate.hits), of: number(rate.of) }),
    );
}
