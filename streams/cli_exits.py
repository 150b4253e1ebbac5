"""How a command ends: one line on stderr, and an exit code that a script can act on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import NoReturn

import typer
from rich.console import Console

err = Console(stderr=True, soft_wrap=True, emoji=False)
_NOBODY_ACTS = (("streams.persons", "NotYet"), ("streams.policies", "NotInForceYet"))
_MISCONFIGURED = (("streams.settings", "SettingsError"),)
_NOT_THERE = (("streams.policies", "NoSuchPolicy"), ("streams.checking", "NoSuchRule"))


class Exit(IntEnum):
    """How a command ended."""

    FAILURE = 1
    USAGE = 2
    NOT_FOUND = 3
    DEPENDENCY_DOWN = 4
    DIFFERENT = 5


@contextmanager
def errors() -> Iterator[None]:
    """Turn what can go wrong into one line and an exit code."""
    from streams.log import KafkaUnavailable, TopicMissing
    from streams.refusal import Refused
    from streams.store import StoreUnavailable

    try:
        yield
    except (KafkaUnavailable, StoreUnavailable) as error:
        fail(str(error), Exit.DEPENDENCY_DOWN)
    except TopicMissing as error:
        fail(str(error), Exit.NOT_FOUND)
    except Exception as error:
        if isinstance(error, _of(*_NOBODY_ACTS)):
            fail(str(error), Exit.DEPENDENCY_DOWN)
        if isinstance(error, _of(*_NOT_THERE)):
            fail(str(error), Exit.NOT_FOUND)
        if isinstance(error, _of(*_MISCONFIGURED)):
            fail(str(error), Exit.USAGE)
        if isinstance(error, (Refused, *_expected())):
            fail(str(error), Exit.FAILURE)
        raise


def _expected() -> tuple[type[Exception], ...]:
    """Errors of modules that only some commands import; those not imported can't be raised."""
    names = (
        ("streams.demo", "DemoFailed"),
        ("streams.local", "LocalServerError"),
        ("streams.sources", "SourceError"),
        ("streams.lookup", "NothingYet"),
        ("streams.persons", "OnePerson"),
        ("streams.policies", "PassedOver"),
        ("streams.lists", "BadList"),
        ("streams.trial_apart", "ProcessEnded"),
        ("streams.api.keys", "KeysError"),
        ("streams.watchdog", "Stuck"),
        ("models.codec", "CorruptState"),
        ("models.codec", "NewerSchema"),
        ("models.population", "CorruptPopulation"),
        ("models.experience_codec", "CorruptExperience"),
        ("models.barrier", "CorruptBarrier"),
        ("models.policy", "PolicyError"),
    )
    return _of(*names)


def _of(*names: tuple[str, str]) -> tuple[type[Exception], ...]:
    return tuple(getattr(sys.modules[m], name) for m, name in names if m in sys.modules)


def fail(message: str, code: Exit) -> NoReturn:
    """Say why in one line, and end."""
    err.print(f"segmenter: {message}", style="red", markup=False, highlight=False)
    raise typer.Exit(code)
