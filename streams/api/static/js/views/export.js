// The members of a segment as a file, without those who must not, or are not to, be written to.

import { alertRules } from "../alerts.js";
import { request, segmentPath } from "../api.js";
import { el } from "../dom.js";
import { number } from "../format.js";
import { has, t } from "../i18n.js";
import { on } from "../state.js";
import { problemInWords } from "./empty.js";

const CHANNEL = "[a-z0-9_\\-]{1,32}";

/** "Left out: 3 without consent." of the header that says so; "" of one that names nobody. */
function leftOutInWords(header) {
    const counts = (header ?? "")
        .split(",")
        .map((each) => each.trim().split("="))
        .filter(([, count]) => Number(count) > 0)
        .map(([reason, count]) => {
            const key = `left_out.${reason}`;
            return has(key) ? t(key, { n: number(Number(count)) }) : `${count} ${reason}`;
        });
    return counts.length ? t("left_out", { list: counts.join(t("list.comma")) }) : "";
}

/** Saves a file; with fetch, because a plain link could not send the key. */
async function download(segment, query) {
    const path = `${segmentPath(segment)}/members`;
    const response = await request(path, { format: "csv", ...query });
    const url = URL.createObjectURL(await response.blob());
    const link = el("a", { href: url, download: `${segment.replace(/[^\w.-]+/g, "-")}.csv` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
    return leftOutInWords(response.headers.get("X-Left-Out"));
}

export class Export {
    constructor() {
        this.holdout = el("input", {
            type: "checkbox",
            id: "export-holdout",
            "data-testid": "export-holdout",
        });
        this.channel = el("input", {
            type: "text",
            id: "export-for",
            class: "field",
            "data-testid": "export-for",
            list: "export-channels",
            maxlength: "32",
            pattern: CHANNEL,
            spellcheck: "false",
            autocapitalize: "off",
            placeholder: "email",
        });
        this.channels = el("datalist", { id: "export-channels" });
        this.holdoutText = el("span");
        this.channelText = el("label", { for: "export-for" });
        this.status = el("span", { class: "muted small", role: "status" });
        this.button = el("button", {
            class: "button",
            type: "submit",
            "data-testid": "members-export",
        });
        this.element = el(
            "form",
            { class: "export", novalidate: true, on: { submit: (event) => this.save(event) } },
            el("label", { class: "export-choice" }, this.holdout, this.holdoutText),
            el("span", { class: "export-choice" }, this.channelText, this.channel, this.channels),
            this.button,
            this.status,
        );
        on("language", () => this.relabel());
        on("alertReport", () => this.suggest());
        this.relabel();
        this.suggest();
    }

    relabel() {
        this.holdoutText.textContent = t("export.holdout");
        this.channelText.textContent = t("export.channel");
        if (!this.button.disabled) this.button.textContent = t("members.export");
        this.status.textContent = "";
    }

    /** The channels that the policy's alert rules use. */
    suggest() {
        const used = new Set(alertRules().map((each) => each.channel));
        this.channels.replaceChildren(
            ...[...used].filter(Boolean).map((value) => el("option", { value })),
        );
    }

    /** Another segment: what was said of the one before no longer holds. */
    open(segment) {
        this.segment = segment;
        this.status.textContent = "";
    }

    async save(event) {
        event.preventDefault();
        const channel = this.channel.value.trim();
        this.channel.value = channel;
        const fits = this.channel.validity.valid;
        this.channel.setAttribute("aria-invalid", String(!fits));
        if (!fits) {
            this.status.textContent = t("export.channel.wrong");
            this.channel.focus();
            return;
        }
        this.button.disabled = true;
        this.button.textContent = t("members.exporting");
        const query = { for: channel, holdout: this.holdout.checked ? "leave_out" : "" };
        this.status.textContent = await download(this.segment, query).then(
            (left) => [t("members.exported"), left].filter(Boolean).join(" "),
            (problem) => problemInWords(problem),
        );
        this.button.disabled = false;
        this.button.textContent = t("members.export");
    }
}
