"""The line that can be cut, between real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from chaos.proxy import Proxy
from streams.local import HOST

A_WHILE_S = 0.3
PATIENCE_S = 10.0


@pytest.fixture
def line() -> Iterator[Proxy]:
    """To a server that answers what it hears."""
    with socket.create_server((HOST, 0)) as server:
        threading.Thread(target=_echo, args=(server,), daemon=True).start()
        with Proxy(server.getsockname()[1]) as proxy:
            yield proxy


def _echo(server: socket.socket) -> None:
    while True:
        try:
            one, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_answer, args=(one,), daemon=True).start()


def _answer(one: socket.socket) -> None:
    with one, suppress(ConnectionResetError):
        while heard := one.recv(100):
            one.sendall(heard)


@pytest.fixture
def client(line: Proxy) -> Iterator[socket.socket]:
    with socket.create_connection((HOST, line.port), PATIENCE_S) as one:
        yield one


def says(client: socket.socket, said: bytes) -> bytes:
    client.sendall(said)
    return client.recv(100)


def test_bytes_pass_both_ways(client: socket.socket) -> None:
    assert says(client, b"one") == b"one"


def test_nothing_passes_a_cut_line_and_everything_once_it_is_healed(
    line: Proxy, client: socket.socket
) -> None:
    assert says(client, b"one") == b"one"
    line.cut()
    client.sendall(b"two")
    client.settimeout(A_WHILE_S)
    with pytest.raises(TimeoutError):
        client.recv(100)
    line.heal(reset=False)
    client.settimeout(PATIENCE_S)
    assert client.recv(100) == b"two"


def test_connections_may_not_survive_the_cut_and_new_ones_work(
    line: Proxy, client: socket.socket
) -> None:
    assert says(client, b"one") == b"one"
    line.cut()
    line.heal(reset=True)
    with pytest.raises(ConnectionResetError):
        client.recv(100)
    with socket.create_connection((HOST, line.port), PATIENCE_S) as another:
        assert says(another, b"two") == b"two"


def test_a_server_that_is_down_ends_the_connection(line: Proxy) -> None:
    with (
        Proxy(1) as nowhere,
        socket.create_connection((HOST, nowhere.port), PATIENCE_S) as client,
    ):
        assert client.recv(100) == b""
