"""What every command of `segmenter` needs: the options before it, settings, policy, the store.

The entry points of the command line parse and hand over; what they share stands here.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console

from models.policy import Policy, PolicyError
from streams.cli_exits import Exit, err, errors, fail
from streams.settings import Settings, SettingsError, load_policy, load_settings

if TYPE_CHECKING:
    from streams.lookup import Lookup
    from streams.store import Store

T = TypeVar("T")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
out = Console(soft_wrap=True, emoji=False)


class Given:
    """The options before the command."""

    config: Path | None = None
    log_level: str = "INFO"
    settings: Mapping[str, str | int | None] = MappingProxyType({})


def settings_given() -> Settings:
    """Where the parts are; a fault ends the command."""
    try:
        return load_settings(Given.config, dict(os.environ), **Given.settings)
    except (SettingsError, PolicyError) as error:
        fail(str(error), Exit.USAGE)


def policy_given() -> Policy:
    """The rules of the file, in force until some are published; a fault ends the command."""
    return policy_of_file(Given.config)


def policy_of_file(path: Path | None) -> Policy:
    """Those of another file; a fault ends the command."""
    try:
        return load_policy(path)
    except (SettingsError, PolicyError) as error:
        fail(str(error), Exit.USAGE)


@asynccontextmanager
async def store_given() -> AsyncIterator[Store]:
    """The store that serves this installation now, for as long as the block lasts."""
    from streams.redis_store import RedisStore, connect
    from streams.serving import serving

    settings = settings_given()
    client = connect(settings.redis_url.get_secret_value())
    try:
        yield RedisStore(client, settings.store or await serving(client, settings.namespace))
    finally:
        await client.aclose()


async def with_store(ask: Callable[[Store, Policy], Awaitable[T]]) -> T:
    """Ask that store, told the newest policy in force."""
    from streams.policies import newest_in_force

    given = policy_given()
    async with store_given() as store:
        return await ask(store, (await newest_in_force(store, given)).policy)


async def with_lookup(ask: Callable[[Lookup, Policy], Awaitable[T]]) -> T:
    """The same, with a lookup on it."""
    from streams.lookup import Lookup

    return await with_store(lambda store, policy: ask(Lookup(store, policy), policy))


def run(work: Callable[[], Awaitable[T]]) -> T:
    """Do it, and turn what can go wrong into one line and an exit code."""

    async def awaited() -> T:
        return await work()

    with errors():
        return asyncio.run(awaited())


def print_json(value: Any) -> None:
    """Data, on stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


@contextmanager
def bar(title: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr, if that is a terminal; yields whom to tell how far it is."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(None), MofNCompleteColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as shown:
        task = shown.add_task(title, total=total)
        yield lambda done: shown.update(task, completed=done)
