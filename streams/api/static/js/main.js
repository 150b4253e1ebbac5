// Puts the page together: who is told what, in which order it begins.

import { connectApi, get as ask } from "./api.js";
import { byId } from "./dom.js";
import { translate } from "./i18n.js";
import { loadPreferences } from "./preferences.js";
import { outdated, startRefreshing } from "./refresh.js";
import { startRouting } from "./router.js";
import { get, on, set } from "./state.js";
import { Stream, pausable } from "./stream.js";
import { createAlertLedger } from "./views/alert_ledger.js";
import { createAlerts } from "./views/alerts.js";
import { createCustomer } from "./views/customer.js";
import { createFeed, feedChange, feedStart } from "./views/feed.js";
import { createKeyDialog } from "./views/key.js";
import { createKpis } from "./views/kpis.js";
import { createMembers } from "./views/members.js";
import { createPanels } from "./views/panels.js";
import { createSearch } from "./views/search.js";
import { createSegments } from "./views/segments.js";
import { createStatus } from "./views/status.js";

const FEED = 50;
const SAID_MS = 10_000;

function tellTrouble(trouble) {
    if ((get("trouble") ?? null) !== trouble) set("trouble", trouble);
}

/** The newest changes; returns the cursor that the stream begins behind. */
async function loadFeed() {
    try {
        const { items } = await ask("changes", { limit: FEED });
        set("changesProblem", null);
        feedStart(items);
        return items[0]?.cursor ?? null;
    } catch (problem) {
        set("changesProblem", problem);
        return null;
    }
}

async function loadOverview() {
    try {
        set("overview", await ask("overview"));
    } catch {
        // The stream brings it as soon as there is one; until then the panels say what is missing.
    }
}

function receive(name, body) {
    if (name === "overview") set("overview", body);
    else if (name === "gap") tellGap();
    else if (name === "change" && feedChange(body)) {
        set("changed", body);
        outdated();
    }
}

/** Whether the store answers is told also while the reader has paused. */
function hearing(show) {
    return (name, body) => {
        if (name === "trouble") tellTrouble("store");
        else {
            if (name === "overview") tellTrouble(null);
            show(name, body);
        }
    };
}

/** Changes have gone by unseen: the feed begins anew, the numbers are asked for again. */
async function tellGap() {
    outdated();
    await loadFeed();
    set("gap", true);
    setTimeout(() => set("gap", false), SAID_MS);
}

/** Tells those who show names when segments are called otherwise, or others can be listed. */
function followLabels() {
    let before = "";
    on("segments", (segments) => {
        const now = JSON.stringify(
            segments.content?.items.map(({ name, label }) => [name, label]) ?? [],
        );
        if (now !== before) set("labels", now);
        before = now;
    });
}

/** The scheme shown at first: one that is published, so that its groups can be opened. */
function chooseScheme() {
    const kinds = get("segments")?.content?.items.map((each) => each.kind) ?? [];
    const published = kinds.find((kind) => kind.startsWith("rfm."))?.slice(4);
    if (published && published !== get("scheme")) set("scheme", published);
}

async function begin() {
    loadPreferences();
    set("scheme", "quintile");
    translate(document);
    on("language", () => translate(document));
    on("retry", loadFeed);
    connectApi(createKeyDialog(), tellTrouble);
    followLabels();
    for (const create of [createStatus, createKpis, createPanels, createFeed, createSegments])
        create();
    for (const create of [createAlerts, createAlertLedger]) create();
    for (const create of [createMembers, createSearch, createCustomer]) create();
    const [, cursor] = await Promise.all([loadOverview(), loadFeed(), startRefreshing()]);
    chooseScheme();
    new Stream(hearing(pausable(receive)), cursor).start();
    startRouting();
    byId("main").removeAttribute("aria-busy");
    document.documentElement.dataset.ready = "true";
}

begin();
