// The bar that says whether what is shown is now, and the switches beside it.

import { byId, el } from "../dom.js";
import { date, dateTime, duration, number } from "../format.js";
import { language, t, tn } from "../i18n.js";
import { choose, theme } from "../preferences.js";
import { get, on } from "../state.js";
import { keyButton } from "./empty.js";

function liveState() {
    const overview = get("overview");
    if (!overview || !get("connected")) return "connecting";
    const tended = overview.partitions?.some((each) => each.lag !== null);
    if (overview.lag === null && !tended) return "no_worker";
    return overview.live ? "live" : "behind";
}

function facts(overview) {
    if (!overview) return [];
    const { population } = overview;
    const learned = population
        ? t("status.population.value", {
              version: number(population.version),
              date: date(population.as_of),
          })
        : t("status.population.none");
    return [
        ["customers", number(overview.customers), overview.customers],
        ["events", number(overview.events_per_s, 1), overview.events_per_s],
        ["lag", number(overview.lag), overview.lag],
        ["freshness", duration(overview.freshness_ms), overview.freshness_ms],
        ["population", learned, population?.version],
        ["as_of", dateTime(overview.as_of), overview.as_of],
    ];
}

function factElement([name, text, value]) {
    return el(
        "div",
        { class: "fact" },
        el("dt", { text: t(`status.${name}`) }),
        el("dd", { text, "data-field": name, "data-value": value ?? "" }),
    );
}

function renderLive() {
    const pill = byId("status-live");
    const state = liveState();
    // Only when it changes: what is written anew is read out anew.
    if (pill.dataset.state === state && pill.lang === language()) return;
    pill.dataset.state = state;
    pill.lang = language();
    pill.textContent = t(`status.live.${state}`);
}

function renderFacts() {
    byId("facts").replaceChildren(...facts(get("overview")).map(factElement));
}

function renderPause() {
    const button = byId("pause");
    const paused = get("paused");
    const waiting = get("waiting") ?? 0;
    button.setAttribute("aria-pressed", String(paused));
    byId("pause-icon").textContent = paused ? "▶" : "❚❚";
    byId("pause-text").textContent = !paused
        ? t("status.pause")
        : waiting
          ? tn("status.resume.waiting", waiting)
          : t("status.resume");
}

function renderSwitches() {
    byId("language").textContent = language() === "zh" ? "EN" : "中文";
    byId("language").setAttribute(
        "aria-label",
        language() === "zh" ? "English (EN)" : "中文 (Chinese)",
    );
    byId("theme-icon").textContent = theme() === "dark" ? "☀" : "☾";
    byId("theme").setAttribute("aria-label", t(theme() === "dark" ? "theme.light" : "theme.dark"));
}

function renderBanner() {
    const banner = byId("banner");
    const trouble = get("trouble");
    const text = trouble
        ? t(`banner.${trouble}`)
        : get("keyMissing")
          ? t("empty.key")
          : get("gap")
            ? t("banner.gap")
            : "";
    banner.hidden = !text;
    banner.dataset.trouble = trouble ?? "";
    byId("banner-text").textContent = text;
    byId("banner-action").replaceChildren(...(!trouble && get("keyMissing") ? [keyButton()] : []));
}

export function createStatus() {
    byId("pause").addEventListener("click", () => choose("paused", !get("paused")));
    byId("language").addEventListener("click", () =>
        choose("language", language() === "zh" ? "en" : "zh"),
    );
    byId("theme").addEventListener("click", () =>
        choose("theme", theme() === "dark" ? "light" : "dark"),
    );
    on(["overview", "connected", "language"], renderLive);
    on(["overview", "language"], renderFacts);
    on(["paused", "waiting", "language"], renderPause);
    on(["theme", "language"], renderSwitches);
    on(["trouble", "keyMissing", "gap", "language"], renderBanner);
    for (const render of [renderLive, renderFacts, renderPause, renderSwitches, renderBanner])
        render();
}
