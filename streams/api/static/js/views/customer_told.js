// What is known of a customer besides purchases: profile, engagement, and why they are in which of the
// segments that people have defined.

import { colourOf } from "../colours.js";
import { el, printable } from "../dom.js";
import { date, number } from "../format.js";
import { t, told } from "../i18n.js";
import { ageBand, valueInWords } from "../names.js";
import { segmentHash } from "../router.js";
import { pairs, part } from "./part.js";

function conditionElement({ text, value, holds }) {
    return el(
        "li",
        { class: holds ? "condition holds" : "condition" },
        el("span", { class: "condition-mark", "aria-hidden": "true", text: holds ? "✓" : "–" }),
        el("span", { class: "visually-hidden", text: t(holds ? "rule.holds" : "rule.fails") }),
        el("code", { text: printable(text) }),
        el("span", { class: "muted", text: t("rule.value", { value: valueInWords(value) }) }),
    );
}

function ruleElement({ segment, label, conditions }) {
    return el(
        "li",
        { class: "in-rule", "data-rule": segment },
        el(
            "a",
            {
                class: "segment-link",
                href: segmentHash(segment),
                vars: { "--c": colourOf(segment) },
            },
            el("span", { class: "dot" }),
            told(label),
        ),
        el("ul", { class: "conditions" }, conditions.map(conditionElement)),
    );
}

export function rulesSection({ rules }) {
    if (!rules?.length) return null;
    const list = el("ul", { class: "in-rules" }, rules.map(ruleElement));
    return part("customer.rules", "wide-part", list);
}

/** The age band is told by the API, whether the profile has it or the year of birth. */
export function attributesSection(customer) {
    const known = Object.entries(customer.attributes ?? {}).filter(([name]) => name !== "age_band");
    const unknown = (customer.unknown_attributes ?? []).map((name) => [name, null]);
    const shown = [...known, ...unknown].map(([name, value]) => [
        printable(name),
        valueInWords(value),
    ]);
    const band = customer.age_band;
    return part(
        "customer.attributes",
        "",
        pairs([[t("attribute.age_band"), band ? ageBand(band) : t("unknown")], ...shown]),
    );
}

export function engagementSection({ engagement, satisfaction }) {
    const newestFirst = Object.entries(engagement ?? {}).sort(([, one], [, other]) =>
        one < other ? 1 : -1,
    );
    const scored = satisfaction ?? null;
    if (!newestFirst.length && scored === null) return null;
    return part(
        "customer.engagement",
        "",
        pairs([
            ...newestFirst.map(([type, at]) => [printable(type), date(at)]),
            [t("engagement.satisfaction"), scored === null ? null : number(scored, 2)],
        ]),
    );
}
