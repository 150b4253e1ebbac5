"""The feed: the newest changes that were published, in Redis, for whoever watches.

The relay writes what Kafka has acknowledged; the HTTP API reads it, from any place on. It is capped:
Kafka's `segment-changes.v1` is the record, this is a window on it. A change may stand in it twice,
under one id, as it may in Kafka.

A Redis that is full takes no more into it, and the relay goes on without: what it moves out of the
outbox is what makes room.

Whoever is erased disappears from it: the relay that sends the erasure's mark takes out all changes
that name one of their ids. `customer.erased` itself is not in the feed.

| key | type | what | writer | readers |
| --- | --- | --- | --- | --- |
| `seg:NS:stream` | stream | field `c`: the change as JSON, `k`: type, `s`: whom it names | relay | API |
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import orjson
import redis
import redis.asyncio as aioredis
from redis.exceptions import OutOfMemoryError

from models.effects import EffectType
from models.erasure import Pseudonyms
from streams.keys import feed as feed_key
from streams.outbox import Sender
from streams.refusal import Refused
from streams.store import OutboxRow, StoreUnavailable
from streams.topics import CHANGES, ERASURES
from streams.unavailable import or_unavailable

KEPT = 10_000
_PAGE = 1_000
BEGINNING = "0-0"
logger = logging.getLogger(__name__)


class Told(NamedTuple):
    """One change of the feed.

    Attributes:
        cursor: its place; later changes have a larger one.
        type: of the change.
        json: the change, as the API tells it; an object.
    """

    cursor: str
    type: str
    json: bytes


class _Entry(NamedTuple):
    """A change as it stands in the feed, and whom it names."""

    fields: dict[Any, Any]
    names: list[str]


class FeedingSender:
    """Sends on, and writes into the feed what was acknowledged.

    Args:
        sender: to Kafka.
        client: of the Redis that the feed is in.
        namespace: of the installation.
        pseudonyms: with the installation's key; names those who were erased.
    """

    def __init__(
        self, sender: Sender, client: redis.Redis, namespace: str, pseudonyms: Pseudonyms
    ) -> None:
        self._sender, self._client = sender, client
        self._key, self._pseudonyms = feed_key(namespace), pseudonyms
        self._waiting: list[OutboxRow] = []

    def send(self, rows: Sequence[OutboxRow]) -> int:
        """See `Sender.send`.

        Changes that Kafka has and the feed could not take wait until the next call: they must not be
        sent to Kafka twice because of the feed. A mark of an erasure is sent only once the feed has
        forgotten the person.

        Raises:
            StoreUnavailable: the feed can't take what waits; nothing was sent.
            Refused: who was erased is named by another key than this relay has.
        """
        self._tell_waiting()
        done = 0
        for is_mark, some in groupby(rows, lambda row: row.topic == ERASURES):
            part = list(some)
            if is_mark and not self._forgotten(part):
                break
            sent = self._sender.send(part)
            done += sent
            self._told_later(part[:sent])
            if sent < len(part):
                break
        return done

    def _told_later(self, rows: Sequence[OutboxRow]) -> None:
        """Tell them now, if that can be; else with the next call."""
        self._waiting += [row for row in rows if row.topic == CHANGES]
        try:
            self._tell_waiting()
        except StoreUnavailable as error:
            logger.warning("relay: the feed is behind: %s", error)

    def _forgotten(self, marks: Sequence[OutboxRow]) -> bool:
        """Have the feed forget them; False: not now."""
        erased = {_pseudonym(row, self._pseudonyms.key_id) for row in marks}
        try:
            self._tell_waiting()
            with or_unavailable():
                self._forget(erased)
        except StoreUnavailable as error:
            logger.warning("relay: who was erased is still in the feed: %s", error)
            return False
        return True

    def _tell_waiting(self) -> None:
        entries = [entry for row in self._waiting if (entry := _entry(row)) is not None]
        if entries:
            with or_unavailable():
                self._write(entries)
        self._waiting = []

    def _write(self, entries: Sequence[_Entry]) -> None:
        with self._client.pipeline(transaction=False) as pipe:
            for entry in entries[-KEPT:]:
                pipe.xadd(self._key, entry.fields, maxlen=KEPT, approximate=True)
            try:
                pipe.execute()
            except OutOfMemoryError:
                logger.warning("relay: Redis is full: the feed misses %d changes", len(entries))

    def _forget(self, erased: set[str]) -> None:
        """Take out every change that names one of them."""
        begin = "-"
        while page := self._page(begin):
            found = [place for place, names in page if self._any(names, erased)]
            if found:
                self._client.xdel(self._key, *found)
            begin = f"({page[-1][0]}"

    def _page(self, begin: str) -> list[tuple[str, list[str]]]:
        rows: Any = self._client.xrange(self._key, begin, count=_PAGE)
        return [(place.decode(), orjson.loads(fields[b"s"])) for place, fields in rows]

    def _any(self, names: Iterable[str], erased: set[str]) -> bool:
        return any(self._pseudonyms.of(name) in erased for name in names)


def _pseudonym(row: OutboxRow, key_id: str) -> str:
    """Of whoever an erasure's mark is about; see `streams.messages.erasure_row`.

    Raises:
        Refused: it was made with another key.
    """
    if orjson.loads(row.value or b"{}").get("key_id") != key_id:
        raise Refused(
            "the workers name those who were erased by another hash key than this relay has; "
            "start it with the same SEGMENTER_HASH_KEY, or erased people would stay in the feed"
        )
    return (row.key or b"").decode().rpartition("/")[2]


def _entry(row: OutboxRow) -> _Entry | None:
    headers = {name: value.decode() for name, value in row.headers}
    if headers["ce_type"] == EffectType.CUSTOMER_ERASED:
        return None
    body = orjson.loads(row.value or b"{}")
    change = {
        "id": headers["ce_id"],
        "type": headers["ce_type"],
        "time": headers["ce_time"],
        **body,
    }
    names = [body["customer_id"], *([body["into"]] if "into" in body else [])]
    kind = headers["ce_type"].encode()
    return _Entry({"c": orjson.dumps(change), "k": kind, "s": orjson.dumps(names)}, names)


class Feed:
    """Reads the feed.

    Args:
        client: of the Redis that it is in.
        namespace: of the installation.
    """

    def __init__(self, client: aioredis.Redis, namespace: str) -> None:
        self._client, self._key = client, feed_key(namespace)

    async def newest(self, count: int, types: frozenset[str] = frozenset()) -> list[Told]:
        """The newest so many, newest first.

        Args:
            count: at most.
            types: of changes; empty: all. Of rare ones the whole feed may be looked through.

        Raises:
            StoreUnavailable.
        """
        found: list[Told] = []
        before, page = "+", max(count, _PAGE) if types else count
        while len(found) < count:
            rows = await self._ask(self._client.xrevrange(self._key, before, count=page))
            told = list(_told(rows))
            found += [each for each in told if not types or each.type in types]
            if len(told) < page:
                break
            before = f"({told[-1].cursor}"
        return found[:count]

    async def after(self, cursor: str, count: int) -> list[Told]:
        """The first so many behind a place, oldest first.

        Raises:
            StoreUnavailable.
        """
        return list(
            _told(await self._ask(self._client.xrange(self._key, f"({cursor}", count=count)))
        )

    async def oldest_and_newest(self) -> tuple[str, str]:
        """The places at which it begins and ends; `BEGINNING` twice while it is empty.

        Raises:
            StoreUnavailable.
        """
        first = await self._ask(self._client.xrange(self._key, count=1))
        last = await self._ask(self._client.xrevrange(self._key, count=1))
        places = [rows[0][0].decode() if rows else BEGINNING for rows in (first, last)]
        return places[0], places[1]

    async def _ask(self, question: Any) -> Any:
        with or_unavailable():
            return await question


def _told(rows: Iterable[tuple[bytes, dict[bytes, bytes]]]) -> Iterator[Told]:
    for place, fields in rows:
        yield Told(place.decode(), fields[b"k"].decode(), fields[b"c"])


def is_cursor(text: str) -> bool:
    """Whether a text is a place in a feed.

    >>> is_cursor("1764400000000-0"), is_cursor("-"), is_cursor("12")
    (True, False, False)
    """
    milliseconds, dash, count = text.partition("-")
    return dash == "-" and all(
        part.isascii() and part.isdigit() and len(part) < 20 for part in (milliseconds, count)
    )


def place_of(cursor: str) -> tuple[int, int]:
    """A cursor as numbers, to compare places by."""
    milliseconds, _, count = cursor.partition("-")
    return int(milliseconds), int(count)
