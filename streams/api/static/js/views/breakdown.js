// A segment by one thing that is known of its members, as bars that are text as well.

import { get as ask, segmentPath } from "../api.js";
import { colourOf } from "../colours.js";
import { el, printable } from "../dom.js";
import { number, share } from "../format.js";
import { t } from "../i18n.js";
import { ageBand, kindLabel, labelOf, splitName, valueInWords } from "../names.js";
import { get } from "../state.js";
import { problemInWords } from "./empty.js";

const OF_ALL = ["lifecycle", "risk", "tier", "age_band", "overdue", "won_back"];
const FLAGS = ["overdue", "won_back"];
const OF_SOME = /^(value\.|rfm\.|(grid|attachment|stage)$)/; // kinds that not every policy has

let chosen = null; // for the segments that are opened next, too

/** What every customer has: the same of all shops, and the schemes that this one has. */
function namesOfAll() {
    const kinds = (get("segments")?.content?.items ?? []).map((each) => each.kind);
    const schemes = kinds.filter((kind) => OF_SOME.test(kind));
    return [...OF_ALL, ...new Set(schemes)];
}

function nameLabel(by) {
    if (by === "age_band") return t("attribute.age_band");
    if (FLAGS.includes(by)) return labelOf(`flag/${by}`);
    return by.startsWith("profile.") ? printable(by.slice(8)) : kindLabel(by);
}

function valueLabel(by, value) {
    if (by === "age_band") return ageBand(value);
    if (typeof value === "boolean" || by.startsWith("profile.")) return valueInWords(value);
    return labelOf(`${by}/${value}`);
}

/** Of a group that has a colour everywhere else it is that one. */
function colourOfValue(by, value, segment) {
    if (["lifecycle", "risk", "tier"].includes(by) || OF_SOME.test(by))
        return colourOf(`${by}/${value}`);
    return colourOf(segment);
}

export class Breakdown {
    constructor() {
        this.turn = 0;
        this.select = el("select", {
            id: "breakdown-by",
            class: "select",
            "data-testid": "breakdown-by",
            on: {
                change: () => {
                    chosen = this.select.value;
                    this.load();
                },
            },
        });
        this.label = el("label", { for: this.select.id });
        this.list = el("ol", { class: "breakdown-list", "data-testid": "breakdown" });
        this.note = el("p", { class: "muted small", role: "status" });
        const head = el("div", { class: "breakdown-head" }, this.label, this.select);
        this.element = el("section", { class: "breakdown" }, head, this.list, this.note);
    }

    open(segment) {
        const [kind] = splitName(segment);
        [this.segment, this.content, this.problem] = [segment, null, null];
        this.by = chosen ?? (kind === "lifecycle" ? "risk" : "lifecycle");
        this.render();
        this.load();
    }

    async load() {
        this.turn += 1;
        const { turn } = this;
        this.by = chosen ?? this.by;
        this.note.textContent = t("empty.loading");
        try {
            const path = `${segmentPath(this.segment)}/breakdown`;
            const content = await ask(path, { by: this.by });
            if (turn !== this.turn) return;
            [this.content, this.problem] = [content, null];
        } catch (problem) {
            if (turn !== this.turn) return;
            [this.content, this.problem] = [null, problem];
        }
        this.render();
    }

    /** Nobody looks any more. */
    stop() {
        this.turn += 1;
    }

    render() {
        if (!this.segment) return;
        this.label.textContent = t("breakdown.by");
        this.renderNames();
        const { content, problem } = this;
        this.list.replaceChildren(...(content ? this.rows(content) : []));
        this.list.hidden = !content?.looked_at;
        const words = content ? this.words(content) : "";
        this.note.textContent = problem ? problemInWords(problem) : words;
    }

    renderNames() {
        const seen = this.content?.attributes ?? [];
        const ofAll = namesOfAll();
        const own = [...new Set([...seen, this.by])].filter((each) => !ofAll.includes(each));
        const group = (key, names) =>
            el(
                "optgroup",
                { label: t(key) },
                names.map((each) => el("option", { value: each, text: nameLabel(each) })),
            );
        this.select.replaceChildren(
            group("breakdown.of_all", ofAll),
            ...(own.length ? [group("customer.attributes", own)] : []),
        );
        this.select.value = this.by;
    }

    rows({ by, items, other, unknown, looked_at: whole }) {
        const row = (name, text, customers, colour) =>
            el(
                "li",
                { vars: { "--c": colour, "--share": customers / whole }, "data-group": name },
                el("span", { class: "breakdown-name", text }),
                el("span", {
                    class: "segment-size",
                    "data-value": customers,
                    text: number(customers),
                }),
                el("span", { class: "segment-share", text: share(customers / whole) }),
                el("span", { class: "segment-bar", "aria-hidden": "true" }),
            );
        const quiet = "var(--ink-3)";
        return [
            ...items.map(({ value, customers }) =>
                row(
                    JSON.stringify(value),
                    valueLabel(by, value),
                    customers,
                    colourOfValue(by, value, this.segment),
                ),
            ),
            ...(other ? [row("other", t("breakdown.other"), other, quiet)] : []),
            ...(unknown ? [row("unknown", t("unknown"), unknown, quiet)] : []),
        ];
    }

    words({ looked_at: counted, customers }) {
        if (!counted) return t("list.none");
        return counted < customers
            ? t("breakdown.part", { counted: number(counted), customers: number(customers) })
            : "";
    }
}
