"""The bill of materials of what is installed to run: deploy/sbom.cdx.json, CycloneDX 1.6.

    python tools/sbom.py             write it
    python tools/sbom.py --check     exit 1 if it is not that of requirements/runtime.lock

Made of the lock and of pyproject.toml by cyclonedx-py, the same bytes each time: no moment and no serial
number is in it. The packages of an image's Debian are not in the lock, and so not here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "runtime.lock"
WRITTEN = ROOT / "deploy" / "sbom.cdx.json"
_OPTIONS = (
    "--mc-type",
    "application",
    "--spec-version",
    "1.6",
    "--output-reproducible",
    "--no-validate",
)


def generated() -> str:
    """What cyclonedx-py makes of the lock.

    Raises:
        subprocess.CalledProcessError: it can't; what it says is on stderr.
    """
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", LOCK.name, *_OPTIONS]
    ended = subprocess.run(  # noqa: S603 - our own command line
        [*command, "--pyproject", str(ROOT / "pyproject.toml")],
        cwd=LOCK.parent,
        env={each: value for each, value in os.environ.items() if each != "SOURCE_DATE_EPOCH"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return ended.stdout.rstrip("\n") + "\n"


def main(arguments: list[str]) -> int:
    """Write or check; answers the exit code."""
    wanted = generated()
    if WRITTEN.exists() and WRITTEN.read_text("utf-8") == wanted:
        print("up to date")
        return 0
    if "--check" in arguments:
        print(f"out of date: {WRITTEN.name}; run: make sbom")
        return 1
    WRITTEN.write_text(wanted, "utf-8")
    print(f"written: {WRITTEN.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
