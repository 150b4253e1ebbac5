"""Relationship stages: what sales write of a customer, beside what purchases show.

    "Partner" ──► what it means: active ──┐
                                          ├──► agrees, ahead, behind
    lifecycle observed: dormant ──────────┘

Sales are *ahead* if they believe in more of a relationship than purchases show, *behind* if in less.

Enters: a state, the grid's section of the policy. Leaves: what sales say, and whether it agrees.
Forbidden here: the day; what follows from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from models.customer import CustomerState
    from models.policy_grid import Grid

STAGE = "stage"
AGREES, AHEAD, BEHIND, UNKNOWN_WORD = STAGES = ("agrees", "ahead", "behind", "unknown_word")
DISAGREE = (AHEAD, BEHIND, UNKNOWN_WORD)
# Lifecycle states by how much of a relationship there is now. Who is lost has less of one than who never bought:
# they have decided.
ORDER = ("churned", "prospect", "dormant", "new", "active")
LABELS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        f"{STAGE}/{AGREES}": ("Sales and purchases agree", "销售阶段与实际一致"),
        f"{STAGE}/{AHEAD}": ("Sales ahead of purchases", "销售阶段高于实际"),
        f"{STAGE}/{BEHIND}": ("Sales behind purchases", "销售阶段低于实际"),
        f"{STAGE}/{UNKNOWN_WORD}": ("Stage in an unknown word", "销售阶段无法识别"),
    }
)


class Said(NamedTuple):
    """What sales say of a customer.

    Attributes:
        word: as they wrote it.
        means: the lifecycle state that it stands for; None: nobody knows.
        at_ms: when it was written, event time.
    """

    word: str
    means: str | None
    at_ms: int


def said_of(state: CustomerState, grid: Grid) -> Said | None:
    """What sales say of a customer; None: nothing."""
    written = state.attributes.get(grid.stage) if grid.stage else None
    if written is None or written.value is None or written.value == "":
        return None
    word = str(written.value)
    return Said(word, grid.meanings.get(plain(word)), written.at_ms)


def plain(word: str) -> str:
    """A word as it is compared: capitals and spaces around it make no difference.

    >>> plain(" Partner ")
    'partner'
    """
    return word.strip().casefold()


def verdict(means: str | None, observed: str) -> str:
    """How a lifecycle state that sales mean stands to the one observed.

    >>> verdict("active", "dormant"), verdict("prospect", "new")
    ('ahead', 'behind')
    """
    if means is None:
        return UNKNOWN_WORD
    if means == observed:
        return AGREES
    return AHEAD if ORDER.index(means) > ORDER.index(observed) else BEHIND


def stage_of(state: CustomerState, grid: Grid) -> str | None:
    """The group of a customer; None: sales say nothing of them."""
    said = said_of(state, grid)
    return None if said is None else verdict(said.means, state.standing.lifecycle.value)
