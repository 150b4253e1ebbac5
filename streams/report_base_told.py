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
from models.composition import NAMES, SHARE, Cell, Column, Of, Table
from models.composition_crossed import composition
from models.plain_text import printable
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
    """A report's tables in the words of a language; nothing in them steers a terminal, or turns the way of writing.

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
        """The name of a table."""
        of = table.of
        if of.part == "segments":
            return self.kind(of.subject)
        if of.part == "bought":
            return self.says(f"bought.{of.subject}")
        key = f"{of.part}.{SHARE}" if of.is_share else of.part
        return self.says(key, name=self._subject(of))

    def _subject(self, of: Of) -> str:
        if of.of_attribute:
            return self._attribute(of.subject)
        if of.part == "cross":
            return self._axis(of.subject)
        return self.kind(of.subject) if of.subject else ""

    def kind(self, kind: str) -> str:
        """The name of a kind of segments, as its own table has it."""
        if knows(f"segments.{kind}"):
            return self.says(f"segments.{kind}")
        scheme, _, name = kind.partition(".")
        if scheme in _SCHEMES:
            return self.says(f"segments.{scheme}", name=name)
        return self.says("segments", name=kind.replace("_", " "))

    def _attribute(self, name: str) -> str:
        known = knows(f"name.{name}")
        return self.says(f"name.{name}") if known else printable(name.replace("_", " "))

    def _axis(self, kind: str) -> str:
        """A kind of segments, a flag or a rule that others are crossed with."""
        if knows(f"axis.{kind}"):
            return self.says(f"axis.{kind}")
        flag = next((each for each in (f"flag/{kind}", _rule(kind)) if each in self._labels), None)
        if flag:
            return self.segment(flag)
        return self.kind(kind) if kind.partition(".")[0] in _SCHEMES else kind.replace("_", " ")

    @property
    def _labels(self) -> Mapping[str, Label]:
        return self._report.labels

    def segment(self, segment: str) -> str:
        """A segment's name for people."""
        if segment == UNKNOWN:
            return self.says("not_kept")
        return printable(self._labels[segment][self._place])

    def line(self, segment: str) -> str:
        """The sentence that somebody has about a segment."""
        return printable(self._report.lines[segment][self._place])

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
        return self.says(known) if known else printable(value)

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
    """A number for people; a text, such as a label, as it may be shown."""
    if isinstance(cell, str):
        return printable(cell)
    if column.unit == "share":
        return f"{cell:.1%}"
    if column.unit == "money":
        return money(cell, currency).rpartition(" ")[0]
    if column.unit == "hundredths":
        return f"{cell / 100:,.2f}"
    return f"{cell:,}"


def _rule(name: str) -> str:
    return f"rule/{name.removeprefix('segment.')}"
