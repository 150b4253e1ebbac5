// Everything about one customer, in a drawer.

import { get as ask, getCustomer, pathPart } from "../api.js";
import { Figure } from "../charts/figure.js";
import { drawPurchases, drawRisk, purchasesTable, riskTable } from "../charts/customer.js";
import { createDialog } from "../dialogs.js";
import { el, printable, refill } from "../dom.js";
import { t } from "../i18n.js";
import { leave } from "../router.js";
import { get, on } from "../state.js";
import { alertsSection } from "./customer_alerts.js";
import { churnSection, rfmSection, valueSection } from "./customer_outlook.js";
import { favouritesSection, gridSection, nextSection } from "./customer_survey.js";
import { attributesSection, engagementSection, rulesSection } from "./customer_told.js";
import {
    factsSection,
    headSection,
    historySection,
    segmentsSection,
} from "./customer_parts.js";
import { emptyElement, loadingElement, problemElement } from "./empty.js";
import { stacked } from "./part.js";

const AGAIN_MS = 2_000; // a customer may buy several times in a moment

/** A part of the drawer with a chart; hidden where there is nothing to draw. */
function chartSection(title, figure, isEmpty) {
    const heading = el("h3", { text: t(title) });
    const element = el(
        "section",
        { class: "part wide-part" },
        el("header", { class: "part-head" }, heading, figure.toggle),
        figure.element,
    );
    return {
        element,
        update(timeline) {
            heading.textContent = t(title);
            element.hidden = !timeline || isEmpty(timeline);
            if (!element.hidden) figure.update(timeline);
        },
    };
}

/** What the page about a person needs; of what is missing the rest is shown all the same. */
async function loadAll(id) {
    const customer = await getCustomer(id, { explain: true });
    const part = (path) => ask(`customers/${pathPart(id)}/${path}`).catch(() => null);
    const reachable = id !== "." && id !== "..";
    const surveyed = get("personas")?.content; // else there is nothing to be said of what they may buy
    const [timeline, history, alerts, next] = reachable
        ? await Promise.all([
              ...["timeline", "history", "alerts"].map(part),
              surveyed ? part("next") : null,
          ])
        : [null, null, null, null];
    const items = (answer) => answer?.items ?? [];
    return {
        customer,
        timeline,
        history: items(history),
        alerts: items(alerts),
        next: items(next),
    };
}

export function createCustomer() {
    const { body, heading, show, hide } = createDialog({
        id: "customer-drawer",
        testid: "customer-drawer",
        className: "drawer",
        onLeave: leave,
    });
    const risk = chartSection(
        "customer.risk.time",
        new Figure({
            name: () => t("customer.risk.time"),
            draw: drawRisk,
            table: riskTable,
            height: "12rem",
        }),
        (timeline) => !timeline.risk?.some((week) => week.own_probability !== null),
    );
    const purchases = chartSection(
        "customer.purchases",
        new Figure({
            name: () => t("customer.purchases"),
            draw: drawPurchases,
            table: purchasesTable,
            height: "11rem",
        }),
        (timeline) => !timeline.purchases?.length,
    );
    let shown = null; // the id
    let loaded = null;
    let again = null;

    function render() {
        if (!loaded) return;
        const { customer, timeline, history, alerts, next } = loaded;
        heading.textContent = printable(customer.customer_id);
        const sections = [
            headSection(customer),
            stacked(factsSection(customer), rfmSection(customer)),
            stacked(churnSection(customer), valueSection(customer)),
            stacked(gridSection(customer), favouritesSection(customer)),
            stacked(nextSection(next)),
            alertsSection(alerts),
            risk.element,
            purchases.element,
            rulesSection(customer),
            segmentsSection(customer),
            stacked(attributesSection(customer)),
            stacked(engagementSection(customer)),
            historySection(history),
        ];
        refill(body, el("div", { class: "parts" }, sections));
        risk.update(timeline);
        purchases.update(timeline);
    }

    async function load(id) {
        try {
            const answer = await loadAll(id);
            if (shown !== id) return;
            loaded = answer;
            const { scrollTop } = body;
            render();
            body.scrollTop = scrollTop;
        } catch (problem) {
            if (shown !== id || (loaded && problem.status !== 404)) return; // what is shown stays
            loaded = null;
            body.replaceChildren(
                problem.status === 404
                    ? emptyElement(t("customer.unknown"))
                    : problemElement(problem),
            );
        }
    }

    function open(id) {
        show();
        if (id === shown) return;
        [shown, loaded] = [id, null];
        heading.textContent = printable(id);
        body.replaceChildren(loadingElement());
        load(id);
    }

    on("route", (route) => {
        if (route.kind === "customer") return open(route.id);
        hide();
        shown = null;
        return undefined;
    });
    on("changed", (change) => {
        const names = [shown, loaded?.customer.customer_id];
        if (shown === null || !names.includes(change.customer_id)) return;
        clearTimeout(again);
        again = setTimeout(() => shown !== null && load(shown), AGAIN_MS);
    });
    on("personas", ({ content }) => content && shown !== null && load(shown));
    on("retry", () => shown !== null && load(shown));
    on(["language", "labels"], render);
}
