// What is to be expected of a customer: churn risk with its reasons, value, RFM groups and cluster.

import { el } from "../dom.js";
import { money, number, percent } from "../format.js";
import { has, language, t, tn, told } from "../i18n.js";
import { clusterSays, schemeLabel } from "../names.js";
import { pairs, part } from "./part.js";
import { badge } from "./summaries.js";

const TELLING = 1.05; // a smaller effect on the odds is none worth a number

function effectOf({ factor }) {
    if (factor >= TELLING) return { name: "raises", mark: "▲", fold: factor };
    if (factor <= 1 / TELLING) return { name: "lowers", mark: "▼", fold: 1 / factor };
    return { name: "neutral", mark: "•", fold: null };
}

function reasonElement(reason) {
    const { name, mark, fold } = effectOf(reason);
    const odds = fold && ` ${t(`risk.${name}`, { fold: number(fold, 1) })}`;
    return el(
        "li",
        { class: `reason ${name}` },
        el("span", { class: "reason-mark", "aria-hidden": "true", text: mark }),
        el("span", {}, told(reason), odds && el("span", { class: "muted", text: odds })),
    );
}

export function churnSection({ churn_risk: risk }) {
    if (!risk)
        return part(
            "customer.risk",
            "",
            el("p", { class: "muted", text: t("customer.risk.none") }),
        );
    const usual = risk.usual_in_lifecycle;
    return part(
        "customer.risk",
        "",
        el(
            "p",
            { class: "big" },
            el("span", {
                text: percent(risk.own_probability),
                "data-field": "own_probability",
                "data-value": risk.own_probability,
            }),
            risk.band ? badge(`risk/${risk.band}`) : null,
        ),
        el("p", { text: tn("risk.own.words", risk.own_horizon_days) }),
        el("p", {
            class: "muted",
            text:
                tn("risk.common.words", risk.horizon_days, { share: percent(risk.probability) }) +
                (usual === null ? "" : ` ${t("risk.usual", { share: percent(usual) })}`),
        }),
        risk.reasons?.length
            ? el("ul", { class: "reasons" }, risk.reasons.map(reasonElement))
            : null,
    );
}

export function valueSection({ value, churn_risk: risk }) {
    if (!value) return null;
    const growth =
        value.growth &&
        (has(`growth.${value.growth}`) ? t(`growth.${value.growth}`) : value.growth);
    return part(
        "customer.value",
        "",
        el(
            "p",
            { class: "big" },
            el("span", {
                text: money(value.lifetime_value_minor),
                "data-field": "lifetime_value_minor",
                "data-value": value.lifetime_value_minor,
            }),
            value.tier ? badge(`tier/${value.tier}`) : null,
        ),
        el("p", { class: "muted", text: t("value.lifetime") }),
        pairs([
            [
                tn("value.expected", value.horizon_days),
                `${money(value.expected_spend_minor)} · ${tn("value.purchase_days", value.expected_purchase_days, { n: number(value.expected_purchase_days, 1) })}`,
            ],
            [t("value.year"), money(value.usual_year_minor)],
            [t("value.stake"), risk && money(risk.at_stake_minor)],
            [t("value.growth"), growth],
        ]),
    );
}

export function rfmSection({ rfm, cluster }) {
    const schemes = Object.entries(rfm ?? {});
    if (!schemes.length && !cluster) return null;
    const rows = schemes.map(([scheme, { group, recency, frequency, monetary }]) =>
        el(
            "tr",
            {},
            el("th", { scope: "row", text: schemeLabel(scheme) }),
            el("td", {}, badge(`rfm.${scheme}/${group}`)),
            ...[recency, frequency, monetary].map((score) =>
                el("td", { class: "number", text: number(score) }),
            ),
        ),
    );
    const head = ["scheme", "group", "recency.short", "frequency.short", "monetary.short"].map(
        (name, place) =>
            el("th", {
                scope: "col",
                class: place > 1 ? "number" : null,
                text: t(`column.${name}`),
            }),
    );
    const says = cluster && (told(cluster.says) || clusterSays(cluster.id));
    return part(
        "customer.groups",
        "",
        cluster
            ? el(
                  "p",
                  { class: "cluster-line" },
                  badge(`cluster/${cluster.id}`),
                  el("span", {
                      text:
                          language() === "zh" && typeof cluster.says === "string"
                              ? clusterSays(cluster.id) || says
                              : says,
                  }),
              )
            : null,
        schemes.length
            ? el(
                  "div",
                  {
                      class: "table-box",
                      tabindex: "0",
                      role: "group",
                      "aria-label": t("customer.groups"),
                  },
                  el(
                      "table",
                      { class: "table" },
                      el("thead", {}, el("tr", {}, head)),
                      el("tbody", {}, rows),
                  ),
              )
            : null,
    );
}
