"""The process that fuzzes one target: `python -m tests.fuzz.inside NAME [libFuzzer's flags]`."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

atheris: Any = import_module("atheris")  # not locked: installed for `make fuzz` only

with atheris.instrument_imports(include=["models", "streams", "tomllib"]):
    from tests.fuzz.targets import BY_NAME


def main() -> None:
    """Fuzz until libFuzzer ends the process."""
    target = BY_NAME[sys.argv[1]]

    def test_one_input(packed: bytes) -> None:
        target.accepts(packed)

    atheris.Setup(sys.argv[1:], test_one_input)
    atheris.Fuzz()


main()
