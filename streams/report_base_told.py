"""The report on a base as a value, and its tables in words: what every format of it has in common.

    Survey ──► BaseReport(tables, labels, notes) ──► report_base_text.py: JSON, Markdown, CSV
                                                 └─► report_base.py: HTML

Enters: a survey, the policy. Leaves: texts of titles, heads and cells in either language. Forbidden here: files,
working anything out of customers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from models.amounts import money
from models.calendar import iso_date
from models.composition import NAMES, Cell, Column, Table
from models.composition_crossed import composition
from models.policy import Policy
from models.segments import Label, label_of
from models.staying import STAY_DAYS
from models.survey import Moment, Survey
from models.whereabouts import UNKNOWN
from streams.report_base_words import WORDS, knows
from streams.report_html import Language

NOTHING = "—"
_SCHEMES = ("rfm", "value")
FEW_CUSTOMERS = 100
_LEARNED = ("segments.rfm.", "segments.cluster", "segments.tier", "segments.risk")


class Note(NamedTuple):
    """A sentence about the whole report: its key among the words, and what is put in."""

    key: str
    values: Mapping[str, object] = {}


class BaseReport(NamedTuple):
    """All that a report says.

    Attributes:
        moment: that it is of.
        tables: in order.
        labels: segment → its name for people.
        notes: in order.
        lines: segment → a sentence about it, if somebody has one.
    """

    moment: Moment
    tables: list[Table]
    labels: Mapping[str, Label]
    notes: list[Note]
    lines: Mapping[str, Label] = {}


def base_report(
    survey: Survey, moment: Moment, policy: Policy, *, by: str = "", top: int = 20
) -> BaseReport:
    """The report on a survey.

    Args:
        survey: of the base.
        moment: that it is of.
        policy: in force.
        by: see `composition`.
        top: likewise.

    Raises:
        UnknownAxis: there is nothing called as `by` is.
    """
    tables = composition(survey, moment, policy, by=by, top=top)
    named = {each for table in tables for each in _segments_in(table)}
    labels = {each: label_of(each, policy) for each in sorted(named)}
    return BaseReport(moment, tables, labels, list(_notes(survey, tables)))


def _segments_in(table: Table) -> Iterator[str]:
    for place, column in enumerate(table.columns):
        if column.naming == "segment" and column.name is not None:
            yield column.name
        if column.unit == "segment":
            yield from (str(row[place]) for row in table.rows if row[place] not in {None, UNKNOWN})


def _notes(survey: Survey, tables: list[Table]) -> Iterator[Note]:
    customers, names = survey.base.customers, [each.name for each in tables]
    if not customers:
        yield Note("note_nobody")
    elif customers < FEW_CUSTOMERS:
        yield Note("note_few", {"customers": customers})
    if not any(each.startswith("attributes.") for each in names):
        yield Note("note_no_attributes")
    if not any(each.startswith(_LEARNED) for each in names):
        yield Note("note_not_learned")
    yield Note("note_worth")
    yield Note("note_moved")
    if any(each.startswith("bought.") for each in names):
        yield Note("note_bought")
    if any(each.startswith("movement.") for each in names):
        yield Note("note_movement", {"days": STAY_DAYS})
    if "retention" in names:
        yield Note("note_retention")
    if survey.vocabulary.labels_left_out:
        yield Note("note_left_out", {"count": survey.vocabulary.labels_left_out})
    if survey.crosstab.pairs_left_out:
        yield Note("note_pairs_left_out")


class Wording:
    """A report's tables in the words of a language.

    Args:
        report: for the names of segments, and the currency.
        language: of the words.
    """

    def __init__(self, report: BaseReport, language: Language) -> None:
        self._report, self._place = report, 1 if language == "zh" else 0

    def says(self, key: str, **values: object) -> str:
        """A sentence or a word."""
        return WORDS[key][self._place].format_map(values)

    def notes(self) -> list[str]:
        """The notes of the report."""
        return [self.says(each.key, **each.values) for each in self._report.notes]

    def head(self) -> list[str]:
        """What the report is of."""
        moment = self._report.moment
        return [
            self.says("as_of", day=iso_date(moment.day), currency=moment.currency),
            self.says("under", policy=moment.policy, population=moment.population),
        ]

    def title(self, table: Table) -> str:
        """The name of a table.

        Words are looked for under the whole name first, then under its beginning with the rest put in.
        """
        if knows(table.name):
            return self.says(table.name)
        part, _, name = table.name.partition(".")
        scope, _, of = name.partition(".")
        if part == "cross":
            return self._cross(name)
        if part == "movement":
            return self._movement(name)
        if part == "segments" and of and knows(f"{part}.{scope}"):
            return self.says(f"{part}.{scope}", name=of)
        return self.says(part, name=self.name(name))

    def kind(self, kind: str) -> str:
        """The name of a kind of segments, as its own table has it."""
        return self.title(Table(f"segments.{kind}", (), ()))

    def _cross(self, name: str) -> str:
        by = name.removesuffix(".share")
        return self.says("cross" if by == name else "cross.share", name=self.name(by))

    def _movement(self, name: str) -> str:
        kind = name.removesuffix(".share")
        key = "movement" if kind == name else "movement.share"
        return self.says(key, name=self.kind(kind))

    def name(self, name: str) -> str:
        """An attribute, or a kind of segments."""
        if knows(f"name.{name}"):
            return self.says(f"name.{name}")
        if name.partition(".")[0] in _SCHEMES:
            return self.kind(name)
        flag = next((each for each in (f"flag/{name}", _rule(name)) if each in self._labels), None)
        return self.segment(flag) if flag else name.replace("_", " ")

    @property
    def _labels(self) -> Mapping[str, Label]:
        return self._report.labels

    def segment(self, segment: str) -> str:
        """A segment's name for people."""
        if segment == UNKNOWN:
            return self.says("not_kept")
        return self._labels[segment][self._place]

    def line(self, segment: str) -> str:
        """The sentence that somebody has about a segment."""
        return self._report.lines[segment][self._place]

    def column(self, table: Table, column: Column) -> str:
        """The head of a column; of money with the currency."""
        if column.name is None:
            return self.says("none" if self._by_segment(table) else "unknown")
        if column.naming == "segment":
            return self.segment(column.name)
        if column.naming == "value":
            return self._value(column.name)
        if column.naming == "ours":
            name, currency = self.says(column.name), self._report.moment.currency
            of_money = column.unit == "money"
            return self.says("in_currency", name=name, currency=currency) if of_money else name
        return self.says(column.naming, name=column.name)

    def _by_segment(self, table: Table) -> bool:
        return any(each.naming == "segment" for each in table.columns)

    def _value(self, value: str) -> str:
        known = {"true": "yes", "false": "no"}.get(value)
        return self.says(known) if known else value

    def cell(self, table: Table, column: Column, cell: Cell) -> str:
        """What stands in a cell."""
        if cell is None:
            return self._rest(table) if column.unit in NAMES else NOTHING
        if column.unit == "segment":
            return self.segment(str(cell))
        if column.unit == "value":
            return self._value(str(cell))
        return number(column, cell, self._report.moment.currency)

    def _rest(self, table: Table) -> str:
        return self.says(table.rest, count=f"{table.others:,}") if table.rest else NOTHING


def number(column: Column, cell: str | float, currency: str) -> str:
    """A number for people; a text as it is."""
    if isinstance(cell, str):
        return cell
    if column.unit == "share":
        return f"{cell:.1%}"
    if column.unit == "money":
        return money(cell, currency).rpartition(" ")[0]
    if column.unit == "hundredths":
        return f"{cell / 100:,.2f}"
    return f"{cell:,}"


def _rule(name: str) -> str:
    return f"rule/{name.removeprefix('segment.')}"
