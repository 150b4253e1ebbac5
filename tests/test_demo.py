"""The demo as a newcomer runs it: its first month through the real path, and nothing left."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real_parts import BROKER, VALKEY, RealParts
from tests.support.installation import wait_until
from tests.support.terminal import ROOT, Terminal

pytestmark = pytest.mark.slow
# A shell has what it runs in the background ignore Ctrl-C.
BEHIND_A_SHELL = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh"]
SALES = """\
customer_id,occurred_at,amount,currency
ada,2024-03-11T10:00:00Z,19.90,EUR
bert,2024-03-04T10:00:00Z,5.00,EUR
ada,2024-03-04T09:00:00Z,21.00,EUR
bert,2024-03-05T10:00:00Z,7.00,CHF
"""


def processes_in(folder: Path) -> Iterator[str]:
    """Command lines of processes that know of a folder: by environment, argument or place."""
    for each in Path("/proc").glob("[0-9]*"):
        try:
            known = (each / "environ").read_bytes() + (each / "cmdline").read_bytes()
            if str(folder).encode() in known or (each / "cwd").resolve().is_relative_to(folder):
                yield (each / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it has ended meanwhile, or is another user's
            continue


@pytest.fixture
def folder(real_parts: RealParts, tmp_path: Path) -> Path:
    """Where all temporary files of a demo go."""
    for part in (BROKER, VALKEY):
        real_parts.server(part.name, tmp_path / "unused")
    place = tmp_path / "temporary"
    place.mkdir()
    return place


def test_a_month_of_purchases_are_folded_and_nothing_is_left_behind(folder: Path) -> None:
    ran = Terminal({"TMPDIR": str(folder)}).spawn("demo", "--headless", "--json", "--days", "30")
    assert ran.exit_code == 0, ran.err
    summary = ran.json
    assert summary.pop("seconds") > 0
    # Who is active already depends on when in the log the first population came to stand.
    lifecycles = summary.pop("by_lifecycle")
    assert summary == {"purchases": 12_334, "customers": 1_973, "dead_letters": 0}
    assert (lifecycles["prospect"], sum(lifecycles.values())) == (45, 1_973 + 45)
    assert all(lifecycles[each] for each in ("new", "active", "dormant"))
    if sys.platform == "linux":
        assert list(processes_in(folder)) == []
    assert [path.name for path in folder.iterdir()] == []


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_demo_that_is_interrupted_leaves_nothing_behind(
    folder: Path, number: signal.Signals
) -> None:
    behind = BEHIND_A_SHELL if number == signal.SIGTERM else []
    demo = subprocess.Popen(
        [*behind, sys.executable, "-m", "streams.cli", "demo", "--headless"],
        env={**Terminal({"TMPDIR": str(folder)}).environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        wait_until(lambda: sum("run worker" in each for each in processes_in(folder)) == 1)
        demo.send_signal(number)
        _, said = demo.communicate(timeout=60)
    finally:
        demo.kill()
        demo.communicate()
    assert b"Traceback" not in said
    assert demo.returncode == 130  # as shells tell an interruption
    assert list(processes_in(folder)) == []
    assert [path.name for path in folder.iterdir()] == []


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_a_file_of_ones_own_is_replayed_and_its_dashboard_stays_until_ctrl_c(
    folder: Path, tmp_path: Path
) -> None:
    sales = tmp_path / "sales.csv"
    sales.write_text(SALES, "utf-8")
    ours, theirs = pty.openpty()
    demo = subprocess.Popen(
        [sys.executable, "-m", "streams.cli", "demo", "--on", str(sales), "--port", "0"],
        env={
            **Terminal({"TMPDIR": str(folder), "BROWSER": "true"}).environment,
            "PYTHONPATH": str(ROOT),
        },
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    with open(ours, "rb", buffering=0) as screen:  # noqa: PTH123 - a file descriptor
        said = b""
        while b"until Ctrl-C" not in said:
            said += screen.read(65_536)
        page = re.search(rb"stays at (http://127.0.0.1:\d+/)", said)
        assert page is not None
        with urllib.request.urlopen(page[1].decode() + "v1/overview") as answer:
            assert json.load(answer)["customers"] == 2
        plain = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", said)
        assert b"3 purchases of 2 customers, 1 dead letters" in plain
        assert b"a currency without a rate" in plain  # francs have none
        given = dict(re.findall(r"export (\w+)=(\S+)", plain.decode()))
        told = Terminal({"TMPDIR": str(folder), **given}).spawn("customer", "explain", "ada")
        assert "Limits are adaptive (preset general)" in told.out
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 0
    assert list(processes_in(folder)) == []
    assert [path.name for path in folder.iterdir()] == []
