"""Clients of Kafka that are opened and closed many times leave nothing open."""

from __future__ import annotations

import gc
import selectors
import socket
import threading
import warnings
from pathlib import Path

import pytest
from kafka import KafkaConsumer
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from streams.brokers import Brokers
from streams.connections import ClosingSelector, opened
from streams.local import free_port

MANY = 10


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_a_socket_that_was_let_go_of_unclosed_is_closed_with_the_selector() -> None:
    ours, theirs = socket.socketpair()
    selector = ClosingSelector()
    selector.register(ours, selectors.EVENT_READ)
    selector.unregister(ours)
    selector.close()
    assert (ours.fileno(), theirs.recv(1)) == (-1, b"")
    theirs.close()


@pytest.mark.parametrize("make", [KafkaConsumer, KafkaAdminClient])
def test_a_client_that_finds_no_broker_leaves_no_thread_and_no_open_file(make: type) -> None:
    nowhere, threads, files = f"127.0.0.1:{free_port()}", threading.active_count(), open_files()
    with pytest.raises(KafkaError), opened(make, Brokers(nowhere), bootstrap_timeout_ms=100):
        raise AssertionError("nobody is there")
    assert (threading.active_count(), open_files()) == (threads, files)


def test_clients_that_come_and_go_leave_no_socket_unclosed(bootstrap_servers: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        for _ in range(MANY):
            with opened(KafkaConsumer, Brokers(bootstrap_servers)) as consumer:
                consumer.topics()
        gc.collect()
