"""Faust as every process of ours uses it: no tables, no web server, offsets of our own.

Enters: settings. Leaves: an app, and how it is run, stopped, and made to read again.
"""

from __future__ import annotations

import logging
import os
import signal
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import faust
from faust.auth import Credentials, SASLCredentials, SSLCredentials
from faust.types import TP

from streams.batch_transport import Consumer
from streams.brokers import Brokers
from streams.health import BEAT_EVERY_S
from streams.log import KafkaUnavailable
from streams.logs import logging_config
from streams.patience import STOP_WITHIN_S, attempts
from streams.settings import Settings
from streams.store import StoreUnavailable

logger = logging.getLogger(__name__)


def faust_app(settings: Settings, group: str) -> faust.App:
    """An app that joins a consumer group."""
    return faust.App(
        group,
        broker=";".join(f"kafka://{server}" for server in settings.brokers.addresses),
        broker_credentials=_credentials(settings.brokers),
        store="memory://",
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        processing_guarantee="at_least_once",
        stream_wait_empty=True,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 5,
        broker_commit_interval=2.0,
        consumer_auto_offset_reset="earliest",
        producer_acks=-1,
        stream_buffer_maxsize=2,  # fetches, of all partitions together; more only age
        datadir=tempfile.gettempdir(),  # Faust wants one; nothing is kept in it
    )


def pulse(app: faust.App, beat: Callable[[], None]) -> None:
    """Have the app's loop call this every `BEAT_EVERY_S`."""

    async def once() -> None:
        beat()

    app.timer(BEAT_EVERY_S, on_leader=False, name="pulse")(once)


async def read_again(app: faust.App) -> None:
    """Make Faust read on from the store's offsets, in mid-stream."""
    await cast(Consumer, app.consumer).read_again()


def _credentials(brokers: Brokers) -> Credentials | None:
    """Who we are, as Faust spells it; None where nobody asks."""
    context = brokers.ssl_context()
    if brokers.security_protocol.names_us:
        return SASLCredentials(
            username=brokers.sasl_username,
            password=brokers.sasl_password,
            mechanism=str(brokers.sasl_mechanism),
            ssl_context=context,
        )
    return None if context is None else SSLCredentials(context)


async def opened_at_last(
    opening: Callable[[list[TP]], Awaitable[dict[TP, int]]], assigned: list[TP]
) -> dict[TP, int]:
    """Open what is assigned; answers where reading begins. Waits for Kafka and Redis.

    Raises:
        Refused, TopicMissing, or whatever else `opening` raises.
    """
    async for _ in attempts():
        try:
            return await opening(assigned)
        except (StoreUnavailable, KafkaUnavailable) as error:
            logger.warning("waiting: %s", error)
    raise AssertionError("attempts never end")


def execute(app: faust.App, log_level: str, failure: Callable[[], BaseException | None]) -> None:
    """Run until a signal or a failure; does not return.

    Args:
        app: to run.
        log_level: of the handler.
        failure: what ended the app; None: nothing did.

    Raises:
        SystemExit: 0 after SIGTERM or SIGINT.
        BaseException: the failure.
    """
    worker = faust.Worker(
        app,
        loglevel=log_level,  # of the handler: a higher one would hide our own
        redirect_stdouts=False,
        logging_config=logging_config(log_level),
        quiet=True,
        workdir=Path.cwd(),
    )
    try:
        worker.execute_from_commandline()
    except SystemExit:
        if failure() is None:
            raise
    if (ended_by := failure()) is not None:
        raise ended_by


async def crash_in_time(
    app: faust.App, error: BaseException, within_s: float = STOP_WITHIN_S
) -> None:
    """End an app by an error: in order, but if that hangs, the process ends all the same, exit code 1."""
    signal.signal(signal.SIGALRM, _give_up)
    signal.setitimer(signal.ITIMER_REAL, within_s)
    await app.crash(error)


def _give_up(*_: object) -> None:
    logger.critical("stopping hangs: the process ends here")
    os._exit(1)


async def stop_in_time(*_: object, **__: object) -> None:
    """The batch in hand may be finished; after that the process ends, come what may."""
    signal.alarm(STOP_WITHIN_S)
