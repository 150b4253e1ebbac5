// Asking the API: paths, the key, errors as what they are, and patience where it asks for it.

const KEY = "segmenter.key";
const BUSY_TRIES = 4;

let keptKey = null; // where session storage is forbidden
let askForKey = async () => false;
let tellTrouble = () => {};

/** An answer that is not the one asked for. Status 0: nobody answered. */
class Problem extends Error {
    constructor(status, body = {}, retryAfter = null) {
        super(body.detail ?? body.title ?? `HTTP ${status}`);
        this.status = status;
        this.detail = body.detail ?? body.title ?? "";
        this.remedy = body.remedy ?? "";
        this.retryAfter = retryAfter;
    }
}

/**
 * @param keyAsker called when a key is needed; resolves to whether there is one now.
 * @param troubleTeller called with "store", "network", or null once something is answered again.
 */
export function connectApi(keyAsker, troubleTeller) {
    askForKey = keyAsker;
    tellTrouble = troubleTeller;
}

export function keepKey(key) {
    keptKey = key;
    try {
        sessionStorage.setItem(KEY, key);
    } catch {
        // Kept until the page is closed.
    }
}

function key() {
    try {
        return sessionStorage.getItem(KEY) ?? keptKey;
    } catch {
        return keptKey;
    }
}

/** Ids may hold anything, also halves of characters, which no URL can carry. */
export function pathPart(text) {
    return encodeURIComponent(text.toWellFormed?.() ?? text);
}

function urlOf(path, query = {}) {
    const asked = new URLSearchParams();
    for (const [name, values] of Object.entries(query)) {
        for (const value of [values].flat()) {
            if (value !== undefined && value !== null && value !== "") asked.append(name, value);
        }
    }
    const text = asked.toString();
    return `v1/${path}${text ? `?${text}` : ""}`;
}

async function problemOf(response) {
    const retryAfter = Number(response.headers.get("Retry-After")) || null;
    const body = await response.json().catch(() => ({}));
    return new Problem(response.status, body, retryAfter);
}

async function once(url, own, { headers = {}, ...options }) {
    try {
        return await fetch(url, {
            ...options,
            headers: { ...headers, ...(own && { "X-API-Key": own }) },
        });
    } catch (error) {
        if (error.name === "AbortError") throw error;
        tellTrouble("network");
        throw new Problem(0);
    }
}

const wait = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** A response with status 200; asks for a key where one is missing, waits where it is told to. */
export async function request(path, query, options = {}) {
    for (let tries = 1; ; tries += 1) {
        const used = key();
        const response = await once(urlOf(path, query), used, options);
        if (response.ok) return response;
        const problem = await problemOf(response);
        if (problem.status === 503) tellTrouble("store");
        const again =
            (problem.status === 401 && (key() !== used || (await askForKey()))) ||
            (problem.status === 429 && tries < BUSY_TRIES);
        if (!again) throw problem;
        if (problem.status === 429) await wait(problem.retryAfter ?? tries);
    }
}

export async function get(path, query) {
    const response = await request(path, query);
    tellTrouble(null);
    return response.json();
}

/** One customer; `{explain: true}` tells why. "." and ".." can't stand in a path: browsers resolve them. */
export async function getCustomer(id, query) {
    if (id !== "." && id !== "..") return get(`customers/${pathPart(id)}`, query);
    const response = await request(
        "customers:batchGet",
        {},
        {
            method: "POST",
            headers: { "Content-Type": "application/json" },
            body: JSON.stringify({ ids: [id] }),
        },
    );
    const [found] = (await response.json()).items;
    if (!found.customer) throw new Problem(404);
    return found.customer;
}

export function segmentPath(segment) {
    return `segments/${segment.split("/").map(pathPart).join("/")}`;
}
