"""Bodies of populations, by digest, as they stand in `populations.v1`."""

from __future__ import annotations

import asyncio

from models.population import Population, decode_population, digest_of
from streams.log import KafkaUnavailable, LogInspector
from streams.topics import POPULATIONS


class BodyMissing(KafkaUnavailable):
    """The log names a population whose body can't be read; waiting for it is right."""


class Bodies:
    """Reads bodies when they are first asked for; they never change.

    Args:
        inspector: to read the topic with.
    """

    def __init__(self, inspector: LogInspector) -> None:
        self._inspector = inspector
        self._known: dict[str, bytes] = {}

    async def __call__(self, digest: str) -> Population:
        """The population of that digest.

        Raises:
            BodyMissing: it is not in the topic.
            KafkaUnavailable, CorruptPopulation.
        """
        if digest not in self._known:
            records = await asyncio.to_thread(self._inspector.read_all, POPULATIONS)
            self._known = {digest_of(each.value): each.value for each in records if each.value}
        if digest not in self._known:
            raise BodyMissing(
                f"the log names population {digest}, but {POPULATIONS} does not hold it; "
                "restore that topic"
            )
        return decode_population(self._known[digest])
