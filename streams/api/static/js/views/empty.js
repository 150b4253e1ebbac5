// What stands where there is nothing to show, and why.

import { el } from "../dom.js";
import { t } from "../i18n.js";
import { get } from "../state.js";
import { askAgain } from "./key.js";

export function emptyElement(text, ...more) {
    return el("div", { class: "empty" }, el("p", { text }), more);
}

export function loadingElement() {
    return el("div", { class: "empty loading" }, el("p", { text: t("empty.loading") }));
}

/** In words, why an answer did not come. `needsPopulation`: it can't come before the first one. */
export function problemInWords(problem, needsPopulation = false) {
    if (problem.status === 401) return t("empty.key");
    if (problem.status === 503) return t("banner.store");
    if (problem.status === 0) return t("banner.network");
    if (problem.status === 404 || problem.status === 409) {
        const overview = get("overview");
        if (!needsPopulation || !overview?.as_of) return t("empty.nothing");
        return t(overview.population ? "empty.sample" : "empty.population");
    }
    return `${t("empty.failed")} ${problem.message}`;
}

export function keyButton() {
    return el("button", {
        class: "button",
        type: "button",
        text: t("key.give"),
        on: { click: askAgain },
    });
}

export function problemElement(problem, needsPopulation) {
    const words = problemInWords(problem, needsPopulation);
    return emptyElement(words, problem.status === 401 ? keyButton() : null);
}
