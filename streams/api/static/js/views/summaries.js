// Customers as a table, page by page: members of a segment, results of a search.

import { colourOf } from "../colours.js";
import { el, idElement } from "../dom.js";
import { date, money, number, percent } from "../format.js";
import { has, t, tn } from "../i18n.js";
import { labelOf } from "../names.js";
import { customerHash } from "../router.js";
import { problemInWords } from "./empty.js";

const EMPTY_PAGES = 25; // followed without being asked to; then the reader decides

export function badge(segment, label = labelOf(segment)) {
    return el(
        "span",
        { class: "badge", vars: { "--c": colourOf(segment) } },
        el("span", { class: "dot" }),
        label,
    );
}

/** Below a heading that says of what: "High" instead of "High churn risk". */
function level(kind, group) {
    if (!group) return "–";
    return badge(`${kind}/${group}`, has(`level.${group}`) ? t(`level.${group}`) : group);
}

function row(summary) {
    const states = [
        `lifecycle/${summary.lifecycle}`,
        ...(summary.flags ?? []).map((flag) => `flag/${flag}`),
    ];
    const figure = (text) => el("td", { class: "number", text });
    return el(
        "tr",
        {},
        el(
            "th",
            { scope: "row" },
            el(
                "a",
                { href: customerHash(summary.customer_id) },
                idElement(summary.customer_id, { class: "id one-line" }),
            ),
        ),
        el(
            "td",
            {},
            el(
                "span",
                { class: "badges" },
                states.map((each) => badge(each)),
            ),
        ),
        el("td", { text: date(summary.last_purchase_at) }),
        figure(number(summary.purchase_days)),
        figure(money(summary.net_spend_minor)),
        el("td", {}, level("tier", summary.tier)),
        el("td", {}, level("risk", summary.risk)),
        figure(percent(summary.own_probability)),
    );
}

function head() {
    const column = (name, isNumber) =>
        el("th", { scope: "col", class: isNumber ? "number" : null, text: t(`column.${name}`) });
    return el(
        "thead",
        {},
        el(
            "tr",
            {},
            column("customer"),
            column("state"),
            column("last_purchase"),
            column("purchase_days", true),
            column("net_spend", true),
            column("tier"),
            column("risk"),
            column("own_risk", true),
        ),
    );
}

export class Summaries {
    /**
     * @param ask cursor → a page: `{items, next, searched?}`.
     * @param name of the table, for who can't see it.
     * @param moreTestid of the button that asks for more.
     */
    constructor({ ask, name, moreTestid }) {
        Object.assign(this, { ask, name, items: [], searched: 0, cursor: null, turn: 0 });
        this.table = el("div", { class: "table-box", tabindex: "0", role: "group" });
        this.progress = el("p", { class: "muted progress", role: "status" });
        this.more = el("button", {
            class: "button",
            type: "button",
            "data-testid": moreTestid,
            on: { click: () => this.load() },
        });
        this.element = el("div", { class: "summaries" }, this.table, this.progress, this.more);
        this.relabel();
    }

    relabel() {
        this.table.setAttribute("aria-label", this.name());
        this.body = el("tbody", {}, this.items.map(row));
        const caption = el("caption", { class: "visually-hidden", text: this.name() });
        this.table.replaceChildren(
            el("table", { class: "table summaries-table" }, caption, head(), this.body),
        );
        this.tell();
    }

    /** One page, and as many behind it as are empty. */
    async load() {
        this.turn += 1;
        const { turn } = this;
        this.loading = true;
        this.problem = null;
        this.tell();
        try {
            for (let pages = 0, found = 0; pages < EMPTY_PAGES && !found; pages += 1) {
                const page = await this.ask(this.cursor);
                if (turn !== this.turn) return;
                found = page.items.length;
                this.take(page);
                if (!this.cursor) break;
            }
        } catch (problem) {
            this.problem = problem;
        }
        this.loading = false;
        this.tell();
    }

    take({ items, next, searched = 0 }) {
        // A search walks through what changes meanwhile: it may meet somebody twice.
        const known = new Set(this.items.map((each) => each.customer_id));
        const fresh = items.filter((each) => !known.has(each.customer_id));
        this.items.push(...fresh);
        this.body.append(...fresh.map(row));
        this.searched += searched;
        this.cursor = next ?? null;
        this.tell();
    }

    /** Stops following pages: nobody looks any more. */
    stop() {
        this.turn += 1;
    }

    tell() {
        this.table.hidden = this.items.length === 0;
        this.more.textContent = t("list.more");
        this.more.hidden = this.loading || !(this.cursor || this.problem);
        this.progress.textContent = this.words();
    }

    words() {
        if (this.problem) return problemInWords(this.problem);
        const searched = this.searched ? tn("search.searched", this.searched) : "";
        const found = this.loading
            ? t("empty.loading")
            : this.items.length
              ? tn(this.cursor ? "list.shown" : "list.all", this.items.length)
              : t(this.cursor ? "list.none.yet" : "list.none");
        return [found, searched].filter(Boolean).join(" ");
    }
}
