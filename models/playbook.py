"""The playbook: what is to be done about a segment, to which end, and whose task it is.

    policy's own play ─► field of the grid ─► default of the segment ─► default by what sets it apart ─► none

Enters: a segment, a policy, what is said of the segment. Leaves: a play, and where it comes from. Forbidden
here: customers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from models.default_plays import BY_CLAIMS, DEFAULTS, ROLES
from models.persona_claims import Claims
from models.policy import Policy
from models.policy_alerts import Play
from models.policy_plays import plays_by_segment
from models.value_grid import GRID, told_to_do

Source = Literal["policy", "grid", "default", "numbers"]
BY_NUMBERS = ("cluster/", "rule/")  # kinds whose default follows from what sets a segment apart


class Chosen(NamedTuple):
    """The play of a segment.

    Attributes:
        name: in the policy, or of the default.
        play: what is to be done.
        source: the policy's playbook, its grid, the default of this segment, or one by its numbers.
    """

    name: str
    play: Play
    source: Source

    def told(self, language: str) -> Mapping[str, str]:
        """Action, goal and owner in a language; English where the policy has no other."""
        own = self.play.model_dump()
        keys = ("action", "goal", "owner")
        return {each: own.get(f"{each}_{language}") or own[each] for each in keys}

    def as_json(self) -> dict[str, Any]:
        """As plain values."""
        fields = self.play.model_dump(exclude={"segments"})
        every = {name: fields.get(name, "") for name in Play.model_fields if name != "segments"}
        return {"name": self.name, "source": self.source, **every}


def play_of(segment: str, policy: Policy, claims: Claims) -> Chosen | None:
    """What is to be done about a segment; None: nobody has said so, and its numbers don't either.

    Args:
        segment: its name.
        policy: in force.
        claims: what is said of it (`models/persona_claims.py`); empty: nothing is known.
    """
    name = plays_by_segment(policy.playbook).get(segment)
    if name is not None:
        return Chosen(name, policy.playbook[name], "policy")
    kind, _, group = segment.partition("/")
    if kind == GRID and policy.grid is not None:
        return Chosen(group, Play(**told_to_do(group, policy.grid)._asdict()), "grid")
    role = DEFAULTS.get(segment)
    if role is not None:
        return Chosen(role, ROLES[role], "default")
    return _by_numbers(claims) if segment.startswith(BY_NUMBERS) else None


def _by_numbers(claims: Claims) -> Chosen | None:
    for wanted, name, play in BY_CLAIMS:
        if all(level * claims.get(theme, 0) > 0 for theme, level in wanted.items()):
            return Chosen(name, play, "numbers")
    return None
