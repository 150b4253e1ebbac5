"""What a page is looked at with: axe, and scripts that choose looks and find what is too wide."""

from __future__ import annotations

from importlib.resources import files

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
RULES = """async within => {
    const {violations} = await axe.run(within, {resultTypes: ["violations"]});
    return violations.map(({id, nodes}) => [id, nodes.map(({html}) => html.slice(0, 200))]);
}"""
CHOOSE = """async looks => {
    const {choose} = await import("/static/js/preferences.js");
    for (const [name, value] of Object.entries(looks)) choose(name, value);
    document.body.offsetWidth; // from here on colours are on their way
    await Promise.all(document.getAnimations().map(each => each.finished.catch(() => null)));
}"""
WIDER = """() => [...document.querySelectorAll("html, dialog[open], dialog[open] .dialog-body")]
    .filter(each => each.scrollWidth > each.clientWidth)
    .map(each => `${each.tagName} ${each.scrollWidth} > ${each.clientWidth}`)"""
