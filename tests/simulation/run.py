"""One run: faults drawn from a seed befall an installation, then it comes to rest and is judged.

    SEED=123 python -m pytest tests/simulation/test_first_half.py     # one run, again

The folds, the relay, the mute and the store's contract are production's own. Kafka is `World`, time
is its `now_ms`. Every process is a coroutine that goes from point to point (`stepping.py`), and at
each point the seed decides who goes on: so two owners of a partition interleave, one wakes up long
after it was replaced, one dies between any two calls. The store may break off before or after a
call took effect, fall back to an older copy, or be emptied; a reader may skip records or read some
twice; a broker may store what it does not acknowledge; Kafka's committed offset is always wrong.

Then faults end, and one owner each and one relay work until nothing moves. What the store holds and
what stands in the topics must be what the log, folded once by one process, gives (`verdict.py`).

Enters: a seed, a core (sound, or a mutant), a server. Leaves: nothing, or `Wrong`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import accumulate
from random import Random
from typing import Any

from streams.store import LEARNER
from tests.simulation.processes import Core, Surroundings, own, relay
from tests.simulation.producers import KINDS, LEARNING_KINDS, Pen
from tests.simulation.servers import Line, MemoryServer, Server, reached
from tests.simulation.stepping import Actor, driven_by_hand, finished
from tests.simulation.verdict import Wrong, judge
from tests.simulation.world import World

LEARNING_EVERY = 25  # seeds; in these populations are learned, not written beforehand
RECORDS = (6, 10, 15, 20, 30)  # that producers write
MAX_OWNERS = 4  # at a time
ROUNDS = 400  # to come to rest; a run takes a few dozen
LOOK_EVERY = 8  # rounds


class Run:
    """An installation to which things happen.

    Args:
        seed: of all chance.
        core: of its processes.
        server: an empty one.

    Attributes:
        world: Kafka.
        met: what happened, and what the folds counted, by name.
    """

    def __init__(self, seed: int, core: Core, server: Server) -> None:
        self._rng = rng = Random(seed)
        self._server = server
        self.met: Counter[str] = Counter()
        self._learns = seed % LEARNING_EVERY == 0
        self._two_relays = rng.random() < 0.3
        self.world = World(rng, rng.choice((1, 1, 2)), tells_of_erased=True)
        kinds = LEARNING_KINDS if self._learns else KINDS
        self._pen = Pen(rng, self.world, rng.choice(RECORDS), kinds)
        self._line = Line(rng)
        self._around = Surroundings(
            rng,
            self.world,
            lambda start: reached(core.store(server, start), self._line),
            core,
            rng.choice((0.0, 0.1, 0.3)),
            self.met,
        )
        self._owners: list[Actor] = []
        self._relays: list[Actor] = []
        self._copies: list[Any] = [server.copy()]

    @property
    def _places(self) -> list[int]:
        """Whose logs are read."""
        return [place for place in self.world.logs if place != LEARNER or self._learns]

    def befall(self) -> None:
        """Let producers write and processes work, while what this run has of faults happens."""
        happenings, weights = zip(*self._happenings(), strict=True)
        until = list(accumulate(weights))
        while self._pen.left:
            (happening,) = self._rng.choices(happenings, cum_weights=until)
            self.met[happening.__name__.strip("_")] += 1
            happening()

    def _happenings(self) -> Iterator[tuple[Callable[[], None], float]]:
        yield self._work, 20
        yield self._pen.write, 5
        yield self._another_owner, self._rng.choice((1, 3))
        yield self._another_relay, 0.5
        faults: dict[Callable[[], None], float] = {
            self._kill: 0.8,
            self._copy: 0.8,
            self._fall_back: 0.5,
            self._wipe: 0.2,
            self._break: 0.8,
            self._lose_answers: 0.4,
        }
        for fault, often in faults.items():  # each run has faults of its own
            yield fault, self._rng.choice((0, often / 4, often))

    def rest(self) -> None:
        """Faults are over: one owner each, and one relay, work until nothing moves."""
        self._line.failures, self.world.losing_answers = 0, False
        self.end()
        around = self._around._replace(mishaps=0.0)
        self._owners = [Actor(own(place, around)) for place in self._places]
        self._relays = [Actor(relay(around))]
        for _ in range(ROUNDS):
            for actor in [*self._owners, *self._relays] * LOOK_EVERY:
                actor.step()
            if self._is_quiet():
                return
        raise Wrong("it does not come to rest")

    def end(self) -> None:
        """Every process dies."""
        for actor in [*self._owners, *self._relays]:
            actor.kill()

    def _is_quiet(self) -> bool:
        for place in self._places:
            records = self.world.logs[place].records
            stored = finished(self._server.load(place, ())).meta.offset
            if records and stored <= records[-1].offset:
                return False
        return not any(finished(self._server.outbox(place, 1)) for place in self.world.logs)

    def _work(self) -> None:
        actors = [*self._owners, *self._relays]
        if actors:
            actor = self._rng.choice(actors)
            for _ in range(self._rng.choice((1, 1, 2, 3, 5, 8, 13))):
                actor.step()

    def _another_owner(self) -> None:
        """The old one does not know, and goes on; or is gone."""
        place = self._rng.choice(self._places)
        while len(self._owners) >= MAX_OWNERS:
            self._owners.pop(self._rng.randrange(len(self._owners))).kill()
        self._owners.append(Actor(own(place, self._around)))

    def _another_relay(self) -> None:
        if not self._two_relays or len(self._relays) > 1:
            for each in self._relays:
                each.kill()
            self._relays.clear()
        self._relays.append(Actor(relay(self._around)))

    def _kill(self) -> None:
        for actors in self._rng.sample((self._owners, self._relays), 2):
            if actors:
                actors.pop(self._rng.randrange(len(actors))).kill()
                return

    def _copy(self) -> None:
        self._copies = [*self._copies[-2:], self._server.copy()]

    def _fall_back(self) -> None:
        self._server.fall_back(self._rng.choice(self._copies))

    def _wipe(self) -> None:
        self._server.wipe()

    def _break(self) -> None:
        self._line.failures = self._rng.randint(1, 4)

    def _lose_answers(self) -> None:
        self.world.losing_answers = not self.world.losing_answers

    def judge(self) -> None:
        """Compare with a log folded once, by one process."""
        judge(self.world, self._server, self._places, counts_doubles=not self._two_relays)


def run(seed: int, core: Core | None = None, server: Server | None = None) -> Run:
    """One run from its beginning to its end.

    Raises:
        Wrong: a process could not go on, or what it all came to is not what the log says.
    """
    with driven_by_hand():
        one = Run(seed, core or Core(), server or MemoryServer())
        try:
            one.befall()
            one.rest()
            one.end()
            one.judge()
        except Exception as error:
            raise Wrong(f"SEED={seed}: {type(error).__name__}: {str(error)[:2_000]}") from error
        finally:
            one.end()
    return one
