// Which categories a segment buys on the same day: the best pairs, by a ranking that the reader chooses.

import { el, printable } from "../dom.js";
import { share } from "../format.js";
import { t } from "../i18n.js";
import { partTable, times } from "./persona_parts.js";

const RANKINGS = ["days", "lift", "elsewhere"];
const MOST_ROWS = 6;

let chosen = "days"; // for the segments that are opened next, too

const named = (label) => (label === null ? t("unknown") : printable(label));

export class Together {
    constructor() {
        this.heading = el("h3");
        this.select = el("select", {
            class: "select",
            "data-testid": "together-by",
            on: {
                change: () => {
                    chosen = this.select.value;
                    this.render();
                },
            },
        });
        this.box = el("div");
        const head = el("header", { class: "part-head" }, this.heading, this.select);
        this.element = el("section", { class: "part together" }, head, this.box);
    }

    show(together) {
        this.together = together;
        this.render();
    }

    render() {
        this.heading.textContent = t("together.title");
        this.select.setAttribute("aria-label", t("together.by"));
        this.select.replaceChildren(
            ...RANKINGS.map((each) => el("option", { value: each, text: t(`together.${each}`) })),
        );
        this.select.value = chosen;
        this.box.replaceChildren(...this.rows());
    }

    rows() {
        const { pairs, certain } = this.together[chosen];
        if (!pairs.length) return [el("p", { class: "muted", text: t("together.none") })];
        const rows = pairs
            .slice(0, MOST_ROWS)
            .map(({ one, other, support, lift, elsewhere }) => [
                t("together.pair", { one: named(one), other: named(other) }),
                share(support),
                times(lift),
                times(elsewhere),
            ]);
        const columns = ["pair", "support", "chance", "elsewhere"].map((each) => `column.${each}`);
        const note = certain ? [] : [el("p", { class: "muted small", text: t("together.maybe") })];
        return [partTable(t("together.title"), columns, rows), ...note];
    }
}
