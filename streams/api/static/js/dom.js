// Building DOM without markup: whatever a customer id holds, it only ever becomes text.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, properties, children) {
    for (const [name, value] of Object.entries(properties)) {
        if (value === undefined || value === null || value === false) continue;
        if (name === "on") {
            for (const [event, handler] of Object.entries(value))
                node.addEventListener(event, handler);
        } else if (name === "data") {
            Object.assign(node.dataset, value);
        } else if (name === "vars") {
            for (const [each, set] of Object.entries(value)) node.style.setProperty(each, set);
        } else if (name === "text") {
            node.textContent = value;
        } else {
            node.setAttribute(name, value === true ? "" : value);
        }
    }
    node.append(...children.flat().filter((each) => each !== null && each !== undefined));
    return node;
}

/**
 * An element. `on` takes handlers, `data` data attributes, `vars` custom properties, `text` its text;
 * the rest are attributes, left out where null or false.
 */
export function el(tag, properties = {}, ...children) {
    return fill(document.createElement(tag), properties, children);
}

export function svg(tag, properties = {}, ...children) {
    return fill(document.createElementNS(SVG, tag), properties, children);
}

/** Focuses an element, or the link in the box that has been written anew in its place. */
export function focusAgain(element, box) {
    const href = element.getAttribute("href");
    const alike = [...box.querySelectorAll("a")].find((each) => each.getAttribute("href") === href);
    (element.isConnected ? element : alike)?.focus({ preventScroll: true });
}

/** Replaces what a box holds; a link or a button that had the focus has it afterwards. */
export function refill(box, ...children) {
    const active = document.activeElement;
    const within = box.contains(active);
    box.replaceChildren(...children);
    if (within) focusAgain(active, box);
}

export function byId(id) {
    return document.getElementById(id);
}

// Control characters, and those that turn the direction of what follows.
const UNSEEN =
    /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069\ufeff]/g;

/** A text that can be shown in one line: what can't be seen as it is written in programs. */
export function printable(text) {
    return String(text).replace(
        UNSEEN,
        (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
}

/** A customer id: apart from the direction of the text around it, with its whole text as a title. */
export function idElement(id, properties = {}) {
    return el("bdi", { class: "id", title: printable(id), ...properties, text: printable(id) });
}
