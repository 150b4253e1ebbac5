"""What a rule names of other segments: put in its place, and checked against the policy.

`segment["vip"]` becomes the rule of `vip`; `segment["lifecycle/active"]` and the like become the
condition that they are the name of.

Enters: parsed rules. Leaves: rules without names of segments, or a `RuleError`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import islice

from models.policy_grid import Grid, why_not_known
from models.rule_names import BY_NAME, LABELS, nearest
from models.rule_tree import AllOf, AnyOf, Condition, Fact, Not, Op, Rule, RuleError, conditions_of

MAX_CONDITIONS = 1_000  # of a rule with what it names
MAX_HEIGHT = 100  # the same; Python can go ten times as deep
_FLAGS = ("overdue", "won_back")
_GROUPED = ("lifecycle", "tier", "risk", "attachment", "grid", "stage")


def linked(rules: Mapping[str, Rule]) -> dict[str, Rule]:
    """Every rule with what it names in its place.

    Raises:
        RuleError: a segment that there is not, a ring of names, or a rule that grows too large.
    """
    done: dict[str, Rule] = {}
    for name in _named_first(rules):
        done[name] = _put_in(name, rules[name], rules, done)
        _refuse_too_much(name, rules[name], done[name])
    return {name: done[name] for name in rules}


def _named_first(rules: Mapping[str, Rule]) -> tuple[str, ...]:
    """All names, those that a rule names before its own."""
    named = {
        name: [each for each in map(_name_in, _links_of(rule)) if each in rules]
        for name, rule in rules.items()
    }
    try:
        return tuple(TopologicalSorter(named).static_order())
    except CycleError as error:
        raise _ring(rules, error.args[1]) from None


def _ring(rules: Mapping[str, Rule], found: Sequence[str]) -> RuleError:
    """`found`: each is named by the next; the first is the last again."""
    names = found[:0:-1]
    first = min(range(len(names)), key=lambda place: list(rules).index(names[place]))
    names = [*names[first:], *names[:first]]
    closing = next(each for each in _links_of(rules[names[-1]]) if _name_in(each) == names[0])
    ring = " → ".join((*names, names[0]))
    problem = f"a ring of segments: {ring}"
    return RuleError(names[-1], closing.place, problem, "take one out of it")


def _links_of(rule: Rule) -> Iterable[Condition]:
    return (each for each in conditions_of(rule) if each.fact.name == "segment")


def _name_in(link: Condition) -> str:
    return link.fact.of.removeprefix("rule/")


def _refuse_too_much(name: str, rule: Rule, put_in: Rule) -> None:
    """Rules that name each other twice over double with each: a page of them would fill memory."""
    link = next(iter(_links_of(rule)), None)
    if link is None:
        return
    problem = f"with what it names it has more than {MAX_CONDITIONS} conditions"
    for _ in islice(conditions_of(put_in), MAX_CONDITIONS, None):
        raise RuleError(name, link.place, problem, "name fewer segments")
    if _height(put_in) > MAX_HEIGHT:
        problem = f"with what it names it is nested more than {MAX_HEIGHT} deep"
        raise RuleError(name, link.place, problem, "name fewer segments, one of another")


def _height(rule: Rule) -> int:
    match rule:
        case Condition():
            return 1
        case Not(of=inner):
            return 1 + _height(inner)
        case AllOf(of=parts) | AnyOf(of=parts):
            return 1 + max(map(_height, parts))


def _put_in(owner: str, rule: Rule, rules: Mapping[str, Rule], done: Mapping[str, Rule]) -> Rule:
    match rule:
        case Not(of=inner):
            return Not(_put_in(owner, inner, rules, done))
        case AllOf(of=parts):
            return AllOf(tuple(_put_in(owner, each, rules, done) for each in parts))
        case AnyOf(of=parts):
            return AnyOf(tuple(_put_in(owner, each, rules, done) for each in parts))
        case Condition(fact=Fact(name="segment")):
            return _as_asked(rule, _named(owner, rule, rules, done))
        case Condition():
            return rule


def _as_asked(link: Condition, named: Rule) -> Rule:
    """Of a segment one is a member or not, and which of the two is always known."""
    values = link.value if isinstance(link.value, tuple) else (link.value,)
    if link.op is Op.KNOWN or set(values) == {True, False}:
        return AnyOf((named, Not(named)))
    return named if True in values else Not(named)


def _named(
    owner: str, link: Condition, rules: Mapping[str, Rule], done: Mapping[str, Rule]
) -> Rule:
    name = _name_in(link)
    if name in done:
        return done[name]
    other = _other_segment(name, link)
    if other is None:
        near = nearest(name, [*rules, *_other_names()])
        remedy = f'did you mean "{near}"?' if near else f"there are {_some(rules)}"
        raise RuleError(owner, link.place, f'unknown segment "{name}"', remedy)
    return other


def _other_segment(name: str, condition: Condition) -> Condition | None:
    """The condition that a segment of another kind is the name of."""
    kind, _, group = name.partition("/")
    fact, value = Fact(kind), group
    if kind == "flag" and group in _FLAGS:
        return condition._replace(fact=Fact(group), op=Op.EQ, value=True)
    if kind == "cluster" and group.isdecimal():
        return condition._replace(fact=fact, op=Op.EQ, value=int(group))
    if kind.startswith("rfm."):
        row, fact = BY_NAME.get(kind), Fact("rfm", of=kind.removeprefix("rfm."))
    elif kind.startswith("value.") and group:
        return condition._replace(
            fact=Fact("value", of=kind.removeprefix("value.")), op=Op.EQ, value=value
        )
    else:
        row = BY_NAME.get(kind) if kind in _GROUPED else None
    if row is None or group not in row.words:
        return None
    return condition._replace(fact=fact, op=Op.EQ, value=value)


def _other_names() -> Iterable[str]:
    yield from (f"flag/{each}" for each in _FLAGS)
    for kind, row in BY_NAME.items():
        if kind in _GROUPED or kind.startswith("rfm."):
            yield from (f"{kind}/{word}" for word in row.words)


def _some(rules: Mapping[str, Rule]) -> str:
    named = sorted(rules)
    return ", ".join(named[:6]) + (", …" if len(named) > 6 else "")


def checked(
    name: str,
    rule: Rule,
    schemes: Sequence[str],
    kept: Sequence[str],
    tiers: Mapping[str, Sequence[str]],
    grid: Grid | None = None,
) -> None:
    """Whether the policy keeps what a rule reads.

    Args:
        name: of the segment.
        rule: as it was parsed, names of other segments in their place.
        schemes: RFM schemes whose groups are kept.
        kept: dimensions of purchases whose labels are.
        tiers: value scheme → its tiers.
        grid: the value grid; None: there is none.

    Raises:
        RuleError: says what is not kept, and where to change that.
    """
    for each in conditions_of(rule):
        fact, dimension = each.fact, _dimension(each.fact)
        if fact.name == "rfm" and fact.of not in schemes:
            remedy = f'add "{fact.of}" to rfm.published'
            raise RuleError(name, each.place, f"groups of rfm.{fact.of} are not kept", remedy)
        if dimension is not None and dimension not in kept:
            remedy = f'add "{dimension}" to behaviour.kept, and run: segmenter rebuild'
            raise RuleError(name, each.place, f"the {dimension} of purchases is not kept", remedy)
        if fact.name == "value":
            _check_tier(name, each, tiers)
        if (fault := why_not_known(fact, grid)) is not None:
            raise RuleError(name, each.place, *fault)


def _dimension(fact: Fact) -> str | None:
    if fact.name in {"categories", "brands", "brand_loyalty"}:
        return "category" if fact.name == "categories" else "brand"
    owner = fact.name.partition(".")[0]
    return owner if owner in LABELS else None


def _check_tier(name: str, condition: Condition, tiers: Mapping[str, Sequence[str]]) -> None:
    scheme = condition.fact.of
    if scheme not in tiers:
        near = nearest(scheme, tiers)
        known = f"there are {', '.join(tiers)}" if tiers else "define one under [value.NAME]"
        remedy = f"did you mean value.{near}?" if near else known
        raise RuleError(name, condition.place, f"unknown value scheme '{scheme}'", remedy)
    wanted = condition.value if isinstance(condition.value, tuple) else (condition.value,)
    for each in wanted:
        if isinstance(each, str) and each not in tiers[scheme]:
            remedy = f"its tiers are {', '.join(tiers[scheme])}"
            raise RuleError(name, condition.place, f'value.{scheme} has no tier "{each}"', remedy)
