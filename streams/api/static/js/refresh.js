// When to ask for what again. Aggregates follow the changes, but no faster than they can be read:
// light ones every 5 s, those counted from a sample every 30 s; nothing while hidden or paused. What is
// decided about alerts is no change that is published, so they are asked for again by themselves.

import { newestAlerts } from "./alerts.js";
import { get as ask } from "./api.js";
import { get, on, set } from "./state.js";

const LIGHT_MS = 5_000;
const HEAVY_MS = 30_000;
const ALERTS_MS = 10_000;
const SURVEY_MS = 120_000; // one is taken now and then
const NOT_YET_MS = 15_000; // what is not there yet comes with an epoch, not within seconds
const TROUBLE_MS = 3_000;
const LOOK_MS = 500;

const sources = {
    segments: { every: LIGHT_MS, ask: () => ask("segments", { days: get("days") }) },
    sizes: { every: LIGHT_MS, ask: () => ask("lifecycle/sizes", { days: 365 }) },
    flows: { every: LIGHT_MS, ask: () => ask("lifecycle/flows", { days: get("days") }) },
    rfm: { every: HEAVY_MS, ask: () => ask("rfm/heatmap", { scheme: get("scheme") }) },
    clusters: { every: HEAVY_MS, ask: () => ask("clusters") },
    cohorts: { every: HEAVY_MS, ask: () => ask("cohorts", { months: 12 }) },
    alerts: { every: ALERTS_MS, byItself: true, ask: newestAlerts },
    personas: { every: SURVEY_MS, byItself: true, ask: () => ask("personas") },
    alertReport: { every: HEAVY_MS, byItself: true, ask: () => ask("alerts/report") },
};
const light = ["segments", "sizes", "flows"];
const heavy = ["rfm", "clusters", "cohorts"];

/** What comes with every answer and says nothing new. */
function sameContent(before, after) {
    const bare = (content) => JSON.stringify({ ...content, as_of: null });
    return before !== undefined && bare(before) === bare(after);
}

function delayAfter(problem, usual) {
    if ([0, 429, 503].includes(problem.status))
        return (problem.retryAfter ?? 0) * 1000 || TROUBLE_MS;
    return Math.max(usual, NOT_YET_MS);
}

async function load(name) {
    const source = sources[name];
    source.stale = Boolean(source.byItself);
    source.asking = (source.asking ?? 0) + 1;
    const turn = source.asking;
    source.next = Infinity;
    let delay = source.every;
    try {
        const content = await source.ask();
        if (turn !== source.asking) return; // asked again meanwhile, with other choices
        const before = get(name);
        if (!sameContent(before?.content, content) || before.problem) set(name, { content });
    } catch (problem) {
        if (turn !== source.asking) return;
        source.stale = true;
        delay = delayAfter(problem, source.every);
        const passing = [0, 429, 503].includes(problem.status);
        set(name, { content: passing ? get(name)?.content : undefined, problem });
    }
    source.next = Date.now() + delay;
}

/** Asks at the next occasion. */
function outdate(names) {
    for (const name of names) sources[name].stale = true;
}

/** Asks without waiting until it is time, but not while hidden or paused. */
function askSoon(names) {
    for (const name of names) sources[name].next = 0;
    outdate([...light, ...heavy]);
}

/** Asks now: the reader has chosen something. */
function askNow(names) {
    for (const name of names) load(name);
}

/** Connected again: what could not be told may be there by now. */
function catchUp() {
    askSoon(Object.keys(sources).filter((name) => get(name)?.problem));
}

function look() {
    if (document.hidden || get("paused")) return;
    const now = Date.now();
    for (const [name, source] of Object.entries(sources)) {
        if (source.stale && now >= (source.next ?? 0)) load(name);
    }
}

let populationSeen;
let policySeen;
let daySeen;

function followOverview(overview) {
    const version = overview.population?.version ?? null;
    const day = overview.as_of?.slice(0, 10);
    if (version !== populationSeen) {
        set("population", version);
        if (populationSeen !== undefined) askSoon(heavy);
    }
    // Another policy may have other segments, whether or not anybody has moved because of it.
    if (policySeen !== undefined && overview.policy?.version !== policySeen)
        askSoon([...light, "alertReport"]);
    if (daySeen !== undefined && day !== daySeen) outdate([...light, ...heavy]);
    [populationSeen, policySeen, daySeen] = [version, overview.policy?.version, day];
}

/** A change was published: what it adds up to is outdated. */
export function outdated() {
    outdate([...light, ...heavy]);
}

export async function startRefreshing() {
    on("overview", followOverview);
    on("connected", (connected) => connected && catchUp());
    on("days", () => askNow(["segments", "flows"]));
    on("scheme", () => askNow(["rfm"]));
    on(["alertRule", "alertDecision"], () => askNow(["alerts"]));
    on("retry", () => askNow(Object.keys(sources)));
    await Promise.all(Object.keys(sources).map(load));
    setInterval(look, LOOK_MS);
}
