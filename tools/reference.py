"""The reference as Markdown, from the code: commands, settings, keys of the policy.

Enters: the typer application, the pydantic models. Leaves: text for the documentation site.
Forbidden here: words that the code does not say itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

import typer.main
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from models.policy import Policy
from streams.cli import app
from streams.settings import Settings

BOUNDS = {"ge": "≥ {}", "gt": "> {}", "le": "≤ {}", "lt": "< {}"}
PLAIN = {bool: "true or false", int: "whole number", float: "number", str: "text"}


def cli_reference() -> str:
    """Every command with its help, arguments and options."""
    root: Any = typer.main.get_command(app)
    always = _table("option", "", _rows(root.params))
    return "\n".join([always, *_commands(root, "segmenter", 2)])


def _commands(group: Any, path: str, level: int) -> Iterator[str]:
    for name, command in group.commands.items():
        if command.hidden:
            continue
        full = f"{path} {name}"
        yield f"\n{'#' * level} {full}\n\n{_said(command.help)}\n"
        if hasattr(command, "commands"):
            yield from _commands(command, full, level + 1)
        elif command.params:
            yield _table("argument or option", "", _rows(command.params))


def _rows(params: list[Any]) -> Iterator[tuple[str, str]]:
    for each in params:
        if each.hidden:
            continue
        if each.param_type_name == "argument":
            called = f"`{each.metavar or each.name.upper()}`" + (
                "" if each.required else ", optional"
            )
        else:
            called = ", ".join(f"`{one}`" for one in [*each.opts, *each.secondary_opts])
        yield called, _said(each.help) + _default(each)


def _default(option: Any) -> str:
    if option.param_type_name == "argument" or callable(option.default):
        return ""
    if option.default in (None, False, "", [], ()):
        return ""
    return f" Default: `{option.default}`."


def settings_reference() -> str:
    """Every key of `[connection]`, and its name in the environment."""
    rows = (
        (f"`{name}`, `SEGMENTER_{name.upper()}`", _told(each))
        for name, each in Settings.model_fields.items()
    )
    return _table("key, variable", "", rows)


def policy_reference() -> str:
    """Every key of the policy, section by section."""
    pieces = []
    for name, each in Policy.model_fields.items():
        rows = [*_keys(name, each)]
        pieces.append(f"\n## {name}\n\n{_table('key', '', rows)}")
    return "\n".join(pieces)


def _keys(path: str, field: FieldInfo) -> Iterator[tuple[str, str]]:
    model, below = _model_in(field.annotation)
    if model is None:
        yield f"`{path}`", _told(field)
        return
    if field.description:
        yield f"`{path}`", _said(field.description)
    for name, each in model.model_fields.items():
        yield from _keys(f"{path}{below}.{each.alias or name}", each)


def _model_in(annotation: Any) -> tuple[type[BaseModel] | None, str]:
    """The model that a field holds, and how one of several is called."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, ""
    origin, inner = get_origin(annotation), get_args(annotation)
    for each in inner:
        model, below = _model_in(each)
        if model is not None:
            sign = ".NAME" if origin is dict else "[]" if origin in (tuple, list) else ""
            return model, sign + below
    return None, ""


def _told(field: FieldInfo) -> str:
    parts = [_said(field.description), _kind(field.annotation)]
    for one in field.metadata:
        parts += [
            sign.format(getattr(one, name)) for name, sign in BOUNDS.items() if hasattr(one, name)
        ]
    said = "; ".join(each.rstrip(".") for each in parts if each)
    return f"{said}. {_usual(field)}" if said else _usual(field)


def _usual(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return ""
    if field.default is PydanticUndefined:
        return "Needed, unless the preset has it."
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return f"Default: `{json.dumps(value, ensure_ascii=False, default=str)}`."


def _kind(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{each}`" for each in inner)
    if isinstance(annotation, type) and annotation in PLAIN:
        return PLAIN[annotation]
    if hasattr(annotation, "__metadata__"):
        return _kind(inner[0])
    if origin in (Union, type(int | None)):
        return " or ".join(filter(None, (_kind(each) for each in inner if each is not type(None))))
    if origin in (tuple, list):
        return f"list of {_kind(inner[0]) or 'values'}"
    return ""


def _said(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|").replace("<", "&lt;")


def _table(left: str, right: str, rows: Any) -> str:
    lines = [f"| {left} | {right} |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| {one} | {other} |" for one, other in rows)])
