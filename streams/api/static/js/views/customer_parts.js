// The parts of a customer's drawer: a customer as the API tells them → elements.

import { colourOf } from "../colours.js";
import { el, idElement } from "../dom.js";
import { date, dateTime, money, number } from "../format.js";
import { has, t, tn } from "../i18n.js";
import {
    canOpen,
    changeInWords,
    changeKind,
    kindLabel,
    labelOf,
    reasonLabel,
    segmentAfter,
} from "../names.js";
import { segmentHash } from "../router.js";
import { pairs, part } from "./part.js";
import { badge } from "./summaries.js";

/** The segments a customer is in; those that can be opened. */
function segmentNames(customer) {
    return (customer.segments ?? namesFromParts(customer)).filter(canOpen);
}

function namesFromParts(customer) {
    const names = [
        `lifecycle/${customer.lifecycle}`,
        ...customer.flags.map((flag) => `flag/${flag}`),
    ];
    if (customer.churn_risk?.band) names.push(`risk/${customer.churn_risk.band}`);
    if (customer.value?.tier) names.push(`tier/${customer.value.tier}`);
    if (customer.cluster) names.push(`cluster/${customer.cluster.id}`);
    for (const [scheme, { group }] of Object.entries(customer.rfm ?? {}))
        names.push(`rfm.${scheme}/${group}`);
    return names;
}

export function headSection(customer) {
    const states = [
        `lifecycle/${customer.lifecycle}`,
        ...customer.flags.map((flag) => `flag/${flag}`),
    ];
    const others = customer.names ?? [];
    return el(
        "section",
        { class: "part wide-part customer-head" },
        el(
            "div",
            { class: "badges large" },
            states.map((each) => badge(each)),
        ),
        el("p", { text: t("customer.since", { date: date(customer.lifecycle_since) }) }),
        customer.asked_for
            ? el(
                  "p",
                  { class: "note" },
                  t("customer.asked_for"),
                  " ",
                  idElement(customer.asked_for),
              )
            : null,
        others.length
            ? el(
                  "p",
                  { class: "muted" },
                  `${t("customer.names")} `,
                  others
                      .map((name, place) => [place ? t("list.comma") : "", idElement(name)])
                      .flat(),
              )
            : null,
        el("p", {
            class: "muted small",
            text: t(customer.live ? "customer.as_of" : "customer.as_of.behind", {
                at: dateTime(customer.as_of),
            }),
        }),
    );
}

function nextInWords({ next_purchase: next }) {
    if (!next) return null;
    const late = next.days_overdue > 0 ? ` · ${tn("customer.overdue", next.days_overdue)}` : "";
    return `${date(next.expected_on)}${late}`;
}

function deadlineInWords(customer) {
    if (!customer.next_deadline) return null;
    const key = `deadline.${customer.next_deadline_brings}`;
    const brings = has(key) ? t(key) : customer.next_deadline_brings;
    return t("customer.deadline.value", { date: date(customer.next_deadline), brings });
}

export function factsSection(customer) {
    const rhythm = customer.cadence_days;
    return part(
        "customer.facts",
        "",
        pairs([
            [t("customer.next"), nextInWords(customer)],
            [t("customer.deadline"), deadlineInWords(customer)],
            [
                t("customer.silence"),
                customer.silence_days === null ? null : tn("count.days", customer.silence_days),
            ],
            [
                t("customer.rhythm"),
                rhythm === null
                    ? null
                    : tn("customer.rhythm.value", rhythm, { n: number(rhythm, 1) }),
            ],
            [
                t("customer.bought"),
                tn("customer.bought.value", customer.purchase_days, {
                    purchases: number(customer.purchases),
                }),
            ],
            [t("customer.spend"), money(customer.net_spend_minor)],
            [t("customer.first"), customer.first_purchase_at && date(customer.first_purchase_at)],
            [t("customer.last"), customer.last_purchase_at && date(customer.last_purchase_at)],
        ]),
    );
}

export function segmentsSection(customer) {
    const links = segmentNames(customer).map((segment) =>
        el(
            "li",
            {},
            el(
                "a",
                {
                    class: "segment-link",
                    href: segmentHash(segment),
                    vars: { "--c": colourOf(segment) },
                },
                el("span", { class: "dot" }),
                labelOf(segment),
                el("span", { class: "muted small", text: kindLabel(segment.split("/")[0]) }),
            ),
        ),
    );
    return part("customer.segments", "wide-part", el("ul", { class: "segment-links" }, links));
}

export function historySection(history) {
    if (!history.length) return null;
    const lines = [...history].reverse().map((change) => {
        const into = segmentAfter(change);
        return el(
            "li",
            { vars: { "--c": into ? colourOf(into) : "var(--ink-3)" } },
            el("time", { class: "muted small", datetime: change.at, text: dateTime(change.at) }),
            el("span", {
                text: t("feed.words", {
                    moved: changeInWords(change),
                    reason: reasonLabel(change.reason),
                }),
            }),
            el("span", { class: "muted small", text: changeKind(change) }),
        );
    });
    return part("customer.history", "wide-part", el("ol", { class: "timeline" }, lines));
}
