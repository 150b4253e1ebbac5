"""The learner: which barriers make a population together. Pure.

At the end of each epoch every partition sends a `Barrier` with its sketch. A population is learned
of an epoch once a barrier of that very epoch has come from every partition. Each partition's come
in order, as its owner wrote them; beyond that it does not matter in which order they come, how
often, or what died in between:

    partition 0  ──┤ mon 6 ├──┤ mon 13 ├───────────► time of arrival
    partition 1  ─────┤ mon 6 ├────────────┤ mon 13 ├
                               ▲ population 1        ▲ population 2

An epoch that some partition passed over (its log was silent, then jumped) is learned of by nobody.
Partitions that stay away are not waited for for ever: `give_up`, itself a record of the topic,
takes their last sketch instead, and the population names them. A partition that has never sent
one is waited for without end: a population without its customers would be wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from models.barrier import Barrier
from models.experience import Epoch, Experience, studied
from models.macro import Groups
from models.policy import Policy
from models.population import Population, learned, prior_gap_days
from models.sketch import from_slots, grouped, merged


class Learner(NamedTuple):
    """All that the learner remembers.

    Attributes:
        version: of the last population; 0 before the first.
        as_of_day: the end of the last epoch that is done, ordinal; 0 before the first.
        barriers: by partition and day; those of epochs that wait, and of each partition the newest
            of an epoch that is done.
        experience: what was learned so far, and waits to be told.
    """

    version: int = 0
    as_of_day: int = 0
    barriers: Mapping[tuple[int, int], Barrier] = MappingProxyType({})
    experience: Experience = Experience()

    @property
    def awaited_day(self) -> int | None:
        """The newest epoch that some partition has reached and another has not.

        None, too, while some partition has never come: nobody may give up then.
        """
        newest = max(self.barriers.values(), key=_day, default=None)
        if newest is None or newest.as_of_day <= self.as_of_day:
            return None
        return newest.as_of_day if _all_have_come(self, newest.partitions) else None


class Step(NamedTuple):
    """What became of the learner, and the populations it learned, oldest first."""

    learner: Learner
    populations: tuple[Population, ...] = ()


def arrived(learner: Learner, barrier: Barrier, policy: Policy) -> Step:
    """A barrier came; one that is known, or older than what is known, changes nothing."""
    place = barrier.partition, barrier.as_of_day
    if place in learner.barriers:
        return Step(learner)
    learner = _tidied(learner._replace(barriers={**learner.barriers, place: barrier}))
    populations: list[Population] = []
    while (day := _complete_day(learner, barrier.partitions)) is not None:
        learner, population = _learned(learner, day, policy)
        populations += population
    return Step(learner, tuple(populations))


def gave_up(learner: Learner, as_of_day: int, policy: Policy) -> Step:
    """Whoever has not reached this epoch is not waited for any longer."""
    reached = [each for each in learner.barriers.values() if each.as_of_day == as_of_day]
    if as_of_day <= learner.as_of_day or not reached:
        return Step(learner)
    if not _all_have_come(learner, reached[0].partitions):
        return Step(learner)
    return Step(*_learned(learner, as_of_day, policy))


def _all_have_come(learner: Learner, partitions: int) -> bool:
    return len({partition for partition, _ in learner.barriers}) == partitions


def _day(barrier: Barrier) -> int:
    return barrier.as_of_day


def _complete_day(learner: Learner, partitions: int) -> int | None:
    """The earliest epoch not yet done that every partition has reached."""
    reached = Counter(day for _, day in learner.barriers if day > learner.as_of_day)
    return min((day for day, count in reached.items() if count == partitions), default=None)


def _learned(learner: Learner, day: int, policy: Policy) -> tuple[Learner, tuple[Population, ...]]:
    """Done with the epoch; its population, unless nobody ever bought."""
    newest = _as_of(learner, day)
    sketches = [from_slots(each.slots) for each in newest.values()]
    sketch = merged(sketches)
    learner = _tidied(learner._replace(as_of_day=day))
    if not sketch.counts.get("n"):
        return learner, ()
    stale = tuple(partition for partition, each in newest.items() if each.as_of_day != day)
    version = learner.version + 1
    population = learned(sketch, version, day, stale)
    prior_days = prior_gap_days(policy.lifecycle, population)
    groups = Groups(*grouped(sketches))
    since_day = population.since_day
    epoch = Epoch(version, day, sketch.sample, groups, prior_days, since_day, complete=not stale)
    experience, lesson = studied(learner.experience, epoch, policy)
    learner = learner._replace(version=version, experience=experience)
    return learner, (population._replace(**lesson._asdict()),)


def _as_of(learner: Learner, day: int) -> dict[int, Barrier]:
    """By partition the newest barrier up to a day; if there is none, the first one after it."""
    found: dict[int, Barrier] = {}
    for (partition, at_day), barrier in sorted(learner.barriers.items()):
        if partition not in found or at_day <= day:
            found[partition] = barrier
    return found


def _tidied(learner: Learner) -> Learner:
    """Without the barriers that no population will be learned of any more."""
    last = {
        partition: day for partition, day in sorted(learner.barriers) if day <= learner.as_of_day
    }
    kept = {
        (partition, day): barrier
        for (partition, day), barrier in sorted(learner.barriers.items())
        if day >= last.get(partition, 0)
    }
    return learner._replace(barriers=kept)
