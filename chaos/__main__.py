"""The command line; see the package."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from chaos.faults import FAULTS
from chaos.report import as_json, failings, table
from chaos.run import Plan, run
from streams.local import LocalServerError
from streams.log import KafkaUnavailable
from streams.sources import SourceError


def main() -> int:
    """Run it and print the table; 0 if nothing was wrong, lost or invented."""
    asked = _asked()
    console, began_s = Console(), time.monotonic()
    directory = Path(tempfile.mkdtemp(prefix="chaos-"))
    plan = Plan(asked.minutes, asked.seed, tuple(asked.only or FAULTS))
    try:
        outcome = run(plan, directory, console.print)
    except (LocalServerError, SourceError) as error:
        console.print(f"chaos: {error}")
        return 2
    except (AssertionError, KafkaUnavailable) as error:
        console.print(f"chaos: {error}; logs in {directory}")
        return 1
    except BaseException:
        console.print(f"chaos: broken off; logs in {directory}")
        raise
    console.print(table(outcome, plan, time.monotonic() - began_s))
    if asked.json:
        asked.json.write_text(json.dumps(as_json(outcome, plan), indent=1) + "\n", "utf-8")
    faults = failings(outcome, plan)
    for each in faults:
        console.print(f"chaos: {each}")
    if faults or asked.keep:
        console.print(f"logs in {directory}")
    else:
        shutil.rmtree(directory)
    return 1 if faults else 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=4.0, help="of load and faults")
    parser.add_argument("--seed", type=int, default=7, help="of both")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the figures, for machines")
    parser.add_argument(
        "--only", action="append", choices=FAULTS, help="this kind of fault; may be repeated"
    )
    parser.add_argument("--keep", action="store_true", help="the logs, whatever comes of it")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
