"""What commands on all segments share that also take some: names, or kinds, not both."""

from __future__ import annotations

from collections.abc import Sequence

from models.evaluation import in_kinds
from models.rule_names import listed, nearest
from streams.cli_exits import Exit, fail


def leave_one(names: Sequence[str] | None, kinds: Sequence[str] | None) -> None:
    """Names and kinds together end the command."""
    if names and kinds:
        fail("NAME asks for segments, --kind for all of a kind; leave one", Exit.USAGE)


def of_kinds(segments: Sequence[str], kinds: Sequence[str] | None) -> list[str]:
    """Those of some kinds, of all if none is named; a kind that nobody is in ends the command.

    Args:
        segments: with anybody in them.
        kinds: such as `cluster`, `rule`, `rfm.quintile`.
    """
    known = list(dict.fromkeys(each.split("/", 1)[0] for each in segments))
    for kind in kinds or ():
        if kind not in known:
            near = nearest(kind, known)
            remedy = f"did you mean {near}?" if near else f"there are {listed(known)}"
            fail(f"nobody is in a segment of the kind {kind!r}; {remedy}", Exit.NOT_FOUND)
    return in_kinds(segments, kinds or ())
