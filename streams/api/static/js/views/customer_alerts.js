// What marketing was told of a customer, or would have been.

import { decisionElement, outcomeInWords, ruleLabel, saysInWords } from "../alerts.js";
import { el } from "../dom.js";
import { dateTime, money } from "../format.js";
import { t, told } from "../i18n.js";
import { part } from "./part.js";

/** What is to be done, if the policy's playbook says so. */
function actionInWords({ event }) {
    const action = event?.data?.action;
    return action ? t("alert.action", { action: told(action) }) : "";
}

function alertElement(alert) {
    const stake = alert.at_stake_minor
        ? t("alert.stake", { amount: money(alert.at_stake_minor) })
        : "";
    return el(
        "li",
        { class: "customer-alert", "data-alert": alert.id },
        el("time", {
            class: "muted small",
            datetime: alert.raised_at,
            text: dateTime(alert.raised_at),
        }),
        el(
            "span",
            { class: "alert-says" },
            el("strong", { text: ruleLabel(alert.rule) }),
            el("span", { text: saysInWords(alert) }),
            ...[stake, actionInWords(alert), outcomeInWords(alert)]
                .filter(Boolean)
                .map((text) => el("span", { class: "muted small", text })),
        ),
        decisionElement(alert),
    );
}

export function alertsSection(alerts) {
    if (!alerts.length) return null;
    const list = el("ol", { class: "timeline customer-alerts" }, alerts.map(alertElement));
    return part("customer.alerts", "wide-part", list);
}
