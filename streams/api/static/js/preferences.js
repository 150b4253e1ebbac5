// What a reader has chosen, kept in this browser. Storage may be forbidden: then it lasts for the page.

import { get, on, set } from "./state.js";

const PREFIX = "segmenter.";
const systemDark = matchMedia("(prefers-color-scheme: dark)");

function read(name) {
    try {
        return localStorage.getItem(PREFIX + name);
    } catch {
        return null;
    }
}

function write(name, value) {
    try {
        localStorage.setItem(PREFIX + name, value);
    } catch {
        // Remembered until the page is closed, at least.
    }
}

export function choose(name, value) {
    write(name, value);
    set(name, value);
}

/** The theme shown: the reader's choice, else the system's. */
export function theme() {
    return get("theme") ?? (systemDark.matches ? "dark" : "light");
}

export function loadPreferences() {
    const language = read("language") ?? (navigator.language.startsWith("zh") ? "zh" : "en");
    const days = Number(read("days"));
    set("language", language === "zh" ? "zh" : "en");
    set("days", [7, 30, 90].includes(days) ? days : 30);
    set("paused", read("paused") === "true");
    set("theme", ["light", "dark"].includes(read("theme")) ? read("theme") : null);
    applyTheme();
    on("theme", applyTheme);
    systemDark.addEventListener("change", () => set("theme", get("theme")));
}

function applyTheme() {
    const chosen = get("theme");
    if (chosen) document.documentElement.dataset.theme = chosen;
    else delete document.documentElement.dataset.theme;
}
