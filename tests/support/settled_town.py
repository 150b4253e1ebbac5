"""Two partitions in memory whose records find their way by key, and whose erasures are kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from models.erasure import Mark, Pseudonyms
from models.events import LogRecord
from models.policy import Policy
from streams.chunk import LogIdentity
from streams.erasures import born_marks
from streams.log import Record
from streams.loop import Loop, no_records
from streams.partition import Batch, PartitionFold
from streams.partitioner import partition_of
from streams.store import OutboxRow, Store
from streams.topics import ERASURES, LOG
from tests.streams.logbook import rfc3339

KEYED = Pseudonyms(b"a secret")


class TwoPartitions(Loop):
    """An installation in memory with a hash key.

    Args:
        policy: the rules in force.
        store: None: one of its own.
        erasures: what stands in `erasures.v1` already.
        pseudonyms: with the key.
        partitions: of the log.
    """

    def __init__(
        self,
        policy: Policy,
        store: Store | None = None,
        erasures: list[OutboxRow] | None = None,
        pseudonyms: Pseudonyms = KEYED,
        partitions: int = 2,
    ) -> None:
        self.erasures: list[OutboxRow] = list(erasures or ())
        super().__init__(policy, partitions, store, pseudonyms=pseudonyms, keeps_log=True)

    def _fold(self, partition: int) -> PartitionFold:
        log = LogIdentity("loop", "", self.partitions, partition, self.pseudonyms)

        async def born_with() -> Mapping[str, Mark]:
            rows = enumerate(self.erasures)
            return born_marks(
                (Record(place, 0, row.key, row.value, row.headers) for place, row in rows), log
            )

        return PartitionFold(
            log, self.policy, self.store, no_records, self._body, self._new_nonce, born_with
        )

    async def _relay(self, place: int) -> None:
        waiting = await self.store.outbox(place, 10**9)
        astray = [each for each in waiting if each[1].topic == LOG and each[1].partition is None]
        for _, row in astray:
            assert row.key is not None
            partition = partition_of(row.key.decode(), self.partitions)
            self._log(partition, row.key, row.value, dict(row.headers))
        self.erasures += [row for _, row in waiting if row.topic == ERASURES]
        gone = {row_id for row_id, _ in astray}
        await self.store.outbox_delete(place, [*gone])
        await super()._relay(place)

    def put(self, kind: str, customer_id: str, at_ms: int, **fields: Any) -> None:
        """One event into its partition."""
        partition = partition_of(customer_id, self.partitions)
        body = {"customer_id": customer_id, "occurred_at": rfc3339(at_ms), **fields}
        self._log(
            partition,
            customer_id.encode(),
            json.dumps(body).encode(),
            {"kind": kind.encode()},
        )

    def buy(self, customer_id: str, at_ms: int, event_id: str) -> None:
        """A purchase of ten dollars."""
        self.put(
            "purchase", customer_id, at_ms, event_id=event_id, amount_minor=1_000, currency="USD"
        )

    async def again(
        self, erasures: list[OutboxRow] | None = None, without: str | None = None
    ) -> TwoPartitions:
        """The same log folded anew into an empty store.

        Args:
            erasures: what stands in `erasures.v1`.
            without: a kind of record that the log has lost; then it is another log, to which
                what comes of it is written as to any other.
        """
        other = TwoPartitions(self.policy, None, erasures, self.pseudonyms, self.partitions)
        other._bodies = dict(self._bodies)
        for number, log in enumerate(self.log):
            kept = [each for each in log if each.headers["kind"].decode() != without]
            other.log[number] = [
                LogRecord(number, offset, *each[2:]) for offset, each in enumerate(kept)
            ]
        if without is not None:
            await other.settle()
            return other
        for partition in range(self.partitions):
            await other.fold_only(partition)
        return other

    async def fold_only(self, partition: int) -> None:
        """Read a partition to its end; what leaves is dropped, as it stands in the log already."""
        await self.read_on(partition)
        rows = await self.store.outbox(partition, 10**9)
        self.erasures += [row for _, row in rows if row.topic == ERASURES]
        await self.store.outbox_delete(partition, [row_id for row_id, _ in rows])

    async def read_on(self, partition: int) -> None:
        """Fold what waits in a partition; what comes of it stays in the outbox."""
        begin, end = self._read_to[partition], len(self.log[partition])
        self._read_to[partition] = end
        batch = Batch(begin, end, self.log[partition][begin:])
        assert await self.folds[partition].handle(batch) is None
