"""Formats, as a way to take bytes apart and put them together again with one part changed."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from typing import Any, NamedTuple

import msgpack
import tomli_w

BEYOND_FLOATS = "a number beyond all floats"  # JSON has it; Python writes it only as Infinity


class Shape(NamedTuple):
    """Bytes → a tree of lists and objects, and back."""

    apart: Callable[[bytes], Any]
    together: Callable[[Any], bytes]


def as_json(tree: Any) -> bytes:
    """JSON, with a number that Python itself never writes."""
    return json.dumps(tree).replace(json.dumps(BEYOND_FLOATS), "1e400").encode()


def as_msgpack(tree: Any) -> bytes:
    """MessagePack, with text that is not UTF-8 if need be."""
    return bytes(msgpack.packb(tree, unicode_errors="surrogatepass"))


JSON = Shape(json.loads, as_json)
JSON_LINES = Shape(
    lambda packed: [json.loads(line) for line in packed.splitlines()],
    lambda rows: b"\n".join(map(as_json, rows)),
)
MSGPACK = Shape(lambda packed: msgpack.unpackb(packed, strict_map_key=False), as_msgpack)
TOML = Shape(
    lambda packed: tomllib.loads(packed.decode()),
    lambda tree: tomli_w.dumps(tree).encode("utf-8", "replace"),
)
