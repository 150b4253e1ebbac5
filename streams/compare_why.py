"""Why a customer stands elsewhere under another policy, in sentences.

The sentences are those of `customer explain`, under each policy; what both say is said once.
Enters: a move, and the customer under both policies. Leaves: sentences. Forbidden here: printing them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from models.comparing import Move
from models.membership import CLUSTER, RISK, TIER
from models.policy import Policy
from models.segments import FLAGS, LIFECYCLE, RULE, label_of
from models.stages import STAGE
from models.value_grid import ATTACHMENT, GRID
from streams.lookup import Found, rfm_as_json
from streams.show import explanation
from streams.show_grid import grid_explained
from streams.show_outlook import Expected, outlook_explained
from streams.show_rules import answers_of, reason
from streams.show_rules import why as responsible

_OF_STANDING = {LIFECYCLE, *FLAGS}
_OF_SILENCE = 6  # the first so many sentences: standing, rhythm, silence, and its three limits
# Of what a population makes of somebody: how the sentences begin that tell why.
_BEGINS = {CLUSTER: ("Cluster",), TIER: ("Value:",), RISK: ("Risk:", "Band")}
_UNKNOWN = "Nobody is known by this id: their events could not be used."


class Why(NamedTuple):
    """Sentences: true under both policies, only under the one, only under the other."""

    both: tuple[str, ...]
    a: tuple[str, ...]
    b: tuple[str, ...]


def why(move: Move, a: Found | None, b: Found | None, one: Policy, other: Policy) -> Why:
    """Why somebody made a move.

    Args:
        move: between segments.
        a: the customer under the one policy; None: unknown there.
        b: the customer under the other; likewise.
        one: the one policy.
        other: the other.
    """
    said, also = (
        [_UNKNOWN] if found is None else _sentences(move.kind, found, policy)
        for found, policy in ((a, one), (b, other))
    )
    both = tuple(each for each in said if each in also)
    return Why(
        both,
        tuple(each for each in said if each not in both),
        tuple(each for each in also if each not in both),
    )


def _sentences(kind: str, found: Found, policy: Policy) -> list[str]:
    if kind in _OF_STANDING:
        standing, *more = explanation(found, policy)[:_OF_SILENCE]
        return [*more[1:2], standing, *more[2:]]  # the rhythm is told with the limits
    if kind in _BEGINS:
        lines = outlook_explained(found, policy)
        told = [each for each in lines if each.startswith(_BEGINS[kind])] or lines[:1]
        return [*told, *_still_listed(kind, found, policy)]
    if kind in {ATTACHMENT, GRID, STAGE}:
        return grid_explained(found, policy) or ["There is no value grid."]
    if kind.startswith(f"{RULE}/"):
        return [_rule_says(kind, found, policy)]
    return [_scores(kind, found, policy)]


def _still_listed(kind: str, found: Found, policy: Policy) -> Iterator[str]:
    """Where somebody is listed, if measured today they would be elsewhere."""
    known, listed = Expected(found, policy), found.state.groups.get(kind)
    cluster = known.cluster and str(known.cluster.id)
    measured = {CLUSTER: cluster, TIER: known.tier, RISK: known.band}[kind]
    if listed is not None and measured != listed:
        yield f"Listed under {kind} {listed} until they are next looked at."


def _rule_says(segment: str, found: Found, policy: Policy) -> str:
    name = segment.removeprefix(f"{RULE}/")
    if name not in policy.segments:
        return "There is no such rule."
    answers = answers_of(name, found.state, found.as_of_ms, policy)
    holds, decisive = responsible(policy.rulebook.rules[name], iter(answers))
    label = label_of(segment, policy).en
    return f'{"In" if holds else "Not in"} "{label}" because {reason(decisive)}.'


def _scores(kind: str, found: Found, policy: Policy) -> str:
    """Of an RFM group its scores; of a tier of a value scheme which it is."""
    scores = (rfm_as_json(found, policy) or {}).get(kind)
    group = found.state.groups.get(kind)
    if scores is None:
        return f"In {kind}: {group or 'none'}."
    told = f"R{scores['recency']} F{scores['frequency']} M{scores['monetary']}"
    if group is None:
        return f"{kind} is not published here; it would be {told}, {scores['group']}."
    return f"{kind}: {told} among the customers of the newest population, so {group}."
