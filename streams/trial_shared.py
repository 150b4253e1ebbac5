"""What several policies on trial do once: reading a body, learning from the same barriers.

Enters: records, barriers. Leaves: what each policy alone would have made of them. Forbidden here: policies'
installations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from models.barrier import Barrier
from models.events import Control, LogRecord, Read, Rejected, Tombstone, read_record
from models.learner import Learner, Step, arrived
from models.policy import Policy
from streams.learning import Arrival
from streams.loop import BATCH


class SharedReading:
    """Reads each body once, however many logs it stands in.

    Only what has an id of its own and says nothing in its headers but its kind: all else may be read
    otherwise in another place of another log. The newest bodies are kept, a batch or two.
    """

    def __init__(self) -> None:
        self._newest: dict[tuple[bytes, bytes], Read] = {}
        self._older: dict[tuple[bytes, bytes], Read] = {}

    def __call__(self, record: LogRecord, topic: str) -> Read | Control | Tombstone | Rejected:
        """See `read_record`."""
        kind, value = record.headers.get("kind"), record.value
        if kind is None or value is None or len(record.headers) > 1:
            return read_record(record, topic)
        known = self._newest.get((kind, value)) or self._older.get((kind, value))
        if known is not None:
            return known
        read = read_record(record, topic)
        if isinstance(read, Read) and read.event.event_id is not None:
            self._keep((kind, value), read)
        return read

    def _keep(self, place: tuple[bytes, bytes], read: Read) -> None:
        if len(self._newest) > BATCH:
            self._newest, self._older = {}, self._newest
        self._newest[place] = read


class SharedLearning:
    """Learns once of the same barriers, for as many policies as learn alike.

    What was learned so far must be the very same, and so must all of the policy but rules and
    alerts, which the learner does not ask for.

    Args:
        arrive: what a barrier does to the learner.
    """

    def __init__(self, arrive: Arrival = arrived) -> None:
        self._arrive = arrive
        self._newest: list[_Learned] = []

    def __call__(self, learner: Learner, barrier: Barrier, policy: Policy) -> Step:
        """See `models.learner.arrived`."""
        told = _told_to_the_learner(policy)
        for each in self._newest:
            same = each.learner is learner or each.learner == learner == Learner()
            if same and each.barrier == barrier and each.told == told:
                return each.step
        step = self._arrive(learner, barrier, policy)
        self._newest = [
            *(each for each in self._newest if each.barrier.as_of_day == barrier.as_of_day),
            _Learned(learner, barrier, told, step),
        ]
        return step


class _Learned(NamedTuple):
    learner: Learner
    barrier: Barrier
    told: Mapping[str, object]
    step: Step


def _told_to_the_learner(policy: Policy) -> Mapping[str, object]:
    names = Policy.model_fields.keys() - {"preset", "segments", "alerts", "calendar", "playbook"}
    return {name: getattr(policy, name) for name in names}
