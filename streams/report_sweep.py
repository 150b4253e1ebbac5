"""The report of a sweep: a curve for each rule, tables beside it, from its JSON.

Enters: the sweep as JSON. Leaves: an HTML file as text. Forbidden here: working anything out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from models.amounts import money
from streams.report_charts import Spot, curve_chart, trade_off_chart
from streams.report_html import (
    Cell,
    Column,
    Html,
    Language,
    charts,
    code,
    figure,
    page,
    paragraph,
    says,
    section,
    table,
    text,
)
from streams.show_alerts import rate
from streams.show_sweep import unmoved, varying

NOTHING = "—"
Measure = Callable[[Mapping[str, Any]], float | None]


def sweep_report(told: Mapping[str, Any], language: Language) -> str:
    """The whole file.

    Args:
        told: see `swept_as_json`.
        language: of the words.
    """
    return _Report(told, language).page()


class _Report:
    def __init__(self, told: Mapping[str, Any], language: Language) -> None:
        self._told, self._language = told, language

    def _says(self, key: str, **values: object) -> str:
        return says(key, self._language, values)

    def page(self) -> str:
        told = self._told
        on = {"source": told["source"], "first": told["from"], "last": told["to"]}
        head = paragraph(self._says("on", events=f"{told['events']:,}", **on)) + paragraph(
            self._says("sweep_points", count=len(told["points"]), name=told["name"])
        )
        parts = [self._rule(each) for each in told["rules"]]
        if not parts:
            parts = [section(self._says("alert_rules"), paragraph(self._says("sweep_none")))]
        notes = [paragraph(self._says(each)) for each in ("note_right", "note_sent")]
        parts += [self._segments(), section(self._says("notes"), *notes)]
        return page(self._says("sweep_title", setting=told["key"]), head, parts, self._language)

    def _rule(self, rule: str) -> str:
        title, same = self._says("sweep_rule", rule=rule), unmoved(self._told, rule)
        if same is not None:
            told = {"alerts": f"{same['alerts']:,}", "right": rate(same["precision"])}
            return section(title, paragraph(self._says("sweep_same", **told)))
        curves = charts(
            [
                self._trade_off("precision_axis", rule, _precision),
                self._trade_off("lead_axis", rule, _lead),
                self._volume(rule),
            ]
        )
        return section(title, curves, self._figures(title, rule))

    def _trade_off(self, name: str, rule: str, up: Measure) -> str:
        """What is gained against how many alerts it costs, over the values at which both are known."""
        found = [(str(each["value"]), each["alerts"].get(rule)) for each in self._told["points"]]
        spots = [
            Spot(value, told["alerts_a_week"], gain)
            for value, told in found
            if told is not None and (gain := up(told)) is not None
        ]
        words = ", ".join(f"{each.name}: {each.across:,.1f}, {each.up:,.1f}" for each in spots)
        title = self._says(name)
        told = {"name": title, "setting": self._told["key"], "points": words}
        said = self._says("trade_off_says", **told)
        return figure(title, self._says("by_volume"), trade_off_chart(said, spots))

    def _volume(self, rule: str) -> str:
        points, title = self._told["points"], self._says("volume")
        labels = [str(each["value"]) for each in points]
        found = [each["alerts"].get(rule) for each in points]
        values = [None if each is None else each["alerts_a_week"] for each in found]
        words = ", ".join(f"{label}: {each}" for label, each in zip(labels, values, strict=True))
        told = {"name": title, "setting": self._told["key"], "points": words}
        svg = curve_chart(self._says("curve_says", **told), labels, values)
        return figure(title, self._says("by_value"), svg)

    def _figures(self, title: str, rule: str) -> str:
        names = ("alerts_column", "a_week", "judged", "right", "silent", "lead", "at_stake")
        columns = [Column(self._told["key"])]
        columns += [Column(self._says(name), is_number=True) for name in names]
        rows: list[list[Cell]] = [
            [self._value(each), *self._figure(each["alerts"].get(rule))]
            for each in self._told["points"]
        ]
        return table(title, columns, rows)

    def _value(self, point: Mapping[str, Any]) -> Html:
        now = point["value"] == self._told["now"]
        mark = f" {text(self._says('now')).markup}" if now else ""
        return Html(f"{code(point['value']).markup}{mark}")

    def _figure(self, told: Mapping[str, Any] | None) -> list[str]:
        if told is None:
            return [NOTHING] * 7
        return [
            f"{told['alerts']:,}",
            f"{told['alerts_a_week']:,.1f}",
            f"{told['judged']:,}",
            rate(told["precision"]),
            *(
                NOTHING if told[each] is None else f"{told[each]:.1f}"
                for each in ("silence_days", "lead_days")
            ),
            money(told["at_stake_minor"], self._told["currency"]),
        ]

    def _segments(self) -> str:
        title, names = self._says("sweep_sizes"), varying(self._told)
        if not names:
            return section(title, paragraph(self._says("sweep_all_same")))
        points = self._told["points"]
        columns = [Column(self._says("segment"))]
        columns += [Column(str(each["value"]), is_number=True) for each in points]
        rows: list[list[Cell]] = [
            [name, *(f"{each['segments'][name]:,}" for each in points)] for name in names
        ]
        return section(title, table(title, columns, rows))


def _precision(told: Mapping[str, Any]) -> float | None:
    return None if told["precision"] is None else 100 * float(told["precision"]["value"])


def _lead(told: Mapping[str, Any]) -> float | None:
    return None if told["lead_days"] is None else float(told["lead_days"])
