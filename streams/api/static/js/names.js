// What segments, states and changes are called.

import { printable } from "./dom.js";
import { number } from "./format.js";
import { has, t, told } from "./i18n.js";
import { get } from "./state.js";

function nameOf(kind, group) {
    return `${kind}/${group}`;
}

export function splitName(segment) {
    const slash = segment.indexOf("/");
    return [segment.slice(0, slash), segment.slice(slash + 1)];
}

function item(segment) {
    return get("segments")?.content?.items.find((each) => each.name === segment);
}

/** Whether customers are kept by it, so that its members can be listed. */
export function isPublished(segment) {
    return item(segment) !== undefined;
}

/** The same, in doubt yes: as long as it is not known which there are. */
export function canOpen(segment) {
    return !get("segments")?.content || isPublished(segment);
}

/** As the API calls it, else as this page does, else its bare name. */
export function labelOf(segment) {
    const label = item(segment)?.label;
    if (label) return told(label);
    const [kind, group] = splitName(segment);
    if (kind === "cluster") return t("cluster.numbered", { id: group });
    const key = kind.startsWith("rfm.") ? `rfm.group.${group}` : `segment.${segment}`;
    return has(key) ? t(key) : group.replaceAll("_", " ");
}

/** "RFM (quintile)": groups of different schemes have the same names. */
export function kindLabel(kind) {
    if (kind.startsWith("account.")) return t("kind.account", { kind: kindLabel(kind.slice(8)) });
    if (kind.startsWith("value.")) return t("kind.value", { scheme: kind.slice(6) });
    if (kind.startsWith("rfm.")) return t("kind.rfm", { scheme: schemeLabel(kind.slice(4)) });
    return has(`kind.${kind}`) ? t(`kind.${kind}`) : kind;
}

/** With its kind where the name alone would not say it. */
export function longLabel(segment) {
    const [kind] = splitName(segment);
    const alike = kind.startsWith("rfm.") || kind.startsWith("value.");
    return alike ? `${labelOf(segment)} · ${kindLabel(kind)}` : labelOf(segment);
}

export function schemeLabel(scheme) {
    return has(`scheme.${scheme}`) ? t(`scheme.${scheme}`) : scheme;
}

export function reasonLabel(reason) {
    return has(`reason.${reason}`) ? t(`reason.${reason}`) : String(reason).replaceAll("_", " ");
}

/** What kind of people are in a segment, in a name; "" where no survey that was kept has them. */
export function personaOf(segment) {
    const found = get("personas")?.content?.items.find((each) => each.segment === segment);
    return told(found?.name);
}

/** What a cluster's customers have in common, as far as the map has been loaded. */
export function clusterSays(id) {
    const found = get("clusters")?.content?.clusters.find((each) => String(each.id) === String(id));
    return told(found?.says);
}

const KINDS = {
    "attachment.changed": "attachment",
    "cluster.changed": "cluster",
    "grid.changed": "grid",
    "risk.changed": "risk",
    "segment.entered": "rule",
    "segment.exited": "rule",
    "stage.changed": "stage",
    "value_tier.changed": "tier",
};

/** Of what its two sides are groups: "rfm.quintile", "value.spend", "tier". */
function kindOf(change) {
    if (change.type === "rfm.changed") return `rfm.${change.scheme}`;
    if (change.type === "value_tier.changed" && change.scheme) return change.scheme;
    return KINDS[change.type];
}

function sideInWords(change, side) {
    if (!side || side.group === null) return t("change.none");
    if (side.group !== undefined) {
        const kind = kindOf(change);
        return kind ? labelOf(nameOf(kind, side.group)) : String(side.group);
    }
    const flags = (side.flags ?? []).map((flag) => labelOf(nameOf("flag", flag)));
    return [labelOf(nameOf("lifecycle", side.lifecycle)), ...flags].join(" + ");
}

/** The segment that a change leads into; null if into none. */
export function segmentAfter(change) {
    const side = change.after;
    if (!side) return null;
    if (side.lifecycle) return nameOf("lifecycle", side.lifecycle);
    const kind = kindOf(change);
    return kind && side.group ? nameOf(kind, side.group) : null;
}

/** "Active → Dormant", "entered Regulars", "another name of 1228 from now on". */
export function changeInWords(change) {
    if (change.type === "customer.erased") return t("change.erased");
    if (change.type === "customer.merged") return t("change.merged", { into: change.into ?? "" });
    const segment = change.segment && labelOf(change.segment);
    if (change.type === "segment.entered") return t("change.entered", { segment });
    if (change.type === "segment.exited") return t("change.exited", { segment });
    const moved = t("change.moved", {
        before: sideInWords(change, change.before),
        after: sideInWords(change, change.after),
    });
    if (change.type === "customer.won_back") return t("change.won_back", { moved });
    return moved;
}

/** What kind of change that is: "Lifecycle", "RFM (quintile)". */
export function changeKind(change) {
    return kindLabel(kindOf(change) ?? "lifecycle");
}

/** "under 18", "18-24", "65+": as the API tells it, but in the reader's language. */
export function ageBand(band) {
    const under = /^under (\d+)$/.exec(band);
    return under ? t("age.under", { n: under[1] }) : printable(band);
}

/** A value that a rule has read, or that a profile tells. */
export function valueInWords(value) {
    if (value === null || value === undefined) return t("unknown");
    if (typeof value === "boolean") return t(value ? "yes" : "no");
    return typeof value === "number" ? number(value, 3) : printable(value);
}
