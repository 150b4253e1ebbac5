// All segments by kind, with size, share and movement.

import { colourOf } from "../colours.js";
import { byId, el, refill } from "../dom.js";
import { number, share } from "../format.js";
import { t } from "../i18n.js";
import { clusterSays, kindLabel, labelOf, personaOf } from "../names.js";
import { segmentHash } from "../router.js";
import { get, on } from "../state.js";
import { emptyElement, problemElement } from "./empty.js";
import { figureOf, movement } from "./kpis.js";

// What people have defined comes first; of value and RFM there are several schemes, of accounts all.
const KINDS = ["rule", "lifecycle", "flag", "risk", "tier", "value", "grid", "attachment", "stage", "cluster", "rfm", "account"];

function byKind(items) {
    const kinds = new Map();
    for (const item of items) {
        if (!kinds.has(item.kind)) kinds.set(item.kind, []);
        kinds.get(item.kind).push(item);
    }
    const place = ([kind]) => KINDS.indexOf(kind.split(".")[0]) + 1 || KINDS.length + 1;
    return [...kinds].sort((one, other) => place(one) - place(other));
}

function row(item) {
    const persona = personaOf(item.name);
    const says = item.kind === "cluster" ? !persona && clusterSays(item.group) : item.description;
    return el(
        "li",
        {},
        el(
            "a",
            {
                class: "segment",
                href: segmentHash(item.name),
                vars: { "--c": colourOf(item.name), "--share": item.share ?? 0 },
            },
            el(
                "span",
                { class: "segment-name" },
                el("span", { class: "dot" }),
                el("span", { text: labelOf(item.name) }),
            ),
            el("span", { class: "segment-size" }, figureOf(item, "size", number(item.size))),
            el("span", { class: "segment-share" }, figureOf(item, "share", share(item.share))),
            el("span", { class: "segment-bar", "aria-hidden": "true" }),
            persona ? el("span", { class: "segment-says segment-persona", text: persona }) : null,
            says ? el("span", { class: "segment-says", text: says }) : null,
            movement(item),
        ),
    );
}

function group([kind, items]) {
    const heading = `kind-${kind.replace(/[^\w-]/g, "-")}`;
    return el(
        "section",
        { class: "segment-group", "aria-labelledby": heading },
        el("h3", { id: heading, text: kindLabel(kind) }),
        el("ul", {}, items.map(row)),
    );
}

function render() {
    const { content, problem } = get("segments") ?? {};
    const box = byId("segments");
    if (content?.items.length) refill(box, ...byKind(content.items).map(group));
    else if (content) box.replaceChildren(emptyElement(t("empty.nothing")));
    else if (problem) box.replaceChildren(problemElement(problem));
}

export function createSegments() {
    on(["segments", "clusters", "personas", "language"], render);
}
