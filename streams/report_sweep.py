"""The report of a sweep: a curve for each rule, tables beside it, from its JSON.

Enters: the sweep as JSON. Leaves: an HTML file as text. Forbidden here: working anything out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from models.amounts import money
from streams.report_charts import curve_chart
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
from streams.show_sweep import varying

NOTHING = "—"
_AXES: Sequence[tuple[str, Callable[[Mapping[str, Any]], float | None]]] = (
    ("volume", lambda told: told["alerts_a_week"]),
    ("precision_axis", lambda told: told["precision"] and 100 * told["precision"]["value"]),
    ("lead_axis", lambda told: told["lead_days"]),
    ("silent_axis", lambda told: told["silence_days"]),
)


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
        title = self._says("sweep_rule", rule=rule)
        curves = charts(self._curve(name, rule, value) for name, value in _AXES)
        return section(title, curves, self._figures(title, rule))

    def _curve(
        self, name: str, rule: str, value: Callable[[Mapping[str, Any]], float | None]
    ) -> str:
        points, title = self._told["points"], self._says(name)
        labels = [str(each["value"]) for each in points]
        found = [each["alerts"].get(rule) for each in points]
        values = [None if each is None else value(each) for each in found]
        words = ", ".join(
            f"{label}: {NOTHING if each is None else f'{each:,.1f}'}"
            for label, each in zip(labels, values, strict=True)
        )
        said = self._says("curve_says", name=title, setting=self._told["key"], points=words)
        return figure(title, "", curve_chart(said, labels, values))

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
