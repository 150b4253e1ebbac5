"""Whether everything that one JSON Schema lets pass fits into another: what breaks, in words.

For what we read (`READ`), whatever fitted the old schema must fit the new one. For what we write
(`WRITTEN`), whatever fits the new one must fit the old one. A field that is only added is let pass both
ways, unless it is required of those who write to us; one that is gone is not.

Enters: two schemas with the documents that their references point into. Leaves: sentences. Forbidden here:
files, which schema is what (`tools/compare_contracts.py`). A keyword that is not known here has to stay as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]

READ, WRITTEN = "read", "written"
JsonObject = Mapping[str, Any]
_NUMBERS = frozenset({"integer", "number"})
_AT_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_AT_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_BOUNDED: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"), _NUMBERS),
    **dict.fromkeys(("minLength", "maxLength"), frozenset({"string"})),
    **dict.fromkeys(("minItems", "maxItems"), frozenset({"array"})),
    **dict.fromkeys(("minProperties", "maxProperties"), frozenset({"object"})),
}
_ANNOTATIONS = {
    *("title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"),
    *("discriminator", "x-extensible-enum", "contentMediaType", "$id", "$schema", "$defs"),
}
_HANDLED = {
    *("type", "enum", "const", "required", "properties", "items", "additionalProperties"),
    *("anyOf", "oneOf", "allOf", "propertyNames", *_AT_LEAST, *_AT_MOST),
}
_ALL_TYPES = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})


class Side(NamedTuple):
    """A schema, and the document that it stands in."""

    schema: JsonObject
    document: JsonObject

    def at(self, schema: JsonObject) -> Side:
        """A part of it."""
        return Side(schema, self.document)


class _Fit(NamedTuple):
    """One comparison.

    Attributes:
        inner: all that it lets pass,
        outer: must be let pass here, too.
        direction: which of them is the new one.
        place: of what is compared, for people.
        seen: pairs of references that are being compared.
    """

    inner: Side
    outer: Side
    direction: str
    place: str
    seen: frozenset[tuple[str, str]] = frozenset()

    def into(self, inner: Any, outer: Any, step: str) -> _Fit:
        """The same of two parts."""
        return self._replace(
            inner=self.inner.at(inner), outer=self.outer.at(outer), place=f"{self.place}{step}"
        )

    def says(self, of_input: str, of_output: str) -> str:
        """A sentence for each direction."""
        return f"{self.place}: {of_input if self.direction == READ else of_output}"


def breaks(old: Side, new: Side, direction: str, place: str) -> list[str]:
    """What breaks whoever writes, or reads, by the old schema; nothing if all fits.

    Args:
        old: as it was released.
        new: as it is now.
        direction: `READ` or `WRITTEN`.
        place: what it is the schema of.
    """
    inner, outer = (old, new) if direction == READ else (new, old)
    return list(dict.fromkeys(_fits(_Fit(inner, outer, direction, place))))


def _fits(fit: _Fit) -> Iterator[str]:
    pair = (str(fit.inner.schema.get("$ref", "")), str(fit.outer.schema.get("$ref", "")))
    if all(pair):
        if pair in fit.seen:
            return
        fit = fit._replace(seen=fit.seen | {pair})
    fit = fit._replace(inner=resolved(fit.inner), outer=resolved(fit.outer))
    options = _options(fit.inner)
    if len(options) > 1 or _options(fit.outer) != [fit.outer.schema]:
        for option in options:
            yield from _fits_any(fit, option)
        return
    words = _words(fit.inner.schema)
    if words is not None:
        yield from _few(fit, words)
        return
    yield from _types(fit)
    if _words(fit.outer.schema) is not None:
        yield fit.says("only some values are taken now", "may be any value now, not one of a list")
    yield from _bounds(fit)
    yield from _objects(fit)
    yield from _arrays(fit)
    yield from _unknown(fit)


def resolved(side: Side) -> Side:
    """References followed, `allOf` merged; what stands beside a reference stays."""
    schema = dict(side.schema)
    while "$ref" in schema or "allOf" in schema:
        parts = list(schema.pop("allOf", []))
        if "$ref" in schema:
            parts.append(_pointed_at(side.document, str(schema.pop("$ref"))))
        for part in parts:
            schema = _merged(schema, part)
    return side.at(schema)


def _pointed_at(document: JsonObject, reference: str) -> JsonObject:
    found: Any = document
    for step in reference.removeprefix("#/").split("/"):
        found = found[step.replace("~1", "/").replace("~0", "~")]
    pointed: JsonObject = found
    return pointed


def _merged(one: JsonObject, other: JsonObject) -> dict[str, Any]:
    """Both at once."""
    made = {**other, **one}
    properties = {**other.get("properties", {}), **one.get("properties", {})}
    required = [*other.get("required", []), *one.get("required", [])]
    if properties:
        made["properties"] = properties
    if required:
        made["required"] = sorted(set(required))
    return made


def _options(side: Side) -> list[JsonObject]:
    """The alternatives of a schema, each with what holds of all of them."""
    rest = {name: each for name, each in side.schema.items() if name not in {"anyOf", "oneOf"}}
    found = [*side.schema.get("anyOf", []), *side.schema.get("oneOf", [])]
    if rest.keys() <= _ANNOTATIONS:  # references stay: a schema may contain itself
        return found or [side.schema]
    return [_merged(resolved(side.at(each)).schema, rest) for each in found] or [side.schema]


def _fits_any(fit: _Fit, option: JsonObject) -> Iterator[str]:
    """One alternative must fit into one of the other side's; told is what is nearest."""
    kinds, tried = types_of(resolved(fit.inner.at(option)).schema), list[tuple[bool, list[str]]]()
    for other in _options(fit.outer):
        alien = not kinds & types_of(resolved(fit.outer.at(other)).schema)
        tried.append((alien, list(_fits(fit.into(option, other, "")))))
    yield from min(tried, key=lambda each: (bool(each[1]), each[0], len(each[1])))[1]


def types_of(schema: JsonObject) -> frozenset[str]:
    """What a value may be."""
    told = schema.get("type")
    if told is None:
        known = schema.get("enum", [schema["const"]] if "const" in schema else None)
        return _ALL_TYPES if known is None else frozenset(map(_type_of, known))
    found = frozenset([told] if isinstance(told, str) else told)
    return found | {"integer"} if "number" in found else found


def _type_of(value: object) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    return "null" if value is None else names.get(type(value), "object")


def _types(fit: _Fit) -> Iterator[str]:
    given = types_of(fit.inner.schema)
    extra = given - types_of(fit.outer.schema)
    if extra:
        named = "anything" if given == _ALL_TYPES else " or ".join(sorted(extra))
        yield fit.says(f"{named} is no longer taken", f"may be {named} now")


def _few(fit: _Fit, words: list[Any]) -> Iterator[str]:
    """Each value of a list must be one that the other side takes."""
    parts = {each: fit.outer.document.get(each, {}) for each in ("components", "$defs")}
    whole = {**parts, **fit.outer.schema}
    takes = Draft202012Validator(whole, format_checker=FormatChecker()).is_valid
    extra = ", ".join(repr(each) for each in words if not takes(each))
    if extra:
        yield fit.says(f"{extra} is no longer taken", f"may be {extra} now")


def _words(schema: JsonObject) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _bounds(fit: _Fit) -> Iterator[str]:
    inner, outer = fit.inner.schema, fit.outer.schema
    for name, sign in [*((each, 1) for each in _AT_LEAST), *((each, -1) for each in _AT_MOST)]:
        if name not in outer or not types_of(inner) & _BOUNDED[name]:
            continue
        if name not in inner or sign * inner[name] < sign * outer[name]:
            before, now = _before_and_now(fit, name)
            yield f"{fit.place}: {name} was {before}, and is {now}"


def _before_and_now(fit: _Fit, name: str) -> tuple[Any, Any]:
    old, new = (fit.inner, fit.outer) if fit.direction == READ else (fit.outer, fit.inner)
    return old.schema.get(name, "nothing"), new.schema.get(name, "nothing")


def _objects(fit: _Fit) -> Iterator[str]:
    inner, outer = fit.inner.schema, fit.outer.schema
    if "object" not in types_of(inner):
        return
    mine, theirs = inner.get("properties", {}), outer.get("properties", {})
    old, new = (mine, theirs) if fit.direction == READ else (theirs, mine)
    gone = [name for name in old if name not in new]
    for name in gone:
        yield f"{fit.place}.{name}: is gone"
    for name in outer.get("required", []):
        if name not in inner.get("required", []) and name not in gone:
            yield f"{fit.place}.{name}: {'is required now' if fit.direction == READ else 'may be missing now'}"
    for name in mine:
        if name in theirs:
            yield from _fits(fit.into(mine[name], theirs[name], f".{name}"))
    yield from _others(fit)


def _others(fit: _Fit) -> Iterator[str]:
    """Fields that have no name in the schema, and names."""
    inner = fit.inner.schema.get("additionalProperties", True)
    outer = fit.outer.schema.get("additionalProperties", True)
    if outer is False and inner is not False:
        yield fit.says("other fields are no longer let pass", "may have other fields now")
    elif outer is False:
        named = fit.outer.schema.get("properties", {})
        more = (name for name in fit.inner.schema.get("properties", {}) if name not in named)
        for name in more if fit.direction == WRITTEN else ():
            yield f"{fit.place}.{name}: is new, and readers let no other field pass"
    elif isinstance(outer, Mapping) and inner is not False:
        yield from _fits(fit.into({} if inner is True else inner, outer, ".*"))
    names = fit.outer.schema.get("propertyNames")
    if names is not None:
        own = {"type": "string", **fit.inner.schema.get("propertyNames", {})}
        yield from _fits(fit.into(own, {"type": "string", **names}, ".(names)"))


def _arrays(fit: _Fit) -> Iterator[str]:
    outer = fit.outer.schema.get("items")
    if isinstance(outer, Mapping) and "array" in types_of(fit.inner.schema):
        yield from _fits(fit.into(fit.inner.schema.get("items", {}), outer, "[]"))


def _unknown(fit: _Fit) -> Iterator[str]:
    """Patterns, formats, and whatever is not known here."""
    for name, asked in fit.outer.schema.items():
        same = fit.inner.schema.get(name) == asked
        if name in _ANNOTATIONS | _HANDLED or same:
            continue
        before, now = _before_and_now(fit, name)
        yield f"{fit.place}: {name} was {before}, and is {now}"
