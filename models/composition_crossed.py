"""What a base is made of by two things at once: segment × attribute, cohort × month, before × after.

    Survey ──► cross tables by an `Axis` · retention · movement ──► Table, Table, …

Enters: a survey, the moment it is of, the policy. Leaves: tables (`models/composition.py`). Forbidden here:
words for people, files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from models.composition import (
    SHARE,
    Cell,
    Column,
    Naming,
    Of,
    Table,
    Unit,
    attribute_tables,
    best_known,
    kind_of,
    kinds,
    label_tables,
    natural,
    segment_tables,
    share,
    totals,
    values_of,
)
from models.policy import Policy
from models.portrait import MAX_VALUES, Portrait
from models.retention import Retention, exact_months, month_name
from models.rule_names import nearest
from models.segments import FLAG, FLAGS, LIFECYCLE, RULE
from models.survey import Moment, Survey
from models.whereabouts import NOWHERE, UNKNOWN

DEFAULT_AXES = 2
MOST_COHORTS = 24  # told month by month; those before are put together
MOST_MONTHS_LATER = 24
PROFILE, SEGMENT = "profile.", "segment."
_COUNTED: tuple[Unit, ...] = ("count", "share")


class UnknownAxis(ValueError):
    """Nothing by which a base can be counted has that name; says what there is."""


class Axis(NamedTuple):
    """What a base is counted by.

    Attributes:
        name: of the attribute, or of the kind of segments.
        values: of the attribute, the most frequent first; or segments, of which a customer is in one at most.
        by_segment: whether they are segments.
    """

    name: str
    values: tuple[str, ...]
    by_segment: bool


def composition(
    survey: Survey, moment: Moment, policy: Policy, *, by: str = "", top: int = 20
) -> list[Table]:
    """All tables of a report.

    Args:
        survey: of the base.
        moment: that it is of.
        policy: in force.
        by: what segments are crossed with; empty: the best known attributes, or the lifecycle.
        top: so many labels of a dimension are told one by one.

    Raises:
        UnknownAxis: there is nothing called so.
    """
    axes = [axis_named(by, survey, policy)] if by else default_axes(survey, policy)
    wanted = [each.name for each in axes if not each.by_segment]
    return [
        totals(survey),
        *segment_tables(survey, policy),
        *attribute_tables(survey, wanted),
        *label_tables(survey, top),
        *(table for axis in axes for table in cross_tables(survey, policy, axis)),
        *retention_tables(survey.retention, moment.day),
        *movement_tables(survey, policy),
    ]


def default_axes(survey: Survey, policy: Policy) -> list[Axis]:
    """The best known attributes of more than one value; if none is known, the lifecycle.

    Beside an attribute `x` there is no `x.share`: its table would have the name of that of `x`'s shares.
    """
    base = survey.base
    telling = [each for each in best_known(survey) if len(base.words(each)) > 1]
    apart = [each for each in telling if each.removesuffix(f".{SHARE}") not in {*telling} - {each}]
    found = [_of_attribute(each, survey) for each in apart[:DEFAULT_AXES]]
    return found or [axis_named(LIFECYCLE, survey, policy)]


def _of_attribute(name: str, survey: Survey) -> Axis:
    return Axis(name, tuple(values_of(survey, name)), by_segment=False)


def axis_named(by: str, survey: Survey, policy: Policy) -> Axis:
    """What a name means: `age_band`, `profile.region`, `lifecycle`, `rfm.quintile`, `segment.vip`.

    Raises:
        UnknownAxis: nothing; says what is near, and what there is.
    """
    segments = _kinds_crossed(survey, policy)
    known = best_known(survey)
    short = by.removeprefix(PROFILE)
    attribute = next((each for each in (short, by) if each in known), short)
    if by in segments:
        met = [each for each in segments[by] if each in survey.segments]
        return Axis(by, tuple(met or segments[by]), by_segment=True)
    if attribute in known:
        return _of_attribute(attribute, survey)
    if attribute in survey.vocabulary.values and not survey.vocabulary.tells_apart(attribute):
        raise UnknownAxis(f"{by!r:.60} has more than {MAX_VALUES} values: too many to be columns")
    there = [*(each if each == "age_band" else PROFILE + each for each in best_known(survey))]
    there += segments
    near = nearest(by, [*there, *(each.removeprefix(PROFILE) for each in there)])
    hint = f"did you mean {near}? " if near else ""
    raise UnknownAxis(
        f"nothing is known of customers that is called {by!r:.60}; {hint}there are: {', '.join(there)}"
    )


def _kinds_crossed(survey: Survey, policy: Policy) -> dict[str, list[str]]:
    """Kinds of which a customer is in one at most; each flag and each rule is a kind of its own."""
    found = kinds(survey, policy)
    rules = found.pop(RULE, [])
    found.pop(FLAG, None)
    found.update({flag: [f"{FLAG}/{flag}"] for flag in FLAGS})
    found.update({SEGMENT + each.removeprefix(f"{RULE}/"): [each] for each in rules})
    return found


class _Crossed(NamedTuple):
    """Who is in a segment, by the values of an axis; the last count is of all who have none of them."""

    segment: str | None
    customers: int
    counts: tuple[int, ...]


def cross_tables(survey: Survey, policy: Policy, axis: Axis) -> Iterator[Table]:
    """Segments down, an axis across: customers, and shares of each row."""
    rows = list(_crossed(survey, policy, axis))
    counts = tuple((each.segment, each.customers, *each.counts) for each in rows)
    shares = tuple(
        (each.segment, each.customers, *(share(count, each.customers) for count in each.counts))
        for each in rows
    )
    yield _cross_table(axis, "count", counts)
    yield _cross_table(axis, "share", shares)


def _cross_table(axis: Axis, unit: Unit, rows: tuple[tuple[Cell, ...], ...]) -> Table:
    naming: Naming = "segment" if axis.by_segment else "value"
    across = (Column(each, unit, naming) for each in (*axis.values, None))
    columns = (Column("segment", "segment"), Column("customers", "count"), *across)
    of = Of("cross", axis.name, not axis.by_segment, unit == "share")
    return Table(of, columns, rows, "everybody")


def _crossed(survey: Survey, policy: Policy, axis: Axis) -> Iterator[_Crossed]:
    """Everybody, then each segment that somebody is in and that is not of the axis itself."""
    yield _row(survey, axis, None, survey.base)
    for segment in (each for some in kinds(survey, policy).values() for each in some):
        portrait = survey.segments.get(segment)
        if portrait is not None and not (axis.by_segment and segment in axis.values):
            yield _row(survey, axis, segment, portrait)


def _row(survey: Survey, axis: Axis, segment: str | None, portrait: Portrait) -> _Crossed:
    if not axis.by_segment:
        known = portrait.words(axis.name)
        counts = [known.get(value, 0) for value in axis.values]
    elif segment is None:
        found = (survey.segments.get(each) for each in axis.values)
        counts = [each.customers if each else 0 for each in found]
    else:
        counts = [survey.crosstab.both(segment, each) for each in axis.values]
    return _Crossed(segment, portrait.customers, (*counts, portrait.customers - sum(counts)))


class _Cohort(NamedTuple):
    """Those who first bought in a month.

    Attributes:
        month: None: those before the ones that are told month by month.
        customers: how many.
        later: so many months later → who bought; None: not known, or not over.
        running: who bought in the month that is not over.
    """

    month: int | None
    customers: int
    later: tuple[int | None, ...]
    running: int


def retention_tables(retention: Retention, day: int) -> Iterator[Table]:
    """Cohorts by month: who bought so many months later, and which share of the cohort.

    Args:
        retention: of a survey.
        day: the one shown, ordinal.
    """
    *over, running = exact_months(day)
    recent = sorted(each for each, customers in retention.cohorts.items() if customers)
    told = recent[-MOST_COHORTS:]
    months = sorted({month - each for month in over for each in told if month >= each})
    months = [each for each in months if each < MOST_MONTHS_LATER]
    cohorts = list(_cohorts(retention, told, months, set(over), running))
    if before := recent[:-MOST_COHORTS]:
        customers = sum(retention.cohorts[each] for each in before)
        bought = sum(retention.bought[each, running] for each in before)
        cohorts.insert(0, _Cohort(None, customers, (None,) * len(months), bought))
    if cohorts:
        yield _retention_table("count", months, running, _bought(cohorts))
        yield _retention_table("share", months, running, _kept(cohorts))


def _cohorts(
    retention: Retention, told: Sequence[int], months: Sequence[int], over: set[int], running: int
) -> Iterator[_Cohort]:
    for cohort in told:
        later = (
            retention.bought[cohort, cohort + each] if cohort + each in over else None
            for each in months
        )
        bought = retention.bought[cohort, running]
        yield _Cohort(cohort, retention.cohorts[cohort], tuple(later), bought)


def _bought(cohorts: Sequence[_Cohort]) -> Iterator[tuple[Cell, ...]]:
    for each in cohorts:
        yield _month(each), each.customers, *each.later, each.running


def _kept(cohorts: Sequence[_Cohort]) -> Iterator[tuple[Cell, ...]]:
    for each in cohorts:
        counts = (*each.later, each.running)
        shares = (None if count is None else share(count, each.customers) for count in counts)
        yield _month(each), each.customers, *shares


def _month(cohort: _Cohort) -> str | None:
    return None if cohort.month is None else month_name(cohort.month)


def _retention_table(
    unit: Unit, months: Sequence[int], running: int, rows: Iterator[tuple[Cell, ...]]
) -> Table:
    later = (Column(str(each), unit, "months_later") for each in months)
    columns = (
        Column("cohort", "month"),
        Column("customers", "count"),
        *later,
        Column(month_name(running), unit, "running"),
    )
    of = Of("retention", is_share=unit == "share")
    return Table(of, columns, tuple(rows), "earlier")


def movement_tables(survey: Survey, policy: Policy) -> Iterator[Table]:
    """Of each kind of which everybody is in one segment: where people were, and where they are now.

    Rows are of those who were there at the first moment of the customer-day thirty days ago; `UNKNOWN` is of
    those of whom it is not kept any more.
    """
    ordered = kinds(survey, policy)
    found: dict[str, Mapping[tuple[str, str], int]] = {}
    for flows in survey.staying.flows.values():
        counted = {flow: count for flow, count in flows.items() if count}
        kind = next((kind_of(each) for flow in counted for each in flow if "/" in each), RULE)
        if any(before != UNKNOWN for before, _ in counted):
            found[kind] = counted
    for kind in (each for each in ordered if each in found and each not in {FLAG, RULE}):
        yield from _movement(kind, ordered[kind], found[kind])


def _movement(
    kind: str, ordered: Sequence[str], flows: Mapping[tuple[str, str], int]
) -> Iterator[Table]:
    then, now = ({flow[side] for flow in flows} for side in (0, 1))
    gone = sorted((then | now) - {*ordered, NOWHERE, UNKNOWN}, key=natural)
    befores = [each for each in (*ordered, *gone, NOWHERE, UNKNOWN) if each in then]
    afters = [each for each in (*ordered, *gone, NOWHERE) if each in now]
    rows = [[flows.get((before, after), 0) for after in afters] for before in befores]
    heads = [before or None for before in befores]
    for unit in _COUNTED:
        columns = (Column(each or None, unit, "segment") for each in afters)
        told = (
            (head, sum(row), *(row if unit == "count" else (share(each, sum(row)) for each in row)))
            for head, row in zip(heads, rows, strict=True)
        )
        first = Column("before", "segment"), Column("customers", "count")
        of = Of("movement", kind, is_share=unit == "share")
        yield Table(of, (*first, *columns), tuple(told), "none")
