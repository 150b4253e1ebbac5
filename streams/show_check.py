"""Rules that were tried out, and segments, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from models.policy import Policy
from models.policy_segments import RuleSegment
from models.rule_facts import row_of
from models.rule_text import as_text, fact_text
from models.rule_tree import facts_of
from models.segments import ACCOUNTS, LIFECYCLE, RULE, label_of, rule_segment
from models.value_grid import GRID
from streams.checking import REMOVED, Tried
from streams.show import COLOURS, printable
from streams.show_grid import to_do_as_json

BAR_WIDTH = 20


def trial_as_json(
    results: Sequence[Tried], customers: int, policies: Mapping[str, Policy]
) -> dict[str, Any]:
    """All that was found.

    Args:
        results: rule by rule.
        customers: how many there are.
        policies: the `new` one, and the one `before`.
    """
    return {
        "customers": customers,
        "rules": [_tried_as_json(each, policies) for each in results],
    }


def _tried_as_json(tried: Tried, policies: Mapping[str, Policy]) -> dict[str, Any]:
    segment, policy = rule_segment(tried.name), _whose(tried, policies)
    return {
        "segment": segment,
        "label": label_of(segment, policy)._asdict(),
        "when": policy.segments[tried.name].when,
        "status": tried.status,
        "customers": tried.customers,
        "share": round(tried.share, 6),
        "accounts": tried.accounts,
        "before": tried.before,
        "entering": tried.entering,
        "leaving": tried.leaving,
        "entering_sample": list(tried.entering_ids),
        "leaving_sample": list(tried.leaving_ids),
        "overlaps": [
            {
                "segment": each.segment,
                "label": label_of(each.segment, policies["new"])._asdict(),
                "customers": each.customers,
                "share": round(each.share, 6),
            }
            for each in tried.overlaps
        ],
        "sample": [
            {
                "customer_id": each.customer_id,
                "conditions": [answer.as_json for answer in each.answers],
            }
            for each in tried.examples
        ],
    }


def trial_shown(
    results: Iterable[Tried], customers: int, policies: Mapping[str, Policy]
) -> RenderableType:
    """The same for people."""
    parts: list[RenderableType] = [Text(plural(customers, "customer"))]
    for each in results:
        parts += [Text(""), *_tried_lines(each, policies)]
    return Group(*parts)


def _tried_lines(tried: Tried, policies: Mapping[str, Policy]) -> Iterable[RenderableType]:
    segment, policy = rule_segment(tried.name), _whose(tried, policies)
    yield Text.assemble((label_of(segment, policy).en, "bold"), f"  {segment}, {tried.status}")
    yield Text(f"  when {_on_one_line(policy.segments[tried.name].when)}")
    if tried.status == REMOVED:
        yield Text(f"  now {tried.before:,}, all of them leave", style="yellow")
    else:
        accounts = f" and {plural(tried.accounts, 'account')}" if tried.accounts else ""
        whom = f"{plural(tried.customers, 'customer')}, {tried.share:.1%} of all{accounts}"
        yield Text(f"  {whom}; {_moves(tried)}")
    if tried.entering and tried.before:
        yield Text(f"  entering: {_some(tried.entering_ids, tried.entering)}")
    if tried.leaving:
        yield Text(f"  leaving: {_some(tried.leaving_ids, tried.leaving)}")
    if tried.overlaps:
        yield Text("  members are also in:")
        yield _overlaps(tried, policies["new"])
    for example in tried.examples:
        yield Text(f"  {printable(example.customer_id)}")
        for answer in example.answers:
            mark, style = ("✓", "green") if answer.holds else ("✗", "red")
            yield Text.assemble("    ", (mark, style), f" {answer.text}: {printable(answer.value)}")


def _moves(tried: Tried) -> str:
    if not tried.entering and not tried.leaving:
        return "nobody would move"
    return f"now {tried.before:,}, {tried.entering:,} would enter, {tried.leaving:,} leave"


def _some(ids: Sequence[str], of: int) -> str:
    more = f", … ({of:,} in all)" if of > len(ids) else ""
    return ", ".join(map(printable, ids)) + more


def _overlaps(tried: Tried, policy: Policy) -> Table:
    table = Table.grid(padding=(0, 2))
    for justify in ("left", "left", "right", "right"):
        table.add_column(justify=justify)
    for each in tried.overlaps:
        label = label_of(each.segment, policy).en
        table.add_row(
            Text(f"    {each.segment}"),
            Text(printable(label)),
            f"{each.customers:,}",
            f"{each.share:.1%}",
        )
    return table


def _whose(tried: Tried, policies: Mapping[str, Policy]) -> Policy:
    return policies["before" if tried.status == REMOVED else "new"]


def sizes_as_json(sizes: Mapping[str, int], policy: Policy) -> list[dict[str, Any]]:
    """All segments, with what part of all customers, or accounts, is in each."""
    return [
        {
            "segment": segment,
            "label": label_of(segment, policy)._asdict(),
            "size": size,
            "share": round(share_of(segment, sizes), 6),
        }
        for segment, size in sizes.items()
    ]


def segments_table(sizes: Mapping[str, int], policy: Policy) -> Table:
    """Segments with size, share and a bar: lifecycle states, rules, and others with anybody in them."""
    table = Table("segment", "", "customers", "share", "", box=None, pad_edge=False)
    for column in (2, 3):
        table.columns[column].justify = "right"
    table.columns[0].no_wrap = True
    for segment, size in sizes.items():
        kind, _, group = segment.removeprefix(ACCOUNTS).partition("/")
        if not size and kind not in {LIFECYCLE, RULE}:
            continue
        style = COLOURS.get(group, "") if kind == LIFECYCLE else ""
        share = share_of(segment, sizes)
        bar = Text("█" * round(BAR_WIDTH * share), style=style)
        label = label_of(segment, policy).en
        table.add_row(Text(segment, style=style), Text(label), f"{size:,}", f"{share:.1%}", bar)
    return table


def share_of(segment: str, sizes: Mapping[str, int]) -> float:
    """A segment's part of all people, or of all accounts: everybody is in one lifecycle state."""
    kind = f"{ACCOUNTS if segment.startswith(ACCOUNTS) else ''}{LIFECYCLE}/"
    everybody = sum(size for name, size in sizes.items() if name.startswith(kind))
    return sizes[segment] / everybody if everybody else 0.0


def segment_as_json(segment: str, sizes: Mapping[str, int], policy: Policy) -> dict[str, Any]:
    """One segment: what it is, and of a rule what it reads."""
    rule = _rule_of(segment, policy)
    told: dict[str, Any] = {
        "segment": segment,
        "label": label_of(segment, policy)._asdict(),
        "size": sizes[segment],
        "share": round(share_of(segment, sizes), 6),
    }
    kind, _, group = segment.removeprefix(ACCOUNTS).partition("/")
    if kind == GRID and policy.grid is not None:
        return {**told, "to_do": to_do_as_json(group, policy.grid)}
    if rule is None:
        return told
    tree = policy.rulebook.rules[segment.partition("/")[2]]
    return {
        **told,
        "description": rule.description,
        "when": rule.when,
        "rule": as_text(tree),
        "reads": [
            {"fact": fact_text(fact), "en": row_of(fact).en, "zh": row_of(fact).zh}
            for fact in facts_of(tree)
        ],
    }


def segment_shown(told: Mapping[str, Any]) -> RenderableType:
    """The same for people."""
    share = f"{plural(told['size'], 'customer')}, {told['share']:.1%} of all"
    lines: list[RenderableType] = [
        Text.assemble((told["label"]["en"], "bold"), f"  {told['segment']}"),
        Text(f"  {share}"),
        *_persona(told),
    ]
    if "to_do" in told:
        lines += [Text(f"  {name}: {each['en']}") for name, each in told["to_do"].items() if each]
    if "rule" not in told:
        return Group(*lines)
    if told["description"]:
        lines.append(Text(f"  {printable(told['description'])}"))
    lines.append(Text(f"  when {_on_one_line(told['when'])}"))
    if "segment" in told["when"]:  # what it names is put in its place
        lines.append(Text(f"  that is {told['rule']}"))
    lines.append(Text("  it reads:"))
    lines += [Text(f"    {each['fact']}: {each['en']}") for each in told["reads"]]
    return Group(*lines)


def _persona(told: Mapping[str, Any]) -> Iterator[Text]:
    if "persona" in told:
        yield Text(f"  {printable(told['persona']['en'])}")
    if told.get("play") and "to_do" not in told:
        yield Text(f"  to do: {printable(told['play']['action'])}")


def _rule_of(segment: str, policy: Policy) -> RuleSegment | None:
    kind, _, name = segment.removeprefix(ACCOUNTS).partition("/")
    return policy.segments.get(name) if kind == RULE else None


def plural(count: int, noun: str) -> str:
    """A number of things.

    >>> plural(1, "account"), plural(1_200, "customer")
    ('1 account', '1,200 customers')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
