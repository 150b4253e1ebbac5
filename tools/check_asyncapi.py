"""Holds contracts/asyncapi.json against the schema that the AsyncAPI initiative publishes.

    python tools/check_asyncapi.py

Needs npm. Exit 1 if the document is no AsyncAPI document; every fault is a line, with its place.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator  # type: ignore[import-untyped]
from jsonschema.exceptions import best_match  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "@asyncapi/specs@6.11.1"  # Apache-2.0; has no dependencies that a schema needs
SCHEMA = "package/schemas/{version}.json"


def published_schema(version: str) -> dict[str, Any]:
    """The schema of a version of AsyncAPI, such as `3.0.0`.

    Raises:
        CalledProcessError: npm could not fetch it; said so on stderr.
    """
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(  # noqa: S603 - the arguments are constants
            ["npm", "pack", "--silent", PACKAGE],  # noqa: S607 - wherever npm is
            cwd=folder,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        with tarfile.open(Path(folder, packed.stdout.strip())) as archive:
            member = archive.extractfile(SCHEMA.format(version=version))
            assert member is not None
            found: dict[str, Any] = json.load(member)
    return found


def faults(document: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    """What is wrong with a document; of alternatives none of which fits, the nearest."""
    found = (best_match([each]) for each in Draft7Validator(schema).iter_errors(document))
    return sorted(f"{each.json_path}: {each.message[-300:]}" for each in found)


def main() -> int:
    """Check; answers the exit code."""
    document = json.loads((ROOT / "contracts" / "asyncapi.json").read_text("utf-8"))
    found = faults(document, published_schema(document["asyncapi"]))
    for each in found:
        print(each)
    print(f"{len(found)} faults" if found else f"asyncapi.json is AsyncAPI {document['asyncapi']}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
