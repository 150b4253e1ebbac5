// What happens now: server-sent events, read with fetch because EventSource can't send a key.
// Comes back by itself, from where it was, and stays away while nobody looks at the page.

import { request } from "./api.js";
import { get, on, set } from "./state.js";

const SILENCE_MS = 12_000; // an overview comes every second; without any the connection is dead
const HIDDEN_MS = 20_000; // a glance at another tab is no reason to part
const LONGEST_WAIT_MS = 15_000;

/** Cuts a text that comes in pieces into events: `{event, id, data}`. */
export function eventParser(receive) {
    let rest = "";
    let event = {};
    const line = (text) => {
        if (text === "") {
            if (event.data !== undefined) receive(event);
            event = {};
            return;
        }
        const colon = text.indexOf(":");
        if (colon === 0) return; // a comment that keeps the line open
        const field = colon < 0 ? text : text.slice(0, colon);
        const value = colon < 0 ? "" : text.slice(colon + 1).replace(/^ /, "");
        if (field === "data")
            event.data = event.data === undefined ? value : `${event.data}\n${value}`;
        else event[field] = value;
    };
    return (piece) => {
        rest += piece;
        // A carriage return at the very end may be half of a CR LF.
        const whole = rest.endsWith("\r") ? rest.slice(0, -1) : rest;
        const lines = whole.split(/\r\n|\n|\r/);
        rest = lines.pop() + (rest.endsWith("\r") ? "\r" : "");
        lines.forEach(line);
    };
}

/** What was promised; the connection is given up if that takes too long. */
function unlessSilent(connection, promised) {
    const silence = setTimeout(() => connection.abort(), SILENCE_MS);
    return promised.finally(() => clearTimeout(silence));
}

export class Stream {
    /**
     * @param receive called with (name, body) of each event, `gap` and `trouble` included.
     * @param cursor of the newest change that is known.
     */
    constructor(receive, cursor) {
        this.receive = receive;
        this.cursor = cursor;
        this.failures = 0;
    }

    start() {
        document.addEventListener("visibilitychange", () => this.look());
        on("retry", () => this.reconnect());
        this.reconnect();
    }

    look() {
        clearTimeout(this.parting);
        if (document.hidden) this.parting = setTimeout(() => this.part(), HIDDEN_MS);
        else if (!this.connection) this.reconnect();
    }

    part() {
        clearTimeout(this.again);
        this.connection?.abort();
        this.connection = null;
    }

    reconnect() {
        this.part();
        this.read(new AbortController());
    }

    async read(connection) {
        this.connection = connection;
        try {
            const headers = { Accept: "text/event-stream" };
            if (this.cursor) headers["Last-Event-ID"] = this.cursor;
            const options = { headers, signal: connection.signal, cache: "no-store" };
            const response = await unlessSilent(connection, request("stream", {}, options));
            await this.follow(response.body, connection);
        } catch (problem) {
            // Whatever it was, it shows as "connecting", and is tried again.
            if (problem.status === 400) this.cursor = null; // of another stream
        }
        if (this.connection !== connection) return; // parted on purpose
        this.connection = null;
        set("connected", false);
        this.failures += 1;
        const wait =
            Math.min(LONGEST_WAIT_MS, 500 * 2 ** this.failures) * (0.5 + Math.random() / 2);
        if (!document.hidden) this.again = setTimeout(() => this.reconnect(), wait);
    }

    async follow(body, connection) {
        const parse = eventParser((event) => this.take(event));
        const reader = body.pipeThrough(new TextDecoderStream()).getReader();
        for (;;) {
            const { value, done } = await unlessSilent(connection, reader.read());
            if (done) return;
            parse(value);
        }
    }

    take({ event = "message", id, data }) {
        if (event === "overview") {
            this.failures = 0;
            if (!get("connected")) set("connected", true);
        }
        if (id) this.cursor = id;
        let body;
        try {
            body = JSON.parse(data);
        } catch {
            body = {}; // a gap may come without a body
        }
        this.receive(event, body);
    }
}

/**
 * Holds changes back while the reader has paused; tells how many wait.
 *
 * @param apply called with (name, body) of each event that may be shown now.
 */
export function pausable(apply) {
    const HELD = 500; // the feed shows fewer
    let held = [];
    let overview = null;
    let waiting = 0;
    on("paused", (paused) => {
        if (paused) return;
        const [changes, newest] = [held, overview];
        [held, overview, waiting] = [[], null, 0];
        set("waiting", 0);
        for (const [name, body] of changes) apply(name, body);
        if (newest) apply("overview", newest);
    });
    return (name, body) => {
        if (!get("paused")) return apply(name, body);
        if (name === "overview") {
            overview = body;
            return undefined;
        }
        held = [...held.slice(1 - HELD), [name, body]];
        waiting += 1;
        return set("waiting", waiting);
    };
}
