"""Bodies of populations and policies, by digest, as they stand in `populations.v1` and `policies.v1`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from models.policy_record import PublishedPolicy, decode_published, digest_of_policy
from models.population import Population, decode_population, digest_of
from streams.log import KafkaUnavailable, LogInspector
from streams.topics import POLICIES, POPULATIONS

NEWEST = 8  # offsets; compaction and markers leave some of them empty
T = TypeVar("T")


class BodyMissing(KafkaUnavailable):
    """The log names a body that can't be read; waiting for it is right."""


class Bodies(Generic[T]):
    """Reads bodies when they are first asked for; they never change.

    A new one stands among the newest few. Only who folds an old log needs all: read for each new
    one, a topic that grows for ever would cost ever more time, and memory that a thread does not give back.

    Args:
        inspector: to read the topic with.
        topic: whose.
        digest_of: names a body by its content.
        decode: what a body says.
    """

    def __init__(
        self,
        inspector: LogInspector,
        topic: str,
        digest_of: Callable[[bytes], str],
        decode: Callable[[bytes], T],
    ) -> None:
        self._inspector, self._topic = inspector, topic
        self._digest_of, self._decode = digest_of, decode
        self._known: dict[str, bytes] = {}

    async def __call__(self, digest: str) -> T:
        """What the body of that digest says.

        Raises:
            BodyMissing: it is not in the topic.
            KafkaUnavailable, or what decoding raises.
        """
        for count in (NEWEST, None):
            if digest not in self._known:
                self._known = await asyncio.to_thread(self._read, count)
        if digest not in self._known:
            raise BodyMissing(
                f"the log names {digest}, but {self._topic} does not hold it; restore that topic"
            )
        return self._decode(self._known[digest])

    def _read(self, count: int | None) -> dict[str, bytes]:
        """The newest so many, or all, by their digests."""
        if count is None:
            records = self._inspector.read_all(self._topic)
        else:
            records = self._inspector.tail(self._topic, [0], count)[0]
        return {self._digest_of(each.value): each.value for each in records if each.value}


def population_bodies(inspector: LogInspector) -> Bodies[Population]:
    """Those of `populations.v1`."""
    return Bodies(inspector, POPULATIONS, digest_of, decode_population)


def policy_bodies(inspector: LogInspector) -> Bodies[PublishedPolicy]:
    """Those of `policies.v1`."""
    return Bodies(inspector, POLICIES, digest_of_policy, decode_published)
