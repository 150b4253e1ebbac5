"""Lookups a second of one API process, beside a bare aiohttp handler that does one Redis GET.

    make bench-lookups [BENCH_ARGS="--seconds 5 --rounds 3"]

Both answer out of the same Valkey, with bodies of the same size, on uvloop, one process each; rounds
alternate. The customers are households of the Complete Journey, folded through the production path;
the bare handler's values are what the API answers. `first` asks for each customer once, so nothing
has been rendered before; `again` asks over and over, as a shop does.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

import redis
from rich.console import Console
from rich.table import Table

from bench.lookups_town import filled
from streams.local import LocalStore, free_port
from streams.processes import as_environment
from streams.settings import Settings

CONNECTIONS = (1, 32, 256)
NAMESPACE = "bench"
START_WITHIN_S = 30.0


class Measured(NamedTuple):
    """One load on one server."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float


def main() -> None:
    """Measure, and print the table."""
    asked = _asked()
    console = Console()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        store = stack.enter_context(LocalStore(folder))
        ids = filled(store.url, NAMESPACE, asked.days)
        names = Path(folder, "ids")
        names.write_text("\n".join(ids), "utf-8")
        ours, bare = free_port(), free_port()
        stack.enter_context(_api(store.url, ours, folder))
        first = _load(ours, "/v1/customers/", 32, 0.0, names, once=len(ids))
        _copy(store.url, ours, ids)
        stack.enter_context(_bare(store.url, bare))
        rows = [(n, *_compared(ours, bare, n, asked, names)) for n in CONNECTIONS]
    console.print(_table(rows, len(ids), first, asked))


def _compared(
    ours: int, bare: int, connections: int, asked: argparse.Namespace, names: Path
) -> tuple[Measured, Measured]:
    rounds = [
        (
            _load(ours, "/v1/customers/", connections, asked.seconds, names),
            _load(bare, "/", connections, asked.seconds, names),
        )
        for _ in range(asked.rounds)
    ]
    mine, theirs = zip(*rounds, strict=True)
    return _middle(mine), _middle(theirs)


def _middle(found: Sequence[Measured]) -> Measured:
    return Measured(*(median(each) for each in zip(*found, strict=True)))


def _load(
    port: int, prefix: str, connections: int, seconds: float, names: Path, once: int = 0
) -> Measured:
    if once:
        began_s = time.perf_counter()
        for name in names.read_text("utf-8").split():
            _get(f"http://127.0.0.1:{port}{prefix}{name}")
        taken_s = time.perf_counter() - began_s
        return Measured(once / taken_s, 1000 * taken_s / once, 0.0)
    command = [sys.executable, "-m", "bench.lookups_load", str(port), prefix]
    told = subprocess.run(
        [*command, str(connections), str(seconds), str(names)],
        check=True,
        stdout=subprocess.PIPE,
        timeout=seconds + 60,
    )
    found = json.loads(told.stdout)
    if found["errors"]:
        raise SystemExit(f"{found['errors']} answers were not 200, such as {found['last_error']}")
    return Measured(found["requests"] / found["seconds"], found["p50_ms"], found["p99_ms"])


@contextmanager
def _api(url: str, port: int, folder: str) -> Iterator[None]:
    config = Path(folder, "segmenter.toml")
    config.write_text('preset = "grocery"\n', "utf-8")
    settings = Settings.model_validate(
        {"redis_url": url, "namespace": NAMESPACE, "api_port": port, "api_rate_per_s": 0}
    )
    command = [sys.executable, "-m", "streams.cli", "--config", str(config), "-q", "run", "api"]
    with _running(command, f"http://127.0.0.1:{port}/readyz", as_environment(settings)):
        yield


@contextmanager
def _bare(url: str, port: int) -> Iterator[None]:
    command = [sys.executable, "-m", "bench.lookups_peer", url, str(port)]
    with _running(command, f"http://127.0.0.1:{port}/1", {}):
        yield


@contextmanager
def _running(command: list[str], probe: str, environment: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(command, env={**os.environ, **environment})
    try:
        give_up_s = time.monotonic() + START_WITHIN_S
        while not _answers(probe):
            if process.poll() is not None or time.monotonic() > give_up_s:
                raise SystemExit(f"{command[-1]} did not start")
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()


def _answers(probe: str) -> bool:
    try:
        _get(probe)
    except OSError:
        return False
    return True


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as answer:
        body: bytes = answer.read()
    return body


def _copy(url: str, port: int, ids: Sequence[str]) -> None:
    """What the API answers, as values for the bare handler."""
    with redis.Redis.from_url(url) as client:
        for each in ids:
            client.set(each, _get(f"http://127.0.0.1:{port}/v1/customers/{each}"))


def _table(
    rows: list[tuple[int, Measured, Measured]],
    customers: int,
    first: Measured,
    asked: argparse.Namespace,
) -> Table:
    title = (
        f"GET customer, {customers:,} customers; CPython {platform.python_version()}, "
        f"{os.cpu_count()} cores; medians of {asked.rounds} rounds of {asked.seconds:g} s"
    )
    table = Table(title=title)
    columns = (
        "connections",
        "requests/s",
        "bare",
        "ratio",
        "p50 ms",
        "bare",
        "p99 ms",
        "bare",
        "ratio",
    )
    for name in columns:
        table.add_column(name, justify="right")
    for connections, mine, bare in rows:
        table.add_row(
            str(connections),
            f"{mine.requests_per_s:,.0f}",
            f"{bare.requests_per_s:,.0f}",
            f"{mine.requests_per_s / bare.requests_per_s:.2f}",
            f"{mine.p50_ms:.2f}",
            f"{bare.p50_ms:.2f}",
            f"{mine.p99_ms:.2f}",
            f"{bare.p99_ms:.2f}",
            f"{mine.p99_ms / bare.p99_ms:.2f}",
        )
    table.caption = (
        f"the first lookup of each, one after another on new connections: {first.p50_ms:.2f} ms"
    )
    return table


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--days", type=int, default=120, help="of the Complete Journey")
    return parser.parse_args()


if __name__ == "__main__":
    main()
