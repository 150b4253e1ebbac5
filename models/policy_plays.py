"""For which segments the plays of a policy are, and what is wrong with that.

Enters: a policy's sections. Leaves: names of segments, sentences that name the key and the way out. Forbidden
here: what is to be done where a policy says nothing (`models/playbook.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from models.policy_alerts import EVERY_LIFECYCLE, Play
from models.rfm import GROUP_NAMES
from models.rule_names import nearest
from models.stages import STAGE, STAGES
from models.value_grid import ATTACHMENT, FIELD_NAMES, GRID, LEVELS

if TYPE_CHECKING:
    from models.policy import Policy

FLAGS = ("overdue", "won_back")
RISKS = ("low", "elevated", "high")
_CLUSTER = re.compile(r"cluster/[1-9][0-9]{0,8}")  # which there are, only a population knows


def nameable(policy: Policy) -> Iterator[str]:
    """The segments that a policy can name, but for clusters: all it defines, and the built-in ones."""
    yield from (f"lifecycle/{each}" for each in EVERY_LIFECYCLE)
    yield from (f"flag/{each}" for each in FLAGS)
    for scheme in policy.rfm.published:
        yield from (f"rfm.{scheme}/{group}" for group in GROUP_NAMES[scheme])
    yield from (f"tier/{each}" for each in LEVELS)
    yield from (f"risk/{each}" for each in RISKS)
    for name, values in policy.value.items():
        yield from (f"value.{name}/{tier}" for tier in values.names)
    if policy.grid is not None:
        yield from (f"{GRID}/{field}" for field in FIELD_NAMES)
        yield from (f"{ATTACHMENT}/{level}" for level in LEVELS)
        yield from (f"{STAGE}/{group}" for group in STAGES if policy.grid.stage)
    yield from (f"rule/{name}" for name in policy.segments)


def faults_of_plays(policy: Policy) -> Iterator[str]:
    """What plays say of segments that are not there, or that have a play: dotted key, and the way out."""
    known, taken = set(nameable(policy)), dict[str, str]()
    for name, play in policy.playbook.items():
        for place, segment in enumerate(play.segments):
            key = f"playbook.{name}.segments.{place}"
            if segment not in known and not _CLUSTER.fullmatch(segment):
                yield f"{key}: {_unknown(segment, known, policy)}"
            elif segment in taken:
                yield f"{key}: {segment} has the play {taken[segment]!r} already; name it in one of them"
            taken.setdefault(segment, name)


def _unknown(segment: str, known: set[str], policy: Policy) -> str:
    kind, _, group = segment.partition("/")
    scheme = kind.removeprefix("rfm.")
    if kind.startswith("rfm.") and group in GROUP_NAMES.get(scheme, {}):
        return f"the scheme {scheme} is not published; add it to rfm.published"
    if policy.grid is None and kind in {GRID, ATTACHMENT, STAGE}:
        return f"there is no {segment!r} without a section [grid]"
    by_group = {each.partition("/")[2]: each for each in sorted(known)}
    near = nearest(segment, known) or by_group.get(nearest(group or segment, by_group) or "")
    remedy = f"did you mean {near}?" if near else "segmenter segments list shows all"
    return f"there is no segment {segment!r}; {remedy}"


def plays_by_segment(playbook: Mapping[str, Play]) -> dict[str, str]:
    """Segment → the name of its play."""
    return {segment: name for name, play in playbook.items() for segment in play.segments}
