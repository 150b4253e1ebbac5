"""The lifecycle table, and how a cadence becomes limits."""

from __future__ import annotations

from itertools import product

import pytest

from models.cadence import cadence_days
from models.lifecycle import (
    DEADLINES,
    TRANSITIONS,
    IllegalTransition,
    Limits,
    State,
    Trigger,
    after,
    limits_for,
    mermaid,
)
from models.policy import policy_from_preset
from tests.support.story import GROCERY

GENERAL = policy_from_preset("general").lifecycle
FIXED = policy_from_preset("grocery", lifecycle={"mode": "fixed"}).lifecycle
FORBIDDEN = [pair for pair in product(State, Trigger) if pair not in TRANSITIONS]


@pytest.mark.parametrize(
    ("state", "trigger", "expected"),
    [
        ("prospect", "purchase", "new"),
        ("new", "purchase", "new"),
        ("new", "no_longer_new", "active"),
        ("new", "overdue", "new"),
        ("new", "dormant", "dormant"),
        ("active", "purchase", "active"),
        ("active", "overdue", "active"),
        ("active", "dormant", "dormant"),
        ("dormant", "purchase", "active"),
        ("dormant", "churned", "churned"),
        ("churned", "purchase", "active"),
    ],
)
def test_each_row_of_the_table(state: str, trigger: str, expected: str) -> None:
    assert after(State(state), Trigger(trigger)) == expected


def test_the_table_has_no_other_rows() -> None:
    assert len(TRANSITIONS) == 11
    assert len(FORBIDDEN) == 14


@pytest.mark.parametrize(("state", "trigger"), FORBIDDEN)
def test_any_other_pair_is_illegal_and_changes_nothing(state: State, trigger: Trigger) -> None:
    before = dict(TRANSITIONS)
    with pytest.raises(IllegalTransition, match=f"^{trigger} cannot happen to .* who is {state}$"):
        after(state, trigger)
    assert dict(TRANSITIONS) == before


def test_the_table_cannot_be_changed_at_run_time() -> None:
    with pytest.raises(TypeError):
        TRANSITIONS[State.CHURNED, Trigger.DORMANT] = State.DORMANT  # type: ignore[index]


def test_nobody_becomes_a_prospect_again_by_the_table() -> None:
    assert State.PROSPECT not in TRANSITIONS.values()


def test_on_the_same_midnight_the_graver_deadline_goes_first() -> None:
    assert DEADLINES[State.NEW] == (Trigger.DORMANT, Trigger.NO_LONGER_NEW, Trigger.OVERDUE)
    assert DEADLINES[State.ACTIVE] == (Trigger.DORMANT, Trigger.OVERDUE)
    assert DEADLINES[State.DORMANT] == (Trigger.CHURNED,)
    assert DEADLINES[State.CHURNED] == DEADLINES[State.PROSPECT] == ()


@pytest.mark.parametrize(
    ("cadence", "limits"),
    [
        (0.5, Limits(7, 14, 42)),  # everything at its lower bound
        (6.3, Limits(12, 25, 63)),  # 12.6, 25.2: only whole days count
        (10.0, Limits(20, 40, 100)),
        (11.2, Limits(22, 44, 112)),
        (100.0, Limits(28, 56, 112)),  # everything at its upper bound
    ],
)
def test_adaptive_limits_are_cycles_of_the_cadence_within_bounds(
    cadence: float, limits: Limits
) -> None:
    assert limits_for(cadence, GROCERY.lifecycle) == limits


def test_general_retail_allows_an_unknown_rhythm_its_longest_silences() -> None:
    assert limits_for(72.0, GENERAL) == Limits(90, 150, 270)


@pytest.mark.parametrize("cadence", [0.1, 6.3, 400.0])
def test_fixed_limits_are_the_same_for_everyone(cadence: float) -> None:
    assert limits_for(cadence, FIXED) == Limits(14, 28, 84)


@pytest.mark.parametrize(
    ("gaps", "span", "cadence"), [(0, 0, 6.0), (1, 30, 14.0), (2, 4, 4.0), (98, 196, 2.08)]
)
def test_own_gaps_outweigh_the_typical_one_as_they_grow_in_number(
    gaps: int, span: int, cadence: float
) -> None:
    assert cadence_days(6.0, gaps, span) == pytest.approx(cadence)


def test_the_diagram_is_drawn_from_the_table() -> None:
    lines = mermaid().splitlines()
    assert lines[0] == "stateDiagram-v2"
    assert "    churned --> active: purchase, won back" in lines
    assert "    dormant --> churned: churned" in lines
    drawn = {tuple(line.split(":")[0].split(" --> ")) for line in map(str.strip, lines[3:])}
    assert drawn == {(state.value, after.value) for (state, _), after in TRANSITIONS.items()}
