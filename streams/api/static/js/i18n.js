// Texts by language. One catalogue each, with the same keys; a new language is a new file in `i18n/`.

import en from "./i18n/en.js";
import zh from "./i18n/zh.js";
import { get } from "./state.js";

const CATALOGUES = { en, zh };
const LOCALES = { en: "en-US", zh: "zh-CN" };

export function language() {
    return get("language") ?? "en";
}

export function locale() {
    return LOCALES[language()];
}

export function has(key) {
    return key in CATALOGUES[language()];
}

/** A text, with `{name}` replaced. */
export function t(key, values = {}) {
    const text = CATALOGUES[language()][key] ?? key;
    return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
}

/** A text that depends on a number: `key.one` or `key.other`, `{n}` being the number as formatted. */
export function tn(key, count, values = {}) {
    const form = new Intl.PluralRules(locale()).select(count) === "one" ? "one" : "other";
    const n = new Intl.NumberFormat(locale()).format(count);
    return t(`${key}.${form}`, { n, ...values });
}

/** Of a text that the API tells in several languages, the reader's; plain texts as they are. */
export function told(texts) {
    if (texts === null || texts === undefined) return "";
    return typeof texts === "string" ? texts : (texts[language()] ?? texts.en ?? "");
}

/** Puts the reader's language into everything under `root` that names its text in `data-i18n…`. */
export function translate(root) {
    document.documentElement.lang = language() === "zh" ? "zh-CN" : "en";
    for (const node of root.querySelectorAll("[data-i18n]"))
        node.textContent = t(node.dataset.i18n);
    for (const node of root.querySelectorAll("[data-i18n-label]")) {
        node.setAttribute("aria-label", t(node.dataset.i18nLabel));
    }
    for (const node of root.querySelectorAll("[data-i18n-placeholder]")) {
        node.setAttribute("placeholder", t(node.dataset.i18nPlaceholder));
    }
}
