"""Apache Kafka for tests: one node, broker and controller in one process, from Maven's jars.

In: a directory for every file of it. Out: an address on 127.0.0.1 that answers, until the ``with``
block ends. The jars are fetched once into tests/kafka/target, and again when tests/kafka/pom.xml
has changed.
"""

from __future__ import annotations

import fcntl
import re
import shutil
import signal
import subprocess
import uuid
from base64 import urlsafe_b64encode
from contextlib import closing, suppress
from pathlib import Path

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from streams.local import ANSWER_TIMEOUT_MS, HOST, LocalServerError, _Server, free_port

POM = Path(__file__).parents[1] / "kafka" / "pom.xml"
TARGET = POM.parent / "target"
JARS = TARGET / "jars"
FETCHED_FOR = TARGET / "fetched-for.xml"  # the pom whose jars these are; written last
FETCH_TIMEOUT_S = 600.0
FORMAT_TIMEOUT_S = 60.0
REMEDY = "apt-get install openjdk-17-jre-headless maven; Maven then fetches the jars by itself"
_VERSION = re.compile(r"<kafka\.version>([\d.]+)</kafka\.version>")
_JAR_VERSION = re.compile(r"kafka-server-([\d.]+)\.jar")
# A JVM that starts fast and stays small; cores are few, and tests wait for its start.
_JVM = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
_LOGGING = ("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",)

_SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={directory}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.cleaner.backoff.ms=200
log.cleaner.dedupe.buffer.size=4194304
log.segment.delete.delay.ms=1000
"""


class ApacheKafka(_Server):
    """One Apache Kafka. Create topics before producing to them.

    Attributes:
        bootstrap_servers: where it answers.
        pid: of its process, once started.
    """

    name = "kafka"
    start_timeout_s = 90.0  # 4 s on two idle cores

    def __init__(self, directory: Path | str) -> None:
        fetch_jars()
        super().__init__(directory)
        self._settings = self._directory / "server.properties"
        self._java = _program("java")
        self.bootstrap_servers = f"{HOST}:{self._port}"

    def freeze(self) -> None:
        """It stops in its tracks; connections stay open and nothing is answered."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        self._process.send_signal(signal.SIGCONT)

    def __exit__(self, *raised: object) -> None:
        """Stop it by its own pid; blocks until it is gone."""
        self.thaw()
        super().__exit__(*raised)

    def _spawn(self) -> subprocess.Popen[bytes]:
        controller_port = free_port()
        settings = _SETTINGS.format(
            host=HOST,
            port=self._port,
            controller_port=controller_port,
            directory=self._directory / "data",
        )
        self._settings.write_text(settings + self._more_settings(controller_port), "utf-8")
        self._format()
        return super()._spawn()

    def _more_settings(self, controller_port: int) -> str:
        """Those of a kind of broker; they win."""
        return ""

    def _format_options(self) -> tuple[str, ...]:
        """Of the tool that formats its storage."""
        return ()

    def _format(self) -> None:
        cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        where = ("--cluster-id", cluster_id.replace("-", "_"), "--config", str(self._settings))
        options = (*where, *self._format_options())
        _run(self._run_class("kafka.tools.StorageTool", "format", *options), FORMAT_TIMEOUT_S)

    def _command(self) -> list[str]:
        return self._run_class("kafka.Kafka", str(self._settings))

    def _run_class(self, name: str, *args: str) -> list[str]:
        return [self._java, *_JVM, *_LOGGING, "-cp", f"{JARS}/*", name, *args]

    def _answers(self) -> bool:
        limits = dict.fromkeys(("bootstrap_timeout_ms", "request_timeout_ms"), ANSWER_TIMEOUT_MS)
        with suppress(KafkaError):
            admin = KafkaAdminClient(bootstrap_servers=self.bootstrap_servers, **limits)
            with closing(admin):
                return admin.list_topics() is not None
        return False


def version() -> str:
    """Of the jars, or of those that Maven would fetch.

    Raises:
        LocalServerError: neither can be had.
    """
    _program("java")
    if _fetched():
        versions = [_JAR_VERSION.fullmatch(jar.name) for jar in JARS.iterdir()]
        return next(f"kafka-server {found[1]}" for found in versions if found)
    _program("mvn")
    declared = _VERSION.search(POM.read_text("utf-8"))
    assert declared is not None, POM
    return f"kafka-server {declared[1]} (not fetched yet)"


def fetch_jars() -> None:
    """Have Maven copy the jars, unless they are there; blocks, for a minute the first time.

    Raises:
        LocalServerError: no Maven, or it failed; the end of what it printed.
    """
    with POM.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # test processes begin together
        if _fetched():
            return
        shutil.rmtree(TARGET, ignore_errors=True)
        _run([_program("mvn"), "-B", "-q", "-f", str(POM), "package"], FETCH_TIMEOUT_S)
        shutil.copyfile(POM, FETCHED_FOR)


def _fetched() -> bool:
    return FETCHED_FOR.exists() and FETCHED_FOR.read_bytes() == POM.read_bytes()


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise LocalServerError(f"no {name} on the PATH")
    return found


def _run(command: list[str], timeout_s: float) -> None:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired:
        raise LocalServerError(f"{Path(command[0]).name} took more than {timeout_s:g} s") from None
    if done.returncode != 0:
        lines = (done.stdout + done.stderr).splitlines()[-15:]
        raise LocalServerError("\n".join([f"{Path(command[0]).name} failed:", *lines]))
