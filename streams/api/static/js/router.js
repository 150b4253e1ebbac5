// The hash of the address says what is open: `#/customer/1228`, `#/segment/lifecycle/active`,
// `#/search/region%3Anorth`. So links can be shared, and Back closes what was opened last.

import { set } from "./state.js";

let depth = 0; // how many steps Back stay on this page

function decoded(part) {
    try {
        return decodeURIComponent(part);
    } catch {
        return part;
    }
}

export function parseHash(hash) {
    const [kind, ...parts] = hash.replace(/^#\/?/, "").split("/").map(decoded);
    if (kind === "customer" && parts[0]) return { kind, id: parts.join("/") };
    if (kind === "segment" && parts.length >= 2) return { kind, segment: parts.join("/") };
    if (kind === "search" && parts[0]) return { kind, query: parts.join("/") };
    return { kind: "home" };
}

const encoded = (text) => encodeURIComponent(text.toWellFormed?.() ?? text);

export const customerHash = (id) => `#/customer/${encoded(id)}`;
export const segmentHash = (segment) => `#/segment/${segment.split("/").map(encoded).join("/")}`;
export const searchHash = (query) => `#/search/${encoded(query)}`;

export function open(hash) {
    if (location.hash !== hash) location.hash = hash;
}

/** Leaves what is open: to where the reader came from, or to the page alone after a shared link. */
export function leave() {
    if (depth > 0) history.back();
    else {
        history.replaceState({ depth: 0 }, "", location.pathname + location.search);
        announce();
    }
}

function announce() {
    set("route", parseHash(location.hash));
}

export function startRouting() {
    depth = history.state?.depth ?? 0;
    history.replaceState({ depth }, "");
    addEventListener("hashchange", () => {
        // A new entry carries no state yet; one that was come back to carries its own.
        depth = history.state?.depth ?? depth + 1;
        history.replaceState({ depth }, "");
        announce();
    });
    announce();
}
