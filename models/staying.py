"""Who stayed: where everybody was thirty days ago, and where they are now.

    Member ── walked back (`models/whereabouts.py`) ──► kind ──► (before, after) ──► customers

Thirty days ago is the first moment of the customer-day that lies so far back: all deadlines of that midnight have
fired, and nothing of the day is bought yet.

Enters: members, each once. Leaves: counts, in whole numbers. Forbidden here: customer ids, verdicts, the clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from models.calendar import start_of_day_ms
from models.member import Member
from models.whereabouts import NOWHERE, UNKNOWN, Track, kept_since_ms

STAY_DAYS = 30
Flow = tuple[str, str]


class Stay(NamedTuple):
    """Who of a segment is in it still.

    Attributes:
        members_then: at the first moment of the customer-day `STAY_DAYS` ago.
        stayed: of those, who are members now, whatever they were in between.
        unknown: members now, of whom it isn't kept where they were.
        untold: customers, in whatever segment, of whom it isn't kept: `members_then` may lack them.
    """

    members_then: int = 0
    stayed: int = 0
    unknown: int = 0
    untold: int = 0


class Staying:
    """See the module; changed in place.

    Attributes:
        flows: kind → (segment then, segment now) → customers; `NOWHERE`: in none of that kind, `UNKNOWN`:
            not kept. Who stayed is on the diagonal.
        untold: customers of whom nothing is kept of that moment.
    """

    def __init__(self) -> None:
        self.flows: dict[str, Counter[Flow]] = {}
        self.untold = 0

    def add(self, member: Member, tracks: Mapping[str, Track]) -> None:
        """Count a customer, who must not come twice.

        Args:
            member: who.
            tracks: where they have been, as `models.whereabouts.tracks_of` has it.
        """
        then_ms = start_of_day_ms(member.sight.day - STAY_DAYS, member.sight.policy.timezone)
        since_ms = kept_since_ms(member)
        self.untold += since_ms is not None and then_ms < since_ms
        for kind, track in tracks.items():
            flow = track.at(then_ms), track.current
            if flow not in {(NOWHERE, NOWHERE), (UNKNOWN, NOWHERE)}:
                self.flows.setdefault(kind, Counter())[flow] += 1

    @property
    def stays(self) -> dict[str, Stay]:
        """Of each segment that anybody was in, or is; by name."""
        found: dict[str, Stay] = {}
        for flows in self.flows.values():
            for (before, after), customers in flows.items():
                for segment in {before, after} - {NOWHERE, UNKNOWN}:
                    stay = found.get(segment, Stay(untold=self.untold))
                    found[segment] = Stay(
                        stay.members_then + customers * (before == segment),
                        stay.stayed + customers * (before == after),
                        stay.unknown + customers * (before == UNKNOWN),
                        stay.untold,
                    )
        return dict(sorted(found.items()))

    def plain(self) -> list[Any]:
        """As lists of plain values, for `staying_of`."""
        kinds = sorted(self.flows.items())
        flows = [[kind, *each, n] for kind, of in kinds for each, n in sorted(of.items())]
        return [flows, self.untold]


def staying_of(plain: list[Any]) -> Staying:
    """The reverse of `Staying.plain`."""
    found = Staying()
    flows, found.untold = plain
    for kind, before, after, customers in flows:
        found.flows.setdefault(kind, Counter())[before, after] = customers
    return found
