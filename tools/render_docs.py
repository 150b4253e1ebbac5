"""Renders the generated parts of the documentation from the code.

    python tools/render_docs.py            write them
    python tools/render_docs.py --check    exit 1 if one is out of date

Each part stands between `<!-- generated: NAME -->` and `<!-- end -->`; the pages about the contracts
(`tools/render_contracts.py`) are generated as a whole.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from models.events import Reason
from models.lifecycle import mermaid
from models.policy import policy_from_preset
from models.policy_grid import PRESETS as CARDS
from models.presets import PRESETS
from models.rule_names import CATALOGUE, FUNCTIONS, LABELS, NAMED, OWNERS
from models.value_grid import BY_NAME, FIELDS, LEVELS, field_at
from tools.render_contracts import contract_pages

ROOT = Path(__file__).resolve().parent.parent


def lifecycle_diagram() -> str:
    """The table of transitions as a diagram."""
    return f"```mermaid\n{mermaid()}\n```"


def preset_table() -> str:
    """Every preset with its limits and its reason."""
    lines = [
        "| preset | typical gap | new for | overdue | dormant | churned | why |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, preset in PRESETS.items():
        rules = policy_from_preset(name).lifecycle
        limits = [
            f"{each.cycles:g} × [{each.min_days:g}, {each.max_days:g}]; {each.fixed_days:g}"
            for each in (rules.overdue, rules.dormant, rules.churned)
        ]
        row = [
            f"`{name}`",
            f"{rules.prior_gap_days:g} d",
            f"{rules.new_days} d",
            *limits,
            preset.why,
        ]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def names_of_rules() -> str:
    """Everything that a rule can read."""
    lines = ["| name | windows | what | 含义 |", "| --- | --- | --- | --- |"]
    for row in CATALOGUE:
        owner, _, member = row.name.partition(".")
        if owner in LABELS[1:]:  # as those of the first
            continue
        windows = ", ".join(f"`_{days}d`" for days in row.windows if days)
        words = "" if not row.words or owner == "rfm" else f": {', '.join(row.words)}"
        lines.append(f"| `{_written(owner, member)}` | {windows} | {row.en}{words} | {row.zh} |")
    others = ", ".join(f"`{each}`" for each in LABELS[1:])
    return "\n".join([*lines, "", f"What `category` has, these have as well: {others}."])


def _written(owner: str, member: str) -> str:
    """As it is written in a rule."""
    if owner in OWNERS and member:
        return f'{owner}["NAME"].{member}'
    if owner in FUNCTIONS:
        return f"{owner}(profile.NAME)"
    if owner in NAMED and not member:
        return f'{owner}["NAME"]' if owner == "segment" else f"{owner}.NAME"
    return f"{owner}.{member}" if member else owner


def reasons() -> str:
    """Every reason that a dead letter may have."""
    return ", ".join(f"`{reason.value}`" for reason in Reason)


def grid_picture() -> str:
    """The nine fields where they stand."""
    wide = max(len(each.en) for each in FIELDS) + 4
    rule = f"            +{'+'.join('-' * wide for _ in LEVELS)}+"
    lines = ["```", "worth to us", rule]
    for worth in reversed(LEVELS):
        row = (BY_NAME[field_at(worth, attachment)].en for attachment in LEVELS)
        lines += [f"{worth:>10}  |{'|'.join(each.center(wide) for each in row)}|", rule]
    foot = "".join(each.center(wide + 1) for each in LEVELS)
    return "\n".join([*lines, f"             {foot.rstrip()}   attachment", "```"])


def grid_fields() -> str:
    """Every field with its action."""
    lines = [
        "| group | worth × attachment | field | 名称 | action | 建议动作 |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| `grid/{each.name}` | {each.worth} × {each.attachment} | {each.en} | {each.zh} | "
        f"{each.action} | {each.action_zh} |"
        for each in FIELDS
    ]
    return "\n".join(lines)


def grid_cards() -> str:
    """The score card of every preset."""
    lines = [
        "| preset | purchase days in a year | days since the first purchase | categories in a year | "
        "days since the last contact, at most |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, card in CARDS.items():
        steps = (", ".join(f"{step:,}" for step in row) for row in card.values())
        lines.append(f"| `{name}` | {' | '.join(steps)} |")
    return "\n".join(lines)


PARTS: Mapping[str, Mapping[str, Callable[[], str]]] = MappingProxyType(
    {
        "ARCHITECTURE.md": {"lifecycle": lifecycle_diagram},
        "docs/lifecycle.md": {"presets": preset_table},
        "docs/events.md": {"reasons": reasons},
        "docs/rules.md": {"names": names_of_rules},
        "docs/value-grid.md": {
            "picture": grid_picture,
            "fields": grid_fields,
            "cards": grid_cards,
        },
    }
)


def rendered(text: str, parts: Mapping[str, Callable[[], str]]) -> str:
    """`text` with each generated part put anew.

    Raises:
        ValueError: a part has no place in the text.
    """
    for name, render in parts.items():
        begin = f"<!-- generated: {name} -->\n"
        before, found, rest = text.partition(begin)
        _, ended, behind = rest.partition("<!-- end -->")
        if not found or not ended:
            raise ValueError(f"no place for the generated part {name!r}")
        text = f"{before}{begin}{render()}\n{ended}{behind}"
    return text


def main(arguments: list[str]) -> int:
    """Write or check; answers the exit code."""
    stale = []
    documents = {
        name: rendered((ROOT / name).read_text("utf-8"), parts) for name, parts in PARTS.items()
    }
    for name, after in {**documents, **contract_pages()}.items():
        path = ROOT / name
        if not path.exists() or path.read_text("utf-8") != after:
            stale.append(name)
            if "--check" not in arguments:
                path.write_text(after, "utf-8")
    if stale and "--check" in arguments:
        print(f"out of date: {', '.join(stale)}; run: make docs")
        return 1
    print(f"written: {', '.join(stale)}" if stale else "up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
