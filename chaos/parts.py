"""The servers under fire: a Redis that keeps its data and can be set back, a Kafka with a back door.

Enter them in the main thread: they die with the thread that started them.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import redis

from streams.local import HOST, LocalStore, free_port
from tests.real_parts import _redis_binary
from tests.support.apache_kafka import ApacheKafka

_SAVED, _OLDER = "dump.rdb", "older.rdb"


class DurableRedis(LocalStore):
    """A Redis 7 that saves when it is asked to stop, and so comes back as it went.

    Args:
        directory: for its files.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, _redis_binary())

    def _command(self) -> list[str]:
        return [*super()._command(), "--save", "86400 1", "--dbfilename", _SAVED]

    def restart(self) -> None:
        """SIGTERM, and up again with its data; blocks until it answers."""
        self.__exit__()
        self.__enter__()

    def remember(self) -> None:
        """Keep a copy of what it holds now."""
        with redis.Redis.from_url(self.url) as client:
            client.save()
        shutil.copyfile(self._directory / _SAVED, self._directory / _OLDER)

    def roll_back(self) -> None:
        """Killed, and up again with what `remember` kept."""
        self._process.kill()
        self._process.wait()
        shutil.copyfile(self._directory / _OLDER, self._directory / _SAVED)
        self.__enter__()


class TwoDoorKafka(ApacheKafka):
    """An Apache Kafka that clients of a second listener reach under another port.

    Args:
        directory: for its files.

    Attributes:
        back_port: where the second listener answers.
        advertised_port: which port it names to its clients: that of whatever stands in between.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.back_port = free_port()
        self.advertised_port = self.back_port

    def _format(self) -> None:
        written = self._settings.read_text("utf-8")
        self._settings.write_text(self._with_back_door(written), "utf-8")
        super()._format()

    def _with_back_door(self, settings: str) -> str:
        return (
            settings.replace("\nlisteners=", f"\nlisteners=BACK://{HOST}:{self.back_port},")
            .replace(
                "advertised.listeners=",
                f"advertised.listeners=BACK://{HOST}:{self.advertised_port},",
            )
            .replace("security.protocol.map=", "security.protocol.map=BACK:PLAINTEXT,")
        )

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """Its process."""
        return self._process
