"""Long runs: atheris (libFuzzer) drives the same targets, led by which lines an input reaches.

    python -m tests.fuzz.long --seconds 60                 every target, one after the other
    python -m tests.fuzz.long --seconds 600 --only event   one of them

Each target runs in a process of its own, begins with its seeds, and keeps what it learned under
build/fuzz/. A finding is saved among the seeds, where `make test` reads it from then on. Exits 1 if
there was one. `make fuzz` installs atheris first; it has wheels for Linux on x86-64 only.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.fuzz.targets import BY_NAME, SEEDS, TARGETS, Target

CORPUS = Path(__file__).parents[2] / "build" / "fuzz"
LONGEST_INPUT = 8_192
SLOW_S = 25  # an input that takes longer is a finding, too
MEMORY_MB = 2_048


class Ran(NamedTuple):
    """What one target's run came to."""

    name: str
    executions: int
    seconds: int
    findings: tuple[Path, ...]
    failed: str = ""

    @property
    def row(self) -> str:
        rate = self.executions / max(1, self.seconds)
        what = self.failed or ", ".join(str(each) for each in self.findings) or "none"
        return f"{self.name:<12}{self.executions:>12,}{rate:>12,.0f}   {what}"


def run(target: Target, seconds: int) -> Ran:
    """Fuzz one target in a process of its own."""
    folder, corpus = SEEDS / target.name, CORPUS / target.name
    folder.mkdir(parents=True, exist_ok=True)
    corpus.mkdir(parents=True, exist_ok=True)
    before = set(folder.iterdir())
    for seed in target.seeds():
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    flags = [
        *(f"-max_total_time={seconds}", f"-artifact_prefix={folder}/", "-print_final_stats=1"),
        *(f"-max_len={LONGEST_INPUT}", f"-timeout={SLOW_S}", f"-rss_limit_mb={MEMORY_MB}"),
    ]
    command = [sys.executable, "-m", "tests.fuzz.inside", target.name, *flags, str(corpus)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    findings = tuple(sorted(set(folder.iterdir()) - before))
    if not any(folder.iterdir()):
        folder.rmdir()
    counted = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
    took = re.search(r"Done \d+ runs in (\d+) second", done.stderr)
    if findings or counted is None or done.returncode:
        print(done.stdout[-3_000:], done.stderr[-6_000:], sep="\n", file=sys.stderr)
    failed = "" if counted or findings else f"exit {done.returncode}, no run"
    executions = int(counted[1]) if counted else 0
    return Ran(target.name, executions, int(took[1]) if took else seconds, findings, failed)


def main() -> int:
    """Run the targets; 1 if there was a finding."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.long", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--only", choices=sorted(BY_NAME), help="one target")
    given = parser.parse_args()
    print(f"{'target':<12}{'executions':>12}{'a second':>12}   findings", flush=True)
    ran = []
    for target in TARGETS:
        if given.only in {None, target.name}:
            ran.append(run(target, given.seconds))
            print(ran[-1].row, flush=True)
    return int(any(each.findings or each.failed for each in ran))


if __name__ == "__main__":
    sys.exit(main())
