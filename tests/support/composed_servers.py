"""Kafka and Redis as docker-compose.yml has them, without their images: the same programs and flags.

Kafka's image turns its environment into a configuration with a class of Kafka's own jars, and so is
it done here. Hosts, ports and folders are the test's; everything else is the file's.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from streams.local import HOST, LocalStore, _Server, free_port
from tests.support.apache_kafka import FORMAT_TIMEOUT_S, ApacheKafka, _run
from tests.support.composed import services

_ADDRESS = re.compile(r"(?<=://)(?:kafka|localhost)?:(\d+)|(?<=@)kafka:(\d+)")


class ComposedKafka(ApacheKafka):
    """The service `kafka`."""

    name = "composed-kafka"

    def __init__(self, directory: Path | str) -> None:
        super().__init__(directory)
        self._ports = {"19092": self._port, "9092": free_port(), "29093": free_port()}

    @property
    def environment(self) -> dict[str, str]:
        """Of the file, in our place."""
        told: dict[str, str] = services()["kafka"]["environment"]
        here = {key: _ADDRESS.sub(self._here, value) for key, value in told.items()}
        return {**here, "KAFKA_LOG_DIRS": str(self._directory / "data")}

    def _here(self, found: re.Match[str]) -> str:
        return f"{HOST}:{self._ports[found[1] or found[2]]}"

    def _spawn(self) -> subprocess.Popen[bytes]:
        self._set_up()
        return _Server._spawn(self)

    def _set_up(self) -> None:
        """Write the configuration and format the folder, as the image does when it starts."""
        defaults = self._directory / "defaults"
        defaults.mkdir(exist_ok=True)
        folders = {"default": defaults, "mounted": defaults, "final": self._directory}
        options = [f"--{name}-configs-dir={path}" for name, path in folders.items()]
        told = [f"{key}={value}" for key, value in self.environment.items()]
        wrapper = self._run_class("kafka.docker.KafkaDockerWrapper", "setup", *options)
        _run(["env", *told, *wrapper], FORMAT_TIMEOUT_S)


class ComposedRedis(LocalStore):
    """The service `redis`."""

    name = "composed-redis"

    def _command(self) -> list[str]:
        program, *flags = services()["redis"]["command"]
        assert program == "redis-server"
        place = ["--bind", HOST, "--port", str(self._port), "--dir", str(self._directory)]
        return [self._binary, *flags, *place]
