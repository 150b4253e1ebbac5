// What the sections of a customer's drawer are made of.

import { el } from "../dom.js";
import { t } from "../i18n.js";

export function part(title, className, ...children) {
    return el("section", { class: `part ${className}` }, el("h3", { text: t(title) }), children);
}

/** Parts one below the other, in one of the two columns. */
export function stacked(...parts) {
    return parts.some(Boolean) ? el("div", { class: "part stacked" }, ...parts) : null;
}

/** Names and values; those without a value are left out. */
export function pairs(entries) {
    const known = entries.filter(
        ([, value]) => value !== null && value !== undefined && value !== "",
    );
    return el(
        "dl",
        { class: "pairs" },
        known.map(([name, value]) => el("div", {}, el("dt", { text: name }), el("dd", {}, value))),
    );
}
