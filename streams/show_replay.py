"""What a replay came to, as lines of text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from streams.digest import Digest
from streams.messages import rfc3339
from streams.replay_command import Judged, Outcome

_CONTROLS = {"ticks": "ticks", "populations": "populations", "policies": "policies"}
_NOTED = {
    "duplicates": "duplicates",
    "forgotten": "events of people who were erased",
    "rerouted": "records in another's partition",
    "tombstones": "records without a value",
    "gaps": "gaps",
}


def digest_lines(digest: Digest) -> Iterator[str]:
    """Name by name."""
    for name, found in digest.lines().items():
        yield f"{name:<14} {found:,}" if isinstance(found, int) else f"{name:<14} {found}"


def outcome_lines(done: Outcome) -> Iterator[str]:
    """What was folded, what it brought about, and the digest."""
    tally = done.tally
    controls = ", ".join(f"{tally[key]:,} {name}" for key, name in _CONTROLS.items() if tally[key])
    until = "" if done.as_of_ms is None else f", up to {rfc3339(done.as_of_ms)}"
    yield f"{tally['events']:,} events{f' and {controls}' if controls else ''} folded{until}"
    if done.populations is not None:
        yield f"{done.populations:,} populations learned"
    for key, name in _NOTED.items():
        if tally[key]:
            yield f"{tally[key]:,} {name}"
    yield from _counted(tally, "dead_letters", "dead letters")
    if tally["dead_letters:too_late"]:
        yield "             too_late: events must stand in order of time, the oldest first; a few days late at most"
    yield from _counted(tally, "effects", "changes")
    yield from _counted(tally, "alerts", "alerts")
    yield from digest_lines(done.digest)


def _counted(tally: Mapping[str, int], prefix: str, name: str) -> Iterator[str]:
    """One line for each kind of them."""
    for kind, count in _kinds(tally, prefix).items():
        yield f"{count:>12,} {name}: {kind}"


def _kinds(tally: Mapping[str, int], prefix: str) -> dict[str, int]:
    begin = f"{prefix}:"
    found = sorted(tally.items())
    return {key[len(begin) :]: count for key, count in found if key.startswith(begin) and count}


def outcome_as_json(done: Outcome) -> dict[str, Any]:
    """The same."""
    tally = done.tally
    return {
        "events": tally["events"],
        "as_of": None if done.as_of_ms is None else rfc3339(done.as_of_ms),
        "populations_learned": done.populations,
        **{name: tally[name] for name in (*_CONTROLS, *_NOTED)},
        "dead_letters": _kinds(tally, "dead_letters"),
        "changes": _kinds(tally, "effects"),
        "alerts": _kinds(tally, "alerts"),
        **done.digest.lines(),
    }


def judged_lines(found: Judged) -> Iterator[str]:
    """What a dry run says."""
    span = f", from {found.first} to {found.last}" if found.first else ""
    yield f"{found.records:,} records of {found.customers:,} customers{span}"
    for kind, count in sorted(found.kinds.items()):
        yield f"{count:>12,} {kind}"
    for reason, count in sorted(found.rejected.items()):
        yield f"{count:>12,} would be dead letters: {reason}"
