// What the page knows at this moment, and who wants to hear of it. No view talks to another one:
// all read from here.

const known = new Map();
const listeners = new Map();

export function get(name) {
    return known.get(name);
}

/** Sets a value and tells its listeners, also when it is the same: what it holds may have changed. */
export function set(name, value) {
    known.set(name, value);
    for (const listener of listeners.get(name) ?? []) listener(value);
}

/** Calls the listener whenever one of the names is set. */
export function on(names, listener) {
    for (const name of [names].flat()) {
        if (!listeners.has(name)) listeners.set(name, new Set());
        listeners.get(name).add(listener);
    }
}
