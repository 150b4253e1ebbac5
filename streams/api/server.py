"""`segmenter run api`: the server process."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from logging.config import dictConfig

import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from models.policy import Policy
from streams.api.access import require_safe_binding
from streams.api.app import api
from streams.api.front import Front
from streams.api.parts import ring_of
from streams.health import Health
from streams.logs import logging_config
from streams.metrics import serve
from streams.refusal import Refused
from streams.settings import Settings
from streams.source_config import Sources

STOP_WITHIN_S = 10


class Server(uvicorn.Server):
    """Ends the streams of those who watch as soon as it is told to stop; else it waits for them.

    Args:
        config: uvicorn's.
        stop_streams: async: ends them.
    """

    def __init__(self, config: uvicorn.Config, stop_streams: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._stop_streams = stop_streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn."""
        await self._stop_streams()
        await super().shutdown(sockets)


class _Told(Collector, Health):
    """What a server tells where no key is asked for: metrics and health, once it has started."""

    def __init__(self, server: Server, front: Front) -> None:
        super().__init__()
        self._server, self._front = server, front

    def why_dead(self) -> str:
        """See `Health`."""
        return self._front.health.why_dead() if self._server.started else ""

    def why_unready(self) -> str:
        """See `Health`."""
        return self._front.health.why_unready() if self._server.started else super().why_unready()

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client."""
        if self._server.started:
            yield from self._front.collect()


def run_api(settings: Settings, policy: Policy, sources: Sources, log_level: str) -> None:
    """Answer until SIGTERM or SIGINT.

    Raises:
        Refused: keys are needed and there are none, or the port is taken.
        KeysError: the file of the keys can't be used.
    """
    ring = ring_of(settings)
    require_safe_binding(settings.api_host, ring)
    dictConfig(logging_config(log_level))
    listening = _listening(settings.api_host, settings.api_port)
    front = api(settings, policy, ring, sources=sources)
    for each in (signal.SIGTERM, signal.SIGINT):  # uvicorn hands on what it was stopped by
        signal.signal(each, lambda _number, _frame: sys.exit(0))
    server, registry = Server(server_config(front), front.stop_streams), CollectorRegistry()
    told = _Told(server, front)
    registry.register(told)
    with serve(registry, settings.metrics_host, settings.metrics_port, told):
        server.run([listening])


def server_config(front: Callable[..., Awaitable[None]]) -> uvicorn.Config:
    """How the server is run."""
    return uvicorn.Config(
        front,
        log_config=None,
        access_log=False,  # it would hold customer ids
        server_header=False,
        timeout_graceful_shutdown=STOP_WITHIN_S,
        lifespan="on",
    )


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2_048)
    except OSError as error:
        raise Refused(
            f"can't listen on {host}, port {port}: {error.strerror}; "
            "choose another with SEGMENTER_API_HOST, SEGMENTER_API_PORT or --port"
        ) from None
