// The five charts of the page: which source, which drawing, where a click leads.

import { clustersTable, drawClusters, mapNote } from "../charts/clusters.js";
import { cohortsTable, drawCohorts } from "../charts/cohorts.js";
import { clickedState, drawFlows, flowsTable, hasFlows } from "../charts/flows.js";
import { drawLifecycle, lifecycleTable } from "../charts/lifecycle.js";
import { drawRfm, mainSegment, rfmTable } from "../charts/rfm.js";
import { colourOf } from "../colours.js";
import { el, refill } from "../dom.js";
import { date, number, share } from "../format.js";
import { t, told } from "../i18n.js";
import { labelOf, schemeLabel } from "../names.js";
import { open, segmentHash } from "../router.js";
import { get, on, set } from "../state.js";
import { createPanel, sampleNote } from "./panel.js";

const SCHEMES = ["quintile", "klaviyo", "braze", "china8"];

const openSegment = (segment) => segment && open(segmentHash(segment));

function schemeSelect() {
    const select = el("select", {
        class: "select",
        "data-testid": "rfm-scheme",
        on: { change: () => set("scheme", select.value) },
    });
    const relabel = () => {
        select.setAttribute("aria-label", t("rfm.scheme"));
        select.replaceChildren(
            ...SCHEMES.map((each) => el("option", { value: each, text: schemeLabel(each) })),
        );
        select.value = get("scheme");
    };
    on(["language", "scheme"], relabel);
    relabel();
    return select;
}

function fillClusterList(below, content) {
    const rows = content.clusters.map((each) =>
        el(
            "li",
            {},
            el(
                "a",
                { class: "cluster-row", href: segmentHash(each.name) },
                el("span", { class: "dot", vars: { "--c": colourOf(each.name) } }),
                el("strong", { text: labelOf(each.name) }),
                el("span", {
                    class: "muted",
                    text: `${number(each.customers)} · ${share(each.share)}`,
                }),
                el("span", { class: "cluster-says", text: told(each.says) }),
            ),
        ),
    );
    refill(below, el("ul", { class: "cluster-list" }, rows));
}

export function createPanels() {
    createPanel({
        id: "panel-lifecycle",
        source: "sizes",
        title: "panel.lifecycle",
        draw: drawLifecycle,
        table: lifecycleTable,
        height: "21rem",
        isEmpty: (content) => !content.items.length,
        onClick: ({ seriesId }) => openSegment(seriesId && `lifecycle/${seriesId}`),
    });
    createPanel({
        id: "panel-flows",
        source: "flows",
        title: "panel.flows",
        draw: drawFlows,
        table: flowsTable,
        isEmpty: (content) => !hasFlows(content),
        onClick: (clicked) => openSegment(clickedState(clicked)),
        note: ({ from, to }) =>
            from && to ? t("flows.range", { from: date(from), to: date(to) }) : "",
    });
    createPanel({
        id: "panel-rfm",
        source: "rfm",
        title: "panel.rfm",
        draw: drawRfm,
        table: rfmTable,
        needsPopulation: true,
        controls: [schemeSelect()],
        isEmpty: (content) => !content.cells.some((cell) => cell.customers > 0),
        onClick: ({ data }) => openSegment(mainSegment(data.cell, get("rfm").content.scheme)),
        note: sampleNote,
    });
    createPanel({
        id: "panel-clusters",
        source: "clusters",
        title: "panel.clusters",
        draw: drawClusters,
        table: clustersTable,
        needsPopulation: true,
        isEmpty: (content) => !content.clusters.length,
        onClick: ({ data }) => openSegment(data.cluster?.name),
        note: (content) => [mapNote(content), sampleNote(content)].filter(Boolean).join(" "),
        fillBelow: fillClusterList,
    });
    createPanel({
        id: "panel-cohorts",
        source: "cohorts",
        title: "panel.cohorts",
        draw: drawCohorts,
        table: cohortsTable,
        isEmpty: (content) => !content.items.length,
        note: (content) => sampleNote({ customers: get("overview")?.customers, ...content }),
        height: "22rem",
    });
}
