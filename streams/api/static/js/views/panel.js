// A panel with a chart: heading, a sentence on how to read it, the drawing or why there is none.

import { Figure } from "../charts/figure.js";
import { byId, el } from "../dom.js";
import { number } from "../format.js";
import { t } from "../i18n.js";
import { get, on } from "../state.js";
import { emptyElement, loadingElement, problemElement } from "./empty.js";

/** "Counted from a sample: 4,096 of 20,312 customers." where not all are. */
export function sampleNote({ counted, customers }) {
    if (customers === undefined || counted === undefined || counted >= customers) return "";
    return t("sample.note", { customers: number(customers), counted: number(counted) });
}

/**
 * @param id of the section in the page.
 * @param source under which name the state holds its content.
 * @param title key of the heading; `title.hint` explains.
 * @param isEmpty content → whether there is nothing to draw; `empty` says so then.
 * @param below what follows the drawing: an element, filled by `fillBelow(element, content)`.
 */
export function createPanel({
    id,
    source,
    title,
    draw,
    table,
    onClick,
    height,
    isEmpty,
    needsPopulation = false,
    empty = "empty.nothing",
    controls = [],
    note = () => "",
    fillBelow = null,
}) {
    const section = byId(id);
    const heading = el("h2", { id: `${id}-heading` });
    const hint = el("p", { class: "panel-hint" });
    const stage = el("div", { class: "panel-stage" });
    const below = el("div", { class: "panel-below" });
    const figure = new Figure({ name: () => t(title), draw, table, onClick, height });
    section.setAttribute("aria-labelledby", heading.id);
    const tools = el("div", { class: "panel-tools" }, controls, figure.toggle);
    section.append(el("header", { class: "panel-head" }, heading, tools), hint, stage, below);

    function stageFor({ content, problem } = {}) {
        if (content && !isEmpty(content)) return figure.element;
        if (problem && !content) return problemElement(problem, needsPopulation);
        if (!content) return loadingElement();
        return emptyElement(t(needsPopulation ? "empty.sample" : empty));
    }

    function render() {
        heading.textContent = t(title);
        hint.textContent = t(`${title}.hint`);
        const loaded = get(source);
        const shown = stageFor(loaded);
        if (stage.firstChild !== shown) stage.replaceChildren(shown);
        const drawn = shown === figure.element;
        figure.toggle.hidden = !drawn;
        if (drawn) figure.update(loaded.content, note(loaded.content));
        below.hidden = !drawn || !fillBelow;
        if (drawn && fillBelow) fillBelow(below, loaded.content);
    }
    on([source, "language", "labels", "population"], render);
    render();
}
