// Asks for a key when the API wants one; whoever needs it meanwhile waits for the same answer.

import { keepKey } from "../api.js";
import { createDialog } from "../dialogs.js";
import { el } from "../dom.js";
import { t } from "../i18n.js";
import { set } from "../state.js";

let tried = false; // a key was given, and one is asked for again
let asking = null;
let refused = false; // closed without a key: ask again only when the reader wants to

export function createKeyDialog() {
    let answer = () => {};
    const input = el("input", {
        id: "api-key",
        class: "field",
        type: "password",
        autocomplete: "off",
        required: true,
        "data-testid": "api-key",
    });
    const label = el("label", { for: input.id });
    const note = el("p", { class: "muted" });
    const submit = el("button", { class: "button primary", type: "submit" });
    const form = el("form", { class: "key-form" }, note, label, input, submit);
    const { body, heading, show, hide } = createDialog({
        id: "key-dialog",
        testid: "key-dialog",
        className: "small-dialog",
        onLeave: () => answer(false),
    });
    body.append(form);
    form.addEventListener("submit", (event) => {
        event.preventDefault();
        keepKey(input.value.trim());
        input.value = "";
        hide();
        answer(true);
    });

    function ask() {
        heading.textContent = t("key.title");
        label.textContent = t("key.label");
        note.textContent = t(tried ? "key.wrong" : "key.note");
        submit.textContent = t("key.submit");
        show();
        input.focus();
        return new Promise((resolve) => {
            answer = (given) => {
                refused = !given;
                tried = given;
                asking = null;
                resolve(given);
                set("keyMissing", !given);
            };
        });
    }

    return function askForKey() {
        if (refused) return Promise.resolve(false);
        asking ??= ask();
        return asking;
    };
}

/** Lets the next request ask again. */
export function askAgain() {
    refused = false;
    set("retry", true);
}
