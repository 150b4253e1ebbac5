"""Probes: who waits is alive and not ready; whose loop stands still is neither."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry

from streams.health import HANGS_AFTER_S, Health, beating
from streams.local import free_port
from streams.metrics import RelayMeter, serve
from streams.metrics_partition import seen
from streams.metrics_survey import SurveyMeter
from streams.metrics_worker import LOOKED_WITHIN_S, WorkerMeter
from streams.probe import main, probed
from streams.store import Loaded, Meta, Newest
from streams.topics import LOG
from streams.wall import wall_ms
from tests.streams.lanes import until
from tests.streams.shops import Tally

PARTITION = 3


class Clock:
    """The monotonic clock, as a test sets it."""

    now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def answered(port: int, path: str) -> tuple[int, str]:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def look_at(meter: WorkerMeter, age_s: float) -> None:
    """The owner has looked at its partition so long ago."""
    then_ms = wall_ms() - int(1000 * age_s)
    look = seen(Loaded(Meta(), {}, 0), Newest(0, 0), None, then_ms, live=True)
    meter.log.saw(PARTITION, look, 0.0)


def test_who_has_just_started_is_alive_and_not_ready() -> None:
    health = Health()
    assert (health.why_dead(), health.why_unready()) == ("", "starting")


def test_who_waits_is_alive_and_says_for_what() -> None:
    health = Health()
    health.works()
    assert health.why_unready() == ""
    health.waits("Redis does not answer")
    assert (health.why_dead(), health.why_unready()) == ("", "Redis does not answer")


def test_a_loop_that_stands_still_is_neither_alive_nor_ready() -> None:
    clock = Clock()
    health = Health(clock)
    health.beat()
    health.works()
    clock.now_s += HANGS_AFTER_S
    assert health.why_dead() == ""
    clock.now_s += 1.0
    assert health.why_dead() == health.why_unready() == "the loop has stood still for 121 s"
    health.beat()
    assert health.why_unready() == ""


async def test_a_loop_beats_for_as_long_as_the_block_lasts() -> None:
    clock = Clock()
    health = Health(clock)
    async with beating(health):
        await until(lambda: health._beaten_s is not None)
        tasks = len(asyncio.all_tasks())
    assert len(asyncio.all_tasks()) == tasks - 1


def test_probes_are_answered_beside_the_metrics() -> None:
    health, port = Health(), free_port()
    with serve(CollectorRegistry(), "127.0.0.1", port, health):
        assert answered(port, "/healthz") == (200, "ok\n")
        assert answered(port, "/readyz") == (503, "starting\n")
        health.works()
        assert answered(port, "/readyz") == (200, "ok\n")
        assert answered(port, "/metrics")[0] == 200


def test_the_probe_command_ends_with_0_or_1_and_prints_why(
    capsys: pytest.CaptureFixture[str],
) -> None:
    health, port = Health(), free_port()
    url = f"http://127.0.0.1:{port}/readyz"
    with serve(CollectorRegistry(), "127.0.0.1", port, health):
        assert main([url]) == 1
        assert capsys.readouterr().out == "starting\n"
        health.works()
        assert main([url]) == 0
        assert capsys.readouterr().out == "ok\n"
    well, said = probed(url)
    assert not well
    assert "refused" in said


@pytest.mark.parametrize("arguments", [[], ["/readyz"], ["http://127.0.0.1/", "more"]])
def test_the_probe_command_is_told_what_to_ask(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert "usage: python -m streams.probe http://" in capsys.readouterr().err


def test_the_probe_command_imports_none_of_the_libraries() -> None:
    code = "import sys, streams.probe; print(*sorted({n.split('.')[0] for n in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "river", "typer", "pydantic", "faust", "redis"} & set(done.stdout.split())


def test_a_worker_is_ready_once_its_partitions_were_opened_and_looked_at() -> None:
    meter = WorkerMeter()
    meter.pulse()
    assert "no partitions were given" in meter.health.why_unready()
    meter.joined = True
    meter.pulse()
    assert meter.health.why_unready() == ""  # more workers than partitions: it stands by
    meter.log.opened(PARTITION, Tally())
    meter.pulse()
    assert meter.health.why_unready() == "partition 3 was not looked at lately"
    look_at(meter, 0.0)
    meter.pulse()
    assert meter.health.why_unready() == ""


def test_a_worker_that_waits_or_no_longer_looks_is_not_ready() -> None:
    meter = WorkerMeter()
    meter.joined = True
    meter.log.opened(PARTITION, Tally())
    look_at(meter, LOOKED_WITHIN_S + 5.0)
    meter.pulse()
    assert meter.health.why_unready() == "partition 3 was not looked at lately"
    look_at(meter, 0.0)
    meter.log.waits(PARTITION)
    meter.pulse()
    assert "can't be written" in meter.health.why_unready()
    assert meter.health.why_dead() == ""


def test_a_relay_is_ready_while_redis_answers_and_kafka_takes_rows() -> None:
    meter = RelayMeter()
    meter.round(0, 0, 0.1)
    assert meter.health.why_unready() == ""
    meter.redis_is_away()
    assert meter.health.why_unready() == "Redis does not answer"
    meter.round(5, 0, 0.1)
    assert meter.health.why_unready() == "Kafka took none of the rows that wait"
    meter.sent(Counter({LOG: 5}), 0)
    meter.round(5, 5, 0.1)
    assert meter.health.why_unready() == ""


def test_a_surveyor_is_ready_when_its_look_was_answered() -> None:
    meter = SurveyMeter()
    meter.failed("no worker has begun")
    assert meter.health.why_unready() == "no worker has begun"
    meter.looked()
    assert meter.health.why_unready() == ""
