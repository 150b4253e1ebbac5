"""Compares the contracts with those that were last released: what would break others.

    python tools/compare_contracts.py              exit 1 if anything breaks
    python tools/compare_contracts.py --release    the contracts of now become the released ones

Enters: contracts/ and contracts/released/. Leaves: sentences. The rules of schemas are in
tools/contract_rules.py; docs/contracts.md says what to do about a break.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tools.contract_rules import READ, WRITTEN, Side, breaks, resolved

ROOT = Path(__file__).resolve().parent.parent
CONTRACTS = ROOT / "contracts"
RELEASED = CONTRACTS / "released"
COMPARED = ("asyncapi.json", "openapi.json")
Document = Mapping[str, Any]
_BY_TAG = {"input": (READ,), "output": (WRITTEN,), "internal": (READ, WRITTEN)}
_METHODS = ("get", "put", "post", "delete", "patch", "head", "options")


def asyncapi_breaks(old: Document, new: Document) -> list[str]:
    """What breaks whoever writes to, or reads, the old topics."""
    found: list[str] = []
    for name, channel in old["channels"].items():
        now = new["channels"].get(name)
        if now is None or now["address"] != channel["address"]:
            found.append(f"{name}: the channel is gone")
            continue
        found += _retention(name, channel, now)
        for kind, reference in channel["messages"].items():
            place = f"{name} {kind}"
            if kind not in now["messages"]:
                found.append(f"{place}: the message is gone")
                continue
            sides = Side(reference, old), Side(now["messages"][kind], new)
            found += _message(resolved(sides[0]), resolved(sides[1]), place)
    return found


def _retention(name: str, old: Document, new: Document) -> Iterator[str]:
    before, now = (each.get("bindings", {}).get("kafka", {}) for each in (old, new))
    one, other = (each.get("topicConfiguration", {}) for each in (before, now))
    for key in one.keys() | other.keys():
        kept, keeps = one.get(key), other.get(key)
        longer = key == "retention.ms" and kept is not None and keeps is not None
        if kept != keeps and not (longer and kept != -1 and (keeps == -1 or keeps > kept)):
            yield f"{name}: {key} was {kept}, and is {keeps}"


def _message(old: Side, new: Side, place: str) -> Iterator[str]:
    if old.schema.get("contentType") != new.schema.get("contentType"):
        yield f"{place}: contentType was {old.schema.get('contentType')}, and is {new.schema.get('contentType')}"
    for direction in _BY_TAG[old.schema["tags"][0]["name"]]:
        for part in ("headers", "payload"):
            sides = old.at(old.schema.get(part, {})), new.at(new.schema.get(part, {}))
            yield from breaks(*sides, direction, f"{place} {part}")
        sides = _key(old), _key(new)
        yield from breaks(*sides, direction, f"{place} key")


def _key(message: Side) -> Side:
    return message.at(message.schema.get("bindings", {}).get("kafka", {}).get("key", {}))


def openapi_breaks(old: Document, new: Document) -> list[str]:
    """What breaks clients of the old API."""
    found: list[str] = []
    for path, methods in old["paths"].items():
        for method, operation in methods.items():
            if method not in _METHODS:
                continue
            place = f"{method.upper()} {path}"
            now = new["paths"].get(path, {}).get(method)
            if now is None:
                found.append(f"{place}: the route is gone")
            else:
                sides = Side(operation, old), Side(now, new)
                found += [*_asked(*sides, place), *_answered(*sides, place)]
    return found


def _asked(old: Side, new: Side, place: str) -> Iterator[str]:
    before, now = _parameters(old), _parameters(new)
    for name, parameter in now.items():
        if parameter.get("required") and not before.get(name, {}).get("required"):
            yield f"{place} {name}: is required now"
    for name, parameter in before.items():
        if name not in now:
            yield f"{place} {name}: is gone"
        else:
            sides = old.at(parameter["schema"]), new.at(now[name]["schema"])
            yield from breaks(*sides, READ, f"{place} {name}")
    yield from _body(old, new, place)
    ways, still = (each.schema.get("security", [{}]) for each in (old, new))
    for way in ways:
        if way not in still:
            yield f"{place}: {' and '.join(way) or 'no key'} is no longer enough"


def _parameters(side: Side) -> dict[str, Document]:
    found = (resolved(side.at(each)).schema for each in side.schema.get("parameters", []))
    return {f"{each['in']} {each['name']}": each for each in found}


def _body(old: Side, new: Side, place: str) -> Iterator[str]:
    before, now = (each.schema.get("requestBody", {}) for each in (old, new))
    if now.get("required") and not before.get("required"):
        yield f"{place}: a body is required now"
    yield from _contents(old.at(before), new.at(now), READ, f"{place} body")


def _answered(old: Side, new: Side, place: str) -> Iterator[str]:
    for status, answer in old.schema["responses"].items():
        now = new.schema["responses"].get(status)
        if now is None:
            yield f"{place} {status}: the answer is gone"
            continue
        before, after = resolved(old.at(answer)), resolved(new.at(now))
        yield from _contents(before, after, WRITTEN, f"{place} {status}")
        for header in before.schema.get("headers", {}):
            if header not in after.schema.get("headers", {}):
                yield f"{place} {status}: the header {header} is gone"


def _contents(old: Side, new: Side, direction: str, place: str) -> Iterator[str]:
    now = new.schema.get("content", {})
    for kind, content in old.schema.get("content", {}).items():
        if kind not in now:
            yield f"{place}: {kind} is gone"
            continue
        sides = old.at(content.get("schema", {})), new.at(now[kind].get("schema", {}))
        yield from breaks(*sides, direction, place)


_RULES = dict(zip(COMPARED, (asyncapi_breaks, openapi_breaks), strict=True))


def compared(released: Path = RELEASED, contracts: Path = CONTRACTS) -> dict[str, list[str]]:
    """What breaks, by document."""
    return {
        name: rule(_read(released / name), _read(contracts / name)) for name, rule in _RULES.items()
    }


def _read(path: Path) -> Document:
    found: Document = json.loads(path.read_text("utf-8"))
    return found


def release(released: Path = RELEASED, contracts: Path = CONTRACTS) -> None:
    """From now on others rely on what the contracts say."""
    released.mkdir(exist_ok=True)
    for name in COMPARED:
        (released / name).write_bytes((contracts / name).read_bytes())


def main(arguments: list[str]) -> int:
    """Compare or release; answers the exit code."""
    if "--release" in arguments:
        release()
        print(f"released: {', '.join(COMPARED)}")
        return 0
    found = [f"{name}: {each}" for name, broken in compared().items() for each in broken]
    for each in found:
        print(each)
    print(f"{len(found)} breaking changes" if found else "nothing breaks")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
