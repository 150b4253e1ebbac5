"""`segmenter keys …`: who may ask the API."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from streams.cli_exits import Exit, err, fail
from streams.cli_given import AsJson, out, print_json, settings_given

if TYPE_CHECKING:
    from streams.api.keys import Key

T = TypeVar("T")

keys_app = typer.Typer(no_args_is_help=True, help="API keys: make, list, take back.")
Name = Annotated[str, typer.Argument(help="Whose key it is.", metavar="NAME")]
Scopes = Annotated[str, typer.Option(help="What it allows: read, write, erase; comma-separated.")]


@keys_app.command("create")
def keys_create(
    name: Name,
    scopes: Scopes = "read",
    to: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write it there, once, rather than to the screen."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key. It is printed once; the file keeps a hash."""
    from streams.api.keys import create, create_once

    path = _file()
    wanted = list(dict.fromkeys(each.strip() for each in scopes.split(",") if each.strip()))
    if to is not None:
        made = _done(lambda: create_once(path, name, wanted, to))
        said = f"the key is in {to}" if made else f"there is a key {name} already: nothing was made"
        err.print(f"{said}; its hash is in {path}", markup=False, soft_wrap=True)
        return
    key = _done(lambda: create(path, name, wanted))
    err.print(f"kept as a hash in {path}; the key itself is only here:", markup=False)
    if as_json:
        print_json({"name": name, "scopes": wanted, "key": key})
    else:
        out.print(key, highlight=False, markup=False)


@keys_app.command("list")
def keys_list(as_json: AsJson = False) -> None:
    """All keys, without themselves."""
    from streams.api.keys import listed

    path = _file()
    keys = _done(lambda: listed(path))
    if as_json:
        print_json([_as_json(each) for each in keys])
    elif keys:
        for each in keys:
            told = _as_json(each)
            line = f"{told['name']}: {', '.join(told['scopes'])}; since {told['created']}"
            out.print(line, highlight=False, markup=False)
    else:
        err.print(f"no keys in {path} yet; make one: segmenter keys create NAME", markup=False)


@keys_app.command("revoke")
def keys_revoke(name: Name, as_json: AsJson = False) -> None:
    """Take a key back; running APIs refuse it within a second."""
    from streams.api.keys import revoke

    path = _file()
    _done(lambda: revoke(path, name))
    if as_json:
        print_json({"revoked": name})
    else:
        out.print(f"revoked: {name}", highlight=False, markup=False)


def _file() -> Path:
    path = settings_given().api_keys_file
    if not path:
        fail("no file to keep keys in: set SEGMENTER_API_KEYS_FILE to its path", Exit.USAGE)
    return Path(path)


def _done(work: Callable[[], T]) -> T:
    from streams.api.keys import KeysError, UnknownKey

    try:
        return work()
    except UnknownKey as error:
        fail(str(error), Exit.NOT_FOUND)
    except KeysError as error:
        fail(str(error), Exit.USAGE)


def _as_json(key: Key) -> dict[str, str | list[str]]:
    return key.model_dump(mode="json", exclude={"sha256"})
