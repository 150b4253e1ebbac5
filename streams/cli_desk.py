"""What every command about alerts needs: the shelf, the policy in force, the endpoints of the file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from rich.console import Console, RenderableType

from streams.cli_exits import Exit, err, fail
from streams.cli_given import out, policy_given, run, settings_given
from streams.settings import SettingsError

if TYPE_CHECKING:
    from models.policy import Policy
    from streams.endpoints import Endpoint
    from streams.shelf import Shelf

T = TypeVar("T")
WIDEST = 240  # of a table in full; what reads it may scroll


class Desk(NamedTuple):
    """What a command looks at.

    Attributes:
        shelf: that a delivery process writes on.
        policy: in force.
    """

    shelf: Shelf
    policy: Policy


def at_the_desk(ask: Callable[[Desk], Awaitable[T]]) -> T:
    """Ask; what can go wrong ends the command."""
    from models.alert_ledger import CorruptWeek
    from models.alert_record import CorruptRecord

    async def asked() -> T:
        async with _desk() as desk:
            return await ask(desk)

    try:
        return run(asked)
    except (CorruptRecord, CorruptWeek) as error:
        fail(str(error), Exit.FAILURE)


@asynccontextmanager
async def _desk() -> AsyncIterator[Desk]:
    from streams.policies import newest_in_force
    from streams.redis_shelf import RedisShelf
    from streams.redis_store import RedisStore, connect
    from streams.serving import serving

    settings, given = settings_given(), policy_given()
    client = connect(settings.redis_url.get_secret_value())
    try:
        store = RedisStore(client, settings.store or await serving(client, settings.namespace))
        policy = (await newest_in_force(store, given)).policy
        yield Desk(RedisShelf(client, settings.namespace), policy)
    finally:
        await client.aclose()


def configured() -> Mapping[str, Endpoint]:
    """The endpoints of the file, by name; a fault ends the command."""
    from streams.endpoints import load_endpoints

    try:
        return load_endpoints(settings_given().endpoints_file)
    except SettingsError as error:
        fail(str(error), Exit.USAGE)


def print_wide(shown: RenderableType) -> None:
    """A table in full, whatever the terminal's width."""
    Console(soft_wrap=True, emoji=False, width=max(out.width, WIDEST)).print(shown, highlight=False)


def note(text: str) -> None:
    """Something beside the data, on stderr."""
    err.print(text, markup=False, highlight=False)
