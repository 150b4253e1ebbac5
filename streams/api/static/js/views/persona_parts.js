// The parts of a persona: in words, what to do, whether it is worth working with, its numbers.

import { el, printable } from "../dom.js";
import { decimals, meanMoney, number, percent, share } from "../format.js";
import { has, language, t, told } from "../i18n.js";
import { pairs, part } from "./part.js";

const LEAST_SCORE = 0.2; // standard deviations; less sets nobody apart
const MOST_ROWS = 8;
const MOST_LIKED = 3; // of a dimension
const MARKS = { yes: "✓", no: "✕", untold: "?" };
const UNITS = {
    money: meanMoney,
    share: (value) => percent(value, 1),
    days: (value) => number(value, 1),
    count: (value) => number(value, 1),
};

/** A dimension of what is bought: "Category". */
export function dimensionLabel(dimension) {
    return has(`dimension.${dimension}`) ? t(`dimension.${dimension}`) : dimension;
}

/** "1.3×": so many times the usual. */
export function times(lift) {
    return t("persona.times", { n: decimals(lift, lift < 10 ? 1 : 0) });
}

/** A table of the drawer: `columns` are its heads, numbers all but the first; rows of texts or elements. */
export function partTable(name, columns, rows) {
    const heads = columns.map((key, place) =>
        el("th", { scope: "col", class: place ? "number" : null, text: t(key) }),
    );
    const cell = (content, place) => el("td", { class: place ? "number" : null }, content);
    return el(
        "div",
        { class: "table-box", tabindex: "0", role: "group", "aria-label": name },
        el(
            "table",
            { class: "table" },
            el("thead", {}, el("tr", {}, heads)),
            el(
                "tbody",
                {},
                rows.map((row) => el("tr", {}, row.map(cell))),
            ),
        ),
    );
}

export function storyElement({ name, sentences }) {
    return el(
        "div",
        { class: "persona-story" },
        el("p", { class: "persona-name", text: told(name) }),
        el(
            "ul",
            {},
            sentences.map((each) => el("li", { text: told(each) })),
        ),
    );
}

/** Action, goal and owner, `said(each)` being what of them. */
export function playPairs(said) {
    const rows = ["action", "goal", "owner"].map((each) => [t(`play.${each}`), said(each)]);
    return el("div", { class: "play" }, pairs(rows));
}

/** What is to be done; where the policy has not said so itself it is marked. */
export function playPart(play) {
    if (!play)
        return part("persona.play", "", el("p", { class: "muted", text: t("persona.play.none") }));
    const said = (field) => play[`${field}_${language()}`] || play[field] || null;
    const own = play.source === "policy";
    return part(
        "persona.play",
        "",
        own ? null : el("span", { class: "badge", text: t(`persona.play.${play.source}`) }),
        playPairs(said),
    );
}

export function verdictsPart({ criteria }) {
    const line = ([name, { verdict, reason, reason_zh: chinese }]) =>
        el(
            "li",
            { class: `verdict ${verdict}`, "data-criterion": name },
            el("span", { class: "verdict-mark", "aria-hidden": "true", text: MARKS[verdict] }),
            el("strong", {}, `${t(`criterion.${name}`)}${t("persona.colon")}`),
            el("span", { class: "verdict-word", text: t(`verdict.${verdict}`) }),
            el("span", { class: "muted small", text: language() === "zh" ? chinese : reason }),
        );
    const lines = Object.entries(criteria).map(line);
    return part("persona.verdicts", "", el("ul", { class: "verdicts" }, lines));
}

/** From the middle, so many standard deviations of as many as the largest has. */
function scoreElement(score, most) {
    const side = score < 0 ? "below" : "above";
    const length = Math.min(1, Math.abs(score) / most);
    return [
        el("span", { class: `score-bar ${side}`, "aria-hidden": "true", vars: { "--score": length } }),
        el("span", { class: "score", text: decimals(score, 2, "always"), "data-value": score }),
    ];
}

export function apartPart({ measures }) {
    const telling = measures
        .filter(({ score }) => Math.abs(score) >= LEAST_SCORE)
        .sort((one, other) => Math.abs(other.score) - Math.abs(one.score))
        .slice(0, MOST_ROWS);
    if (!telling.length)
        return part("persona.apart", "", el("p", { class: "muted", text: t("persona.alike") }));
    const most = Math.max(1, ...telling.map(({ score }) => Math.abs(score)));
    const rows = telling.map(({ name, unit, mean, base_mean: base, score }) => [
        has(`measure.${name}`) ? t(`measure.${name}`) : name.replaceAll("_", " "),
        UNITS[unit](mean),
        UNITS[unit](base),
        scoreElement(score, most),
    ]);
    const columns = ["measure", "here", "base", "score"].map((each) => `column.${each}`);
    return part("persona.apart", "apart", partTable(t("persona.apart"), columns, rows));
}

export function likedPart({ favourites }) {
    if (!favourites.length) return null;
    const place = ({ dimension }, at) =>
        favourites.slice(0, at).filter((each) => each.dimension === dimension).length;
    const rows = favourites
        .filter((each, at) => place(each, at) < MOST_LIKED)
        .map(({ dimension, label, share: spent, lift }) => [
            [printable(label), el("span", { class: "muted small", text: dimensionLabel(dimension) })],
            share(spent),
            times(lift),
        ]);
    const columns = ["column.liked", "column.spend_share", "column.usual"];
    return part("persona.favourites", "liked", partTable(t("persona.favourites"), columns, rows));
}
