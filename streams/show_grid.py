"""Where a customer stands on the value grid and why, what is to be done, and what sales say.

Enters: a customer as of a moment, the policy. Leaves: JSON, sentences; nothing, where the policy has no
grid. Forbidden here: printing.
"""

from __future__ import annotations

from typing import Any

from models.attached import budget_minor
from models.calendar import day_of
from models.policy import Policy
from models.policy_grid import Grid
from models.rule_tree import Fact
from models.segments import label_of, named
from models.sight import Sight
from models.stages import STAGE, said_of, verdict
from models.value_grid import (
    ATTACHMENT,
    BY_NAME,
    GRID,
    Scored,
    score_card,
    told_to_do,
    worth_level,
)
from streams.lookup import Found
from streams.messages import rfc3339

YEAR = Fact("wallet_share", 365)
_ROWS = {
    "purchase_days": "purchase days within a year",
    "tenure_days": "days since the first purchase",
    "categories": "categories within a year",
    "contact_days": "days since the last purchase or engagement",
}


def grid_as_json(found: Found, policy: Policy) -> dict[str, Any]:
    """`value_grid`, as the API and `customer get --json` have it; empty without a grid."""
    grid = policy.grid
    if grid is None:
        return {}
    groups, sight = found.state.groups, _sight(found, policy)
    share, budget = sight.read(YEAR), budget_minor(sight)
    field = groups.get(GRID)
    return {
        "value_grid": {
            "field": field,
            "label": None if field is None else label_of(named(GRID, field))._asdict(),
            "worth": worth_level(groups, policy, grid) if ATTACHMENT in groups else None,
            "attachment": _attachment_as_json(found, sight, grid),
            "to_do": None if field is None else to_do_as_json(field, grid),
            "wallet_share_365d": round(share, 4) if isinstance(share, float) else None,
            "yearly_budget_minor": None if budget is None else round(min(budget, 2.0**53)),
            "stage": stage_as_json(found, grid),
        }
    }


def _sight(found: Found, policy: Policy) -> Sight:
    return Sight(found.state, day_of(found.as_of_ms, policy.timezone), policy)


def _attachment_as_json(found: Found, sight: Sight, grid: Grid) -> dict[str, Any] | None:
    level = found.state.groups.get(ATTACHMENT)
    if level is None:
        return None
    card = score_card(sight, grid.attachment)
    return {
        "level": level,
        "points": sum(each.points for each in card),
        "most": grid.attachment.most,
        "rows": [each._asdict() for each in card],
    }


def to_do_as_json(field: str, grid: Grid) -> dict[str, Any]:
    """What is to be done about a field; null where nobody has said so."""
    told = told_to_do(field, grid)
    pairs = {
        "action": (told.action, told.action_zh),
        "goal": (told.goal, told.goal_zh),
        "owner": (told.owner, told.owner_zh),
    }
    return {name: {"en": en, "zh": zh} if en or zh else None for name, (en, zh) in pairs.items()}


def stage_as_json(found: Found, grid: Grid) -> dict[str, Any] | None:
    """What sales say beside what is observed; None: they say nothing.

    `since` is the later of the two moments: so long at most have they stood as they stand.
    """
    said, state = said_of(found.state, grid), found.state
    if said is None:
        return None
    observed = state.standing.lifecycle.value
    return {
        "said": said.word,
        "means": said.means,
        "said_at": rfc3339(said.at_ms),
        "observed": observed,
        "observed_since": rfc3339(state.lifecycle_since_ms),
        "verdict": verdict(said.means, observed),
        "since": rfc3339(max(said.at_ms, state.lifecycle_since_ms)),
    }


def grid_lines(found: Found, policy: Policy) -> list[str]:
    """A few lines of a customer's card."""
    told = grid_as_json(found, policy).get("value_grid")
    if told is None:
        return []
    lines = []
    attachment = told["attachment"]
    if attachment is not None:
        worth = f"{told['worth']} worth" if told["worth"] else "worth not known yet"
        where = f"{told['label']['en']}: " if told["label"] else ""
        lines.append(
            f"{where}{worth}, {attachment['level']} attachment "
            f"({attachment['points']} of {attachment['most']} points)"
        )
    if told["to_do"] is not None:
        lines.append(f"to do: {_to_do_line(told['to_do'])}")
    if told["wallet_share_365d"] is not None:
        lines.append(f"spends {told['wallet_share_365d']:.0%} of their yearly budget here")
    return lines + _stage_lines(told["stage"])


def _to_do_line(to_do: dict[str, Any]) -> str:
    also = [to_do[name]["en"] for name in ("goal", "owner") if to_do[name]]
    action: str = to_do["action"]["en"]
    return f"{action} ({', '.join(also)})" if also else action


def _stage_lines(stage: dict[str, Any] | None) -> list[str]:
    if stage is None:
        return []
    word = stage["said"] if stage["said"].isprintable() else ascii(stage["said"])
    means = "" if stage["means"] in {None, word} else f" ({stage['means']})"
    label = label_of(named(STAGE, stage["verdict"])).en.lower()
    return [f"sales say {word}{means} since {stage['said_at'][:10]}: {label}"]


def grid_explained(found: Found, policy: Policy) -> list[str]:
    """Why a customer stands where they stand on the grid, row by row; and what sales say."""
    grid = policy.grid
    if grid is None:
        return []
    groups, lines = found.state.groups, []
    if ATTACHMENT in groups:
        sight, card = _sight(found, policy), grid.attachment
        rows = score_card(sight, card)
        points = sum(each.points for each in rows)
        lines.append(
            f"Attachment: {points} of {card.most} points, {groups[ATTACHMENT]} (medium from "
            f"{card.medium_from}, high from {card.high_from})."
        )
        lines += [f"  - {_row_line(each)}" for each in rows]
    if GRID in groups:
        field = BY_NAME[groups[GRID]]
        lines.append(
            f"Value grid: {field.worth} worth and {field.attachment} attachment make {field.en}."
        )
    return lines + [
        f"{each[0].upper()}{each[1:]}." for each in _stage_lines(stage_as_json(found, grid))
    ]


def _row_line(row: Scored) -> str:
    value = "not known" if row.value is None else f"{row.value:,}"
    return f"{_ROWS[row.name]}: {value}, {row.points} of {row.most}"
