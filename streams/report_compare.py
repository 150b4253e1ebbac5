"""The report of a comparison: charts, tables and examples, from its JSON.

Enters: the comparison as JSON. Leaves: an HTML file as text. Forbidden here: working anything out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from models.amounts import money
from streams.report_charts import bar_chart, line_chart
from streams.report_html import (
    Column,
    Html,
    Language,
    cards,
    charts,
    code,
    figure,
    folded,
    legend,
    page,
    paragraph,
    says,
    section,
    table,
    text,
)
from streams.show import printable
from streams.show_alerts import rate

NOTHING = "—"
KINDS = ("same_day", "earlier", "later", "missed", "new")
_LEGEND = (("line-strong", "A"), ("accent", "B"))


def compare_report(told: Mapping[str, Any], language: Language) -> str:
    """The whole file.

    Args:
        told: see `compared_as_json`.
        language: of the words; sentences about single customers are English.
    """
    return _Report(told, language).page()


class _Report:
    def __init__(self, told: Mapping[str, Any], language: Language) -> None:
        self._told, self._language = told, language
        self._money = partial(money, currency=told["currency"])

    def _says(self, key: str, **values: object) -> str:
        return says(key, self._language, values)

    def page(self) -> str:
        parts = [self._settings()]
        if self._told["differs"]:
            parts = [self._cards(), *parts, self._segments(), self._customers(), self._alerts()]
        parts.append(section(self._says("notes"), *map(paragraph, self._notes())))
        return page(self._says("title"), self._head(), parts, self._language)

    def _head(self) -> str:
        told = self._told
        parties = "".join(f"<div>{self._party(side).markup}</div>" for side in "ab")
        on = {"source": told["source"], "first": told["from"], "last": told["to"]}
        said = self._says("on", events=f"{told['events']:,}", **on)
        same = "" if told["differs"] else paragraph(self._same(), "same")
        return f'<div class="parties">{parties}</div>{paragraph(said)}{same}'

    def _party(self, side: str) -> Html:
        party = self._told[side]
        version = self._says("version", version=party["version"])
        return Html(_badge(side).markup + text(f"{party['name']}, {version}").markup)

    def _same(self) -> str:
        told = self._told
        alerts = sum(each["a"]["alerts"] for each in told["alerts"] if each["a"])
        return self._says(
            "same",
            segments=len(told["segments"]),
            customers=f"{told['customers']['looked_at']:,}",
            alerts=f"{alerts:,}",
        )

    def _cards(self) -> str:
        told, customers = self._told, self._told["customers"]
        differing = sum(each["differs"] for each in told["segments"])
        count = {"count": f"{customers['differing']:,}", "of": f"{customers['looked_at']:,}"}
        figures = [
            (
                self._says("elsewhere"),
                self._says("differing", **count),
                self._says("as_ended", day=told["to"]),
            ),
            (self._says("segments_differ"), f"{differing}", self._says("on_any_day")),
        ]
        if told["alerts"]:
            a, b = (self._sum(side, "alerts") for side in "ab")
            staked = (self._money(self._sum(side, "at_stake_minor")) for side in "ab")
            figures.append((self._says("alerts"), f"{a:,} → {b:,}", ""))
            figures.append((self._says("at_stake"), " → ".join(staked), self._says("at_stake_of")))
        return cards(figures)

    def _sum(self, side: str, key: str) -> int:
        return sum(each[side][key] for each in self._told["alerts"] if each[side])

    def _settings(self) -> str:
        title, settings = self._says("settings"), self._told["settings"]
        if not settings:
            return section(title, paragraph(self._says("no_settings")))
        columns = [Column(self._says("setting")), Column("A"), Column("B")]
        rows = [[_code(each["key"]), _code(each["a"]), _code(each["b"])] for each in settings]
        return section(title, table(title, columns, rows))

    def _segments(self) -> str:
        title = self._says("segments")
        differing = [each for each in self._told["segments"] if each["differs"]]
        same = len(self._told["segments"]) - len(differing)
        if not differing:
            return section(title, paragraph(self._says("all_same")))
        return section(
            title,
            legend(_LEGEND),
            charts(self._chart(each) for each in differing),
            f"<h3>{self._says('as_ended', day=self._told['to'])}</h3>",
            self._sizes(differing),
            paragraph(self._says("segments_same", count=same)),
        )

    def _chart(self, told: Mapping[str, Any]) -> str:
        name, then = self._name(told["label"]), told["largest"]
        numbers = {"a": f"{told['a']:,}", "b": f"{told['b']:,}", "day": then["day"]}
        most = {"a_then": f"{then['a']:,}", "b_then": f"{then['b']:,}"}
        said = self._says("chart_says", name=name, **numbers, **most)
        svg = line_chart(said, self._told["days"], told["series"]["a"], told["series"]["b"])
        return figure(name, told["segment"], svg)

    def _sizes(self, segments: Sequence[Mapping[str, Any]]) -> str:
        names = ("segment", "A", "B", "change", "largest", "a_then", "b_then", "change")
        columns = [
            Column(name if len(name) == 1 else self._says(name), place not in {0, 4})
            for place, name in enumerate(names)
        ]
        rows = [
            [
                self._name(each["label"]),
                *_numbers(each["a"], each["b"]),
                each["largest"]["day"],
                *_numbers(each["largest"]["a"], each["largest"]["b"]),
            ]
            for each in segments
        ]
        return table(self._says("segments_differ"), columns, rows)

    def _name(self, label: Mapping[str, str] | None) -> str:
        return NOTHING if label is None else label[self._language]

    def _customers(self) -> str:
        title, moves = self._says("customers"), self._told["customers"]["moves"]
        if not moves:
            return section(title, paragraph(self._says("nobody")))
        columns = [Column(self._says("under_a")), Column(self._says("under_b"))]
        columns.append(Column(self._says("customers_column"), is_number=True))
        rows = [[*self._move(each), f"{each['customers']:,}"] for each in moves]
        explained = (self._example(move, example) for move in moves for example in move["examples"])
        note = paragraph(self._says("customers_note"))
        return section(title, note, table(title, columns, rows), *explained)

    def _move(self, move: Mapping[str, Any]) -> tuple[str, str]:
        return self._name(move["labels"]["a"]), self._name(move["labels"]["b"])

    def _example(self, move: Mapping[str, Any], example: Mapping[str, Any]) -> str:
        summary = self._says(
            "for_example",
            move=" → ".join(self._move(move)),
            count=f"{move['customers']:,}",
            who=printable(example["customer_id"]),
            spent=self._money(example["net_spend_minor"]),
        )
        why = example["why"]
        sentences = [each.strip() for each in why["both"]]
        sentences += [f"{side.upper()}: {each.strip()}" for side in "ab" for each in why[side]]
        return folded(summary, sentences)

    def _alerts(self) -> str:
        title, rules = self._says("alert_rules"), self._told["alerts"]
        if not rules:
            return section(title, paragraph(self._says("no_rules")))
        return section(
            title,
            self._figures(rules),
            legend(_LEGEND),
            charts(self._weekly(each) for each in rules),
            f"<h3>{self._says('silences')}</h3>",
            paragraph(self._says("silences_note")),
            self._silences(rules),
        )

    def _figures(self, rules: Sequence[Mapping[str, Any]]) -> str:
        names = ("rule", "policy", "alerts_column", "a_week", "judged", "right", "silent", "lead")
        columns = [Column(self._says(name), place > 1) for place, name in enumerate(names)]
        columns.append(Column(self._says("at_stake"), is_number=True))
        rows = [
            [each["rule"], _badge(side), *self._figure(each[side])]
            for each in rules
            for side in "ab"
        ]
        return table(self._says("alert_rules"), columns, rows)

    def _figure(self, told: Mapping[str, Any] | None) -> list[str]:
        if told is None:
            return [NOTHING] * 7
        return [
            f"{told['alerts']:,}",
            f"{told['alerts_a_week']:,.1f}",
            f"{told['judged']:,}",
            rate(told["precision"]),
            _days(told["silence_days"]),
            _days(told["lead_days"]),
            self._money(told["at_stake_minor"]),
        ]

    def _weekly(self, told: Mapping[str, Any]) -> str:
        a, b = ([week[side]["alerts"] for week in told["weeks"]] for side in "ab")
        weeks = [each["week"] for each in told["weeks"]]
        counts = {"a": f"{sum(a):,}", "b": f"{sum(b):,}", "most": f"{max([*a, *b, 0]):,}"}
        said = self._says("weekly_says", rule=told["rule"], **counts)
        return figure(self._says("weekly", rule=told["rule"]), "", bar_chart(said, weeks, a, b))

    def _silences(self, rules: Sequence[Mapping[str, Any]]) -> str:
        names = ("rule", "kind", "alerts_column", "mean_days", "judged", "right", "still")
        columns = [Column(self._says(name), place > 1) for place, name in enumerate(names)]
        columns.append(Column(self._says("at_stake"), is_number=True))
        rows = [
            [each["rule"], self._says(kind), *self._silence(each["silences"][kind])]
            for each in rules
            for kind in KINDS
            if each["silences"][kind]["alerts"]
        ]
        return table(self._says("silences"), columns, rows)

    def _silence(self, told: Mapping[str, Any]) -> list[str]:
        judged, right = told["judged"], told["right"]
        return [
            f"{told['alerts']:,}",
            _days(told["mean_days"] or None),
            f"{judged:,}",
            f"{right:,} ({right / judged:.0%})" if judged else NOTHING,
            f"{told['still_silent']:,}" if told["still_silent"] else NOTHING,
            self._money(told["at_stake_minor"]),
        ]

    def _notes(self) -> Iterator[str]:
        for side in "ab":
            counts = sorted(self._told["unusable"][side].items())
            if counts:
                why = ", ".join(f"{count:,} {reason}" for reason, count in counts)
                yield self._says("note_unusable", side=side.upper(), why=why)
        if self._told["alerts"]:
            yield self._says("note_right")
            yield self._says("note_sent")
        yield self._says("note_learned")


def _badge(side: str) -> Html:
    return Html(f'<span class="side side-{side}">{side.upper()}</span>')


def _code(value: object) -> Html:
    return Html(NOTHING) if value is None else code(value)


def _numbers(a: int, b: int) -> tuple[str, str, str]:
    return f"{a:,}", f"{b:,}", f"{b - a:+,}" if a != b else "0"


def _days(days: float | None) -> str:
    return NOTHING if days is None else f"{days:.1f}"
