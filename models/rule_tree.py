"""The tree of a rule: conditions, joined by and, or and not.

Enters: what the parser of `models/rule_syntax.py` has read. Leaves: the nodes that a rule is
compiled and explained from, and the one error that every fault of a rule is told with. Forbidden
here: text and its grammar.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple, TypeAlias

Scalar: TypeAlias = bool | int | float | str
Value: TypeAlias = Scalar | tuple[Scalar, ...] | None


class Op(StrEnum):
    """How a fact is compared with a value."""

    LT = "<"
    LE = "<="
    EQ = "=="
    GE = ">="
    GT = ">"
    IN = "in"  # the fact is one of a tuple of values
    HAS = "has"  # one of the fact's comma-separated texts is the value
    KNOWN = "known"  # there is such a thing at all; the value is None


class Place(NamedTuple):
    """Where something stands in the text of a rule, in characters.

    Attributes:
        line: from 1.
        column: from 1.
    """

    line: int
    column: int


class Fact(NamedTuple):
    """What a condition reads.

    Attributes:
        name: a name of `models/rule_names.py` without its window, as "category.spend"; "rfm" for
            every RFM scheme.
        window_days: 30, 90 or 365 rolling customer-days; 0: all time, or a name without windows.
        of: the attribute, label, engagement type, scheme or segment that is meant.
    """

    name: str
    window_days: int = 0
    of: str = ""


class Condition(NamedTuple):
    """One fact compared with one value.

    `!=` and `not in` are `Not` of EQ and IN, `x == unknown` is `Not` of KNOWN, and a flag that
    stands alone is EQ True.

    Attributes:
        fact: what is read.
        op: how it is compared.
        value: as written: money in major units of the reporting currency, shares as 0 to 1.
        place: where the fact stands.
    """

    fact: Fact
    op: Op
    value: Value
    place: Place


class AllOf(NamedTuple):
    """Every one of at least two rules holds."""

    of: tuple[Rule, ...]


class AnyOf(NamedTuple):
    """One of at least two rules holds."""

    of: tuple[Rule, ...]


class Not(NamedTuple):
    """The rule does not hold."""

    of: Rule


Rule: TypeAlias = Condition | AllOf | AnyOf | Not


class RuleError(ValueError):
    """A rule can't be used; the message names the segment, the place and the way out.

    >>> print(RuleError("vip", Place(1, 9), "unknown segment 'vips'", "did you mean 'vip'?"))
    segments.vip.when, line 1, column 9: unknown segment 'vips'; did you mean 'vip'?
    """

    def __init__(self, segment: str, place: Place, problem: str, remedy: str) -> None:
        super().__init__(segment, place, problem, remedy)
        self.segment = segment
        self.line, self.column = place
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        where = f"segments.{self.segment}.when, line {self.line}, column {self.column}"
        return f"{where}: {self.problem}; {self.remedy}"


def conditions_of(rule: Rule) -> Iterator[Condition]:
    """All conditions of a rule, in order of appearance."""
    match rule:
        case Condition():
            yield rule
        case Not(of=inner):
            yield from conditions_of(inner)
        case AllOf(of=parts) | AnyOf(of=parts):
            for part in parts:
                yield from conditions_of(part)


def facts_of(rule: Rule) -> Iterator[Fact]:
    """What a rule reads: each distinct fact once, in order of appearance."""
    yield from dict.fromkeys(condition.fact for condition in conditions_of(rule))
