// One colour a segment, wherever it is shown. The colours themselves stand in css/tokens.css, but for
// those of what the policy defines: there may be any number, so theirs are made here.

import { get } from "./state.js";

const CLUSTER_COLOURS = 8;
const SYMBOLS = ["circle", "diamond", "triangle", "rect", "pin"];

// Groups of all schemes by how good they are; see the ramp --rfm-1 … 11.
const RFM_PLACES = [
    ["champions", "important_value"],
    ["loyal", "loyal_users", "important_development"],
    ["active", "potential_loyalists", "general_value"],
    ["new", "new_customer", "recent"],
    ["promising", "general_development"],
    ["needs_attention", "needing_attention"],
    ["at_risk", "important_retention"],
    ["previously_loyal", "cannot_lose_them", "important_win_back"],
    ["almost_lost", "about_to_sleep", "general_retention"],
    ["dormant", "hibernating", "inactive", "general_win_back"],
    ["prospects"],
];

/** The custom property of a segment's colour, such as `--lifecycle-active`. */
function propertyOf(segment) {
    const slash = segment.indexOf("/");
    const [kind, group] = [segment.slice(0, slash), segment.slice(slash + 1)];
    if (kind === "cluster") return `--cluster-${Math.abs(Number(group)) % CLUSTER_COLOURS || 0}`;
    if (kind.startsWith("rfm.")) {
        const place = RFM_PLACES.findIndex((groups) => groups.includes(group));
        return `--rfm-${place < 0 ? RFM_PLACES.length : place + 1}`;
    }
    return `--${kind}-${group}`;
}

const GOLDEN_ANGLE = 137.508; // hues by it stay apart, however many there are
const both = (hue, saturation, light, dark) =>
    `light-dark(hsl(${hue} ${saturation}% ${light}%), hsl(${hue} ${saturation}% ${dark}%))`;

// Kinds that go from the best group to the last, by the hue that theirs have.
const HUES = { value: 265, grid: 165, attachment: 200, stage: 30 };

/** Of a rule segment, a tier of a value scheme, a field of the grid: by its place among its kind. */
function madeColour(segment) {
    const kind = segment.slice(0, segment.indexOf("/"));
    const hue = HUES[kind.split(".")[0]];
    if (kind !== "rule" && hue === undefined) return null;
    const items = get("segments")?.content?.items ?? [];
    const alike = items.filter((each) => each.kind === kind);
    const place = alike.findIndex((each) => each.name === segment);
    if (place < 0) return null;
    if (kind === "rule") return both(Math.round(200 + place * GOLDEN_ANGLE) % 360, 60, 42, 66);
    const down = place / Math.max(1, alike.length - 1); // from the best to the last
    const [saturation, light, dark] = [50 - 34 * down, 38 + 24 * down, 76 - 26 * down];
    return both(hue, ...[saturation, light, dark].map(Math.round));
}

/** For style sheets. Accounts are shown like people. */
export function colourOf(segment) {
    const own = segment.replace(/^account\./, "");
    return madeColour(own) ?? `var(${propertyOf(own)}, var(--ink-3))`;
}

/** Ids are never used again, colours are: an eighth cluster later the shape differs. */
export function symbolOf(clusterId) {
    return SYMBOLS[Math.floor(Math.abs(clusterId) / CLUSTER_COLOURS) % SYMBOLS.length];
}

const probe = document.createElement("span");
probe.hidden = true;

/** A colour as it is in the theme shown; for canvases, which know no properties. */
function shown(colour) {
    if (!probe.isConnected) document.body.append(probe);
    probe.style.color = colour;
    return getComputedStyle(probe).color;
}

export function token(name) {
    return shown(`var(${name})`);
}

export function canvasColourOf(segment) {
    return shown(colourOf(segment));
}
