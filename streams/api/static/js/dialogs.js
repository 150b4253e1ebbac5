// Dialogs: the browser's own <dialog> keeps the focus inside, closes on Esc and gives the focus back.

import { el, focusAgain } from "./dom.js";
import { t } from "./i18n.js";
import { on } from "./state.js";

/**
 * A dialog with a heading, a button to close it and a body.
 *
 * @param onLeave called when the reader closes it.
 * @returns {{dialog, heading, body, show, hide}} `hide` closes without calling `onLeave`.
 */
export function createDialog({ id, testid, className = "", onLeave = () => {} }) {
    const heading = el("h2", { id: `${id}-heading`, tabindex: "-1" });
    const body = el("div", { class: "dialog-body" });
    const close = el("button", { class: "button quiet dialog-close", type: "button", text: "✕" });
    const dialog = el(
        "dialog",
        { id, class: `dialog ${className}`, "data-testid": testid, "aria-labelledby": heading.id },
        el("header", { class: "dialog-head" }, heading, close),
        body,
    );
    let hiding = false;
    let opener = null;
    let openersBox = null; // its content may be written anew before the dialog is closed
    const hide = () => {
        if (!dialog.open) return;
        hiding = true;
        dialog.close();
    };
    const show = () => {
        if (dialog.open) return;
        opener = document.activeElement;
        openersBox = opener.closest("[id]");
        dialog.showModal();
        heading.focus();
    };
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => {
        if (event.target === dialog) dialog.close(); // beside it, on the backdrop
    });
    dialog.addEventListener("close", () => {
        if (!opener.isConnected && openersBox?.isConnected) focusAgain(opener, openersBox);
        if (!hiding) onLeave();
        hiding = false;
    });
    const relabel = () => close.setAttribute("aria-label", t("dialog.close"));
    on("language", relabel);
    relabel();
    document.body.append(dialog);
    return { dialog, heading, body, show, hide };
}
