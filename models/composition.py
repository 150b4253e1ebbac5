"""What a base is made of, as tables: who is in which segment, who they are, what they buy.

    Survey ──► totals · segments kind by kind · attributes · labels bought ──► Table, Table, …

Every number is a whole-number sum over members, a mean of such sums rounded half up, or a share, rounded half
up to tenths of a per cent; so every way to write a table says the same. Nothing is divided by nobody: there
stands None. `models/composition_crossed.py` has the tables of two things at once.

Enters: a survey and the policy. Leaves: tables. Forbidden here: words for people, files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from models.daybook import DIMENSIONS
from models.membership import CLUSTER
from models.policy import Policy
from models.portrait import LabelSums, Portrait
from models.segments import ACCOUNTS, FLAG, LIFECYCLE, RULE, all_segments
from models.survey import MOVED_DAYS, Survey

Unit = Literal["segment", "value", "label", "month", "count", "share", "money", "hundredths"]
Naming = Literal["ours", "value", "segment", "months_later", "running"]
Rest = Literal["everybody", "none", "unknown", "others", "earlier", "before", ""]
Cell = str | int | float | None
Part = Literal["totals", "segments", "attributes", "bought", "cross", "retention", "movement"]

NAMES = frozenset({"segment", "value", "label", "month"})  # units of cells that name a row
SHARE = "share"  # how the name of a table of shares ends
MOST_ATTRIBUTES = 12  # that have tables: the best known
WINDOW_DAYS = 365
_BAND = re.compile(r"(under |below |up to |<=? ?)?[^\d\s]?(\d+)", re.IGNORECASE)


class Column(NamedTuple):
    """One column of a table.

    Attributes:
        name: None: what none of the other columns counts.
        unit: of its cells; money is minor units of the reporting currency, a share is 0 to 1, hundredths
            are of one, and a segment, value, label or month names the row.
        naming: what `name` is: a word of ours, an attribute's value, a segment, so many months later, or
            the month that is not over.
    """

    name: str | None
    unit: Unit
    naming: Naming = "ours"


class Of(NamedTuple):
    """What a table is of. Attributes may be called anything, so a name is never taken apart.

    Attributes:
        part: of the report.
        subject: a kind of segments, an attribute, or a dimension; empty where a part has one table alone.
        of_attribute: whether the subject is an attribute.
        is_share: whether it has shares of the rows of the table without them.
    """

    part: Part
    subject: str = ""
    of_attribute: bool = False
    is_share: bool = False

    @property
    def name(self) -> str:
        """Unique in a report.

        >>> Of("cross", "region", of_attribute=True, is_share=True).name
        'cross.region.share'
        """
        return ".".join(filter(None, (self.part, self.subject, SHARE if self.is_share else "")))


class Table(NamedTuple):
    """Rows, the first cell of which says what they are of.

    Attributes:
        of: what it is of.
        columns: as many as each row has cells.
        rows: in order. A first cell of None is what `rest` says.
        rest: everybody, none of these groups, unknown, all other labels, earlier months.
        others: how many labels a row of others stands for.
    """

    of: Of
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    rest: Rest = ""
    others: int = 0

    @property
    def name(self) -> str:
        """Unique in a report, such as `segments.lifecycle`."""
        return self.of.name


def half_up(part: int, whole: int) -> int | None:
    """A quotient rounded to a whole number, halves up; None: of nothing.

    >>> half_up(5, 2), half_up(-5, 2), half_up(1, 3), half_up(1, 0)
    (3, -2, 0, None)
    """
    return (2 * part + whole) // (2 * whole) if whole > 0 else None


def share(part: int, whole: int) -> float | None:
    """A part of a whole in tenths of a per cent; None: of nothing.

    >>> share(1, 3), share(1, 0)
    (0.333, None)
    """
    thousandths = half_up(1_000 * part, whole)
    return None if thousandths is None else thousandths / 1_000


def total(portrait: Portrait, name: str) -> int:
    """What a number adds up to, in its quanta."""
    return portrait.sums(name).total


def buyers(portrait: Portrait) -> int:
    """Who bought within a year."""
    return portrait.sums("average_order_value_365d").known


def kinds(survey: Survey, policy: Policy) -> dict[str, list[str]]:
    """Kind → its segments, in the order in which a reader expects them; rules come last.

    Kinds that are learned are there if anybody is in one of their groups; of clusters, those that there are.
    """
    met = {each for each in survey.segments if not each.startswith(ACCOUNTS)}
    named = dict.fromkeys((*all_segments(policy, None), *sorted(met, key=natural)))
    found: dict[str, list[str]] = {}
    for segment in named:
        found.setdefault(kind_of(segment), []).append(segment)
    ours = {LIFECYCLE, FLAG, RULE}
    kept = {kind: some for kind, some in found.items() if kind in ours or met.intersection(some)}
    for last in (CLUSTER, RULE):
        if last in kept:
            kept[last] = kept.pop(last)
    return kept


def kind_of(segment: str) -> str:
    """What stands before its name: lifecycle, flag, rfm.quintile, cluster, rule and so on."""
    return segment.partition("/")[0]


def natural(segment: str) -> tuple[str, int, str]:
    """What segments are sorted by: numbers as numbers."""
    kind, _, group = segment.partition("/")
    return kind, int(group) if group.isdecimal() else 0, group


def totals(survey: Survey) -> Table:
    """The base in one row."""
    base = survey.base
    bought, spent = total(base, "purchases_365d"), total(base, "spend_365d")
    units: tuple[tuple[str, Unit, Cell], ...] = (
        ("customers", "count", base.customers),
        ("ever_bought", "count", base.sums("silence_days").known),
        ("buyers_365d", "count", buyers(base)),
        ("purchases_365d", "count", bought),
        ("spend_365d", "money", spent),
        ("average_order_value_365d", "money", half_up(spent, bought)),
        ("spend_per_buyer_365d", "money", half_up(spent, buyers(base))),
        ("purchases_per_buyer_365d", "hundredths", half_up(100 * bought, buyers(base))),
    )
    columns = (Column("base", "segment"), *(Column(name, unit) for name, unit, _ in units))
    return Table(Of("totals"), columns, ((None, *(cell for _, _, cell in units)),), "everybody")


_WORTH = (
    Column("customers", "count"),
    Column("share", "share"),
    Column("spend_365d", "money"),
    Column("share_of_spend", "share"),
    Column("average_order_value_365d", "money"),
)


def _worth(customers: int, spent: int, bought: int, base: Portrait) -> tuple[Cell, ...]:
    """The cells of `_WORTH`."""
    return (
        customers,
        share(customers, base.customers),
        spent,
        share(spent, total(base, "spend_365d")),
        half_up(spent, bought),
    )


def segment_tables(survey: Survey, policy: Policy) -> Iterator[Table]:
    """A table for each kind of segment."""
    moved = tuple(Column(f"{name}_{MOVED_DAYS}d", "count") for name in ("entered", "left"))
    columns = (Column("segment", "segment"), *_WORTH, *moved)
    for kind, segments in kinds(survey, policy).items():
        rows = [_segment_row(survey, each) for each in segments]
        if kind not in {FLAG, RULE}:
            rows += _in_none(survey, segments)
        if rows:
            yield Table(Of("segments", kind), columns, tuple(rows), "none")


def _segment_row(survey: Survey, segment: str) -> tuple[Cell, ...]:
    portrait, moved = survey.segments.get(segment), survey.moved.get(segment, (0, 0))
    counted = (0, 0, 0) if portrait is None else _counted(portrait)
    return segment, *_worth(*counted, survey.base), *moved


def _counted(portrait: Portrait) -> tuple[int, int, int]:
    spent, bought = (total(portrait, name) for name in ("spend_365d", "purchases_365d"))
    return portrait.customers, spent, bought


def _in_none(survey: Survey, segments: Sequence[str]) -> Iterator[tuple[Cell, ...]]:
    """Who is in no group of a kind of which everybody can be in one."""
    known = [_counted(survey.segments[each]) for each in segments if each in survey.segments]
    left = _what_is_left(survey.base, known)
    if left[0]:
        yield None, *_worth(*left, survey.base), None, None


def _what_is_left(base: Portrait, known: Sequence[tuple[int, int, int]]) -> tuple[int, int, int]:
    sums = [sum(column) for column in zip(*known, strict=True)] or [0, 0, 0]
    customers, spent, bought = (
        whole - part for whole, part in zip(_counted(base), sums, strict=True)
    )
    return customers, spent, bought


def best_known(survey: Survey) -> list[str]:
    """Attributes with few values, the best known first; of equally known ones the age band."""
    base = survey.base
    known = {each: sum(base.words(each).values()) for each in base.attributes}
    there = [each for each, customers in known.items() if customers]
    return sorted(there, key=lambda each: (-known[each], each != "age_band", each))


def values_of(survey: Survey, attribute: str) -> dict[str, int]:
    """Value → customers: bands in the order of what they begin with, all else the most frequent first."""
    counts = survey.base.words(attribute)
    bands = [_BAND.match(each) for each in counts]
    if not all(bands):
        return counts
    starts = {each.string: (int(each[2]), not each[1], each.string) for each in bands if each}
    return {each: counts[each] for each in sorted(counts, key=starts.__getitem__)}


def attribute_tables(survey: Survey, wanted: Sequence[str] = ()) -> Iterator[Table]:
    """A table for each of the best known attributes, and those wanted."""
    shown = dict.fromkeys((*best_known(survey)[:MOST_ATTRIBUTES], *wanted))
    columns = (Column("value", "value"), *_WORTH)
    for attribute in shown:
        counts = _word_counts(survey, attribute)
        rows = [(value, *_worth(*counted, survey.base)) for value, counted in counts.items()]
        left = _what_is_left(survey.base, list(counts.values()))
        rows.append((None, *_worth(*left, survey.base)))
        of = Of("attributes", attribute, of_attribute=True)
        yield Table(of, columns, tuple(rows), "unknown")


def _word_counts(survey: Survey, attribute: str) -> Mapping[str, tuple[int, int, int]]:
    tabs = survey.crosstab
    return {
        value: (customers, tabs.spent_minor[attribute, value], tabs.purchases[attribute, value])
        for value, customers in values_of(survey, attribute).items()
    }


def label_tables(survey: Survey, top: int) -> Iterator[Table]:
    """A table for each dimension of what is bought: the largest in money, and the others together."""
    columns = (
        Column("label", "label"),
        Column("customers", "count"),
        Column("reach", "share"),
        Column("days", "count"),
        Column("spend", "money"),
        Column("share_of_spend", "share"),
    )
    for dimension in DIMENSIONS:
        found = survey.base.labels(dimension)
        if found:
            others = max(0, len(found) - top)
            rows = tuple(_label_rows(survey, found, top))
            yield Table(Of("bought", dimension), columns, rows, "others", others)


def _label_rows(
    survey: Survey, found: Mapping[bytes, LabelSums], top: int
) -> Iterator[tuple[Cell, ...]]:
    whole, reached = sum(each.spent_minor for each in found.values()), buyers(survey.base)
    ranked = list(found.items())
    for key, each in ranked[:top]:
        spent = each.spent_minor
        counted = each.customers, share(each.customers, reached), each.days
        yield name_of(survey, key), *counted, spent, share(spent, whole)
    if len(ranked) > top:
        spent = sum(each.spent_minor for _, each in ranked[top:])
        yield None, None, None, None, spent, share(spent, whole)


def name_of(survey: Survey, key: bytes) -> str:
    """What a label is called; its hash, if nobody knows."""
    return survey.names.get(key) or f"#{key[1:].hex()}"
