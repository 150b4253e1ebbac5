"""Draws the pictures of the documentation from the code and from kept figures.

    python tools/pictures.py            write docs/pictures/*.svg
    python tools/pictures.py --check    exit 1 if one is out of date

The figures are real: docs/pictures/figures.json is written by `tools/picture_figures.py`, the life of a
customer is folded as it is drawn, the lifecycle is the table of `models/lifecycle.py`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

from models.lifecycle import SILENT, TRANSITIONS, State
from models.policy import policy_from_preset
from streams.scenario import Scenario
from tools.svg import Drawing

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "pictures"
FIGURES = FOLDER / "figures.json"
COLOURS = ("new", "active", "dormant", "churned", "other", "prospect", "ink", "soft")
BOX_WIDTH, BOX_HEIGHT = 110, 40
PLACES: Mapping[State, tuple[float, float]] = {
    State.PROSPECT: (30, 60),
    State.NEW: (230, 60),
    State.ACTIVE: (470, 60),
    State.DORMANT: (350, 210),
    State.CHURNED: (620, 210),
}
# From and to where an arrow goes, and where its words stand: the middle of a word, right or left of it.
WAYS: Mapping[tuple[State, State], tuple[tuple[float, float], ...]] = MappingProxyType(
    {
        (State.PROSPECT, State.NEW): ((140, 80), (230, 80), (185, 72)),
        (State.NEW, State.ACTIVE): ((340, 80), (470, 80), (405, 72)),
        (State.NEW, State.DORMANT): ((285, 100), (372, 210), (285, 165)),
        (State.ACTIVE, State.DORMANT): ((497, 100), (415, 210), (425, 145)),
        (State.DORMANT, State.ACTIVE): ((450, 210), (532, 100), (557, 178)),
        (State.DORMANT, State.CHURNED): ((460, 235), (620, 235), (540, 253)),
        (State.CHURNED, State.ACTIVE): ((675, 210), (570, 100), (690, 150)),
    }
)


def lifecycle() -> Drawing:
    """The table of transitions."""
    drawing = Drawing(780, 280, "Five states of a customer, and what moves them")
    for state, (x, y) in PLACES.items():
        drawing.box(x, y, BOX_WIDTH, BOX_HEIGHT, state)
        drawing.text(x + BOX_WIDTH / 2, y + 25, state, state, "middle", 15)
    for (state, trigger), target in TRANSITIONS.items():
        if state is target:
            continue
        start, end, (x, y) = WAYS[state, target]
        drawing.path((start, end), arrow=True)
        words = "purchase: won back" if state in SILENT and trigger == "purchase" else trigger
        drawing.text(x, y, words.replace("_", " "), "soft", "middle", 12)
    drawing.text(285, 50, "purchases, overdue: a flag", "soft", "middle", 12)
    drawing.text(525, 50, "purchases, overdue: a flag", "soft", "middle", 12)
    return drawing


BOUGHT = ("2024-03-01", "2024-03-08", "2024-03-15", "2024-03-23", "2024-03-29", "2024-06-20")
FIRST, LAST = date(2024, 2, 26), date(2024, 7, 20)
LEFT, WIDE = 150, 600


def _x(day: date) -> float:
    return LEFT + WIDE * (day - FIRST).days / (LAST - FIRST).days


def life() -> Drawing:
    """One customer of a grocer, as folded: purchases, then silence, then a purchase."""
    shop = Scenario(policy_from_preset("grocery"))
    for day in BOUGHT:
        shop.purchase("ada", day, 25_00)
    shop.advance(to=LAST.isoformat())
    drawing = Drawing(
        780, 215, "One customer of a grocer: six purchases and the states between them"
    )
    drawing.text(20, 50, "purchases")
    for day in BOUGHT:
        drawing.dot(_x(date.fromisoformat(day)), 46, 5, "ink")
    drawing.text(20, 97, "state")
    told = shop.effects("ada", about="lifecycle")
    moves = {each.at.date(): each for each in told if each.before != each.after}
    _states(drawing, [(day, str(each.after), each.reason) for day, each in moves.items()])
    for each in told:
        if "+overdue" in str(each) and each.before == each.after:
            drawing.path(((_x(each.at.date()), 78), (_x(each.at.date()), 108)), "ink")
            drawing.text(_x(each.at.date()), 73, "overdue", "ink", "middle", 11)
    _months(drawing, 175)
    drawing.text(
        LEFT,
        203,
        "No event of hers came on those midnights: time itself is a record of the log.",
        "soft",
        size=12,
    )
    return drawing


def _states(drawing: Drawing, moves: list[tuple[date, str, str]]) -> None:
    for number, (day, state, reason) in enumerate(moves):
        end = moves[number + 1][0] if number + 1 < len(moves) else LAST
        drawing.bar(_x(day), 82, _x(end) - _x(day), 22, state)
        y = 124 if number % 2 == 0 else 142
        words = f"{state}, {day:%d %b}, by {reason}"
        if end == LAST:
            drawing.text(_x(LAST), y, words, state, "end", 12)
        else:
            drawing.text(_x(day), y, words, state, size=12)


def _months(drawing: Drawing, y: float) -> None:
    drawing.path(((LEFT, y - 12), (LEFT + WIDE, y - 12)), "rule")
    for month in range(3, 8):
        day = date(2024, month, 1)
        drawing.text(_x(day), y + 3, f"{day:%B}", "soft", size=12)


STEPS = (
    (20, "Kafka: the log", ("41  purchase, ada", "42  purchase, bert", "43  tick")),
    (
        285,
        "Redis: one script",
        ("states of ada, bert", "rows on their way out", "offset 43 and a nonce"),
    ),
    (550, "Kafka: changes", ("id = hash of customer,", "type and cause;", "no offset in it")),
)


def fence() -> Drawing:
    """What is written together, and what a death in between leads to."""
    drawing = Drawing(
        780, 270, "A worker reads, Redis takes states and offset in one script, a relay sends"
    )
    for x, title, lines in STEPS:
        drawing.box(x, 40, 210, 110, "soft")
        drawing.text(x + 12, 64, title)
        for number, line in enumerate(lines):
            drawing.text(x + 12, 90 + 20 * number, line, "soft", size=13)
    for x, who in ((257, "worker"), (522, "relay")):
        drawing.path(((x - 27, 95), (x + 28, 95)), arrow=True)
        drawing.text(x, 84, who, "ink", "middle", 12)
        drawing.path(((x, 102), (x, 172)), "churned", dashes="4 3")
    drawing.text(257, 190, "dies here, or is a zombie:", "churned", "middle", 13)
    drawing.text(257, 208, "another owner reads 41 again;", "soft", "middle", 13)
    drawing.text(257, 226, "the script refuses an old nonce", "soft", "middle", 13)
    drawing.text(585, 190, "dies here:", "churned", "middle", 13)
    drawing.text(585, 208, "the row is sent again, under the same id;", "soft", "middle", 13)
    drawing.text(585, 226, "who reads drops ids they have seen", "soft", "middle", 13)
    return drawing


def population(figures: Mapping[str, Any]) -> Drawing:
    """Silence of all customers, and where the fifths end."""
    bins, edges = figures["silence_bins"], figures["silence_edges"]
    title = f"Days of silence of {figures['customers']:,} households, {figures['as_of']}"
    drawing = Drawing(780, 300, title)
    drawing.text(20, 30, title)
    left, base, high = 60, 245, 170
    wide = 690 / len(bins)
    for place, count in enumerate(bins):
        height = high * count / max(bins)
        drawing.bar(left + place * wide + 1, base - height, wide - 2, height, "new")
    for number, edge in enumerate(edges):
        x = left + wide * (edge + 1) / 3
        drawing.path(((x, base), (x, 50 + 16 * number)), "churned", dashes="4 3")
        drawing.text(x + 3, 58 + 16 * number, f"R{5 - number} up to {edge} d", "churned", size=12)
    drawing.path(((left, base), (left + 690, base)), "rule")
    for day in range(0, 121, 30):
        words = f"{day} days" if day < 120 else "120 and more"
        drawing.text(
            left + wide * day / 3, base + 18, words, "soft", "middle" if day < 120 else "end", 12
        )
    drawing.text(
        left,
        285,
        f"Typical gap between two purchases: {figures['typical_gap_days']} days.",
        "soft",
        size=12,
    )
    drawing.text(52, base - high + 5, f"{max(bins):,}", "soft", "end", 12)
    return drawing


def clusters(figures: Mapping[str, Any]) -> Drawing:
    """A map of customers, in the two directions in which they differ most."""
    drawing = Drawing(
        780, 420, f"Clusters of {figures['customers']:,} households, {figures['as_of']}"
    )
    drawing.text(20, 30, drawing.title)
    points, found = figures["points"], figures["clusters"]
    colours = {each["id"]: COLOURS[place] for place, each in enumerate(found)}
    at = _scaled([(x, y) for x, y, _ in points], (30, 50, 440, 350))
    for x, y, cluster in points:
        drawing.dot(*at(x, y), 3, colours[cluster], 0.7)
    for place, each in enumerate(found):
        x, y = at(*each["at"])
        drawing.dot(x, y, 9, "ground")
        drawing.dot(x, y, 7, colours[each["id"]])
        top = 70 + 62 * place
        drawing.dot(500, top - 5, 6, colours[each["id"]])
        drawing.text(515, top, f"cluster {each['id']}: {each['customers']:,} households")
        for number, words in enumerate(_lines(each["says"], 40)):
            drawing.text(515, top + 17 + 15 * number, words, "soft", size=12)
    return drawing


def _scaled(
    points: list[tuple[float, float]], frame: tuple[float, float, float, float]
) -> Callable[[float, float], tuple[float, float]]:
    left, top, wide, high = frame
    (x0, x1), (y0, y1) = ((min(each), max(each)) for each in zip(*points, strict=True))
    return lambda x, y: (left + wide * (x - x0) / (x1 - x0), top + high * (y1 - y) / (y1 - y0))


def _lines(words: str, most: int) -> list[str]:
    lines = [""]
    for word in words.split():
        if len(lines[-1]) + len(word) > most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def risk(figures: Mapping[str, Any]) -> Drawing:
    """Predicted risk against who was lost."""
    score = figures["risk"]
    title = f"Predicted and actual: {score['customers']:,} households, horizon of their own"
    drawing = Drawing(780, 380, title)
    drawing.text(20, 30, title)
    left, base, side = 80, 320, 260
    drawing.path(((left, base - side), (left, base), (left + side, base)), "rule")
    drawing.path(((left, base), (left + side, base - side)), "soft", dashes="4 3")
    largest = max(customers for customers, _, _ in score["bins"])
    for customers, predicted, lost in score["bins"]:
        if customers:
            radius = 3 + 11 * (customers / largest) ** 0.5
            drawing.dot(left + side * predicted, base - side * lost, radius, "new", 0.85)
    for tenth in (0, 5, 10):
        drawing.text(left + side * tenth / 10, base + 18, f"{10 * tenth} %", "soft", "middle", 12)
        drawing.text(left - 8, base - side * tenth / 10 + 4, f"{10 * tenth} %", "soft", "end", 12)
    drawing.text(
        left + side / 2,
        base + 38,
        "predicted: buys nothing within the horizon",
        "soft",
        "middle",
        12,
    )
    drawing.text(left - 8, base - side - 14, "actual", "soft", "end", 12)
    said = (
        f"{score['lost']:,} of {score['customers']:,} bought nothing: {score['lost'] / score['customers']:.1%}",
        f"mean of what was predicted: {score['predicted']:.1%}",
        f"AUC {score['auc']:.3f}: a lost one had the higher risk so often",
        f"calibration error {100 * score['ece']:.1f} points",
        "A dot's area grows with the customers it stands for;",
        "on the dashed line prediction and outcome agree.",
    )
    for number, words in enumerate(said):
        drawing.text(400, 110 + 26 * number, words, "ink" if number < 4 else "soft", size=13)
    return drawing


def drawn() -> dict[str, str]:
    """Every picture, by the name of its file."""
    figures = json.loads(FIGURES.read_text("utf-8"))
    made = {
        "lifecycle": lifecycle(),
        "life": life(),
        "fence": fence(),
        "population": population(figures),
        "clusters": clusters(figures),
        "risk": risk(figures),
    }
    return {f"{name}.svg": each.svg() for name, each in made.items()}


def main(arguments: list[str]) -> int:
    """Write or check; answers the exit code."""
    stale = []
    for name, text in drawn().items():
        path = FOLDER / name
        if not path.exists() or path.read_text("utf-8") != text:
            stale.append(name)
            if "--check" not in arguments:
                path.write_text(text, "utf-8")
    if stale and "--check" in arguments:
        print(f"out of date: {', '.join(stale)}; run: make docs")
        return 1
    print(f"written: {', '.join(stale)}" if stale else "up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
