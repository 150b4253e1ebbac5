"""Topics in memory, asked as `LogInspector` is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from streams.brokers import Brokers
from streams.log import Extent, LogInspector, Record, TopicFacts, TopicMissing


class FakeBroker(LogInspector):
    """Answers from lists.

    Args:
        topics: by topic, the records of each partition.
    """

    def __init__(self, topics: Mapping[str, Sequence[Sequence[Record]]]) -> None:
        super().__init__(Brokers("nowhere:1"))
        self._topics = topics

    def facts(self, topic: str) -> TopicFacts:
        """See `LogInspector.facts`."""
        if topic not in self._topics:
            raise TopicMissing(f"topic {topic!r} does not exist; run: segmenter topics create")
        return TopicFacts("id of it", len(self._topics[topic]))

    def extents(self, topic: str, partitions: Sequence[int]) -> dict[int, Extent]:
        """See `LogInspector.extents`; what a topic has lost is before its first record."""
        logs = {each: self._topics[topic][each] for each in partitions}
        return {
            each: Extent(log[0].offset, log[-1].offset + 1) if log else Extent(0, 0)
            for each, log in logs.items()
        }

    def iter_between(
        self, topic: str, extents: Mapping[int, Extent], isolation_level: str = "read_committed"
    ) -> Iterator[tuple[int, Record]]:
        """See `LogInspector.iter_between`."""
        for partition, (start, end) in extents.items():
            for each in self._topics[topic][partition]:
                if start <= each.offset < end:
                    yield partition, each
