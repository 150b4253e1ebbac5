// Finding customers: by id, by the beginning of an id, by an attribute, by an e-mail address.
// An address never leaves the browser: what is asked for is its hash.

import { getCustomer, get as ask } from "../api.js";
import { createDialog } from "../dialogs.js";
import { byId, el } from "../dom.js";
import { t } from "../i18n.js";
import { customerHash, leave, open, searchHash } from "../router.js";
import { get, on } from "../state.js";
import { Summaries } from "./summaries.js";

const PAGE = 50;

const isEmail = (text) => /^[^\s@:]+@[^\s@:]+\.[^\s@:]+$/.test(text);
const isAttribute = (text) => /^[^:\s][^:]*:.+$/.test(text);

async function emailQuery(address) {
    const bytes = new TextEncoder().encode(address.trim().toLowerCase());
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    const hex = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return `email_sha256:${hex}`;
}

/** Hashing needs HTTPS or localhost; elsewhere the results say so, and nothing is asked. */
async function searchFor(text) {
    open(searchHash(isEmail(text) && crypto.subtle ? await emailQuery(text) : text));
}

/** Enter: the customer by that id, if there is one; else whatever fits. */
async function enter(text) {
    if (isEmail(text)) return searchFor(text);
    try {
        await getCustomer(text);
    } catch (problem) {
        if (problem.status === 404) return searchFor(text);
    }
    return open(customerHash(text));
}

function suggestionsFor(text) {
    if (!text) return [];
    const byPrefix = ["search.prefix", () => open(searchHash(text))];
    const byIdItself = ["search.id", () => open(customerHash(text))];
    if (isEmail(text)) return [["search.email", () => searchFor(text)], byIdItself];
    if (!isAttribute(text)) return [byIdItself, byPrefix];
    return [["search.attribute", () => open(searchHash(text))], byIdItself];
}

function createSuggestions(form, input) {
    const box = byId("suggestions");
    const button = (text, [key, choose]) => {
        const colon = text.indexOf(":");
        const values = { text, name: text.slice(0, colon), value: text.slice(colon + 1) };
        const act = () => {
            box.hidden = true;
            choose();
        };
        return el(
            "li",
            {},
            el("button", {
                class: "suggestion",
                type: "button",
                text: t(key, values),
                on: { click: act },
            }),
        );
    };
    const render = () => {
        const text = input.value.trim();
        const help = ["search.help.id", "search.help.attribute", "search.help.email"].map((key) =>
            el("li", { class: "suggestion-help", text: t(key) }),
        );
        const lines = suggestionsFor(text).map((each) => button(text, each));
        box.replaceChildren(el("ul", {}, lines.length ? lines : help));
    };
    input.addEventListener("input", () => {
        box.hidden = false;
        render();
    });
    input.addEventListener("focus", () => {
        box.hidden = false;
        render();
    });
    form.addEventListener("focusout", (event) => {
        if (!form.contains(event.relatedTarget)) box.hidden = true;
    });
    form.addEventListener("keydown", (event) => {
        if (event.key !== "Escape" || box.hidden) return;
        event.preventDefault(); // the browser would empty the field, which shows them again
        input.focus(); // so does this
        box.hidden = true;
    });
    on("language", render);
    return () => {
        box.hidden = true;
    };
}

function queryOf(text) {
    return isAttribute(text) ? { attribute: text } : { prefix: text };
}

function createResults() {
    const { body, heading, show, hide } = createDialog({
        id: "search-results",
        testid: "search-results",
        className: "drawer wide-drawer",
        onLeave: leave,
    });
    let shown = null;
    let summaries = null;

    function render() {
        if (shown === null) return;
        const attribute = isAttribute(shown);
        heading.textContent = t(attribute ? "search.results.attribute" : "search.results.prefix", {
            text: shown,
        });
    }

    function open_(query) {
        show();
        if (query === shown) return;
        summaries?.stop();
        shown = query;
        summaries = new Summaries({
            ask: (cursor) => ask("customers", { ...queryOf(query), limit: PAGE, cursor }),
            name: () => t("search.results"),
            moreTestid: "search-more",
        });
        render();
        if (isEmail(query)) {
            body.replaceChildren(el("p", { class: "note", text: t("search.insecure") }));
            return;
        }
        body.replaceChildren(summaries.element);
        summaries.load();
    }

    on("route", (route) => {
        if (route.kind === "search") open_(route.query);
        else if (route.kind !== "customer") {
            hide();
            summaries?.stop();
            shown = null;
        }
    });
    on(["language", "labels"], () => {
        render();
        summaries?.relabel();
    });
}

export function createSearch() {
    const form = byId("search-form");
    const input = byId("search");
    const closeSuggestions = createSuggestions(form, input);
    form.addEventListener("submit", async (event) => {
        event.preventDefault();
        const text = input.value.trim();
        if (!text) return;
        closeSuggestions();
        form.setAttribute("aria-busy", "true");
        await enter(text);
        form.removeAttribute("aria-busy");
    });
    document.addEventListener("keydown", (event) => {
        const typing = event.target.closest?.("input, select, textarea");
        if (event.key !== "/" || typing || get("route")?.kind !== "home") return;
        event.preventDefault();
        input.focus();
    });
    createResults();
}
