"""What is asked of the log for one person: to be forgotten, or that two ids are theirs.

Both are events like any other: written into the log, acted on when a worker has read them back.
Here they are written, and their outcome is waited for. Asking twice does no harm.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

from kafka import KafkaProducer
from kafka.errors import KafkaError

from models.codec import decode_held
from models.customer import Alias, event_hash
from models.erasure import Mark, Pseudonyms, decode_mark
from models.events import Kind
from streams.brokers import Brokers
from streams.connections import NotLetIn, opened
from streams.log import KafkaUnavailable
from streams.lookup import MAX_NAMES_FOLLOWED, NothingYet
from streams.messages import rfc3339
from streams.partitioner import partition_of
from streams.refusal import Refused
from streams.store import Store
from streams.topics import LOG

WAIT_S = 30.0
POLL_S = 0.1
SEND_TIMEOUT_S = 15.0
T = TypeVar("T")


class NotYet(RuntimeError):
    """It stands in the log, but no worker has acted on it in time."""


class OnePerson(ValueError):
    """Both ids are the same person's already."""


class Receipt(NamedTuple):
    """What an erasure took away.

    Attributes:
        pseudonym: what the mark that stays is known by.
        event_id: of the erasure.
        partition: of the log, where it stands.
        offset: likewise.
        mark: what was removed, and up to when nothing counts any more.
    """

    pseudonym: str
    event_id: str
    partition: int
    offset: int
    mark: Mark

    def as_json(self) -> dict[str, Any]:
        """As the command prints it; nothing says who it was."""
        return {
            "pseudonym": self.pseudonym,
            "event_id": self.event_id,
            "log": {"partition": self.partition, "offset": self.offset},
            "erased_through": rfc3339(self.mark.through_ms),
            "removed": self.mark.removed._asdict(),
        }


class Persons:
    """Asks for one installation.

    Args:
        store: to see what became of it.
        brokers: of the log.
        pseudonyms: with the installation's key.
        wait_s: for a worker to act.
    """

    def __init__(
        self,
        store: Store,
        brokers: Brokers,
        pseudonyms: Pseudonyms,
        wait_s: float = WAIT_S,
    ) -> None:
        self._store, self._brokers = store, brokers
        self._pseudonyms, self._wait_s = pseudonyms, wait_s

    async def erase(self, customer_id: str) -> Receipt:
        """Have a person forgotten, with all their names.

        Args:
            customer_id: any of them, in normal form.

        Raises:
            NotYet, KafkaUnavailable, StoreUnavailable, NothingYet.
        """
        partitions = await self._partitions()
        root = await self._root(customer_id, partitions)
        await self._require_same_key(partition_of(root, partitions))
        event_id, partition, offset = await asyncio.to_thread(
            self._write, customer_id, Kind.ERASURE, {}
        )
        pseudonym = self._pseudonyms.of(root)
        hashed = f"{event_hash(event_id):016x}"

        async def marked() -> Mark | None:
            packed = await self._store.erased(partition_of(root, partitions), pseudonym)
            mark = None if packed is None else decode_mark(packed)
            return mark if mark is not None and mark.event == hashed else None

        mark = await self._until(marked, partition, offset)
        return Receipt(pseudonym, event_id, partition, offset, mark)

    async def merge(self, customer_id: str, into: str) -> dict[str, Any]:
        """Make an id another name of a person; answers whom it stands for now.

        Args:
            customer_id: the one that becomes another name, in normal form.
            into: the one that stays, in normal form.

        Raises:
            OnePerson: they are one already.
            NotYet, KafkaUnavailable, StoreUnavailable, NothingYet.
        """
        partitions = await self._partitions()
        if await self._root(customer_id, partitions) == await self._root(into, partitions):
            raise OnePerson("both ids are the same person's already")
        event_id, partition, offset = await asyncio.to_thread(
            self._write, customer_id, Kind.MERGE, {"into": into}
        )

        async def arrived() -> dict[str, Any] | None:
            root = await self._root(customer_id, partitions)
            if root == customer_id:
                return None
            held = await self._held(root, partitions)
            if held is None or isinstance(held, Alias) or customer_id not in held.names:
                return None
            return {
                "customer_id": root,
                "names": sorted(held.names.keys() - {root}),
                "event_id": event_id,
            }

        return await self._until(arrived, partition, offset)

    async def _partitions(self) -> int:
        partitions = await self._store.partitions()
        if not partitions:
            raise NothingYet("no worker has begun on this namespace; run: segmenter run all")
        return partitions

    async def _require_same_key(self, partition: int) -> None:
        meta = (await self._store.load(partition, ())).meta
        if meta.nonce and meta.key_id != self._pseudonyms.key_id:
            raise Refused(
                "the workers have another hash key, so no receipt could be found; "
                "set the same SEGMENTER_HASH_KEY here"
            )

    async def _held(self, customer_id: str, partitions: int) -> Any:
        loaded = await self._store.load(partition_of(customer_id, partitions), [customer_id])
        packed = loaded.states.get(customer_id)
        return None if packed is None else decode_held(packed)

    async def _root(self, customer_id: str, partitions: int) -> str:
        """Whom a name stands for; the last one met, if they form a ring."""
        for _ in range(MAX_NAMES_FOLLOWED):
            held = await self._held(customer_id, partitions)
            if not isinstance(held, Alias):
                break
            customer_id = held.into
        return customer_id

    def _write(self, customer_id: str, kind: Kind, fields: dict[str, str]) -> tuple[str, int, int]:
        """One event into the log; answers its id and its place. Blocks."""
        event_id = f"{kind}-{uuid.uuid4().hex}"
        body = {
            "customer_id": customer_id,
            "occurred_at": datetime.now(UTC).isoformat(),
            "event_id": event_id,
            **fields,
        }
        try:
            with opened(KafkaProducer, self._brokers, acks="all") as producer:
                sent = producer.send(
                    LOG,
                    key=customer_id.encode(),
                    value=json.dumps(body).encode(),
                    headers=[("kind", kind.value.encode())],
                ).get(timeout=SEND_TIMEOUT_S)
        except NotLetIn as error:
            raise KafkaUnavailable(f"Kafka at {self._brokers}: {error}") from error
        except KafkaError as error:
            raise KafkaUnavailable(
                f"Kafka at {self._brokers}: {error or type(error).__name__}; it may or may not "
                "stand in the log: ask again, asking twice does no harm"
            ) from error
        return event_id, sent.partition, sent.offset

    async def _until(
        self, look: Callable[[], Awaitable[T | None]], partition: int, offset: int
    ) -> T:
        give_up_s = time.monotonic() + self._wait_s
        while time.monotonic() < give_up_s:
            found = await look()
            if found is not None:
                return found
            await asyncio.sleep(POLL_S)
        raise NotYet(
            f"it stands in the log (partition {partition}, offset {offset}) and will be done when "
            f"a worker reads it; none has within {self._wait_s:g} s: see segmenter doctor, and "
            "whether dead-letters.v1 has it"
        )
