// What kind of people are in a segment, as the newest survey that was kept tells it. The list of personas
// says for whom there is one, so nothing is asked for that is not there.

import { get as ask, segmentPath } from "../api.js";
import { el, refill } from "../dom.js";
import { dateTime, number } from "../format.js";
import { t } from "../i18n.js";
import { personaOf } from "../names.js";
import { get, on } from "../state.js";
import { problemInWords } from "./empty.js";
import { stacked } from "./part.js";
import { apartPart, likedPart, playPart, storyElement, verdictsPart } from "./persona_parts.js";
import { Together } from "./together.js";

/** In words, why there are no personas at all. */
function noneInWords(problem) {
    if (problem.status !== 409) return problemInWords(problem);
    return t("persona.none", { remedy: problem.remedy });
}

export class Persona {
    constructor() {
        this.turn = 0;
        this.heading = el("h3");
        this.box = el("div", { class: "parts" });
        this.note = el("p", { class: "muted small", role: "status" });
        this.together = new Together();
        this.element = el(
            "section",
            { class: "persona", "data-testid": "persona" },
            ...[this.heading, this.box, this.note],
        );
        on("personas", () => this.follow());
    }

    open(segment) {
        this.stop();
        [this.segment, this.content, this.problem] = [segment, null, null];
        this.element.hidden = segment.startsWith("account."); // surveys are of people
        this.follow();
    }

    /** Nobody looks any more. */
    stop() {
        this.turn += 1;
        this.segment = null;
    }

    /** Another survey may have been kept. */
    follow() {
        if (!this.segment) return;
        this.render();
        const { content: all } = get("personas") ?? {};
        if (personaOf(this.segment) && all.taken_at !== this.content?.taken_at) this.load();
    }

    async load() {
        this.turn += 1;
        const { turn } = this;
        try {
            const content = await ask(`${segmentPath(this.segment)}/persona`);
            if (turn !== this.turn) return;
            [this.content, this.problem] = [content, null];
        } catch (problem) {
            if (turn !== this.turn) return;
            [this.content, this.problem] = [null, problem];
        }
        this.render();
    }

    render() {
        if (!this.segment) return;
        this.heading.textContent = t("persona.title");
        refill(this.box, ...(this.content ? this.parts(this.content) : []));
        this.box.hidden = !this.content;
        this.note.textContent = this.words();
    }

    parts(content) {
        const { card, evaluation, play, together } = content;
        this.together.show(together);
        return [
            stacked(storyElement(content), playPart(play), apartPart(card)),
            stacked(verdictsPart(evaluation), likedPart(card), this.together.element),
        ];
    }

    words() {
        if (this.content) {
            const { as_of: at, customers } = this.content;
            return t("persona.as_of", { at: dateTime(at), customers: number(customers) });
        }
        if (this.problem) return problemInWords(this.problem);
        const { content, problem } = get("personas") ?? {};
        if (content && !personaOf(this.segment)) return t("persona.nobody");
        return problem && !content ? noneInWords(problem) : t("empty.loading");
    }
}
