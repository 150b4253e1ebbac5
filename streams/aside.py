"""A store whose outbox stands in this process: what is told of a replay goes to nobody.

All else is the store's own. A script writes no rows, so no relay ever finds any, however the replay ends,
and the limit on what may wait for a relay is met by nobody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, cast

from streams.store import Change, Meta, OutboxRow, Store


class Aside:
    """See above.

    Args:
        store: for all but the outbox.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._rows: defaultdict[int, dict[bytes, OutboxRow]] = defaultdict(dict)
        self._written = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    async def apply(self, partition: int, expected: Meta, change: Change) -> bool:
        """See `Store.apply`."""
        applied = await self.store.apply(partition, expected, change._replace(outbox=()))
        if applied:
            for row in change.outbox:
                self._written += 1
                self._rows[partition][b"%d" % self._written] = row
        return applied

    async def outbox(self, partition: int, count: int) -> list[tuple[bytes, OutboxRow]]:
        """See `Store.outbox`."""
        return list(self._rows[partition].items())[:count]

    async def outbox_delete(self, partition: int, row_ids: Sequence[bytes]) -> None:
        """See `Store.outbox_delete`."""
        for row_id in row_ids:
            self._rows[partition].pop(row_id, None)


def aside(store: Store) -> Store:
    """The store, with its outbox here."""
    return cast(Store, Aside(store))


def inner(store: Store) -> Store:
    """The store itself, if its outbox is aside."""
    return store.store if isinstance(store, Aside) else store
