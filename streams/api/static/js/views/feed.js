// The newest changes, one line each, as they are published.

import { get as ask } from "../api.js";
import { colourOf } from "../colours.js";
import { byId, el, idElement } from "../dom.js";
import { dateTime } from "../format.js";
import { t } from "../i18n.js";
import { changeInWords, changeKind, reasonLabel, segmentAfter } from "../names.js";
import { customerHash } from "../router.js";
import { get, on } from "../state.js";
import { emptyElement, problemElement } from "./empty.js";

const SHOWN = 80;
const KINDS = {
    all: [],
    rule: ["segment.entered", "segment.exited"],
    lifecycle: ["lifecycle.changed", "customer.won_back", "customer.merged", "stage.changed"],
    value: ["value_tier.changed", "grid.changed", "attachment.changed"],
    risk: ["risk.changed"],
    rfm: ["rfm.changed"],
    cluster: ["cluster.changed"],
};

let changes = []; // those of the kind chosen, newest first
let seen = new Set();
let framed = false;
let kind = "all";
let arrived = null; // while those of another kind are asked for: what comes meanwhile

const isShown = (change) => kind === "all" || KINDS[kind].includes(change.type);

function line(change, fresh) {
    const into = segmentAfter(change);
    return el(
        "li",
        { class: fresh ? "feed-line fresh" : "feed-line" },
        el(
            "a",
            {
                href: customerHash(change.customer_id),
                vars: { "--c": into ? colourOf(into) : "var(--ink-3)" },
            },
            el("span", { class: "dot" }),
            el(
                "span",
                { class: "feed-words" },
                idElement(change.customer_id, { class: "id one-line" }),
                el("span", {
                    text: t("feed.words", {
                        moved: changeInWords(change),
                        reason: reasonLabel(change.reason),
                    }),
                }),
            ),
            el(
                "span",
                { class: "feed-when" },
                el("span", { text: changeKind(change) }),
                el("time", { datetime: change.time, text: dateTime(change.time) }),
            ),
        ),
    );
}

function renderAnew() {
    const feed = byId("feed");
    if (changes.length) {
        const list = el(
            "ol",
            { class: "feed-list" },
            changes.map((each) => line(each, false)),
        );
        [list.newest] = changes;
        feed.replaceChildren(list);
    } else {
        const problem = get("changesProblem");
        const nothing = t(kind === "all" ? "feed.empty" : "feed.empty.kind");
        feed.replaceChildren(problem ? problemElement(problem) : emptyElement(nothing));
    }
}

/** Bursts come in one frame: a page that replays a year at full speed must stay usable. */
function renderSoon() {
    if (framed) return;
    framed = true;
    requestAnimationFrame(() => {
        framed = false;
        const list = byId("feed").querySelector("ol");
        if (!list) return renderAnew();
        const fresh = [];
        for (const change of changes) {
            if (change === list.newest) break;
            fresh.push(change);
        }
        list.prepend(...fresh.map((each) => line(each, true)));
        while (list.childElementCount > SHOWN) list.lastElementChild.remove();
        list.newest = changes[0];
        return undefined;
    });
}

/** A change to be shown on top, unless it has been. */
export function feedChange(change) {
    if (seen.has(change.id)) return false;
    seen.add(change.id);
    if (seen.size > 20_000) seen = new Set([change, ...changes].map((each) => each.id));
    arrived?.push(change);
    if (isShown(change)) {
        changes = [change, ...changes].slice(0, SHOWN);
        renderSoon();
    }
    return true;
}

/** The changes that stand at the beginning, newest first. */
export function feedStart(items) {
    for (const change of [...items].reverse()) {
        if (seen.has(change.id)) continue;
        seen.add(change.id);
        if (isShown(change)) changes = [change, ...changes].slice(0, SHOWN);
    }
    renderAnew();
}

/** The newest of one kind, however many others have come since. */
async function chooseKind(chosen) {
    const mine = [];
    [kind, arrived, changes] = [chosen, mine, changes.filter(isShown)];
    try {
        const { items } = await ask("changes", { limit: SHOWN, types: KINDS[chosen].join(",") });
        if (kind !== chosen) return; // another choice meanwhile
        const told = new Set(items.map((each) => each.id));
        const later = mine.filter((each) => isShown(each) && !told.has(each.id));
        changes = [...later.reverse(), ...items].slice(0, SHOWN);
        for (const each of items) seen.add(each.id);
    } catch {
        changes = changes.filter(isShown); // of those that are known
    }
    if (arrived === mine) arrived = null;
    renderAnew();
}

function renderKinds() {
    const select = byId("feed-kind");
    select.setAttribute("aria-label", t("feed.kind"));
    select.replaceChildren(
        ...Object.keys(KINDS).map((each) =>
            el("option", { value: each, text: t(`feed.kind.${each}`) }),
        ),
    );
    select.value = kind;
}

export function createFeed() {
    byId("feed-kind").addEventListener("change", (event) => chooseKind(event.target.value));
    on(["language", "labels", "changesProblem"], renderAnew);
    on("language", renderKinds);
    renderKinds();
}
