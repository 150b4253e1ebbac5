// What a customer likes, may begin to buy, and where they stand on the value grid.

import { el, printable } from "../dom.js";
import { date, money, percent, share } from "../format.js";
import { has, t, tn, told } from "../i18n.js";
import { labelOf } from "../names.js";
import { pairs, part } from "./part.js";
import { dimensionLabel, playPairs } from "./persona_parts.js";
import { badge } from "./summaries.js";

const LEVELS = ["low", "medium", "high"];

const named = (label) => (label === null ? t("unknown") : printable(label));

function likedElement({ label, share: spent, days }) {
    const much = spent === null ? tn("count.days", days) : share(spent);
    return el("li", {}, named(label), el("span", { class: "muted small", text: ` ${much}` }));
}

export function favouritesSection({ favourites }) {
    const known = Object.entries(favourites ?? {}).filter(([, liked]) => liked.length);
    if (!known.length) return null;
    return part(
        "customer.favourites",
        "favourites",
        pairs(
            known.map(([dimension, liked]) => [
                dimensionLabel(dimension),
                el("ul", {}, liked.map(likedElement)),
            ]),
        ),
    );
}

export function nextSection(items) {
    if (!items.length) return null;
    const line = ({ category, because }) =>
        el(
            "li",
            {},
            el("strong", { text: named(category) }),
            because.length
                ? el("span", {
                      class: "muted small",
                      text: t("next.because", { list: because.map(named).join(t("list.comma")) }),
                  })
                : null,
        );
    return part("customer.may_buy", "may-buy", el("ol", {}, items.map(line)));
}

/** The nine fields, worth upwards, attachment to the right; theirs is filled. */
function placeElement({ worth, attachment }) {
    const cells = [...LEVELS].reverse().flatMap((row) =>
        LEVELS.map((column) => {
            const here = row === worth && column === attachment.level;
            return el("span", { class: here ? "here" : null });
        }),
    );
    return el("span", { class: "grid-place", "aria-hidden": "true" }, cells);
}

/** "Partner (Active), since 3 March". */
function saidInWords({ said, means, said_at: at }) {
    const word = printable(said);
    const meant = means && means !== said ? t("stage.means", { means: labelOf(`lifecycle/${means}`) }) : "";
    return t("stage.said", { word, meant, date: date(at) });
}

function stageRows(stage) {
    if (!stage) return [];
    const observed = t("stage.since", {
        state: labelOf(`lifecycle/${stage.observed}`),
        date: date(stage.observed_since),
    });
    const verdict = has(`stage.${stage.verdict}`) ? t(`stage.${stage.verdict}`) : stage.verdict;
    return [
        [t("grid.sales"), saidInWords(stage)],
        [t("grid.observed"), observed],
        [t("grid.stage"), verdict],
    ];
}

/** Worth and attachment; a field there is only once both are known. */
function standingRows({ worth, attachment }) {
    if (!attachment) return [];
    return [
        [t("grid.worth"), worth ? t(`level.${worth}`) : t("unknown")],
        [
            t("grid.attachment"),
            t("grid.points", {
                level: t(`level.${attachment.level}`),
                points: attachment.points,
                most: attachment.most,
            }),
        ],
    ];
}

export function gridSection({ value_grid: grid }) {
    if (!grid) return null;
    const budget = grid.yearly_budget_minor;
    const rows = [
        ...standingRows(grid),
        [t("grid.budget"), budget === null ? null : money(budget)],
        [t("grid.wallet"), grid.wallet_share_365d === null ? null : percent(grid.wallet_share_365d)],
        ...stageRows(grid.stage),
    ];
    const field = grid.field
        ? el(
              "p",
              { class: "grid-line" },
              placeElement(grid),
              badge(`grid/${grid.field}`, told(grid.label)),
          )
        : null;
    if (!field && !rows.some(([, value]) => value)) return null;
    const todo = grid.to_do && playPairs((each) => told(grid.to_do[each]));
    return part("customer.grid", "value-grid", field, todo, pairs(rows));
}
