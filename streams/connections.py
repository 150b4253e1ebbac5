"""kafka-python's clients, opened for a few questions and closed without a trace.

kafka-python 3.0 leaves three things open, which add up in a process that asks again and again. A
client that finds no broker keeps its thread: its constructor raises, so nobody can close it.
Closing cancels what is under way: a socket that is being connected, or has a byte left to write,
is dropped as it is. And so is one whose handshake fails at once.
"""

from __future__ import annotations

import selectors
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any
from weakref import WeakSet

from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient

from streams.brokers import Brokers
from streams.knocking import why_not_let_in

CONNECT_TIMEOUT_MS = 5_000  # Kafka's client would try for half a minute


class NotLetIn(KafkaError):  # type: ignore[misc]  # kafka-python has no types
    """A broker is there and does not speak with us; the message says why, and what to change."""

    def __str__(self) -> str:
        """The message alone."""
        return str(self.args[0])


class ClosingSelector(selectors.DefaultSelector):
    """Closes, when it is closed itself, every socket it was ever given.

    For short-lived clients: until then it holds on to those that were refused, too.
    """

    def __init__(self) -> None:
        super().__init__()
        self._given: set[Any] = set()

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """See `selectors.BaseSelector.register`."""
        self._given.add(fileobj)
        return super().register(fileobj, events, data)

    def close(self) -> None:
        """See `selectors.BaseSelector.close`."""
        super().close()
        for each in self._given:
            each.close()
        self._given.clear()


class _Handshakes:
    """Stands for a TLS context, and closes, when it is closed itself, what is left of its sockets."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._sockets = WeakSet[ssl.SSLSocket]()
        self._closed = False

    def wrap_socket(self, *args: Any, **how: Any) -> ssl.SSLSocket:
        """See `ssl.SSLContext`; the client's thread may still come by when all is over."""
        if self._closed:
            raise ConnectionAbortedError("closed")
        wrapped = self._context.wrap_socket(*args, **how)
        self._sockets.add(wrapped)
        return wrapped

    def close(self) -> None:
        """A second time does nothing."""
        self._closed = True
        for each in list(self._sockets):
            each.close()


@contextmanager
def opened(make: Callable[..., Any], brokers: Brokers, **settings: Any) -> Iterator[Any]:
    """A consumer or an admin client for as long as the block lasts.

    Args:
        make: `KafkaConsumer`, `KafkaProducer` or `KafkaAdminClient`.
        brokers: of which cluster.
        settings: of the client, beside those.

    Raises:
        NotLetIn: see there.
        KafkaError: no broker answered within `CONNECT_TIMEOUT_MS`, or what the block raises.
    """
    wanted = {"bootstrap_timeout_ms": CONNECT_TIMEOUT_MS, "selector": ClosingSelector, **settings}
    left: list[Any] = []
    try:
        with closing(_made(make, brokers, left, **wanted)) as one:
            yield one
    finally:
        _close(left)


def made(make: Callable[..., Any], brokers: Brokers, **settings: Any) -> Any:
    """A client that is the caller's to close; see `opened`. One that fails leaves no thread.

    Raises:
        NotLetIn: see there.
        KafkaError: no broker answered in time.
    """
    left: list[Any] = []
    try:
        return _made(make, brokers, left, **settings)
    except KafkaError:
        _close(left)
        raise


def _close(left: list[Any]) -> None:
    for each in reversed(left):  # the client before its sockets; a second time does nothing
        each.close()


def _made(make: Callable[..., Any], brokers: Brokers, left: list[Any], **settings: Any) -> Any:
    """A client; in `left` what must be closed if there is none, and may be if there is."""

    def client(**given: Any) -> Any:
        left.append(KafkaNetClient(**given))
        return left[-1]

    reached = brokers.client_settings()
    if "ssl_context" in reached:
        reached["ssl_context"] = _Handshakes(reached["ssl_context"])
        left.append(reached["ssl_context"])
    try:
        return make(**reached, kafka_client=client, **settings)
    except KafkaError as error:
        if why := why_not_let_in(brokers):
            raise NotLetIn(why) from error
        raise
