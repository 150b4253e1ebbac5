"""kafka-python's clients, opened for a few questions and closed without a trace.

kafka-python 3.0 leaves two things open, which add up in a process that asks again and again. A
client that finds no broker keeps its thread: its constructor raises, so nobody can close it. And
closing cancels what is under way: a socket that is being connected, or has a byte left to write,
is dropped as it is.
"""

from __future__ import annotations

import selectors
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

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
    clients: list[Any] = []

    def client(**given: Any) -> Any:
        clients.append(KafkaNetClient(**given))
        return clients[-1]

    wanted = {"bootstrap_timeout_ms": CONNECT_TIMEOUT_MS, "selector": ClosingSelector, **settings}
    try:
        with closing(_made(make, brokers, kafka_client=client, **wanted)) as one:
            yield one
    finally:
        for each in clients:  # a second time does nothing
            each.close()


def _made(make: Callable[..., Any], brokers: Brokers, **settings: Any) -> Any:
    try:
        return make(**brokers.client_settings(), **settings)
    except KafkaError as error:
        why = why_not_let_in(brokers)
        raise NotLetIn(why) if why else error from error
